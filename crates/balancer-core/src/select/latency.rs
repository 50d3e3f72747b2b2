//! How long a server takes to its first byte, on average over time, in one word that workers share without a lock.
//!
//! An old time counts for less and less: a server that was slow is tried again, and is found slow again or not.

use core::time::Duration;

/// After so long a time counts for half.
const HALF_LIFE_MS: u32 = 10_000;
/// At most so much of the average stays with each new time, in parts of [`WHOLE`].
const KEEP_MAX: u64 = WHOLE * 7 / 8;
const WHOLE: u64 = 1 << 16;

/// An average and when it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Latency {
    /// Microseconds; 0: nothing is known.
    micros: u32,
    /// Milliseconds of the workers' common clock, round every 49 days.
    at: u32,
}

impl Latency {
    /// As one word; 0 is a server of which nothing is known.
    pub fn to_bits(self) -> u64 {
        u64::from(self.micros) << 32 | u64::from(self.at)
    }

    /// From the word of [`Latency::to_bits`].
    pub fn from_bits(bits: u64) -> Self {
        Self { micros: (bits >> 32) as u32, at: bits as u32 }
    }

    /// What is to be reckoned with now, in microseconds; `None`: nothing is known.
    pub fn micros(self, now: Duration) -> Option<u32> {
        (self.micros > 0).then(|| (u64::from(self.micros) * self.left(now) / WHOLE).max(1) as u32)
    }

    /// After an answer that took so long. An error says nothing good of its server, however soon it came.
    #[must_use]
    pub fn after(self, took: Duration, is_error: bool, now: Duration) -> Self {
        let took = u32::try_from(took.as_micros()).unwrap_or(u32::MAX).max(1);
        let took = u64::from(if is_error { took.max(self.micros) } else { took });
        let keep = if self.micros == 0 { 0 } else { self.left(now).min(KEEP_MAX) };
        let micros = (u64::from(self.micros) * keep + took * (WHOLE - keep)) / WHOLE;
        Self { micros: micros.max(1) as u32, at: millis(now) }
    }

    /// How much of it is left: half after each half-life, and on a straight line between.
    fn left(self, now: Duration) -> u64 {
        let age = millis(now).wrapping_sub(self.at);
        // Other workers may have been quicker to look at their clocks.
        let age = if age > u32::MAX / 2 { 0 } else { age };
        let halved = WHOLE >> (age / HALF_LIFE_MS).min(63);
        halved - halved * u64::from(age % HALF_LIFE_MS) / u64::from(2 * HALF_LIFE_MS)
    }
}

fn millis(time: Duration) -> u32 {
    time.as_millis() as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn the_average_follows_what_is_measured() {
        let mut latency = Latency::default();
        assert_eq!(latency.micros(Duration::ZERO), None);
        latency = latency.after(8 * MS, false, Duration::ZERO);
        assert_eq!(latency.micros(Duration::ZERO), Some(8000));
        latency = latency.after(16 * MS, false, MS);
        assert_eq!(latency.micros(MS), Some(9000), "an eighth of the difference");
        for at in 0..100 {
            latency = latency.after(2 * MS, false, at * MS);
        }
        assert_eq!(latency.micros(100 * MS).map(|micros| micros.div_ceil(100)), Some(20), "{latency:?}");
        assert_eq!(Latency::from_bits(latency.to_bits()), latency);
    }

    #[test]
    fn what_is_old_counts_for_less_until_it_is_measured_again() {
        let slow = Latency::default().after(800 * MS, false, Duration::ZERO);
        let after = |seconds| slow.micros(Duration::from_secs(seconds));
        assert_eq!([0, 5, 10, 30, 1000].map(after), [800_000, 600_000, 400_000, 100_000, 1].map(Some));
        let again = slow.after(2 * MS, false, Duration::from_secs(60));
        assert!(again.micros(Duration::from_secs(60)).is_some_and(|micros| micros < 20_000), "{again:?}");
    }

    #[test]
    fn an_error_makes_nobody_look_quicker() {
        let slow = Latency::default().after(8 * MS, false, Duration::ZERO);
        assert!(slow.after(MS / 10, true, MS).micros(MS) >= Some(7999));
        assert!(slow.after(80 * MS, true, MS).micros(MS) > Some(8000));
    }

    /// The clock is told by each worker for itself, and comes round.
    #[test]
    fn times_out_of_order_do_no_harm() {
        let one = Latency::default().after(8 * MS, false, Duration::from_secs(5));
        assert_eq!(one.micros(Duration::from_millis(4999)), Some(8000));
        let end = Duration::from_millis(u64::from(u32::MAX));
        let one = Latency::default().after(8 * MS, false, end);
        assert_eq!(one.micros(end + 10_000 * MS), Some(4000));
    }
}
