//! How often clients have asked, all workers together: one table for all limits, in parts with a lock each, so that two
//! workers rarely meet.

use balancer_core::{Buckets, RateBy, RateLimit, Taken, treatment::client_of};
use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

/// Parts of the table.
const PARTS: usize = 64;
/// Keys (clients, values of a field) that are remembered at once, all limits together: 2 MiB, taken with the first limit.
const KEYS_MAX: usize = 128 * 1024;

/// Buckets of all rate limits.
#[derive(Debug, Default)]
pub(crate) struct Rates {
    /// Nobody can choose keys that meet in one place.
    keys: RandomState,
    parts: OnceLock<Box<[Mutex<Buckets>]>>,
}

impl Rates {
    /// Takes a token of one limit. `field`: the value of the field that it counts by.
    pub(crate) fn take(&self, limit: &RateLimit, client: IpAddr, field: &[u8], now: Duration) -> Taken {
        let key = match limit.by {
            RateBy::Client => self.keys.hash_one((&limit.name, client_of(client))),
            RateBy::Header(_) => self.keys.hash_one((&limit.name, field)),
            RateBy::Route => self.keys.hash_one(&limit.name),
        };
        let part = || Mutex::new(Buckets::with_room(KEYS_MAX / PARTS));
        let parts = self.parts.get_or_init(|| (0..PARTS).map(|_| part()).collect());
        // Both parts of the key are spread: one chooses the lock, the other the place.
        let mut buckets = parts[(key >> 32) as usize % PARTS].lock().unwrap_or_else(PoisonError::into_inner);
        buckets.take(key, &limit.rate, now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use balancer_core::Rate;

    fn limit(name: &str, by: RateBy, burst: u32) -> RateLimit {
        let rate = Rate::new(1, Duration::from_secs(1), burst).expect("a rate");
        RateLimit { rate, by, dry_run: false, name: name.to_owned() }
    }

    /// However many workers ask at once, no more are let in than one worker would let in.
    #[test]
    fn all_workers_take_from_one_bucket() {
        let (rates, limit) = (Rates::default(), limit("a", RateBy::Client, 1000));
        let take = |_| rates.take(&limit, IpAddr::from([192, 0, 2, 7]), b"", Duration::from_secs(1)).wait.is_none();
        let let_in: usize = std::thread::scope(|scope| {
            let workers: Vec<_> = (0..4).map(|_| scope.spawn(|| (0..500).filter(|n| take(*n)).count())).collect();
            workers.into_iter().map(|worker| worker.join().expect("a worker")).sum()
        });
        assert_eq!(let_in, 1000);
    }

    #[test]
    fn limits_and_their_keys_are_told_apart() {
        let rates = Rates::default();
        let ask = |limit: &RateLimit, client: [u8; 4], field: &[u8]| {
            rates.take(limit, client.into(), field, Duration::from_secs(1)).wait.is_none()
        };
        let (a, b) = (limit("a", RateBy::Client, 1), limit("b", RateBy::Client, 1));
        assert!(ask(&a, [1; 4], b"") && ask(&a, [2; 4], b"") && ask(&b, [1; 4], b"") && !ask(&a, [1; 4], b""));
        let by_field = limit("c", RateBy::Header("X".into()), 1);
        assert!(ask(&by_field, [1; 4], b"x") && ask(&by_field, [1; 4], b"y") && !ask(&by_field, [2; 4], b"x"));
        let all = limit("d", RateBy::Route, 1);
        assert!(ask(&all, [1; 4], b"x") && !ask(&all, [2; 4], b"y"));
    }
}
