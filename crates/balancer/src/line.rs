//! The line of requests that wait for a place at a server of one set, over all workers.
//!
//! ```text
//!   all full   -> enter -> was a place freed meanwhile? call the next
//!   place free -> call  -> its worker is woken -> take_turns -> went
//! ```
//! While nobody waits, a place that comes free costs a look at one number. The lock is taken only once a limit was hit, for
//! a few steps each time. A place and the line are two numbers that several threads change: who frees a place looks at the
//! line after that, who enters the line looks for a place after that, in one order of all (`SeqCst`); one of the two sees
//! the other, so no turn is lost. That both do is harmless: who is called and finds no place stands in line again, where it
//! stood.

use balancer_core::Line;
use reactor::Bell;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Who calls for no worker: whoever is called is woken.
pub(crate) const NOBODY: usize = usize::MAX;

/// One backend set's.
#[derive(Debug, Default)]
pub(crate) struct SharedLine {
    /// Requests that wait or were called, and those that only wait: as they stand in the line.
    here: AtomicUsize,
    waiting: AtomicUsize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    line: Line,
    bells: Vec<Bell>,
}

impl SharedLine {
    /// A worker's requests may stand here from now on; its number tells it from the others.
    pub(crate) fn join(&self, bell: Bell) -> usize {
        let mut state = self.state();
        let number = state.line.join();
        match state.bells.get_mut(number) {
            Some(vacant) => *vacant = bell,
            None => state.bells.push(bell),
        }
        number
    }

    /// None will any more. Turns that its requests had are others'.
    pub(crate) fn quit(&self, me: usize) {
        self.change(|state| {
            state.bells[me] = Bell::SILENT;
            for _ in 0..state.line.quit(me) {
                state.call(None, me);
            }
        });
    }

    /// Is somebody ahead of whoever comes now?
    #[inline]
    pub(crate) fn has_some(&self) -> bool {
        self.here.load(SeqCst) > 0
    }

    /// Is somebody to be called?
    #[inline]
    pub(crate) fn has_waiting(&self) -> bool {
        self.waiting.load(SeqCst) > 0
    }

    /// A request waits since `since`: how many of its worker's are ahead. `None`: no more may.
    pub(crate) fn enter(&self, me: usize, since: Duration, max: usize) -> Option<usize> {
        self.change(|state| state.line.enter(me, since, max))
    }

    /// The request with so many of its worker's ahead waits no more.
    pub(crate) fn leave(&self, me: usize, ahead: usize) {
        self.change(|state| {
            if state.line.leave(me, ahead) {
                state.call(None, me);
            }
        });
    }

    /// A place came free, or may have: who is next is called. Answers whether there was somebody; perhaps of this worker, which
    /// is not woken for it.
    pub(crate) fn call(&self, me: usize) -> bool {
        self.has_waiting() && self.change(|state| state.call(None, me)).is_some()
    }

    /// A connection of this worker came free. Answers whether one of its own requests is called for it; else it is somebody
    /// else's place.
    pub(crate) fn call_for_own(&self, me: usize) -> bool {
        self.change(|state| state.line.first(Some(me)) == Some(me) && state.call(Some(me), me).is_some())
    }

    /// Requests of this worker whose turn has come: the first of its own.
    pub(crate) fn called(&self, me: usize) -> usize {
        if self.has_some() { self.state().line.called(me) } else { 0 }
    }

    /// The first of them went.
    pub(crate) fn went(&self, me: usize) {
        self.change(|state| state.line.went(me));
    }

    /// Wakes all workers where somebody waits: perhaps in vain from now on.
    pub(crate) fn ring_all(&self) {
        if self.has_some() {
            self.ring_others(NOBODY);
        }
    }

    /// Wakes the other workers: one of them may have an idle connection in somebody's place.
    pub(crate) fn ring_others(&self, me: usize) {
        let state = self.state();
        state.bells.iter().enumerate().filter(|(other, _)| *other != me).for_each(|(_, bell)| bell.ring());
    }

    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.state();
        let result = change(&mut state);
        self.here.store(state.line.len(), SeqCst);
        self.waiting.store(state.line.waiting(), SeqCst);
        result
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn call(&mut self, own: Option<usize>, me: usize) -> Option<usize> {
        let next = self.line.next(own);
        if let Some(bell) = next.filter(|worker| *worker != me).and_then(|worker| self.bells.get(worker)) {
            bell.ring();
        }
        next
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::board::Board;
    use std::time::Instant;

    const PLACES: u32 = 3;

    /// Four workers, three places, no luck: each takes a place when one is free and stands in line otherwise, as workers
    /// do. Everybody has a turn, and there are never more than three at once.
    #[test]
    fn no_turn_is_lost_and_no_place_is_taken_twice() {
        const ROUNDS: usize = 3000;
        let (board, line) = (Board::default(), SharedLine::default());
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let me = line.join(reactor::Inbox::<()>::silent().bell());
                    (0..ROUNDS).for_each(|round| one_round(&board, &line, me, round));
                });
            }
        });
        assert!(!line.has_some() && board.connections() == 0);
    }

    /// One worker's: a place is taken, and given back.
    fn one_round(board: &Board, line: &SharedLine, me: usize, round: usize) {
        let since = Duration::from_nanos(round as u64);
        let mut in_turn = false;
        let until = Instant::now() + testkit::PATIENCE;
        loop {
            if (in_turn || !line.has_some()) && board.try_connect(Some(PLACES)) {
                break;
            }
            if std::mem::take(&mut in_turn) {
                line.went(me);
            }
            line.enter(me, since, 100).expect("room in the line");
            if board.connections() < PLACES {
                line.call(me);
            }
            while line.called(me) == 0 {
                assert!(Instant::now() < until, "its turn never comes");
                std::thread::yield_now();
            }
            in_turn = true;
        }
        if in_turn {
            line.went(me);
        }
        assert!(board.connections() <= PLACES);
        board.disconnect();
        line.call(me);
    }

    #[test]
    fn who_frees_a_connection_learns_whose_it_is() {
        let line = SharedLine::default();
        let [here, there] = [0, 1].map(|_| line.join(reactor::Inbox::<()>::silent().bell()));
        assert!(!line.call(here) && !line.call_for_own(here), "nobody waits");
        line.enter(there, Duration::ZERO, 10);
        line.enter(here, Duration::from_secs(1), 10);
        assert!(!line.call_for_own(here), "somebody has waited far longer elsewhere");
        assert!(line.call(here) && line.called(there) == 1);
        assert!(line.call_for_own(here) && line.called(here) == 1);
        assert!(line.has_some() && !line.has_waiting());
        line.leave(here, 0);
        line.went(there);
        assert!(!line.has_some());
    }
}
