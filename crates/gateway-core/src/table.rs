//! The translations in force, found from either side. No two of them share a public 5-tuple.

use crate::choose::Chooser;
use crate::drops::DropReason;
use crate::flow::{Flow, Timeouts, Tuple};
use core::net::SocketAddrV4;
use core::time::Duration;
use packet::Segment;
use std::collections::HashMap;
use tcp_model::decide::nat::{Choice, Holder, Policy};

/// Public port and far end: with the one public address and TCP a 5-tuple.
type PublicKey = (u16, SocketAddrV4);
/// Inside end, with its link, and far end.
type InsideKey = (usize, SocketAddrV4, SocketAddrV4);

/// What opening a flow did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Opened {
    pub(crate) tuple: Tuple,
    /// Another flow lost its port.
    pub(crate) evicted: bool,
}

pub(crate) struct Table {
    policy: Policy,
    timeouts: Timeouts,
    flows_max: usize,
    by_public: HashMap<PublicKey, Flow>,
    by_inside: HashMap<InsideKey, u16>,
    chooser: Chooser,
    /// When each public port was last in use, on the clock of flows touched.
    last_used: Vec<u64>,
    clock: u64,
}

impl Table {
    pub(crate) fn new(policy: Policy, timeouts: Timeouts, flows_max: usize, chooser: Chooser) -> Self {
        Self {
            policy,
            timeouts,
            flows_max,
            by_public: HashMap::new(),
            by_inside: HashMap::new(),
            chooser,
            last_used: vec![0; usize::from(u16::MAX) + 1],
            clock: 0,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.by_public.len()
    }

    /// The flow of a segment from inside, taking note of it.
    pub(crate) fn outward(&mut self, now: Duration, link: usize, segment: &Segment<'_>) -> Option<Tuple> {
        let port = *self.by_inside.get(&(link, segment.from, segment.to))?;
        self.touch(now, (port, segment.to), true, segment)
    }

    /// The flow of a segment from outside, taking note of it.
    pub(crate) fn inward(&mut self, now: Duration, segment: &Segment<'_>) -> Option<Tuple> {
        self.touch(now, (segment.to.port(), segment.from), false, segment)
    }

    /// Makes a flow for a SYN from inside that has none.
    pub(crate) fn open(&mut self, now: Duration, link: usize, syn: &Segment<'_>) -> Result<Opened, DropReason> {
        if self.len() >= self.flows_max {
            self.forget_expired(now);
        }
        if self.len() >= self.flows_max {
            return Err(DropReason::TableFull);
        }
        let Choice { port: public_port, evicted } = self.choose(now, syn).ok_or(DropReason::PortsExhausted)?;
        let tuple = Tuple { link, inside: syn.from, public_port, remote: syn.to };
        // What is there is expired, or gives way.
        self.remove((public_port, syn.to));
        self.by_public.insert((public_port, syn.to), Flow::open(now, tuple, syn, &self.timeouts));
        self.by_inside.insert((link, syn.from, syn.to), public_port);
        self.mark_used(public_port);
        Ok(Opened { tuple, evicted })
    }

    fn touch(&mut self, now: Duration, key: PublicKey, outward: bool, segment: &Segment<'_>) -> Option<Tuple> {
        let flow = self.by_public.get_mut(&key)?;
        if flow.is_expired(now) {
            self.remove(key);
            return None;
        }
        flow.handle_segment(now, outward, segment.flags, &self.timeouts);
        if outward && segment.flags.is_opening() {
            flow.isn = segment.seq;
        }
        let tuple = flow.tuple;
        self.mark_used(tuple.public_port);
        Some(tuple)
    }

    fn choose(&mut self, now: Duration, syn: &Segment<'_>) -> Option<Choice> {
        let holder = |port: u16| match self.by_public.get(&(port, syn.to)) {
            None => Holder::Free,
            Some(flow) if flow.is_expired(now) => Holder::Free,
            Some(flow) if flow.state.is_over() => Holder::Closed { isn: flow.isn },
            Some(_) => Holder::Live,
        };
        let last_used = |port: u16| self.last_used[usize::from(port)];
        self.chooser.choose(self.policy, syn.from.port(), syn.seq, holder, last_used)
    }

    fn mark_used(&mut self, port: u16) {
        self.clock += 1;
        self.last_used[usize::from(port)] = self.clock;
    }

    fn remove(&mut self, key: PublicKey) -> Option<Flow> {
        let flow = self.by_public.remove(&key)?;
        self.by_inside.remove(&(flow.tuple.link, flow.tuple.inside, flow.tuple.remote));
        Some(flow)
    }

    fn forget_expired(&mut self, now: Duration) {
        let expired: Vec<PublicKey> =
            self.by_public.iter().filter(|(_, flow)| flow.is_expired(now)).map(|(key, _)| *key).collect();
        for key in expired {
            self.remove(key);
        }
    }
}
