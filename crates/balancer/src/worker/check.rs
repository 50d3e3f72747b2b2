//! What must hold between two turns: what each party, exchange, queue and lease says of the others.

use super::Worker;
use super::state::{Client, ExchangeId, Party, Server, Work};
use crate::board::Board;
use crate::flight::Flight;
use reactor::ConnId;
use std::sync::Arc;
use std::time::Duration;

/// Parties beyond which the sweep is too dear for every turn of a debug build.
const CHECKED_MAX: usize = 256;

impl Worker {
    /// The invariants across parties. Swept after every turn in debug builds, and so in every simulated run.
    ///
    /// # Errors
    /// What does not hold.
    pub(super) fn check(&self) -> Result<(), String> {
        if self.parties.len() > CHECKED_MAX {
            return Ok(());
        }
        for (conn, party) in self.parties.iter() {
            match party {
                Party::Client(client) => self.check_client(conn, client)?,
                Party::Server(server) => self.check_server(conn, server)?,
            }
        }
        for (id, entry) in &self.exchanges {
            entry.core.check()?;
            let kept = entry.up.kept.is_some() || entry.core.is_stream();
            holds(!entry.core.is_replayable() || kept, "what may be sent again is kept")?;
            let waiting = entry.set.into_iter().flat_map(|set| &self.sets[set].waiting);
            let queued = waiting.filter(|waiting| **waiting == id).count();
            holds(queued == usize::from(entry.core.is_queued()), "who queues stands in the queue, once")?;
            let here = entry.set.into_iter().flat_map(|set| &self.sets[set].places.here);
            let in_line = here.filter(|(waiting, _)| *waiting == id).count();
            holds(in_line == usize::from(entry.core.is_in_line()), "who waits for a place stands in line, once")?;
            holds(
                entry.server.is_some() == entry.core.attached_server().is_some(),
                "an exchange has the server it says",
            )?;
        }
        let encoding = self.exchanges.values().filter(|entry| entry.down.encoder.is_some()).count();
        holds(encoding == self.encoders.busy(), "an encoder that is busy belongs to an exchange")?;
        self.check_sums()
    }

    fn check_client(&self, conn: ConnId, client: &Client) -> Result<(), String> {
        let deadline = match client.work {
            Work::None => client.life.deadline(),
            Work::Exchange(id) => {
                let entry = self.entry(id)?;
                holds(entry.client.conn == conn, "a busy client is named back by its exchange")?;
                holds(client.reading || !entry.core.is_reading().0, "an exchange knows whether its client is read")?;
                entry.core.deadline()
            }
            Work::Relay(id) => self.relays.get(id).ok_or("a client's relay exists")?.core.deadline(),
        };
        let armed = deadline == Duration::MAX || client.alarm.is_kept() && client.alarm.fires_by() <= deadline;
        holds(armed, "every client has a timer not later than its deadline")?;
        holds(client.life.is_busy() == (client.work != Work::None), "a client is busy while it has work")?;
        holds(
            !client.life.is_ending() || client.inbound.is_none(),
            "nothing is held of a client that is on its way out",
        )
    }

    fn check_server(&self, conn: ConnId, server: &Server) -> Result<(), String> {
        let idle = self.sets[server.set].servers[server.server].idle.contains(conn);
        holds(server.seat.is_busy() == (server.work != Work::None), "work at a server is counted while it lasts")?;
        match server.work {
            Work::None => {
                holds(idle, "a server connection without work is idle in its pool")?;
                holds(server.reading, "an idle server connection is watched")
            }
            Work::Exchange(id) => {
                let entry = self.entry(id)?;
                let named = entry.server.is_some_and(|end| end.conn == conn);
                holds(named && !idle, "a busy server connection is named back by its exchange")?;
                holds(entry.core.attached_server() == Some(server.server as u32), "an exchange knows its server")
            }
            Work::Relay(id) => holds(self.relays.contains_key(id) && !idle, "a server's relay exists"),
        }
    }

    fn check_sums(&self) -> Result<(), String> {
        for (index, listener) in self.listeners.iter().enumerate() {
            let clients = self.parties.clients().filter(|(_, client)| client.listener == index).count();
            holds(clients == listener.clients, "a listener's clients add up")?;
            let idle = self.parties.clients().filter(|(_, client)| client.listener == index && client.counted).count();
            let counted = listener.crowd.as_ref().map_or(0, |crowd| crowd.idle);
            holds(idle == counted, "a listener's idle clients add up")?;
            self.check_arrivals(index)?;
            let under_way = self.exchanges.values().filter(|entry| entry.listener == index).count() as u64;
            let counters = &listener.counters;
            let by_route = listener.tallies.iter().map(|tally| tally.requests).sum::<u64>() + counters.route_requests;
            holds(by_route <= counters.ended(), "no request is counted by two routes")?;
            holds(counters.requests == counters.ended() + under_way, "every request comes to one end")?;
        }
        for (index, set) in self.sets.iter().enumerate() {
            let here = || self.parties.servers().filter(|(_, server)| server.set == index);
            let leases = here().filter(|(_, server)| server.lease.is_some()).count();
            holds(leases == set.sources.leases_out(), "leases out are server connections with a lease")?;
            for (number, server) in set.servers.iter().enumerate() {
                let connections = here().filter(|(_, party)| party.server == number).count();
                holds(connections == server.connections, "a server's connections add up")?;
                self.check_in_flight(&server.board)?;
                holds(
                    server.idle.is_empty() || server.idle_timer.is_some_and(|timer| self.wheel.is_set(timer)),
                    "idle connections have a timer",
                )?;
            }
            let waiting = set.waiting.iter().all(|id| self.exchanges.get(*id).is_some_and(|e| e.core.is_queued()));
            holds(waiting, "queue entries wait")?;
            let called = set.places.line.called(set.places.number);
            holds(called <= set.places.here.len(), "who was called stands in line")?;
            self.check_tickets(&set.flight)?;
        }
        let busy = self.exchanges.len() + self.relays.len();
        let working = self.parties.clients().filter(|(_, client)| client.work != Work::None).count();
        holds(busy == working, "every exchange and every relay has a client")
    }

    /// Whoever has a ticket is counted, with those of other workers.
    fn check_tickets(&self, flight: &Arc<Flight>) -> Result<(), String> {
        let tickets = self.exchanges.values().map(|entry| &entry.ticket);
        let tickets = tickets.chain(self.relays.values().map(|entry| &entry.ticket)).flatten();
        let (here, counted) = (tickets.filter(|ticket| ticket.is_of(flight)).count(), flight.under_way() as usize);
        holds(counted >= here && (!self.is_alone() || counted == here), "what is under way in a set adds up")
    }

    /// Whoever arrives, and whoever is counted by its address.
    fn check_arrivals(&self, index: usize) -> Result<(), String> {
        let listener = &self.listeners[index];
        let ours = |client: &Client| client.listener == index && client.guest;
        let arriving = || self.arrivals.iter().filter(|(_, arrival)| arrival.listener == index);
        holds(arriving().count() == listener.arriving, "those who arrive at a listener add up")?;
        let guests = self.parties.clients().filter(|(_, client)| ours(client)).count()
            + arriving().filter(|(_, arrival)| arrival.pass.guest).count();
        let (counted, alone) = (listener.room.guests.count(), self.is_alone() && !listener.leaving);
        holds(counted >= guests && (!alone || counted == guests), "clients counted by address are here")
    }

    /// What is under way here is counted at the server, with what is under way at other workers.
    fn check_in_flight(&self, board: &Arc<Board>) -> Result<(), String> {
        let of_board = self.parties.servers().filter(|(_, party)| Arc::ptr_eq(party.seat.board(), board));
        let busy = of_board.filter(|(_, party)| party.work != Work::None).count();
        let counted = board.in_flight() as usize;
        holds(counted >= busy && (!self.is_alone() || counted == busy), "requests under way at a server add up")
    }

    /// There never was another worker: what is counted over all of them is counted here.
    fn is_alone(&self) -> bool {
        self.share.count == 1 && self.passwords.is_only_one()
    }

    fn entry(&self, id: ExchangeId) -> Result<&super::state::Entry, String> {
        self.exchanges.get(id).ok_or_else(|| "what a party works for exists".to_owned())
    }
}

fn holds(rule: bool, words: &str) -> Result<(), String> {
    if rule { Ok(()) } else { Err(words.to_owned()) }
}
