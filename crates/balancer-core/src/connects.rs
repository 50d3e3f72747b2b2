//! How long connects to one server take, so that one that hangs is noticed long before its time-out.

use core::time::Duration;

/// A connect hangs when it takes this many times what it usually takes, ...
const HANGS_AT: u32 = 8;
/// ... but never before this time (RFC 8305 section 8: the connection attempt delay), ...
const PATIENCE_MIN: Duration = Duration::from_millis(250);
/// ... nor after this.
const PATIENCE_MAX: Duration = Duration::from_secs(2);
/// While nothing was learned: the time after which a SYN is sent again (Linux `TCP_TIMEOUT_INIT`).
const PATIENCE_AT_FIRST: Duration = Duration::from_secs(1);
/// Share of a new measurement in the average, as in RFC 6298 section 2.
const NEW_SHARE: u32 = 8;

/// What connects to one server took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ConnectTimes {
    usual: Option<Duration>,
}

impl ConnectTimes {
    /// A handshake is over.
    pub fn handle_connected(&mut self, took: Duration) {
        self.usual = Some(match self.usual {
            None => took,
            Some(usual) => usual - usual / NEW_SHARE + took / NEW_SHARE,
        });
    }

    /// A connect was given up because it hung. Perhaps it only takes longer than was thought.
    pub fn handle_hung(&mut self) {
        self.usual = Some((self.patience() / HANGS_AT * 2).min(PATIENCE_MAX / HANGS_AT));
    }

    /// How long to wait before another server is tried.
    pub fn patience(&self) -> Duration {
        self.usual.map_or(PATIENCE_AT_FIRST, |usual| (usual * HANGS_AT).clamp(PATIENCE_MIN, PATIENCE_MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn patience_follows_what_is_usual() {
        let mut times = ConnectTimes::default();
        assert_eq!(times.patience(), PATIENCE_AT_FIRST);
        times.handle_connected(MS);
        assert_eq!(times.patience(), PATIENCE_MIN, "a quick server is given a quarter of a second");
        (0..100).for_each(|_| times.handle_connected(100 * MS));
        assert!(times.patience() > 700 * MS && times.patience() <= 800 * MS, "{:?}", times.patience());
        (0..100).for_each(|_| times.handle_connected(5000 * MS));
        assert_eq!(times.patience(), PATIENCE_MAX);
    }

    #[test]
    fn where_everything_became_slow_patience_grows_within_bounds() {
        let mut times = ConnectTimes::default();
        times.handle_connected(MS);
        let mut last = times.patience();
        for _ in 0..5 {
            times.handle_hung();
            assert!(times.patience() >= last && times.patience() <= PATIENCE_MAX);
            last = times.patience();
        }
        assert_eq!(last, PATIENCE_MAX);
        (0..100).for_each(|_| times.handle_connected(MS));
        assert_eq!(times.patience(), PATIENCE_MIN, "and comes back");
    }
}
