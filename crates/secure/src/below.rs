//! What comes up from below: handshakes stay here, everything else is opened and told above.

use crate::conn::{Arrival, Conn, Phase, Shaking};
use crate::failure;
use crate::handshake::{Agreed, Handshake, Progress};
use crate::inbound::{End, Step};
use crate::outbound::{Last, Sent};
use crate::profile::Profile;
use crate::record::Damage;
use crate::view::View;
use crate::{FIN_WAIT_MAX, HANDSHAKE_MAX, damaged, spent_key, truncated};
use ports::HandshakeFailure;
use ports::{Fault, FaultKind};
use reactor::{After, Buf, CloseOutcome, Completion, ConnId, Outgoing, Reactor, Received};
use std::time::Duration;

impl<R: Reactor> View<'_, R> {
    /// Takes one completion in; what the application is to hear of it stands in `up` then.
    pub(crate) fn handle_below(&mut self, completion: Completion) {
        if let Completion::Accepted { listener, conn, peer } = completion {
            let Some(profile) = self.layer.profile_of(listener) else { return self.layer.up.push_back(completion) };
            return match self.layer.settings.profiles.get(profile) {
                Some(Profile::Server(profile)) => self.layer.announce(Arrival { listener, conn, peer, profile }),
                // Nobody who is to be secured comes in without.
                _ => drop(self.io.close(conn, reactor::Close::Discard)),
            };
        }
        match completion.conn().and_then(|id| Some((id, self.layer.conns.get(id)?.phase))) {
            Some((id, phase)) => self.handle_sealed(id, phase, completion),
            None => self.layer.up.push_back(completion),
        }
    }

    fn handle_sealed(&mut self, id: ConnId, phase: Phase, completion: Completion) {
        match completion {
            Completion::Connected { result: Ok(()), .. } => {
                let now = self.io.now();
                if let Some(shaking) = self.layer.conns.get_mut(id).and_then(|conn| conn.shaking.as_mut()) {
                    shaking.began_at = now;
                }
                self.layer.arm(id, now + HANDSHAKE_MAX);
                self.io.recv(id, None);
            }
            Completion::Connected { result: Err(fault), .. } => self.tell_end(id, fault),
            Completion::Received { result, .. } => match phase {
                Phase::Accepting { .. } | Phase::Connecting => self.handle_handshake(id, phase, result),
                Phase::Open => self.handle_received(id, result),
                Phase::Leaving { dropped } => self.drop_received(id, dropped, result),
            },
            Completion::Sent { result, .. } => self.handle_sent(id, phase, result),
            Completion::Closed { outcome, .. } => self.handle_closed(id, phase, outcome),
            Completion::Accepted { .. }
            | Completion::AcceptFailed { .. }
            | Completion::Woken
            // From layers below, of which none has to agree on anything.
            | Completion::Arrived { .. }
            | Completion::Departed { .. } => {}
        }
    }

    /// The application knows who has come in, and has not closed: now it is worth a handshake.
    pub(crate) fn welcome(&mut self, arrival: Arrival) {
        let Arrival { listener, conn: id, peer, profile } = arrival;
        let Ok(tls) = Handshake::accept(&profile) else {
            self.layer.counts(Some(listener)).failed[HandshakeFailure::Shortage as usize] += 1;
            self.cut(id);
            return self.layer.up.push_back(Completion::Departed { conn: id });
        };
        self.layer.conns.insert(id, Conn::new(Phase::Accepting { listener, peer }, tls, self.io.now()));
        if let Some(oldest) = self.layer.note_accepting(id) {
            self.fail(oldest, HandshakeFailure::Crowded, Fault::of(FaultKind::Memory));
        }
        self.layer.arm(id, self.io.now() + HANDSHAKE_MAX);
        self.io.recv(id, None);
    }

    fn handle_handshake(&mut self, id: ConnId, phase: Phase, result: Result<Received, Fault>) {
        let buf = match result {
            Ok(Received::Data(buf)) => buf,
            Ok(Received::Eof(_) | Received::Piped(_) | Received::Dropped(_)) => {
                return self.let_go(id, phase, truncated());
            }
            Err(fault) => return self.let_go(id, phase, fault),
        };
        let Some(shaking) = self.layer.conns.get_mut(id).and_then(|conn| conn.shaking.as_mut()) else { return };
        (shaking.heard_at, shaking.spoke) = (self.io.now(), true);
        match shaking.tls.handle_received(buf, &mut shaking.unsent) {
            Progress::More => {
                let raw = shaking.tls.take_raw();
                self.io.recv(id, raw);
                self.advance_send(id);
            }
            Progress::Done => self.agree(id, phase),
            Progress::Failed(refusal) => self.turn_away(id, refusal),
        }
    }

    /// The handshake is over, but for what we have to say at its end.
    fn agree(&mut self, id: ConnId, phase: Phase) {
        let Some(shaking) = self.layer.conns.get_mut(id).and_then(|conn| conn.shaking.take()) else { return };
        let Shaking { tls, unsent, began_at, .. } = *shaking;
        let agreed = match tls.finish() {
            Ok(agreed) => agreed,
            Err(failure) => return self.fail(id, failure, damaged()),
        };
        let (listener, told) = match phase {
            Phase::Accepting { listener, peer } => (Some(listener), Completion::Accepted { listener, conn: id, peer }),
            _ => (None, Completion::Connected { conn: id, result: Ok(()) }),
        };
        let counts = self.layer.counts(listener);
        counts.done += 1;
        counts.resumed += u64::from(agreed.resumed);
        self.layer.disarm(id);
        self.layer.leave_phase(id, Phase::Open);
        self.begin(id, agreed, unsent, began_at);
        self.layer.up.push_back(told);
        self.note_damage(id, End::None);
        self.advance_send(id);
        self.advance_recv(id);
    }

    fn begin(&mut self, id: ConnId, agreed: Agreed, unsent: Vec<u8>, began_at: Duration) {
        let now = self.io.now();
        let alpn = agreed.alpn.as_deref().map(|alpn| self.layer.protocol(alpn));
        let Some(conn) = self.layer.conns.get_mut(id) else { return };
        (conn.session.suite, conn.session.alpn) = (agreed.suite, alpn);
        (conn.session.resumed, conn.session.handshake) = (agreed.resumed, now.saturating_sub(began_at));
        conn.session.peer_name =
            agreed.peer_certificate.as_deref().and_then(crate::facts::Facts::read).map(|facts| facts.subject.into());
        let mut keys = Box::new(agreed.keys);
        conn.outbound.begin(agreed.ours, unsent, agreed.last_may_wait);
        conn.inbound.begin(agreed.theirs, agreed.rest, &mut keys);
        conn.keys = Some(keys);
    }

    fn handle_received(&mut self, id: ConnId, result: Result<Received, Fault>) {
        let Some(conn) = self.layer.conns.get_mut(id) else { return };
        let Some(keys) = &mut conn.keys else { return };
        let before = conn.inbound.end;
        conn.inbound.handle_received(result, conn.outbound.is_notified(), keys);
        self.note_damage(id, before);
        self.advance_recv(id);
    }

    /// What new records have brought beside bytes for the application.
    fn note_damage(&mut self, id: ConnId, before: End) {
        let now = self.io.now();
        let Some(conn) = self.layer.conns.get_mut(id) else { return };
        if std::mem::take(&mut conn.inbound.asked_for_key) {
            conn.outbound.owe_key();
        }
        if let Some(damage) = conn.inbound.damage.take() {
            conn.outbound.give_up(damage.alert());
            let listener = conn.listener;
            if let (Damage::Alert(why), None) = (damage, listener) {
                self.layer.reason = Some((id, failure::of_alert(why, &self.layer.settings.hints)));
            }
            self.layer.counts(listener).damaged += 1;
            return self.advance_send(id);
        }
        match conn.inbound.end {
            End::Notified if before == End::None => self.layer.arm(id, now + FIN_WAIT_MAX),
            End::Broken(why) if why == truncated() && before == End::None => {
                let listener = conn.listener;
                self.layer.counts(listener).cut_off += 1;
            }
            _ => {}
        }
    }

    /// Gives the application's recv what is there, or receives below for it.
    pub(crate) fn advance_recv(&mut self, id: ConnId) {
        let Some(conn) = self.layer.conns.get_mut(id).filter(|conn| conn.phase == Phase::Open) else { return };
        match conn.inbound.poll() {
            Step::Wait => {}
            Step::Read(partial) => self.io.recv(id, partial),
            Step::Tell(result) => self.layer.up.push_back(Completion::Received { conn: id, result }),
            Step::Starved => self.layer.starve(id, self.io.now()),
        }
    }

    fn handle_sent(&mut self, id: ConnId, phase: Phase, result: Result<(), Fault>) {
        let Some(conn) = self.layer.conns.get_mut(id) else { return };
        match (phase, result) {
            (Phase::Accepting { .. } | Phase::Connecting, Err(fault)) => {
                self.fail(id, HandshakeFailure::PeerLeft, fault)
            }
            (Phase::Accepting { .. } | Phase::Connecting, Ok(())) => {
                conn.outbound.handle_sent();
                self.advance_send(id);
            }
            (Phase::Open, Ok(())) => {
                let sent = conn.outbound.handle_sent();
                self.tell_sent(id, sent);
            }
            (Phase::Open, Err(fault)) => {
                if conn.outbound.handle_broken() {
                    self.layer.up.push_back(Completion::Sent { conn: id, result: Err(fault) });
                }
            }
            (Phase::Leaving { .. }, _) => self.cut(id),
        }
    }

    fn tell_sent(&mut self, id: ConnId, sent: Sent) {
        if let Sent::All(last) = sent {
            match last {
                Last::Fin => self.io.shutdown_write(id),
                // Unread bytes forbade the FIN.
                Last::Tell(After::Close) => {
                    self.layer.up.push_back(Completion::Closed { conn: id, outcome: CloseOutcome::Unread });
                }
                Last::Tell(_) => self.layer.up.push_back(Completion::Sent { conn: id, result: Ok(()) }),
            }
        }
        self.advance_send(id);
    }

    fn handle_closed(&mut self, id: ConnId, phase: Phase, outcome: CloseOutcome) {
        match (phase, outcome) {
            (Phase::Leaving { .. }, CloseOutcome::Closed(_)) => self.layer.forget(id),
            // Bytes came in the meantime: unread they would turn the FIN into a reset, which takes our last bytes along.
            (Phase::Leaving { .. }, CloseOutcome::Unread) => {
                self.io.shutdown_write(id);
                self.io.recv(id, None);
            }
            (_, CloseOutcome::Closed(_)) => {
                self.layer.forget(id);
                self.layer.up.push_back(Completion::Closed { conn: id, outcome });
            }
            (_, CloseOutcome::Unread) => {
                if let Some(conn) = self.layer.conns.get_mut(id) {
                    conn.outbound.handle_sent();
                }
                self.layer.up.push_back(Completion::Closed { conn: id, outcome });
            }
        }
    }

    /// Sends what waits for it: the handshake's bytes, then the application's, sealed.
    pub(crate) fn advance_send(&mut self, id: ConnId) {
        let Some(conn) = self.layer.conns.get_mut(id) else { return };
        match conn.phase {
            Phase::Accepting { .. } | Phase::Connecting => return self.advance_flight(id),
            Phase::Open if conn.outbound.wants_to_send() => {}
            Phase::Open | Phase::Leaving { .. } => return,
        }
        if conn.outbound.ends_here() {
            return self.end_sending(id);
        }
        if conn.outbound.take_empty() {
            return self.layer.up.push_back(Completion::Sent { conn: id, result: Ok(()) });
        }
        if !send_next(conn, id, self.io) {
            self.layer.starve(id, self.io.now());
        }
    }

    fn advance_flight(&mut self, id: ConnId) {
        let Some(conn) = self.layer.conns.get_mut(id) else { return };
        let Some(shaking) = &mut conn.shaking else { return };
        if conn.outbound.is_sending() || shaking.unsent.is_empty() {
            return;
        }
        let Some(out) = take_flight(&mut shaking.unsent, self.io) else {
            return self.layer.starve(id, self.io.now());
        };
        conn.outbound.note_sending();
        self.io.send(id, out);
    }

    /// Nothing of the application goes out any more; the peer may have to be told.
    #[cold]
    fn end_sending(&mut self, id: ConnId) {
        let Some(conn) = self.layer.conns.get_mut(id) else { return };
        let (spent, listener) = (conn.outbound.note_spent(), conn.listener);
        let why = if matches!(conn.inbound.end, End::Broken(_)) { damaged() } else { spent_key() };
        match conn.outbound.take_refused() {
            None => {}
            Some(Last::Fin) => return self.io.shutdown_write(id),
            Some(Last::Tell(_)) => self.layer.up.push_back(Completion::Sent { conn: id, result: Err(why) }),
        }
        if conn.outbound.wants_to_send() && !send_next(conn, id, self.io) {
            self.layer.starve(id, self.io.now());
        }
        self.layer.counts(listener).spent += u64::from(spent);
    }
}

/// Seals what is next and sends it. `false`: there is no buffer for it.
fn send_next<R: Reactor>(conn: &mut Conn, id: ConnId, io: &mut R) -> bool {
    let Some(keys) = &mut conn.keys else { return true };
    let Some(first) = io.take_buf() else { return false };
    let keep_open = conn.inbound.holds_bytes();
    let out = conn.outbound.seal(first, || io.take_buf(), keep_open, keys);
    io.send(id, out);
    true
}

/// As much of a handshake's bytes as two buffers hold; `None` where there is not one.
pub(crate) fn take_flight<R: Reactor>(bytes: &mut Vec<u8>, io: &mut R) -> Option<Outgoing> {
    let mut fill = |buf: &mut Buf| {
        let len = bytes.len().min(buf.spare_len());
        buf.append(&bytes[..len]).expect("as much as there is room for");
        bytes.drain(..len);
        bytes.is_empty()
    };
    let mut head = io.take_buf()?;
    let mut body = if fill(&mut head) { None } else { io.take_buf() };
    if let Some(body) = &mut body {
        fill(body);
    }
    Some(Outgoing { head: Some(head), body, after: After::Keep })
}
