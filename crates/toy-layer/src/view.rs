//! What the application sees: the reactor below, with sealed connections looking like any others.

use crate::conn::{Conn, Layer, Phase};
use crate::handshake::Hello;
use crate::inbound::End;
use ports::{Fault, FaultKind};
use reactor::{
    Buf, Close, CloseOutcome, Completion, ConnId, ConnectPlan, ListenerId, Outgoing, Probe, Questions, Reactor,
    SessionInfo,
};

/// The reactor an application of a layer has; made anew for every call.
pub struct View<'a, R> {
    pub(crate) io: &'a mut R,
    pub(crate) layer: &'a mut Layer,
}

impl<R> View<'_, R> {
    fn sealed(&mut self, id: ConnId) -> Option<&mut Conn> {
        self.layer.conns.get_mut(id)
    }
}

impl<R: Reactor> Questions for View<'_, R> {
    reactor::forward!(io: now, wall_clock, listener_address, local_address, timestamps, buffers_are_scarce, shortages);

    /// Also those whose handshake is not over.
    fn waiting(&self, listener: ListenerId) -> Option<usize> {
        Some(self.io.waiting(listener)? + self.handshakes(Some(listener)).len())
    }

    fn probe(&self, conn: ConnId) -> Probe {
        self.probe_sealed(conn)
    }

    fn is_receiving(&self, conn: ConnId) -> bool {
        self.io.is_receiving(conn) && self.layer.conns.get(conn).is_none_or(|sealed| sealed.inbound.is_waiting())
    }

    fn session(&self, conn: ConnId) -> Option<&SessionInfo> {
        self.layer.conns.get(conn).map_or_else(|| self.io.session(conn), |sealed| Some(&sealed.session))
    }

    /// Also those that are not sealed yet.
    fn unacknowledged_bytes(&self, conn: ConnId) -> Option<usize> {
        let unsealed = self.layer.conns.get(conn).map_or(0, |sealed| sealed.outbound.pending_bytes());
        Some(self.io.unacknowledged_bytes(conn)? + unsealed)
    }
}

impl<R: Reactor> Reactor for View<'_, R> {
    reactor::forward!(io: listen, adopt_listener, secure_listener, take_handshakes, set_accepting, watch_peer, take_buf, turn);

    fn close_listener(&mut self, listener: ListenerId) {
        self.io.close_listener(listener);
        self.end_handshakes(Some(listener));
    }

    /// The hello goes below as the first bytes; `first` is sealed and sent when the answer is there.
    fn connect(&mut self, plan: &ConnectPlan, first: Outgoing) -> Result<ConnId, Fault> {
        if !self.layer.settings.connected {
            return self.io.connect(plan, first);
        }
        let settings = &self.layer.settings;
        let nonce = self.layer.rng.next_u64();
        let hello = Hello { nonce, server_name: settings.server_name.clone(), alpn: settings.alpn.to_vec() };
        let mut buf = self.io.take_buf().ok_or(Fault::of(FaultKind::Memory))?;
        hello.seal(&mut buf);
        let id = self.io.connect(plan, Outgoing::bytes(buf))?;
        let mut conn = Conn::new(Phase::Connecting { nonce });
        conn.outbound.note_sending();
        if !first.is_empty() {
            conn.outbound.send(first, false);
        }
        self.layer.conns.insert(id, conn);
        Ok(id)
    }

    fn recv(&mut self, conn: ConnId, partial: Option<Buf>) {
        match self.sealed(conn) {
            Some(sealed) => {
                sealed.inbound.recv(partial);
                self.advance_recv(conn);
            }
            None => self.io.recv(conn, partial),
        }
    }

    fn send(&mut self, conn: ConnId, out: Outgoing) {
        match self.sealed(conn) {
            Some(sealed) => {
                sealed.outbound.send(out, sealed.inbound.end == End::Whole);
                self.advance_send(conn);
            }
            None => self.io.send(conn, out),
        }
    }

    fn shutdown_write(&mut self, conn: ConnId) {
        match self.sealed(conn) {
            Some(sealed) if sealed.outbound.owes_notify(sealed.inbound.end == End::Whole) => {
                sealed.outbound.finish();
                self.advance_send(conn);
            }
            _ => self.io.shutdown_write(conn),
        }
    }

    fn close(&mut self, conn: ConnId, how: Close) -> CloseOutcome {
        if self.sealed(conn).is_some() { self.close_sealed(conn, how) } else { self.io.close(conn, how) }
    }

    fn poll_completion(&mut self) -> Option<Completion> {
        self.layer.up.pop_front()
    }
}
