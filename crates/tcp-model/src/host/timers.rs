//! What happens by time alone: SYNs and SYN-ACKs again, orphans, the end of mini-sockets.

use super::listener::SYN_ACKS_MAX;
use super::{CallError, Host, State, flow_of, order};
use crate::counter::Counter;
use crate::decide::clock::Flow;
use crate::decide::close::{Counted, tw_counted};
use crate::decide::time_wait::Substate;
use crate::decide::{TIME_WAIT_LEN, client};
use crate::segment::Flags;
use core::time::Duration;

impl Host {
    /// When something happens next.
    pub(crate) fn next_timer(&self) -> Option<Duration> {
        let connections = self.connections.values().filter_map(|connection| connection.timer);
        connections.chain(self.minis.values().map(|mini| mini.tw.expires)).min()
    }

    /// Does what is due at `now`, in order.
    pub fn handle_timers(&mut self, now: Duration) {
        while let Some(at) = self.next_timer().filter(|at| *at <= now) {
            self.end_minis(at);
            let due = |timer: Option<Duration>| timer.is_some_and(|timer| timer <= at);
            let fired =
                self.connections.iter().find(|(_, connection)| due(connection.timer)).map(|(key, _)| flow_of(*key));
            fired.into_iter().for_each(|flow| self.fire(flow, at));
        }
    }

    fn end_minis(&mut self, now: Duration) {
        let before = self.minis.len();
        self.minis.retain(|_, mini| !mini.tw.is_over(now));
        if tw_counted(self.profile.version) == Counted::AtExpiry {
            (self.minis.len()..before).for_each(|_| self.counters.add(Counter::Tw));
        }
    }

    fn fire(&mut self, flow: Flow, now: Duration) {
        let Some(connection) = self.connections.get_mut(&order(flow)) else { return };
        connection.timer = None;
        match connection.state {
            State::SynSent => self.syn_again(flow, now),
            State::SynReceived => self.syn_ack_again(flow, now),
            State::FinWait2 => self.make_mini(flow, Substate::FinWait2, TIME_WAIT_LEN, now),
            _ => {}
        }
    }

    fn syn_again(&mut self, flow: Flow, now: Duration) {
        let profile = self.profile;
        let Some(connection) = self.connections.get_mut(&order(flow)) else { return };
        if connection.tries >= client::syns_max(profile.version, &profile.sysctls) {
            return self.fail_connect(flow, CallError::TimedOut);
        }
        connection.tries += 1;
        connection.timer = Some(now + client::interval(profile.version, &profile.sysctls, connection.tries));
        let syn = connection.segment(Flags::SYN, connection.isn, 0, self.clock.tsval(flow, now));
        self.counters.add(Counter::SynRetrans);
        self.send(flow, syn, now);
    }

    fn syn_ack_again(&mut self, flow: Flow, now: Duration) {
        let Some(connection) = self.connections.get(&order(flow)) else { return };
        if connection.tries >= SYN_ACKS_MAX {
            self.connections.remove(&order(flow));
            return;
        }
        let again = connection.segment(Flags::SYN_ACK, connection.isn, 0, self.clock.tsval(flow, now));
        self.counters.add(Counter::SynRetrans);
        self.send(flow, again, now);
        self.arm_syn_ack(flow, now);
    }
}
