//! How near the ports towards one destination are to their end, as far as one thread can tell: what it has open, and what
//! its own FINs have put into TIME_WAIT.

use crate::allocator::TIME_WAIT;
use core::time::Duration;

/// Closes are counted by so many parts of a TIME_WAIT.
const PARTS: usize = 6;

/// Ports are scarce when so much of them is in use (1/2): early enough to do something about it, late enough to leave most
/// hosts alone.
const SCARCE_SHARE: u64 = 2;

/// Closes by our FIN within the last TIME_WAIT.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Strain {
    closes: [u32; PARTS],
    /// Which part of time was counted last.
    part: u64,
}

impl Strain {
    /// Our FIN came first: its port is in TIME_WAIT from now on.
    pub fn handle_time_wait(&mut self, now: Duration) {
        self.advance(now);
        self.closes[self.part as usize % PARTS] += 1;
    }

    /// Of `ports`, with `open` connections: are those in use and those in TIME_WAIT so many that the rest should be spared?
    pub fn is_scarce(&mut self, now: Duration, open: usize, ports: u64) -> bool {
        self.advance(now);
        let waiting: u64 = self.closes.iter().map(|count| u64::from(*count)).sum();
        (waiting + open as u64) * SCARCE_SHARE >= ports
    }

    /// Forgets what is older than a TIME_WAIT; up to a part of one too late.
    fn advance(&mut self, now: Duration) {
        let part = now.as_millis() as u64 / (TIME_WAIT.as_millis() as u64 / (PARTS as u64 - 1));
        let passed = part.saturating_sub(self.part).min(PARTS as u64);
        for gone in 1..=passed {
            self.closes[(self.part + gone) as usize % PARTS] = 0;
        }
        self.part = self.part.max(part);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn what_is_open_and_what_waits_is_added() {
        let mut strain = Strain::default();
        assert!(!strain.is_scarce(at(0), 49, 100) && strain.is_scarce(at(0), 50, 100));
        (0..30).for_each(|_| strain.handle_time_wait(at(0)));
        assert!(!strain.is_scarce(at(0), 19, 100) && strain.is_scarce(at(0), 20, 100));
        assert!(strain.is_scarce(at(0), 0, 0), "no ports are scarce ports");
    }

    #[test]
    fn a_time_wait_is_over_after_a_minute() {
        let mut strain = Strain::default();
        (0..50).for_each(|second| strain.handle_time_wait(at(second)));
        assert!(strain.is_scarce(at(59), 0, 100));
        assert!(!strain.is_scarce(at(75), 0, 100), "the first of them are over");
        assert!(!strain.is_scarce(at(1_000_000), 0, 1), "all are");
        strain.handle_time_wait(at(1_000_000));
        assert!(strain.is_scarce(at(1_000_000), 0, 2));
    }
}
