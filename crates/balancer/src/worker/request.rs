//! The request's way up: its body, as the client sends it and the server takes it.

use super::Worker;
use super::state::{Phase, Response, Wait};
use balancer_core::{CloseReason, Failure};
use ports::Fault;
use reactor::{Buf, ConnId, Outgoing, Reactor};

impl Worker {
    /// More of the request body came from the client.
    pub(super) fn pass_request_body<R: Reactor>(&mut self, conn: ConnId, mut buf: Buf, io: &mut R) {
        let Some(client) = self.clients.get_mut(conn) else { return };
        let Some(exchange) = &mut client.exchange else { return };
        let repeating = match exchange.upstream {
            Some(upstream) => self.servers.get(upstream).is_some_and(|server| server.writing),
            None => exchange.wait == Wait::Port,
        };
        if repeating {
            // The recv was started before the attempt failed: what it brought waits for the head to go out again.
            client.inbound = Some(buf);
            return;
        }
        let passed = match exchange.request.pass(&buf) {
            Ok(passed) => passed,
            Err(error) => return self.fail(conn, Failure::BadRequest(error.status()), io),
        };
        exchange.request_done = passed.done;
        exchange.awaits_continue = false;
        // From here on more was sent than is kept: this request cannot be repeated.
        exchange.replay = None;
        let body = buf.split_to(passed.len);
        client.inbound = (!buf.is_empty()).then_some(buf);
        let Some(upstream) = exchange.upstream.filter(|_| !exchange.request_broken) else { return };
        if let Some(server) = self.servers.get_mut(upstream) {
            server.writing = true;
            io.send(upstream, Outgoing::bytes(body));
            self.set_wait(conn, Wait::Server, io);
        }
    }

    /// The server's socket took what was sent to it.
    pub(super) fn handle_server_sent<R: Reactor>(&mut self, upstream: ConnId, result: Result<(), Fault>, io: &mut R) {
        let Some(server) = self.servers.get_mut(upstream) else { return };
        server.writing = false;
        let Some(conn) = server.client else { return };
        let Some(client) = self.clients.get_mut(conn) else { return };
        if client.phase == Phase::Tunnel {
            return match result {
                Ok(()) => self.continue_tunnel_up(conn, io),
                Err(_) => self.abort_client(conn, CloseReason::TunnelOver, io),
            };
        }
        let Some(exchange) = &mut client.exchange else { return };
        if result.is_err() {
            // The server takes no more; its answer may still be on the way. The recv in flight tells.
            exchange.request_broken = true;
            return self.finish_if_uploaded(conn, io);
        }
        if io.buffers_are_scarce() {
            // Many requests wait at once: what they sent must not hold the buffers their answers need.
            exchange.replay = None;
        }
        if exchange.request_done {
            self.set_wait(conn, Wait::Server, io);
            return self.finish_if_uploaded(conn, io);
        }
        self.set_wait(conn, Wait::ClientBody, io);
        let Some(client) = self.clients.get_mut(conn) else { return };
        if client.eof {
            return self.abort_client(conn, CloseReason::PeerAborted, io);
        }
        match client.inbound.take() {
            Some(buf) => self.pass_request_body(conn, buf, io),
            None => self.start_reading(conn, io),
        }
    }

    /// Once the response is out, the exchange is over as soon as the request is: a server that keeps its connection
    /// after an early answer still reads the rest.
    pub(super) fn finish_if_uploaded<R: Reactor>(&mut self, conn: ConnId, io: &mut R) {
        let Some(client) = self.clients.get(conn).filter(|client| !client.writing) else { return };
        let Some(exchange) = &client.exchange else { return };
        if !matches!(exchange.response, Response::Done { .. }) {
            return;
        }
        if let Some(upstream) = exchange.upstream {
            let writing = self.servers.get(upstream).is_some_and(|server| server.writing);
            let broken = exchange.request_broken;
            if !broken && (writing || !exchange.request_done) {
                let wait = if writing { Wait::Server } else { Wait::ClientBody };
                return self.set_wait(conn, wait, io);
            }
            self.detach(conn);
            self.release_upstream(upstream, !broken, io);
        }
        self.finish_exchange(conn, io);
    }
}
