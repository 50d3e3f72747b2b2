//! What comes up from below: handshakes stay here, everything else is opened and told above.

use crate::conn::{Conn, Phase};
use crate::handshake::{Hello, Keys};
use crate::inbound::{End, Step};
use crate::outbound::{Last, Sent};
use crate::view::View;
use crate::{FIN_WAIT_MAX, HANDSHAKE_MAX, damaged, truncated};
use ports::{Fault, FaultKind};
use reactor::{After, Buf, CloseOutcome, Completion, ConnId, ListenerId, Outgoing, Reactor, Received};
use std::net::SocketAddr;

impl<R: Reactor> View<'_, R> {
    /// Takes one completion in; what the application is to hear of it stands in `up` then.
    pub(crate) fn handle_below(&mut self, completion: Completion) {
        match completion {
            Completion::Accepted { listener, conn, peer } if self.layer.settings.accepted => {
                self.greet(listener, conn, peer);
            }
            other => match other.conn().and_then(|id| Some((id, self.layer.conns.get(id)?.phase))) {
                Some((id, phase)) => self.handle_sealed(id, phase, other),
                None => self.layer.up.push_back(other),
            },
        }
    }

    fn handle_sealed(&mut self, id: ConnId, phase: Phase, completion: Completion) {
        match completion {
            Completion::Connected { result: Ok(()), .. } => {
                self.layer.arm(id, self.io.now() + HANDSHAKE_MAX);
                self.io.recv(id, None);
            }
            Completion::Connected { result: Err(fault), .. } => self.tell_end(id, fault),
            Completion::Received { result, .. } => match phase {
                Phase::Accepting { .. } | Phase::Connecting { .. } => self.handle_hello(id, result),
                Phase::Open => self.handle_received(id, result),
                Phase::Leaving => {}
            },
            Completion::Sent { result, .. } => self.handle_sent(id, phase, result),
            Completion::Closed { outcome, .. } => self.handle_closed(id, phase, outcome),
            Completion::Accepted { .. } | Completion::AcceptFailed { .. } | Completion::Woken => {}
        }
    }

    fn greet(&mut self, listener: ListenerId, id: ConnId, peer: SocketAddr) {
        self.layer.conns.insert(id, Conn::new(Phase::Accepting { listener, peer }));
        self.layer.arm(id, self.io.now() + HANDSHAKE_MAX);
        self.io.recv(id, None);
    }

    fn handle_hello(&mut self, id: ConnId, result: Result<Received, Fault>) {
        let mut buf = match result {
            Ok(Received::Data(buf)) => buf,
            Ok(Received::Eof(_)) => return self.fail(id, truncated()),
            Err(fault) => return self.fail(id, fault),
        };
        match Hello::open(&mut buf) {
            Ok(Some(hello)) => self.agree(id, hello, buf),
            Ok(None) => self.io.recv(id, Some(buf)),
            Err(_) => self.fail(id, damaged()),
        }
    }

    /// The peer's hello is here, `rest` behind it.
    fn agree(&mut self, id: ConnId, hello: Hello, rest: Buf) {
        let Some(conn) = self.layer.conns.get_mut(id) else { return };
        let session = &mut conn.session;
        session.alpn = Some(hello.alpn.as_slice().into());
        if let Phase::Connecting { nonce } = conn.phase {
            let keys = Keys::agree(nonce, hello.nonce);
            conn.inbound.begin(keys.server, rest);
            conn.outbound.begin(keys.client);
            return self.open(id, Completion::Connected { conn: id, result: Ok(()) });
        }
        session.server_name = Some(hello.server_name.into());
        let ours = Hello { nonce: self.layer.rng.next_u64(), server_name: String::new(), alpn: hello.alpn };
        let keys = Keys::agree(hello.nonce, ours.nonce);
        conn.inbound.begin(keys.client, rest);
        conn.outbound.begin(keys.server);
        let Some(mut buf) = self.io.take_buf() else { return self.fail(id, Fault::of(FaultKind::Memory)) };
        ours.seal(&mut buf);
        conn.outbound.note_sending();
        self.io.send(id, Outgoing::bytes(buf));
    }

    /// The handshake is over: the application hears of the connection.
    fn open(&mut self, id: ConnId, told: Completion) {
        self.layer.disarm(id);
        self.layer.counters.handshakes += 1;
        if let Some(conn) = self.layer.conns.get_mut(id) {
            conn.phase = Phase::Open;
        }
        self.layer.up.push_back(told);
        self.advance_send(id);
        self.advance_recv(id);
    }

    fn handle_received(&mut self, id: ConnId, result: Result<Received, Fault>) {
        let Some(conn) = self.layer.conns.get_mut(id) else { return };
        let before = conn.inbound.end;
        conn.inbound.handle_received(result, conn.outbound.is_notified());
        match conn.inbound.end {
            End::Notified if before == End::None => self.layer.arm(id, self.io.now() + FIN_WAIT_MAX),
            End::Broken(why) if why.kind == FaultKind::Other => self.layer.counters.cut_off += 1,
            _ => {}
        }
        self.advance_recv(id);
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
            (Phase::Accepting { listener, peer }, Ok(())) => {
                conn.outbound.handle_sent();
                self.open(id, Completion::Accepted { listener, conn: id, peer });
            }
            (Phase::Accepting { .. } | Phase::Connecting { .. }, Err(fault)) => self.fail(id, fault),
            (Phase::Connecting { .. }, Ok(())) => {
                conn.outbound.handle_sent();
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
            (Phase::Leaving, _) => self.cut(id, reactor::Close::Discard),
        }
    }

    fn tell_sent(&mut self, id: ConnId, sent: Sent) {
        let told = match sent {
            Sent::Own => return,
            Sent::More => return self.advance_send(id),
            Sent::All(Last::Fin) => return self.io.shutdown_write(id),
            // Unread bytes forbade the FIN.
            Sent::All(Last::Tell(After::Close)) => Completion::Closed { conn: id, outcome: CloseOutcome::Unread },
            Sent::All(Last::Tell(_)) => Completion::Sent { conn: id, result: Ok(()) },
        };
        self.layer.up.push_back(told);
    }

    fn handle_closed(&mut self, id: ConnId, phase: Phase, outcome: CloseOutcome) {
        if phase == Phase::Leaving {
            return match outcome {
                CloseOutcome::Closed(_) => self.layer.forget(id),
                // Bytes came in the meantime, and nobody is there to read them.
                CloseOutcome::Unread => self.cut(id, reactor::Close::Discard),
            };
        }
        match outcome {
            CloseOutcome::Closed(_) => self.layer.forget(id),
            CloseOutcome::Unread => {
                if let Some(conn) = self.layer.conns.get_mut(id) {
                    conn.outbound.handle_sent();
                }
            }
        }
        self.layer.up.push_back(Completion::Closed { conn: id, outcome });
    }

    /// Seals and sends what waits for it.
    pub(crate) fn advance_send(&mut self, id: ConnId) {
        let Some(conn) = self.layer.conns.get_mut(id).filter(|conn| conn.phase == Phase::Open) else { return };
        if !conn.outbound.wants_to_seal() {
            return;
        }
        if conn.outbound.take_empty() {
            return self.layer.up.push_back(Completion::Sent { conn: id, result: Ok(()) });
        }
        let Some(first) = self.io.take_buf() else { return self.layer.starve(id, self.io.now()) };
        let keep_open = conn.inbound.holds_bytes();
        let out = conn.outbound.seal(first, || self.io.take_buf(), keep_open);
        self.io.send(id, out);
    }
}
