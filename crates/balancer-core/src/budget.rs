//! How many requests may be sent again: a share of those that came, and a few each second whatever came. Who repeats all that
//! fails doubles what a server in distress has to bear.
//!
//! ```text
//!   requests of the last seconds -- share --> [ purse ] -- one each --> repetitions
//!                   so many each second ---->
//! ```
//! Only a repetition of what a server may have worked on costs anything: a connection that was refused, and a kept one that was
//! closed before the request came, cost it nothing. The purse is one word ([`Purse::to_bits`]), so that workers can share it
//! without a lock; requests put into it only when somebody draws, out of what was counted anyway.

use core::time::Duration;

/// What requests have put in is of use for so long.
const WINDOW: Duration = Duration::from_secs(10);
/// What one repetition costs.
const PRICE: u64 = 1000;
const LEVEL_BITS: u32 = 24;
const LEVEL_MAX: u64 = (1 << LEVEL_BITS) - 1;

/// How many repetitions there may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryBudget {
    /// For a hundred requests.
    pub percent: u32,
    /// And so many each second.
    pub per_second: u32,
}

impl Default for RetryBudget {
    fn default() -> Self {
        Self { percent: 20, per_second: 10 }
    }
}

impl RetryBudget {
    /// What so many requests put in, which came evenly in so much time.
    pub fn share_of(&self, requests: u64, over: Duration) -> u64 {
        let all = requests.saturating_mul(u64::from(self.percent)).saturating_mul(PRICE / 100);
        let recent = match over > WINDOW {
            true => u128::from(all) * WINDOW.as_millis() / over.as_millis(),
            false => u128::from(all),
        };
        u64::try_from(recent).unwrap_or(u64::MAX).min(LEVEL_MAX)
    }

    /// What is there of each second, at most: those of one.
    fn floor(&self) -> u64 {
        u64::from(self.per_second) * PRICE
    }
}

/// What is left.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Purse {
    /// In thousandths of a repetition.
    level: u64,
    /// Milliseconds of the workers' common clock: when it was looked at last.
    at: u64,
}

impl Purse {
    /// As one word; 0 is one into which nobody has looked yet: what there is of each second is all there.
    pub fn to_bits(self) -> u64 {
        self.at << LEVEL_BITS | self.level
    }

    /// From the word of [`Purse::to_bits`].
    pub fn from_bits(bits: u64) -> Self {
        Self { level: bits & LEVEL_MAX, at: bits >> LEVEL_BITS }
    }

    /// Puts `share` in and takes one repetition out. `None`: there is not enough for one.
    pub fn draw(self, share: u64, now: Duration, budget: &RetryBudget) -> (Self, bool) {
        // One worker's clock may be behind another's.
        let now = (now.as_millis() as u64).max(self.at).max(1);
        let before = if self == Self::default() { budget.floor() } else { self.level_after(now - self.at, budget) };
        let level = (before + share).min(LEVEL_MAX);
        let pays = level >= PRICE;
        (Self { level: if pays { level - PRICE } else { level }, at: now }, pays)
    }

    /// What requests have put in fades within the window; what there is each second fills up.
    fn level_after(self, millis: u64, budget: &RetryBudget) -> u64 {
        let (floor, window) = (budget.floor().min(LEVEL_MAX), WINDOW.as_millis() as u64);
        match self.level.checked_sub(floor) {
            Some(above) => floor + above * window.saturating_sub(millis) / window,
            None => (self.level + millis.saturating_mul(floor) / 1000).min(floor),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use seed::Rng;

    const USUAL: RetryBudget = RetryBudget { percent: 20, per_second: 10 };

    fn second(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    /// Draws until nothing is left: how often that went.
    fn draw_all(purse: &mut Purse, share: u64, now: Duration, budget: &RetryBudget) -> u32 {
        let mut share = share;
        let mut once = || {
            let (after, pays) = purse.draw(std::mem::take(&mut share), now, budget);
            *purse = after;
            pays
        };
        (0..100_000).take_while(|_| once()).count() as u32
    }

    #[test]
    fn a_few_are_always_there_and_come_back_with_time() {
        let mut purse = Purse::default();
        assert_eq!(draw_all(&mut Purse::default(), 0, Duration::ZERO, &USUAL), 10, "from the first moment on");
        assert_eq!(draw_all(&mut purse, 0, second(100), &USUAL), 10);
        assert_eq!(draw_all(&mut purse, 0, second(100), &USUAL), 0);
        assert_eq!(draw_all(&mut purse, 0, second(100) + Duration::from_millis(300), &USUAL), 3);
        assert_eq!(draw_all(&mut purse, 0, second(200), &USUAL), 10, "never more than those of a second");
        assert_eq!(draw_all(&mut purse, 0, second(199), &USUAL), 0, "a clock that is behind gives nothing");
        // However often somebody asks in vain.
        let one = RetryBudget { percent: 0, per_second: 1 };
        let mut purse = Purse::default().draw(0, second(9), &one).0;
        let drawn = (0..=2000).filter(|ms| draw_all(&mut purse, 0, second(9) + Duration::from_millis(*ms), &one) > 0);
        assert_eq!(drawn.count(), 2);
    }

    #[test]
    fn requests_put_in_their_share_which_fades() {
        let share = USUAL.share_of(1000, second(5));
        assert_eq!(draw_all(&mut Purse::default(), share, second(100), &USUAL), 210);
        // Those of the last seconds, where they came over a longer time.
        assert_eq!(draw_all(&mut Purse::default(), USUAL.share_of(1000, second(50)), second(100), &USUAL), 50);
        for (later, left) in [(0, 209), (5, 109), (10, 10), (1000, 10)] {
            let (mut purse, paid) = Purse::default().draw(share, second(100), &USUAL);
            assert!(paid);
            assert_eq!(draw_all(&mut purse, 0, second(100 + later), &USUAL), left, "after {later} s");
        }
        let nothing = RetryBudget { percent: 20, per_second: 0 };
        assert_eq!(draw_all(&mut Purse::default(), 0, second(100), &nothing), 0);
        assert_eq!(draw_all(&mut Purse::default(), nothing.share_of(10, second(1)), second(100), &nothing), 2);
    }

    #[test]
    fn a_purse_fits_a_word() {
        let far = Purse { level: LEVEL_MAX, at: (1 << (64 - LEVEL_BITS)) - 1 };
        assert_eq!(Purse::from_bits(far.to_bits()), far);
        assert_eq!(Purse::default().to_bits(), 0);
        let (full, paid) = far.draw(u64::MAX / 2, Duration::ZERO, &USUAL);
        assert!(paid && full.level == LEVEL_MAX - PRICE);
        assert_eq!(USUAL.share_of(u64::MAX, second(1)), LEVEL_MAX);
    }

    /// Several workers draw from one purse for requests that come at any rate: never more than the budget says.
    #[test]
    fn repetitions_never_exceed_the_budget() {
        let replay =
            testkit::Replay { package: "balancer-core", target: "--lib", test: "repetitions_never_exceed_the_budget" };
        testkit::sweep(replay, 300, |seed| {
            let mut rng = Rng::new(seed);
            let budget = RetryBudget { percent: rng.range(0, 101) as u32, per_second: rng.range(0, 20) as u32 };
            let mut purse = Purse::default();
            let mut since = [(0u64, second(1)); 3];
            let (mut requests, mut paid, mut now) = (0u64, 0u64, second(1));
            for _ in 0..2000 {
                now += Duration::from_millis(*rng.pick(&[0, 0, 1, 10, 300]));
                let (new, before) = &mut since[rng.index(3)];
                let came = rng.range(0, 5);
                (requests, *new) = (requests + came, *new + came);
                if rng.chance(0.7) {
                    let share = budget.share_of(std::mem::take(new), now - std::mem::replace(before, now));
                    let (after, pays) = Purse::from_bits(purse.to_bits()).draw(share, now, &budget);
                    (purse, paid) = (after, paid + u64::from(pays));
                }
            }
            let seconds = now.as_secs_f64(); // the first of them is what the purse begins with
            let most = requests as f64 * f64::from(budget.percent) / 100.0 + f64::from(budget.per_second) * seconds;
            match paid as f64 <= most + 1.0 {
                true => Ok(()),
                false => Err(format!("{paid} repetitions of {requests} requests in {seconds} s: {budget:?}")),
            }
        });
    }
}
