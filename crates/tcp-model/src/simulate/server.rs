//! The server: its TIME_WAITs, tcp_tw_recycle's memory, and what it does with a SYN.

use super::output::Cause;
use super::random::FastMap;
use crate::counter::Counter;
use crate::decide::close;
use crate::decide::recycle::{self, Peer, RTO_MIN, Why};
use crate::decide::time_wait::{Answer, Recent, Substate, TimeWait, Verdict};
use crate::segment::{Flags, Segment};
use crate::seq::ahead;
use crate::sysctls::Sysctls;
use crate::version::Version;
use core::time::Duration;
use std::collections::VecDeque;

/// Where a SYN comes from, as the server sees it: address above port.
pub(super) type Tuple = u64;

/// A 4-tuple of the server's, as a key.
pub(super) fn tuple(address: u32, port: u16) -> Tuple {
    u64::from(address) << 16 | u64::from(port)
}

/// What the server does with a SYN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reply {
    /// It answers by a SYN-ACK; `taken_over` when a TIME_WAIT gave way.
    Accepted { taken_over: bool },
    /// Nothing.
    Silence(Cause),
    /// TIME_WAIT's ACK acknowledges this number.
    Challenge { ack: u32, why: Cause },
}

/// A server.
#[derive(Clone, Debug)]
pub(super) struct Server {
    version: Version,
    sysctls: Sysctls,
    time_waits: FastMap<TimeWait>,
    /// Ends in order; an item whose TIME_WAIT was armed again goes to the back.
    ending: VecDeque<(Duration, Tuple)>,
    remembered: FastMap<Peer>,
    pub(super) overflows: u64,
}

impl Server {
    pub(super) fn new(version: Version, sysctls: Sysctls) -> Self {
        Self {
            version,
            sysctls,
            time_waits: FastMap::default(),
            ending: VecDeque::new(),
            remembered: FastMap::default(),
            overflows: 0,
        }
    }

    pub(super) fn time_waits(&self) -> u64 {
        self.time_waits.len() as u64
    }

    /// A SYN arrives.
    pub(super) fn handle_syn(&mut self, from: Tuple, syn: &Segment, now: Duration) -> Reply {
        self.expire(now);
        let Some(tw) = self.time_waits.get_mut(&from) else { return self.without_time_wait(from, syn, now) };
        let before = *tw;
        let verdict = tw.handle_segment(self.version, &self.sysctls, syn, now).verdict;
        let why = if is_behind(&before, syn) { Cause::TimeWaitOlderTimestamp } else { Cause::TimeWaitLowerSequence };
        let ack = tw.rcv_nxt;
        match verdict {
            Verdict::Stays(Answer::Ack) => Reply::Challenge { ack, why },
            Verdict::Stays(_) => Reply::Silence(Cause::TimeWaitRateLimit),
            Verdict::Ends(_) => Reply::Silence(why),
            Verdict::TakenOver { .. } => {
                self.time_waits.remove(&from);
                Reply::Accepted { taken_over: true }
            }
        }
    }

    fn without_time_wait(&self, from: Tuple, syn: &Segment, now: Duration) -> Reply {
        let peer = self.remembered.get(&(from >> 16)).copied();
        match recycle::handle_syn(self.version, &self.sysctls, peer, syn.timestamp.map(|ts| ts.val), now) {
            recycle::Verdict::Passes => Reply::Accepted { taken_over: false },
            recycle::Verdict::Dropped(Why::OlderTimestamp) => Reply::Silence(Cause::RecycleOlderTimestamp),
            recycle::Verdict::Dropped(Why::NoTimestamp) => Reply::Silence(Cause::RecycleNoTimestamp),
        }
    }

    /// The RST that answers a challenge arrives; did it end TIME_WAIT?
    pub(super) fn handle_reset(&mut self, from: Tuple, ack: u32, now: Duration) -> bool {
        let Some(tw) = self.time_waits.get_mut(&from) else { return true };
        let reset = Segment::new(Flags::RST, ack, 0);
        let outcome = tw.handle_segment(self.version, &self.sysctls, &reset, now);
        let ended = matches!(outcome.verdict, Verdict::Ends(_));
        if ended {
            self.time_waits.remove(&from);
        }
        ended
    }

    /// The server closed first: TIME_WAIT begins, unless there are too many. `last` is the client's last segment, from
    /// which sequence number and TSval are kept.
    pub(super) fn enter_time_wait(&mut self, from: Tuple, last: &Segment, snd_nxt: u32, now: Duration) {
        self.expire(now);
        let recent =
            last.timestamp.filter(|_| self.sysctls.tcp_timestamps > 0).map(|ts| Recent { val: ts.val, at: now });
        let address = from >> 16;
        let peer = recent.map(|recent| Peer { tsval: recent.val, stamp: now });
        let known = self.remembered.get(&address).copied();
        if let Some(peer) = recycle::remember(self.version, &self.sysctls, known, peer, now) {
            self.remembered.insert(address, peer);
        }
        if close::admit(&self.sysctls, self.time_waits.len() as u32)
            .is_err_and(|bumps| bumps.has(Counter::TimeWaitOverflow))
        {
            self.overflows += 1;
            return;
        }
        let lasts = close::time_wait(self.version, &self.sysctls, recent.is_some(), RTO_MIN);
        let tw = TimeWait {
            substate: Substate::TimeWait,
            rcv_nxt: last.end_seq(),
            snd_nxt,
            rcv_wnd: 65_535,
            recent,
            since: now,
            expires: now + lasts,
            after_fin: lasts,
            last_ack: None,
        };
        self.time_waits.insert(from, tw);
        self.ending.push_back((tw.expires, from));
    }

    fn expire(&mut self, now: Duration) {
        while let Some((_, from)) = self.ending.pop_front_if(|(at, _)| *at <= now) {
            match self.time_waits.get(&from).map(|tw| tw.expires) {
                Some(expires) if expires <= now => drop(self.time_waits.remove(&from)),
                // Armed again meanwhile. The queue stays nearly in order: what is armed again lasts 60 s too.
                Some(expires) => self.ending.push_back((expires, from)),
                None => {}
            }
        }
    }
}

fn is_behind(tw: &TimeWait, syn: &Segment) -> bool {
    matches!((tw.recent, syn.timestamp), (Some(recent), Some(ts)) if ahead(recent.val, ts.val) > 0)
}
