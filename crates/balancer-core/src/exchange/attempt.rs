//! Attempts: started, connected, failed, queued for a port, made again at once or after a moment.

use super::step::{AttemptOrder, ServerOrder, Step, UpOrder};
use super::time::PORT_WAIT;
use super::{Attempt, Exchange, Fact, Scene, Stage, Took, Wait};
use crate::cause::Cause;
use crate::health::Verdict;
use crate::reason::CloseReason;
use crate::retry::{self, NextStep, RetryReason};
use crate::{Failure, failure};
use core::time::Duration;
use ports::Fault;

/// What an answer says of its server: it is well, unless answers 500 to 599 speak against it.
pub(super) fn verdict_on(status: u16, scene: &Scene<'_>) -> Verdict {
    if scene.server_errors && status >= 500 { Verdict::Failed(Cause::Status(status)) } else { Verdict::Answered }
}

/// Servers that are tried in a row for a local port towards them, before the request waits for one.
const PORTLESS_MAX: u32 = 16;

impl Exchange {
    pub(super) fn order_attempt(&mut self, order: AttemptOrder, step: &mut Step) {
        self.up.attempt = Attempt::Ordered;
        self.up.broken = false;
        self.up.sent = false;
        (self.down.begun, self.down.early) = (false, false);
        step.up = Some(UpOrder::Attempt(order));
    }

    pub(super) fn handle_attempt_started(
        &mut self,
        server: u32,
        pooled: bool,
        hurry: Option<Duration>,
        took: Option<Took>,
        scene: &Scene<'_>,
        step: &mut Step,
    ) {
        self.note_attempt(server, pooled, scene);
        (self.up.lost, self.up.portless) = (None, 0);
        self.up.sending = !self.request.stream || self.request.greets;
        self.up.sent = pooled;
        self.down.reading = pooled;
        self.up.attempt = if pooled { Attempt::Open { server, pooled } } else { Attempt::Connecting { server } };
        match took {
            Some(took) => self.handle_server_took(took, scene, step),
            None => self.set_wait(if pooled { Wait::Server } else { Wait::Connect }, scene),
        }
        self.hurry(hurry.filter(|_| !pooled && self.up.attempts <= scene.retries_max), scene);
        if self.request.kept && self.up.attempts == 1 {
            self.watch_client(step);
        }
    }

    /// A handshake that hangs is given up early while another server may be asked in its stead.
    fn hurry(&mut self, patience: Option<Duration>, scene: &Scene<'_>) {
        let until = patience.map(|patience| scene.now + patience).filter(|until| *until < self.deadline);
        self.up.hurried = until.is_some();
        self.deadline = until.unwrap_or(self.deadline);
    }

    fn note_attempt(&mut self, server: u32, pooled: bool, scene: &Scene<'_>) {
        self.up.attempts += 1;
        self.record.retries = self.up.attempts - 1;
        if let Some(reason) = self.up.reason.take() {
            let count = &mut self.record.retried[reason as usize];
            *count = count.saturating_add(1);
        }
        self.record.server = Some(server);
        (self.record.attempted_at, self.record.connected_at) = (Some(scene.now), None);
        self.record.pooled = pooled;
    }

    pub(super) fn handle_connected(&mut self, scene: &Scene<'_>, step: &mut Step) {
        self.record.connected_at = Some(scene.now);
        if self.request.stream {
            return self.join(step);
        }
        if let Attempt::Connecting { server } = self.up.attempt {
            self.up.attempt = Attempt::Open { server, pooled: false };
            self.up.sent = true;
            self.set_wait(Wait::Server, scene);
            self.read_server(step);
        }
    }

    /// Refused, unreachable, too slow, or nothing left here to connect with.
    pub(super) fn handle_connect_failed(&mut self, server: u32, fault: Fault, scene: &Scene<'_>, step: &mut Step) {
        let failure = Failure::of_connect(fault);
        let counted = matches!(self.up.attempt, Attempt::Connecting { .. });
        self.up.attempt = Attempt::Parted;
        self.up.sending = false;
        if failure == Failure::NoLocalPort {
            return self.look_for_a_port(server, scene, step);
        }
        if !counted {
            self.note_attempt(server, false, scene);
        }
        if failure::is_theirs(failure) {
            // One that only hangs may be slow.
            let hung = failure == Failure::ConnectTimeout && self.up.hurried;
            let cause = Cause::Connect(fault.kind);
            let verdict = if hung { Verdict::Failed(cause) } else { Verdict::Unreachable(cause) };
            step.verdict = Some((server, verdict));
        }
        self.try_again_or_fail(server, false, failure, scene, step);
    }

    /// Another server may still have a port towards it, or it is waited for one.
    fn look_for_a_port(&mut self, server: u32, scene: &Scene<'_>, step: &mut Step) {
        self.up.portless += 1;
        if self.up.portless < PORTLESS_MAX {
            self.up.lost = Some(self.attempt_lost(Failure::NoLocalPort, false, scene));
            self.order_attempt(AttemptOrder::Pick { not: Some(server) }, step);
        } else if !self.queue(scene, step) {
            self.fail(Failure::NoLocalPort, scene, step);
        }
    }

    /// The attempt that was ordered cannot be made.
    pub(super) fn handle_no_attempt(&mut self, fact: Fact, scene: &Scene<'_>, step: &mut Step) {
        match fact {
            Fact::NobodyElse => self.handle_nobody_else(scene, step),
            Fact::BudgetSpent => self.handle_budget_spent(scene, step),
            Fact::SetFull => {
                self.up.attempt = Attempt::Parted;
                self.fail(Failure::SetFull, scene, step);
            }
            _ => self.handle_shortage(scene, step),
        }
    }

    /// The set is empty, or has nobody but the server that was ruled out.
    fn handle_nobody_else(&mut self, scene: &Scene<'_>, step: &mut Step) {
        self.up.attempt = Attempt::Parted;
        let Some(lost) = self.up.lost.take() else { return self.fail(Failure::NoServer, scene, step) };
        if lost.failure == Failure::NoLocalPort && self.queue(scene, step) {
            return;
        }
        if lost.alone() == NextStep::Pause && self.pause(scene, step) {
            return;
        }
        self.fail(lost.failure, scene, step);
    }

    /// As many were repeated as may be: the client is told what it would be told without repetitions.
    fn handle_budget_spent(&mut self, scene: &Scene<'_>, step: &mut Step) {
        self.up.attempt = Attempt::Parted;
        let failure = self.up.lost.take().map_or(Failure::NoServer, |lost| lost.failure);
        self.fail(failure, scene, step);
    }

    /// Waits for a port; `false` when that has lasted long enough.
    fn queue(&mut self, scene: &Scene<'_>, step: &mut Step) -> bool {
        let first = self.up.port_wait_until.is_none();
        let until = *self.up.port_wait_until.get_or_insert(scene.now + PORT_WAIT);
        if scene.now >= until {
            return false;
        }
        (self.record.queued, self.up.portless) = (true, 0);
        self.up.attempt = Attempt::Queued;
        self.wait = Wait::Port;
        self.deadline = until.min(self.request_until(scene));
        step.up = Some(UpOrder::Queue { first });
        true
    }

    /// A port or a place at a server is waited for, or came free; or no more requests may wait. Or a request is let in, or not.
    pub(super) fn handle_queue(&mut self, fact: Fact, scene: &Scene<'_>, step: &mut Step) {
        match fact {
            Fact::Admission(verdict) => self.handle_admission(verdict, scene, step),
            Fact::NoPlace => self.handle_no_place(scene, step),
            Fact::LineFull => self.fail(Failure::QueueFull, scene, step),
            Fact::QueueFull => self.fail(Failure::NoLocalPort, scene, step),
            _ => self.handle_turn_came(step),
        }
    }

    /// Every server that could be asked is full: waits for a place, all waits together no longer than one may last.
    fn handle_no_place(&mut self, scene: &Scene<'_>, step: &mut Step) {
        let first = self.up.place_wait_until.is_none();
        let patience = scene.now.saturating_add(scene.queue_timeout);
        let until = *self.up.place_wait_until.get_or_insert(patience);
        if scene.now >= until {
            self.up.attempt = Attempt::Parted;
            return self.fail(Failure::QueueTimeout, scene, step);
        }
        self.up.lost = None;
        self.up.attempt = Attempt::InLine;
        self.wait = Wait::Place;
        self.deadline = until.min(self.request_until(scene));
        step.up = Some(UpOrder::JoinLine { first });
        self.watch_client(step);
    }

    fn handle_turn_came(&mut self, step: &mut Step) {
        if matches!(self.up.attempt, Attempt::Queued | Attempt::InLine) {
            self.order_attempt(AttemptOrder::Pick { not: None }, step);
        }
    }

    /// Waits a moment before the next attempt, within the time that a connect may take. `false`: that time is over.
    fn pause(&mut self, scene: &Scene<'_>, step: &mut Step) -> bool {
        let Some(pause) = retry::pause_after(self.up.pauses) else { return false };
        let until = scene.now + pause;
        if until >= self.record.started_at + scene.server.connect {
            return false;
        }
        self.up.pauses += 1;
        self.up.attempt = Attempt::Pausing;
        self.wait = Wait::Retry;
        self.deadline = until.min(self.request_until(scene));
        self.watch_client(step);
        true
    }

    pub(super) fn handle_pause_over(&mut self, step: &mut Step) {
        self.order_attempt(AttemptOrder::Pick { not: None }, step);
    }

    /// The handshake took too long.
    pub(super) fn abandon_connect(&mut self, step: &mut Step) {
        step.server = Some(ServerOrder::Abandon);
    }

    /// A server is not waited for any longer; another may answer.
    pub(super) fn give_up_waiting(&mut self, scene: &Scene<'_>, step: &mut Step) {
        let Attempt::Open { server, pooled } = self.up.attempt else {
            return self.fail(Failure::ServerTimeout, scene, step);
        };
        step.verdict = Some((server, Verdict::Failed(Cause::Silent)));
        if self.down.stage != Stage::Awaited {
            return self.fail(Failure::ServerTimeout, scene, step);
        }
        self.drop_server(CloseReason::TimedOut, step);
        self.try_again_or_fail(server, pooled, Failure::ServerTimeout, scene, step);
    }

    /// An attempt failed before a byte of the response was passed on.
    pub(super) fn try_again_or_fail(
        &mut self,
        server: u32,
        pooled: bool,
        failure: Failure,
        scene: &Scene<'_>,
        step: &mut Step,
    ) {
        let attempt = self.attempt_lost(failure, pooled, scene);
        self.up.reason = RetryReason::of(failure);
        match attempt.next_step() {
            NextStep::Pause if self.pause(scene, step) => {}
            NextStep::GiveUp if attempt.pooled && failure == Failure::ServerClosed && self.request.kept => {
                self.hang_up(failure, step);
            }
            NextStep::Pause | NextStep::GiveUp => self.fail(failure, scene, step),
            NextStep::SameServer => self.order_attempt(AttemptOrder::Fresh { server }, step),
            NextStep::OtherServer => {
                self.up.lost = Some(attempt);
                let order = AttemptOrder::Pick { not: Some(server) };
                self.order_attempt(order, step);
                if attempt.sent {
                    step.up = Some(UpOrder::Repeat(order));
                }
            }
        }
    }

    /// Is another server to be asked rather than this status passed on? The shell says whether one is well.
    #[cold]
    pub fn asks_elsewhere(&self, status: u16, scene: &Scene<'_>) -> bool {
        scene.retry_on.has(status)
            && matches!(self.up.attempt, Attempt::Open { .. })
            && self.attempt_lost(Failure::ServerError(status), false, scene).next_step() == NextStep::OtherServer
    }

    /// Another server is well, and asked in this one's stead. A connection on which nothing is to come may be kept.
    pub(super) fn handle_declined(&mut self, status: u16, spent: bool, scene: &Scene<'_>, step: &mut Step) {
        let Attempt::Open { server, .. } = self.up.attempt else {
            return debug_assert!(false, "only an open connection is read from");
        };
        self.handle_answer_begun();
        step.verdict = Some((server, verdict_on(status, scene)));
        let lost = self.attempt_lost(Failure::ServerError(status), false, scene);
        let unread = self.up.body && self.request.bodiless || self.up.sending || !self.up.whole;
        let keep = spent && !unread && !self.up.broken && !scene.draining;
        (self.up.attempt, self.up.sending) = (Attempt::Parted, false);
        step.server = Some(match keep {
            true => ServerOrder::Keep { clean: false },
            false => ServerOrder::Close(CloseReason::AskedElsewhere),
        });
        (self.up.lost, self.up.reason) = (Some(lost), RetryReason::of(lost.failure));
        self.order_attempt(AttemptOrder::Pick { not: Some(server) }, step);
    }

    fn attempt_lost(&self, failure: Failure, pooled: bool, scene: &Scene<'_>) -> retry::Attempt {
        retry::Attempt {
            failure,
            attempts: self.up.attempts,
            retries_max: scene.retries_max,
            waits_for_restart: scene.waits_for_restart,
            sent: self.up.sent,
            idempotent: self.request.idempotent,
            replayable: self.up.replayable && self.down.stage == Stage::Awaited && !self.down.sending,
            pooled: pooled && !self.down.begun,
        }
    }
}
