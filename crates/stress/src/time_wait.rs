//! How many of a run's own 4-tuples are in TIME_WAIT, and how many ports towards its targets are taken at all.

use std::net::SocketAddr;
use std::time::{Duration, Instant};
use stress_core::TimeWaitOurs;
use sys::sock_diag::{DiagError, End, Filter, SockDiag, TcpState};

/// Connections that may yet become TIME_WAIT: our FIN is out, the peer's is not here.
const ON_THE_WAY: [TcpState; 3] = [TcpState::FinWait1, TcpState::FinWait2, TcpState::Closing];
/// How long the last FINs of the peer are waited for. One that answers late, or never, is not.
const SETTLE_MAX: Duration = Duration::from_millis(50);
const SETTLE_STEP: Duration = Duration::from_millis(2);
/// The kernel's timers count in jiffies, at most 10 ms long (HZ=100): an entry may look as much older than it is.
const JIFFY: Duration = Duration::from_millis(10);

/// What is left of a run in this host's tables.
pub(crate) struct Left {
    /// TIME_WAIT entries of the run.
    pub(crate) ours: TimeWaitOurs,
    /// Sockets towards the targets, whoever's, however old, in whatever state; `None` where they cannot be counted.
    pub(crate) taken: Option<u64>,
}

/// Counts the TIME_WAIT entries towards `targets` that are not older than the run. Entries live 60 s, so
/// of a longer run the first ones are gone: they are no longer in TIME_WAIT.
pub(crate) fn count(targets: &[SocketAddr], started: Instant) -> Left {
    let until = Instant::now() + SETTLE_MAX;
    loop {
        match look(targets, started.elapsed()) {
            Ok(Seen { on_the_way: true, .. }) if Instant::now() < until => std::thread::sleep(SETTLE_STEP),
            Ok(seen) => return Left { ours: TimeWaitOurs::Counted(seen.time_wait), taken: Some(seen.taken) },
            Err(error) => return Left { ours: TimeWaitOurs::Unknown(error.to_string()), taken: None },
        }
    }
}

/// Sockets towards the targets of a run.
#[derive(Default)]
pub(crate) struct Seen {
    /// In TIME_WAIT, and not older than the run.
    pub(crate) time_wait: u64,
    on_the_way: bool,
    /// In whatever state, whoever's, however old.
    pub(crate) taken: u64,
}

/// One look at the table, in a run that has lasted so long.
pub(crate) fn look(targets: &[SocketAddr], run: Duration) -> Result<Seen, DiagError> {
    entries_younger_than(targets, run + JIFFY)
}

fn entries_younger_than(targets: &[SocketAddr], run: Duration) -> Result<Seen, DiagError> {
    let life_ms = ports::allocator::TIME_WAIT.as_millis() as u64;
    let run_ms = run.as_millis() as u64;
    let mut seen = Seen::default();
    let mut diag = SockDiag::open()?;
    for target in targets {
        let filter = Filter { remote: End::Exact(*target), ..Filter::default() };
        diag.for_each(&filter, |entry| {
            let age_ms = life_ms.saturating_sub(u64::from(entry.expires_ms));
            let waits = entry.state == TcpState::TimeWait;
            seen.time_wait += u64::from(waits && age_ms <= run_ms);
            seen.on_the_way |= ON_THE_WAY.contains(&entry.state);
            seen.taken += 1;
        })?;
    }
    Ok(seen)
}
