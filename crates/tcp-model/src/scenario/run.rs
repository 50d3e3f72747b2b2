//! Runs a scenario against the model of one version.

use super::flow::Names;
use super::report::{Disagreement, Entry, Timeline};
use super::types::{
    Action, Call, CallResult, Errno, Expected, FlowKey, HostCall, PeerSegment, Role, Scenario, Setting, SocketOption,
    Step, TimeWaitState,
};
use crate::counter::Counter;
use crate::decide::clock::Flow;
use crate::decide::time_wait::{Substate, TimeWait};
use crate::host::{CallError, Host, Profile, SocketId, State};
use crate::segment::Segment;
use crate::sysctls::Sysctls;
use crate::version::Version;
use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};

/// The host's address; the peer's are above [`PEER_BASE`].
const HOST: u32 = 0x0a00_0001;
const PEER_BASE: u32 = 0x0a00_0100;

/// The model answers at once, so that times are held to this instead of to a running kernel's tolerance.
const MODEL_TOLERANCE: Duration = Duration::from_millis(1);

/// Runs `scenario` on the model of `version`; the timeline is given back when every step holds.
pub fn run(scenario: &Scenario, version: Version) -> Result<Timeline, Box<Disagreement>> {
    let mut run = Run::new(scenario, version);
    run.prepare().map_err(|seen| run.disagreement(0, "the sysctls of its head".to_owned(), seen))?;
    for step in scenario.steps_for(version) {
        run.now += step.after;
        let outcome = run.step(&step.action);
        outcome.map_err(|seen| run.disagreement(step.line, run.expectation(step), seen))?;
    }
    Ok(run.timeline)
}

struct Run<'a> {
    scenario: &'a Scenario,
    version: Version,
    host: Host,
    names: Names,
    sockets: BTreeMap<String, SocketId>,
    unwatched: BTreeSet<FlowKey>,
    now: Duration,
    timeline: Timeline,
}

impl<'a> Run<'a> {
    fn new(scenario: &'a Scenario, version: Version) -> Self {
        let sysctls = Sysctls::defaults(version);
        let profile = Profile { version, sysctls, hz: 250, uptime: Duration::from_secs(100_000), secret: 42 };
        Self {
            scenario,
            version,
            host: Host::new(profile),
            names: Names::default(),
            sockets: BTreeMap::new(),
            unwatched: BTreeSet::new(),
            // Not a whole second, so that delays counted in those show.
            now: Duration::from_millis(1000),
            timeline: Timeline::default(),
        }
    }

    fn prepare(&mut self) -> Result<(), String> {
        self.scenario.sysctls.iter().try_for_each(|setting| self.set(setting))?;
        if self.scenario.role == Role::Server {
            self.host.listen(super::SERVICE_PORT, u32::from(self.scenario.backlog));
        }
        Ok(())
    }

    fn set(&mut self, setting: &Setting) -> Result<(), String> {
        self.host.set_sysctl(&setting.name, &setting.value).map_err(|error| error.to_string())
    }

    fn step(&mut self, action: &Action) -> Result<(), String> {
        match action {
            Action::Peer(segment) => self.peer(segment),
            Action::Expect(expected) => self.expect(expected),
            Action::Silence(duration) => self.silence(*duration),
            Action::Host(call) => self.host_call(call),
            Action::Counter(counter, by) => self.counter(*counter, *by),
            Action::TimeWait(flow, state) => self.time_wait(*flow, *state),
            Action::Let(name, flow, value) => {
                let value = self.names.value(*flow, value).ok_or_else(|| format!("{value} is not set yet"))?;
                self.names.keep(name, value);
                Ok(())
            }
        }
    }

    fn peer(&mut self, spec: &PeerSegment) -> Result<(), String> {
        let segment = self.names.build(spec).map_err(|unset| unset.to_string())?;
        self.names.peer_sent(spec.flow, &segment);
        self.timeline.push(self.now, Entry::Peer(spec.flow, segment));
        self.host.handle_segment(self.flow(spec.flow), &segment, self.now);
        Ok(())
    }

    fn expect(&mut self, expected: &Expected) -> Result<(), String> {
        let from = self.now;
        let Some((at, flow, segment)) = self.next_segment(from + expected.within) else {
            return Err(format!("nothing within {:?}", expected.within));
        };
        // What the host sent before this step began was waiting to be looked at.
        self.now = self.now.max(at);
        let mismatch = expected.mismatch(&self.names, flow, &segment);
        self.names.host_sent(flow, &segment);
        match mismatch {
            Some(how) => Err(format!("{segment}: {how}")),
            None if at + MODEL_TOLERANCE < from + expected.not_before => {
                Err(format!("{segment}: it comes after {:?}", at.saturating_sub(from)))
            }
            None => Ok(()),
        }
    }

    fn silence(&mut self, duration: Duration) -> Result<(), String> {
        match self.next_segment(self.now + duration) {
            Some((_, flow, segment)) => Err(format!("{segment} ({flow})")),
            None => {
                self.now += duration;
                Ok(())
            }
        }
    }

    /// The host's next segment that is looked at, up to `until`.
    fn next_segment(&mut self, until: Duration) -> Option<(Duration, FlowKey, Segment)> {
        loop {
            while let Some((at, flow, segment)) = self.host.poll_transmit() {
                let key = self.key(flow);
                if !self.unwatched.contains(&key) {
                    self.timeline.push(at, Entry::Host(key, segment));
                    return Some((at, key, segment));
                }
            }
            let next = self.host.next_timer().filter(|at| *at <= until)?;
            self.host.handle_timers(next);
        }
    }

    fn host_call(&mut self, call: &HostCall) -> Result<(), String> {
        for time in 0..call.times {
            let name = if call.times == 1 { call.socket.clone() } else { format!("{}{time}", call.socket) };
            let result = self.call(&name, &call.call, call.times > 1)?;
            self.timeline.push(self.now, Entry::Note(format!("host {:?} as {name} -> {result}", call.call)));
            if result != call.result {
                return Err(format!("{result}"));
            }
        }
        Ok(())
    }

    fn call(&mut self, name: &str, call: &Call, unwatched: bool) -> Result<CallResult, String> {
        let now = self.now;
        self.host.handle_timers(now);
        let known = self.sockets.get(name).copied();
        let socket = match call {
            Call::Accept | Call::StopListening | Call::Sysctl(_) => None,
            Call::Bind(_) | Call::Connect { .. } | Call::Set(_) => Some(known.unwrap_or_else(|| self.host.socket())),
            _ => Some(known.ok_or_else(|| format!("there is no socket {name}"))?),
        };
        if let Some(socket) = socket {
            self.sockets.insert(name.to_owned(), socket);
        }
        let result = match (call, socket) {
            (Call::Accept, _) => self.host.accept().map(|socket| {
                self.sockets.insert(name.to_owned(), socket);
            }),
            (Call::StopListening, _) => {
                self.host.stop_listening(now);
                Ok(())
            }
            (Call::Sysctl(setting), _) => return self.set(setting).map(|()| CallResult::Ok),
            (call, Some(socket)) => self.on_socket(socket, call, unwatched, now),
            (_, None) => Err(CallError::Invalid),
        };
        if matches!(call, Call::Close | Call::Reset) {
            self.sockets.remove(name);
        }
        Ok(result.map_or_else(|error| CallResult::Error(errno(error)), |()| CallResult::Ok))
    }

    fn on_socket(&mut self, socket: SocketId, call: &Call, unwatched: bool, now: Duration) -> Result<(), CallError> {
        match call {
            Call::Bind(port) => self.host.bind(socket, *port, now)?,
            Call::Connect { address, to } => {
                let opened = self.host.connect(socket, (PEER_BASE + u32::from(*address), *to), HOST, now)?;
                let key = self.key(opened.flow);
                if unwatched {
                    self.unwatched.insert(key);
                }
            }
            Call::Set(option) => self.option(socket, *option),
            Call::Send(len) => self.host.send_bytes(socket, *len, now)?,
            Call::Close => self.host.close(socket, false, now),
            Call::Reset => self.host.close(socket, true, now),
            Call::Shutdown => self.host.shutdown(socket, now),
            Call::Connected => return self.host.connected_or(socket),
            Call::Accept | Call::StopListening | Call::Sysctl(_) => return Err(CallError::Invalid),
        }
        Ok(())
    }

    fn option(&mut self, socket: SocketId, option: SocketOption) {
        match option {
            SocketOption::ReuseAddress => self.host.set_reuse_address(socket),
            SocketOption::BindAddressNoPort => self.host.set_bind_no_port(socket),
            SocketOption::PortRange(low, high) => self.host.set_port_range(socket, low, high),
            SocketOption::Linger2(seconds) => self.host.set_linger2(socket, seconds),
        }
    }

    fn counter(&mut self, counter: Counter, by: u64) -> Result<(), String> {
        self.host.handle_timers(self.now);
        let seen = self.host.counters().get(counter);
        if seen == by { Ok(()) } else { Err(format!("{counter} +{seen}")) }
    }

    fn time_wait(&mut self, flow: FlowKey, wanted: TimeWaitState) -> Result<(), String> {
        self.host.handle_timers(self.now);
        let key = self.flow(flow);
        let mini = self.host.mini(key, self.now);
        let orphan = self.host.connection(key).filter(|connection| connection.state == State::FinWait2);
        let fits = match (wanted, mini) {
            (TimeWaitState::None, mini) => mini.is_none() && orphan.is_none(),
            (TimeWaitState::TimeWait(left), Some(tw)) => tw.substate == Substate::TimeWait && self.is_left(tw, left),
            (TimeWaitState::FinWait2(left), Some(tw)) => tw.substate == Substate::FinWait2 && self.is_left(tw, left),
            (TimeWaitState::FinWait2(_), None) => orphan.is_some(),
            (TimeWaitState::TimeWait(_), None) => false,
        };
        let left = |tw: &TimeWait| format!("{:?} with {:?} left", tw.substate, tw.expires - self.now);
        if fits { Ok(()) } else { Err(mini.map_or_else(|| "no mini-socket".to_owned(), left)) }
    }

    fn is_left(&self, tw: &TimeWait, wanted: Option<Duration>) -> bool {
        wanted.is_none_or(|wanted| (tw.expires - self.now).abs_diff(wanted) <= MODEL_TOLERANCE)
    }

    /// The host's view of a flow.
    fn flow(&self, key: FlowKey) -> Flow {
        let (source_port, destination_port) = match self.scenario.role {
            Role::Server => (key.to, key.port),
            Role::Client => (key.port, key.to),
        };
        Flow { source: HOST, destination: PEER_BASE + u32::from(key.address), source_port, destination_port }
    }

    fn key(&self, flow: Flow) -> FlowKey {
        let (to, port) = match self.scenario.role {
            Role::Server => (flow.source_port, flow.destination_port),
            Role::Client => (flow.destination_port, flow.source_port),
        };
        FlowKey { address: (flow.destination - PEER_BASE) as u8, port, to }
    }

    fn expectation(&self, step: &Step) -> String {
        match &step.action {
            Action::Expect(expected) => format!("{expected}, within {:?}", expected.within),
            Action::Silence(duration) => format!("silence for {duration:?}"),
            Action::Host(call) => format!("{:?} -> {}", call.call, call.result),
            Action::Counter(counter, by) => format!("{counter} +{by}"),
            Action::TimeWait(flow, state) => format!("{state:?} ({flow})"),
            other => format!("{other:?}"),
        }
    }

    fn disagreement(&self, line: u32, expected: String, seen: String) -> Box<Disagreement> {
        Box::new(Disagreement {
            scenario: self.scenario.name.clone(),
            against: format!("model of {}", self.version),
            line,
            expected,
            seen,
            timeline: self.timeline.clone(),
        })
    }
}

fn errno(error: CallError) -> Errno {
    match error {
        CallError::AddressNotAvailable => Errno::AddressNotAvailable,
        CallError::AddressInUse => Errno::AddressInUse,
        CallError::TimedOut => Errno::TimedOut,
        CallError::Refused => Errno::Refused,
        CallError::Reset => Errno::Reset,
        CallError::InProgress => Errno::InProgress,
        CallError::Invalid => Errno::Invalid,
        CallError::WouldBlock => Errno::WouldBlock,
    }
}
