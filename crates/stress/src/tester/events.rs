//! What comes back from the reactor, handed to the slot's `Life`, and what that answers, done.

use super::Tester;
use ports::{Fault, FaultKind};
use reactor::{Buf, Completion, ConnId, Reactor, Received};
use std::time::Duration;
use stress_core::{ClosePolicy, Failure, Next, Outcome, Pace, Step};

/// Of every so many connections one is asked whether it negotiated timestamps: it costs a system call.
const TIMESTAMPS_EVERY: u64 = 64;
/// The first so many are all asked.
const TIMESTAMPS_FIRST: u64 = 4;

impl Tester {
    pub(super) fn dispatch<R: Reactor>(&mut self, completion: Completion, io: &mut R) {
        match completion {
            Completion::Received { conn, result } => self.received(conn, result, io),
            Completion::Connected { conn, result } => self.connected(conn, result, io),
            Completion::Sent { conn, result } => self.sent(conn, result, io),
            Completion::Woken => self.obey(io),
            // Nothing listens here, and no send closes.
            Completion::Arrived { .. }
            | Completion::Departed { .. }
            | Completion::Accepted { .. }
            | Completion::AcceptFailed { .. }
            | Completion::Closed { .. } => {}
        }
    }

    fn connected<R: Reactor>(&mut self, conn: ConnId, result: Result<(), Fault>, io: &mut R) {
        let Some(index) = self.slot_of(conn) else { return };
        let result = result.map_err(|fault| self.fault_of_layer(conn, fault, io));
        if let Err(fault) = result {
            self.by_conn.remove(conn);
            let link = &mut self.slot(index).link;
            link.conn = None;
            if let Some(to) = link.to
                && self.may_start_elsewhere(index, to, fault, io.now())
            {
                return self.connect_to(index, to, io);
            }
        } else {
            self.count_opened(index, conn, io);
        }
        let step = self.slot(index).exchange.life.handle_connected(result);
        self.apply(index, conn, step, None, io);
        if self.pipelines {
            self.flush(index, io);
        }
    }

    fn count_opened<R: Reactor>(&mut self, index: u32, conn: ConnId, io: &mut R) {
        let opened = self.tally.connects_opened;
        let (now, since) = (io.now(), self.slot(index).link.since);
        let mut took = now.saturating_sub(since);
        self.slot(index).exchange.ready_at = now;
        if let (Some(tls), Some(session)) = (&mut self.tally.tls, io.session(conn)) {
            tls.record(session.handshake, session.resumed, session.suite);
            took = took.saturating_sub(session.handshake);
        }
        self.tally.record_opened(took, self.since_start(now));
        if opened >= TIMESTAMPS_FIRST && !opened.is_multiple_of(TIMESTAMPS_EVERY) {
            return;
        }
        let Some(negotiated) = io.timestamps(conn) else { return };
        self.tally.timestamps_asked += 1;
        self.tally.timestamps_seen += u64::from(negotiated);
        self.timestamps = negotiated;
    }

    fn sent<R: Reactor>(&mut self, conn: ConnId, result: Result<(), Fault>, io: &mut R) {
        let Some(index) = self.slot_of(conn) else { return };
        if self.pipelines {
            self.sent_in_line(index, result.is_ok(), io);
            // After a failure what is received next decides.
            return if let Err(fault) = result {
                self.slot(index).exchange.life.handle_sent(Err(fault))
            };
        }
        let at = usize::from(self.slot(index).exchange.piece);
        if result.is_ok()
            && let Some(out) = self.sends_from(index, at)
        {
            return io.send(conn, out);
        }
        self.slot(index).exchange.life.handle_sent(result);
        if self.rules.close == ClosePolicy::Half && result.is_ok() {
            io.shutdown_write(conn);
        }
    }

    fn received<R: Reactor>(&mut self, conn: ConnId, result: Result<Received, Fault>, io: &mut R) {
        let Some(index) = self.slot_of(conn) else { return };
        let life = &mut self.slots[index as usize].exchange.life;
        match result {
            Ok(Received::Data(buf)) => {
                self.tally.received_bytes += buf.len() as u64;
                if self.pipelines {
                    return self.received_in_line(index, conn, buf, io);
                }
                let step = match self.looks {
                    false => life.handle_data(&buf, &self.rules),
                    true => self.look_and_read(index, &buf, io.wall_clock()),
                };
                if step.outcome.is_none() {
                    self.note_first_byte(index, || io.now());
                }
                self.apply(index, conn, step, Some(buf), io);
            }
            Ok(Received::Dropped(bytes)) => {
                self.tally.received_bytes += bytes;
                let step = life.handle_unseen(bytes);
                self.apply(index, conn, step, None, io);
            }
            Ok(Received::Eof(_) | Received::Piped(_)) => {
                let step = life.handle_eof(&self.rules);
                self.apply(index, conn, step, None, io);
            }
            Err(fault) => {
                let fault = self.fault_of_layer(conn, fault, io);
                let step = self.slots[index as usize].exchange.life.handle_broken(fault);
                self.apply(index, conn, step, None, io);
            }
        }
    }

    /// What a layer has against the target is a failure of its own kind, and told in words.
    #[cold]
    fn fault_of_layer<R: Reactor>(&mut self, conn: ConnId, fault: Fault, io: &R) -> Fault {
        if fault == stress_core::proxy_refused() {
            io.reason(conn).into_iter().for_each(|why| self.tally.record_proxy(why));
            return fault;
        }
        let Some(tls) = &mut self.tally.tls else { return fault };
        let why = match io.reason(conn) {
            Some(why) => why,
            None if fault == secure::truncated() => {
                "it ended the stream without a close-notify: perhaps not all of it came"
            }
            None if fault == secure::damaged() => "it sent a record that it cannot have sealed",
            None => return fault,
        };
        tls.record_reason(why);
        if fault.kind == FaultKind::Certificate { fault } else { Fault::of(FaultKind::Handshake) }
    }

    /// Counts what a step says and does what it asks for.
    pub(super) fn apply<R: Reactor>(&mut self, index: u32, conn: ConnId, step: Step, buf: Option<Buf>, io: &mut R) {
        self.count(index, &step, io);
        if self.pipelines {
            self.line_breaks(index, &step, io);
        }
        match step.next {
            Next::Wait => {}
            Next::Read => {
                drop(buf);
                self.read_on(index, conn, io);
            }
            Next::ReadMore => {
                let rest = buf.map(|mut buf| {
                    buf.advance(step.consumed);
                    // It comes again, in front of what is read next.
                    self.tally.received_bytes -= buf.len() as u64;
                    buf
                });
                io.recv(conn, rest);
            }
            Next::Idle => self.issue(index, io),
            Next::Close(how) => {
                drop(buf);
                self.close(index, how, io);
            }
            Next::SendAgain(how) => {
                drop(buf);
                self.connect_again(index, how, io);
            }
            Next::Gone => self.go_on(index, io),
        }
    }

    /// An answer has begun, or is there as a whole: once for each request.
    pub(super) fn note_first_byte(&mut self, index: u32, now: impl FnOnce() -> Duration) {
        let exchange = &mut self.slots[index as usize].exchange;
        if !std::mem::replace(&mut exchange.is_answered, true) && exchange.due >= self.started_at {
            self.tally.first_byte.record(now().saturating_sub(exchange.ready_at));
        }
    }

    /// Counts what a step says.
    pub(super) fn count<R: Reactor>(&mut self, index: u32, step: &Step, io: &mut R) {
        self.tally.body_bytes += step.body_bytes as u64;
        self.tally.record_heads(step.heads);
        if let Some(what) = step.oddity {
            self.tally.record_oddity(what);
        }
        if let Some(outcome) = step.outcome {
            self.count_outcome(index, outcome, io);
        }
    }

    /// Bytes that nobody looks at are not even copied.
    fn read_on<R: Reactor>(&mut self, index: u32, conn: ConnId, io: &mut R) {
        let life = &self.slots[index as usize].exchange.life;
        match life.unseen_ahead(&self.rules).filter(|_| !self.looks && !self.pipelines) {
            Some(bytes) => io.recv_away(conn, bytes),
            None => io.recv(conn, None),
        }
    }

    pub(super) fn count_outcome<R: Reactor>(&mut self, index: u32, mut outcome: Outcome, io: &mut R) {
        if let Outcome::LeadsOn { status } = outcome {
            match self.lead_on(index, status) {
                Ok(()) => return,
                Err(why) => outcome = Outcome::Failed(Failure::Astray(why)),
            }
        }
        let now = io.now();
        let at = self.since_start(now);
        let slot = &mut self.slots[index as usize];
        slot.exchange.written.clear();
        slot.exchange.failed = matches!(outcome, Outcome::Failed(why) if why.is_without_response());
        let (which, due, made_at) = (slot.exchange.which, slot.exchange.due, slot.exchange.made_at);
        if !slot.exchange.failed {
            slot.backoff.handle_success();
            self.go_on_with_scenario(index);
        }
        if !self.is_measured(due) {
            return;
        }
        match outcome {
            Outcome::Complete { status } => {
                self.note_first_byte(index, || now);
                let latency = now.saturating_sub(due);
                self.tally.record_complete(status, latency, at);
                self.tally.by_request.record_complete(which, latency);
                if matches!(self.plan.pace, Pace::Open(..)) {
                    self.tally.service.record(now.saturating_sub(made_at));
                }
            }
            Outcome::LeadsOn { .. } => {}
            Outcome::Failed(why) => {
                self.tally.record_failure(why, at);
                self.tally.by_request.record_failure(which);
            }
        }
    }
}
