//! What an application does with a connection it has: receive, send, close, look.

use super::flow::{End, EndId, Fin, Phase, Segment, SendOp};
use super::host::Tenant;
use super::net::{Event, Net};
use ports::{ClosedFirst, Fault};
use reactor::Piped;
use reactor::buf::{BUF_BYTES_MAX, Buf};
use reactor::conn::ConnId;
use reactor::face::{After, Close, CloseOutcome, Completion, Outgoing, Probe, Received};
use std::collections::VecDeque;
use std::time::Duration;

const EPIPE: i32 = 32;
/// How long the kernel keeps an end nobody owns (`tcp_fin_timeout`).
const ORPHAN_MAX: Duration = Duration::from_secs(60);

impl Net {
    /// The end behind a name. A dead name is the application's bug, except for one whose end has not
    /// been told yet.
    pub(super) fn live(&mut self, host: usize, conn: ConnId, what: &str) -> Option<EndId> {
        match self.hosts[host].tenant(conn) {
            Tenant::Live(id) => Some(id),
            Tenant::Ended(_) => None,
            Tenant::None => {
                self.violation(format!("host {host}: {what} on dead {conn:?}"));
                None
            }
        }
    }

    pub(super) fn recv(&mut self, host: usize, conn: ConnId, partial: Option<Buf>) {
        self.start_recv(host, conn, partial, false);
    }

    /// What comes may stay in a pipe.
    pub(super) fn recv_through(&mut self, host: usize, conn: ConnId) {
        self.start_recv(host, conn, None, true);
    }

    fn start_recv(&mut self, host: usize, conn: ConnId, partial: Option<Buf>, through: bool) {
        let Some(id) = self.live(host, conn, "recv") else {
            return;
        };
        let Some(end) = self.end(id) else { return };
        if end.recv.is_some() {
            return self.violation(format!("host {host}: second recv in flight on {conn:?}"));
        }
        (end.recv, end.through) = (Some(partial), through);
        self.try_recv(id);
    }

    /// Completes the recv in flight if there is anything to say.
    pub(super) fn try_recv(&mut self, id: EndId) {
        let Some(end) = self.end(id).filter(|end| end.recv.is_some()) else {
            return;
        };
        let (host, Some(conn)) = (end.host, end.conn) else {
            return;
        };
        if !end.inbox.is_empty() {
            return self.recv_data(id, host, conn);
        }
        // A FIN before a reset is read first: tcp_recvmsg_locked looks at SOCK_DONE before sk_err.
        let (fin, broken) = (end.peer_fin, end.broken);
        if !fin && broken.is_none() {
            return;
        }
        let partial = end.recv.take().flatten();
        let result = match broken {
            Some(fault) if !fin => Err(fault),
            _ => {
                self.check_streams(id);
                Ok(Received::Eof(partial))
            }
        };
        self.push(host, Completion::Received { conn, result });
    }

    fn recv_data(&mut self, id: EndId, host: usize, conn: ConnId) {
        let Some(end) = self.end(id) else { return };
        let waiting = end.inbox.len();
        if end.through && !self.rng.chance(self.weather.no_buffers) {
            return self.recv_piped(id, host, conn);
        }
        let Some(end) = self.end(id) else { return };
        let Some(partial) = end.recv.take() else {
            return;
        };
        let mut buf = match self.hosts[host].buffers.room_after(partial) {
            Ok(buf) => buf,
            Err(partial) => return self.starve(id, host, partial),
        };
        let short = self.rng.chance(self.weather.short_read);
        let len = if short { 1 + self.rng.index(waiting) } else { waiting };
        let Some(end) = self.end(id) else { return };
        let len = take_bytes(end, &mut buf, len);
        self.note(id, "received", len);
        self.transmit(id, Segment::Window(len));
        self.push(host, Completion::Received { conn, result: Ok(Received::Data(buf)) });
    }

    /// As much as a pipe's slots hold: any part of what is there.
    fn recv_piped(&mut self, id: EndId, host: usize, conn: ConnId) {
        let short = self.rng.chance(self.weather.short_read);
        let part = self.rng.unit();
        let Some(end) = self.end(id) else { return };
        end.recv = None;
        let waiting = end.inbox.len();
        let len = if short { 1 + (part * (waiting - 1) as f64) as usize } else { waiting };
        let bytes: VecDeque<u8> = end.inbox.drain(..len).collect();
        bytes.iter().for_each(|byte| end.received.add(&[*byte]));
        self.note(id, "received through a pipe", len);
        self.transmit(id, Segment::Window(len));
        self.push(host, Completion::Received { conn, result: Ok(Received::Piped(Piped::in_memory(bytes))) });
    }

    /// No buffer is free: the recv waits for one.
    fn starve(&mut self, id: EndId, host: usize, partial: Option<Buf>) {
        if partial.as_ref().is_some_and(|buf| buf.len() == BUF_BYTES_MAX) {
            return self.violation(format!("host {host}: recv into a full buffer"));
        }
        self.hosts[host].starved.push(id);
        if let Some(end) = self.end(id) {
            end.recv = Some(partial);
        }
    }

    /// Both ends of a direction must have seen the same bytes once its FIN is read.
    fn check_streams(&mut self, id: EndId) {
        let Some(ends) = self.flows.get(&id.flow) else {
            return;
        };
        let (received, sent) = (&ends[id.side].received, &ends[id.peer().side].sent);
        if !received.agrees_with(sent) {
            let (got, gave) = (received.bytes, sent.bytes);
            self.violation(format!("flow {}: {gave} bytes sent, {got} received", id.flow));
        }
    }

    /// Tries those again that waited for a buffer.
    pub(super) fn retry_starved(&mut self, host: usize) {
        for id in std::mem::take(&mut self.hosts[host].starved) {
            self.try_recv(id);
        }
    }

    pub(super) fn send(&mut self, host: usize, conn: ConnId, out: Outgoing) {
        self.start_send(host, conn, SendOp::new(out));
    }

    pub(super) fn send_piped(&mut self, host: usize, conn: ConnId, piped: Piped) {
        self.start_send(host, conn, SendOp::of_piped(piped));
    }

    fn start_send(&mut self, host: usize, conn: ConnId, op: SendOp) {
        let Some(id) = self.live(host, conn, "send") else {
            return;
        };
        let Some(end) = self.end(id) else { return };
        if end.send.is_some() {
            return self.violation(format!("host {host}: second send in flight on {conn:?}"));
        }
        let pipe = end.broken.is_some() || end.fin != Fin::No;
        if pipe {
            let result = Err(Fault::from_errno(EPIPE));
            return self.push(host, Completion::Sent { conn, result });
        }
        end.corked = false;
        end.send = Some(op);
        self.progress_send(id);
    }

    /// Of sends that end at once every other one says so, as with room in the kernel; the others tell later.
    pub(super) fn send_at_once(&mut self, host: usize, conn: ConnId, out: Outgoing) -> bool {
        self.send(host, conn, out);
        let is_out =
            matches!(self.hosts[host].last(), Some(Completion::Sent { conn: of, result: Ok(()) }) if *of == conn);
        is_out && self.rng.chance(0.5) && self.hosts[host].take_last().is_some()
    }

    /// Moves a send in flight on, and completes it once the kernel has all of it.
    pub(super) fn progress_send(&mut self, id: EndId) {
        let Some(end) = self.end(id).filter(|end| end.phase == Phase::Open) else {
            return;
        };
        if end.fill_outbox() {
            let (host, after) = (end.host, end.send.take().map(|op| op.after));
            if let (Some(conn), Some(after)) = (end.conn, after) {
                return self.finish_send(id, host, conn, after);
            }
        }
        self.flush(id);
    }

    fn finish_send(&mut self, id: EndId, host: usize, conn: ConnId, after: After) {
        if after == After::Close {
            let outcome = self.close_live(id, Close::Fin);
            match outcome {
                CloseOutcome::Closed(_) => self.hosts[host].end_tenancy(conn, outcome),
                CloseOutcome::Unread => self.flush(id),
            }
            return self.push(host, Completion::Closed { conn, outcome });
        }
        if after == After::More {
            self.cork(id);
        }
        self.push(host, Completion::Sent { conn, result: Ok(()) });
        self.flush(id);
    }

    pub(super) fn shutdown_write(&mut self, host: usize, conn: ConnId) {
        let Some(id) = self.live(host, conn, "shutdown_write") else {
            return;
        };
        let Some(end) = self.end(id) else { return };
        if end.send.is_some() {
            return self.violation(format!("host {host}: shutdown with a send in flight, {conn:?}"));
        }
        if end.phase == Phase::Open && end.broken.is_none() {
            self.queue_fin(id);
        }
    }

    fn queue_fin(&mut self, id: EndId) {
        let Some(end) = self.end(id).filter(|end| end.fin == Fin::No) else {
            return;
        };
        (end.fin, end.corked) = (Fin::Queued, false);
        self.note(id, "fin queued", 0);
        self.flush(id);
    }

    pub(super) fn close(&mut self, host: usize, conn: ConnId, how: Close) -> CloseOutcome {
        if let Tenant::Ended(outcome) = self.hosts[host].tenant(conn) {
            self.hosts[host].evict(conn);
            return outcome;
        }
        let Some(id) = self.live(host, conn, "close") else {
            return CloseOutcome::Closed(None);
        };
        let outcome = self.close_live(id, how);
        if let CloseOutcome::Closed(_) = outcome {
            self.hosts[host].end_tenancy(conn, outcome);
            self.hosts[host].evict(conn);
        }
        outcome
    }

    fn close_live(&mut self, id: EndId, how: Close) -> CloseOutcome {
        let Some(end) = self.end(id) else {
            return CloseOutcome::Closed(None);
        };
        if how == Close::Fin && !end.inbox.is_empty() && end.broken.is_none() {
            return CloseOutcome::Unread;
        }
        let resets = how == Close::Reset || !end.inbox.is_empty();
        let over = end.broken.is_some() || end.is_finished();
        let never_stood = end.phase == Phase::Connecting;
        let who = end.closed_first_now();
        (end.conn, end.send, end.recv) = (None, None, None);
        self.note(id, "closed", who as usize);
        if never_stood {
            self.vanish(id);
            return CloseOutcome::Closed(None);
        }
        if over {
            self.vanish(id);
        } else if resets {
            self.answer_with_reset(id);
            self.vanish(id);
            return CloseOutcome::Closed(Some(ClosedFirst::RstSent));
        } else {
            self.queue_fin(id);
            self.after(ORPHAN_MAX, Event::OrphanTimeout(id));
            self.finish_if_over(id);
        }
        CloseOutcome::Closed(Some(who))
    }

    pub(super) fn probe(&mut self, host: usize, conn: ConnId) -> Probe {
        let gone = Probe::Broken(Fault::from_errno(EPIPE));
        let Some(id) = self.live(host, conn, "probe") else {
            return gone;
        };
        match self.end(id) {
            None => gone,
            Some(End { inbox, .. }) if !inbox.is_empty() => Probe::Readable,
            Some(End { peer_fin: true, .. }) => Probe::PeerFin,
            Some(End { broken: Some(fault), .. }) => Probe::Broken(*fault),
            Some(_) => Probe::Quiet,
        }
    }
}

/// Moves up to `len` bytes from the inbox to the end of `buf`.
fn take_bytes(end: &mut End, buf: &mut Buf, len: usize) -> usize {
    let Some(spare) = buf.spare() else { return 0 };
    let len = len.min(spare.len());
    for (slot, byte) in spare.iter_mut().zip(end.inbox.drain(..len)) {
        *slot = byte;
    }
    end.received.add(&spare[..len]);
    buf.commit(len);
    len
}
