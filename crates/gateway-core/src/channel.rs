//! One way of a link: delay, jitter, loss, reordering and a rate, by chance from a seed.

use crate::drops::DropReason;
use core::cmp::Reverse;
use core::time::Duration;
use seed::Rng;
use std::collections::BinaryHeap;

/// Frames that may be under way at the same time.
pub(crate) const QUEUE_FRAMES_MAX: usize = 8192;

/// What happens to frames on their way.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Weather {
    /// Every frame takes this long.
    pub delay: Duration,
    /// And up to this much more. Jitter alone keeps the order.
    pub jitter: Duration,
    /// Share of frames that are lost, 0.0 to 1.0.
    pub loss: f64,
    /// Share of frames that are overtaken, 0.0 to 1.0.
    pub reorder: f64,
    /// How much later an overtaken frame arrives.
    pub reorder_by: Duration,
    /// Bits per second; `None` without limit.
    pub rate_bits_per_s: Option<u64>,
}

impl Weather {
    /// At once, everything, in order.
    pub const CALM: Self = Self {
        delay: Duration::ZERO,
        jitter: Duration::ZERO,
        loss: 0.0,
        reorder: 0.0,
        reorder_by: Duration::ZERO,
        rate_bits_per_s: None,
    };

    /// The figure that makes no sense.
    pub(crate) fn check(&self) -> Result<(), &'static str> {
        if !(0.0..=1.0).contains(&self.loss) {
            return Err("loss");
        }
        if !(0.0..=1.0).contains(&self.reorder) {
            return Err("reorder");
        }
        if self.rate_bits_per_s == Some(0) {
            return Err("rate");
        }
        Ok(())
    }
}

/// A frame under way: due when, in which place, and what it is.
struct Waiting<T> {
    due: Duration,
    place: u64,
    load: T,
}

impl<T> PartialEq for Waiting<T> {
    fn eq(&self, other: &Self) -> bool {
        (self.due, self.place) == (other.due, other.place)
    }
}

impl<T> Eq for Waiting<T> {}

impl<T> PartialOrd for Waiting<T> {
    fn partial_cmp(&self, other: &Self) -> Option<core::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> Ord for Waiting<T> {
    fn cmp(&self, other: &Self) -> core::cmp::Ordering {
        (self.due, self.place).cmp(&(other.due, other.place))
    }
}

/// One way.
pub(crate) struct Channel<T> {
    weather: Weather,
    rng: Rng,
    waiting: BinaryHeap<Reverse<Waiting<T>>>,
    /// When the sender has sent everything so far.
    idle_at: Duration,
    /// When the last frame that kept its place arrives.
    last_due: Duration,
    places: u64,
}

impl<T> Channel<T> {
    pub(crate) fn new(weather: Weather, rng: Rng) -> Self {
        let (idle_at, last_due) = (Duration::ZERO, Duration::ZERO);
        Self { weather, rng, waiting: BinaryHeap::new(), idle_at, last_due, places: 0 }
    }

    /// Sends a frame of so many bytes on its way.
    pub(crate) fn push(&mut self, now: Duration, bytes: usize, load: T) -> Result<(), DropReason> {
        if self.waiting.len() >= QUEUE_FRAMES_MAX {
            return Err(DropReason::QueueFull);
        }
        let due = self.due(now, bytes);
        if self.rng.chance(self.weather.loss) {
            return Err(DropReason::Lost);
        }
        self.waiting.push(Reverse(Waiting { due, place: self.places, load }));
        self.places += 1;
        Ok(())
    }

    /// The next frame that has arrived.
    pub(crate) fn pop(&mut self, now: Duration) -> Option<T> {
        if self.next_due()? > now {
            return None;
        }
        self.waiting.pop().map(|Reverse(waiting)| waiting.load)
    }

    /// When the next frame arrives.
    pub(crate) fn next_due(&self) -> Option<Duration> {
        self.waiting.peek().map(|Reverse(waiting)| waiting.due)
    }

    fn due(&mut self, now: Duration, bytes: usize) -> Duration {
        let bits = bytes as u64 * 8;
        let sending = self.weather.rate_bits_per_s.map_or(0, |rate| bits.saturating_mul(1_000_000_000) / rate);
        self.idle_at = self.idle_at.max(now) + Duration::from_nanos(sending);
        let jitter = self.weather.jitter.mul_f64(self.rng.unit());
        let in_place = (self.idle_at + self.weather.delay + jitter).max(self.last_due);
        if self.rng.chance(self.weather.reorder) {
            return in_place + self.weather.reorder_by;
        }
        self.last_due = in_place;
        in_place
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    /// Numbers and arrival times in ms of ten frames of 125 bytes, sent 1 ms apart.
    fn run(weather: Weather, seed: u64) -> Vec<(u64, u64)> {
        let mut channel = Channel::new(weather, Rng::new(seed));
        let mut arrived = Vec::new();
        for step in 0..1000u32 {
            let now = MS * step;
            if step < 10 {
                let _lost = channel.push(now, 125, u64::from(step));
            }
            while let Some(number) = channel.pop(now) {
                arrived.push((number, u64::from(step)));
            }
        }
        assert_eq!(channel.next_due(), None);
        arrived
    }

    fn numbers(arrived: &[(u64, u64)]) -> Vec<u64> {
        arrived.iter().map(|(number, _)| *number).collect()
    }

    #[test]
    fn calm_is_at_once_and_delay_is_constant() {
        assert_eq!(run(Weather::CALM, 1), (0..10).map(|at| (at, at)).collect::<Vec<_>>());
        let delayed = run(Weather { delay: 20 * MS, ..Weather::CALM }, 1);
        assert_eq!(delayed, (0..10).map(|at| (at, at + 20)).collect::<Vec<_>>());
    }

    #[test]
    fn a_rate_spaces_frames_out() {
        // 1000 bits a frame at 100 kbit/s: one every 10 ms.
        let arrived = run(Weather { rate_bits_per_s: Some(100_000), ..Weather::CALM }, 1);
        assert_eq!(arrived, (0..10).map(|at| (at, 10 * (at + 1))).collect::<Vec<_>>());
    }

    #[test]
    fn jitter_keeps_the_order_and_reordering_does_not() {
        for seed in 0..50 {
            let jittery = run(Weather { jitter: 30 * MS, ..Weather::CALM }, seed);
            assert_eq!(numbers(&jittery), (0..10).collect::<Vec<_>>(), "seed {seed}");
        }
        let overtaken = Weather { reorder: 0.3, reorder_by: 5 * MS, ..Weather::CALM };
        let disturbed = (0..50).filter(|seed| !numbers(&run(overtaken, *seed)).is_sorted()).count();
        assert!(disturbed > 30, "{disturbed} of 50");
    }

    #[test]
    fn loss_follows_its_share_and_the_seed() {
        let lossy = Weather { loss: 0.25, ..Weather::CALM };
        let arrived: usize = (0..200).map(|seed| run(lossy, seed).len()).sum();
        assert!((1400..1600).contains(&arrived), "{arrived} of 2000");
        assert_eq!(run(lossy, 7), run(lossy, 7));
    }

    #[test]
    fn the_queue_is_bounded() {
        let mut channel = Channel::new(Weather { delay: MS, ..Weather::CALM }, Rng::new(0));
        for _ in 0..QUEUE_FRAMES_MAX {
            channel.push(Duration::ZERO, 60, ()).expect("room");
        }
        assert_eq!(channel.push(Duration::ZERO, 60, ()), Err(DropReason::QueueFull));
    }
}
