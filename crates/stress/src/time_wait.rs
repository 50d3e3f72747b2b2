//! How many of a run's own 4-tuples are in TIME_WAIT.

use std::net::SocketAddr;
use std::time::{Duration, Instant};
use stress_core::TimeWaitOurs;
use sys::sock_diag::{DiagError, End, Filter, SockDiag, States, TcpState};

/// Connections that may yet become TIME_WAIT: our FIN is out, the peer's is not here.
const ON_THE_WAY: [TcpState; 3] = [TcpState::FinWait1, TcpState::FinWait2, TcpState::Closing];
/// How long the last FINs of the peer are waited for. One that answers late, or never, is not.
const SETTLE_MAX: Duration = Duration::from_millis(50);
const SETTLE_STEP: Duration = Duration::from_millis(2);
/// The kernel's timers count in jiffies, at most 10 ms long (HZ=100): an entry may look as much older than it is.
const JIFFY: Duration = Duration::from_millis(10);

/// Counts the TIME_WAIT entries towards `targets` that are not older than the run. Entries live 60 s, so
/// of a longer run the first ones are gone: they are no longer in TIME_WAIT.
pub(crate) fn count_ours(targets: &[SocketAddr], started: Instant) -> TimeWaitOurs {
    let until = Instant::now() + SETTLE_MAX;
    loop {
        match entries_younger_than(targets, started.elapsed() + JIFFY) {
            Ok(Seen { on_the_way: true, .. }) if Instant::now() < until => std::thread::sleep(SETTLE_STEP),
            Ok(seen) => return TimeWaitOurs::Counted(seen.time_wait),
            Err(error) => return TimeWaitOurs::Unknown(error.to_string()),
        }
    }
}

#[derive(Default)]
struct Seen {
    time_wait: u64,
    on_the_way: bool,
}

fn entries_younger_than(targets: &[SocketAddr], run: Duration) -> Result<Seen, DiagError> {
    let [one, two, closing] = ON_THE_WAY;
    let states = States::of(&[TcpState::TimeWait, one, two, closing]);
    let life_ms = ports::allocator::TIME_WAIT.as_millis() as u64;
    let run_ms = run.as_millis() as u64;
    let mut seen = Seen::default();
    let mut diag = SockDiag::open()?;
    for target in targets {
        let filter = Filter { states, remote: End::Exact(*target), ..Filter::default() };
        diag.for_each(&filter, |entry| {
            let age_ms = life_ms.saturating_sub(u64::from(entry.expires_ms));
            let waits = entry.state == TcpState::TimeWait;
            seen.time_wait += u64::from(waits && age_ms <= run_ms);
            seen.on_the_way |= !waits;
        })?;
    }
    Ok(seen)
}
