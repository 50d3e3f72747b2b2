//! The balancer's own answers: a clear status, one line of text, and a count.

use super::Worker;
use super::state::{AfterAnswer, Exchange, Phase, Response};
use balancer_core::{CloseReason, Failure};
use http::{FieldSink, TooLong, Version, reason_phrase};
use http1::HeadWriter;
use reactor::{Buf, Close, ConnId, Outgoing, Reactor};

impl Worker {
    /// The request failed: tell the client, or cut a response that has begun.
    pub(super) fn fail<R: Reactor>(&mut self, conn: ConnId, failure: Failure, io: &mut R) {
        let Some(client) = self.clients.get_mut(conn) else { return };
        if client.writing {
            client.failure = Some(failure);
            return;
        }
        self.counters.count_failure(failure);
        if let Some(upstream) = self.detach(conn) {
            self.close_upstream(upstream, why_server(failure), io);
        }
        let Some(client) = self.clients.get_mut(conn) else { return };
        match client.exchange.as_ref().map(|exchange| &exchange.response) {
            Some(Response::Body(_)) => return self.truncate_response(conn, io),
            Some(Response::Done { .. }) => {
                // Only the rest of the upload failed: the response is whole and must stay so.
                client.exchange = None;
                self.counters.responses += 1;
                return self.start_drain(conn, why_client(failure), io);
            }
            Some(Response::AwaitHead) | None => {}
        }
        let exchange = client.exchange.take();
        let head_only = exchange.as_ref().is_some_and(|exchange| exchange.method == http::Method::Head);
        let keep =
            !self.draining && !client.eof && exchange.as_ref().is_some_and(|exchange| may_keep(exchange, failure));
        let unfinished = exchange.as_ref().is_some_and(|exchange| !exchange.request_done);
        let then = match keep {
            true => AfterAnswer::Keep,
            false if unfinished || matches!(failure, Failure::BadRequest(_) | Failure::HeadTimeout) => {
                AfterAnswer::Drain
            }
            false => AfterAnswer::Close,
        };
        client.phase = Phase::Answer { then };
        client.why = why_client(failure);
        client.served += 1;
        let Some(answer) = compose(failure, keep, head_only, io) else {
            return self.close_how(conn, Close::Discard, CloseReason::Shortage, io);
        };
        client.writing = true;
        let until = self.listeners[client.listener].settings.timeouts.body;
        io.send(conn, Outgoing::bytes(answer));
        let now = self.now(io);
        self.set_deadline(conn, now + until);
    }
}

/// A failure on the servers' side need not cost the client its connection, nor its port.
fn may_keep(exchange: &Exchange, failure: Failure) -> bool {
    let ours = !matches!(failure, Failure::BadRequest(_) | Failure::HeadTimeout | Failure::BodyTimeout);
    ours && exchange.keep_alive && exchange.request_done && exchange.version == Version::Http11
}

fn why_server(failure: Failure) -> CloseReason {
    match failure {
        Failure::ServerNonsense => CloseReason::ProtocolError,
        Failure::ServerTimeout | Failure::RequestTimeout | Failure::ConnectTimeout => CloseReason::TimedOut,
        _ => CloseReason::OtherSideFailed,
    }
}

fn why_client(failure: Failure) -> CloseReason {
    match failure {
        Failure::BadRequest(_) => CloseReason::ProtocolError,
        Failure::HeadTimeout | Failure::BodyTimeout | Failure::RequestTimeout => CloseReason::TimedOut,
        Failure::NoLocalPort | Failure::NoLocalResource => CloseReason::Shortage,
        _ => CloseReason::OtherSideFailed,
    }
}

fn compose<R: Reactor>(failure: Failure, keep: bool, head_only: bool, io: &mut R) -> Option<Buf> {
    let mut out = io.take_buf()?;
    let len = write(failure, keep, out.spare()?).ok()?;
    out.commit(len);
    if !head_only {
        out.append(failure.text().as_bytes()).ok()?;
        out.append(b"\n").ok()?;
    }
    Some(out)
}

fn write(failure: Failure, keep: bool, into: &mut [u8]) -> Result<usize, TooLong> {
    let status = failure.status();
    let mut head = HeadWriter::new(into);
    head.response(status, reason_phrase(status).unwrap_or("Error"))?;
    head.field("Content-Type", b"text/plain; charset=utf-8")?;
    head.field_u64("Content-Length", failure.text().len() as u64 + 1)?;
    if !keep {
        head.field("Connection", b"close")?;
    }
    head.end()
}
