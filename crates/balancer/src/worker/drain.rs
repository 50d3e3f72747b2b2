//! Draining: who waits to be accepted still is, what is idle goes, what is at work may finish within a time.
//!
//! ```text
//!   Grace      listeners go on accepting; every answer says that its connection closes. Where another process has the
//!              sockets, they are let go, and this ends as soon as no client is left
//!   Closing    each listener closes once nobody waits at it; what is idle goes, requests in flight finish
//!   LastCall   who has no answer is told so
//!   the end    whatever is left is cut
//! ```
//! Whoever asks for the end once more can only bring it nearer.

use super::Worker;
use super::listeners::{Listener, Socket};
use super::state::Work;
use super::time::TimerKey;
use balancer_core::downstream::{ClientOrder, CloseHow};
use balancer_core::exchange::Fact;
use balancer_core::relay::RelayFact;
use balancer_core::{CloseReason, LAST_WORDS, ListenerStage};
use reactor::{ConnId, ListenerId, Probe, Reactor};
use std::time::Duration;

/// From the last call to the end where somebody is in a hurry.
const HASTY_WORDS: Duration = Duration::from_millis(100);

/// How soon listeners at which somebody waits are looked at again.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// How far a drain is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Farewell {
    /// There is none.
    None,
    Grace {
        patience: Duration,
        /// Another process accepts from the same sockets: this one does not.
        is_left: bool,
    },
    Closing,
    LastCall,
}

impl Farewell {
    /// Is a client that has its answer to go at once? In a grace it was perhaps told that it may stay: it may ask once more.
    pub(super) fn closes_idle(self) -> bool {
        matches!(self, Self::Closing | Self::LastCall)
    }
}

impl Worker {
    /// Begins a drain, or hastens one.
    pub(super) fn handle_drain<R: Reactor>(&mut self, grace: Duration, patience: Duration, io: &mut R) {
        self.begin_farewell(grace, patience, false, io);
    }

    /// The same where another process, or another worker, accepts from the same sockets.
    pub(super) fn handle_leave<R: Reactor>(&mut self, grace: Duration, patience: Duration, io: &mut R) {
        if !self.draining {
            // Whoever waits there is the other's to accept.
            self.listeners.iter_mut().for_each(|listener| listener.leave(io));
            self.closes_listeners = true;
        }
        self.begin_farewell(grace, patience, true, io);
    }

    /// Ends now: who has no answer is told so, and everything is cut a moment later.
    pub(super) fn handle_cut<R: Reactor>(&mut self, io: &mut R) {
        self.draining = true;
        self.listeners.iter_mut().for_each(|listener| listener.let_go(io));
        if self.farewell != Farewell::LastCall {
            self.farewell = Farewell::LastCall;
            self.close_idle_connections(io);
            self.call_last(None, io);
        }
        self.end_stage_within(HASTY_WORDS, io);
    }

    fn begin_farewell<R: Reactor>(&mut self, grace: Duration, patience: Duration, is_left: bool, io: &mut R) {
        self.draining = true;
        let within = match self.farewell {
            Farewell::None => {
                self.farewell = Farewell::Grace { patience, is_left };
                grace
            }
            Farewell::Grace { patience: before, is_left } => {
                self.farewell = Farewell::Grace { patience: patience.min(before), is_left };
                grace
            }
            Farewell::Closing => grace.saturating_add(patience),
            Farewell::LastCall => return,
        };
        if within.is_zero() {
            return self.go_on_draining(io);
        }
        self.end_stage_within(within, io);
    }

    /// May its clients ask once more? Then it goes by what is configured.
    pub(super) fn may_serve_yet(&self) -> bool {
        matches!(self.farewell, Farewell::Grace { is_left: true, .. })
    }

    /// Nobody is left who could make use of a grace.
    pub(super) fn cut_grace_short<R: Reactor>(&mut self, io: &mut R) {
        if self.may_serve_yet() && !self.closes_listeners && self.parties.clients().next().is_none() {
            self.go_on_draining(io);
        }
    }

    /// The stage ends then, unless it ends before that.
    fn end_stage_within<R: Reactor>(&mut self, within: Duration, io: &mut R) {
        let at = self.now(io).saturating_add(within);
        self.stage_end.fire_by(at, TimerKey::Drain, &mut self.wheel);
    }

    /// The time of one stage is over.
    pub(super) fn go_on_draining<R: Reactor>(&mut self, io: &mut R) {
        self.stage_end.cancel(&mut self.wheel);
        match self.farewell {
            Farewell::None => {}
            Farewell::Grace { patience, .. } => {
                self.farewell = Farewell::Closing;
                self.end_stage_within(patience, io);
                self.closes_listeners = true;
                self.close_idle_connections(io);
            }
            Farewell::Closing => {
                self.farewell = Farewell::LastCall;
                self.end_stage_within(LAST_WORDS, io);
                self.call_last(None, io);
            }
            Farewell::LastCall => self.cut_everything(io),
        }
    }

    /// A listener is drained by an operator's order, who says how far; or no more.
    pub(super) fn enter_stage<R: Reactor>(&mut self, index: usize, stage: ListenerStage, io: &mut R) {
        let listener = &mut self.listeners[index];
        let before = std::mem::replace(&mut listener.stage, stage);
        if !stage.is_shut() {
            return listener.shut.clear();
        }
        // A file cannot be shut: who comes there is turned away.
        let files_apart = listener.sockets.iter_mut().filter(|socket| socket.address.ip().is_some());
        files_apart.for_each(|socket| socket.leaving = true);
        self.closes_listeners |= listener.sockets.iter().any(|socket| socket.leaving);
        if !before.is_shut() {
            self.close_idle_clients(Some(index), io);
        }
        if before < ListenerStage::LastCall && stage >= ListenerStage::LastCall {
            self.call_last(Some(index), io);
        }
        if before < ListenerStage::Cut && stage == ListenerStage::Cut {
            self.cut_clients(Some(index), io);
        }
    }

    /// Those of one listener, or all.
    pub(super) fn close_idle_clients<R: Reactor>(&mut self, of: Option<usize>, io: &mut R) {
        for (conn, _) in self.clients_of(of) {
            self.close_if_idle(conn, io);
        }
    }

    /// Those of one listener, or all, and what they are at.
    fn clients_of(&self, of: Option<usize>) -> Vec<(ConnId, Work)> {
        let ours = self.parties.clients().filter(|(_, client)| of.is_none_or(|index| client.listener == index));
        ours.map(|(conn, client)| (conn, client.work)).collect()
    }

    fn close_idle_connections<R: Reactor>(&mut self, io: &mut R) {
        self.close_idle_clients(None, io);
        for set in 0..self.sets.len() {
            for server in 0..self.sets[set].servers.len() {
                while let Some(conn) = self.sets[set].servers[server].idle.poll_any() {
                    self.close_server(conn, CloseReason::Draining, io);
                }
            }
        }
    }

    /// A client whose next request is here already, though unread, is not idle.
    pub(super) fn close_if_idle<R: Reactor>(&mut self, conn: ConnId, io: &mut R) {
        let now = self.now(io);
        let quiet = io.is_receiving(conn) && io.probe(conn) == Probe::Quiet;
        let client = self.parties.client(conn);
        if quiet && client.life.is_idle() {
            let scene = self.listeners[client.listener].downstream_scene(now, self.farewell.closes_idle());
            let order = client.life.handle_drain(&scene);
            self.carry_out(conn, order, io);
        }
    }

    /// Lets go of those listeners at which nobody waits any more.
    pub(super) fn close_quiet_listeners<R: Reactor>(&mut self, io: &mut R) {
        let all = match self.farewell {
            Farewell::None | Farewell::Grace { is_left: false, .. } => false,
            Farewell::Grace { .. } | Farewell::Closing | Farewell::LastCall => true,
        };
        self.closes_listeners = false;
        for listener in &mut self.listeners {
            let all = all || listener.leaving;
            let goes =
                |socket: &&Socket| (all || socket.leaving) && io.waiting(socket.id).is_none_or(|count| count == 0);
            let quiet: Vec<ListenerId> = listener.sockets.iter().filter(goes).map(|socket| socket.id).collect();
            listener.let_go_of(&quiet, all, io);
            self.closes_listeners |= listener.sockets.iter().any(|socket| all || socket.leaving);
        }
        // Nobody tells when somebody has fallen silent.
        self.look_again = self.closes_listeners.then(|| self.now(io) + LOOK_AGAIN);
    }

    fn call_last<R: Reactor>(&mut self, of: Option<usize>, io: &mut R) {
        let clients = self.clients_of(of);
        self.gone.drain_cut += clients.iter().filter(|(_, work)| matches!(work, Work::Relay(_))).count() as u64;
        for (conn, work) in clients {
            match work {
                Work::Exchange(id) => self.hear(id, Fact::LastCall, io),
                Work::Relay(id) => self.hear_relay(id, RelayFact::Cut, io),
                Work::None => match self.parties.client(conn).life.handle_last_call() {
                    ClientOrder::Refuse(failure) => self.refuse(conn, failure, io),
                    order => self.carry_out(conn, order, io),
                },
            }
        }
    }

    /// Draining took too long: cut what is left.
    fn cut_everything<R: Reactor>(&mut self, io: &mut R) {
        self.listeners.iter_mut().for_each(|listener| listener.let_go(io));
        self.cut_clients(None, io);
        let servers: Vec<ConnId> = self.parties.servers().map(|(conn, _)| conn).collect();
        for conn in servers {
            self.close_server(conn, CloseReason::Draining, io);
        }
    }

    /// Those of one listener, or all.
    fn cut_clients<R: Reactor>(&mut self, of: Option<usize>, io: &mut R) {
        let clients = self.clients_of(of);
        self.gone.drain_cut += clients.iter().filter(|(_, work)| !matches!(work, Work::None)).count() as u64;
        for (conn, work) in clients {
            match work {
                Work::Exchange(id) => self.hear(id, Fact::Cut, io),
                Work::Relay(id) => self.hear_relay(id, RelayFact::Cut, io),
                Work::None => self.carry_out(conn, ClientOrder::Close(CloseHow::Discard, CloseReason::Draining), io),
            }
        }
    }

    /// Nothing is open, and nothing more comes in.
    pub(super) fn is_over(&self) -> bool {
        self.draining && self.parties.is_empty() && !self.listeners.iter().any(Listener::is_open)
    }
}
