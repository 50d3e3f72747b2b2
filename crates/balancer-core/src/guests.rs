//! Who is here: connections counted by client, so that none has more than it may.
//!
//! There is an entry for each client that has a connection, and none for anybody else: the table is never larger than what a
//! listener lets in at all, and no stranger can take somebody's place in it.

use std::collections::BTreeMap;

/// Connections by client ([`client_of`](crate::treatment::client_of)).
#[derive(Clone, Debug, Default)]
pub struct Guests(BTreeMap<u64, u32>);

impl Guests {
    /// One more of this client's, where that is no more than `max`. Who gets `true` [leaves](Self::leave) once.
    #[must_use]
    pub fn enter(&mut self, client: u64, max: u32) -> bool {
        let here = self.0.get(&client).copied().unwrap_or(0);
        if here < max {
            self.0.insert(client, here + 1);
        }
        here < max
    }

    /// One less.
    pub fn leave(&mut self, client: u64) {
        match self.0.get_mut(&client) {
            Some(here) if *here > 1 => *here -= 1,
            Some(_) => drop(self.0.remove(&client)),
            None => debug_assert!(false, "who leaves has entered"),
        }
    }

    /// All that are counted.
    pub fn count(&self) -> usize {
        self.0.values().map(|here| *here as usize).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_client_has_its_own_count_and_who_is_gone_leaves_nothing() {
        let mut guests = Guests::default();
        assert_eq!([1, 1, 2, 1].map(|client| guests.enter(client, 2)), [true, true, true, false]);
        guests.leave(1);
        assert!(guests.enter(1, 2) && !guests.enter(1, 2), "who was turned away is not counted");
        assert!(!guests.enter(2, 1) && guests.enter(2, 3), "another bound counts at once");
        assert_eq!(guests.count(), 4);
        [1, 2, 1, 2].into_iter().for_each(|client| guests.leave(client));
        assert!(guests.0.is_empty());
    }
}
