//! Two applications that only listen, moved by hand: the cases that a run of the whole house meets seldom or never.

mod ends;
mod handshakes;
mod peer;
mod spoilt;

use crate::pki::{self, Authority};
use crate::tape::{TapeView, Taped};
use ports::Fault;
use reactor::{
    After, App, Close, CloseOutcome, Completion, ConnId, ConnectPlan, ListenPlan, Outgoing, Probe, Questions, Reactor,
    Received,
};
use reactor_sim::{Goal, HostConfig, Limits, Player, SimNet, SimReactor, Weather, run_until};
use secure::{ClientRules, Profile, Profiles, Secure, ServerRules, Settings, Version, View};
use seed::Rng;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

/// What the ear acts on: a view of the layer over a view of the tape.
type Above<'a, 'b> = View<'a, TapeView<'b, SimReactor>>;

const CLIENT: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));
const SERVER: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 2));
/// Longer than anything takes that is not a time-out.
const SOON: Duration = Duration::from_millis(100);

pub(crate) fn door() -> SocketAddr {
    SocketAddr::new(SERVER, 443)
}

/// Nothing goes wrong, every segment takes a millisecond.
fn calm() -> Weather {
    let mut weather = Weather::fair(&mut Rng::new(0));
    weather.latency_us = (1000, 1001);
    weather.segment_bytes_max = 65_536;
    (weather.send_buffer_bytes, weather.receive_buffer_bytes) = (16 << 10, 16 << 10);
    (weather.short_read, weather.reorder) = (0.0, 0.0);
    weather
}

/// An application that writes down what it is told and does nothing.
#[derive(Debug, Default)]
pub(crate) struct Ear {
    listens: bool,
    pub(crate) conn: Option<ConnId>,
    /// In few words.
    pub(crate) heard: Vec<String>,
    pub(crate) received: Vec<u8>,
    /// Who came in and was asked about, and of those who left before they were accepted: not written down.
    pub(crate) arrived: usize,
    pub(crate) departed: usize,
    /// Whoever arrives is closed so.
    pub(crate) keeps_out: Option<Close>,
    pub(crate) over: bool,
}

impl<R: Reactor> App<R> for Ear {
    fn start(&mut self, io: &mut R) -> Result<(), Fault> {
        if self.listens { io.listen(&ListenPlan::new(door())).map(drop) } else { Ok(()) }
    }

    fn handle_completion(&mut self, completion: Completion, io: &mut R) {
        match completion {
            Completion::Accepted { conn, .. } => self.conn = Some(conn),
            Completion::Arrived { conn, .. } => {
                self.arrived += 1;
                if let Some(how) = self.keeps_out {
                    io.close(conn, how);
                }
                return;
            }
            Completion::Departed { .. } => return self.departed += 1,
            _ => {}
        }
        if let Completion::Received { result: Ok(Received::Data(buf)), .. } = &completion {
            self.received.extend_from_slice(buf);
        }
        self.heard.push(in_few_words(&completion));
    }

    fn handle_time(&mut self, _io: &mut R) {}

    fn poll_deadline(&self) -> Option<Duration> {
        None
    }

    fn is_done(&self) -> bool {
        self.over
    }
}

fn in_few_words(completion: &Completion) -> String {
    let fault = |fault: &Fault| match *fault {
        fault if fault == secure::truncated() => "cut off".to_owned(),
        fault if fault == secure::damaged() => "spoilt".to_owned(),
        fault => fault.to_string(),
    };
    match completion {
        Completion::Accepted { .. } => "accepted".to_owned(),
        Completion::Connected { result: Ok(()), .. } => "connected".to_owned(),
        Completion::Connected { result: Err(why), .. } => format!("not connected: {}", fault(why)),
        Completion::Received { result: Ok(Received::Data(buf)), .. } => {
            if buf.len() < 20 {
                String::from_utf8_lossy(buf).into_owned()
            } else {
                format!("{} bytes", buf.len())
            }
        }
        Completion::Received { result: Ok(Received::Eof(_)), .. } => "end".to_owned(),
        Completion::Received { result: Err(why), .. } => fault(why),
        Completion::Sent { result: Ok(()), .. } => "sent".to_owned(),
        Completion::Sent { result: Err(why), .. } => format!("not sent: {}", fault(why)),
        Completion::Closed { outcome: CloseOutcome::Closed(_), .. } => "closed".to_owned(),
        Completion::Closed { outcome: CloseOutcome::Unread, .. } => "unread".to_owned(),
        other => format!("{other:?}"),
    }
}

/// One end: an ear on a layer, a tape below that, and its host.
pub(crate) struct Side {
    pub(crate) app: Taped<Secure<Ear>>,
    pub(crate) io: SimReactor,
}

/// Both ends.
pub(crate) struct Bench {
    net: SimNet,
    pub(crate) client: Side,
    pub(crate) server: Side,
}

impl Side {
    fn new(net: &SimNet, ip: IpAddr, profile: Option<Profile>, buffers_max: usize) -> Self {
        let listens = ip == SERVER;
        let mut settings = Settings { profiles: Profiles::default(), ..Settings::default() };
        let id = profile.map(|profile| settings.profiles.add(profile));
        (settings.accepted, settings.connected) = if listens { (id, None) } else { (None, id) };
        let app = Taped::new(Secure::new(Ear { listens, ..Ear::default() }, settings));
        Self { app, io: net.host(&[ip], HostConfig { buffers_max, ..HostConfig::default() }) }
    }

    /// What was counted since the last time.
    pub(crate) fn handshakes(&mut self) -> ports::Handshakes {
        let listener = self.app.app.app.listens.then_some(reactor::ListenerId(0));
        self.app.app.take_handshakes(listener)
    }

    pub(crate) fn act_as<T>(&mut self, act: impl FnOnce(&mut Ear, &mut Above<'_, '_>) -> T) -> T {
        self.app.act(&mut self.io, |secure, io| secure.act(io, act))
    }

    pub(crate) fn act<T>(&mut self, act: impl FnOnce(ConnId, &mut Above<'_, '_>) -> T) -> T {
        self.act_as(|ear, io| act(ear.conn.expect("a connection"), io))
    }

    pub(crate) fn send(&mut self, len: usize, after: After) {
        self.send_bytes(&vec![b'x'; len], after);
    }

    pub(crate) fn send_bytes(&mut self, bytes: &[u8], after: After) {
        self.act(|conn, io| {
            let mut buf = io.take_buf().expect("a buffer is free");
            buf.append(bytes).expect("it fits");
            io.send(conn, Outgoing { head: Some(buf), body: None, after });
        });
    }

    pub(crate) fn ear(&mut self) -> &mut Ear {
        &mut self.app.app.app
    }

    /// Lengths of what was sent below on its last connection, and what followed each.
    pub(crate) fn sends_below(&self) -> Vec<(usize, After)> {
        let stream = self.app.tape.streams.last().expect("a connection");
        stream.sends.iter().map(|(bytes, after)| (bytes.len(), *after)).collect()
    }

    pub(crate) fn recv(&mut self) {
        self.act(|conn, io| io.recv(conn, None));
    }

    pub(crate) fn close(&mut self, how: Close) -> CloseOutcome {
        self.act(|conn, io| io.close(conn, how))
    }

    pub(crate) fn probe(&mut self) -> Probe {
        self.act(|conn, io| io.probe(conn))
    }

    pub(crate) fn heard(&mut self) -> String {
        std::mem::take(&mut self.ear().heard).join(", ")
    }

    fn player<'a>(&'a mut self, name: &'a str) -> Player<'a> {
        Player { name, app: &mut self.app, io: &mut self.io }
    }
}

/// What both sides go by where a test does not say otherwise.
pub(crate) fn usual() -> (ClientRules, ServerRules) {
    let authority = Authority::new();
    (authority.client(), authority.server(&["door.example"]))
}

/// The same, with just one version.
pub(crate) fn only(version: Version) -> (ClientRules, ServerRules) {
    let (client, server) = usual();
    (client, ServerRules { versions: vec![version], ..server })
}

impl Bench {
    /// Which end's connections are secured: the client's, the server's.
    pub(crate) fn new(sealed: (bool, bool), buffers_max: usize) -> Self {
        let (client, server) = usual();
        Self::with(sealed.0.then_some(client), sealed.1.then_some(server), buffers_max)
    }

    pub(crate) fn with(client: Option<ClientRules>, server: Option<ServerRules>, buffers_max: usize) -> Self {
        let net = SimNet::new(Rng::new(1), calm());
        let client = client.map(|rules| Profile::Client(pki::client(rules, "door.example")));
        let server = server.map(|rules| Profile::Server(pki::server(rules)));
        let client = Side::new(&net, CLIENT, client, buffers_max);
        let server = Side::new(&net, SERVER, server, 64);
        let mut bench = Self { net, client, server };
        bench.pass(Duration::ZERO);
        bench
    }

    /// Starts connecting.
    pub(crate) fn connect(&mut self, first: Outgoing) {
        self.client.act_as(|ear, io| ear.conn = io.connect(&ConnectPlan::to(door()), first).ok());
    }

    /// An established connection that nothing was said on.
    pub(crate) fn pair() -> Self {
        Self::pair_with(64)
    }

    pub(crate) fn pair_with(client_buffers_max: usize) -> Self {
        let (client, server) = usual();
        Self::pair_by(client, server, client_buffers_max)
    }

    pub(crate) fn pair_by(client: ClientRules, server: ServerRules, client_buffers_max: usize) -> Self {
        let mut bench = Self::with(Some(client), Some(server), client_buffers_max);
        bench.meet();
        bench
    }

    /// One more connection.
    pub(crate) fn meet(&mut self) {
        self.connect(Outgoing::default());
        self.pass(SOON);
        assert_eq!((self.client.heard(), self.server.heard()), ("connected".to_owned(), "accepted".to_owned()));
    }

    /// Lets time pass.
    pub(crate) fn pass(&mut self, time: Duration) {
        let until = Goal::Time(self.net.now() + time);
        let mut players = [self.client.player("client"), self.server.player("server")];
        run_until(&self.net, &mut players, Limits::default(), until).expect("nobody breaks a rule");
    }

    /// Nothing is left behind, once those who are named have closed.
    pub(crate) fn finish(mut self) {
        (self.client.ear().over, self.server.ear().over) = (true, true);
        self.client.io.wake();
        self.server.io.wake();
        let mut players = [self.client.player("client"), self.server.player("server")];
        run_until(&self.net, &mut players, Limits::default(), Goal::AllDone).expect("both end");
        let Self { net, client, server } = self;
        drop((client, server));
        net.settle();
        net.check_clean().expect("nothing is left behind");
    }
}

#[track_caller]
fn check(bench: &mut Bench, client: &str, server: &str) {
    bench.pass(SOON);
    assert_eq!((bench.client.heard().as_str(), bench.server.heard().as_str()), (client, server));
}
