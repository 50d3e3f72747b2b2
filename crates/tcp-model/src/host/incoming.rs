//! A segment arrives: which socket is it for, and what does that one do (`tcp_v4_rcv`)?

use super::closing::FinEnd;
use super::{Host, State, flow_of, order};
use crate::counter::Counter;
use crate::decide::client::{SynSent, Verdict as ClientVerdict};
use crate::decide::clock::Flow;
use crate::decide::time_wait::{Answer, Substate, Verdict, paws_memory};
use crate::segment::{Flags, Segment};
use crate::seq::{after, ahead};
use core::time::Duration;

impl Host {
    /// Handles a segment of the peer's. `flow` is the host's view: source is the host itself.
    pub fn handle_segment(&mut self, flow: Flow, segment: &Segment, now: Duration) {
        self.handle_timers(now);
        if self.minis.contains_key(&order(flow)) {
            return self.at_mini(flow, segment, now);
        }
        match self.connections.get(&order(flow)).map(|connection| connection.state) {
            Some(State::SynSent) => self.at_syn_sent(flow, segment, now),
            Some(State::SynReceived) => self.at_syn_received(flow, segment, now),
            Some(_) => self.at_connection(flow, segment, now),
            None => self.at_listener(flow, segment, None, now),
        }
    }

    fn at_mini(&mut self, flow: Flow, segment: &Segment, now: Duration) {
        let profile = self.profile;
        let listens = self.listens_on(flow.source_port);
        let Some(mini) = self.minis.get_mut(&order(flow)) else { return };
        let waited = mini.tw.substate;
        let outcome = mini.tw.handle_segment(profile.version, &profile.sysctls, segment, now);
        let tw = mini.tw;
        if waited == Substate::FinWait2 && tw.substate == Substate::TimeWait {
            let last = tw.recent.map(|recent| crate::decide::recycle::Peer { tsval: recent.val, stamp: recent.at });
            self.remember_peer(flow, last, now);
        }
        outcome
            .bumps
            .iter()
            .filter(|counter| *counter != Counter::OutRsts)
            .for_each(|counter| self.counters.add(counter));
        match outcome.verdict {
            Verdict::Stays(answer) => self.answer(flow, segment, answer, now),
            Verdict::Ends(answer) => {
                self.minis.remove(&order(flow));
                self.answer(flow, segment, answer, now);
            }
            Verdict::TakenOver { isn } if listens => {
                self.minis.remove(&order(flow));
                self.at_listener(flow, segment, Some(isn), now);
            }
            Verdict::TakenOver { .. } => self.answer(flow, segment, Answer::Ack, now),
        }
    }

    fn answer(&mut self, flow: Flow, segment: &Segment, answer: Answer, now: Duration) {
        match answer {
            Answer::Silence => {}
            Answer::Reset => self.reset_answer(flow, segment, now),
            Answer::Ack => {
                let clock = self.clock.tsval(flow, now);
                let ack = self.minis.get(&order(flow)).map(|mini| mini.tw.ack(clock));
                ack.into_iter().for_each(|ack| self.send(flow, ack, now));
            }
        }
    }

    /// An RST for a segment that belongs to nothing (`tcp_v4_send_reset`).
    pub(super) fn reset_answer(&mut self, flow: Flow, segment: &Segment, now: Duration) {
        if segment.flags.rst {
            return;
        }
        let reset = match segment.flags.ack {
            true => Segment::new(Flags::RST, segment.ack, 0),
            false => Segment::new(Flags::RST_ACK, 0, segment.end_seq()),
        };
        self.send(flow, reset, now);
    }

    fn at_syn_sent(&mut self, flow: Flow, segment: &Segment, now: Duration) {
        let profile = self.profile;
        let Some(connection) = self.connections.get_mut(&order(flow)) else { return };
        let client = SynSent { isn: connection.isn, syns: connection.tries, hz: profile.hz };
        let verdict = client.handle_segment(profile.version, segment);
        match verdict {
            ClientVerdict::Connected => self.connected(flow, segment, now),
            ClientVerdict::Challenged { reset, resend_after } => {
                if let Some(soon) = resend_after {
                    connection.timer = Some(now + soon);
                }
                self.send(flow, reset, now);
            }
            ClientVerdict::Refused => self.fail_connect(flow, super::CallError::Refused),
            ClientVerdict::Ignored => {}
        }
    }

    fn connected(&mut self, flow: Flow, segment: &Segment, now: Duration) {
        let Some(connection) = self.connections.get_mut(&order(flow)) else { return };
        connection.state = State::Established;
        connection.rcv_nxt = segment.end_seq();
        connection.timer = None;
        connection.stamped &= segment.timestamp.is_some();
        connection.recent = segment
            .timestamp
            .filter(|_| connection.stamped)
            .map(|ts| crate::decide::time_wait::Recent { val: ts.val, at: now });
        self.send_on(flow, Flags::ACK, 0, now);
    }

    /// A segment for a connection that is synchronized (`tcp_validate_incoming`, `tcp_rcv_state_process`).
    fn at_connection(&mut self, flow: Flow, segment: &Segment, now: Duration) {
        let Some(connection) = self.connections.get_mut(&order(flow)) else { return };
        let flags = segment.flags;
        if let (Some(recent), Some(ts)) = (connection.recent, segment.timestamp)
            && ahead(recent.val, ts.val) > 0
            && now < recent.at + paws_memory(self.profile.version)
            && !flags.rst
        {
            self.counters.add(Counter::PawsEstab);
            return self.limited_ack(flow, now);
        }
        if flags.rst && segment.seq == connection.rcv_nxt {
            return self.reset_by_peer(flow);
        }
        if flags.syn || segment.seq != connection.rcv_nxt {
            return self.limited_ack(flow, now);
        }
        if flags.ack && !after(segment.ack, connection.snd_nxt) {
            connection.saw_tsval(segment, now);
            self.in_order(flow, segment, now);
        }
    }

    fn limited_ack(&mut self, flow: Flow, now: Duration) {
        let limit = Duration::from_millis(u64::from(self.profile.sysctls.tcp_invalid_ratelimit_ms));
        let limited = self.profile.version.at_least(4, 0);
        let Some(connection) = self.connections.get_mut(&order(flow)) else { return };
        if limited && connection.last_ack.is_some_and(|last| now < last + limit) {
            return;
        }
        connection.last_ack = Some(now);
        self.send_on(flow, Flags::ACK, 0, now);
    }

    fn in_order(&mut self, flow: Flow, segment: &Segment, now: Duration) {
        let Some(connection) = self.connections.get_mut(&order(flow)) else { return };
        let acked = connection.is_acked_by(segment);
        if connection.orphan && segment.len > 0 {
            // Nobody will ever read it: TCPAbortOnData in the kernel's tcp_rcv_state_process.
            self.counters.add(Counter::AbortOnData);
            self.connections.remove(&order(flow));
            return self.reset_answer(flow, segment, now);
        }
        connection.rcv_nxt = segment.end_seq();
        connection.unread += u32::from(segment.len);
        if segment.len > 0 && !segment.flags.fin {
            self.send_on(flow, Flags::ACK, 0, now);
        }
        if acked {
            self.fin_acked(flow, segment, now);
        }
        if segment.flags.fin {
            self.peer_closed(flow, now);
        }
    }

    /// The peer's FIN arrived in order.
    fn peer_closed(&mut self, flow: Flow, now: Duration) {
        let Some(connection) = self.connections.get_mut(&order(flow)) else { return };
        let end = match connection.state {
            State::Established => FinEnd::Stays(State::CloseWait),
            State::FinWait1 => FinEnd::Stays(State::Closing),
            State::FinWait2 => FinEnd::TimeWait,
            _ => return,
        };
        if let FinEnd::Stays(state) = end {
            connection.state = state;
        }
        self.send_on(flow, Flags::ACK, 0, now);
        if end == FinEnd::TimeWait {
            self.make_mini(flow, Substate::TimeWait, Duration::ZERO, now);
        }
    }

    fn reset_by_peer(&mut self, flow: Flow) {
        if let Some(connection) = self.connections.remove(&order(flow))
            && let Some(owner) = connection.owner
        {
            self.sockets[owner.0].error = Some(super::CallError::Reset);
        }
    }

    /// Flows with a connection or a mini-socket, for the checks of tests.
    pub fn flows(&self) -> impl Iterator<Item = Flow> {
        self.connections.keys().chain(self.minis.keys()).map(|key| flow_of(*key))
    }
}
