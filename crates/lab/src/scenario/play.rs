//! Plays a scenario step by step and stops at the first disagreement.

use super::host::Host;
use super::wire::{HOST, Wire, failed};
use crate::error::LabError;
use crate::topology::Plug;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};
use sys::netns::Namespace;
use sys::offload;
use sys::packet::PacketSocket;
use tcp_model::Version;
use tcp_model::scenario::{
    Action, Call, CallResult, Disagreement, Entry, Expected, FlowKey, HostCall, Names, PeerSegment, Scenario, Step,
    Timeline,
};

const LINK: &str = "port";
/// What is done by the kernel after a segment arrived is waited for at most this long.
const SETTLE_MAX: Duration = Duration::from_millis(100);
const SETTLE_STEP: Duration = Duration::from_millis(2);

/// A scenario that was not played to its end as expected.
#[derive(Debug)]
pub enum Failed {
    /// The kernel did something else; both timelines are in it.
    Disagrees(Box<Disagreement>),
    /// It could not be carried out.
    CannotRun(LabError),
}

impl From<LabError> for Failed {
    fn from(why: LabError) -> Self {
        Self::CannotRun(why)
    }
}

/// Plays `scenario` against the running kernel, which is `version`, in fresh namespaces. Gives back what
/// was seen when every step holds.
///
/// # Errors
/// The kernel disagrees, or something needed cannot be had.
pub fn play(scenario: &Scenario, version: Version) -> Result<Timeline, Failed> {
    let new = || Namespace::new().map_err(LabError::Forbidden);
    let (host, peer) = (new()?, new()?);
    let plug = Plug { namespace: &host, link: LINK };
    plug.connect(Plug { namespace: &peer, link: LINK })?;
    plug.give_address(HOST)?;
    let entering = |reason| LabError::Thread { role: "host of the scenario", reason };
    host.run(|| offload::turn_off(LINK)).map_err(entering)?.map_err(|why| failed(&why))?;
    let socket = peer.run(|| PacketSocket::open(LINK)).map_err(entering)?.map_err(|why| failed(&why))?;
    host.run(|| Play::new(scenario, version, socket)?.run()).map_err(entering)?
}

struct Play<'a> {
    scenario: &'a Scenario,
    version: Version,
    host: Host,
    wire: Wire,
    names: Names,
    unwatched: BTreeSet<FlowKey>,
    start: Instant,
    timeline: Timeline,
}

/// How a step went: `Err` tells what was seen instead.
type Outcome = Result<(), String>;

impl<'a> Play<'a> {
    fn new(scenario: &'a Scenario, version: Version, socket: PacketSocket) -> Result<Self, Failed> {
        Ok(Self {
            scenario,
            version,
            host: Host::new(scenario)?,
            wire: Wire::new(socket, scenario.role)?,
            names: Names::default(),
            unwatched: BTreeSet::new(),
            start: Instant::now(),
            timeline: Timeline::default(),
        })
    }

    fn run(mut self) -> Result<Timeline, Failed> {
        let scenario = self.scenario;
        for step in scenario.steps_for(self.version) {
            if !step.after.is_zero() {
                self.wire.pass(Instant::now() + step.after);
            }
            self.step(&step.action)?.map_err(|seen| self.disagreement(step, seen))?;
        }
        Ok(self.timeline)
    }

    fn step(&mut self, action: &Action) -> Result<Outcome, LabError> {
        match action {
            Action::Peer(segment) => self.peer(segment),
            Action::Expect(expected) => Ok(self.expect(expected)),
            Action::Silence(duration) => Ok(self.silence(*duration)),
            Action::Host(call) => self.host_call(call),
            Action::Counter(counter, by) => self.counter(counter.name(), *by),
            Action::TimeWait(flow, state) => settled(|| self.host.check_time_wait(*flow, *state)),
            Action::Let(name, flow, value) => match self.names.value(*flow, value) {
                Some(value) => {
                    self.names.keep(name, value);
                    Ok(Ok(()))
                }
                None => Ok(Err(format!("{value} is not set yet"))),
            },
        }
    }

    fn peer(&mut self, spec: &PeerSegment) -> Result<Outcome, LabError> {
        let segment = match self.names.build(spec) {
            Ok(segment) => segment,
            Err(unset) => return Ok(Err(unset.to_string())),
        };
        self.names.peer_sent(spec.flow, &segment);
        self.note(Entry::Peer(spec.flow, segment));
        let sent = self.wire.send(spec.flow, spec.window, &segment);
        sent.map(Ok).map_err(|errno| failed(&std::io::Error::from(errno)))
    }

    fn expect(&mut self, expected: &Expected) -> Outcome {
        let from = Instant::now();
        let (at, flow, segment) =
            self.next_segment(from + expected.within).ok_or_else(|| format!("nothing within {:?}", expected.within))?;
        let mismatch = expected.mismatch(&self.names, flow, &segment);
        self.names.host_sent(flow, &segment);
        match mismatch {
            Some(how) => Err(format!("{segment}: {how}")),
            None if at < from + expected.not_before => {
                Err(format!("{segment}: it comes after {:?}", at.saturating_duration_since(from)))
            }
            None => Ok(()),
        }
    }

    fn silence(&mut self, duration: Duration) -> Outcome {
        match self.next_segment(Instant::now() + duration) {
            Some((_, flow, segment)) => Err(format!("{segment} ({flow})")),
            None => Ok(()),
        }
    }

    /// The host's next segment that is looked at.
    fn next_segment(&mut self, until: Instant) -> Option<(Instant, FlowKey, tcp_model::Segment)> {
        loop {
            let arrived = self.wire.next(until)?;
            if !self.unwatched.contains(&arrived.flow) {
                let at = arrived.at.saturating_duration_since(self.start);
                self.timeline.push(at, Entry::Host(arrived.flow, arrived.segment));
                return Some((arrived.at, arrived.flow, arrived.segment));
            }
        }
    }

    fn host_call(&mut self, call: &HostCall) -> Result<Outcome, LabError> {
        for time in 0..call.times {
            let name = if call.times == 1 { call.socket.clone() } else { format!("{}{time}", call.socket) };
            let result = self.call(&name, call)?;
            if let Some(flow) = self.host.flow(&name, &call.call).filter(|_| call.times > 1) {
                self.unwatched.insert(flow);
            }
            self.note(Entry::Note(format!("host {:?} as {name} -> {result}", call.call)));
            if result != call.result {
                return Ok(Err(result.to_string()));
            }
        }
        Ok(Ok(()))
    }

    /// Only what waits for the peer's last segment may be asked again.
    fn call(&mut self, name: &str, call: &HostCall) -> Result<CallResult, LabError> {
        let until = Instant::now() + SETTLE_MAX;
        loop {
            let result = self.host.call(name, &call.call)?;
            let waits = matches!(call.call, Call::Accept | Call::Connected) && result != call.result;
            if !waits || Instant::now() >= until {
                return Ok(result);
            }
            std::thread::sleep(SETTLE_STEP);
        }
    }

    fn counter(&mut self, name: &str, by: u64) -> Result<Outcome, LabError> {
        settled(|| {
            Ok(match self.host.growth(name)? {
                Some(seen) if seen == by => Ok(()),
                Some(seen) => Err(format!("{name} +{seen}")),
                None => Err(format!("this kernel has no counter {name}")),
            })
        })
    }

    fn note(&mut self, entry: Entry) {
        self.timeline.push(self.start.elapsed(), entry);
    }

    fn disagreement(&self, step: &Step, seen: String) -> Failed {
        Failed::Disagrees(Box::new(Disagreement {
            scenario: self.scenario.name.clone(),
            against: format!("running kernel {}", self.version),
            line: step.line,
            expected: expectation(step),
            seen,
            timeline: self.timeline.clone(),
        }))
    }
}

/// Looks until it fits, for as long as the kernel may still be at work on the last segment.
fn settled(mut look: impl FnMut() -> Result<Outcome, LabError>) -> Result<Outcome, LabError> {
    let until = Instant::now() + SETTLE_MAX;
    loop {
        let outcome = look()?;
        if outcome.is_ok() || Instant::now() >= until {
            return Ok(outcome);
        }
        std::thread::sleep(SETTLE_STEP);
    }
}

fn expectation(step: &Step) -> String {
    match &step.action {
        Action::Expect(expected) => format!("{expected}, within {:?}", expected.within),
        Action::Silence(duration) => format!("silence for {duration:?}"),
        Action::Host(call) => format!("{:?} -> {}", call.call, call.result),
        Action::Counter(counter, by) => format!("{counter} +{by}"),
        Action::TimeWait(flow, state) => format!("{state:?} ({flow})"),
        other => format!("{other:?}"),
    }
}
