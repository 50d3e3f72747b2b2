//! Draining: nothing new comes in, what is idle goes at once, what is at work may finish within a time.

use super::Worker;
use super::state::Work;
use super::time::TimerKey;
use balancer_core::CloseReason;
use balancer_core::downstream::{ClientOrder, CloseHow};
use balancer_core::exchange::Fact;
use balancer_core::relay::RelayFact;
use reactor::{ConnId, Reactor};
use std::time::Duration;

impl Worker {
    /// Stops accepting, lets requests in flight finish within `patience`, closes what is idle.
    pub(super) fn handle_drain<R: Reactor>(&mut self, patience: Duration, io: &mut R) {
        if self.draining {
            return;
        }
        self.draining = true;
        let until = self.now(io).saturating_add(patience);
        if until < Duration::MAX {
            self.wheel.set(until, TimerKey::Drain);
        }
        for listener in self.listeners.iter().filter(|listener| !listener.leaving) {
            if let Some(id) = listener.id {
                io.close_listener(id);
            }
        }
        self.close_idle_connections(io);
    }

    fn close_idle_connections<R: Reactor>(&mut self, io: &mut R) {
        let idle: Vec<ConnId> =
            self.parties.clients().filter(|(_, client)| client.life.is_idle()).map(|(conn, _)| conn).collect();
        for conn in idle {
            self.carry_out(conn, ClientOrder::Close(CloseHow::Fin, CloseReason::Draining), io);
        }
        for set in 0..self.sets.len() {
            for server in 0..self.sets[set].servers.len() {
                while let Some(conn) = self.sets[set].servers[server].idle.poll_any() {
                    self.close_server(conn, CloseReason::Draining, io);
                }
            }
        }
    }

    /// Draining took too long: cut what is left.
    pub(super) fn cut_everything<R: Reactor>(&mut self, io: &mut R) {
        let clients: Vec<(ConnId, Work)> = self.parties.clients().map(|(conn, client)| (conn, client.work)).collect();
        for (conn, work) in clients {
            match work {
                Work::Exchange(id) => self.hear(id, Fact::Cut, io),
                Work::Relay(id) => self.hear_relay(id, RelayFact::Cut, io),
                Work::None => self.carry_out(conn, ClientOrder::Close(CloseHow::Discard, CloseReason::Draining), io),
            }
        }
        let servers: Vec<ConnId> = self.parties.servers().map(|(conn, _)| conn).collect();
        for conn in servers {
            self.close_server(conn, CloseReason::Draining, io);
        }
    }
}
