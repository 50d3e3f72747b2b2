//! The event loop: arrivals, SYNs, closes.

use super::client_ports::ClientPorts;
use super::gateway::{Ended, Gateway, Public};
use super::output::{Cause, Output, Point, STALLED};
use super::plan::{Closes, Plan};
use super::random::Random;
use super::server::{Reply, Server, Tuple, tuple};
use super::tally::Tally;
use crate::decide::clock::{Clock, Flow, mix};
use crate::decide::reuse::{self, Asker};
use crate::decide::time_wait::{Recent, Substate, TimeWait};
use crate::decide::{TIME_WAIT_LEN, client, isn};
use crate::segment::{Flags, Segment};
use core::cmp::Reverse;
use core::time::Duration;
use std::collections::{BinaryHeap, VecDeque};

/// The server's address and port.
const SERVER: (u32, u16) = (1, 80);
/// Clients were booted at any time of the last month.
const UPTIME_S_MAX: u64 = 30 * 86_400;
/// Bytes that a connection carries each way, as sequence numbers.
const BYTES: u32 = 2000;

/// Runs `plan`. The same plan gives the same output.
pub fn simulate(plan: &Plan) -> Output {
    let mut engine = Engine::new(plan);
    // Connects that are under way at the end are not followed further.
    while let Some((at, due)) = engine.due().filter(|(at, _)| *at <= plan.duration) {
        engine.now = at;
        engine.tally.events += 1;
        engine.handle(due);
    }
    engine.finish()
}

/// A connection that is being opened or is open.
#[derive(Clone, Copy, Debug)]
struct Connection {
    client: u32,
    port: u16,
    syns: u32,
    isn: u32,
    public: Option<Public>,
    begun: Duration,
}

/// What is due next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Due {
    Arrival,
    Syn,
    Close,
    Release,
    Point,
}

struct Engine<'a> {
    plan: &'a Plan,
    now: Duration,
    random: Random,
    ports: ClientPorts,
    gateway: Option<Gateway>,
    server: Server,
    connections: Vec<Connection>,
    unused: Vec<u32>,
    /// SYNs sent again, by time.
    syns: BinaryHeap<Reverse<(Duration, u32)>>,
    /// Closes and port releases: each lasts a constant time, so that their queues are in order.
    closes: VecDeque<(Duration, u32)>,
    releases: VecDeque<(Duration, u32, u16)>,
    next_arrival: Option<Duration>,
    /// How long a client's port is taken by its own TIME_WAIT.
    port_rests: Duration,
    tally: Tally,
}

impl<'a> Engine<'a> {
    fn new(plan: &'a Plan) -> Self {
        let mut random = Random::new(plan.seed);
        let first = gap(plan, &mut random);
        Self {
            plan,
            now: Duration::ZERO,
            random,
            ports: ClientPorts::new(plan.client_kernel, plan.client, plan.clients),
            gateway: plan.nat.map(Gateway::new),
            server: Server::new(plan.kernel, plan.server),
            connections: Vec::new(),
            unused: Vec::new(),
            syns: BinaryHeap::new(),
            closes: VecDeque::new(),
            releases: VecDeque::new(),
            next_arrival: Some(first),
            port_rests: port_rests(plan),
            tally: Tally::new(plan.duration),
        }
    }

    /// What happens next, and when.
    fn due(&self) -> Option<(Duration, Due)> {
        let times = [
            (Some(self.tally.next_point()), Due::Point),
            (self.releases.front().map(|item| item.0), Due::Release),
            (self.closes.front().map(|item| item.0), Due::Close),
            (self.syns.peek().map(|item| item.0.0), Due::Syn),
            (self.next_arrival, Due::Arrival),
        ];
        times.into_iter().filter_map(|(at, due)| at.map(|at| (at, due))).min_by_key(|(at, _)| *at)
    }

    fn handle(&mut self, due: Due) {
        match due {
            Due::Point => self.point(),
            Due::Arrival => self.arrival(),
            Due::Syn => self.syns.pop().into_iter().for_each(|Reverse((_, id))| self.syn(id)),
            Due::Close => self.closes.pop_front().into_iter().for_each(|(_, id)| self.close(id)),
            Due::Release => {
                self.releases.pop_front().into_iter().for_each(|(_, client, port)| self.ports.release(client, port));
            }
        }
    }

    fn arrival(&mut self) {
        self.next_arrival = Some(self.now + gap(self.plan, &mut self.random));
        let client = self.random.below(u64::from(self.plan.clients)) as u32;
        self.tally.connects += 1;
        let Some(port) = self.ports.take(client, secret(self.plan, client), self.now) else {
            self.tally.blame(Cause::ClientNoPort);
            self.tally.syns.failed += 1;
            return;
        };
        let isn = isn::isn(secret(self.plan, client), flow(client, port), self.now);
        let connection = Connection { client, port, syns: 0, isn, public: None, begun: self.now };
        let id = self.keep(connection);
        self.syn(id);
    }

    fn keep(&mut self, connection: Connection) -> u32 {
        match self.unused.pop() {
            Some(id) => {
                self.connections[id as usize] = connection;
                id
            }
            None => {
                self.connections.push(connection);
                self.connections.len() as u32 - 1
            }
        }
    }

    /// The client sends its SYN, for the first time or again.
    fn syn(&mut self, id: u32) {
        let plan = self.plan;
        let connection = self.connections[id as usize];
        if connection.syns >= client::syns_max(plan.client_kernel, &plan.client) {
            self.tally.blame(Cause::TimedOut);
            return self.fail(id);
        }
        self.connections[id as usize].syns += 1;
        self.tally.syns.sent += 1;
        let syn = self.stamped(&connection, Segment::syn(connection.isn));
        match self.tuple(id) {
            None => self.silence(id, Cause::NatNoPort),
            Some(from) => match self.server.handle_syn(from, &syn, self.now) {
                Reply::Accepted { taken_over } => self.accepted(id, taken_over),
                Reply::Silence(cause) => self.silence(id, cause),
                Reply::Challenge { ack, why } => self.challenged(id, from, ack, why),
            },
        }
    }

    /// Whom the server sees; `None` when the gateway has no port.
    fn tuple(&mut self, id: u32) -> Option<Tuple> {
        let connection = &mut self.connections[id as usize];
        let Some(gateway) = &mut self.gateway else { return Some(tuple(connection.client, connection.port)) };
        if connection.public.is_none() {
            connection.public =
                gateway.open(connection.client, connection.port, connection.isn, &mut self.random, self.now);
        }
        connection.public.map(|public| tuple(u32::from(public.address()), public.port()))
    }

    fn accepted(&mut self, id: u32, taken_over: bool) {
        self.tally.syns.accepted += 1;
        self.tally.taken_over += u64::from(taken_over);
        let took = self.now - self.connections[id as usize].begun + self.plan.rtt;
        self.tally.times.record(took);
        self.closes.push_back((self.now + self.plan.rtt + self.plan.life, id));
    }

    fn silence(&mut self, id: u32, cause: Cause) {
        self.tally.syns.dropped_silently += 1;
        self.tally.blame(cause);
        self.again_by_timer(id);
    }

    fn again_by_timer(&mut self, id: u32) {
        let sent = self.connections[id as usize].syns;
        let wait = client::interval(self.plan.client_kernel, &self.plan.client, sent);
        self.syns.push(Reverse((self.now + wait, id)));
    }

    /// TIME_WAIT answered by an ACK: the client sends an RST, and its SYN again as its kernel does.
    fn challenged(&mut self, id: u32, from: Tuple, ack: u32, why: Cause) {
        let plan = self.plan;
        self.tally.syns.challenged += 1;
        self.tally.blame(why);
        let connection = self.connections[id as usize];
        let state = client::SynSent { isn: connection.isn, syns: connection.syns, hz: plan.hz };
        let verdict = state.handle_segment(plan.client_kernel, &Segment::new(Flags::ACK, 0, ack));
        let client::Verdict::Challenged { reset, resend_after } = verdict else { return self.again_by_timer(id) };
        if plan.nat.is_some_and(|nat| nat.drops_resets) {
            self.tally.blame(Cause::ResetFiltered);
        } else if !self.server.handle_reset(from, reset.seq, self.now + plan.rtt) {
            self.tally.blame(Cause::ResetIgnored);
        }
        match resend_after {
            Some(soon) => self.syns.push(Reverse((self.now + plan.rtt + soon, id))),
            None => self.again_by_timer(id),
        }
    }

    fn fail(&mut self, id: u32) {
        self.tally.syns.failed += 1;
        let connection = self.connections[id as usize];
        if let (Some(gateway), Some(public)) = (&mut self.gateway, connection.public) {
            gateway.end(public, Ended::Fin, self.now);
        }
        self.ports.release(connection.client, connection.port);
        self.unused.push(id);
    }

    /// One side ends the connection.
    fn close(&mut self, id: u32) {
        let connection = self.connections[id as usize];
        if self.plan.closes == Closes::Server
            && let Some(from) = self.tuple(id)
        {
            let last = Segment::new(Flags::FIN_ACK, connection.isn.wrapping_add(1 + BYTES), 0);
            let last = self.stamped(&connection, last);
            self.server.enter_time_wait(from, &last, connection.isn.wrapping_add(BYTES), self.now);
        }
        if let (Some(gateway), Some(public)) = (&mut self.gateway, connection.public) {
            let ended = if self.plan.closes == Closes::Reset { Ended::Reset } else { Ended::Fin };
            gateway.end(public, ended, self.now);
        }
        match self.plan.closes {
            Closes::Client => self.releases.push_back((self.now + self.port_rests, connection.client, connection.port)),
            Closes::Server | Closes::Reset => self.ports.release(connection.client, connection.port),
        }
        self.unused.push(id);
    }

    /// The segment with the client's timestamp, if its SYN carries one.
    fn stamped(&self, connection: &Connection, segment: Segment) -> Segment {
        let plan = self.plan;
        if plan.client.tcp_timestamps == 0 {
            return segment;
        }
        let secret = secret(plan, connection.client);
        let uptime = Duration::from_secs(mix(secret) % UPTIME_S_MAX);
        let clock = Clock::new(plan.client_kernel, &plan.client, plan.hz, uptime, secret);
        segment.stamped(clock.tsval(flow(connection.client, connection.port), self.now), 0)
    }

    fn point(&mut self) {
        let scene = Point {
            nat_ports_free: self.gateway.as_ref().map(Gateway::free),
            client_ports_free: self.ports.fewest_free(),
            server_time_waits: self.server.time_waits(),
            ..Point::default()
        };
        self.tally.add_point(scene);
    }

    /// Connects under way that people have noticed already; a SYN is due for each.
    fn hanging(&self) -> u64 {
        let begun = |id: u32| self.connections[id as usize].begun;
        self.syns.iter().filter(|item| begun(item.0.1) + STALLED <= self.plan.duration).count() as u64
    }

    fn finish(self) -> Output {
        let hanging = self.hanging();
        let tally = self.tally;
        let counted = |cause: &Cause| tally.causes[*cause as usize];
        Output {
            kernel: self.plan.kernel.to_string(),
            settings: self.plan.settings.clone(),
            clients: self.plan.clients,
            duration_s: self.plan.duration.as_secs(),
            connects: tally.connects,
            syns: tally.syns,
            causes: Cause::ALL
                .into_iter()
                .filter(|cause| counted(cause) > 0)
                .map(|cause| (cause, counted(&cause)))
                .collect(),
            connect_times: tally.times,
            taken_over: tally.taken_over,
            time_wait_overflows: self.server.overflows,
            nat_evictions: self.gateway.map_or(0, |gateway| gateway.evictions),
            series: tally.series,
            hanging,
            events: tally.events,
        }
    }
}

/// Time to the next arrival: up to twice the mean, evenly, so that no logarithm can differ between machines.
fn gap(plan: &Plan, random: &mut Random) -> Duration {
    let mean_ns = 1_000_000_000 / u64::from(plan.rate);
    Duration::from_nanos(random.below(2 * mean_ns + 1).max(1))
}

/// The secret behind a client's hashes; nothing is stored per client.
fn secret(plan: &Plan, client: u32) -> u64 {
    mix(plan.seed ^ mix(u64::from(client)))
}

/// A client's flow to the server, inside the gateway.
fn flow(client: u32, port: u16) -> Flow {
    Flow { source: 0x0a00_0000 | client, destination: SERVER.0, source_port: port, destination_port: SERVER.1 }
}

/// How long a port of the client's rests after the client closed first: until connect() may take TIME_WAIT over, or 60 s.
fn port_rests(plan: &Plan) -> Duration {
    let stamped = plan.client.tcp_timestamps > 0 && plan.server.tcp_timestamps > 0;
    let tw = TimeWait {
        substate: Substate::TimeWait,
        rcv_nxt: 0,
        snd_nxt: 0,
        rcv_wnd: 0,
        recent: stamped.then_some(Recent { val: 1, at: Duration::ZERO }),
        since: Duration::ZERO,
        expires: TIME_WAIT_LEN,
        after_fin: TIME_WAIT_LEN,
        last_ack: None,
    };
    let asker = Asker { bound: false, loopback: false };
    let free = |ms: &u64| {
        let verdict = reuse::decide(plan.client_kernel, &plan.client, &tw, asker, Duration::from_millis(*ms));
        matches!(verdict, reuse::Verdict::Reused { .. })
    };
    (1..TIME_WAIT_LEN.as_millis() as u64).find(free).map_or(TIME_WAIT_LEN, Duration::from_millis)
}
