//! How long ports last, decided by nothing but who closes and who chooses.

use super::{Seen, simulate, target};
use reactor_sim::{HostConfig, Weather};
use seed::Rng;
use stress_core::{ClosePolicy, ErrorKind, PlanDraft, PortMode};

/// 200 requests over 20 ports.
fn scarce(close: ClosePolicy, ports: PortMode, timestamps: bool) -> Seen {
    let mut rng = Rng::new(7);
    let draft = PlanDraft {
        connections: 4,
        requests: Some(200),
        close,
        ports,
        ..PlanDraft::new(format!("http://{}/", target()))
    };
    let client = HostConfig { ports: (40_000, 40_019), timestamps, ..HostConfig::default() };
    let weather = Weather::fair(&mut rng);
    simulate(&draft.check().expect("a good draft"), &mut rng, weather, client).expect("a clean run")
}

#[track_caller]
fn check_scarce(close: ClosePolicy, ports: PortMode, timestamps: bool, ok: u64, time_waits: usize) {
    let seen = scarce(close, ports, timestamps);
    let shortage = seen.tally.errors(ErrorKind::ClientPorts);
    assert_eq!((seen.tally.ok, shortage), (ok, 200 - ok), "{close:?} {ports:?} timestamps {timestamps}");
    assert_eq!(seen.time_waits, time_waits, "{close:?} {ports:?} timestamps {timestamps}");
}

/// The guide's problem and its cures, decided by nothing but the close policy and the allocator.
#[test]
fn twenty_ports_last_for_twenty_closes_or_for_ever() {
    use ClosePolicy::{Fin, Rst, Wait};
    check_scarce(Fin, PortMode::Kernel, true, 20, 20);
    check_scarce(Fin, PortMode::Kernel, false, 20, 20);
    check_scarce(Fin, PortMode::Own, true, 200, 20);
    check_scarce(Fin, PortMode::Own, false, 20, 20);
    check_scarce(Wait, PortMode::Kernel, true, 200, 0);
    check_scarce(Rst, PortMode::Kernel, true, 200, 0);
}
