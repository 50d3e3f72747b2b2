//! Requests of one backend set that wait for a place at a server, over all workers: who is next.
//!
//! ```text
//!   enter -> waits -> next: it is its turn -> took: it went
//!              '-> left                          '-> left: the turn goes on to another
//! ```
//! Each worker knows its own requests and keeps them in the order of this line; here they are only times. Who has waited
//! longest is next, whichever worker it came to. A worker whose server connection came free may take its own request instead
//! where that has waited nearly as long: another worker's would need another connection.

use core::time::Duration;
use std::collections::VecDeque;

/// By how much another worker's request may have waited longer before it goes first.
const LEAD: Duration = Duration::from_millis(20);

/// One worker's part of the line.
#[derive(Clone, Debug, Default)]
struct Part {
    /// Since when they wait, longest first.
    waiting: VecDeque<Duration>,
    /// Those ahead of them whose turn has come, and who have not gone yet.
    called: usize,
}

/// The whole line, by the numbers of the workers.
#[derive(Clone, Debug, Default)]
pub struct Line {
    parts: Vec<Part>,
    /// Numbers of those who have quitted: the next who join have them.
    vacant: Vec<usize>,
}

impl Line {
    /// One more worker; its number.
    pub fn join(&mut self) -> usize {
        self.vacant.pop().unwrap_or_else(|| {
            self.parts.push(Part::default());
            self.parts.len() - 1
        })
    }

    /// A worker comes no more. Answers how many turns came free with that.
    pub fn quit(&mut self, worker: usize) -> usize {
        debug_assert!(!self.vacant.contains(&worker), "who quits was here");
        self.vacant.push(worker);
        std::mem::take(&mut self.parts[worker]).called
    }

    /// Requests that wait, or whose turn has come.
    pub fn len(&self) -> usize {
        self.parts.iter().map(|part| part.waiting.len() + part.called).sum()
    }

    /// Is nobody here?
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Requests that wait.
    pub fn waiting(&self) -> usize {
        self.parts.iter().map(|part| part.waiting.len()).sum()
    }

    /// Requests of this worker whose turn has come: the first of its own.
    pub fn called(&self, worker: usize) -> usize {
        self.parts[worker].called
    }

    /// One that waits since `since` stands where that belongs among its worker's: answers with how many of these are ahead.
    /// `None`: the line has `max` already.
    pub fn enter(&mut self, worker: usize, since: Duration, max: usize) -> Option<usize> {
        if self.len() >= max {
            return None;
        }
        let Part { waiting, called } = &mut self.parts[worker];
        let behind = waiting.iter().rev().take_while(|other| **other > since).count();
        let at = waiting.len() - behind;
        waiting.insert(at, since);
        Some(*called + at)
    }

    /// The request of this worker that has so many ahead of it gives up. Answers whether a turn came free with that.
    pub fn leave(&mut self, worker: usize, ahead: usize) -> bool {
        let Part { waiting, called } = &mut self.parts[worker];
        match ahead.checked_sub(*called) {
            Some(at) => {
                let left = waiting.remove(at);
                debug_assert!(left.is_some(), "who leaves was here");
                false
            }
            // Its turn is that of the next one here.
            None => {
                let goes_on = waiting.pop_front().is_some();
                *called -= usize::from(!goes_on);
                !goes_on
            }
        }
    }

    /// Calls the request that is next: answers with its worker. `own`: a connection of this worker came free.
    pub fn next(&mut self, own: Option<usize>) -> Option<usize> {
        let worker = self.first(own)?;
        let part = &mut self.parts[worker];
        part.waiting.pop_front();
        part.called += 1;
        Some(worker)
    }

    /// Whose request is next.
    pub fn first(&self, own: Option<usize>) -> Option<usize> {
        let first = |worker: usize| self.parts[worker].waiting.front().map(|since| (*since, worker));
        let (longest, worker) = (0..self.parts.len()).filter_map(first).min()?;
        match own.and_then(first) {
            Some((since, own)) if since <= longest.saturating_add(LEAD) => Some(own),
            _ => Some(worker),
        }
    }

    /// The first request of this worker went: it is called no more.
    pub fn went(&mut self, worker: usize) {
        debug_assert!(self.parts[worker].called > 0, "who goes was called");
        self.parts[worker].called = self.parts[worker].called.saturating_sub(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn line(workers: usize, enters: &[(usize, u32)]) -> Line {
        let mut line = Line::default();
        (0..workers).for_each(|number| assert_eq!(line.join(), number));
        enters.iter().for_each(|(worker, at)| assert!(line.enter(*worker, *at * MS, 100).is_some()));
        line
    }

    fn order(line: &mut Line, own: Option<usize>) -> Vec<usize> {
        std::iter::from_fn(|| line.next(own)).collect()
    }

    #[test]
    fn who_has_waited_longest_is_next_over_all_workers() {
        let enters = [(0, 0), (1, 10), (1, 20), (0, 30), (2, 40)];
        assert_eq!(order(&mut line(3, &enters), None), [0, 1, 1, 0, 2]);
        // Times may come out of order: workers look at their clocks for themselves.
        assert_eq!(order(&mut line(3, &[(0, 5), (1, 3), (0, 2)]), None), [0, 1, 0]);
    }

    #[test]
    fn a_connection_is_used_again_where_that_makes_nobody_wait_for_long() {
        assert_eq!(line(2, &[(0, 0), (1, 15)]).first(Some(1)), Some(1));
        assert_eq!(line(2, &[(0, 0), (1, 25)]).first(Some(1)), Some(0));
        assert_eq!(line(2, &[(0, 0)]).first(Some(1)), Some(0));
        // However many more come to worker 1: who waits at worker 0 is next after so long.
        let mut steady = line(2, &[(0, 0), (1, 1)]);
        let served = (2..100).map_while(|at| {
            steady.enter(1, at * MS, 100);
            steady.next(Some(1)).filter(|worker| *worker == 1)
        });
        assert_eq!(served.count(), 20);
    }

    #[test]
    fn the_line_is_bounded() {
        let mut line = line(2, &[(0, 0), (1, 0)]);
        assert_eq!(line.enter(0, MS, 2), None);
        assert_eq!(line.next(None), Some(0));
        assert_eq!(line.enter(0, MS, 2), None, "who was called is still here");
        line.went(0);
        assert_eq!((line.enter(0, MS, 2), line.len(), line.waiting()), (Some(0), 2, 2));
    }

    /// However often workers come and go, there are as many parts as there were workers at once.
    #[test]
    fn who_quits_leaves_nothing_behind() {
        let mut line = line(2, &[(0, 0), (1, 1)]);
        assert_eq!((line.next(None), line.quit(0), line.next(None)), (Some(0), 1, Some(1)));
        assert_eq!((line.called(1), line.len(), line.join()), (1, 1, 0));
        for _ in 0..1000 {
            let number = line.join();
            assert!(line.enter(number, MS, 100).is_some());
            assert_eq!((number, line.quit(number)), (2, 0));
        }
        assert_eq!((line.parts.len(), line.len()), (3, 1));
    }

    #[test]
    fn a_turn_is_not_lost_with_who_leaves() {
        let mut line = line(2, &[(0, 0), (0, 1), (1, 2)]);
        assert!(!line.leave(0, 1), "it had no turn yet");
        assert_eq!((line.next(None), line.called(0)), (Some(0), 1));
        assert_eq!(line.enter(0, 5 * MS, 100), Some(1));
        assert!(!line.leave(0, 0), "the turn is that of the one behind it");
        assert_eq!((line.called(0), line.waiting()), (1, 1));
        assert!(line.leave(0, 0), "nobody is left here: it goes on");
        assert_eq!((line.next(None), line.len()), (Some(1), 1));
        line.went(1);
        assert!(line.is_empty());
    }

    /// Whatever happens in whatever order, the books of the line add up, and nobody who waits is passed over for long.
    #[test]
    fn the_books_of_the_line_add_up() {
        let replay =
            testkit::Replay { package: "balancer-core", target: "--lib", test: "the_books_of_the_line_add_up" };
        testkit::sweep(replay, 200, |seed| {
            let mut rng = seed::Rng::new(seed);
            let mut all = line(3, &[]);
            let (mut here, mut called) = ([0usize; 3], [0usize; 3]);
            for at in 0..300u32 {
                let worker = rng.index(3);
                match rng.range(0, 5) {
                    0 | 1 => here[worker] += usize::from(all.enter(worker, at * MS, 20).is_some()),
                    2 => {
                        if let Some(next) = all.next(rng.chance(0.5).then_some(worker)) {
                            called[next] += 1;
                        }
                    }
                    3 if called[worker] > 0 => {
                        all.went(worker);
                        (here[worker], called[worker]) = (here[worker] - 1, called[worker] - 1);
                    }
                    4 if here[worker] > 0 => {
                        called[worker] -= usize::from(all.leave(worker, rng.index(here[worker])));
                        here[worker] -= 1;
                    }
                    _ => {}
                }
                let books = (0..3).all(|worker| all.called(worker) == called[worker] && called[worker] <= here[worker]);
                if !books || all.len() != here.iter().sum() || all.len() > 20 {
                    return Err(format!("{here:?} here, {called:?} called: {all:?}"));
                }
            }
            Ok(())
        });
    }
}
