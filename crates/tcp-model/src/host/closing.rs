//! The end of a connection: close, shutdown, reset, and what is left behind.

use super::{Host, SocketId, State, order};
use crate::counter::Counter;
use crate::decide::clock::Flow;
use crate::decide::close::{self, Closing, Orphan, Sent};
use crate::decide::recycle::RTO_MIN;
use crate::decide::time_wait::Substate;
use crate::segment::{Flags, Segment};
use core::time::Duration;

/// What the peer's FIN does to a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FinEnd {
    Stays(State),
    TimeWait,
}

impl Host {
    /// `close()`; with `linger_zero` SO_LINGER has time 0.
    pub fn close(&mut self, socket: SocketId, linger_zero: bool, now: Duration) {
        self.handle_timers(now);
        let Some(flow) = self.sockets[socket.0].flow.take() else {
            self.sockets[socket.0].port = None;
            return;
        };
        let Some(connection) = self.connections.get_mut(&order(flow)) else { return };
        connection.owner = None;
        connection.orphan = true;
        if connection.state == State::SynSent {
            self.connections.remove(&order(flow));
            return;
        }
        match close::close(Closing { unread: connection.unread > 0, linger_zero }) {
            Sent::Fin => self.send_fin(flow, now),
            Sent::Reset(counter) => {
                self.counters.add(counter);
                self.send_on(flow, Flags::RST_ACK, 0, now);
                self.connections.remove(&order(flow));
            }
        }
    }

    /// `shutdown(SHUT_WR)`.
    pub fn shutdown(&mut self, socket: SocketId, now: Duration) {
        if let Some(flow) = self.sockets[socket.0].flow {
            self.send_fin(flow, now);
        }
    }

    fn send_fin(&mut self, flow: Flow, now: Duration) {
        let Some(connection) = self.connections.get_mut(&order(flow)) else { return };
        connection.state = match connection.state {
            State::Established | State::SynReceived => State::FinWait1,
            State::CloseWait => State::LastAck,
            // After a shutdown: the FIN is out already; without an owner FIN_WAIT2 gets its limit.
            State::FinWait2 => return self.orphan_waits(flow, now),
            _ => return,
        };
        self.send_on(flow, Flags::FIN_ACK, 0, now);
    }

    /// `segment` acknowledges everything of ours; it may carry the peer's FIN.
    pub(super) fn fin_acked(&mut self, flow: Flow, segment: &Segment, now: Duration) {
        let Some(connection) = self.connections.get_mut(&order(flow)) else { return };
        match connection.state {
            State::FinWait1 if connection.orphan && connection.linger2_s < 0 => {
                self.counters.add(Counter::AbortOnData);
                self.connections.remove(&order(flow));
                self.reset_answer(flow, segment, now);
            }
            State::FinWait1 => {
                connection.state = State::FinWait2;
                if connection.orphan && !segment.flags.fin {
                    self.orphan_waits(flow, now);
                }
            }
            State::Closing => self.make_mini(flow, Substate::TimeWait, Duration::ZERO, now),
            State::LastAck => {
                self.connections.remove(&order(flow));
            }
            _ => {}
        }
    }

    fn orphan_waits(&mut self, flow: Flow, now: Duration) {
        let sysctls = self.profile.sysctls;
        let Some(connection) = self.connections.get_mut(&order(flow)) else { return };
        match close::orphan(&sysctls, connection.linger2_s, RTO_MIN) {
            Orphan::Reset => {
                self.counters.add(Counter::AbortOnLinger);
                self.send_on(flow, Flags::RST_ACK, 0, now);
                self.connections.remove(&order(flow));
            }
            Orphan::MiniSocket(lasts) => self.make_mini(flow, Substate::FinWait2, lasts, now),
            Orphan::Socket(first, _) => connection.timer = Some(now + first),
        }
    }
}
