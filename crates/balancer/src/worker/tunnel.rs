//! Upgraded connections (RFC 9110 section 7.8): bytes flow both ways untouched, one buffer per direction.
//!
//! Each direction reads only when what it read before is sent: a slow reader slows its writer down.

use super::Worker;
use super::state::{Phase, Wait};
use balancer_core::CloseReason;
use reactor::{Buf, Close, ConnId, Outgoing, Reactor};

impl Worker {
    /// The server agreed: pass its 101 on, then whatever both sides sent early.
    pub(super) fn begin_tunnel<R: Reactor>(
        &mut self,
        conn: ConnId,
        upstream: ConnId,
        head: Buf,
        rest: Buf,
        io: &mut R,
    ) {
        let Some(client) = self.clients.get_mut(conn) else { return };
        client.phase = Phase::Tunnel;
        client.served += 1;
        self.counters.tunnels += 1;
        let early = client.inbound.take();
        let body = (!rest.is_empty()).then_some(rest);
        self.send_to_client(conn, Outgoing { head: Some(head), body, ..Outgoing::default() }, io);
        match early {
            Some(early) => self.send_up(conn, upstream, early, io),
            None => self.continue_tunnel_up(conn, io),
        }
    }

    pub(super) fn pass_tunnel_up<R: Reactor>(&mut self, conn: ConnId, buf: Buf, io: &mut R) {
        if let Some(upstream) = self.tunnel_end(conn) {
            self.send_up(conn, upstream, buf, io);
        }
    }

    fn send_up<R: Reactor>(&mut self, conn: ConnId, upstream: ConnId, buf: Buf, io: &mut R) {
        if let Some(entry) = self.servers.get_mut(upstream) {
            entry.writing = true;
            io.send(upstream, Outgoing::bytes(buf));
            self.set_wait(conn, Wait::ClientRead, io);
        }
    }

    /// What was read from the client reached the server: read on, or pass on the FIN that came before the switch.
    pub(super) fn continue_tunnel_up<R: Reactor>(&mut self, conn: ConnId, io: &mut R) {
        if self.clients.get(conn).is_some_and(|client| client.eof) {
            return self.end_tunnel_up(conn, io);
        }
        self.start_reading(conn, io);
    }

    pub(super) fn pass_tunnel_down<R: Reactor>(&mut self, conn: ConnId, upstream: ConnId, buf: Buf, io: &mut R) {
        let Some(client) = self.clients.get(conn) else { return };
        if client.writing {
            // Its 101 is still on the way.
            if let Some(entry) = self.servers.get_mut(upstream) {
                entry.inbound = Some(buf);
            }
            return;
        }
        self.send_to_client(conn, Outgoing::bytes(buf), io);
    }

    /// What was read from the server reached the client: read on.
    pub(super) fn continue_tunnel_down<R: Reactor>(&mut self, conn: ConnId, io: &mut R) {
        let Some(upstream) = self.tunnel_end(conn) else { return };
        let Some(entry) = self.servers.get_mut(upstream) else { return };
        if let Some(buf) = entry.inbound.take() {
            return self.send_to_client(conn, Outgoing::bytes(buf), io);
        }
        if self.tunnel_flags(conn).is_some_and(|tunnel| tunnel.server_eof) {
            io.shutdown_write(conn);
            return self.end_tunnel_if_over(conn, io);
        }
        if let Some(entry) = self.servers.get_mut(upstream).filter(|entry| !entry.reading) {
            entry.reading = true;
            io.recv(upstream, None);
        }
    }

    /// The client's FIN: pass it on, the other direction goes on.
    pub(super) fn end_tunnel_up<R: Reactor>(&mut self, conn: ConnId, io: &mut R) {
        if let Some(upstream) = self.tunnel_end(conn) {
            io.shutdown_write(upstream);
        }
        if let Some(tunnel) = self.tunnel_flags(conn) {
            tunnel.client_eof = true;
        }
        self.end_tunnel_if_over(conn, io);
    }

    /// The server's FIN: pass it on after what was read before it.
    pub(super) fn end_tunnel_down<R: Reactor>(&mut self, conn: ConnId, _upstream: ConnId, io: &mut R) {
        if let Some(tunnel) = self.tunnel_flags(conn) {
            tunnel.server_eof = true;
        }
        if self.clients.get(conn).is_some_and(|client| !client.writing) {
            io.shutdown_write(conn);
            self.end_tunnel_if_over(conn, io);
        }
    }

    fn end_tunnel_if_over<R: Reactor>(&mut self, conn: ConnId, io: &mut R) {
        let over = self.tunnel_flags(conn).is_some_and(|tunnel| tunnel.client_eof && tunnel.server_eof);
        let writing = self.clients.get(conn).is_some_and(|client| client.writing);
        if !over || writing {
            return;
        }
        if let Some(upstream) = self.detach(conn) {
            self.close_upstream(upstream, CloseReason::TunnelOver, io);
        }
        self.counters.responses += 1;
        self.close_how(conn, Close::Discard, CloseReason::TunnelOver, io);
    }

    fn tunnel_end(&self, conn: ConnId) -> Option<ConnId> {
        self.clients.get(conn)?.exchange.as_ref()?.upstream
    }

    fn tunnel_flags(&mut self, conn: ConnId) -> Option<&mut super::state::Tunnel> {
        Some(&mut self.clients.get_mut(conn)?.exchange.as_mut()?.tunnel)
    }
}
