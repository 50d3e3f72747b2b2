//! Server connections that were opened: they stand, or they do not.

use super::Worker;
use super::pool::Closed;
use super::state::Work;
use balancer_core::exchange::Fact;
use ports::Fault;
use reactor::{ConnId, Reactor};

impl Worker {
    pub(super) fn handle_connected<R: Reactor>(&mut self, conn: ConnId, result: Result<(), Fault>, io: &mut R) {
        let now = self.now(io);
        let party = self.parties.server(conn);
        let (set, server, took) = (party.set, party.server, now.saturating_sub(party.since));
        let Work::Exchange(id) = party.work else {
            return debug_assert!(false, "a connection is opened for an exchange");
        };
        let fact = match result {
            Ok(()) => {
                party.open = true;
                if party.lease.is_some() {
                    party.timestamps = io.timestamps(conn).unwrap_or(false);
                }
                let server = &mut self.sets[set].servers[server];
                server.counters.connects += 1;
                server.connect_times.handle_connected(took);
                Fact::Connected
            }
            Err(fault) => {
                self.exchanges[id].server = None;
                self.note_reason(conn, io);
                self.forget_server(conn, Closed::NeverStood, io);
                self.connect_failed(set, server, fault, io)
            }
        };
        self.hear(id, fact, io);
    }

    /// What a layer has against a server, for those who tell people.
    #[cold]
    pub(super) fn note_reason<R: Reactor>(&mut self, conn: ConnId, io: &R) {
        if let Some(why) = io.reason(conn) {
            let party = self.parties.server(conn);
            self.sets[party.set].servers[party.server].board.note_reason(why);
        }
    }
}
