//! Connects again from a 5-tuple that has just been used, by explicit bind + SO_REUSEADDR.

use super::answer;
use super::line::{End, From};
use super::prober::Prober;
use doctor_core::target::{Response, ReuseTry};
use ports::{Fault, FaultKind};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// Bytes that may come before the end of a connection on which nothing was asked.
const BYTES_MAX: usize = 64 * 1024;

/// We close first, without asking anything, so that TIME_WAIT is here; then the same 5-tuple again.
pub(super) fn after_our_close(prober: &mut Prober<'_>) -> Option<ReuseTry> {
    let local = prober.any_local()?;
    let mut line = prober.open(From::Exactly(local)).ok()?;
    let tuple = line.local()?;
    line.close_first();
    // Without the target's FIN there is no TIME_WAIT yet, and nothing to try.
    let patience = prober.patience().response;
    (line.drain(patience, BYTES_MAX) == End::Fin).then_some(())?;
    drop(line);
    connect_again(prober, tuple)
}

/// The target closes first, because it is asked to, so that TIME_WAIT is there; then the same 5-tuple again.
pub(super) fn after_server_close(prober: &mut Prober<'_>) -> Option<ReuseTry> {
    let local = prober.any_local()?;
    let mut line = prober.open(From::Exactly(local)).ok()?;
    let tuple = line.local()?;
    line.write(&prober.request("1.1", "Connection: close\r\n"), prober.patience().response);
    let answer = answer::read(&mut line, prober.patience().response);
    let end = answer.end.unwrap_or_else(|| line.drain(prober.patience().close, BYTES_MAX));
    (answer.response == Response::Whole && end == End::Fin).then_some(())?;
    drop(line);
    let until = Instant::now() + prober.patience().close;
    loop {
        match connect_again(prober, tuple)? {
            // Our own FIN is not acknowledged yet (or both crossed): that is this side's state, not the target's.
            ReuseTry::Refused { errno: NO_TUPLE } if Instant::now() < until => std::thread::sleep(PAUSE),
            ReuseTry::Refused { errno: NO_TUPLE } => return None,
            seen => return Some(seen),
        }
    }
}

/// EADDRNOTAVAIL: the 4-tuple is still in use here.
const NO_TUPLE: i32 = 99;
/// Between two tries; with the patience below the connections that one probing may open.
const PAUSE: Duration = Duration::from_millis(100);

/// EADDRINUSE of bind(): another program of this host took the port in between, which says nothing of the target.
const TAKEN: i32 = 98;

fn connect_again(prober: &mut Prober<'_>, tuple: SocketAddr) -> Option<ReuseTry> {
    let seen = match prober.open_again(From::Exactly(tuple)) {
        Ok(line) => ReuseTry::Connected {
            connect_us: line.connect_time.as_micros() as u64,
            syn_retransmits: line.details.retransmits,
        },
        Err(Fault { kind: FaultKind::TimedOut, .. }) => ReuseTry::TimedOut,
        Err(Fault { errno: TAKEN, .. }) => return None,
        Err(fault) => ReuseTry::Refused { errno: fault.errno },
    };
    Some(seen)
}
