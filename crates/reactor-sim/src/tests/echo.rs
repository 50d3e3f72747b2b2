//! Echo over the simulated network, many seeds: every byte comes back in order, or a fault says why not.

use super::*;
use testkit::{Replay, sweep};

/// Sends back whatever comes; closes after the peer did.
#[derive(Default)]
struct EchoServer {
    open: usize,
    done: bool,
}

impl EchoServer {
    fn end(&mut self, conn: ConnId, io: &mut SimReactor) {
        io.close(conn, Close::Discard);
        self.open -= 1;
    }
}

impl App<SimReactor> for EchoServer {
    fn start(&mut self, io: &mut SimReactor) -> Result<(), Fault> {
        io.listen(&ListenPlan::new(server_address())).map(drop)
    }

    fn handle_completion(&mut self, completion: Completion, io: &mut SimReactor) {
        match completion {
            Completion::Accepted { conn, .. } => {
                self.open += 1;
                io.recv(conn, None);
            }
            Completion::Received { conn, result: Ok(Received::Data(buf)) } => {
                io.send(conn, Outgoing::bytes(buf));
            }
            Completion::Sent { conn, result: Ok(()) } => io.recv(conn, None),
            Completion::Received { conn, .. } | Completion::Sent { conn, .. } => self.end(conn, io),
            Completion::Woken => self.done = true,
            _ => {}
        }
    }

    fn handle_time(&mut self, _: &mut SimReactor) {}

    fn poll_deadline(&self) -> Option<Duration> {
        None
    }

    fn is_done(&self) -> bool {
        self.done && self.open == 0
    }
}

/// What the client expects back on one connection.
struct Call {
    to_send: Vec<u8>,
    sent: usize,
    expected: Vec<u8>,
    received: usize,
}

/// Opens connections one after another, sends random bytes on each and compares what comes back.
struct EchoClient {
    rng: Rng,
    left: usize,
    calls: reactor::conn::ConnMap<Call>,
    retry_at: Option<Duration>,
    echoed: usize,
    faults: Vec<FaultKind>,
    wrong: Vec<String>,
}

impl EchoClient {
    fn new(rng: Rng, calls: usize) -> Self {
        Self {
            rng,
            left: calls,
            calls: Default::default(),
            retry_at: Some(Duration::ZERO),
            echoed: 0,
            faults: Vec::new(),
            wrong: Vec::new(),
        }
    }

    fn open_one(&mut self, io: &mut SimReactor) {
        let len = self.rng.range(1, 60_000) as usize;
        let bytes = self.rng.bytes(len);
        match io.connect(&ConnectPlan::to(server_address()), Outgoing::default()) {
            Ok(conn) => {
                let call = Call { expected: bytes.clone(), to_send: bytes, sent: 0, received: 0 };
                self.calls.insert(conn, call);
            }
            Err(fault) => self.faults.push(fault.kind),
        }
        self.left -= 1;
    }

    fn send_more(&mut self, conn: ConnId, io: &mut SimReactor) {
        let Some(call) = self.calls.get_mut(conn) else {
            return;
        };
        if call.sent == call.to_send.len() {
            return io.shutdown_write(conn);
        }
        let Some(mut buf) = io.take_buf() else {
            return self.fail(conn, FaultKind::Memory, io);
        };
        let rest = &call.to_send[call.sent..];
        let len = rest.len().min(1 + self.rng.index(buf.spare_len()));
        buf.append(&rest[..len]).expect("it fits");
        call.sent += len;
        let after = if self.rng.chance(0.3) { After::More } else { After::Keep };
        io.send(conn, Outgoing { head: Some(buf), body: None, after });
    }

    fn take(&mut self, conn: ConnId, bytes: &[u8], io: &mut SimReactor) {
        let Some(call) = self.calls.get_mut(conn) else {
            return self.wrong.push(format!("bytes for {conn:?}, which is closed"));
        };
        let upto = call.received + bytes.len();
        if call.expected.get(call.received..upto) != Some(bytes) {
            self.wrong.push(format!("other bytes than were sent, before {upto} on {conn:?}"));
        }
        call.received = upto;
        io.recv(conn, None);
    }

    fn end(&mut self, conn: ConnId, io: &mut SimReactor) {
        match self.calls.remove(conn) {
            Some(call) if call.received == call.expected.len() => self.echoed += 1,
            _ => self.wrong.push(format!("{conn:?} ended before everything came back")),
        }
        io.close(conn, Close::Fin);
    }

    fn fail(&mut self, conn: ConnId, kind: FaultKind, io: &mut SimReactor) {
        self.faults.push(kind);
        self.calls.remove(conn);
        io.close(conn, Close::Discard);
    }
}

impl App<SimReactor> for EchoClient {
    fn start(&mut self, _: &mut SimReactor) -> Result<(), Fault> {
        Ok(())
    }

    fn handle_completion(&mut self, completion: Completion, io: &mut SimReactor) {
        match completion {
            Completion::Connected { conn, result: Ok(()) } => {
                io.recv(conn, None);
                self.send_more(conn, io);
            }
            Completion::Connected { conn, result: Err(fault) } => {
                self.faults.push(fault.kind);
                self.calls.remove(conn);
            }
            Completion::Sent { conn, result: Ok(()) } => self.send_more(conn, io),
            Completion::Received { conn, result: Ok(Received::Data(buf)) } => {
                self.take(conn, &buf, io);
            }
            Completion::Received { conn, result: Ok(Received::Eof(_)) } => self.end(conn, io),
            Completion::Sent { conn, result: Err(fault) } | Completion::Received { conn, result: Err(fault) } => {
                self.fail(conn, fault.kind, io)
            }
            other => self.wrong.push(format!("unexpected {other:?}")),
        }
    }

    fn handle_time(&mut self, io: &mut SimReactor) {
        if self.left > 0 && self.retry_at.is_some_and(|at| at <= io.now()) {
            self.open_one(io);
            self.retry_at = Some(io.now() + Duration::from_millis(self.rng.range(0, 50)));
        }
    }

    fn poll_deadline(&self) -> Option<Duration> {
        self.retry_at.filter(|_| self.left > 0)
    }

    fn is_done(&self) -> bool {
        self.left == 0 && self.calls.is_empty()
    }
}

const CALLS: usize = 8;

/// One whole run; gives the hash of all that happened.
fn run_echo(seed: u64, rough: bool) -> Result<u64, String> {
    let mut rng = Rng::new(seed);
    let weather = if rough { Weather::rough(&mut rng) } else { Weather::fair(&mut rng) };
    let net = SimNet::new(rng.fork(), weather);
    let buffers = HostConfig { buffers_max: 3, ..HostConfig::default() };
    let mut hosts = [net.host(&[CLIENT], HostConfig::default()), net.host(&[SERVER], buffers)];
    let (mut client, mut server) = (EchoClient::new(rng.fork(), CALLS), EchoServer::default());
    let play = |client: &mut EchoClient, server: &mut EchoServer, io: &mut [SimReactor; 2], goal| {
        let [client_io, server_io] = io;
        let mut players = [
            Player { name: "client", app: client, io: client_io },
            Player { name: "server", app: server, io: server_io },
        ];
        run_until(&net, &mut players, Limits::default(), goal)
    };
    play(&mut client, &mut server, &mut hosts, Goal::Done(0))?;
    // The server sees the last connections come and go before it is told to stop.
    let later = net.now() + Duration::from_secs(5);
    play(&mut client, &mut server, &mut hosts, Goal::Time(later))?;
    hosts[1].wake();
    play(&mut client, &mut server, &mut hosts, Goal::AllDone)?;
    net.settle();
    net.check_clean()?;
    check_client(&client, net.injected())?;
    Ok(net.log_hash())
}

fn check_client(client: &EchoClient, injected: Injected) -> Result<(), String> {
    let EchoClient { echoed, faults, wrong, .. } = client;
    if !wrong.is_empty() {
        return Err(wrong.join("\n"));
    }
    if echoed + faults.len() != CALLS {
        return Err(format!("{echoed} echoed and {faults:?}, of {CALLS} calls"));
    }
    if faults.len() as u64 > injected.harmful() {
        return Err(format!("{faults:?} are not explained by {injected:?}"));
    }
    Ok(())
}

fn replay(test: &'static str) -> Replay {
    Replay { package: "reactor-sim", target: "--lib", test }
}

#[test]
fn every_byte_is_echoed_in_fair_weather() {
    sweep(replay("every_byte_is_echoed_in_fair_weather"), 200, |seed| run_echo(seed, false).map(drop));
}

#[test]
fn every_byte_is_echoed_or_a_fault_says_why_in_rough_weather() {
    let name = "every_byte_is_echoed_or_a_fault_says_why_in_rough_weather";
    sweep(replay(name), 300, |seed| run_echo(seed, true).map(drop));
}

#[test]
fn the_same_seed_gives_the_same_run() {
    let mut hashes = std::collections::BTreeSet::new();
    for seed in 0..20 {
        let first = run_echo(seed, true).expect("the sweep covers this seed");
        assert_eq!(Ok(first), run_echo(seed, true), "seed {seed}");
        hashes.insert(first);
    }
    assert_eq!(hashes.len(), 20, "other seeds give other runs");
}
