//! How sealed connections end.

use crate::below::take_flight;
use crate::conn::Phase;
use crate::failure;
use crate::handshake::Refusal;
use crate::inbound::End;
use crate::view::View;
use crate::{DROPPED_BYTES_MAX, LEAVE_MAX, truncated};
use ports::HandshakeFailure;
use ports::{ClosedFirst, Fault, FaultKind};
use reactor::{
    After, Against, Close, CloseOutcome, Completion, ConnId, ListenerId, Probe, Reactor, Received, TurnedAway,
};

impl<R: Reactor> View<'_, R> {
    /// The application closes.
    pub(crate) fn close_sealed(&mut self, id: ConnId, how: Close) -> CloseOutcome {
        let Some(conn) = self.layer.conns.get(id) else { return CloseOutcome::Closed(None) };
        if conn.phase != Phase::Open {
            let stood = matches!(conn.phase, Phase::Accepting { .. });
            let closed = self.close_below(id, if how == Close::Reset { how } else { Close::Discard });
            return if stood { closed } else { CloseOutcome::Closed(None) };
        }
        let held = conn.inbound.holds_bytes();
        let broken = matches!(conn.inbound.end, End::Broken(_));
        let below = self.io.probe(id);
        match how {
            Close::Reset => self.close_below(id, Close::Reset),
            // Below they are read already: it would send a FIN.
            Close::Discard if held => self.close_below(id, Close::Reset),
            Close::Discard if broken || below == Probe::Readable => self.close_below(id, Close::Discard),
            Close::Fin if broken => self.close_below(id, Close::Discard),
            Close::Fin if held || below == Probe::Readable => CloseOutcome::Unread,
            Close::Fin | Close::Discard => self.leave(id, below),
        }
    }

    /// Closes by close-notify and FIN where somebody is there to read them; the application is done with it at once.
    fn leave(&mut self, id: ConnId, below: Probe) -> CloseOutcome {
        let now = self.io.now();
        let Some(conn) = self.layer.conns.get_mut(id) else { return CloseOutcome::Closed(None) };
        let cut_off = conn.outbound.is_busy() || matches!(below, Probe::Broken(_));
        let owed = !cut_off && conn.outbound.owes_notify(below == Probe::PeerFin);
        let Some(buf) = owed.then(|| self.io.take_buf()).flatten() else { return self.close_below(id, Close::Fin) };
        let Some(keys) = &mut conn.keys else { return self.close_below(id, Close::Fin) };
        let out = conn.outbound.seal_only_close(buf, keys);
        conn.phase = Phase::Leaving { dropped: 0 };
        conn.inbound.forget_recv();
        self.layer.up.retain(|completion| completion.conn() != Some(id));
        self.layer.arm(id, now + LEAVE_MAX);
        self.io.send(id, out);
        CloseOutcome::Closed(Some(if below == Probe::PeerFin { ClosedFirst::PeerFin } else { ClosedFirst::OurFin }))
    }

    /// Closes below, and forgets it.
    fn close_below(&mut self, id: ConnId, how: Close) -> CloseOutcome {
        self.layer.forget(id);
        match self.io.close(id, how) {
            CloseOutcome::Unread => self.io.close(id, Close::Discard),
            closed => closed,
        }
    }

    /// Ends a connection the application does not know, or no longer.
    pub(crate) fn cut(&mut self, id: ConnId) {
        self.close_below(id, Close::Discard);
    }

    /// The handshake failed, and there is nobody left to tell it.
    pub(crate) fn fail(&mut self, id: ConnId, failure: HandshakeFailure, fault: Fault) {
        let Some((phase, listener)) = self.layer.conns.get(id).map(|conn| (conn.phase, conn.listener)) else { return };
        self.layer.counts(listener).failed[failure as usize] += 1;
        self.remember(phase, failure);
        self.cut(id);
        self.tell_failed(id, phase, fault, || failure::in_general(failure).to_owned());
    }

    /// Who came in and could not be let in is told to people.
    #[cold]
    fn remember(&mut self, phase: Phase, failure: HandshakeFailure) {
        let Phase::Accepting { listener, peer } = phase else { return };
        let (at, listener) = (self.io.now(), self.io.listener_address(listener));
        let why = Against::Handshake(failure);
        self.layer.note_turned_away(TurnedAway { at, peer, listener, why, first: Box::default() });
    }

    /// The peer left. Who came in and has said nothing only wanted to see whether somebody is here.
    pub(crate) fn let_go(&mut self, id: ConnId, phase: Phase, fault: Fault) {
        let Some(conn) = self.layer.conns.get(id) else { return };
        let spoke = conn.shaking.as_ref().is_none_or(|shaking| shaking.spoke);
        if spoke || phase == Phase::Connecting {
            return self.fail(id, HandshakeFailure::PeerLeft, fault);
        }
        let listener = conn.listener;
        self.layer.counts(listener).silent += 1;
        self.cut(id);
        self.tell_failed(id, phase, fault, String::new);
    }

    fn tell_failed(&mut self, id: ConnId, phase: Phase, fault: Fault, words: impl FnOnce() -> String) {
        match phase {
            Phase::Connecting => {
                self.layer.reason = Some((id, words()));
                self.layer.up.push_back(Completion::Connected { conn: id, result: Err(fault) });
            }
            Phase::Accepting { .. } => self.layer.up.push_back(Completion::Departed { conn: id }),
            Phase::Open | Phase::Leaving { .. } => {}
        }
    }

    /// The handshake failed by what the peer has said: it is told so by an alert, where there is one.
    pub(crate) fn turn_away(&mut self, id: ConnId, Refusal { failure, words }: Refusal) {
        let fault = fault_of(failure);
        let Some(conn) = self.layer.conns.get_mut(id) else { return };
        let phase = conn.phase;
        let alert = match conn.shaking.take() {
            Some(mut shaking) if !conn.outbound.is_sending() && !shaking.unsent.is_empty() => {
                take_flight(&mut shaking.unsent, self.io)
            }
            _ => None,
        };
        let listener = conn.listener;
        self.layer.counts(listener).failed[failure as usize] += 1;
        self.remember(phase, failure);
        match alert {
            None => self.cut(id),
            Some(mut alert) => {
                self.layer.leave_phase(id, Phase::Leaving { dropped: 0 });
                self.layer.arm(id, self.io.now() + LEAVE_MAX);
                alert.after = After::Close;
                self.io.send(id, alert);
            }
        }
        self.tell_failed(id, phase, fault, || words.unwrap_or_default());
    }

    /// Somebody who was turned away goes on talking: it is read for a while, so that he can read why.
    pub(crate) fn drop_received(&mut self, id: ConnId, dropped: usize, result: Result<Received, Fault>) {
        let Ok(Received::Data(buf)) = result else { return self.cut(id) };
        let dropped = dropped + buf.len();
        if dropped > DROPPED_BYTES_MAX {
            return self.cut(id);
        }
        self.layer.leave_phase(id, Phase::Leaving { dropped });
        self.io.recv(id, None);
    }

    /// A connect failed below, where it is gone already.
    pub(crate) fn tell_end(&mut self, id: ConnId, fault: Fault) {
        self.layer.forget(id);
        self.layer.up.push_back(Completion::Connected { conn: id, result: Err(fault) });
    }

    /// Nobody comes in by it any more.
    pub(crate) fn forget_listener(&mut self, listener: ListenerId) {
        self.end_handshakes(Some(listener));
        self.layer.listeners.retain(|(id, _)| *id != listener);
    }

    /// Ends the handshakes that came in by `listener`, or by any.
    pub(crate) fn end_handshakes(&mut self, listener: Option<ListenerId>) {
        let these = self.handshakes(listener);
        these.into_iter().for_each(|id| self.fail(id, HandshakeFailure::Shortage, Fault::of(FaultKind::Aborted)));
    }

    /// The handshakes that came in by `listener`, or by any.
    pub(crate) fn handshakes(&self, listener: Option<ListenerId>) -> Vec<ConnId> {
        let of = |phase| matches!(phase, Phase::Accepting { listener: at, .. } if listener.is_none_or(|one| one == at));
        self.layer.conns.iter().filter(|(_, conn)| of(conn.phase)).map(|(id, _)| id).collect()
    }

    /// One deadline that has passed, if any; false when none is left.
    pub(crate) fn expire_one(&mut self) -> bool {
        let Some(id) = self.layer.timers.pop_due(self.io.now()) else { return false };
        let Some(conn) = self.layer.conns.get_mut(id) else { return true };
        conn.timer = None;
        match conn.phase {
            Phase::Accepting { .. } | Phase::Connecting => {
                self.fail(id, HandshakeFailure::TimedOut, Fault::of(FaultKind::TimedOut));
            }
            Phase::Leaving { .. } => self.cut(id),
            Phase::Open => {
                if conn.inbound.end == End::Notified {
                    conn.inbound.end = End::Whole;
                }
                self.advance_recv(id);
            }
        }
        true
    }

    /// Tries those again that waited for a buffer.
    pub(crate) fn retry_starved(&mut self) {
        if self.layer.retry_at.is_some_and(|at| at <= self.io.now()) {
            self.layer.retry_at = None;
            for id in std::mem::take(&mut self.layer.starved) {
                self.advance_send(id);
                self.advance_recv(id);
            }
        }
    }

    /// What a sealed connection looks like to the application.
    pub(crate) fn probe_sealed(&self, id: ConnId) -> Probe {
        let below = self.io.probe(id);
        let Some(conn) = self.layer.conns.get(id) else { return below };
        match conn.inbound.end {
            _ if conn.inbound.holds_bytes() => Probe::Readable,
            End::Broken(fault) => Probe::Broken(fault),
            End::Notified | End::Whole => Probe::PeerFin,
            // No close-notify came before it, and none was asked for by ours.
            End::None if below == Probe::PeerFin && !conn.outbound.is_notified() => Probe::Broken(truncated()),
            End::None => below,
        }
    }
}

/// What the application is told of a connection to a server that could not be secured.
fn fault_of(failure: HandshakeFailure) -> Fault {
    if failure.is_of_certificate() { Fault::of(FaultKind::Certificate) } else { Fault::of(FaultKind::Handshake) }
}
