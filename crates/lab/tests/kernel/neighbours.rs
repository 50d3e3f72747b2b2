//! What a tester with ports of its own choice leaves to the other programs of its host.

use super::Test;
use lab::{Role, Topology, topology};
use origin::OriginPlan;
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::time::Duration;
use stress::StopFlag;
use stress_core::{ClosePolicy, PlanDraft, PortMode, Report};
use testkit::own_process;

/// Each in fresh namespaces.
pub(crate) const TESTS: [Test; 3] = [
    ("own_ports_starve_nobody", || own_process::in_private(own_ports_starve_nobody)),
    ("what_is_chosen_lasts_at_full_speed", || own_process::in_private(what_is_chosen_lasts_at_full_speed)),
    ("a_range_of_the_kernels_is_taken_from_everybody", || {
        own_process::in_private(a_range_of_the_kernels_is_taken_from_everybody)
    }),
];

/// The ports the kernel chooses from: few, so that all of them are soon used.
const KERNELS: (u16, u16) = (40_000, 40_199);
/// Nothing here takes so long unless it hangs.
const PATIENCE: Duration = Duration::from_secs(30);
/// Connects of another program.
const NEIGHBOURS: usize = 20;

/// A run with own ports, each closed by us and so left in TIME_WAIT; then how many of a neighbour's connects work.
fn neighbours_after(port_range: Option<(u16, u16)>) -> (Report, usize) {
    neighbours_after_run(PlanDraft { requests: Some(1000), ports: PortMode::Own, port_range, ..PlanDraft::new("") })
}

/// The same after a run that ends and chooses ports as `draft` says.
fn neighbours_after_run(draft: PlanDraft) -> (Report, usize) {
    let topology = Topology::build().expect("namespaces");
    let kernels = format!("{} {}", KERNELS.0, KERNELS.1);
    topology.set(Role::Client, "net.ipv4.ip_local_port_range", &kernels).expect("a good range");
    let target = SocketAddr::new(IpAddr::V4(topology::BALANCER), 80);
    let origin = topology.run(Role::Balancer, || origin::start(OriginPlan::new(target))).expect("enters");
    let _origin = origin.expect("an origin");
    let draft = PlanDraft {
        url: format!("http://{target}/"),
        connections: 4,
        // Of two, one may have made all requests before the other begins: its half of the ports would be free.
        threads: Some(1),
        close: ClosePolicy::Fin,
        timeout: PATIENCE,
        ..draft
    };
    let plan = draft.check().expect("a good draft");
    let run = || {
        let report = stress::run(&plan, &StopFlag::new(), |_| {}).expect("a run");
        // Elsewhere, too: a bound port is passed over whatever the destination.
        let connect = || TcpStream::connect_timeout(&target, PATIENCE);
        (report, (0..NEIGHBOURS).filter(|_| connect().is_ok()).count())
    };
    topology.run(Role::Client, run).expect("enters")
}

fn own_ports_starve_nobody() {
    let (report, connected) = neighbours_after(None);
    assert_eq!((report.requests.ok, report.requests.failed), (1000, 0), "{:?}", report.errors);
    assert_eq!(connected, NEIGHBOURS, "of a neighbour's connects");
}

/// As fast as it goes, for longer than the kernel's ports would last, and with nobody having said whose ports to take: as
/// `cargo xtask lasting` does for minutes.
fn what_is_chosen_lasts_at_full_speed() {
    let draft = PlanDraft { duration: Some(Duration::from_secs(2)), ..PlanDraft::new("") };
    let (report, connected) = neighbours_after_run(draft);
    assert_eq!((report.plan.ports, report.requests.failed), (PortMode::Own, 0), "{:?}", report.errors);
    assert!(report.requests.ok > 200, "the kernel's 200 ports would have done for {} connections", report.requests.ok);
    assert_eq!(connected, NEIGHBOURS, "of a neighbour's connects");
}

/// That it matters, and that it is said: the kernel passes ports over that somebody has bound.
fn a_range_of_the_kernels_is_taken_from_everybody() {
    let (report, connected) = neighbours_after(Some(KERNELS));
    assert_eq!((report.requests.ok, connected), (1000, 0), "{:?}", report.errors);
    let warned =
        report.notes.iter().any(|note| note.contains("200 of the source ports") && note.contains("other programs"));
    assert!(warned, "{:?}", report.notes);
}
