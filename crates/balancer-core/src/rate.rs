//! How often somebody may ask: a bucket of tokens for each, as one number, in a table of fixed size.
//!
//! ```text
//!   tokens  burst |----.            .----      each request takes one; they come back at the rate
//!                 |     `----.   .-'
//!               0 |           `-'  <- refused until here
//! ```
//! A bucket is the time at which it is full again (GCRA): nothing has to be refilled, and one that is full says nothing,
//! so that its place may be another's.

use core::time::Duration;
use std::num::NonZeroU64;

/// Places that one key may have: who comes when all are taken gets that of the bucket that is fullest.
const WAYS: usize = 8;

/// How often, and how many at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Nanoseconds for one token to come back.
    every_ns: NonZeroU64,
    /// Tokens of a full bucket.
    burst: u32,
}

impl Rate {
    /// `count` in each `period`, and `burst` at once; `None` where that cannot be told in whole nanoseconds for one, or is
    /// nothing.
    pub fn new(count: u32, period: Duration, burst: u32) -> Option<Self> {
        let every_ns = u64::try_from(period.as_nanos()).ok()?.checked_div(u64::from(count))?;
        let all = every_ns.checked_mul(u64::from(burst))?;
        (burst > 0 && all < u64::MAX / 2).then_some(Self { every_ns: NonZeroU64::new(every_ns)?, burst })
    }

    /// Tokens that come back in a second.
    pub fn per_s(&self) -> f64 {
        1e9 / self.every_ns.get() as f64
    }

    /// How long an empty bucket takes to be full.
    pub fn span(&self) -> Duration {
        Duration::from_nanos(self.every_ns.get() * u64::from(self.burst))
    }

    /// Takes a token from the bucket that is full at `full_at`: when it is full after that, or how long it takes until there
    /// is a token.
    pub fn take(&self, full_at: Duration, now: Duration) -> Result<Duration, Duration> {
        let (full_at, now) = (as_ns(full_at), as_ns(now));
        self.take_ns(full_at, now).map(Duration::from_nanos).map_err(Duration::from_nanos)
    }

    fn take_ns(&self, full_at: u64, now: u64) -> Result<u64, u64> {
        let every = self.every_ns.get();
        // A bucket that was emptied under another rate is empty, and no more than that.
        let empty = now.saturating_add(every * u64::from(self.burst));
        let begun = full_at.clamp(now, empty);
        let latest = empty - every;
        if begun <= latest { Ok(begun.saturating_add(every)) } else { Err(begun - latest) }
    }
}

fn as_ns(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// Buckets by key, so many and no more.
#[derive(Clone, Debug)]
pub struct Buckets {
    sets: Box<[[Bucket; WAYS]]>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Bucket {
    /// 0 where there is none.
    key: u64,
    full_at_ns: u64,
}

/// What came of taking a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Taken {
    /// How long it takes until there is one, where there was none.
    pub wait: Option<Duration>,
    /// A bucket that was not full had to go: whoever it was may take more than it should.
    pub evicted: bool,
}

impl Buckets {
    /// Room for at least so many.
    pub fn with_room(count: usize) -> Self {
        Self { sets: vec![[Bucket::default(); WAYS]; count.div_ceil(WAYS).max(1)].into() }
    }

    /// Takes a token for `key`, which spreads evenly.
    pub fn take(&mut self, key: u64, rate: &Rate, now: Duration) -> Taken {
        let (key, now) = (key.max(1), as_ns(now));
        let set = (key % self.sets.len() as u64) as usize;
        let (bucket, evicted) = place_of(&mut self.sets[set], key, now);
        match rate.take_ns(bucket.full_at_ns, now) {
            Ok(full_at_ns) => {
                bucket.full_at_ns = full_at_ns;
                Taken { wait: None, evicted }
            }
            Err(wait) => Taken { wait: Some(Duration::from_nanos(wait)), evicted },
        }
    }
}

/// Its own place, or that of the bucket which is full soonest; whether that one was not full yet.
fn place_of(set: &mut [Bucket; WAYS], key: u64, now: u64) -> (&mut Bucket, bool) {
    if let Some(at) = set.iter().position(|bucket| bucket.key == key) {
        return (&mut set[at], false);
    }
    let soonest = (0..WAYS).min_by_key(|at| set[*at].full_at_ns).unwrap_or(0);
    let evicted = set[soonest].key != 0 && set[soonest].full_at_ns > now;
    set[soonest] = Bucket { key, full_at_ns: 0 };
    (&mut set[soonest], evicted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use seed::Rng;
    use testkit::{Replay, sweep};

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn a_burst_at_once_then_at_the_rate() {
        let rate = Rate::new(10, Duration::from_secs(1), 3).unwrap();
        let mut buckets = Buckets::with_room(1);
        let mut take = |now| buckets.take(7, &rate, ms(now)).wait;
        assert_eq!((take(1000), take(1000), take(1000)), (None, None, None));
        assert_eq!((take(1000), take(1050)), (Some(ms(100)), Some(ms(50))), "what was refused costs nothing");
        assert_eq!((take(1100), take(1100)), (None, Some(ms(100))));
        assert_eq!((take(9000), take(9000), take(9000), take(9000)), (None, None, None, Some(ms(100))));
    }

    /// A reload may bring another rate for buckets that stay.
    #[test]
    fn a_looser_rate_counts_at_once() {
        let slow = Rate::new(10, Duration::from_secs(3600), 2).unwrap();
        let fast = Rate::new(10, Duration::from_secs(1), 2).unwrap();
        let mut buckets = Buckets::with_room(1);
        assert_eq!((buckets.take(7, &slow, ms(0)).wait, buckets.take(7, &slow, ms(0)).wait), (None, None));
        assert_eq!(buckets.take(7, &fast, ms(0)).wait, Some(ms(100)));
        assert_eq!(buckets.take(7, &fast, ms(200)).wait, Some(ms(100)), "what was taken too soon costs nothing");
    }

    #[test]
    fn what_is_no_rate() {
        assert_eq!(Rate::new(0, ms(1), 1), None);
        assert_eq!(Rate::new(1, ms(1), 0), None);
        assert_eq!(Rate::new(u32::MAX, ms(1), 1), None, "more than one in a nanosecond");
        assert_eq!(Rate::new(1, Duration::from_secs(86_400), u32::MAX), None);
    }

    #[test]
    fn a_full_bucket_goes_first_and_one_that_limits_is_counted() {
        let rate = Rate::new(1, Duration::from_secs(1), 2).unwrap();
        let mut buckets = Buckets::with_room(WAYS);
        for key in 1..=WAYS as u64 {
            assert_eq!(buckets.take(key, &rate, ms(100 * key)), Taken { wait: None, evicted: false });
        }
        assert!(buckets.take(99, &rate, ms(900)).evicted, "none is full yet");
        assert!(!buckets.take(98, &rate, ms(1300)).evicted, "one is full again");
    }

    /// Whatever comes when: in no time of length t does one key get more than burst + rate * t, nor less than it asks for
    /// up to that where it asks often enough.
    #[test]
    fn never_more_than_the_burst_and_the_rate() {
        let replay =
            Replay { package: "balancer-core", target: "--lib", test: "never_more_than_the_burst_and_the_rate" };
        sweep(replay, 300, |seed| {
            let mut rng = Rng::new(seed);
            let (count, burst) = (rng.range(1, 1000) as u32, rng.range(1, 20) as u32);
            let rate = Rate::new(count, Duration::from_secs(1), burst).ok_or("a rate")?;
            let every = Duration::from_secs(1) / count;
            let mut buckets = Buckets::with_room(64);
            let (mut now, mut given) = (Duration::from_secs(rng.range(0, 5)), Vec::new());
            for _ in 0..400 {
                now += every.mul_f64(2.0 * rng.unit() * rng.unit());
                let taken = buckets.take(seed | 1, &rate, now);
                match taken.wait {
                    None => given.push(now),
                    Some(wait) if wait.is_zero() || wait > every => return Err(format!("{wait:?} of {every:?}")),
                    Some(_) => {}
                }
            }
            for (from, first) in given.iter().enumerate() {
                for (to, last) in given.iter().enumerate().skip(from) {
                    let (got, span) = ((to - from + 1) as u128, *last - *first);
                    let most = u128::from(burst) + span.as_nanos() / rate.every_ns.get() as u128;
                    if got > most {
                        return Err(format!("{got} within {span:?} at {rate:?}"));
                    }
                }
            }
            Ok(())
        });
    }
}
