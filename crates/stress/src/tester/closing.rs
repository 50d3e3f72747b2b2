//! How a connection ends.

use super::slot::Doing;
use super::{Phase, Tester};
use ports::PortEnd;
use reactor::{Close, CloseOutcome, Reactor};
use std::time::Duration;
use stress_core::{CloseBy, Oddity};

/// Pause between looks at what the peer has not acknowledged before a reset: the timer's precision, less is not to be
/// had.
const ACK_LOOK_EVERY: Duration = Duration::from_millis(reactor::timer::TICK_MS);
/// Looks before the connection is closed by FIN instead.
const ACK_LOOKS_MAX: u8 = 50;

impl Tester {
    /// Closes a slot's connection, then lets the slot go on.
    pub(super) fn close<R: Reactor>(&mut self, index: u32, how: CloseBy, io: &mut R) {
        match how {
            CloseBy::Fin => self.close_now(index, Close::Fin, io),
            CloseBy::Reset => self.close_now(index, Close::Reset, io),
            CloseBy::Discard => self.close_now(index, Close::Discard, io),
            CloseBy::ResetWhenAcknowledged => {
                self.slot(index).link.ack_looks = 0;
                self.reset_if_acknowledged(index, io);
            }
        }
    }

    /// A reset throws away what the peer has not acknowledged: it waits until there is nothing.
    pub(super) fn reset_if_acknowledged<R: Reactor>(&mut self, index: u32, io: &mut R) {
        let Some(conn) = self.slot(index).link.conn else { return };
        if io.unacknowledged_bytes(conn) == Some(0) {
            return self.close_now(index, Close::Reset, io);
        }
        let slot = self.slot(index);
        slot.link.ack_looks += 1;
        if slot.link.ack_looks > ACK_LOOKS_MAX {
            self.tally.record_oddity(Oddity::ResetUnsafe);
            return self.close_now(index, Close::Fin, io);
        }
        slot.doing = Doing::AwaitingAck;
        self.arm(index, io.now() + ACK_LOOK_EVERY);
    }

    /// Another connection for the same request, whose time goes on.
    pub(super) fn connect_again<R: Reactor>(&mut self, index: u32, how: CloseBy, io: &mut R) {
        let how = if how == CloseBy::Fin { Close::Fin } else { Close::Discard };
        self.end_connection(index, how, io);
        self.connect(index, io);
    }

    fn close_now<R: Reactor>(&mut self, index: u32, how: Close, io: &mut R) {
        self.end_connection(index, how, io);
        self.go_on(index, io);
    }

    /// Closes and counts who closed first; the port goes back.
    pub(super) fn end_connection<R: Reactor>(&mut self, index: u32, how: Close, io: &mut R) {
        let Some(conn) = self.slot(index).link.conn.take() else { return };
        let outcome = match io.close(conn, how) {
            // Bytes nobody waits for any more: closing them away is a reset, and counted as one.
            CloseOutcome::Unread => io.close(conn, Close::Discard),
            closed => closed,
        };
        self.by_conn.remove(conn);
        let closed_first = match outcome {
            CloseOutcome::Closed(who) => who,
            CloseOutcome::Unread => None,
        };
        if let Some(who) = closed_first {
            match self.plan.reach.unix_socket {
                None => self.tally.record_close(who, self.since_start(io.now())),
                Some(_) => self.tally.record_close_of_a_file(who),
            }
        }
        if let Some(lease) = self.slot(index).link.lease.take() {
            let end = PortEnd { closed_first, timestamps: self.timestamps };
            self.sources.give_back(io.now(), Some(lease), end);
        }
    }

    /// Nothing left to do for this slot; an open connection is closed by policy.
    pub(super) fn park<R: Reactor>(&mut self, index: u32, io: &mut R) {
        // An idle connection has had no last request, and a FIN ends it.
        self.end_connections(index, io);
        let slot = &mut self.slots[index as usize];
        if slot.doing != Doing::Parked {
            slot.doing = Doing::Parked;
            slot.deadline.cancel(&mut self.timers);
            self.busy -= 1;
            if let Phase::Draining { since, .. } = self.phase {
                self.tally.drained = io.now().saturating_sub(since);
            }
        }
    }
}
