//! Server connections: they stand or they do not, are abandoned, or are lost while idle.

use super::Worker;
use super::pool::Closed;
use super::state::Work;
use balancer_core::CloseReason;
use balancer_core::exchange::Fact;
use ports::{Fault, FaultKind};
use reactor::{Close, ConnId, Reactor};

impl Worker {
    pub(super) fn handle_connected<R: Reactor>(&mut self, conn: ConnId, result: Result<(), Fault>, io: &mut R) {
        let party = self.parties.server(conn);
        let (set, server) = (party.set, party.server);
        let Work::Exchange(id) = party.work else {
            return debug_assert!(false, "a connection is opened for an exchange");
        };
        let fact = match result {
            Ok(()) => {
                party.open = true;
                if party.lease.is_some() {
                    party.timestamps = io.timestamps(conn).unwrap_or(false);
                }
                self.sets[set].servers[server].counters.connects += 1;
                Fact::Connected
            }
            Err(fault) => {
                self.exchanges[id].server = None;
                self.forget_server(conn, Closed::NeverStood, io);
                self.connect_failed(set, server, fault, io)
            }
        };
        self.hear(id, fact, io);
    }

    /// The handshake took too long: its socket is given up, which is as good as a refusal.
    pub(super) fn abandon_server<R: Reactor>(&mut self, conn: ConnId, io: &mut R) -> Fact {
        let party = self.parties.server(conn);
        let (set, server) = (party.set, party.server);
        io.close(conn, Close::Discard);
        self.forget_server(conn, Closed::NeverStood, io);
        self.connect_failed(set, server, Fault::of(FaultKind::TimedOut), io)
    }

    /// The server closed an idle connection, or spoke on it.
    pub(super) fn lose_idle_server<R: Reactor>(&mut self, conn: ConnId, io: &mut R) {
        let now = self.now(io);
        let party = self.parties.server(conn);
        let (set, server) = (party.set, party.server);
        self.sets[set].servers[server].idle.handle_closed_by_server(conn, now);
        self.close_server(conn, CloseReason::PeerLeft, io);
    }
}
