//! Who of a listener's clients has been idle for longest. It is asked only where a listener is full, and kept so that a
//! request costs nothing: an entry may be older than what is so, and is put right when its turn comes.

use core::cmp::{Ordering, Reverse};
use core::time::Duration;
use std::collections::BinaryHeap;

/// A client that has been idle for less may have its request on the way. Else a crowd of newcomers would drive out one
/// another before any of them had said a word.
pub const IDLE_MIN: Duration = Duration::from_millis(200);

/// Clients by since when they are idle.
#[derive(Debug)]
pub struct LongestIdle<Id>(BinaryHeap<Reverse<Entry<Id>>>);

#[derive(Clone, Copy, Debug)]
struct Entry<Id> {
    since: Duration,
    id: Id,
}

impl<Id> Default for LongestIdle<Id> {
    fn default() -> Self {
        Self(BinaryHeap::new())
    }
}

impl<Id: Copy> LongestIdle<Id> {
    /// A client became idle. To be told once: it stays listed until [`LongestIdle::poll_longest`] finds that it is gone
    /// or busy.
    pub fn note(&mut self, id: Id, since: Duration) {
        self.0.push(Reverse(Entry { since, id }));
    }

    /// The one idle for longest, and since when. `now_since` tells since when a client is idle, `None` where it is not, or
    /// gone: then it is listed no more.
    pub fn poll_longest(&mut self, mut now_since: impl FnMut(Id) -> Option<Duration>) -> Option<(Id, Duration)> {
        loop {
            let Reverse(entry) = *self.0.peek()?;
            match now_since(entry.id) {
                Some(since) if since <= entry.since => return Some((entry.id, since)),
                Some(since) => {
                    self.0.pop();
                    self.note(entry.id, since);
                }
                None => {
                    self.0.pop();
                }
            }
        }
    }

    /// Drops whoever `is_here` does not know, once there are many more entries than `clients`.
    pub fn bound(&mut self, clients: usize, is_here: impl Fn(Id) -> bool) {
        const SPARE: usize = 64;
        if self.0.len() > 2 * clients + SPARE {
            self.0.retain(|Reverse(entry)| is_here(entry.id));
        }
    }

    /// Entries, those included that are no more so.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Is nobody listed?
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<Id> PartialEq for Entry<Id> {
    fn eq(&self, other: &Self) -> bool {
        self.since == other.since
    }
}

impl<Id> Eq for Entry<Id> {}

impl<Id> PartialOrd for Entry<Id> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<Id> Ord for Entry<Id> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.since.cmp(&other.since)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use seed::Rng;
    use std::collections::HashMap;
    use testkit::{Replay, sweep};

    /// Clients come, go, get busy and idle again; whoever is polled is the right one.
    #[test]
    fn whoever_is_polled_has_been_idle_for_longest() {
        let replay = Replay { package: "balancer-core", target: "--lib", test: "whoever_is_polled" };
        sweep(replay, 300, |seed| {
            let mut rng = Rng::new(seed);
            let (mut longest, mut clients, mut listed) = (LongestIdle::default(), HashMap::new(), HashMap::new());
            for step in 0..200_u64 {
                let (id, now) = (rng.range(0, 12), Duration::from_secs(step));
                match rng.range(0, 4) {
                    0 | 1 => {
                        clients.insert(id, now);
                        if listed.insert(id, ()).is_none() {
                            longest.note(id, now);
                        }
                    }
                    2 => drop(clients.remove(&id)),
                    _ => {
                        let now_since = |id: u64| {
                            let since = clients.get(&id).copied();
                            if since.is_none() {
                                listed.remove(&id);
                            }
                            since
                        };
                        let got = longest.poll_longest(now_since).map(|(_, since)| since);
                        let expect = clients.values().min().copied();
                        if got != expect {
                            return Err(format!("step {step}: {got:?}, not {expect:?}"));
                        }
                    }
                }
            }
            Ok(())
        });
    }

    #[test]
    fn what_is_gone_does_not_pile_up() {
        let mut longest = LongestIdle::default();
        for id in 0..10_000_u64 {
            longest.note(id, Duration::from_secs(id));
            longest.bound(10, |here| here + 10 > id);
            assert!(longest.len() <= 2 * 10 + 65, "{}", longest.len());
        }
        assert!(!longest.is_empty());
    }
}
