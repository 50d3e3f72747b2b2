//! Time-outs: a hashed timing wheel (Varghese and Lauck 1987, scheme 6).
//!
//! ```text
//! buckets:   [ 0 ][ 1 ] ... [ cursor ][ ]...[1023]     16 ms each, 16.4 s per revolution
//!               |                ^ everything up to here was looked at
//!             timer <-> timer    (a list through the slab; those of later revolutions stay)
//! ```
//! Setting and cancelling touch one list; a bitmap of occupied buckets finds the next deadline. A timer
//! never fires early and, if the caller keeps to [`TimerWheel::poll_deadline`], less than one tick late.

use std::cell::Cell;
use std::time::Duration;

/// Width of a bucket, in milliseconds: the precision of every time-out.
pub const TICK_MS: u64 = 16;
/// Buckets per revolution.
const BUCKETS: usize = 1024;
/// Head of the list of timers that are due, after the heads of the buckets.
const DUE: usize = BUCKETS;
const WORD_BITS: usize = 64;
const NONE: u32 = u32::MAX;

/// Names a timer. Once that timer fired or was cancelled the name means nothing and does no harm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TimerId {
    index: u32,
    generation: u32,
}

/// Timers that hand back a `K` when they are due.
#[derive(Debug)]
pub struct TimerWheel<K> {
    heads: Box<[u32; BUCKETS + 1]>,
    occupied: [u64; BUCKETS / WORD_BITS],
    slab: Vec<Node<K>>,
    /// First free slot of the slab, linked through `next`.
    free: u32,
    /// The last tick whose bucket was looked at.
    cursor: u64,
    len: usize,
    /// What [`TimerWheel::poll_deadline`] has found, until something changes: it is asked far more often.
    nearest: Cell<Option<Option<Duration>>>,
}

#[derive(Debug)]
struct Node<K> {
    key: K,
    due_tick: u64,
    generation: u32,
    /// List this node is in, or `NONE` when it is free.
    list: u32,
    prev: u32,
    next: u32,
}

impl<K: Copy> Default for TimerWheel<K> {
    fn default() -> Self {
        Self::new()
    }
}

impl<K: Copy> TimerWheel<K> {
    /// A wheel without timers, at time zero.
    pub fn new() -> Self {
        Self {
            heads: Box::new([NONE; BUCKETS + 1]),
            occupied: [0; BUCKETS / WORD_BITS],
            slab: Vec::new(),
            free: NONE,
            cursor: 0,
            len: 0,
            nearest: Cell::new(None),
        }
    }

    /// Sets a timer for `at`. A time that has passed is due at once.
    pub fn set(&mut self, at: Duration, key: K) -> TimerId {
        self.nearest.set(None);
        let due_tick = tick_not_before(at);
        let list = if due_tick <= self.cursor { DUE } else { due_tick as usize % BUCKETS };
        let index = self.occupy_slot(key, due_tick);
        self.link(index, list);
        self.len += 1;
        TimerId { index, generation: self.slab[index as usize].generation }
    }

    /// Takes a timer back; false when it had fired or been cancelled before.
    pub fn cancel(&mut self, timer: TimerId) -> bool {
        match self.slab.get(timer.index as usize) {
            Some(node) if node.generation == timer.generation && node.list != NONE => {
                self.nearest.set(None);
                self.release(timer.index);
                true
            }
            _ => false,
        }
    }

    /// Will this timer still fire?
    pub fn is_set(&self, timer: TimerId) -> bool {
        let node = self.slab.get(timer.index as usize);
        node.is_some_and(|node| node.generation == timer.generation && node.list != NONE)
    }

    /// When [`TimerWheel::pop_due`] should be called next. May be early when only timers of a later
    /// revolution are in the next bucket; late by less than a tick.
    pub fn poll_deadline(&self) -> Option<Duration> {
        if let Some(known) = self.nearest.get() {
            return known;
        }
        let tick = if self.heads[DUE] == NONE { self.next_occupied_tick() } else { Some(self.cursor) };
        let nearest = tick.map(|tick| Duration::from_millis(tick * TICK_MS));
        self.nearest.set(Some(nearest));
        nearest
    }

    /// The key of a timer that is due at `now`, or `None` when none is left. Order among timers due
    /// together is not defined.
    pub fn pop_due(&mut self, now: Duration) -> Option<K> {
        self.nearest.set(None);
        let now_tick = now.as_millis() as u64 / TICK_MS;
        while self.heads[DUE] == NONE {
            match self.next_occupied_tick() {
                Some(tick) if tick <= now_tick => {
                    self.cursor = tick;
                    self.collect_due(tick as usize % BUCKETS, now_tick);
                }
                _ => {
                    self.cursor = self.cursor.max(now_tick);
                    return None;
                }
            }
        }
        let index = self.heads[DUE];
        let key = self.slab[index as usize].key;
        self.release(index);
        Some(key)
    }

    /// Timers that are set.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Is none set?
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Moves the timers of `bucket` that are due to the due list; those of later revolutions stay.
    fn collect_due(&mut self, bucket: usize, now_tick: u64) {
        let mut index = self.heads[bucket];
        while index != NONE {
            let Node { next, due_tick, .. } = self.slab[index as usize];
            if due_tick <= now_tick {
                self.unlink(index);
                self.link(index, DUE);
            }
            index = next;
        }
    }

    /// The tick after the cursor whose bucket holds anything, within one revolution.
    fn next_occupied_tick(&self) -> Option<u64> {
        let start = (self.cursor + 1) as usize % BUCKETS;
        let words = self.occupied.len();
        let (first, bit) = (start / WORD_BITS, start % WORD_BITS);
        // The word of the start is looked at twice: its upper bits first, its lower bits last.
        (0..=words).find_map(|step| {
            let word = (first + step) % words;
            let mask = match step {
                0 => u64::MAX << bit,
                _ if step == words => !(u64::MAX << bit),
                _ => u64::MAX,
            };
            let bits = self.occupied[word] & mask;
            let bucket = word * WORD_BITS + bits.trailing_zeros() as usize;
            let distance = (bucket + BUCKETS - start) % BUCKETS;
            (bits != 0).then_some(self.cursor + 1 + distance as u64)
        })
    }

    fn occupy_slot(&mut self, key: K, due_tick: u64) -> u32 {
        if self.free == NONE {
            let index = u32::try_from(self.slab.len()).expect("fewer than 2^32 timers");
            self.slab.push(Node { key, due_tick, generation: 0, list: NONE, prev: NONE, next: NONE });
            return index;
        }
        let index = self.free;
        let node = &mut self.slab[index as usize];
        self.free = node.next;
        (node.key, node.due_tick) = (key, due_tick);
        index
    }

    /// Unlinks a node and makes its slot free; its name ends here.
    fn release(&mut self, index: u32) {
        self.unlink(index);
        let node = &mut self.slab[index as usize];
        node.generation = node.generation.wrapping_add(1);
        node.next = self.free;
        self.free = index;
        self.len -= 1;
    }

    fn link(&mut self, index: u32, list: usize) {
        let next = std::mem::replace(&mut self.heads[list], index);
        let node = &mut self.slab[index as usize];
        (node.list, node.prev, node.next) = (list as u32, NONE, next);
        if next != NONE {
            self.slab[next as usize].prev = index;
        }
        self.mark(list);
    }

    fn unlink(&mut self, index: u32) {
        let node = &mut self.slab[index as usize];
        let (list, prev, next) = (node.list as usize, node.prev, node.next);
        node.list = NONE;
        match prev {
            NONE => self.heads[list] = next,
            _ => self.slab[prev as usize].next = next,
        }
        if next != NONE {
            self.slab[next as usize].prev = prev;
        }
        self.mark(list);
    }

    /// Makes the bitmap say whether `list` holds anything.
    fn mark(&mut self, list: usize) {
        if list == DUE {
            return;
        }
        let bit = 1 << (list % WORD_BITS);
        match self.heads[list] {
            NONE => self.occupied[list / WORD_BITS] &= !bit,
            _ => self.occupied[list / WORD_BITS] |= bit,
        }
    }
}

/// The first tick that is not before `at`: rounding up is what keeps a timer from firing early.
fn tick_not_before(at: Duration) -> u64 {
    at.as_micros().div_ceil(u128::from(TICK_MS) * 1000).min(u128::from(u64::MAX / TICK_MS)) as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use seed::Rng;
    use std::collections::BTreeMap;
    use testkit::{Replay, sweep};

    const TICK: Duration = Duration::from_millis(TICK_MS);

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn pop_all(wheel: &mut TimerWheel<u32>, now: Duration) -> Vec<u32> {
        let mut keys: Vec<u32> = std::iter::from_fn(|| wheel.pop_due(now)).collect();
        keys.sort_unstable();
        keys
    }

    #[test]
    fn a_timer_fires_once_never_early_less_than_a_tick_late() {
        for at_us in [0, 1, 15_999, 16_000, 16_001, 1_000_000, 16_384_000, 60_000_000, 3_600_000_000] {
            let at = Duration::from_micros(at_us);
            let mut wheel = TimerWheel::new();
            wheel.set(at, 1);
            let mut fired = None;
            while let Some(deadline) = wheel.poll_deadline() {
                assert!(deadline < at + TICK);
                if wheel.pop_due(deadline).is_some() {
                    assert_eq!(fired.replace(deadline), None);
                }
            }
            let fired = fired.expect("it fires");
            assert!(fired >= at && fired < at + TICK, "{at:?} fired at {fired:?}");
        }
    }

    #[test]
    fn a_timer_that_is_overdue_when_set_fires_at_once() {
        let mut wheel = TimerWheel::new();
        assert_eq!(wheel.pop_due(ms(1000)), None);
        wheel.set(ms(500), 5);
        assert!(wheel.poll_deadline().is_some_and(|deadline| deadline <= ms(1000)));
        assert_eq!(pop_all(&mut wheel, ms(1000)), [5]);
    }

    #[test]
    fn cancelling_a_fired_cancelled_or_reused_timer_is_harmless() {
        let mut wheel = TimerWheel::new();
        let fired = wheel.set(ms(10), 1);
        let cancelled = wheel.set(ms(10), 2);
        assert!(wheel.is_set(cancelled) && wheel.cancel(cancelled));
        assert!(wheel.is_set(fired) && !wheel.is_set(cancelled));
        assert_eq!(pop_all(&mut wheel, ms(20)), [1]);
        wheel.set(ms(30), 3);
        wheel.set(ms(30), 4);
        assert!(!wheel.cancel(fired) && !wheel.cancel(cancelled));
        assert_eq!(pop_all(&mut wheel, ms(40)), [3, 4]);
        assert!(wheel.is_empty() && wheel.poll_deadline().is_none());
    }

    #[test]
    fn timers_one_revolution_apart_share_a_bucket_but_not_a_time() {
        let mut wheel = TimerWheel::new();
        let revolution = TICK * BUCKETS as u32;
        for turn in 1..=3 {
            wheel.set(ms(160) + revolution * (turn - 1), turn);
        }
        assert_eq!(pop_all(&mut wheel, ms(160)), [1]);
        assert_eq!(pop_all(&mut wheel, revolution), []);
        assert_eq!(pop_all(&mut wheel, ms(160) + revolution), [2]);
        assert_eq!(pop_all(&mut wheel, ms(500) + revolution * 5), [3]);
    }

    #[test]
    fn a_warm_wheel_does_not_grow() {
        let mut wheel = TimerWheel::new();
        for round in 0..1000u64 {
            let timers: Vec<_> = (0..10).map(|key| wheel.set(ms(round * 20 + key), key)).collect();
            assert!(timers.iter().step_by(2).all(|timer| wheel.cancel(*timer)));
            while wheel.pop_due(ms(round * 20 + 40)).is_some() {}
        }
        assert_eq!(wheel.slab.len(), 10);
    }

    /// The simplest thing that could be right: every timer in a sorted map.
    #[derive(Default)]
    struct Model {
        timers: BTreeMap<u32, (Duration, TimerId)>,
    }

    impl Model {
        fn check_fired(&mut self, fired: &[u32], now: Duration) -> Result<(), String> {
            for key in fired {
                let (at, _) = self.timers.remove(key).ok_or(format!("{key} fired twice"))?;
                if at > now {
                    return Err(format!("{key} for {at:?} fired early, at {now:?}"));
                }
            }
            match self.timers.iter().find(|(_, (at, _))| *at + TICK <= now) {
                Some((key, (at, _))) => Err(format!("{key} for {at:?} did not fire by {now:?}")),
                None => Ok(()),
            }
        }
    }

    fn compare_with_model(seed: u64) -> Result<(), String> {
        let mut rng = Rng::new(seed);
        let (mut wheel, mut model) = (TimerWheel::new(), Model::default());
        let mut now = Duration::ZERO;
        for key in 0..400 {
            let far_us = *rng.pick(&[1_000, 100_000, 20_000_000, 100_000_000]);
            let at = now + Duration::from_micros(rng.range(0, far_us));
            model.timers.insert(key, (at, wheel.set(at, key)));
            if rng.chance(0.3) {
                let victim = rng.index(key as usize + 1) as u32;
                let known = model.timers.remove(&victim);
                if known.is_some_and(|(_, timer)| !wheel.cancel(timer)) {
                    return Err(format!("{victim} could not be cancelled"));
                }
            }
            let step_us_max = *rng.pick(&[1, 20_000, 1_000_000, 30_000_000]);
            now += Duration::from_micros(rng.range(0, step_us_max));
            model.check_fired(&pop_all(&mut wheel, now), now)?;
            if wheel.len() != model.timers.len() {
                return Err(format!("{} timers, model has {}", wheel.len(), model.timers.len()));
            }
        }
        Ok(())
    }

    #[test]
    fn the_wheel_agrees_with_a_sorted_map() {
        let replay = Replay { package: "reactor", target: "--lib", test: "the_wheel_agrees_with_a_sorted_map" };
        sweep(replay, 200, compare_with_model);
    }
}
