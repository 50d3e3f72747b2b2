//! The listener: SYNs, half-open connections, the accept queue.

use super::{Connection, FLOWS_MAX, Host, State, order};
use crate::counter::Counter;
use crate::decide::clock::Flow;
use crate::decide::syn::{self, Established, Queues};
use crate::decide::time_wait::Recent;
use crate::decide::{isn, recycle};
use crate::segment::{Flags, Segment};
use core::time::Duration;
use std::collections::VecDeque;

/// Time to the first SYN-ACK that is sent again; each further one doubles it.
const SYN_ACK_RTO: Duration = Duration::from_secs(1);

/// SYN-ACKs sent in all (tcp_synack_retries = 5).
pub(super) const SYN_ACKS_MAX: u32 = 6;

/// A listening socket.
#[derive(Clone, Debug)]
pub(super) struct Listener {
    pub(super) port: u16,
    backlog: u32,
    pub(super) accept_queue: VecDeque<Flow>,
}

impl Host {
    /// Listens on `port`.
    pub fn listen(&mut self, port: u16, backlog: u32) {
        self.listener = Some(Listener { port, backlog, accept_queue: VecDeque::new() });
    }

    /// Closes the listener; connections that nobody accepted are reset.
    pub(crate) fn stop_listening(&mut self, now: Duration) {
        let waiting = self.listener.take().map(|listener| listener.accept_queue).unwrap_or_default();
        for flow in waiting {
            self.send_on(flow, Flags::RST_ACK, 0, now);
            self.connections.remove(&order(flow));
        }
    }

    pub(super) fn listens_on(&self, port: u16) -> bool {
        self.listener.as_ref().is_some_and(|listener| listener.port == port)
    }

    /// A segment that met no connection; `taken_over` is the ISN when it ended a TIME_WAIT.
    pub(super) fn at_listener(&mut self, flow: Flow, segment: &Segment, taken_over: Option<u32>, now: Duration) {
        let is_syn = segment.flags == Flags::SYN;
        if segment.flags.rst {
            return;
        }
        if !self.listens_on(flow.source_port) || !is_syn {
            return self.reset_answer(flow, segment, now);
        }
        if self.connections.len() >= FLOWS_MAX || self.remembered.len() >= FLOWS_MAX {
            return self.counters.add(Counter::ListenDrops);
        }
        let profile = self.profile;
        let outcome = syn::handle_syn(profile.version, &profile.sysctls, self.queues(), taken_over.is_some());
        self.counters.bump(outcome.bumps);
        if outcome.verdict == syn::Verdict::Queued && self.passes_recycle(flow, segment, taken_over.is_some(), now) {
            let isn = taken_over.unwrap_or_else(|| isn::isn(profile.secret, flow, now));
            self.half_open(flow, segment, isn, now);
            self.arm_syn_ack(flow, now);
        } else if outcome.verdict == syn::Verdict::Cookie {
            self.half_open(flow, segment, isn::isn(profile.secret, flow, now), now);
            self.connections.entry(order(flow)).and_modify(|connection| connection.cookie = true);
        }
    }

    fn passes_recycle(&mut self, flow: Flow, segment: &Segment, from_time_wait: bool, now: Duration) -> bool {
        if from_time_wait {
            return true;
        }
        let peer = self.remembered.get(&flow.destination).copied();
        let tsval = segment.timestamp.map(|ts| ts.val);
        let verdict = recycle::handle_syn(self.profile.version, &self.profile.sysctls, peer, tsval, now);
        self.counters.bump(verdict.bumps());
        verdict == recycle::Verdict::Passes
    }

    fn queues(&self) -> Queues {
        let half_open =
            self.connections.values().filter(|connection| connection.state == State::SynReceived && !connection.cookie);
        let half_open: Vec<u32> = half_open.map(|connection| connection.tries).collect();
        let young = half_open.iter().filter(|tries| **tries == 1).count() as u32;
        let (accept, backlog) = self.listener.as_ref().map_or((0, 0), |l| (l.accept_queue.len() as u32, l.backlog));
        Queues { accept, backlog, half_open: half_open.len() as u32, young }
    }

    fn half_open(&mut self, flow: Flow, syn: &Segment, isn: u32, now: Duration) {
        let mut connection = Connection::new(State::SynReceived, isn);
        connection.rcv_nxt = syn.end_seq();
        connection.stamped = self.profile.sysctls.tcp_timestamps > 0 && syn.timestamp.is_some();
        connection.recent = syn.timestamp.filter(|_| connection.stamped).map(|ts| Recent { val: ts.val, at: now });
        self.connections.insert(order(flow), connection);
        self.send_on(flow, Flags::SYN_ACK, 0, now);
    }

    /// Counts the SYN-ACK just sent and sets the timer for the next.
    pub(super) fn arm_syn_ack(&mut self, flow: Flow, now: Duration) {
        if let Some(connection) = self.connections.get_mut(&order(flow)) {
            connection.timer = Some(now + SYN_ACK_RTO * (1 << connection.tries.min(SYN_ACKS_MAX)));
            connection.tries += 1;
        }
    }

    pub(super) fn at_syn_received(&mut self, flow: Flow, segment: &Segment, now: Duration) {
        let Some(connection) = self.connections.get_mut(&order(flow)) else { return };
        if segment.flags.rst {
            self.connections.remove(&order(flow));
        } else if segment.flags == Flags::SYN {
            let clock = self.clock.tsval(flow, now);
            let again = connection.segment(Flags::SYN_ACK, connection.isn, 0, clock);
            self.send(flow, again, now);
        } else if connection.is_acked_by(segment) {
            self.handshake_done(flow, segment, now);
        } else if segment.flags.ack {
            self.reset_answer(flow, segment, now);
        }
    }

    fn handshake_done(&mut self, flow: Flow, segment: &Segment, now: Duration) {
        let (established, bumps) = syn::handle_handshake_ack(&self.profile.sysctls, self.queues());
        for counter in bumps.iter().filter(|counter| *counter != Counter::OutRsts) {
            self.counters.add(counter);
        }
        let Some(connection) = self.connections.get_mut(&order(flow)) else { return };
        match established {
            // A cookie leaves nothing behind that could be reset, or answered again.
            _ if connection.cookie && established != Established::Queued => {
                self.connections.remove(&order(flow));
            }
            Established::Forgotten => {}
            Established::Reset => {
                self.connections.remove(&order(flow));
                self.reset_answer(flow, segment, now);
            }
            Established::Queued => {
                connection.state = State::Established;
                connection.timer = None;
                connection.saw_tsval(segment, now);
                connection.unread += u32::from(segment.len);
                connection.rcv_nxt = segment.end_seq();
                self.listener.iter_mut().for_each(|listener| listener.accept_queue.push_back(flow));
            }
        }
    }
}
