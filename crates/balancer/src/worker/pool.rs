//! The end of a server connection's work: back to the pool, retired from it, closed by policy, lost, or never begun.

use super::Worker;
use super::sets::BackendSet;
use super::state::{Inbound, Server, Work};
use super::time::TimerKey;
use crate::board::Turned;
use balancer_core::exchange::Fact;
use balancer_core::{CloseReason, Side, Verdict};
use ports::{Blame, ClosedFirst, Fault, FaultKind, PortEnd};
use reactor::{Close, CloseOutcome, ConnId, Reactor};
use std::time::Duration;

/// How long a server towards which no local port was left is passed over.
const PORTLESS: Duration = Duration::from_millis(100);

/// How a server connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Closed {
    /// It was never established: its port was not used.
    NeverStood,
    By(Option<ClosedFirst>, CloseReason),
}

impl Worker {
    /// Reads from a server unless a recv is under way. Answers whether something is held that is to be looked at
    /// first.
    pub(super) fn read_server<R: Reactor>(&mut self, conn: ConnId, io: &mut R) -> bool {
        let party = self.parties.server(conn);
        match std::mem::take(&mut party.inbound) {
            Inbound::Rest(rest) => {
                party.inbound = Inbound::Rest(rest);
                return true;
            }
            Inbound::Partial(partial) => start_recv(party, conn, Some(partial), io),
            Inbound::None => start_recv(party, conn, None, io),
        }
        false
    }

    /// The response is whole: the connection is kept for another request.
    pub(super) fn keep_server<R: Reactor>(&mut self, conn: ConnId, clean: bool, io: &mut R) {
        let now = self.now(io);
        let party = self.parties.server(conn);
        party.work = Work::None;
        party.seat.rest();
        start_recv(party, conn, None, io);
        let (set, server) = (party.set, party.server);
        let backends = &mut self.sets[set];
        if backends.leaving || backends.servers[server].leaving {
            return self.close_server(conn, CloseReason::PoolRetired, io);
        }
        if backends.is_bounded() && self.is_wanted_elsewhere(set) {
            return self.close_server(conn, CloseReason::PoolRetired, io);
        }
        let evicted = self.sets[set].servers[server].idle.keep(conn, now, clean);
        self.arm_idle_timer(set, server);
        if let Some(evicted) = evicted {
            self.close_server(evicted, CloseReason::PoolRetired, io);
        }
        self.note_freed(set);
    }

    fn arm_idle_timer(&mut self, set: usize, server: usize) {
        let target = &mut self.sets[set].servers[server];
        if target.idle_timer.is_none()
            && let Some(at) = target.idle.poll_deadline()
        {
            target.idle_timer = Some(self.wheel.set(at, TimerKey::Idle { set, server }));
        }
    }

    /// Retires idle connections that are due, and comes again for the next.
    pub(super) fn retire_idle<R: Reactor>(&mut self, set: usize, server: usize, io: &mut R) {
        let now = self.now(io);
        while let Some(conn) = self.sets[set].servers[server].idle.poll_expired(now) {
            self.close_server(conn, CloseReason::Idle, io);
        }
        self.sets[set].servers[server].idle_timer = None;
        self.arm_idle_timer(set, server);
    }

    /// Closes a server connection by its set's policy. One in mid-exchange is reset: nothing on it is wanted.
    pub(super) fn close_server<R: Reactor>(&mut self, conn: ConnId, why: CloseReason, io: &mut R) {
        let now = self.now(io);
        let party = self.parties.server(conn);
        let in_flight = party.open && party.work != Work::None && why != CloseReason::ExchangeOver;
        let BackendSet { servers, rules, .. } = &mut self.sets[party.set];
        let target = &mut servers[party.server];
        let scarce = || target.strain.is_scarce(now, target.connections, target.tuples);
        let resets = rules.pool.close.resets(in_flight, scarce, || io.unacknowledged_bytes(conn));
        let how = if resets { Close::Reset } else { Close::Fin };
        self.close_server_by(conn, how, why, io);
    }

    /// Closes a server connection in this way, and whatever is unread.
    pub(super) fn close_server_by<R: Reactor>(&mut self, conn: ConnId, how: Close, why: CloseReason, io: &mut R) {
        let mut outcome = io.close(conn, how);
        if outcome == CloseOutcome::Unread {
            outcome = io.close(conn, Close::Discard);
        }
        let who = match outcome {
            CloseOutcome::Closed(who) => who,
            CloseOutcome::Unread => None,
        };
        self.forget_server(conn, Closed::By(who, why), io);
    }

    /// The server closed an idle connection, or spoke on it.
    pub(super) fn lose_idle_server<R: Reactor>(&mut self, conn: ConnId, io: &mut R) {
        let now = self.now(io);
        let party = self.parties.server(conn);
        let (set, server) = (party.set, party.server);
        self.sets[set].servers[server].idle.handle_closed_by_server(conn, now);
        self.close_server(conn, CloseReason::PeerLeft, io);
    }

    /// The handshake took too long: its socket is given up, which is as good as a refusal.
    pub(super) fn abandon_server<R: Reactor>(&mut self, conn: ConnId, io: &mut R) -> Fact {
        let party = self.parties.server(conn);
        let (set, server) = (party.set, party.server);
        io.close(conn, Close::Discard);
        self.forget_server(conn, Closed::NeverStood, io);
        self.sets[set].servers[server].connect_times.handle_hung();
        self.connect_failed(set, server, Fault::of(FaultKind::TimedOut), io)
    }

    /// A connect failed: whose fault that is, is counted. Where no port was left towards this server, others are tried
    /// for a moment.
    pub(super) fn connect_failed<R: Reactor>(&mut self, set: usize, server: usize, fault: Fault, io: &mut R) -> Fact {
        let now = self.now(io);
        let here = fault.kind.blame() == Blame::Here;
        let target = &mut self.sets[set].servers[server];
        if here {
            target.counters.connects_failed_here += 1;
        } else {
            target.counters.connects_failed_there += 1;
        }
        if fault.kind == FaultKind::Ports {
            target.portless_until = now + PORTLESS;
        }
        Fact::ConnectFailed { server: server as u32, fault }
    }

    /// What an attempt came to, for its server.
    pub(super) fn note_verdict<R: Reactor>(&mut self, set: usize, server: u32, verdict: Verdict, io: &mut R) {
        let now = self.now(io);
        let BackendSet { servers, rules, .. } = &mut self.sets[set];
        let server = &mut servers[server as usize];
        match server.board.note(verdict, now, &rules.health) {
            Turned::No => {}
            Turned::Aside => {
                server.counters.set_aside += 1;
                self.await_return(set, now);
            }
            // It may have more places than that of the connection it answered on.
            Turned::Back => self.call_next(set),
        }
    }

    /// A server connection is gone: counted, its port given back.
    pub(super) fn forget_server<R: Reactor>(&mut self, conn: ConnId, closed: Closed, io: &mut R) {
        let now = self.now(io);
        let Server { set, server, seat, lease, timestamps, .. } = self.parties.remove_server(conn);
        let target = &mut self.sets[set].servers[server];
        target.connections -= 1;
        target.portless_until = Duration::ZERO;
        match closed {
            Closed::NeverStood => self.sets[set].sources.return_unused(now, lease),
            Closed::By(closed_first, why) => {
                target.counters.count_close(Side::Server, closed_first, why);
                if closed_first.is_some_and(ClosedFirst::leaves_time_wait_here) {
                    target.strain.handle_time_wait(now);
                }
                self.sets[set].sources.give_back(now, lease, PortEnd { closed_first, timestamps });
            }
        }
        self.note_freed(set);
        // Who waits for the place may do so in a set that has come in this one's stead.
        self.freed |= seat.give_back();
    }
}

fn start_recv<R: Reactor>(party: &mut Server, conn: ConnId, partial: Option<reactor::Buf>, io: &mut R) {
    if !party.reading {
        party.reading = true;
        io.recv(conn, partial);
    }
}
