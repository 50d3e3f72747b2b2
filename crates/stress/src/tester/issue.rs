//! A slot's next request, at once or after a pause: on the connection it has, or on a new one.

use super::client::Way;
use super::places::HOME;
use super::slot::Doing;
use super::{Phase, Tester};
use crate::request::{self, send_from};
use ports::{Fault, FaultKind, Target};
use reactor::{Close, ConnectPlan, Outgoing, Reactor};
use std::time::Duration;
use stress_core::arrivals::Due;
use stress_core::{Failure, Outcome};

impl Tester {
    /// A slot without a connection: a pause after a failure, the next request otherwise.
    pub(super) fn go_on<R: Reactor>(&mut self, index: u32, io: &mut R) {
        if !self.slot(index).exchange.failed {
            return self.issue(index, io);
        }
        if self.phase != Phase::Issuing {
            return self.park(index, io);
        }
        let longest = self.plan.backoff_max;
        let slot = self.slot(index);
        slot.doing = Doing::Pausing;
        let pause = slot.backoff.handle_failure(longest);
        self.arm(index, io.now() + pause);
    }

    /// Issues a request if there is one left to issue, else parks the slot.
    pub(super) fn issue<R: Reactor>(&mut self, index: u32, io: &mut R) {
        if self.pipelines && self.slots[index as usize].line.as_ref().is_some_and(|line| line.is_busy()) {
            return self.go_on_in_line(index, io);
        }
        if self.slots[index as usize].client.as_ref().is_some_and(|client| client.is_led()) {
            return self.go_where_led(index, io);
        }
        if index >= self.room.slots && self.phase == Phase::Issuing {
            return self.step_outside(index, io);
        }
        let now = io.now();
        match if self.phase == Phase::Issuing { self.next_due(now) } else { Due::Never } {
            Due::At(due) => self.make(index, due, now, io),
            Due::Later(_) => self.wait(index),
            Due::Never => self.park(index, io),
        }
    }

    /// Makes the request that was due then.
    pub(super) fn make<R: Reactor>(&mut self, index: u32, due: Duration, now: Duration, io: &mut R) {
        if self.pipelines {
            self.join(index, due, now);
            return self.go_on_in_line(index, io);
        }
        self.tally.elapsed = self.tally.elapsed.max(self.since_start(now));
        self.tally.behind = now.saturating_sub(due);
        if !self.slot(index).link.is_home() {
            self.take_link(index, HOME, io);
        }
        let slot = self.slot(index);
        slot.doing = Doing::Working;
        slot.link.begins(now);
        (slot.exchange.due, slot.exchange.made_at, slot.exchange.failed) = (due, now, false);
        (slot.exchange.ready_at, slot.exchange.is_answered) = (now, false);
        self.arm(index, due + self.plan.timeout);
        self.take_turn(index);
        if let Err(fault) = self.choose(index, io) {
            self.end_connection(index, Close::Fin, io);
            return self.connect_failed(index, fault, io);
        }
        self.send(index, io);
    }

    /// Those in the slot's line go out, and as many more as are due and have room.
    fn go_on_in_line<R: Reactor>(&mut self, index: u32, io: &mut R) {
        self.top_up(index, io.now());
        if self.begin_line(index, io) {
            self.connect(index, io);
        }
    }

    /// The slot's request goes where the last answer has led, as soon as it is known where that is.
    #[cold]
    fn go_where_led<R: Reactor>(&mut self, index: u32, io: &mut R) {
        let turn = match self.take_way(index, io) {
            Way::Unknown => return,
            Way::Known(turn) => turn,
            Way::None(why) => {
                self.count_outcome(index, Outcome::Failed(why), io);
                return self.go_on(index, io);
            }
        };
        self.take_turn(index);
        match self.write_led(index, turn, io) {
            Ok(()) => self.send(index, io),
            Err(fault) => {
                self.end_connection(index, Close::Fin, io);
                self.connect_failed(index, fault, io);
            }
        }
    }

    /// The slot's request goes out, on the connection it has or on one that is opened now.
    fn send<R: Reactor>(&mut self, index: u32, io: &mut R) {
        if self.slot(index).link.conn.is_some() {
            self.send_again(index, io);
        } else {
            self.connect(index, io);
        }
    }

    /// One request less for the slot's connection, or for the one that is opened now.
    fn take_turn(&mut self, index: u32) {
        let slot = &mut self.slots[index as usize];
        if slot.link.conn.is_none() {
            slot.link.left = self.plan.wire.draw(&mut self.rng);
        }
        slot.link.left -= 1;
        slot.exchange.last = slot.link.left == 0;
    }

    /// Chooses which request it is, and writes it where it is written each time.
    fn choose<R: Reactor>(&mut self, index: u32, io: &mut R) -> Result<(), Fault> {
        let slot = &mut self.slots[index as usize];
        let exchange = &mut slot.exchange;
        let which = match std::mem::take(&mut exchange.goes_on) {
            true => exchange.which as usize + 1,
            false => {
                exchange.drawn.fill(None);
                self.picker.next(|| self.turns.of_requests())
            }
        };
        (exchange.which, exchange.source) = (which as u32, which as u32);
        let request = &self.plan.script.requests()[which];
        exchange.method = request.method();
        exchange.kept.begin(request.captures());
        if let Some(client) = &mut slot.client {
            client.begin();
            if client.has_jar() {
                return self.write_with_cookies(index, io);
            }
        }
        if self.prepared.is_kept(which) {
            return Ok(());
        }
        let bytes = self.pen.write((request, exchange.last), &mut exchange.drawn, &exchange.kept.values, &self.turns);
        request::fill(bytes, &mut exchange.written, io)
    }

    /// The send that starts with piece `at` of a slot's request; `None` where there is nothing left.
    pub(super) fn sends_from(&mut self, index: u32, at: usize) -> Option<Outgoing> {
        let exchange = &mut self.slots[index as usize].exchange;
        let pieces = self.prepared.pieces(exchange.source as usize, exchange.last, &exchange.written);
        let (out, next) = send_from(pieces, at);
        let has_any = at < pieces.len();
        exchange.piece = next as u16;
        has_any.then_some(out)
    }

    /// When the next request was due, or is: of those that this thread took, or that are left to be taken.
    pub(super) fn next_due(&mut self, now: Duration) -> Due {
        if self.arrivals.are_out() {
            self.arrivals.add(self.requests.more());
        }
        let due = self.arrivals.take(now);
        self.count_not_sent();
        due
    }

    fn send_again<R: Reactor>(&mut self, index: u32, io: &mut R) {
        let out = self.sends_from(index, 0).unwrap_or_default();
        let slot = &mut self.slots[index as usize];
        slot.exchange.life.start_request(slot.exchange.method);
        slot.exchange.expect_more();
        if let Some(conn) = slot.link.conn {
            io.send(conn, out);
            io.recv(conn, None);
        }
    }

    /// Opens a connection to the address whose turn it is.
    pub(super) fn connect<R: Reactor>(&mut self, index: u32, io: &mut R) {
        let slot = &mut self.slots[index as usize];
        if slot.link.is_home() {
            let to = self.targets.take();
            return self.connect_to(index, to, io);
        }
        // Nobody is led to where there is nothing.
        if let Some((to, profile)) = self.places.take(slot.link.place) {
            slot.link.profile = profile;
            self.connect_to(index, to, io);
        }
    }

    /// Opens a connection; a starting point that is refused at once is followed by the next.
    pub(super) fn connect_to<R: Reactor>(&mut self, index: u32, to: Target, io: &mut R) {
        self.slot(index).link.to = Some(to);
        loop {
            self.tally.connects_tried += 1;
            match self.try_connect(index, to, io) {
                Ok(()) => return,
                Err(fault) if self.may_start_elsewhere(index, to, fault, io.now()) => {}
                Err(fault) => return self.connect_failed(index, fault, io),
            }
        }
    }

    fn try_connect<R: Reactor>(&mut self, index: u32, to: Target, io: &mut R) -> Result<(), Fault> {
        let start = self.sources.choose(io.now(), to).map_err(|_| Fault::of(FaultKind::Ports))?;
        let link = &mut self.slots[index as usize].link;
        let is_home = link.is_home();
        let profile = if is_home { self.profile } else { link.profile };
        let plan = ConnectPlan { routed: self.routed, profile, ..ConnectPlan::from(&start, to.address()) };
        link.lease = start.lease;
        let first = if self.pipelines { Outgoing::default() } else { self.sends_from(index, 0).unwrap_or_default() };
        let connected = match self.announcer.as_mut().filter(|_| is_home) {
            None => io.connect(&plan, first),
            Some(announcer) => {
                let header = announcer.next(start.source, to.address());
                io.connect_behind(header.as_slice(), &plan, first)
            }
        };
        if let Some(cost) = io.connect_cost() {
            self.tally.record_connect_cost(cost, self.since_start(io.now()));
        }
        let conn = connected?;
        let slot = &mut self.slots[index as usize];
        slot.link.conn = Some(conn);
        slot.exchange.life.start_connecting(slot.exchange.method);
        slot.exchange.expect_more();
        if self.pipelines {
            self.begin_line_again(index);
            self.expect_answers(index);
        }
        self.by_conn.insert(conn, index);
        Ok(())
    }

    /// A connect came to nothing: takes its port back and says whether to start from another.
    pub(super) fn may_start_elsewhere(&mut self, index: u32, to: Target, fault: Fault, now: Duration) -> bool {
        let slot = &mut self.slots[index as usize];
        let lease = slot.link.lease.take();
        self.tally.ports_refused += u64::from(lease.is_some() && fault.kind == FaultKind::Ports);
        self.sources.connect_failed(now, to, lease, fault, &mut slot.link.tries)
    }

    /// No connection came to be: the request failed.
    pub(super) fn connect_failed<R: Reactor>(&mut self, index: u32, fault: Fault, io: &mut R) {
        let at = self.since_start(io.now());
        let slot = &mut self.slots[index as usize];
        (slot.link.conn, slot.exchange.failed) = (None, true);
        let (which, due) = (slot.exchange.which, slot.exchange.due);
        if self.is_measured(due) {
            self.tally.record_failure(Failure::Fault(fault), at);
            self.tally.by_request.record_failure(which);
        }
        if self.pipelines {
            self.leave_line(index);
            self.fail_line(index, Failure::Fault(fault), io);
        }
        self.go_on(index, io);
    }
}
