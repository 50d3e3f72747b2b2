//! How many of a run's own 4-tuples are in TIME_WAIT.

use std::net::SocketAddr;
use std::time::Duration;
use stress_core::TimeWaitOurs;
use sys::sock_diag::{End, Filter, SockDiag, States, TcpState};

/// Counts the TIME_WAIT entries towards `target` that are not older than the run. Entries live 60 s, so
/// of a longer run the first ones are gone: they are no longer in TIME_WAIT.
pub(crate) fn count_ours(target: SocketAddr, run: Duration) -> TimeWaitOurs {
    match entries_younger_than(target, run) {
        Ok(count) => TimeWaitOurs::Counted(count),
        Err(error) => TimeWaitOurs::Unknown(error.to_string()),
    }
}

fn entries_younger_than(target: SocketAddr, run: Duration) -> Result<u64, sys::sock_diag::DiagError> {
    let filter = Filter { states: States::of(&[TcpState::TimeWait]), remote: End::Exact(target), ..Filter::default() };
    let life_ms = ports::allocator::TIME_WAIT.as_millis() as u64;
    let run_ms = run.as_millis() as u64;
    let mut count = 0;
    SockDiag::open()?.for_each(&filter, |entry| {
        let age_ms = life_ms.saturating_sub(u64::from(entry.expires_ms));
        count += u64::from(age_ms <= run_ms);
    })?;
    Ok(count)
}
