//! What the application sees: the reactor below, with clients in the place of the proxies that speak for them.

use crate::layer::Layer;
use ports::{Fault, Handshakes};
use reactor::{
    After, Announcing, Buf, Close, CloseOutcome, Completion, ConnId, ConnectPlan, ListenerId, Outgoing, Probe,
    Questions, Reactor, Received, TurnedAway,
};
use std::net::SocketAddr;

/// The reactor an application of a layer has; made anew for every call.
pub struct View<'a, R> {
    pub(crate) io: &'a mut R,
    pub(crate) layer: &'a mut Layer,
}

impl<R: Reactor> Questions for View<'_, R> {
    reactor::forward!(io: now, wall_clock, listener_address, is_receiving, session, unacknowledged_bytes, timestamps);
    reactor::forward!(io: buffers_are_scarce, connect_cost, shortages);

    /// Also those who came a moment ago and have not said whose they are.
    fn waiting(&self, listener: ListenerId) -> Option<usize> {
        let is_awaited = |one: &&crate::layer::Stranger| one.listener == listener && one.young;
        let strangers = self.layer.strangers.iter().map(|(_, one)| one).filter(is_awaited).count();
        Some(self.io.waiting(listener)? + strangers)
    }

    /// Where the client came in, as the proxy says.
    fn local_address(&self, conn: ConnId) -> Option<SocketAddr> {
        let told = self.layer.known.get(conn).and_then(|known| known.to);
        told.or_else(|| self.io.local_address(conn))
    }

    fn probe(&self, conn: ConnId) -> Probe {
        if self.layer.holds_bytes(conn) { Probe::Readable } else { self.io.probe(conn) }
    }
}

impl<R: Reactor> Reactor for View<'_, R> {
    reactor::forward!(io: listen, adopt_listener, secure_listener, set_accepting, send_piped, watch_peer, shutdown_write, take_buf, turn);

    fn announce_listener(&mut self, listener: ListenerId, announcing: Option<Announcing>) {
        self.layer.set_gate(listener, announcing);
    }

    fn take_handshakes(&mut self, listener: Option<ListenerId>) -> Handshakes {
        Handshakes { announced: self.layer.take_counts(listener), ..self.io.take_handshakes(listener) }
    }

    fn poll_turned_away(&mut self) -> Option<TurnedAway> {
        self.layer.turned_away.pop_front()
    }

    fn close_listener(&mut self, listener: ListenerId) {
        self.io.close_listener(listener);
        self.turn_all_away(Some(listener));
        self.layer.set_gate(listener, None);
    }

    fn shut_listener(&mut self, listener: ListenerId) -> bool {
        let is_shut = self.io.shut_listener(listener);
        if is_shut {
            self.turn_all_away(Some(listener));
            self.layer.set_gate(listener, None);
        }
        is_shut
    }

    fn connect(&mut self, plan: &ConnectPlan, first: Outgoing) -> Result<ConnId, Fault> {
        self.io.connect(plan, first)
    }

    fn connect_behind(&mut self, ahead: &[u8], plan: &ConnectPlan, first: Outgoing) -> Result<ConnId, Fault> {
        self.io.connect_behind(ahead, plan, first)
    }

    #[inline]
    fn recv(&mut self, conn: ConnId, partial: Option<Buf>) {
        match self.layer.known.get_mut(conn).and_then(|known| known.rest.take()) {
            None => self.io.recv(conn, partial),
            Some(rest) => {
                debug_assert!(partial.is_none_or(|partial| partial.is_empty()), "nothing was received before");
                self.layer.up.push_back(Completion::Received { conn, result: Ok(Received::Data(rest)) });
            }
        }
    }

    fn recv_through(&mut self, conn: ConnId, to: ConnId) {
        match self.layer.holds_bytes(conn) {
            true => self.recv(conn, None),
            false => self.io.recv_through(conn, to),
        }
    }

    #[inline]
    fn send(&mut self, conn: ConnId, mut out: Outgoing) {
        if out.after == After::Close
            && let Some(known) = self.layer.known.get_mut(conn).filter(|known| known.rest.is_some())
        {
            // Below nothing is unread: it would close.
            (known.kept_open, out.after) = (true, After::Keep);
        }
        self.io.send(conn, out);
    }

    fn close(&mut self, conn: ConnId, how: Close) -> CloseOutcome {
        let how = match how {
            Close::Fin if self.layer.holds_bytes(conn) => return CloseOutcome::Unread,
            // Below they are read already: it would send a FIN.
            Close::Discard if self.layer.holds_bytes(conn) => Close::Reset,
            how => how,
        };
        let outcome = self.io.close(conn, how);
        if let CloseOutcome::Closed(_) = outcome {
            self.layer.forget(conn);
        }
        outcome
    }

    fn poll_completion(&mut self) -> Option<Completion> {
        self.layer.up.pop_front()
    }
}
