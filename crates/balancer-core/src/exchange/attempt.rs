//! Attempts: started, connected, failed, queued for a port, made again.

use super::step::{AttemptOrder, ServerOrder, Step, UpOrder};
use super::time::PORT_WAIT;
use super::{Attempt, Exchange, Scene, Stage, Wait};
use crate::Failure;
use crate::retry::{self, NextStep};
use ports::Fault;

impl Exchange {
    pub(super) fn order_attempt(&mut self, order: AttemptOrder, step: &mut Step) {
        self.up.attempt = Attempt::Ordered;
        self.up.broken = false;
        self.up.sent = false;
        step.up = Some(UpOrder::Attempt(order));
    }

    pub(super) fn handle_attempt_started(&mut self, server: u32, pooled: bool, scene: &Scene<'_>, step: &mut Step) {
        self.note_attempt(server);
        self.up.sending = true;
        self.up.sent = pooled;
        self.down.reading = pooled;
        self.up.attempt = if pooled { Attempt::Open { server, pooled } } else { Attempt::Connecting { server } };
        self.set_wait(if pooled { Wait::Server } else { Wait::Connect }, scene);
        if self.request.kept && self.up.attempts == 1 {
            self.watch_client(step);
        }
    }

    fn note_attempt(&mut self, server: u32) {
        self.up.attempts += 1;
        self.record.retries = self.up.attempts - 1;
        self.record.server = Some(server);
    }

    pub(super) fn handle_connected(&mut self, scene: &Scene<'_>, step: &mut Step) {
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
        if failure == Failure::NoLocalPort && self.queue(scene, step) {
            return;
        }
        if !counted {
            self.note_attempt(server);
        }
        self.try_again_or_fail(server, false, failure, scene, step);
    }

    /// Nobody is there to ask, now: nobody was asked.
    pub(super) fn handle_no_server(&mut self, scene: &Scene<'_>, step: &mut Step) {
        self.up.attempt = Attempt::Parted;
        self.fail(Failure::NoServer, scene, step);
    }

    /// Waits for a port; `false` when that has lasted long enough.
    fn queue(&mut self, scene: &Scene<'_>, step: &mut Step) -> bool {
        let first = self.up.port_wait_until.is_none();
        let until = *self.up.port_wait_until.get_or_insert(scene.now + PORT_WAIT);
        if scene.now >= until {
            return false;
        }
        self.record.queued = true;
        self.up.attempt = Attempt::Queued;
        self.wait = Wait::Port;
        self.deadline = until.min(self.record.started_at + scene.client.request);
        step.up = Some(UpOrder::Queue { first });
        true
    }

    pub(super) fn handle_turn_came(&mut self, step: &mut Step) {
        if self.up.attempt == Attempt::Queued {
            self.order_attempt(AttemptOrder::Pick { not: None }, step);
        }
    }

    /// The handshake took too long.
    pub(super) fn abandon_connect(&mut self, step: &mut Step) {
        step.server = Some(ServerOrder::Abandon);
    }

    /// An attempt failed before a byte of the response came.
    pub(super) fn try_again_or_fail(
        &mut self,
        server: u32,
        pooled: bool,
        failure: Failure,
        scene: &Scene<'_>,
        step: &mut Step,
    ) {
        let attempt = retry::Attempt {
            failure,
            attempts: self.up.attempts,
            retries_max: scene.retries_max,
            sent: self.up.sent,
            idempotent: self.request.idempotent,
            replayable: self.up.replayable && self.down.stage == Stage::Awaited && !self.down.sending,
            pooled,
        };
        match attempt.next_step() {
            NextStep::GiveUp => self.fail(failure, scene, step),
            NextStep::SameServer => self.order_attempt(AttemptOrder::Fresh { server }, step),
            NextStep::OtherServer => self.order_attempt(AttemptOrder::Pick { not: Some(server) }, step),
        }
    }
}
