//! What all workers know together of the servers, a few words for each, and of the room of the listeners: shared without a
//! lock. The owner of the configuration keeps them; a server that stays, by set and address, keeps its own, and so does a
//! listener, by name and address.

use crate::room::Room;
use balancer_core::{Health, HealthRules, ListenerSettings, Settings, Standing, Verdict};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

/// What is known of one server.
#[derive(Debug, Default)]
pub(crate) struct Board {
    /// Its [`Health`]. The word stands for itself, so no ordering with other memory is needed.
    health: AtomicU64,
    /// Requests and tunnels under way at it.
    in_flight: Counted,
}

/// A number that every worker changes with every request: on a cache line of its own, so that whoever only reads of a
/// server's health does not wait for it.
#[derive(Debug, Default)]
#[repr(align(64))]
struct Counted(AtomicU32);

impl Board {
    /// Requests and tunnels under way, all workers together.
    #[inline]
    pub(crate) fn in_flight(&self) -> u32 {
        self.in_flight.0.load(Ordering::Relaxed)
    }

    /// One more. To be taken back by [`Board::leave`], once: see `worker::seat`.
    #[inline]
    pub(crate) fn enter(&self) {
        self.in_flight.0.fetch_add(1, Ordering::Relaxed);
    }

    /// One less.
    #[inline]
    pub(crate) fn leave(&self) {
        let before = self.in_flight.0.fetch_sub(1, Ordering::Relaxed);
        debug_assert!(before > 0, "who leaves has entered");
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
            Standing::Aside | Standing::Portless => false,
        }
    }

    /// What an attempt came to. Answers whether the server was set aside by it.
    #[inline]
    pub(crate) fn note(&self, verdict: Verdict, now: Duration, rules: &HealthRules) -> bool {
        if verdict == Verdict::Answered && self.health.load(Ordering::Relaxed) == 0 {
            return false; // as ever
        }
        let before = self.update(|health| Some(health.after(verdict, now, rules)));
        let was_well = before.is_some_and(|health| health.standing(now) == Standing::Well);
        was_well && self.standing(now) != Standing::Well
    }

    /// Answers with what was before, where that was changed.
    fn update(&self, change: impl Fn(Health) -> Option<Health>) -> Option<Health> {
        let change = |bits| change(Health::from_bits(bits)).map(Health::to_bits);
        self.health.fetch_update(Ordering::Relaxed, Ordering::Relaxed, change).ok().map(Health::from_bits)
    }
}

/// The boards of all servers of a configuration, and the rooms of its listeners.
#[derive(Clone, Debug, Default)]
pub struct Boards {
    servers: Arc<HashMap<(String, SocketAddr), Arc<Board>>>,
    rooms: Arc<HashMap<(String, SocketAddr), Arc<Room>>>,
}

impl Boards {
    /// One for each server that `settings` name: that of `before`, or one on which nothing is written.
    pub fn of(settings: &Settings, before: &Self) -> Self {
        let named = settings
            .backend_sets
            .iter()
            .flat_map(|set| set.servers.iter().map(|server| (set.name.clone(), server.address)));
        let boards = named.map(|name| {
            let board = before.servers.get(&name).cloned().unwrap_or_default();
            (name, board)
        });
        let rooms = settings.listeners.iter().map(|listener| {
            let name = (listener.name.clone(), listener.bind);
            let room = before.rooms.get(&name).cloned().unwrap_or_default();
            (name, room)
        });
        Self { servers: Arc::new(boards.collect()), rooms: Arc::new(rooms.collect()) }
    }

    /// That of one listener; a new one where the configuration does not name it.
    pub(crate) fn room(&self, listener: &ListenerSettings) -> Arc<Room> {
        self.rooms.get(&(listener.name.clone(), listener.bind)).cloned().unwrap_or_default()
    }

    /// That of one server; a new one where the configuration does not name it.
    pub(crate) fn board(&self, set: &str, server: SocketAddr) -> Arc<Board> {
        self.servers.get(&(set.to_owned(), server)).cloned().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use balancer_core::{BackendSetSettings, ServerSettings};

    fn settings(ports: &[u16]) -> Settings {
        let server = |port: &u16| ServerSettings::new(SocketAddr::from(([127, 0, 0, 1], *port)));
        Settings {
            listeners: vec![],
            backend_sets: vec![BackendSetSettings::new("app", ports.iter().map(server).collect())],
        }
    }

    #[test]
    fn a_server_that_stays_keeps_its_board() {
        let first = Boards::of(&settings(&[1, 2]), &Boards::default());
        let second = Boards::of(&settings(&[2, 3]), &first);
        let address = |port| SocketAddr::from(([127, 0, 0, 1], port));
        assert!(Arc::ptr_eq(&first.board("app", address(2)), &second.board("app", address(2))));
        assert!(!Arc::ptr_eq(&first.board("app", address(3)), &second.board("app", address(3))));
    }

    /// Many workers find a server due at once: one of them asks it.
    #[test]
    fn one_of_many_workers_claims_a_server_that_is_due() {
        let rules = HealthRules::default();
        let board = Board::default();
        assert!(board.note(Verdict::Unreachable, Duration::ZERO, &rules), "set aside");
        assert!(!board.note(Verdict::Unreachable, Duration::ZERO, &rules), "it was already");
        let due = rules.pause;
        let asked: usize = std::thread::scope(|scope| {
            let ask = || (0..100).filter(|_| board.may_be_asked(due, &rules)).count();
            let workers: Vec<_> = (0..4).map(|_| scope.spawn(ask)).collect();
            workers.into_iter().map(|worker| worker.join().expect("a worker")).sum()
        });
        assert_eq!(asked, 1);
        assert_eq!(board.standing(due), Standing::Aside, "the rest goes elsewhere");
        assert!(!board.note(Verdict::Answered, due, &rules));
        assert_eq!(board.standing(due), Standing::Well);
    }
}
