//! Which server of a backend set: one of those that are well, or due again, by the set's policy.
//!
//! ```text
//!   Selection::pick -> those that are well or due, then backups that are -> by policy: turn | least | less_of_two | quickest | by_key
//!                   '-> in need: those aside, those without a port -> turn
//! ```
//! A policy has a file of its own. Each sees what a server weighs now; 0: it is not to be picked.

mod by_key;
mod cookie;
mod key;
mod latency;
mod least;
mod maglev;
mod quickest;
mod rules;
mod sticky;
#[cfg(test)]
mod tests;
mod turn;

use crate::health::Standing;
use crate::settings::ServerSettings;
use by_key::Keyed;
pub use key::HashBy;
pub use latency::Latency;
use least::{least, less_of_two};
pub use maglev::Maglev;
use quickest::quickest;
pub use rules::{Balance, RAMP_FULL, SelectionRules, ramp};
use seed::Rng;
use std::sync::Arc;
pub use sticky::{Mark, SameSite, Sticky};
use turn::{Seat, Turn};

/// The servers of a set as they stand now, by number.
pub trait Field {
    /// Is it to be asked?
    fn standing(&self, server: usize) -> Standing;

    /// Requests and tunnels under way at it, all workers together.
    fn in_flight(&self, server: usize) -> u32;

    /// How long it takes to a first byte, in microseconds; `None`: nothing is known.
    fn latency(&self, server: usize) -> Option<u32>;

    /// The share of its weight that it has already, in percent ([`ramp`]).
    fn ramp(&self, server: usize) -> u32;
}

/// What a request asks of the choice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ask {
    /// Not this server: it has just failed.
    pub not: Option<usize>,
    /// What it has in common with others that go to the same server ([`HashBy::key`]).
    pub key: Option<u64>,
}

/// Whose turn it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pick {
    /// Its number.
    pub server: usize,
    /// It is aside, or without a port: nobody better was left. Otherwise it was well, or due and has to be
    /// [claimed](crate::Health::claim).
    pub in_need: bool,
}

/// What a choice comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    /// This one.
    Server(Pick),
    /// Whoever is well has as many connections as it may have.
    Full,
    /// There is nobody (else).
    Nobody,
}

/// Who was picked before, and by which policy; of one backend set and worker.
#[derive(Clone, Debug)]
pub struct Selection {
    balance: Balance,
    turn: Turn,
    keyed: Keyed,
    rng: Rng,
}

impl Selection {
    /// Over `servers`. The turn of worker number `start` begins at another server than that of its neighbours: short
    /// trials reach all of them, and many workers do not all begin with the first.
    pub fn new(rules: &SelectionRules, servers: &[ServerSettings], start: u32) -> Self {
        let mut turn = Turn::new(servers.iter().map(Seat::of));
        for _ in 0..start as usize % servers.len().max(1) {
            turn.next(|_, seat| seat.weight * u64::from(RAMP_FULL));
        }
        let rng = Rng::new(u64::from(start));
        Self { balance: rules.balance, turn, keyed: Keyed::default(), rng }
    }

    /// Goes by other rules from now on; turns go on as they stand.
    pub fn set_rules(&mut self, rules: &SelectionRules) {
        self.balance = rules.balance;
    }

    /// The table that names a server for a key, and the number here of each server it was built from.
    pub fn set_table(&mut self, table: Arc<Maglev>, places: Vec<usize>) {
        self.keyed = Keyed::new(table, places);
    }

    /// The server in place number `index` is this one, or weighs so much from now on. The others' turns go on as they stand.
    pub fn set_server(&mut self, index: usize, server: &ServerSettings) {
        self.turn.set(index, Seat::of(server));
    }

    /// The place number `index` is empty.
    pub fn remove_server(&mut self, index: usize) {
        self.turn.set(index, Seat::default());
    }

    /// The next server. Backups have their turn where nobody else is well; servers that are aside only where nobody is, those
    /// without a port only where all are and none is ruled out; those that are down by their checks never.
    pub fn pick(&mut self, ask: Ask, field: &impl Field) -> Choice {
        let other = |index| Some(index) != ask.not;
        let asked = |backup: bool| {
            move |index, seat: Seat| match seat.backup == backup && other(index) && field.standing(index).is_asked() {
                true => seat.weight * u64::from(field.ramp(index)),
                false => 0,
            }
        };
        let mut well = self.by_policy(ask, asked(false), field);
        if well.is_none() && self.turn.has_backups() {
            well = self.by_policy(ask, asked(true), field);
        }
        match well {
            Some(server) => Choice::Server(Pick { server, in_need: false }),
            None => self.in_need(ask, field),
        }
    }

    #[inline]
    fn by_policy(&mut self, ask: Ask, weigh: impl Fn(usize, Seat) -> u64, field: &impl Field) -> Option<usize> {
        let load = |index| u64::from(field.in_flight(index));
        let Self { turn, keyed, rng, .. } = self;
        match (self.balance, ask.key) {
            (Balance::RoundRobin, _) | (Balance::Hash, None) => turn.next(weigh),
            (Balance::LeastConnections, _) => least(turn, weigh, load),
            (Balance::Random, _) => less_of_two(turn, rng, weigh, load),
            (Balance::LeastTime, _) => quickest(turn, weigh, field),
            (Balance::Hash, Some(key)) => keyed.pick(key, turn, weigh, load),
        }
    }

    /// Nobody who is well has a place: it is waited for, or where nobody is well the turn goes among the others.
    #[cold]
    fn in_need(&mut self, ask: Ask, field: &impl Field) -> Choice {
        if self.is_full(ask, field) {
            return Choice::Full;
        }
        let aside = |backup: bool| {
            move |index, seat: Seat| match seat.backup == backup
                && Some(index) != ask.not
                && field.standing(index) == Standing::Aside
            {
                true => seat.weight,
                false => 0,
            }
        };
        let portless = |index, seat: Seat| match field.standing(index) {
            Standing::Down => 0,
            _ => seat.weight,
        };
        let turn = &mut self.turn;
        let aside = turn.next(aside(false)).or_else(|| turn.next(aside(true)));
        let any = aside.or_else(|| if ask.not.is_none() { turn.next(portless) } else { None });
        any.map_or(Choice::Nobody, |server| Choice::Server(Pick { server, in_need: true }))
    }

    fn is_full(&self, ask: Ask, field: &impl Field) -> bool {
        let full = |index, seat: Seat| match Some(index) != ask.not && field.standing(index) == Standing::Full {
            true => seat.weight,
            false => 0,
        };
        self.turn.weighed(full).next().is_some()
    }

    /// Could a request go to somebody now? Who takes nothing new (weight 0) is nobody's place.
    pub fn has_place(&self, field: &impl Field) -> bool {
        let asked = |index, seat: Seat| if field.standing(index).is_asked() { seat.weight } else { 0 };
        self.turn.weighed(asked).next().is_some()
    }

    /// May anybody take a request, now or later? Nobody may where all are down by their checks, or have left.
    pub fn has_hope(&self, field: &impl Field) -> bool {
        let up = |index, seat: Seat| if field.standing(index) == Standing::Down { 0 } else { seat.weight };
        self.turn.weighed(up).next().is_some()
    }

    /// Is somebody else well?
    pub fn has_other(&self, than: usize, field: &impl Field) -> bool {
        let well = |index, seat: Seat| match index != than && field.standing(index) == Standing::Well {
            true => seat.weight,
            false => 0,
        };
        self.turn.weighed(well).next().is_some()
    }
}

impl Seat {
    fn of(server: &ServerSettings) -> Self {
        Self { weight: server.weight.into(), backup: server.backup }
    }
}
