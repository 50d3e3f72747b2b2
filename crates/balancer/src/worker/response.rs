//! The response's way down: its head edited, its body passed through as fast as the client reads.

use super::Worker;
use super::state::{AfterAnswer, Phase, Response, ResponseBody, UpstreamPhase, Wait};
use balancer_core::{ClientClose, CloseReason, Failure};
use http::forward::{Connection, ResponseEdits, write_forwarded_response};
use http::{BodyKind, Limits, ResponseHead, Version};
use http1::{BodyDecoder, HeadSlots, HeadWriter, Parsed, parse_response};
use ports::Fault;
use reactor::{After, Buf, ConnId, Outgoing, Reactor, Received};

/// What a look at the bytes of a response head came to.
enum HeadOutcome {
    Incomplete(Buf),
    /// 1xx: an edited copy to send (unless the client speaks HTTP/1.0), and what followed it.
    Interim(Option<Buf>, Buf),
    /// 101: the edited head, and what followed it.
    Upgraded(Buf, Buf),
    Final(Buf, Buf),
    Failed(Failure),
}

/// A stretch of body as the client shall see it.
struct BodyPiece {
    body: Option<Buf>,
    done: bool,
    leftover: bool,
}

impl Worker {
    pub(super) fn handle_server_received<R: Reactor>(
        &mut self,
        upstream: ConnId,
        result: Result<Received, Fault>,
        io: &mut R,
    ) {
        let Some(entry) = self.servers.get_mut(upstream) else { return };
        entry.reading = false;
        let client = entry.client.filter(|_| entry.phase == UpstreamPhase::Busy);
        match (result, client) {
            (Ok(Received::Data(buf)), Some(conn)) => self.handle_server_data(conn, upstream, buf, io),
            (Ok(Received::Eof(partial)), Some(conn)) => self.handle_server_eof(conn, upstream, partial.is_some(), io),
            // Nobody asked: an idle server connection that speaks is not to be trusted (nor is one that broke).
            _ => self.handle_server_gone(upstream, io),
        }
    }

    fn handle_server_data<R: Reactor>(&mut self, conn: ConnId, upstream: ConnId, buf: Buf, io: &mut R) {
        let Some(client) = self.clients.get(conn) else { return };
        if client.phase == Phase::Tunnel {
            self.pass_tunnel_down(conn, upstream, buf, io);
        } else {
            self.pass_response(conn, upstream, buf, io);
        }
    }

    fn handle_server_eof<R: Reactor>(&mut self, conn: ConnId, upstream: ConnId, partial: bool, io: &mut R) {
        let Some(client) = self.clients.get_mut(conn) else { return };
        if client.phase == Phase::Tunnel {
            return self.end_tunnel_down(conn, upstream, io);
        }
        let Some(exchange) = &mut client.exchange else { return };
        if partial {
            // Some of the answer came: the request was processed.
            exchange.replay = None;
        }
        match &exchange.response {
            Response::Body(body) if body.decoder.finish_at_eof().is_ok() => {
                exchange.response = Response::Done { keep: false, by_close: true };
                let writing = client.writing;
                self.detach(conn);
                self.release_upstream(upstream, false, io);
                if !writing {
                    self.finish_exchange(conn, io);
                }
            }
            _ => self.handle_server_gone(upstream, io),
        }
    }

    /// Bytes of the response, at a moment when the client can take more.
    fn pass_response<R: Reactor>(&mut self, conn: ConnId, upstream: ConnId, buf: Buf, io: &mut R) {
        let Some(exchange) = self.clients.get(conn).and_then(|client| client.exchange.as_ref()) else { return };
        match exchange.response {
            Response::AwaitHead => self.pass_response_head(conn, upstream, buf, io),
            Response::Body(_) => self.send_response_piece(conn, upstream, None, buf, io),
            Response::Done { .. } => {}
        }
    }

    fn pass_response_head<R: Reactor>(&mut self, conn: ConnId, upstream: ConnId, buf: Buf, io: &mut R) {
        match self.take_response_head(conn, buf, io) {
            HeadOutcome::Incomplete(partial) => {
                if let Some(entry) = self.servers.get_mut(upstream) {
                    entry.reading = true;
                    io.recv(upstream, Some(partial));
                }
            }
            HeadOutcome::Interim(None, rest) if rest.is_empty() => self.continue_response(conn, io),
            HeadOutcome::Interim(None, rest) => self.pass_response_head(conn, upstream, rest, io),
            HeadOutcome::Interim(Some(head), rest) => {
                if let Some(entry) = self.servers.get_mut(upstream) {
                    entry.inbound = (!rest.is_empty()).then_some(rest);
                }
                self.send_to_client(conn, Outgoing::bytes(head), io);
            }
            HeadOutcome::Upgraded(head, rest) => self.begin_tunnel(conn, upstream, head, rest, io),
            HeadOutcome::Final(head, rest) => self.send_response_piece(conn, upstream, Some(head), rest, io),
            HeadOutcome::Failed(failure) => self.fail(conn, failure, io),
        }
    }

    fn take_response_head<R: Reactor>(&mut self, conn: ConnId, mut buf: Buf, io: &mut R) -> HeadOutcome {
        let draining = self.draining;
        let Some(client) = self.clients.get_mut(conn) else { return HeadOutcome::Incomplete(buf) };
        let listener = &self.listeners[client.listener].settings;
        let Some(exchange) = &mut client.exchange else { return HeadOutcome::Incomplete(buf) };
        // A byte of the answer came: the request was processed and is never repeated.
        exchange.replay = None;
        let limits = Limits::default();
        if !exchange.response_scan.worth_parsing(&buf, &limits) {
            return HeadOutcome::Incomplete(buf);
        }
        let mut slots = HeadSlots::new();
        let parsed = match parse_response(&buf, &limits, &mut slots, exchange.method) {
            Ok(Some(parsed)) => parsed,
            Ok(None) => return HeadOutcome::Incomplete(buf),
            Err(_) => return HeadOutcome::Failed(Failure::ServerNonsense),
        };
        exchange.response_scan = http1::HeadScan::default();
        let Parsed { ref head, len, keep_alive } = parsed;
        let upgraded = head.status == 101;
        if upgraded && !exchange.upgrade {
            return HeadOutcome::Failed(Failure::ServerNonsense);
        }
        if head.is_interim() && exchange.version == Version::Http10 {
            buf.advance(len);
            return HeadOutcome::Interim(None, buf);
        }
        // A server that closes before it has the whole request leaves a rest nobody wants (RFC 9112 section 9.6).
        let may_keep = exchange.keep_alive
            && (exchange.request_done || keep_alive && !exchange.awaits_continue)
            && !draining
            && !client.eof
            && client.served + 1 < listener.limits.requests_per_connection_max;
        let body = ResponseBody::planned(&parsed, exchange.version, may_keep);
        let connection = match (upgraded, head.is_interim() || body.keep) {
            (true, _) => Connection::Upgrade,
            (false, true) => Connection::KeepAlive,
            (false, false) => Connection::Close,
        };
        let kind = if body.unwrap_chunks { BodyKind::UntilClose } else { head.body };
        let edits = ResponseEdits { client_version: exchange.version, connection, body: kind };
        let Some(out) = forwarded(head, &edits, io) else {
            return HeadOutcome::Failed(Failure::NoLocalResource);
        };
        let (interim, status) = (head.is_interim(), head.status);
        buf.advance(len);
        if interim {
            exchange.awaits_continue &= status != 100;
            return HeadOutcome::Interim(Some(out), buf);
        }
        if upgraded {
            self.counters.count_status(status);
            return HeadOutcome::Upgraded(out, buf);
        }
        exchange.response = Response::Body(body);
        HeadOutcome::Final(out, buf)
    }

    /// Sends what is here of the response; when that is all of it, gives the server connection back first.
    fn send_response_piece<R: Reactor>(
        &mut self,
        conn: ConnId,
        upstream: ConnId,
        head: Option<Buf>,
        buf: Buf,
        io: &mut R,
    ) {
        let Some(client) = self.clients.get_mut(conn) else { return };
        let policy = self.listeners[client.listener].settings.close;
        let Some(exchange) = &mut client.exchange else { return };
        let Response::Body(body) = &mut exchange.response else { return };
        let Some(piece) = body.take_piece(buf, io) else {
            if head.is_none() {
                return self.truncate_response(conn, io);
            }
            // Nothing of it was sent yet: the client gets a clear 502 instead of half an answer.
            exchange.response = Response::AwaitHead;
            return self.fail(conn, Failure::ServerNonsense, io);
        };
        if head.is_some() {
            self.counters.count_status(body.status);
        }
        let mut after = After::Keep;
        if piece.done {
            let server_keeps = body.server_keeps && !piece.leftover;
            let sending = self.servers.get(upstream).is_some_and(|server| server.writing);
            let goes_on = !exchange.request_broken && !exchange.awaits_continue;
            let uploading = server_keeps && goes_on && (sending || !exchange.request_done);
            let keep = body.keep && (exchange.request_done || uploading);
            let may_have_unread = uploading || !exchange.request_done || client.inbound.is_some();
            if !keep && policy == ClientClose::BalancerFirst && !may_have_unread {
                after = After::Close;
            }
            exchange.response = Response::Done { keep, by_close: body.until_close };
            let server_keeps = server_keeps && exchange.request_done;
            if !uploading {
                self.detach(conn);
                self.release_upstream(upstream, server_keeps, io);
            }
        }
        let out = Outgoing { head, body: piece.body, after };
        if out.is_empty() && after == After::Keep {
            return self.continue_exchange(conn, io);
        }
        self.send_to_client(conn, out, io);
    }

    pub(super) fn send_to_client<R: Reactor>(&mut self, conn: ConnId, out: Outgoing, io: &mut R) {
        let Some(client) = self.clients.get_mut(conn) else { return };
        client.writing = true;
        io.send(conn, out);
        if client.exchange.is_some() {
            self.set_wait(conn, Wait::ClientRead, io);
        }
    }

    pub(super) fn handle_client_sent<R: Reactor>(&mut self, conn: ConnId, result: Result<(), Fault>, io: &mut R) {
        let Some(client) = self.clients.get_mut(conn) else { return };
        client.writing = false;
        if result.is_err() {
            return self.abort_client(conn, CloseReason::PeerAborted, io);
        }
        if let Some(failure) = client.failure.take() {
            return self.fail(conn, failure, io);
        }
        match client.phase {
            Phase::Exchange => self.continue_exchange(conn, io),
            Phase::Answer { then } => {
                let why = client.why;
                match then {
                    AfterAnswer::Keep => self.await_next_request(conn, io),
                    AfterAnswer::Close => self.close_by_policy(conn, why, io),
                    AfterAnswer::Drain => self.start_drain(conn, why, io),
                }
            }
            Phase::Tunnel => self.continue_tunnel_down(conn, io),
            Phase::AwaitHead | Phase::ReadHead | Phase::Drain | Phase::AwaitFin | Phase::AwaitAck => {}
        }
    }

    fn continue_exchange<R: Reactor>(&mut self, conn: ConnId, io: &mut R) {
        let Some(exchange) = self.clients.get(conn).and_then(|client| client.exchange.as_ref()) else { return };
        match exchange.response {
            Response::Done { .. } => self.finish_if_uploaded(conn, io),
            _ => self.continue_response(conn, io),
        }
    }

    /// The client took everything: go on with what the server sent meanwhile, or read more.
    fn continue_response<R: Reactor>(&mut self, conn: ConnId, io: &mut R) {
        let Some(exchange) = self.clients.get(conn).and_then(|client| client.exchange.as_ref()) else { return };
        let Some(upstream) = exchange.upstream else { return };
        let Some(entry) = self.servers.get_mut(upstream) else { return };
        if let Some(buf) = entry.inbound.take() {
            return self.pass_response(conn, upstream, buf, io);
        }
        if !entry.reading {
            entry.reading = true;
            io.recv(upstream, None);
        }
        self.set_wait(conn, Wait::Server, io);
    }

    /// The response is out: keep the client's connection, or close it by policy.
    pub(super) fn finish_exchange<R: Reactor>(&mut self, conn: ConnId, io: &mut R) {
        let Some(client) = self.clients.get_mut(conn) else { return };
        let Some(exchange) = client.exchange.take() else { return };
        self.counters.responses += 1;
        client.served += 1;
        let Response::Done { keep, by_close } = exchange.response else { return };
        if keep && exchange.request_done {
            self.await_next_request(conn, io);
        } else if !exchange.request_done || client.inbound.is_some() {
            self.start_drain(conn, CloseReason::ExchangeOver, io);
        } else if by_close {
            // Our FIN ends the body: neither a reset nor waiting for the client's FIN can.
            self.close_client(conn, CloseReason::ExchangeOver, io);
        } else {
            self.close_by_policy(conn, CloseReason::ExchangeOver, io);
        }
    }
}

impl ResponseBody {
    /// How the body of a response will be passed to a client of `version`.
    fn planned(parsed: &Parsed<ResponseHead<'_, '_>>, version: Version, may_keep: bool) -> Self {
        let head = &parsed.head;
        let unwrap_chunks = version == Version::Http10 && head.body == BodyKind::Chunked;
        let until_close = unwrap_chunks || head.body == BodyKind::UntilClose;
        Self {
            decoder: BodyDecoder::new(head.body, &Limits::default()),
            unwrap_chunks,
            until_close,
            keep: may_keep && !until_close,
            server_keeps: parsed.keep_alive,
            status: head.status,
        }
    }

    /// `None`: the body is broken, or no buffer is left to unwrap it into.
    fn take_piece<R: Reactor>(&mut self, mut buf: Buf, io: &mut R) -> Option<BodyPiece> {
        if self.unwrap_chunks {
            return self.unwrapped(&buf, io);
        }
        let passed = self.decoder.pass(&buf).ok()?;
        let body = buf.split_to(passed.len);
        Some(BodyPiece { body: (!body.is_empty()).then_some(body), done: passed.done, leftover: !buf.is_empty() })
    }

    /// The data of all chunks here, without their framing.
    fn unwrapped<R: Reactor>(&mut self, buf: &Buf, io: &mut R) -> Option<BodyPiece> {
        let mut out = io.take_buf()?;
        let (mut at, mut done) = (0, false);
        while at < buf.len() && !done {
            let piece = self.decoder.decode(&buf[at..]).ok()?;
            out.append(&buf[at..][piece.data.clone()]).ok()?;
            at += piece.consumed;
            done = piece.done;
        }
        Some(BodyPiece { body: (!out.is_empty()).then_some(out), done, leftover: at < buf.len() })
    }
}

fn forwarded<R: Reactor>(head: &ResponseHead<'_, '_>, edits: &ResponseEdits, io: &mut R) -> Option<Buf> {
    let mut out = io.take_buf()?;
    let len = write_forwarded_response(head, edits, &mut HeadWriter::new(out.spare()?)).ok()?;
    out.commit(len);
    Some(out)
}
