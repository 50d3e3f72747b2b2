//! How often clients have asked, all workers together: a few tables for all limits, in parts with a lock each, so that two
//! workers rarely meet.

use balancer_core::{Buckets, Rate, RateBy, RateLimit, Settings, Taken, treatment::client_of};
use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

/// Limits whose buckets take no longer than this to be full share a table, and so do those up to the next. The bucket that is
/// full soonest makes room for another: in one table all clients of a limit per hour would stand before those of one per second.
const SPANS: [Duration; 2] = [Duration::from_secs(10), Duration::from_secs(600)];
const TABLES: usize = SPANS.len() + 1;
/// Parts of a table.
const PARTS: usize = 64;
/// Keys (clients, values of a field) that are remembered at once by each table: 2 MiB, taken with the first request that one of its
/// limits counts.
const KEYS_MAX: usize = 128 * 1024;

/// What a key costs, room for more of them included.
const KEY_BYTES: u64 = 32;

type Table = OnceLock<Box<[Mutex<Buckets>]>>;

/// Buckets of all rate limits.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rates {
    /// Nobody can choose keys that meet in one place.
    keys: RandomState,
    tables: [Arc<Table>; TABLES],
}

impl Rates {
    /// For the limits of `settings`: a table that none of them goes by is let go.
    pub(crate) fn of(settings: &Settings, before: &Self) -> Self {
        let used = used(settings);
        let tables = std::array::from_fn(|at| if used[at] { Arc::clone(&before.tables[at]) } else { Arc::default() });
        Self { keys: before.keys.clone(), tables }
    }

    /// What all tables that the limits of `settings` go by can hold, in bytes.
    pub(crate) fn bytes_of(settings: &Settings) -> u64 {
        used(settings).iter().filter(|used| **used).count() as u64 * KEYS_MAX as u64 * KEY_BYTES
    }

    /// Takes a token of one limit. `field`: the value of the field that it counts by. Who sends none is counted by address:
    /// neither one client without the field nor all of them together get by, or stand in each other's way.
    pub(crate) fn take(&self, limit: &RateLimit, client: IpAddr, field: Option<&[u8]>, now: Duration) -> Taken {
        let key = match (&limit.by, field) {
            (RateBy::Route, _) => self.keys.hash_one(limit.name.number()),
            (RateBy::Header(_), Some(field)) => self.keys.hash_one((limit.name.number(), field)),
            // One word is hashed in one go, by far the most often of the three.
            (RateBy::Client | RateBy::Header(_), _) => {
                self.keys.hash_one(u128::from(limit.name.number()) << 64 | u128::from(client_of(client)))
            }
        };
        let part = || Mutex::new(Buckets::with_room(KEYS_MAX / PARTS));
        let parts = self.tables[table_of(&limit.rate)].get_or_init(|| (0..PARTS).map(|_| part()).collect());
        // Both parts of the key are spread: one chooses the lock, the other the place.
        let mut buckets = parts[(key >> 32) as usize % PARTS].lock().unwrap_or_else(PoisonError::into_inner);
        buckets.take(key, &limit.rate, now)
    }
}

/// The tables that some limit goes by.
fn used(settings: &Settings) -> [bool; TABLES] {
    let mut used = [false; TABLES];
    let routes = settings.listeners.iter().flat_map(|listener| listener.router.all());
    let treatments = settings.listeners.iter().map(|listener| &listener.treatment);
    let treatments = treatments.chain(routes.map(|route| &route.treatment));
    treatments.flat_map(|treatment| &treatment.rates).for_each(|limit| used[table_of(&limit.rate)] = true);
    used
}

fn table_of(rate: &Rate) -> usize {
    SPANS.iter().position(|span| rate.span() <= *span).unwrap_or(SPANS.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use balancer_core::{LimitName, ListenerSettings};
    use std::net::SocketAddr;

    fn limit(name: &str, by: RateBy, burst: u32) -> RateLimit {
        let rate = Rate::new(1, Duration::from_secs(1), burst).expect("a rate");
        RateLimit { rate, by, dry_run: false, name: LimitName::new(name) }
    }

    /// However many workers ask at once, no more are let in than one worker would let in.
    #[test]
    fn all_workers_take_from_one_bucket() {
        let (rates, limit) = (Rates::default(), limit("a", RateBy::Client, 1000));
        let take = |_| rates.take(&limit, IpAddr::from([192, 0, 2, 7]), None, Duration::from_secs(1)).wait.is_none();
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
            let field = Some(field).filter(|field| !field.is_empty());
            rates.take(limit, client.into(), field, Duration::from_secs(1)).wait.is_none()
        };
        let (a, b) = (limit("a", RateBy::Client, 1), limit("b", RateBy::Client, 1));
        assert!(ask(&a, [1; 4], b"") && ask(&a, [2; 4], b"") && ask(&b, [1; 4], b"") && !ask(&a, [1; 4], b""));
        let by_field = limit("c", RateBy::Header("X".into()), 1);
        assert!(ask(&by_field, [1; 4], b"x") && ask(&by_field, [1; 4], b"y") && !ask(&by_field, [2; 4], b"x"));
        let without = |client| ask(&by_field, [client; 4], b"");
        assert!(without(1) && without(2) && !without(1), "who sends no such field is counted by address");
        let all = limit("d", RateBy::Route, 1);
        assert!(ask(&all, [1; 4], b"x") && !ask(&all, [2; 4], b"y"));
    }

    /// Clients of a limit per hour, more than a table holds, and one that asks too often of a limit per second: it is remembered.
    #[test]
    fn slow_limits_push_no_fast_ones_out() {
        let rates = Rates::default();
        let hourly = RateLimit {
            rate: Rate::new(1, Duration::from_secs(3600), 1).expect("a rate"),
            ..limit("a", RateBy::Client, 1)
        };
        let (fast, now) = (limit("b", RateBy::Client, 5), Duration::from_secs(1));
        let ask = |limit: &RateLimit, client: u32| {
            rates.take(limit, IpAddr::from(client.to_be_bytes()), None, now).wait.is_none()
        };
        assert_eq!((0..9).filter(|_| ask(&fast, 7)).count(), 5);
        for client in 0..2 * KEYS_MAX as u32 {
            ask(&hourly, client);
        }
        assert!(!ask(&fast, 7), "it was forgotten");
    }

    #[test]
    fn a_table_is_let_go_with_its_last_limit() {
        let with = |limits: Vec<RateLimit>| {
            let mut listener = ListenerSettings::new("web", SocketAddr::from(([127, 0, 0, 1], 80)), 0);
            listener.treatment.rates = limits;
            Settings { listeners: vec![listener], backend_sets: Vec::new() }
        };
        let (limit, now) = (limit("a", RateBy::Route, 1), Duration::from_secs(1));
        let asks = |rates: &Rates| rates.take(&limit, [1; 4].into(), None, now).wait.is_none();
        let first = Rates::of(&with(vec![limit.clone()]), &Rates::default());
        assert!(asks(&first) && !asks(&Rates::of(&with(vec![limit.clone()]), &first)), "a reload keeps it");
        let without = Rates::of(&with(Vec::new()), &first);
        assert!(without.tables.iter().all(|table| table.get().is_none()), "2 MiB for nobody");
    }
}
