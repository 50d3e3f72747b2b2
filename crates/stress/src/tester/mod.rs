//! One thread's share of a run: a loop over its connections, closed or open.
//!
//! ```text
//! issue.rs    a slot's next request: on its connection, or on a new one
//! line.rs     several requests in flight on one connection
//! waiting.rs  slots that wait for a request to become due
//! announce.rs whom a header of the PROXY protocol names
//! client.rs   where answers lead, and the connection beside the target's
//! places.rs   the hosts that are
//! captures.rs what answers leave for the next requests of a scenario
//! events.rs   what comes back from the reactor, handed to the slot's Life
//! targets.rs  which of the target's addresses is next
//! crowd.rs    slots that have no place for a while
//! closing.rs  how a connection ends, and what its slot does then
//! time.rs     time-outs, pauses, the end of the run
//! ```

mod announce;
mod captures;
mod client;
mod closing;
mod crowd;
mod events;
mod issue;
mod line;
mod places;
mod slot;
mod targets;
mod time;
mod waiting;

use crate::orders::Order;
use crate::request::{Pen, Prepared};
use crate::requests::{Requests, Turns};
use announce::Announcer;
use crowd::Room;
pub(crate) use places::Elsewhere;
use places::Places;
use ports::{Address, Fault, SourceSet, Sources};
use reactor::{App, Completion, ConnId, ConnMap, Inbox, ProfileId, Reactor, TimerWheel};
use seed::Rng;
use slot::Slot;
use std::net::IpAddr;
use std::time::Duration;
use stress_core::Ends;
use stress_core::arrivals::Arrivals;
use stress_core::{ByRequest, Part, Picker, Plan, Rules, Tally};
use targets::Targets;

/// What one thread has to do.
#[derive(Clone, Debug)]
pub struct Share {
    /// The addresses to connect to, in turn; at least one.
    pub targets: Vec<Address>,
    /// Connections to keep busy.
    pub connections: u32,
    /// How many requests it makes, and where it gets them.
    pub requests: Requests,
    /// Whose turn it is among several requests: counted by all threads together.
    pub turns: Turns,
    /// Which part of an open loop it is.
    pub part: Part,
    /// Where connections start; no other thread may have the same ports of our own choice.
    pub sources: SourceSet,
    /// Some of their addresses are of no interface, but of a prefix that is routed here.
    pub routed: bool,
    /// The addresses that the kernel starts connections from, where a header has to name them.
    pub starts_from: Vec<IpAddr>,
}

impl Share {
    /// The whole run on one thread, the kernel choosing ports.
    pub fn whole(plan: &Plan, target: impl Into<Address>) -> Self {
        let sources = SourceSet::Kernel { addresses: plan.sources.clone(), range: plan.port_range };
        let (targets, requests) = (vec![target.into()], Requests::whole(plan));
        Self {
            targets,
            connections: plan.connections,
            requests,
            turns: Turns::new(&plan.script),
            part: Part::WHOLE,
            sources,
            routed: false,
            starts_from: Vec::new(),
        }
    }
}

/// A loop over connections; see [`Share`].
pub struct Tester {
    plan: Plan,
    rules: Rules,
    sources: Sources,
    routed: bool,
    targets: Targets,
    /// How connections to them are secured, where a plan has to say so.
    profile: Option<ProfileId>,
    places: Places,
    announcer: Option<Announcer>,
    /// Somebody looks at answers.
    looks: bool,
    /// Several requests of a slot are in flight together.
    pipelines: bool,
    requests: Requests,
    part: Part,
    /// Had the connection that was asked last negotiated timestamps?
    timestamps: bool,
    prepared: Prepared,
    picker: Picker,
    pen: Pen,
    turns: Turns,
    /// Of how many requests connections carry.
    rng: Rng,
    slots: Vec<Slot>,
    by_conn: ConnMap<u32>,
    timers: TimerWheel<u32>,
    tally: Tally,
    phase: Phase,
    arrivals: Arrivals,
    /// Slots that wait for a request to become due; the last one that came is the first to go.
    waiting: Vec<u32>,
    /// Slots that are not parked.
    busy: usize,
    /// When what is measured began: with a warm-up the end of it.
    started_at: Duration,
    /// The warm-up is not over.
    is_warming: bool,
    room: Room,
    /// What was due in it and not sent.
    not_sent_before: u64,
    orders: Inbox<Order>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Requests are issued as they become due.
    Issuing,
    /// Nothing new; what is in flight may finish until then.
    Draining { since: Duration, until: Duration },
    /// Only closes are left.
    Over,
}

impl Tester {
    /// A tester for `share` of `plan` that obeys `orders`.
    pub fn new(plan: &Plan, share: Share, orders: Inbox<Order>) -> Self {
        let rules = Rules::new(plan.close).expecting(&plan.expect).asking_compressed(plan.asks_compressed());
        let rules = rules.following(plan.follow.is_some());
        let connections = share.connections as usize;
        let mut sources = Sources::new(share.sources);
        let targets = Targets::new(&share.targets, &mut sources);
        Self {
            rules,
            sources,
            routed: share.routed,
            targets,
            profile: None,
            places: Places::default(),
            announcer: Announcer::of(plan, &share.starts_from, share.part),
            pipelines: plan.wire.pipeline.is_some(),
            looks: plan.script.kept() > 0 || plan.follow.is_some() || plan.cookies.is_some(),
            part: share.part,
            waiting: Vec::new(),
            timestamps: false,
            prepared: Prepared::default(),
            picker: Picker::new(&plan.script, share.part.index),
            pen: Pen::new(&plan.script, Ends::of(plan), share.part.index),
            rng: Rng::new(plan.script.seed().wrapping_add(u64::from(share.part.index) << 32)),
            turns: share.turns,
            slots: (0..connections).map(|_| Slot::new(plan)).collect(),
            by_conn: ConnMap::default(),
            timers: TimerWheel::new(),
            tally: Tally::new(plan.may_be_secured()),
            phase: Phase::Issuing,
            arrivals: Arrivals::new(None, share.part, share.requests.at_first(), Duration::ZERO),
            requests: share.requests,
            busy: connections,
            started_at: Duration::ZERO,
            not_sent_before: 0,
            room: Room::for_all(),
            is_warming: !plan.load.warm_up.is_zero(),
            orders,
            plan: plan.clone(),
        }
    }

    /// The same where redirects may lead to other hosts: connections to the target are secured so, those to others as
    /// `elsewhere` says.
    pub(crate) fn leading(&mut self, profile: Option<ProfileId>, elsewhere: Elsewhere) {
        (self.profile, self.places.elsewhere) = (profile, elsewhere);
    }

    /// What was counted so far.
    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    /// What was counted, when it is over.
    pub fn into_tally(self) -> Tally {
        self.tally
    }

    /// Is a request measured that was due then? The others are of the warm-up, whenever they end; they are only counted.
    fn is_measured(&mut self, due: Duration) -> bool {
        let is_measured = due >= self.started_at;
        self.tally.warm_up += u64::from(!is_measured);
        is_measured
    }

    /// Time since the start of what is measured.
    fn since_start(&self, now: Duration) -> Duration {
        now.saturating_sub(self.started_at)
    }

    fn slot_of(&self, conn: ConnId) -> Option<u32> {
        self.by_conn.get(conn).copied()
    }

    fn slot(&mut self, index: u32) -> &mut Slot {
        &mut self.slots[index as usize]
    }
}

impl<R: Reactor> App<R> for Tester {
    fn start(&mut self, io: &mut R) -> Result<(), Fault> {
        self.prepared = Prepared::new(&self.plan.script, Ends::of(&self.plan), io)?;
        self.tally.by_request = ByRequest::new(&self.plan.script);
        let begun_at = io.now();
        self.started_at = begun_at + self.plan.load.warm_up;
        let until = self.plan.duration.map(|duration| self.started_at + duration);
        let arrivals = Arrivals::new(self.plan.clock(), self.part, self.requests.at_first(), begun_at);
        self.arrivals = arrivals.ending_at(until);
        self.measure_room(begun_at);
        for index in 0..self.slots.len() as u32 {
            self.issue(index, io);
        }
        Ok(())
    }

    fn handle_completion(&mut self, completion: Completion, io: &mut R) {
        self.dispatch(completion, io);
    }

    fn handle_time(&mut self, io: &mut R) {
        self.pass_time(io);
    }

    fn poll_deadline(&self) -> Option<Duration> {
        self.next_deadline()
    }

    fn is_done(&self) -> bool {
        self.busy == 0
    }
}
