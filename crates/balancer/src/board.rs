//! What all workers know together of one server: a few words, shared without a lock.

use crate::line::{NOBODY, SharedLine};
use balancer_core::select::{RAMP_FULL, ramp};
use balancer_core::{Cause, Health, HealthRules, Latency, Standing, Verdict};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering, fence};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// What is known of one server.
#[derive(Debug, Default)]
pub(crate) struct Board {
    /// Its [`Health`]. The word stands for itself. Only whoever looks for somebody to call after a change of it, or for a
    /// place after entering the line, has a fence between the two: one of them sees the other.
    health: AtomicU64,
    /// Requests and tunnels under way at it.
    in_flight: Counted,
    /// Connections to it, opening and idle ones included. In one order with what `line` says, hence `SeqCst`.
    connections: AtomicU32,
    line: Arc<SharedLine>,
    /// Its [`Latency`], where somebody goes by it.
    latency: AtomicU64,
    /// What a layer had against it when it was asked last, in words, until somebody has read it.
    reason: Mutex<Option<String>>,
    has_reason: AtomicBool,
    /// What failed at it last.
    cause: Mutex<Option<Cause>>,
    /// When it came back, in milliseconds of the workers' common clock; 0: it always was there, or [`NOW`].
    came: AtomicU64,
}

/// What an attempt changed of a server's standing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turned {
    No,
    /// It was well, and is set aside.
    Aside,
    /// It was aside, and is well.
    Back,
}

/// Whoever looks first knows the time.
const NOW: u64 = u64::MAX;

/// A number that every worker changes with every request: on a cache line of its own, so that whoever only reads of a
/// server's health does not wait for it.
#[derive(Debug, Default)]
#[repr(align(64))]
struct Counted(AtomicU32);

impl Board {
    /// What requests and checks found.
    pub(crate) fn health(&self) -> Health {
        Health::from_bits(self.health.load(Ordering::Relaxed))
    }

    /// Requests and tunnels under way, all workers together.
    #[inline]
    pub(crate) fn in_flight(&self) -> u32 {
        self.in_flight.0.load(Ordering::SeqCst)
    }

    /// One more. To be taken back by [`Board::leave`], once: see `worker::seat`.
    #[inline]
    pub(crate) fn enter(&self) {
        self.in_flight.0.fetch_add(1, Ordering::SeqCst);
    }

    /// One less.
    #[inline]
    pub(crate) fn leave(&self) {
        let before = self.in_flight.0.fetch_sub(1, Ordering::SeqCst);
        debug_assert!(before > 0, "who leaves has entered");
    }

    /// Connections there are, all workers together.
    #[inline]
    pub(crate) fn connections(&self) -> u32 {
        self.connections.load(Ordering::SeqCst)
    }

    /// One more, if that is no more than `max`. To be taken back by [`Board::disconnect`], once.
    #[inline]
    pub(crate) fn try_connect(&self, max: Option<u32>) -> bool {
        let one_more = |connections| (connections < max.unwrap_or(u32::MAX)).then(|| connections + 1);
        self.connections.fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_more).is_ok()
    }

    /// One less.
    #[inline]
    pub(crate) fn disconnect(&self) {
        let before = self.connections.fetch_sub(1, Ordering::SeqCst);
        debug_assert!(before > 0, "who ends was counted");
    }

    /// How long it takes to a first byte, in microseconds.
    pub(crate) fn latency(&self, now: Duration) -> Option<u32> {
        match self.latency.load(Ordering::Relaxed) {
            0 => None,
            bits => Latency::from_bits(bits).micros(now),
        }
    }

    /// A first byte came after so long.
    pub(crate) fn note_latency(&self, took: Duration, is_error: bool, now: Duration) {
        let after = |bits| Some(Latency::from_bits(bits).after(took, is_error, now).to_bits());
        let _always_changed = self.latency.fetch_update(Ordering::Relaxed, Ordering::Relaxed, after);
    }

    /// Of a set with this line. A newcomer comes to servers which are at work already.
    pub(crate) fn new(line: Arc<SharedLine>, newcomer: bool) -> Self {
        Self { line, came: AtomicU64::new(if newcomer { NOW } else { 0 }), ..Self::default() }
    }

    /// It is back in its set. What requests found out is known still; who is down is for the checks of now to say.
    pub(crate) fn returned(self: Arc<Self>, line: &Arc<SharedLine>) -> Arc<Self> {
        self.update(|health| Some(health.unchecked()));
        self.came.store(NOW, Ordering::Relaxed);
        if Arc::ptr_eq(&self.line, line) {
            return self;
        }
        // Its set was gone, too: who waits does so in another line now.
        let copy = |word: &AtomicU64| AtomicU64::new(word.load(Ordering::Relaxed));
        let (health, latency, cause) = (copy(&self.health), copy(&self.latency), Mutex::new(self.cause()));
        Arc::new(Self { health, latency, cause, ..Self::new(Arc::clone(line), true) })
    }

    /// Where requests wait for its places.
    pub(crate) fn line(&self) -> &SharedLine {
        &self.line
    }

    /// It is asked again from now on, after it was not.
    pub(crate) fn note_back(&self, now: Duration) {
        self.came.store(millis(now), Ordering::Relaxed);
    }

    /// The share of its weight that it has already, in percent, where that takes so long.
    #[inline]
    pub(crate) fn ramp(&self, now: Duration, slow_start: Duration) -> u32 {
        if slow_start.is_zero() { RAMP_FULL } else { self.ramp_since_it_came(now, slow_start) }
    }

    fn ramp_since_it_came(&self, now: Duration, slow_start: Duration) -> u32 {
        let came = match self.came.load(Ordering::Relaxed) {
            0 => return RAMP_FULL,
            NOW => {
                let first = self.came.compare_exchange(NOW, millis(now), Ordering::Relaxed, Ordering::Relaxed);
                first.map_or_else(|earlier| earlier, |_| millis(now))
            }
            came => came,
        };
        ramp(Duration::from_millis(millis(now).saturating_sub(came)), slow_start)
    }

    #[inline]
    pub(crate) fn standing(&self, now: Duration) -> Standing {
        match self.health.load(Ordering::Relaxed) {
            0 => Standing::Well,
            bits => Health::from_bits(bits).standing(now),
        }
    }

    /// May a server that was well or due be asked? After a pause that is one request's right; another worker may have
    /// been quicker.
    #[inline]
    pub(crate) fn may_be_asked(&self, now: Duration, rules: &HealthRules) -> bool {
        match self.standing(now) {
            Standing::Well => true,
            Standing::Due => self.update(|health| health.claim(now, rules)).is_some(),
            Standing::Aside | Standing::Full | Standing::Portless | Standing::Down => false,
        }
    }

    /// What an attempt came to, and what that changed.
    #[inline]
    pub(crate) fn note(&self, verdict: Verdict, now: Duration, rules: &HealthRules) -> Turned {
        if verdict == Verdict::Answered && self.health.load(Ordering::Relaxed) == 0 {
            return Turned::No; // as ever
        }
        self.note_change(verdict, now, rules)
    }

    fn note_change(&self, verdict: Verdict, now: Duration, rules: &HealthRules) -> Turned {
        if verdict.cause().is_some() {
            // Whoever sees that it is aside sees why.
            *self.cause.lock().unwrap_or_else(PoisonError::into_inner) = verdict.cause();
        }
        let after = |health: Health| health.after(verdict, now, rules);
        let Some(before) = self.update(|health| Some(after(health))) else { return Turned::No };
        // What this verdict made of it, whatever others have made of that meanwhile.
        let is_well = |health: Health| health.standing(now) == Standing::Well;
        fence(Ordering::SeqCst);
        match (is_well(before), is_well(after(before))) {
            (true, false) => Turned::Aside,
            (false, true) => {
                self.note_back(now);
                Turned::Back
            }
            _ => Turned::No,
        }
    }

    /// No connection to it could be secured, for this reason.
    #[cold]
    pub(crate) fn note_reason(&self, why: &str) {
        let mut reason = self.reason.lock().unwrap_or_else(PoisonError::into_inner);
        if reason.as_deref() != Some(why) {
            *reason = Some(why.to_owned());
        }
        self.has_reason.store(true, Ordering::Release);
    }

    pub(crate) fn cause(&self) -> Option<Cause> {
        *self.cause.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn take_reason(&self) -> Option<String> {
        if !self.has_reason.swap(false, Ordering::Acquire) {
            return None;
        }
        self.reason.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// What its checks say. Who waits for a place may have one at a server that is back, and none at one that is down.
    pub(crate) fn note_check(&self, down: bool) {
        let before = self.update(|health| Some(health.checked(down)));
        let was_down = before.is_some_and(Health::is_down);
        if !down && was_down {
            self.came.store(NOW, Ordering::Relaxed);
        }
        fence(Ordering::SeqCst);
        match (was_down, down) {
            (true, false) => {
                self.line.call(NOBODY);
            }
            (false, true) => self.line.ring_all(),
            _ => {}
        }
    }

    /// When a pause of it is over after which it may be asked again.
    pub(crate) fn due_at(&self) -> Option<Duration> {
        self.health().due_at()
    }

    /// Answers with what was before, where that was changed.
    fn update(&self, change: impl Fn(Health) -> Option<Health>) -> Option<Health> {
        let change = |bits| change(Health::from_bits(bits)).map(Health::to_bits);
        self.health.fetch_update(Ordering::Relaxed, Ordering::Relaxed, change).ok().map(Health::from_bits)
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(NOW - 1).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ports::FaultKind;

    const UNREACHABLE: Verdict = Verdict::Unreachable(Cause::Connect(FaultKind::Refused));

    /// Many workers find a server due at once: one of them asks it.
    #[test]
    fn one_of_many_workers_claims_a_server_that_is_due() {
        let rules = HealthRules::default();
        let board = Board::default();
        assert_eq!(board.note(UNREACHABLE, Duration::ZERO, &rules), Turned::Aside);
        assert_eq!(board.note(UNREACHABLE, Duration::ZERO, &rules), Turned::No, "it was already");
        let due = rules.pause;
        let asked: usize = std::thread::scope(|scope| {
            let ask = || (0..100).filter(|_| board.may_be_asked(due, &rules)).count();
            let workers: Vec<_> = (0..4).map(|_| scope.spawn(ask)).collect();
            workers.into_iter().map(|worker| worker.join().expect("a worker")).sum()
        });
        assert_eq!(asked, 1);
        assert_eq!(board.standing(due), Standing::Aside, "the rest goes elsewhere");
        assert_eq!(board.note(Verdict::Answered, due, &rules), Turned::Back);
        assert_eq!(board.standing(due), Standing::Well);
    }
}
