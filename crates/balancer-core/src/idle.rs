//! Idle connections to one server: last in, first out, with a guard against the idle race.
//!
//! The race: the server closes an idle connection at the moment we send on it. The guard learns how
//! long the server lets a connection idle, and retires ours a little earlier.

use crate::policy::Trust;
use std::collections::VecDeque;
use std::time::Duration;

/// A connection is retired this much before the server is expected to close it, as a share (1/8).
const GUARD_SHARE: u32 = 8;

/// An idle time shorter than this teaches nothing: the server was closing for another reason.
const LEARN_MIN: Duration = Duration::from_millis(500);

/// With each connection retired by the guard what was learned is trusted less, by this share (1/64): a restart of the
/// server, which closes connections of any age, is forgotten again.
const FORGET_SHARE: u32 = 64;

/// Where nothing was learned yet, a connection that idled for longer has not proven itself: half of the shortest idle
/// time-out that servers have by default (gunicorn 2 s; Apache httpd and node 5 s).
const PROVEN_MAX: Duration = Duration::from_secs(1);

#[derive(Clone, Copy, Debug)]
struct Idle<K> {
    key: K,
    since: Duration,
    /// Its last answer was.
    clean: bool,
}

/// Idle connections of one server, newest at the back.
#[derive(Debug)]
pub struct IdleConnections<K> {
    idle: VecDeque<Idle<K>>,
    idle_max: usize,
    idle_timeout: Duration,
    /// Shortest idle time after which the server closed a connection, growing again while it closes none.
    learned: Option<Duration>,
}

impl<K: Copy + PartialEq> IdleConnections<K> {
    /// At most `idle_max` connections, each idle for at most `idle_timeout`.
    pub fn new(idle_max: usize, idle_timeout: Duration) -> Self {
        Self { idle: VecDeque::new(), idle_max, idle_timeout, learned: None }
    }

    /// The connection used last, if it is young enough to be trusted so far. Older ones are left to
    /// [`IdleConnections::poll_expired`].
    pub fn take(&mut self, now: Duration, trust: Trust) -> Option<K> {
        let Idle { since, clean, .. } = *self.idle.back()?;
        let allowed = match trust {
            Trust::Any => self.lifetime(),
            Trust::Proven if !clean => return None,
            Trust::Proven => self.learned.map_or(PROVEN_MAX, |learned| learned / 2).min(self.lifetime()),
        };
        if now.saturating_sub(since) >= allowed {
            return None;
        }
        self.idle.pop_back().map(|idle| idle.key)
    }

    /// Keeps a connection, whose last answer was `clean`. `Some`: it did not fit; retire the one returned (the oldest, or
    /// `key` itself).
    pub fn keep(&mut self, key: K, now: Duration, clean: bool) -> Option<K> {
        if self.idle_max == 0 {
            return Some(key);
        }
        let evicted = if self.idle.len() >= self.idle_max { self.idle.pop_front() } else { None };
        self.idle.push_back(Idle { key, since: now, clean });
        evicted.map(|idle| idle.key)
    }

    /// The server closed an idle connection: forget it and learn how long it was patient.
    pub fn handle_closed_by_server(&mut self, key: K, now: Duration) {
        let Some(at) = self.idle.iter().position(|idle| idle.key == key) else { return };
        let Some(Idle { since, .. }) = self.idle.remove(at) else { return };
        let idled = now.saturating_sub(since);
        if idled >= LEARN_MIN && self.learned.is_none_or(|known| idled < known) {
            self.learned = Some(idled);
        }
    }

    /// The next connection that idled too long: retire it.
    pub fn poll_expired(&mut self, now: Duration) -> Option<K> {
        let Idle { since, .. } = *self.idle.front()?;
        if now.saturating_sub(since) < self.lifetime() {
            return None;
        }
        self.learned =
            self.learned.map(|idled| idled + idled / FORGET_SHARE).filter(|idled| *idled < self.idle_timeout);
        self.idle.pop_front().map(|idle| idle.key)
    }

    /// The oldest connection, whatever its age: for an orderly end.
    pub fn poll_any(&mut self) -> Option<K> {
        self.idle.pop_front().map(|idle| idle.key)
    }

    /// When [`IdleConnections::poll_expired`] will have something.
    pub fn poll_deadline(&self) -> Option<Duration> {
        self.idle.front().map(|idle| idle.since + self.lifetime())
    }

    /// How long a connection may idle: what is configured, or a little less than what the server was seen to
    /// allow.
    fn lifetime(&self) -> Duration {
        let guarded = self.learned.map(|idled| idled - idled / GUARD_SHARE);
        guarded.map_or(self.idle_timeout, |time| time.min(self.idle_timeout))
    }

    /// Other bounds from now on; what was learned stays. Follow with [`IdleConnections::poll_excess`].
    pub fn set_bounds(&mut self, idle_max: usize, idle_timeout: Duration) {
        self.idle_max = idle_max;
        self.idle_timeout = idle_timeout;
    }

    /// The oldest connection beyond the bound: retire it.
    pub fn poll_excess(&mut self) -> Option<K> {
        if self.idle.len() > self.idle_max { self.poll_any() } else { None }
    }

    /// Is this connection idle here?
    pub fn contains(&self, key: K) -> bool {
        self.idle.iter().any(|idle| idle.key == key)
    }

    /// Connections idle now.
    pub fn len(&self) -> usize {
        self.idle.len()
    }

    /// None idle?
    pub fn is_empty(&self) -> bool {
        self.idle.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: Duration = Duration::from_secs(1);

    #[test]
    fn smaller_bounds_retire_the_oldest_and_keep_what_was_learned() {
        let mut idle = IdleConnections::new(3, 10 * S);
        ['a', 'b', 'c', 'd'].into_iter().for_each(|key| _ = idle.keep(key, S, true));
        idle.handle_closed_by_server('b', 5 * S);
        let learned = idle.lifetime();
        idle.set_bounds(1, 20 * S);
        assert_eq!((idle.poll_excess(), idle.poll_excess(), idle.lifetime()), (Some('c'), None, learned));
        assert!(idle.contains('d') && learned < 10 * S);
    }

    #[test]
    fn the_newest_is_used_first_and_the_oldest_retired_first() {
        let mut idle = IdleConnections::new(2, 10 * S);
        assert_eq!(idle.keep('a', S, true), None);
        assert_eq!(idle.keep('b', 2 * S, true), None);
        assert_eq!(idle.keep('c', 3 * S, true), Some('a'), "over the bound the oldest goes");
        assert_eq!(idle.take(4 * S, Trust::Any), Some('c'));
        assert_eq!(idle.poll_expired(11 * S), None);
        assert_eq!(idle.poll_expired(12 * S), Some('b'));
        assert!(idle.is_empty());
    }

    #[test]
    fn what_must_not_fail_takes_only_a_connection_that_has_proven_itself() {
        let proven = |idled: Duration, clean: bool, learned: Option<Duration>| {
            let mut idle = IdleConnections::new(4, 60 * S);
            if let Some(learned) = learned {
                idle.keep('x', Duration::ZERO, true);
                idle.handle_closed_by_server('x', learned);
            }
            idle.keep('a', 100 * S, clean);
            let taken = idle.take(100 * S + idled, Trust::Proven);
            assert_eq!(idle.len(), usize::from(taken.is_none()), "one that is not taken stays");
            taken.is_some()
        };
        assert!(proven(S / 2, true, None));
        assert!(!proven(S / 2, false, None), "its last answer was an error");
        assert!(!proven(S, true, None), "nothing is known of this server's patience");
        assert!(proven(3 * S, true, Some(8 * S)));
        assert!(!proven(4 * S, true, Some(8 * S)), "half of what it allows");
    }

    #[test]
    fn nothing_is_kept_where_none_may_idle() {
        let mut idle = IdleConnections::new(0, S);
        assert_eq!(idle.keep('a', S, true), Some('a'));
    }

    #[test]
    fn the_guard_learns_the_servers_patience() {
        let mut idle = IdleConnections::new(4, 60 * S);
        idle.keep('a', Duration::ZERO, true);
        idle.handle_closed_by_server('a', 8 * S);
        assert_eq!(idle.lifetime(), 7 * S);
        idle.keep('b', 10 * S, true);
        assert_eq!(idle.take(18 * S, Trust::Any), None, "too old to be trusted");
        assert_eq!(idle.poll_expired(18 * S), Some('b'));
        let lifetime = idle.lifetime();
        idle.keep('c', 20 * S, true);
        idle.handle_closed_by_server('c', 20 * S + S / 10);
        assert_eq!(idle.lifetime(), lifetime, "a close at once teaches nothing about patience");
    }

    #[test]
    fn a_restart_of_the_server_is_forgotten() {
        let mut idle = IdleConnections::new(4, 60 * S);
        idle.keep(0, Duration::ZERO, true);
        idle.handle_closed_by_server(0, S);
        assert_eq!(idle.lifetime(), S - S / 8);
        let mut now = S;
        let mut retired = 0;
        while idle.lifetime() < 60 * S {
            idle.keep(retired, now, true);
            now = idle.poll_deadline().expect("one idles");
            assert_eq!(idle.poll_expired(now), Some(retired));
            retired += 1;
            assert!(retired < 400, "still at {:?}", idle.lifetime());
        }
    }
}
