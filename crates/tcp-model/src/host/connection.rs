//! One connection: its state and its sequence numbers.

use super::SocketId;
use crate::decide::time_wait::{Recent, Substate, TimeWait};
use crate::segment::{Flags, Segment};
use crate::seq::{after, ahead};
use core::time::Duration;

/// Receive window that a host offers, in bytes.
pub(super) const WINDOW: u32 = 65_535;

/// TCP's states, without LISTEN, TIME_WAIT and CLOSED.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Our SYN is out.
    SynSent,
    /// Our SYN-ACK is out.
    SynReceived,
    /// Open.
    Established,
    /// Our FIN is out.
    FinWait1,
    /// Our FIN is acknowledged.
    FinWait2,
    /// Both FINs are out, ours is not acknowledged.
    Closing,
    /// The peer has closed.
    CloseWait,
    /// Both have closed, our FIN is not acknowledged.
    LastAck,
}

/// A connection.
#[derive(Clone, Copy, Debug)]
pub struct Connection {
    /// Its state.
    pub state: State,
    /// Next sequence number of our own.
    pub snd_nxt: u32,
    /// Next sequence number expected.
    pub rcv_nxt: u32,
    /// Our initial sequence number.
    pub isn: u32,
    /// The peer's last TSval; `None` when timestamps were not negotiated.
    pub recent: Option<Recent>,
    /// Do we offer, or use, timestamps?
    pub stamped: bool,
    /// Bytes nobody read.
    pub unread: u32,
    /// The socket that owns it; `None` when it waits for accept() or is an orphan.
    pub owner: Option<SocketId>,
    /// Closed by its application.
    pub orphan: bool,
    /// TCP_LINGER2, in seconds; 0 when not set.
    pub linger2_s: i32,
    /// Was the port bound explicitly?
    pub bound: bool,
    /// SO_REUSEADDR.
    pub reuse_address: bool,
    /// SYNs or SYN-ACKs sent.
    pub tries: u32,
    /// Our SYN-ACK was a cookie: the kernel keeps nothing until the ACK comes.
    pub cookie: bool,
    /// When its timer fires.
    pub timer: Option<Duration>,
    /// When it last answered a segment out of window.
    pub last_ack: Option<Duration>,
}

impl Connection {
    pub(super) fn new(state: State, isn: u32) -> Self {
        Self {
            state,
            snd_nxt: isn,
            rcv_nxt: 0,
            isn,
            recent: None,
            stamped: false,
            unread: 0,
            owner: None,
            orphan: false,
            linger2_s: 0,
            bound: false,
            reuse_address: false,
            tries: 0,
            cookie: false,
            timer: None,
            last_ack: None,
        }
    }

    /// The next segment; SYN, data and FIN move `snd_nxt`.
    pub(super) fn next_segment(&mut self, flags: Flags, len: u16, clock: u32) -> Segment {
        let segment = self.segment(flags, self.snd_nxt, len, clock);
        if after(segment.end_seq(), self.snd_nxt) {
            self.snd_nxt = segment.end_seq();
        }
        segment
    }

    /// A segment at `seq`, for what is sent again.
    pub(super) fn segment(&self, flags: Flags, seq: u32, len: u16, clock: u32) -> Segment {
        let ack = if flags.ack { self.rcv_nxt } else { 0 };
        let segment = Segment::new(flags, seq, ack).with_len(len);
        match self.stamped {
            true => segment.stamped(clock, self.recent.map_or(0, |recent| recent.val)),
            false => segment,
        }
    }

    /// Is every byte and FIN of ours acknowledged by `segment`?
    pub(super) fn is_acked_by(&self, segment: &Segment) -> bool {
        segment.flags.ack && segment.ack == self.snd_nxt
    }

    /// Takes the segment's TSval over if it is not older.
    pub(super) fn saw_tsval(&mut self, segment: &Segment, now: Duration) {
        if let (Some(recent), Some(ts)) = (&mut self.recent, segment.timestamp)
            && ahead(ts.val, recent.val) >= 0
        {
            *recent = Recent { val: ts.val, at: now };
        }
    }

    pub(super) fn as_mini(&self, substate: Substate, now: Duration) -> TimeWait {
        TimeWait {
            substate,
            rcv_nxt: self.rcv_nxt,
            snd_nxt: self.snd_nxt,
            rcv_wnd: WINDOW,
            recent: self.recent,
            since: now,
            expires: now,
            after_fin: Duration::ZERO,
            last_ack: None,
        }
    }
}
