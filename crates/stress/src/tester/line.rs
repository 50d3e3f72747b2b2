//! Requests in a line (RFC 9112 section 9.3.2): up to so many of a slot are in flight on its connection, and answers come in
//! their order. The first of the line is the slot's exchange; it has an outcome before the next is looked at.
//!
//! ```text
//! due -> [ last ... second ] [ first: Life ] -> outcome
//!          sent as they come                 a connection that says it will end: those behind go out again on the next one
//!                                            one that ends without a word, or time that is up: they fail with the first
//! ```

use super::slot::Doing;
use super::{Phase, Tester};
use crate::request::Pieces;
use http::Method;
use reactor::{Buf, Close, ConnId, Outgoing, Reactor};
use std::collections::VecDeque;
use std::time::Duration;
use stress_core::arrivals::Due;
use stress_core::{Failure, Next, Oddity, Outcome, Step};

/// The line of one slot.
#[derive(Debug)]
pub(super) struct Line {
    /// Those without an outcome, the first first.
    requests: VecDeque<Waiting>,
    requests_max: usize,
    /// Bytes that are not handed on yet.
    out: Vec<u8>,
    /// A send is in flight.
    is_sending: bool,
    room: Pieces,
}

#[derive(Debug)]
struct Waiting {
    which: u32,
    method: Method,
    due: Duration,
    made_at: Duration,
    /// As it is sent.
    bytes: Box<[u8]>,
}

impl Line {
    /// Of so many requests at most.
    pub(super) fn new(requests_max: u32) -> Self {
        Self {
            requests: VecDeque::new(),
            requests_max: requests_max as usize,
            out: Vec::new(),
            is_sending: false,
            room: Pieces::new(),
        }
    }

    /// Are there requests without an outcome?
    pub(super) fn is_busy(&self) -> bool {
        !self.requests.is_empty()
    }

    /// How many of them have gone out, as far as any of their bytes have.
    fn sent(&self) -> usize {
        let mut left = self.out.len();
        let waits = |one: &&Waiting| {
            let whole = one.bytes.len() <= left;
            left = left.saturating_sub(one.bytes.len());
            whole
        };
        self.requests.len() - self.requests.iter().rev().take_while(waits).count()
    }

    /// On a new connection all of them are sent, from the beginning.
    fn begin_again(&mut self) {
        self.out.clear();
        self.is_sending = false;
        self.requests.iter().for_each(|one| self.out.extend_from_slice(&one.bytes));
    }
}

impl Tester {
    /// As many as are due and have room join the line.
    pub(super) fn top_up(&mut self, index: u32, now: Duration) {
        while self.phase == Phase::Issuing && index < self.room.slots && self.has_room(index) {
            let Due::At(due) = self.next_due(now) else { return };
            self.join(index, due, now);
        }
    }

    fn has_room(&mut self, index: u32) -> bool {
        self.slot(index).line.as_ref().is_some_and(|line| line.requests.len() < line.requests_max)
    }

    /// A request that was due then joins the line.
    pub(super) fn join(&mut self, index: u32, due: Duration, made_at: Duration) {
        self.tally.elapsed = self.tally.elapsed.max(self.since_start(made_at));
        self.tally.behind = made_at.saturating_sub(due);
        let slot = &mut self.slots[index as usize];
        let Some(line) = &mut slot.line else { return };
        let exchange = &mut slot.exchange;
        exchange.drawn.fill(None);
        let which = self.picker.next(|| self.turns.of_requests());
        let request = &self.plan.script.requests()[which];
        let bytes = match request.plain() {
            Some(bytes) => bytes,
            None => self.pen.write((request, false), &mut exchange.drawn, &exchange.kept.values, &self.turns),
        };
        line.out.extend_from_slice(bytes);
        let (which, method, bytes) = (which as u32, request.method(), bytes.into());
        line.requests.push_back(Waiting { which, method, due, made_at, bytes });
    }

    /// The first of the line is answered next, on the connection that there is; `true`: one has to be opened for it.
    pub(super) fn begin_line<R: Reactor>(&mut self, index: u32, io: &mut R) -> bool {
        if !self.take_first(index) {
            return false;
        }
        let slot = &mut self.slots[index as usize];
        let Some(conn) = slot.link.conn else {
            slot.link.begins(io.now());
            return true;
        };
        slot.exchange.life.start_request(slot.exchange.method);
        self.expect_answers(index);
        self.flush(index, io);
        io.recv(conn, None);
        false
    }

    /// The first of the line becomes the slot's exchange, with its own time; `false`: there is none.
    fn take_first(&mut self, index: u32) -> bool {
        let slot = &mut self.slots[index as usize];
        let Some(first) = slot.line.as_ref().and_then(|line| line.requests.front()) else { return false };
        let (which, method, due, made_at) = (first.which, first.method, first.due, first.made_at);
        let exchange = &mut slot.exchange;
        (exchange.which, exchange.method, exchange.due, exchange.made_at) = (which, method, due, made_at);
        // One that was made before its connection was there waited for that.
        (exchange.ready_at, exchange.is_answered) = (made_at.max(exchange.ready_at), false);
        (exchange.failed, slot.doing) = (false, Doing::Working);
        self.arm(index, due + self.plan.timeout);
        true
    }

    /// What the slot's life has to know of those behind.
    pub(super) fn expect_answers(&mut self, index: u32) {
        let slot = &mut self.slots[index as usize];
        if let Some(line) = &slot.line {
            slot.exchange.life.expect_answers(line.requests.len() > 1);
        }
    }

    /// Its connection is being opened: nothing is out yet.
    pub(super) fn begin_line_again(&mut self, index: u32) {
        if let Some(line) = &mut self.slot(index).line {
            line.begin_again();
        }
    }

    /// Hands on what waits, as much as one send takes.
    pub(super) fn flush<R: Reactor>(&mut self, index: u32, io: &mut R) {
        let slot = &mut self.slots[index as usize];
        let (Some(line), Some(conn)) = (&mut slot.line, slot.link.conn) else { return };
        if line.is_sending || line.out.is_empty() {
            return;
        }
        let len = line.out.len().min(2 * reactor::buf::BUF_BYTES);
        if crate::request::fill(&line.out[..len], &mut line.room, io).is_err() {
            // Whoever waits for an answer in vain has its time-out.
            return;
        }
        line.out.drain(..len);
        line.is_sending = true;
        let mut pieces = line.room.drain(..);
        let (head, body) = (pieces.next(), pieces.next());
        io.send(conn, Outgoing { head, body, ..Outgoing::default() });
    }

    /// A send has ended.
    pub(super) fn sent_in_line<R: Reactor>(&mut self, index: u32, went_well: bool, io: &mut R) {
        if let Some(line) = &mut self.slot(index).line {
            line.is_sending = false;
        }
        if went_well {
            self.flush(index, io);
        }
    }

    /// Bytes came: they may be the answers to several.
    pub(super) fn received_in_line<R: Reactor>(&mut self, index: u32, conn: ConnId, mut buf: Buf, io: &mut R) {
        loop {
            let step = self.slots[index as usize].exchange.life.handle_data(&buf, &self.rules);
            if step.next != Next::Idle {
                if step.outcome.is_none() {
                    self.note_first_byte(index, || io.now());
                    self.flush(index, io);
                }
                return self.apply(index, conn, step, Some(buf), io);
            }
            self.count(index, &step, io);
            buf.advance(step.consumed);
            self.leave_line(index);
            self.top_up(index, io.now());
            if !self.take_first(index) {
                return self.line_is_empty(index, buf, io);
            }
            let slot = self.slot(index);
            slot.exchange.life.start_answer(slot.exchange.method);
            self.expect_answers(index);
            if buf.is_empty() {
                self.flush(index, io);
                return io.recv(conn, None);
            }
        }
    }

    /// All have an outcome: what comes beyond belongs to nobody.
    fn line_is_empty<R: Reactor>(&mut self, index: u32, rest: Buf, io: &mut R) {
        if !rest.is_empty() {
            self.tally.record_oddity(Oddity::UnaskedBytes);
            self.end_connection(index, Close::Discard, io);
        }
        drop(rest);
        self.issue(index, io);
    }

    /// The first of the line has its outcome.
    pub(super) fn leave_line(&mut self, index: u32) {
        if let Some(line) = &mut self.slot(index).line {
            line.requests.pop_front();
        }
    }

    /// The first of the line has an outcome with which its connection ends: those behind fail with it, or go out again.
    pub(super) fn line_breaks<R: Reactor>(&mut self, index: u32, step: &Step, io: &mut R) {
        match step.outcome {
            None => {}
            Some(Outcome::Failed(why)) if why.is_without_response() => {
                self.leave_line(index);
                self.fail_line(index, why, io);
            }
            Some(_) => {
                self.leave_line(index);
                let sent = self.slot(index).line.as_ref().map_or(0, |line| line.sent());
                (0..sent).for_each(|_| self.tally.record_oddity(Oddity::SentAgain));
            }
        }
    }

    /// All of the line fail, and with why the first did.
    pub(super) fn fail_line<R: Reactor>(&mut self, index: u32, why: Failure, io: &mut R) {
        let Some(line) = &mut self.slot(index).line else { return };
        line.out.clear();
        let all = std::mem::take(&mut line.requests);
        let at = self.since_start(io.now());
        for one in all {
            if self.is_measured(one.due) {
                self.tally.record_failure(why, at);
                self.tally.by_request.record_failure(one.which);
            }
        }
    }

    /// The run is over: none of the line has an outcome.
    pub(super) fn give_up_line(&mut self, index: u32) {
        let Some(line) = &mut self.slot(index).line else { return };
        for one in std::mem::take(&mut line.requests) {
            if self.is_measured(one.due) {
                self.tally.record_unanswered();
                self.tally.by_request.record_failure(one.which);
            }
        }
    }
}
