//! The simulated network against its own promises: TCP's rules case by case, then echo programs
//! over hundreds of seeds.

use super::*;
use ports::{ClosedFirst, Fault, FaultKind};
use reactor::buf::Buf;
use reactor::conn::{ConnId, ListenerId};
use reactor::face::*;
use std::net::SocketAddr;

mod closing;
mod echo;
mod listeners;
mod moving;
mod opening;

const CLIENT: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 1));
const SERVER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 2));

fn server_address() -> SocketAddr {
    SocketAddr::new(SERVER, 80)
}

/// Nothing goes wrong and every segment takes one millisecond.
fn calm() -> Weather {
    let mut weather = Weather::fair(&mut Rng::new(0));
    weather.latency_us = (1000, 1001);
    weather.segment_bytes_max = 1460;
    weather.send_buffer_bytes = 16 << 10;
    weather.receive_buffer_bytes = 8 << 10;
    (weather.short_read, weather.reorder) = (0.0, 0.0);
    weather
}

/// A client and a server host, driven by hand.
struct Bench {
    net: SimNet,
    client: SimReactor,
    server: SimReactor,
    door: ListenerId,
}

impl Bench {
    fn new(weather: Weather, client: HostConfig) -> Self {
        let net = SimNet::new(Rng::new(1), weather);
        let client = net.host(&[CLIENT], client);
        let mut server = net.host(&[SERVER], HostConfig::default());
        let door = server.listen(&ListenPlan::new(server_address())).expect("nobody else listens");
        Self { net, client, server, door }
    }

    fn calm() -> Self {
        Self::new(calm(), HostConfig::default())
    }

    fn wait_ms(&self, ms: u64) {
        let at = self.net.now() + Duration::from_millis(ms);
        self.net.0.borrow_mut().advance_to(at);
    }

    fn connect(&mut self, plan: ConnectPlan) -> Result<ConnId, Fault> {
        self.client.connect(&plan, Outgoing::default())
    }

    /// An established connection: the client's and the server's name for it.
    fn pair(&mut self) -> (ConnId, ConnId) {
        let ours = self.connect(ConnectPlan::to(server_address())).expect("a port is free");
        self.wait_ms(10);
        let connected = self.client.poll_completion();
        assert!(matches!(connected, Some(Completion::Connected { result: Ok(()), .. })));
        match self.server.poll_completion() {
            Some(Completion::Accepted { conn, .. }) => (ours, conn),
            other => panic!("expected a connection, got {other:?}"),
        }
    }

    fn send(io: &mut SimReactor, conn: ConnId, bytes: &[u8], after: After) {
        let mut buf = io.take_buf().expect("buffers are free");
        buf.append(bytes).expect("it fits");
        io.send(conn, Outgoing { head: Some(buf), body: None, after });
    }

    fn finish(self, names: &[(bool, ConnId)]) {
        let Self { net, mut client, mut server, .. } = self;
        for (of_client, conn) in names {
            let io = if *of_client { &mut client } else { &mut server };
            io.close(*conn, Close::Discard);
        }
        net.settle();
        while client.poll_completion().is_some() || server.poll_completion().is_some() {}
        net.check_clean().expect("nothing is left behind");
    }
}

fn recv_now(io: &mut SimReactor, conn: ConnId) -> Option<Result<Vec<u8>, Fault>> {
    io.recv(conn, None);
    match io.poll_completion() {
        Some(Completion::Received { result: Ok(Received::Data(buf)), .. }) => Some(Ok(buf.to_vec())),
        Some(Completion::Received { result: Ok(Received::Eof(_)), .. }) => Some(Ok(Vec::new())),
        Some(Completion::Received { result: Err(fault), .. }) => Some(Err(fault)),
        None => None,
        other => panic!("expected a recv to end, got {other:?}"),
    }
}
