//! Provokes one end after another and looks who closes.

use super::answer::{self, Answer};
use super::line::{End, From, Line};
use super::prober::Prober;
use doctor_core::target::{ClosedBy, Closing, Probe};
use ports::Fault;
use std::time::{Duration, Instant};

/// Requests behind the one that asks for close: enough that a server's first read does not take them all.
const PIPELINED: usize = 64;
/// Body of the upload: more than a server reads at once, less than anybody minds.
const UPLOAD_BYTES: usize = 256 * 1024;
/// Written at once while uploading.
const UPLOAD_PIECE_BYTES: usize = 16 * 1024;
/// Bytes that may follow a response before we stop reading.
const AFTER_BYTES_MAX: usize = 1024 * 1024;

/// Runs one probe on a connection of its own.
///
/// # Errors
/// No connection.
pub(super) fn provoke(prober: &mut Prober<'_>, kind: Probe) -> Result<(Closing, Answer), Fault> {
    let mut line = prober.open(From::Anywhere)?;
    send(prober, &mut line, kind);
    let answer = answer::read(&mut line, prober.patience().response);
    let patience = if kind == Probe::Idle { prober.patience().idle } else { prober.patience().close };
    Ok((watch_end(&mut line, &answer, kind, patience), answer))
}

fn send(prober: &Prober<'_>, line: &mut Line, kind: Probe) {
    let patience = prober.patience().response;
    let close = || prober.request("1.1", "Connection: close\r\n");
    match kind {
        Probe::ConnectionClose => line.write(&close(), patience),
        Probe::Http10 => line.write(&prober.request("1.0", ""), patience),
        Probe::Idle => line.write(&prober.request("1.1", ""), patience),
        // `@` may stand in no method (RFC 9110 9.1, 5.6.2): every server has to refuse it.
        Probe::Error => line.write(b"G@T / HTTP/1.1\r\nHost: doctor\r\n\r\n", patience),
        Probe::Pipelined => {
            let behind = prober.request("1.1", "").repeat(PIPELINED);
            line.write(&[close(), behind].concat(), patience);
        }
        Probe::Upload => upload(prober, line, patience),
    }
}

/// GET with a body: allowed by the framing, without meaning (RFC 9110 9.3.1), so that nothing is changed there.
fn upload(prober: &Prober<'_>, line: &mut Line, patience: Duration) {
    let until = Instant::now() + patience;
    let fields = format!("Connection: close\r\nContent-Length: {UPLOAD_BYTES}\r\n");
    line.write(&prober.request("1.1", &fields), patience);
    let piece = [b'x'; UPLOAD_PIECE_BYTES];
    for _ in 0..UPLOAD_BYTES / UPLOAD_PIECE_BYTES {
        line.write(&piece, until.saturating_duration_since(Instant::now()));
    }
}

fn watch_end(line: &mut Line, answer: &Answer, kind: Probe, patience: Duration) -> Closing {
    let began = Instant::now();
    let end = answer.end.unwrap_or_else(|| line.drain(patience, AFTER_BYTES_MAX));
    let by = match end {
        _ if answer.given_up => ClosedBy::NotSeen,
        End::Fin => ClosedBy::ServerFin,
        End::Rst => ClosedBy::Rst,
        // Patience that ended inside of a response says nothing about who closes.
        End::Patience if answer.end.is_some() => ClosedBy::NotSeen,
        End::Patience if kind == Probe::Idle => ClosedBy::StaysOpen,
        End::Patience => ClosedBy::ClientFin,
    };
    let after_ms = began.elapsed().as_millis() as u64;
    let then_reset = by == ClosedBy::ServerFin && line.was_reset();
    Closing { by, response: answer.response, status: answer.status, after_ms, then_reset }
}
