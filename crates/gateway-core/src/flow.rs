//! One translated connection: its addresses, its state, and when it is forgotten.

use core::net::SocketAddrV4;
use core::time::Duration;
use packet::{Flags, Segment};

/// What is remembered of a connection's ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Tuple {
    /// Number of the inside link.
    pub link: usize,
    /// The inside end.
    pub inside: SocketAddrV4,
    /// The port it has outside, on the public address.
    pub public_port: u16,
    /// The far end.
    pub remote: SocketAddrV4,
}

/// How far a connection is, as much as its time-outs need.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FlowState {
    /// A SYN went out.
    Opening,
    /// It was answered.
    Open,
    /// One side sent FIN.
    Closing,
    /// Both sides did.
    TimeWait,
    /// RST.
    Closed,
}

impl FlowState {
    /// May the same inside end start anew with a SYN, or a Linux >= 6.5 NAT give the port to another?
    pub(crate) fn is_over(self) -> bool {
        matches!(self, Self::TimeWait | Self::Closed)
    }
}

/// When a flow is forgotten after its last segment, by state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// [`FlowState::Opening`].
    pub opening: Duration,
    /// [`FlowState::Open`].
    pub open: Duration,
    /// [`FlowState::Closing`].
    pub closing: Duration,
    /// [`FlowState::TimeWait`].
    pub time_wait: Duration,
    /// [`FlowState::Closed`].
    pub closed: Duration,
}

impl Timeouts {
    /// `nf_conntrack_tcp_timeout_*` as Linux ships them (net/netfilter/nf_conntrack_proto_tcp.c).
    pub const LINUX: Self = Self {
        opening: Duration::from_secs(120),
        open: Duration::from_secs(5 * 24 * 60 * 60),
        closing: Duration::from_secs(120),
        time_wait: Duration::from_secs(120),
        closed: Duration::from_secs(10),
    };

    fn of(&self, state: FlowState) -> Duration {
        match state {
            FlowState::Opening => self.opening,
            FlowState::Open => self.open,
            FlowState::Closing => self.closing,
            FlowState::TimeWait => self.time_wait,
            FlowState::Closed => self.closed,
        }
    }
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Flow {
    pub(crate) tuple: Tuple,
    pub(crate) state: FlowState,
    /// Sequence number of the SYN that made it.
    pub(crate) isn: u32,
    fin_from_inside: bool,
    fin_from_outside: bool,
    expires: Duration,
}

impl Flow {
    /// A flow that `syn` opens.
    pub(crate) fn open(now: Duration, tuple: Tuple, syn: &Segment<'_>, timeouts: &Timeouts) -> Self {
        let mut flow = Self {
            tuple,
            state: FlowState::Opening,
            isn: syn.seq,
            fin_from_inside: false,
            fin_from_outside: false,
            expires: now,
        };
        flow.touch(now, timeouts);
        flow
    }

    pub(crate) fn is_expired(&self, now: Duration) -> bool {
        now >= self.expires
    }

    /// Takes note of a segment that passes.
    pub(crate) fn handle_segment(&mut self, now: Duration, outward: bool, flags: Flags, timeouts: &Timeouts) {
        if outward && flags.is_opening() && self.state.is_over() {
            // The same inside end starts anew: Linux deletes the entry and makes it again, with the same
            // port (nf_conntrack_tcp_packet(), TCP_CONNTRACK_TIME_WAIT on SYN).
            (self.fin_from_inside, self.fin_from_outside) = (false, false);
            self.state = FlowState::Opening;
        } else {
            self.advance(outward, flags);
        }
        self.touch(now, timeouts);
    }

    fn advance(&mut self, outward: bool, flags: Flags) {
        if flags.contains(Flags::FIN) {
            *(if outward { &mut self.fin_from_inside } else { &mut self.fin_from_outside }) = true;
        }
        self.state = match (self.fin_from_inside, self.fin_from_outside) {
            _ if flags.contains(Flags::RST) => FlowState::Closed,
            _ if self.state == FlowState::Closed => FlowState::Closed,
            (true, true) => FlowState::TimeWait,
            (true, false) | (false, true) => FlowState::Closing,
            (false, false) if self.state == FlowState::Opening && !flags.contains(Flags::SYN | Flags::ACK) => {
                FlowState::Opening
            }
            (false, false) => FlowState::Open,
        };
    }

    fn touch(&mut self, now: Duration, timeouts: &Timeouts) {
        self.expires = now + timeouts.of(self.state);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::net::Ipv4Addr;
    use packet::Options;

    const SYN_ACK: Flags = Flags(0x12);
    const FIN_ACK: Flags = Flags(0x11);

    fn flow() -> Flow {
        let end = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 1);
        let tuple = Tuple { link: 0, inside: end, public_port: 1, remote: end };
        let options = Options::default();
        let syn = Segment { from: end, to: end, seq: 7, ack: 0, flags: Flags::SYN, window: 1, options, payload: b"" };
        Flow::open(Duration::ZERO, tuple, &syn, &Timeouts::LINUX)
    }

    /// `>` outward, `<` inward.
    fn check(segments: &[(char, Flags)], expect: FlowState) {
        let mut flow = flow();
        for (direction, flags) in segments {
            flow.handle_segment(Duration::ZERO, *direction == '>', *flags, &Timeouts::LINUX);
        }
        assert_eq!(flow.state, expect, "{segments:?}");
        let timeout = Timeouts::LINUX.of(expect);
        assert!(flow.is_expired(timeout) && !flow.is_expired(timeout - Duration::from_nanos(1)), "{segments:?}");
    }

    #[test]
    fn states_follow_the_segments() {
        check(&[], FlowState::Opening);
        check(&[('>', Flags::SYN)], FlowState::Opening);
        check(&[('<', Flags::ACK)], FlowState::Opening); // TIME_WAIT answers a SYN
        check(&[('<', SYN_ACK)], FlowState::Open);
        check(&[('<', SYN_ACK), ('<', FIN_ACK)], FlowState::Closing);
        check(&[('<', SYN_ACK), ('>', FIN_ACK)], FlowState::Closing);
        check(&[('<', SYN_ACK), ('>', FIN_ACK), ('<', FIN_ACK), ('>', Flags::ACK)], FlowState::TimeWait);
        check(&[('<', SYN_ACK), ('>', Flags::RST)], FlowState::Closed);
        check(&[('<', Flags::ACK), ('>', Flags::RST), ('>', Flags::SYN)], FlowState::Opening);
        check(&[('<', SYN_ACK), ('>', FIN_ACK), ('<', FIN_ACK), ('>', Flags::SYN)], FlowState::Opening);
    }
}
