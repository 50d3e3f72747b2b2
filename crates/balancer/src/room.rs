//! The room of a listener: how many clients it may have, and has, over all workers. Each worker accepts at a socket of its
//! own (SO_REUSEPORT), so that whoever is full must learn when there is room elsewhere, and whoever has idle clients when
//! room is wanted.

use crate::guests::SharedGuests;
use reactor::Bell;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// One listener's.
///
/// ```text
///   accepted  -> enter -> over? the client idle for longest goes: whichever worker claims it (`claim_excess`)
///   closed    -> leave -> workers that had to stop are woken
/// ```
/// All of it is about one number against another in several threads, hence one order of all (`SeqCst`).
#[derive(Debug, Default)]
pub(crate) struct Room {
    places: AtomicUsize,
    taken: AtomicUsize,
    /// Workers that accept no more because it is full.
    stopped: AtomicUsize,
    /// Workers with a client that can go, as far as they have looked.
    with_ripe: AtomicUsize,
    /// Workers that count their idle clients.
    counting: AtomicUsize,
    /// Who is here, where clients are counted.
    pub(crate) guests: SharedGuests,
    bells: Mutex<Bells>,
}

/// Of the workers by their numbers; those of numbers that are nobody's are silent.
#[derive(Debug, Default)]
struct Bells {
    all: Vec<Bell>,
    vacant: Vec<usize>,
}

impl Room {
    pub(crate) fn set_places(&self, places: usize) {
        self.places.store(places, SeqCst);
    }

    /// A worker accepts here from now on; its number tells it from the others.
    pub(crate) fn join(&self, bell: Bell) -> usize {
        let mut bells = self.bells();
        if let Some(number) = bells.vacant.pop() {
            bells.all[number] = bell;
            return number;
        }
        bells.all.push(bell);
        bells.all.len() - 1
    }

    /// It does no more, and has no clients.
    pub(crate) fn quit(&self, me: usize) {
        let mut bells = self.bells();
        bells.all[me] = Bell::SILENT;
        bells.vacant.push(me);
    }

    /// Wakes the other workers.
    pub(crate) fn ring(&self, me: usize) {
        self.bells().all.iter().enumerate().filter(|(other, _)| *other != me).for_each(|(_, bell)| bell.ring());
    }

    fn bells(&self) -> MutexGuard<'_, Bells> {
        self.bells.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn enter(&self) {
        self.taken.fetch_add(1, SeqCst);
    }

    pub(crate) fn leave(&self, me: usize) {
        let was_full = self.taken.fetch_sub(1, SeqCst) >= self.places.load(SeqCst);
        self.tell_who_stopped(was_full, me);
    }

    pub(crate) fn is_full(&self) -> bool {
        self.taken.load(SeqCst) >= self.places.load(SeqCst)
    }

    pub(crate) fn is_over(&self) -> bool {
        self.taken.load(SeqCst) > self.places.load(SeqCst)
    }

    /// One more than there are places: who gets `true` closes one, which has left with this.
    pub(crate) fn claim_excess(&self, me: usize) -> bool {
        let places = self.places.load(SeqCst);
        let claimed = self.taken.fetch_update(SeqCst, SeqCst, |taken| (taken > places).then(|| taken - 1)).is_ok();
        self.tell_who_stopped(claimed, me);
        claimed
    }

    /// May one more come in? With no place left only where one who is idle can go for it.
    pub(crate) fn may_enter(&self, own_ripe: bool, others: usize) -> bool {
        let (taken, places) = (self.taken.load(SeqCst), self.places.load(SeqCst));
        taken < places || taken == places && (own_ripe || others > 0)
    }

    /// Other workers that can make room.
    pub(crate) fn others_with_ripe(&self, i_have: bool) -> usize {
        self.with_ripe.load(SeqCst).saturating_sub(usize::from(i_have))
    }

    /// A worker can make room from now on, or can no more: then others have to stop.
    pub(crate) fn show_ripe(&self, some: bool, me: usize) {
        if some {
            let first = self.with_ripe.fetch_add(1, SeqCst) == 0;
            self.tell_who_stopped(first, me);
        } else if self.with_ripe.fetch_sub(1, SeqCst) == 1 && self.is_full() {
            self.ring(me);
        }
    }

    pub(crate) fn set_stopped(&self, stopped: bool) {
        if stopped {
            self.stopped.fetch_add(1, SeqCst);
        } else {
            self.stopped.fetch_sub(1, SeqCst);
        }
    }

    /// A worker counts its idle clients from now on. Once one has to, all have to.
    pub(crate) fn begin_counting(&self, me: usize) {
        if self.counting.fetch_add(1, SeqCst) == 0 {
            self.ring(me);
        }
    }

    pub(crate) fn is_counted(&self) -> bool {
        self.counting.load(SeqCst) > 0
    }

    fn tell_who_stopped(&self, news: bool, me: usize) {
        if news && self.stopped.load(SeqCst) > 0 {
            self.ring(me);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// However many workers see that there is one too many, one of them closes a client.
    #[test]
    fn excess_is_claimed_once() {
        let room = Room::default();
        room.set_places(3);
        (0..5).for_each(|_| room.enter());
        let claimed: usize = std::thread::scope(|scope| {
            let claim = |me: usize| (0..100).filter(|_| room.claim_excess(me)).count();
            let workers: Vec<_> = (0..4).map(|me| scope.spawn(move || claim(me))).collect();
            workers.into_iter().map(|worker| worker.join().expect("a worker")).sum()
        });
        assert_eq!((claimed, room.is_full(), room.is_over()), (2, true, false));
    }

    #[test]
    fn a_number_that_is_nobodys_is_the_next_ones() {
        let room = Room::default();
        let join = || room.join(Bell::SILENT);
        assert_eq!((join(), join(), join()), (0, 1, 2));
        room.quit(1);
        assert_eq!((join(), join()), (1, 3));
    }

    #[test]
    fn one_more_may_enter_where_an_idle_one_can_go() {
        let room = Room::default();
        room.set_places(1);
        assert!(room.may_enter(false, 0));
        room.enter();
        assert!(!room.may_enter(false, 0));
        assert!(room.may_enter(true, 0) && room.may_enter(false, 1));
        room.enter();
        assert!(!room.may_enter(true, 1), "one at a time");
    }
}
