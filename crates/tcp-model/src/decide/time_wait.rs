//! A segment arrives for a 4-tuple that is in TIME_WAIT, or in FIN_WAIT2 as a mini-socket.
//!
//! ```text
//!   paws  = the segment's TSval is behind the last one seen, and that is not too long ago
//!
//!   FIN_WAIT2    paws, or out of window ........ ACK (rate-limited)
//!                RST ........................... end
//!                SYN, or data, or a FIN early .. RST, end
//!                FIN in order .................. TIME_WAIT, 60 s, ACK
//!   TIME_WAIT    in order: RST ................. end, unless tcp_rfc1337
//!                in order: empty ............... 60 s again
//!                new SYN ....................... end; on to the listener
//!                anything else ................. 60 s again if paws or ACK; ACK (rate-limited), none for RST
//! ```

use super::TIME_WAIT_LEN;
use crate::counter::{Bumps, Counter};
use crate::segment::Segment;
use crate::seq::{after, ahead, before};
use crate::source::{Certainty, Source};
use crate::sysctls::Sysctls;
use crate::version::{Version, VersionRange};
use core::time::Duration;

/// Where this is from.
pub(crate) const SOURCES: &[Source] = &[
    Source {
        decision: "a segment in TIME_WAIT or FIN_WAIT2",
        function: "tcp_timewait_state_process",
        versions: VersionRange::ALL,
        reference: "source of 2.6.32, 4.18 and 6.18; RFC 9293 3.10.7.4, RFC 6191, RFC 1337",
        certainty: Certainty::Tried,
    },
    Source {
        decision: "at most one ACK per 500 ms to segments out of window",
        function: "tcp_timewait_check_oow_rate_limit",
        versions: VersionRange::from(Version::new(4, 0)),
        reference: "4fb17a609167",
        certainty: Certainty::Tried,
    },
    Source {
        decision: "PAWS forgets after 2147 s instead of 24 days",
        function: "tcp_paws_check",
        versions: VersionRange::from(Version::new(6, 7)),
        reference: "af7721448a60",
        certainty: Certainty::Documented,
    },
    Source {
        decision: "PAWS lets pass what follows a TSval of 0",
        function: "tcp_paws_check",
        versions: VersionRange::from(Version::old(38)),
        reference: "bc2ce894e113; absent in 2.6.32, there in 3.13; the first version is remembered",
        certainty: Certainty::Remembered,
    },
    Source {
        decision: "an RST ignored for tcp_rfc1337 no longer starts the 60 s again",
        function: "tcp_timewait_state_process",
        versions: VersionRange::from(Version::new(4, 19)),
        reference: "63cc357f7bba; rearms in 4.18, does not in 6.18, the first version is remembered",
        certainty: Certainty::Remembered,
    },
];

/// Seconds after which an RST is no longer held to PAWS (TCP_PAWS_MSL).
const PAWS_MSL: Duration = Duration::from_secs(60);

/// Distance between the old connection's last sequence number and the ISN of the one that takes over.
pub(crate) const TAKEOVER_ISN_AHEAD: u32 = 65_537;

/// Which state a mini-socket stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Substate {
    /// The peer has not closed yet.
    FinWait2,
    /// Both sides have closed.
    TimeWait,
}

/// The last timestamp the peer sent on the connection, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recent {
    /// TSval.
    pub val: u32,
    /// When it came.
    pub at: Duration,
}

/// A mini-socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeWait {
    /// Which state it stands for.
    pub substate: Substate,
    /// Next sequence number expected from the peer.
    pub rcv_nxt: u32,
    /// Next sequence number of our own.
    pub snd_nxt: u32,
    /// Receive window, in bytes.
    pub rcv_wnd: u32,
    /// `None` when timestamps were not negotiated.
    pub recent: Option<Recent>,
    /// When TIME_WAIT (or, in FIN_WAIT2, the mini-socket) began.
    pub since: Duration,
    /// When it ends.
    pub expires: Duration,
    /// How long TIME_WAIT lasts once the peer's FIN ends FIN_WAIT2: 60 s but for tcp_tw_recycle.
    pub after_fin: Duration,
    /// When it last answered a segment out of window.
    pub last_ack: Option<Duration>,
}

/// What is sent back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Nothing.
    Silence,
    /// An ACK with our sequence numbers and, if negotiated, the last TSval as TSecr.
    Ack,
    /// An RST.
    Reset,
}

/// What becomes of the mini-socket and the segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The mini-socket stays, possibly changed.
    Stays(Answer),
    /// It ends.
    Ends(Answer),
    /// It ends and the SYN goes on to the listener, which uses this ISN. Without a listener it stays and sends an ACK.
    TakenOver {
        /// Initial sequence number of the new connection.
        isn: u32,
    },
}

/// A verdict and the counters that go with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// What happens.
    pub verdict: Verdict,
    /// Counters bumped.
    pub bumps: Bumps,
}

impl Outcome {
    const fn of(verdict: Verdict) -> Self {
        Self { verdict, bumps: Bumps::NONE }
    }
}

impl TimeWait {
    /// Handles `segment`; the mini-socket's own state is changed here, its end is told by the verdict.
    pub fn handle_segment(&mut self, version: Version, sysctls: &Sysctls, segment: &Segment, now: Duration) -> Outcome {
        let tsval = self.tsval(segment);
        let paws = self.is_old(version, tsval, segment.flags.rst, now);
        match self.substate {
            Substate::FinWait2 => self.in_fin_wait_2(version, sysctls, segment, (tsval, paws), now),
            Substate::TimeWait => self.in_time_wait(version, sysctls, segment, (tsval, paws), now),
        }
    }

    /// Is it over by time?
    pub fn is_over(&self, now: Duration) -> bool {
        now >= self.expires
    }

    /// The ACK it answers with; `clock` is our TSval now.
    pub fn ack(&self, clock: u32) -> Segment {
        let ack = Segment::new(crate::segment::Flags::ACK, self.snd_nxt, self.rcv_nxt);
        match self.recent {
            Some(recent) => ack.stamped(clock, recent.val),
            None => ack,
        }
    }

    fn in_fin_wait_2(
        &mut self,
        version: Version,
        sysctls: &Sysctls,
        segment: &Segment,
        (tsval, paws): (Option<u32>, bool),
        now: Duration,
    ) -> Outcome {
        let new = after(segment.end_seq(), self.rcv_nxt) && segment.end_seq() != segment.seq;
        if paws || !self.in_window(segment) {
            self.limited_ack(version, sysctls, Counter::AckSkippedFinWait2, now)
        } else if segment.flags.rst {
            Outcome::of(Verdict::Ends(Answer::Silence))
        } else if segment.flags.syn && !before(segment.seq, self.rcv_nxt) {
            Outcome { verdict: Verdict::Ends(Answer::Reset), bumps: Bumps::of(Counter::OutRsts) }
        } else if !segment.flags.ack || !new {
            Outcome::of(Verdict::Stays(Answer::Silence))
        } else if !segment.flags.fin || segment.end_seq() != self.rcv_nxt.wrapping_add(1) {
            Outcome { verdict: Verdict::Ends(Answer::Reset), bumps: Bumps::of(Counter::OutRsts) }
        } else {
            self.enter_time_wait(segment, tsval, now)
        }
    }

    fn enter_time_wait(&mut self, segment: &Segment, tsval: Option<u32>, now: Duration) -> Outcome {
        self.substate = Substate::TimeWait;
        self.rcv_nxt = segment.end_seq();
        self.since = now;
        self.remember(tsval, now);
        self.expires = now + self.after_fin;
        Outcome::of(Verdict::Stays(Answer::Ack))
    }

    fn in_time_wait(
        &mut self,
        version: Version,
        sysctls: &Sysctls,
        segment: &Segment,
        (tsval, paws): (Option<u32>, bool),
        now: Duration,
    ) -> Outcome {
        let flags = segment.flags;
        if !paws && segment.seq == self.rcv_nxt && (segment.end_seq() == segment.seq || flags.rst) {
            return self.in_order(version, sysctls, flags.rst, tsval, now);
        }
        if flags == crate::segment::Flags::SYN && !paws && (after(segment.seq, self.rcv_nxt) || self.is_newer(tsval)) {
            return Outcome::of(Verdict::TakenOver { isn: self.takeover_isn() });
        }
        let rejected = if paws { Bumps::of(Counter::paws_in_time_wait(version)) } else { Bumps::NONE };
        if flags.rst {
            return Outcome { verdict: Verdict::Stays(Answer::Silence), bumps: rejected };
        }
        // A SYN without ACK may be an old duplicate or a new one with a low random ISN: not rearmed for the latter.
        if paws || flags.ack {
            self.rearm(now);
        }
        let ack = self.limited_ack(version, sysctls, Counter::AckSkippedTimeWait, now);
        Outcome { bumps: ack.bumps.join(rejected), ..ack }
    }

    fn in_order(
        &mut self,
        version: Version,
        sysctls: &Sysctls,
        rst: bool,
        tsval: Option<u32>,
        now: Duration,
    ) -> Outcome {
        if rst && !sysctls.tcp_rfc1337 {
            return Outcome::of(Verdict::Ends(Answer::Silence));
        }
        if !rst || !version.at_least(4, 19) {
            self.rearm(now);
        }
        self.remember(tsval, now);
        Outcome::of(Verdict::Stays(Answer::Silence))
    }

    /// The ISN of a connection that takes over: ahead of anything the old one sent, and never 0.
    pub(crate) fn takeover_isn(&self) -> u32 {
        self.snd_nxt.wrapping_add(TAKEOVER_ISN_AHEAD).max(1)
    }

    fn limited_ack(&mut self, version: Version, sysctls: &Sysctls, skipped: Counter, now: Duration) -> Outcome {
        let limit = Duration::from_millis(u64::from(sysctls.tcp_invalid_ratelimit_ms));
        if version.at_least(4, 0) {
            if self.last_ack.is_some_and(|last| now < last + limit) {
                return Outcome { verdict: Verdict::Stays(Answer::Silence), bumps: Bumps::of(skipped) };
            }
            self.last_ack = Some(now);
        }
        Outcome::of(Verdict::Stays(Answer::Ack))
    }

    /// The segment's TSval, looked at only where timestamps had been negotiated.
    fn tsval(&self, segment: &Segment) -> Option<u32> {
        self.recent.and(segment.timestamp).map(|ts| ts.val)
    }

    /// PAWS (RFC 7323, 5.3) with a window of 0.
    fn is_old(&self, version: Version, tsval: Option<u32>, rst: bool, now: Duration) -> bool {
        let (Some(recent), Some(tsval)) = (self.recent, tsval) else { return false };
        let zero_passes = version >= Version::old(38);
        ahead(recent.val, tsval) > 0
            && now < recent.at + paws_memory(version)
            && !(zero_passes && recent.val == 0)
            && !(rst && now >= recent.at + PAWS_MSL)
    }

    fn is_newer(&self, tsval: Option<u32>) -> bool {
        matches!((self.recent, tsval), (Some(recent), Some(tsval)) if ahead(recent.val, tsval) < 0)
    }

    fn in_window(&self, segment: &Segment) -> bool {
        let end = self.rcv_nxt.wrapping_add(self.rcv_wnd);
        segment.seq == self.rcv_nxt
            || (after(segment.end_seq(), self.rcv_nxt) && before(segment.seq, end))
            || (segment.seq == end && segment.seq == segment.end_seq())
    }

    fn remember(&mut self, tsval: Option<u32>, now: Duration) {
        if let Some(val) = tsval {
            self.recent = Some(Recent { val, at: now });
        }
    }

    fn rearm(&mut self, now: Duration) {
        self.expires = now + TIME_WAIT_LEN;
    }
}

/// How long a TSval counts: 24 days, or since 6.7 the 2147 s after which a microsecond clock has half wrapped.
pub(crate) fn paws_memory(version: Version) -> Duration {
    if version.at_least(6, 7) { Duration::from_secs(2147) } else { Duration::from_secs(24 * 86_400) }
}

#[cfg(test)]
mod tests;
