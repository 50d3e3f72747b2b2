//! Somebody else of this host who takes every local port towards one server, keeps them for a while, and lets them go.

use super::at_work::AtWork;
use std::net::{SocketAddr, TcpStream};
use std::ops::RangeInclusive;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use sys::{Errno, socket, sockopt};

/// All that the balancer may use towards a server, of those that the kernel chooses from.
pub(super) const PORTS: RangeInclusive<u16> = 40_000..=40_063;
const KEPT_FOR: Duration = Duration::from_millis(1500);
const FREE_FOR: Duration = Duration::from_millis(4500);
/// What the balancer lets go meanwhile is taken as well.
const LOOKED_EVERY: Duration = Duration::from_millis(50);

/// Counts how often not one port was left to anybody else, for as long as they were kept.
pub(super) fn start(server: SocketAddr) -> AtWork {
    AtWork::start(move |ends, turns| hoard(server, ends, turns))
}

fn hoard(server: SocketAddr, ends: &AtomicBool, turns: &AtomicU64) {
    while !rested(FREE_FOR, ends) {
        let (mut held, mut was_full) = (Vec::new(), true);
        for _ in 0..KEPT_FOR.as_millis() / LOOKED_EVERY.as_millis() {
            was_full &= take_all(server, &mut held);
            if rested(LOOKED_EVERY, ends) {
                return;
            }
        }
        turns.fetch_add(u64::from(was_full), Ordering::Relaxed);
    }
}

/// `true` where the end has come meanwhile.
fn rested(time: Duration, ends: &AtomicBool) -> bool {
    let steps = time.as_millis() / LOOKED_EVERY.as_millis();
    (0..steps).any(|_| {
        std::thread::sleep(LOOKED_EVERY);
        ends.load(Ordering::Relaxed)
    })
}

/// Is none left?
fn take_all(server: SocketAddr, held: &mut Vec<TcpStream>) -> bool {
    for _ in PORTS {
        match take(server) {
            Ok(taken) => held.push(taken),
            Err(why) => return why == Errno::ADDRNOTAVAIL,
        }
    }
    false
}

/// As the balancer does it: whichever port the kernel finds among them. It leaves no TIME_WAIT behind.
fn take(server: SocketAddr) -> Result<TcpStream, Errno> {
    let fd: OwnedFd = socket::tcp_for(&server)?;
    sockopt::set_linger_reset(&fd)?;
    sockopt::set_local_port_range(&fd, *PORTS.start(), *PORTS.end())?;
    socket::connect(&fd, &server)?;
    Ok(TcpStream::from(fd))
}
