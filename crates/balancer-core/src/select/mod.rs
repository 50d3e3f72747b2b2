//! Which server of a backend set: one of those that are well, or due again, by the set's policy.
//!
//! ```text
//!   Selection::pick -> those that are well or due -> by policy:  turn | least
//!                   '-> in need: those aside, those without a port -> turn
//! ```
//! A policy has a file of its own. Each sees a server's number and what it weighs now; 0: it is not to be picked.

mod least;
mod rules;
#[cfg(test)]
mod tests;
mod turn;

use crate::health::Standing;
use crate::settings::ServerSettings;
use least::least;
pub use rules::{Balance, SelectionRules};
use turn::Turn;

/// The servers of a set as they stand now, by number.
pub trait Field {
    /// Is it to be asked?
    fn standing(&self, server: usize) -> Standing;

    /// Requests and tunnels under way at it, all workers together.
    fn in_flight(&self, server: usize) -> u32;
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

/// Who was picked before, and by which policy; of one backend set and worker.
#[derive(Clone, Debug)]
pub struct Selection {
    balance: Balance,
    turn: Turn,
}

impl Selection {
    /// Over `servers`. The turn of worker number `start` begins at another server than that of its neighbours: short
    /// trials reach all of them, and many workers do not all begin with the first.
    pub fn new(rules: &SelectionRules, servers: &[ServerSettings], start: u32) -> Self {
        let mut turn = Turn::new(servers.iter().map(|server| server.weight));
        for _ in 0..start as usize % servers.len().max(1) {
            turn.next(|_, weight| weight);
        }
        Self { balance: rules.balance, turn }
    }

    /// Goes by other rules from now on; turns go on as they stand.
    pub fn set_rules(&mut self, rules: &SelectionRules) {
        self.balance = rules.balance;
    }

    /// The next server, other than `not` (the one that has just failed). Servers that are aside have their turn only
    /// where no other is left, those without a port only where all are and none is ruled out. `None`: there is nobody
    /// (else).
    pub fn pick(&mut self, not: Option<usize>, field: &impl Field) -> Option<Pick> {
        let other = |index| Some(index) != not;
        let asked = |index, weight| if other(index) && is_asked(field.standing(index)) { weight } else { 0 };
        if let Some(server) = self.by_policy(asked, field) {
            return Some(Pick { server, in_need: false });
        }
        let aside = |index, weight| if other(index) && field.standing(index) == Standing::Aside { weight } else { 0 };
        self.turn
            .next(aside)
            .or_else(|| if not.is_none() { self.turn.next(|_, weight| weight) } else { None })
            .map(|server| Pick { server, in_need: true })
    }

    #[inline]
    fn by_policy(&mut self, weigh: impl Fn(usize, u64) -> u64, field: &impl Field) -> Option<usize> {
        match self.balance {
            Balance::RoundRobin => self.turn.next(weigh),
            Balance::LeastConnections => {
                // With the one that is to be picked: so that an idle one of twice the weight is ahead, too.
                least(&mut self.turn, weigh, |index| u64::from(field.in_flight(index)) + 1)
            }
        }
    }

    /// Is somebody else well?
    pub fn has_other(&self, than: usize, field: &impl Field) -> bool {
        let well = |index| index != than && field.standing(index) == Standing::Well;
        self.turn.weights().any(|(index, weight)| weight > 0 && well(index))
    }

    /// Gives server number `index` another weight; 0 takes it out of the turn. The others' turns go on as they stand.
    pub fn set_weight(&mut self, index: usize, weight: u32) {
        self.turn.set_weight(index, weight);
    }
}

#[inline]
fn is_asked(standing: Standing) -> bool {
    matches!(standing, Standing::Well | Standing::Due)
}
