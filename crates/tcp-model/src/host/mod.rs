//! One host's TCP, as far as ports, TIME_WAIT and timestamps go: the decisions put together, so that a scenario can be
//! run against them. Segments and calls in, segments out; time by `now`.
//!
//! Left out: congestion, retransmission of data and FIN, reordering, options other than timestamps.

mod calls;
mod closing;
mod connection;
mod incoming;
mod listener;
mod ports;
mod timers;

pub use calls::{CallError, Opened, SocketId};
pub use connection::{Connection, State};

use crate::counter::{Counter, Counters};
use crate::decide::clock::{Clock, Flow, Offset};
use crate::decide::recycle;
use crate::decide::time_wait::{Substate, TimeWait};
use crate::segment::{Flags, Segment};
use crate::sysctls::{SysctlError, Sysctls};
use crate::version::Version;
use calls::Socket;
use core::time::Duration;
use std::collections::{BTreeMap, VecDeque};

/// Flows (and remembered peers) one host keeps: a connect beyond them fails as without a port, a SYN is dropped.
pub const FLOWS_MAX: usize = 100_000;

/// What a host is.
#[derive(Clone, Copy, Debug)]
pub struct Profile {
    /// Its kernel.
    pub version: Version,
    /// Its sysctls.
    pub sysctls: Sysctls,
    /// Timer ticks per second (CONFIG_HZ).
    pub hz: u32,
    /// How long it was up when the caller's time began.
    pub uptime: Duration,
    /// The secret behind its hashes.
    pub secret: u64,
}

/// What stands on a flow after the sockets are gone, or instead of one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mini {
    pub(crate) tw: TimeWait,
    /// Was the port bound explicitly?
    pub(crate) bound: bool,
    /// Did the socket have SO_REUSEADDR?
    pub(crate) reuse_address: bool,
}

/// A host.
#[derive(Clone, Debug)]
pub struct Host {
    profile: Profile,
    clock: Clock,
    counters: Counters,
    listener: Option<listener::Listener>,
    connections: BTreeMap<FlowOrder, Connection>,
    minis: BTreeMap<FlowOrder, Mini>,
    sockets: Vec<Socket>,
    remembered: BTreeMap<u32, recycle::Peer>,
    out: VecDeque<(Duration, Flow, Segment)>,
    /// Grows with each port chosen, as the kernel's perturbation does.
    perturbation: u32,
}

/// A flow as a key with an order.
type FlowOrder = (u32, u32, u16, u16);

fn order(flow: Flow) -> FlowOrder {
    (flow.source, flow.destination, flow.source_port, flow.destination_port)
}

fn flow_of((source, destination, source_port, destination_port): FlowOrder) -> Flow {
    Flow { source, destination, source_port, destination_port }
}

impl Host {
    /// A host without sockets.
    pub fn new(profile: Profile) -> Self {
        let clock = Clock::new(profile.version, &profile.sysctls, profile.hz, profile.uptime, profile.secret);
        Self {
            profile,
            clock,
            counters: Counters::default(),
            listener: None,
            connections: BTreeMap::new(),
            minis: BTreeMap::new(),
            sockets: Vec::new(),
            remembered: BTreeMap::new(),
            out: VecDeque::new(),
            perturbation: 0,
        }
    }

    /// Changes a sysctl while it runs.
    pub(crate) fn set_sysctl(&mut self, name: &str, value: &str) -> Result<(), SysctlError> {
        self.profile.sysctls.set(self.profile.version, name, value)?;
        self.clock.offset = Offset::of(self.profile.version, &self.profile.sysctls);
        Ok(())
    }

    /// Its counters since it was made.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// The next segment it sends, with the time it left.
    pub fn poll_transmit(&mut self) -> Option<(Duration, Flow, Segment)> {
        self.out.pop_front()
    }

    /// The mini-socket on `flow`, if one is left at `now`.
    pub(crate) fn mini(&self, flow: Flow, now: Duration) -> Option<&TimeWait> {
        self.minis.get(&order(flow)).map(|mini| &mini.tw).filter(|tw| !tw.is_over(now))
    }

    /// The connection on `flow`, if there is one.
    pub fn connection(&self, flow: Flow) -> Option<&Connection> {
        self.connections.get(&order(flow))
    }

    fn send(&mut self, flow: Flow, segment: Segment, now: Duration) {
        if segment.flags.rst {
            self.counters.add(Counter::OutRsts);
        }
        self.out.push_back((now, flow, segment));
    }

    /// A segment of a connection: stamped if timestamps were negotiated, with what was last seen as the echo.
    fn send_on(&mut self, flow: Flow, flags: Flags, len: u16, now: Duration) {
        let Some(connection) = self.connections.get_mut(&order(flow)) else { return };
        let clock = self.clock.tsval(flow, now);
        let segment = connection.next_segment(flags, len, clock);
        self.send(flow, segment, now);
    }

    /// Turns a closed connection into a mini-socket, unless there are too many, and remembers its peer.
    fn make_mini(&mut self, flow: Flow, substate: Substate, lasts: Duration, now: Duration) {
        let Some(connection) = self.connections.remove(&order(flow)) else { return };
        let profile = self.profile;
        let held = self.minis.values().filter(|mini| !mini.tw.is_over(now)).count() as u32;
        if let Err(bumps) = crate::decide::close::admit(&profile.sysctls, held) {
            return self.counters.bump(bumps);
        }
        self.remember_peer(
            flow,
            connection.recent.map(|recent| recycle::Peer { tsval: recent.val, stamp: recent.at }),
            now,
        );
        if crate::decide::close::tw_counted(profile.version) == crate::decide::close::Counted::AtCreation {
            self.counters.add(Counter::Tw);
        }
        let time_wait = crate::decide::close::time_wait(
            profile.version,
            &profile.sysctls,
            connection.recent.is_some(),
            recycle::RTO_MIN,
        );
        let lasts = if substate == Substate::TimeWait { time_wait } else { lasts };
        let (bound, reuse_address) = (connection.bound, connection.reuse_address);
        let tw = TimeWait { after_fin: time_wait, expires: now + lasts, ..connection.as_mini(substate, now) };
        self.minis.insert(order(flow), Mini { tw, bound, reuse_address });
    }

    fn remember_peer(&mut self, flow: Flow, last: Option<recycle::Peer>, now: Duration) {
        let known = self.remembered.get(&flow.destination).copied();
        let profile = &self.profile;
        if let Some(peer) = recycle::remember(profile.version, &profile.sysctls, known, last, now) {
            self.remembered.insert(flow.destination, peer);
        }
    }
}
