//! What arrives, and what it does: the receiving half of the simulated TCP.

use super::flow::{EndId, Fin, Phase, Segment};
use super::net::{Event, Net};
use ports::{Fault, FaultKind};
use reactor::face::{CloseOutcome, Completion};
use std::time::Duration;

const ECONNREFUSED: i32 = 111;
const ECONNRESET: i32 = 104;
const ETIMEDOUT: i32 = 110;
/// A SYN that found no room, or an old connection in its place, comes again after this long.
const SYN_RETRY: Duration = Duration::from_secs(1);

impl Net {
    pub(super) fn handle_segment(&mut self, to: EndId, segment: Segment) {
        let Some(phase) = self.end(to).map(|end| end.phase) else {
            return;
        };
        match segment {
            Segment::Syn => self.handle_syn(to),
            Segment::Rst => self.handle_reset(to, Fault::from_errno(ECONNRESET)),
            Segment::Ack(_) | Segment::Window(_) | Segment::FinAck if phase == Phase::Gone => {}
            _ if phase == Phase::Gone => self.answer_with_reset(to),
            Segment::SynAck => self.handle_syn_ack(to),
            Segment::HandshakeAck => self.handle_handshake_ack(to),
            Segment::Data(bytes) => self.handle_data(to, &bytes),
            Segment::Ack(len) => self.handle_ack(to, len),
            Segment::Window(len) => self.handle_window(to, len),
            Segment::Fin => self.handle_fin(to),
            Segment::FinAck => self.handle_fin_ack(to),
        }
    }

    /// A SYN arrives where end `to` is to be.
    fn handle_syn(&mut self, to: EndId) {
        let Some(end) = self.end(to) else { return };
        let (host, tuple) = (end.host, (end.local, end.remote));
        self.close_abandoned();
        let Some(door) = self.door_for(self.hosts[host].machine, tuple.0, to.flow) else {
            return self.answer_with_reset(to);
        };
        if self.rng.chance(self.weather.refuse) {
            self.injected.refused += 1;
            return self.answer_with_reset(to);
        }
        if self.door(door).is_full() || self.machine_of(host).tuples.is_live(tuple) {
            self.note(to, "syn dropped", 0);
            return self.transmit_late(to.peer(), Segment::Syn, SYN_RETRY);
        }
        self.machine_of(host).tuples.occupy(tuple);
        let end = self.end(to).expect("looked up above");
        (end.phase, end.door) = (Phase::Handshake, Some(door));
        self.transmit(to, Segment::SynAck);
    }

    fn handle_syn_ack(&mut self, to: EndId) {
        let Some(end) = self.end(to).filter(|end| end.phase == Phase::Connecting) else {
            return;
        };
        end.phase = Phase::Open;
        let (host, conn) = (end.host, end.conn);
        self.note(to, "connected", 0);
        self.transmit(to, Segment::HandshakeAck);
        if let Some(conn) = conn {
            self.push(host, Completion::Connected { conn, result: Ok(()) });
        }
        self.progress_send(to);
    }

    fn handle_handshake_ack(&mut self, to: EndId) {
        let Some(end) = self.end(to).filter(|end| end.phase == Phase::Handshake) else {
            return;
        };
        let door = end.door;
        // A socket that closed during the handshake resets it; another of the same address does not take it over.
        match door.filter(|door| self.door(*door).is_open()) {
            Some(door) => self.queue_at(door, to),
            None => {
                self.vanish(to);
                self.answer_with_reset(to);
            }
        }
    }

    fn handle_data(&mut self, to: EndId, bytes: &[u8]) {
        if self.rng.chance(self.weather.reset) {
            self.injected.resets += 1;
            self.note(to, "middlebox reset", bytes.len());
            self.handle_reset(to.peer(), Fault::from_errno(ECONNRESET));
            return self.handle_reset(to, Fault::from_errno(ECONNRESET));
        }
        let Some(end) = self.end(to) else { return };
        if end.phase == Phase::Open && end.conn.is_none() {
            // Nobody will read this: the kernel answers data after close() with a reset
            // (tcp_rcv_state_process, Linux 6.18, LINUX_MIB_TCPABORTONDATA).
            self.vanish(to);
            return self.answer_with_reset(to);
        }
        if end.broken.is_some() {
            return;
        }
        end.inbox.extend(bytes);
        self.note(to, "data", bytes.len());
        self.transmit(to, Segment::Ack(bytes.len()));
        self.try_recv(to);
    }

    fn handle_ack(&mut self, to: EndId, len: usize) {
        let Some(end) = self.end(to) else { return };
        end.unacked_bytes = end.unacked_bytes.saturating_sub(len);
        self.progress_send(to);
    }

    fn handle_window(&mut self, to: EndId, len: usize) {
        let Some(end) = self.end(to) else { return };
        end.window_bytes += len;
        self.flush(to);
    }

    fn handle_fin(&mut self, to: EndId) {
        let Some(end) = self.end(to).filter(|end| end.broken.is_none()) else {
            return;
        };
        end.take_peer_fin();
        self.note(to, "fin", 0);
        self.transmit(to, Segment::FinAck);
        self.try_recv(to);
        self.finish_if_over(to);
    }

    fn handle_fin_ack(&mut self, to: EndId) {
        let Some(end) = self.end(to).filter(|end| end.fin == Fin::Sent) else {
            return;
        };
        end.fin = Fin::Acked;
        self.finish_if_over(to);
    }

    /// A reset arrives: what was received stays readable, everything else is over.
    fn handle_reset(&mut self, to: EndId, fault: Fault) {
        let Some(end) = self.end(to) else { return };
        let (phase, owned) = (end.phase, end.conn.is_some());
        self.note(to, "reset", 0);
        match phase {
            Phase::Gone => {}
            Phase::Connecting => self.fail_connect(to, Fault::from_errno(ECONNREFUSED)),
            Phase::Handshake => self.vanish(to),
            Phase::Open if !owned => self.vanish(to),
            Phase::Queued | Phase::Open => self.break_end(to, fault),
        }
    }

    fn break_end(&mut self, id: EndId, fault: Fault) {
        let Some(end) = self.end(id).filter(|end| end.broken.is_none()) else {
            return;
        };
        if end.is_finished() {
            return; // TIME_WAIT: the socket itself has nothing left to lose
        }
        end.broken = Some(fault);
        end.drop_outbox();
        let (host, send, conn) = (end.host, end.send.take(), end.conn);
        self.release_tuple(id);
        if let (Some(_), Some(conn)) = (send, conn) {
            self.push(host, Completion::Sent { conn, result: Err(fault) });
        }
        self.try_recv(id);
    }

    pub(super) fn handle_connect_timeout(&mut self, id: EndId) {
        let connecting = self.end(id).is_some_and(|end| end.phase == Phase::Connecting);
        if connecting {
            let errno = ETIMEDOUT;
            self.fail_connect(id, Fault { kind: FaultKind::TimedOut, errno });
        }
    }

    fn fail_connect(&mut self, id: EndId, fault: Fault) {
        let Some(end) = self.end(id) else { return };
        let (host, conn) = (end.host, end.conn.take());
        self.note(id, "connect failed", fault.errno as usize);
        if let Some(conn) = conn {
            self.hosts[host].end_tenancy(conn, CloseOutcome::Closed(None));
            self.push(host, Completion::Connected { conn, result: Err(fault) });
        }
        self.vanish(id);
    }

    /// The kernel gives up on an end nobody owns (`tcp_fin_timeout`, `tcp_orphan_retries`).
    pub(super) fn handle_orphan_timeout(&mut self, id: EndId) {
        let orphan = |end: &&mut super::flow::End| end.phase == Phase::Open && end.conn.is_none();
        if self.end(id).filter(orphan).is_some() {
            self.answer_with_reset(id);
            self.vanish(id);
        }
    }

    /// Sends RST from where nothing is (any more).
    pub(super) fn answer_with_reset(&mut self, from: EndId) {
        self.transmit(from, Segment::Rst);
    }

    /// Both FINs are through: the 4-tuple goes to TIME_WAIT or back, an orphan goes away.
    pub(super) fn finish_if_over(&mut self, id: EndId) {
        let Some(end) = self.end(id).filter(|end| end.is_finished()) else {
            return;
        };
        let owned = end.conn.is_some();
        self.release_tuple(id);
        if !owned {
            self.vanish(id);
        }
    }

    /// Gives the 4-tuple of an end back, through TIME_WAIT where this side closed first.
    pub(super) fn release_tuple(&mut self, id: EndId) {
        let now = self.now;
        let Some(end) = self.end(id).filter(|end| !end.released) else {
            return;
        };
        end.released = true;
        let (host, tuple, timestamps) = (end.host, (end.local, end.remote), end.timestamps);
        let waits = end.is_finished() && end.closed_first_now().leaves_time_wait_here();
        let time_wait = self.hosts[host].config.time_wait.filter(|_| waits);
        let tuples = &mut self.machine_of(host).tuples;
        match time_wait {
            Some(wait) => tuples.linger(tuple, now, wait, timestamps),
            None => tuples.release(tuple),
        }
    }

    /// The kernel forgets this end.
    pub(super) fn vanish(&mut self, id: EndId) {
        self.release_tuple(id);
        let Some(end) = self.end(id) else { return };
        end.phase = Phase::Gone;
        end.drop_outbox();
        end.inbox.clear();
        (end.send, end.recv) = (None, None);
        self.forget_if_over(id.flow);
    }

    pub(super) fn uncork(&mut self, id: EndId) {
        if let Some(end) = self.end(id) {
            end.corked = false;
        }
        self.flush(id);
    }

    /// Sends what the window lets out, then the FIN that waits behind it.
    pub(super) fn flush(&mut self, id: EndId) {
        let longest = self.weather.segment_bytes_max;
        loop {
            let Some(end) = self.end(id).filter(|end| end.phase == Phase::Open) else {
                return;
            };
            if end.broken.is_some() {
                return;
            }
            match end.next_segment(longest) {
                Some(bytes) => self.transmit(id, Segment::Data(bytes)),
                None => break,
            }
        }
        let Some(end) = self.end(id) else { return };
        if end.fin == Fin::Queued && end.outbox.is_empty() {
            end.fin = Fin::Sent;
            self.transmit(id, Segment::Fin);
        }
    }

    /// Uncorks after 200 ms (tcp(7), TCP_CORK).
    pub(super) fn cork(&mut self, id: EndId) {
        if let Some(end) = self.end(id) {
            end.corked = true;
        }
        self.after(Duration::from_millis(200), Event::Uncork(id));
    }
}
