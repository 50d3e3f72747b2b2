//! Which server an attempt goes to: what is known of them all, as the set's policy is asked.

use super::Worker;
use super::sets::{BackendSet, Server};
use super::state::ExchangeId;
use balancer_core::exchange::Fact;
use balancer_core::{Ask, BackendSetSettings, Balance, Choice, Field, HashBy, Standing};
use http::RequestHead;
use std::time::Duration;

/// The servers of a set as they stand now.
pub(super) struct Stands<'a> {
    pub(super) servers: &'a [Server],
    pub(super) now: Duration,
    /// How long a server takes to its full weight.
    pub(super) slow_start: Duration,
    /// Connections that each may have.
    pub(super) connections_max: Option<u32>,
}

impl<'a> Stands<'a> {
    pub(super) fn of(set: &'a BackendSet, now: Duration) -> Self {
        Self::by(&set.rules, &set.servers, now)
    }

    fn by(rules: &BackendSetSettings, servers: &'a [Server], now: Duration) -> Self {
        let connections_max = rules.capacity.connections_max;
        Self { servers, now, slow_start: rules.selection.slow_start, connections_max }
    }
}

impl Field for Stands<'_> {
    #[inline]
    fn standing(&self, server: usize) -> Standing {
        self.servers[server].standing(self.now, self.connections_max)
    }

    #[inline]
    fn in_flight(&self, server: usize) -> u32 {
        self.servers[server].board.in_flight()
    }

    fn latency(&self, server: usize) -> Option<u32> {
        self.servers[server].board.latency(self.now)
    }

    #[inline]
    fn ramp(&self, server: usize) -> u32 {
        self.servers[server].board.ramp(self.now, self.slow_start)
    }
}

impl Worker {
    /// The server whose turn it is, or why there is none. One that is due after a pause is asked once; where another worker
    /// was quicker, the turn goes on.
    pub(super) fn pick(
        &mut self,
        id: ExchangeId,
        set: usize,
        not: Option<usize>,
        now: Duration,
    ) -> Result<usize, Fact> {
        let ask = Ask { not, key: self.exchanges[id].key };
        let sticky = self.exchanges[id].sticky;
        let set = &mut self.sets[set];
        if set.is_bounded()
            && set.places.are_for_others(id)
            && set.selection.has_hope(&Stands::by(&set.rules, &set.servers, now))
        {
            return Err(Fact::NoPlace);
        }
        let BackendSet { selection, servers, rules, .. } = set;
        let stands = Stands::by(rules, servers, now);
        if let Some(server) = sticky.and_then(|id| stays_with(id, not, &stands)) {
            return Ok(server);
        }
        let mut choose = || match selection.pick(ask, &stands) {
            Choice::Server(pick) => Ok(pick),
            Choice::Full => Err(Fact::NoPlace),
            Choice::Nobody => Err(Fact::NobodyElse),
        };
        let mut pick = choose()?;
        for _ in 0..servers.len() {
            if pick.in_need || servers[pick.server].board.may_be_asked(now, &rules.health) {
                break;
            }
            pick = choose()?;
        }
        Ok(pick.server)
    }

    /// Before the first attempt: what the request has in common with others that go to the same server. A tcp connection has
    /// its source only.
    #[inline]
    pub(super) fn note_key(&mut self, id: ExchangeId, head: Option<&RequestHead<'_, '_>>) {
        let entry = &mut self.exchanges[id];
        if let (Some(sticky), Some(head)) = (&entry.set_rules.selection.sticky, head) {
            entry.sticky = sticky.asked(head.headers);
        }
        if entry.set_rules.selection.balance == Balance::Hash && (head.is_some() || entry.core.is_stream()) {
            self.read_key(id, head);
        }
    }

    #[cold]
    fn read_key(&mut self, id: ExchangeId, head: Option<&RequestHead<'_, '_>>) {
        let entry = &mut self.exchanges[id];
        let client = entry.asker.address;
        let by = entry.set_rules.selection.hash.as_ref();
        entry.key = match (by, head) {
            (Some(by), Some(head)) => by.key(head, client),
            (Some(HashBy::Source), None) => HashBy::Source.key(&RequestHead::default(), client),
            _ => None,
        };
        let set = self.exchanges[id].asked_set();
        self.sets[set].counters.hash_key_missing += u64::from(self.exchanges[id].key.is_none());
    }

    /// The first byte of an answer: how long it took is known of the server from now on, where somebody goes by it.
    #[inline]
    pub(super) fn note_first_byte(&mut self, id: ExchangeId, status: u16, now: Duration) {
        let entry = &self.exchanges[id];
        if entry.set_rules.selection.balance == Balance::LeastTime
            && (status >= 200 || status == 101)
            && let Some(end) = entry.server
        {
            let since = self.parties.server(end.conn).since;
            let board = self.parties.server(end.conn).seat.board();
            board.note_latency(now.saturating_sub(since), status >= 500, now);
        }
    }
}

/// The server that a client stays with, as long as it is well and has a place. One that takes nothing new (weight 0) goes on
/// with whom it has.
fn stays_with(id: u64, not: Option<usize>, stands: &Stands<'_>) -> Option<usize> {
    let is_it = |server: &Server| !server.leaving && server.mark.as_ref().is_some_and(|mark| mark.id == id);
    let server = stands.servers.iter().position(is_it)?;
    (Some(server) != not && stands.standing(server) == Standing::Well).then_some(server)
}
