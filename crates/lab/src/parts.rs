//! The parts of the scene: the real origin, the real balancer, the real tester, each started inside
//! the place of its role.

use crate::error::LabError;
use crate::experiment::{Phase, Scale};
use crate::stage::Stage;
use crate::topology::Role;
use balancer_core::policy::{ClientClose, Timestamps};
use balancer_core::settings::{BackendSetSettings, ListenerSettings, ServerSettings, Settings};
use origin::OriginPlan;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;
use stress::StopFlag;
use stress_core::{PlanDraft, Report};

/// A response of this many bytes fits one segment.
const BODY_BYTES: u32 = 100;
/// Longest pause of a tester's connection after a failure: the lab wants to see failures, not wait for them.
const BACKOFF_MAX: Duration = Duration::from_millis(1);
/// For one request; nothing in a scene takes longer unless it hangs.
pub(crate) const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// What the tester reports of one run.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tested {
    /// Connects tried.
    pub(crate) tried: u64,
    /// Connects that stood.
    pub(crate) succeeded: u64,
    /// Complete responses.
    pub(crate) responses: u64,
    /// Requests that failed.
    pub(crate) failed: u64,
    /// Failures by errno, or by kind where no errno told of them.
    pub(crate) errors: BTreeMap<String, u64>,
    /// Connections whose TCP_INFO was asked for timestamps.
    pub(crate) asked_for_timestamps: u64,
    /// Of those, connections that had negotiated them.
    pub(crate) with_timestamps: u64,
}

/// Starts the origin in the server's place. It ends with its handle.
///
/// # Errors
/// Its own words.
pub(crate) fn start_origin(stage: &Stage) -> Result<origin::Handle, LabError> {
    let plan = OriginPlan::new(stage.listen_address(Role::Server));
    stage.run(Role::Server, || origin::start(plan))?.map_err(|reason| part("origin", &reason))
}

/// The running balancer and where it listens.
pub(crate) struct RunningBalancer {
    handle: balancer::Handle,
    listens: SocketAddr,
}

impl RunningBalancer {
    /// Where clients reach it.
    pub(crate) fn address(&self) -> SocketAddr {
        self.handle.addresses().first().copied().unwrap_or(self.listens)
    }
}

/// Starts the balancer in its place, in front of one server. It ends with its handle.
///
/// # Errors
/// Its own words.
pub(crate) fn start_balancer(
    stage: &Stage,
    server: SocketAddr,
    close: ClientClose,
    timestamps: Timestamps,
) -> Result<RunningBalancer, LabError> {
    let listens = stage.listen_address(Role::Balancer);
    let plan = balancer::Plan {
        settings: settings(listens, server, close, timestamps),
        workers: 1,
        reactor: reactor::epoll::EpollConfig::default(),
        pin: false,
    };
    let started = stage.run(Role::Balancer, || balancer::start(&plan))?;
    let handle = started.map_err(|reason| part("balancer", &reason))?;
    Ok(RunningBalancer { handle, listens })
}

fn settings(listens: SocketAddr, server: SocketAddr, close: ClientClose, timestamps: Timestamps) -> Settings {
    let listener = ListenerSettings { close, timestamps, ..ListenerSettings::new("lab", listens, 0) };
    let servers = vec![ServerSettings::new(server)];
    Settings { listeners: vec![listener], backend_sets: vec![BackendSetSettings::new("origin", servers)] }
}

/// Runs the tester in the client's place to its end; a request may take as long as `patience`.
///
/// # Errors
/// It could not start. Failed requests are in the result.
pub(crate) fn run_tester(
    stage: &Stage,
    phase: &Phase,
    scale: Scale,
    balancer: SocketAddr,
    patience: Duration,
) -> Result<Tested, LabError> {
    let mut draft = PlanDraft::new(format!("http://{balancer}/bytes/{BODY_BYTES}"));
    draft.connections = phase.connections;
    draft.requests = Some(phase.requests.value(scale));
    draft.threads = Some(1);
    draft.close = phase.close;
    draft.ports = phase.ports;
    draft.port_range = stage.port_range(scale, phase.ports)?;
    draft.timeout = patience;
    draft.backoff_max = BACKOFF_MAX;
    // Each connection is counted.
    draft.looks_ahead = false;
    if phase.ask_for_close {
        draft.headers.push("Connection: close".into());
    }
    let plan = draft.check().map_err(|reason| part("tester", &reason))?;
    let report = stage.run(Role::Client, || stress::run(&plan, &StopFlag::new(), |_| {}))?;
    report.map(|report| tested(&report)).map_err(|reason| part("tester", &reason))
}

fn tested(report: &Report) -> Tested {
    Tested {
        tried: report.connections.tried,
        succeeded: report.connections.opened,
        responses: report.requests.ok,
        failed: report.requests.failed,
        errors: errors(report),
        asked_for_timestamps: report.connections.timestamps_asked,
        with_timestamps: report.connections.timestamps_seen,
    }
}

/// By errno where one told of it; the rest of each kind under the kind's name.
fn errors(report: &Report) -> BTreeMap<String, u64> {
    let mut named = BTreeMap::new();
    for (kind, all) in &report.errors {
        let with_errno = report.faults.iter().filter(|(fault, _)| fault.errno != 0);
        let mut rest = *all;
        for (fault, count) in with_errno.filter(|(fault, _)| stress_core::ErrorKind::from(*fault) == *kind) {
            *named.entry(fault.errno_name().to_owned()).or_default() += count;
            rest = rest.saturating_sub(*count);
        }
        if rest > 0 {
            named.insert(kind.name().to_owned(), rest);
        }
    }
    named
}

fn part(role: &'static str, reason: &dyn std::fmt::Display) -> LabError {
    LabError::Part { role, reason: reason.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ports::Fault;
    use stress_core::report::{Host, RunFacts};
    use stress_core::{Tally, TimeWaitOurs};

    fn report(tally: &Tally) -> Report {
        let plan = PlanDraft::new("http://10.77.1.1/").check().expect("a plan");
        let facts = RunFacts {
            cpu: std::time::Duration::from_secs(1),
            kernel: stress_core::KernelCounts::default(),
            forecast: None,
            targets: vec![std::net::SocketAddr::from(([10, 77, 1, 1], 80)).into()],
            threads: 1,
            stopped: false,
            time_wait_ours: TimeWaitOurs::Counted(0),
            warnings: Vec::new(),
            busy: None,
            host: Host::default(),
            port_tuples: None,
            ports_taken: None,
            looked_up: None,
            by_hand: stress_core::ByHand::default(),
        };
        Report::new(&plan, facts, tally)
    }

    #[test]
    fn every_failure_has_one_name() {
        use stress_core::Failure;
        let mut tally = Tally::default();
        (tally.connects_tried, tally.connects_opened) = (5, 1);
        tally.record_failure(Failure::Fault(Fault::from_errno(99)), Duration::ZERO);
        tally.record_failure(Failure::Fault(Fault::from_errno(99)), Duration::ZERO);
        tally.record_failure(Failure::Fault(Fault::from_errno(111)), Duration::ZERO);
        tally.record_failure(Failure::Timeout, Duration::ZERO);
        let tested = tested(&report(&tally));
        let names: Vec<(&str, u64)> = tested.errors.iter().map(|(name, count)| (name.as_str(), *count)).collect();
        assert_eq!(names, [("EADDRNOTAVAIL", 2), ("ECONNREFUSED", 1), ("target.timeout", 1)]);
        assert_eq!((tested.tried, tested.succeeded, tested.failed), (5, 1, 4));
    }
}
