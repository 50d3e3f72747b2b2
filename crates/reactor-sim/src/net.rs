//! The state of the simulated network: hosts, connections, and the events still to come.

use super::doors::Door;
use super::flow::{End, EndId, Phase, Segment};
use super::host::{Host, HostConfig};
use super::log::{Entry, Log};
use super::tuples::Tuples;
use super::weather::{Injected, Weather};
use reactor::conn::ListenerId;
use reactor::face::Completion;
use seed::Rng;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

/// Entries of the log in the message of a failure.
const DUMP_ENTRIES: usize = 200;

/// Something that will happen.
#[derive(Debug)]
pub(super) enum Event {
    /// `segment` arrives at an end.
    Arrive(EndId, Segment),
    /// No SYN was answered in time.
    ConnectTimeout(EndId),
    /// Nobody owns this end any more and the peer never finished.
    OrphanTimeout(EndId),
    /// MSG_MORE holds back for so long only.
    Uncork(EndId),
    /// A listener that ran into EMFILE tries again.
    ResumeAccept(usize, ListenerId),
}

/// What the event loops of one machine share.
pub(super) struct Machine {
    pub(super) addresses: Vec<IpAddr>,
    pub(super) first_host: usize,
    pub(super) tuples: Tuples,
    pub(super) doors: Vec<Door>,
}

pub(super) struct Net {
    pub(super) now: Duration,
    pub(super) rng: Rng,
    pub(super) weather: Weather,
    pub(super) injected: Injected,
    pub(super) hosts: Vec<Host>,
    pub(super) machines: Vec<Machine>,
    pub(super) flows: BTreeMap<u32, [End; 2]>,
    pub(super) flows_opened: u32,
    /// Broken rules: of the applications, or of the network itself.
    pub(super) violations: Vec<String>,
    pub(super) log: Log,
    events: BTreeMap<(Duration, u64), Event>,
    events_made: u64,
}

impl Net {
    pub(super) fn new(rng: Rng, weather: Weather) -> Self {
        Self {
            now: Duration::ZERO,
            rng,
            weather,
            injected: Injected::default(),
            hosts: Vec::new(),
            machines: Vec::new(),
            flows: BTreeMap::new(),
            flows_opened: 0,
            violations: Vec::new(),
            log: Log::default(),
            events: BTreeMap::new(),
            events_made: 0,
        }
    }

    pub(super) fn add_host(&mut self, addresses: Vec<IpAddr>, config: HostConfig) -> usize {
        let first_host = self.hosts.len();
        let machine = self.machines.len();
        self.machines.push(Machine { addresses, first_host, tuples: Tuples::default(), doors: Vec::new() });
        self.hosts.push(Host::new(machine, config));
        first_host
    }

    /// Another event loop where that of `host` runs.
    pub(super) fn add_sibling(&mut self, host: usize) -> usize {
        let Host { machine, config, .. } = &self.hosts[host];
        let sibling = Host::new(*machine, config.clone());
        self.hosts.push(sibling);
        self.hosts.len() - 1
    }

    /// Where an address is; the first event loop there stands for all until one of them accepts.
    pub(super) fn host_of(&self, address: IpAddr) -> Option<usize> {
        self.machines.iter().find(|machine| machine.addresses.contains(&address)).map(|machine| machine.first_host)
    }

    pub(super) fn machine_of(&mut self, host: usize) -> &mut Machine {
        &mut self.machines[self.hosts[host].machine]
    }

    pub(super) fn end(&mut self, id: EndId) -> Option<&mut End> {
        self.flows.get_mut(&id.flow).map(|ends| &mut ends[id.side])
    }

    pub(super) fn note(&mut self, id: EndId, what: &'static str, number: usize) {
        let host = self.flows.get(&id.flow).map_or(usize::MAX, |ends| ends[id.side].host);
        self.log.note(Entry { at: self.now, host, what, flow: id.flow, number });
    }

    pub(super) fn violation(&mut self, text: String) {
        self.violations.push(format!("at {:.6} s: {text}", self.now.as_secs_f64()));
    }

    pub(super) fn push(&mut self, host: usize, completion: Completion) {
        self.hosts[host].push(completion);
    }

    pub(super) fn at(&mut self, when: Duration, event: Event) {
        self.events_made += 1;
        self.events.insert((when, self.events_made), event);
    }

    pub(super) fn after(&mut self, delay: Duration, event: Event) {
        self.at(self.now + delay, event);
    }

    /// Puts `segment` on the way from `from` to its peer, behind everything sent before.
    pub(super) fn transmit(&mut self, from: EndId, segment: Segment) {
        self.transmit_late(from, segment, Duration::ZERO);
    }

    pub(super) fn transmit_late(&mut self, from: EndId, segment: Segment, late: Duration) {
        let delay = self.weather.delay(&mut self.rng, &mut self.injected);
        let earliest = self.now + delay + late;
        let Some(end) = self.end(from) else { return };
        end.last_arrival = end.last_arrival.max(earliest);
        let when = end.last_arrival;
        self.at(when, Event::Arrive(from.peer(), segment));
    }

    /// When something happens next.
    pub(super) fn next_event_at(&self) -> Option<Duration> {
        self.events.keys().next().map(|(at, _)| *at)
    }

    /// Moves time to `to`, letting everything happen that happens until then.
    pub(super) fn advance_to(&mut self, to: Duration) {
        while let Some(entry) = self.events.first_entry().filter(|entry| entry.key().0 <= to) {
            let ((at, _), event) = entry.remove_entry();
            self.now = self.now.max(at);
            self.happen(event);
        }
        self.now = self.now.max(to);
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Arrive(end, segment) => self.handle_segment(end, segment),
            Event::ConnectTimeout(end) => self.handle_connect_timeout(end),
            Event::OrphanTimeout(end) => self.handle_orphan_timeout(end),
            Event::Uncork(end) => self.uncork(end),
            Event::ResumeAccept(host, listener) => {
                self.hosts[host].listener_mut(listener).paused = false;
                self.accept_all(host, listener);
            }
        }
    }

    /// Forgets a connection both of whose ends are gone.
    pub(super) fn forget_if_over(&mut self, flow: u32) {
        if let Some(ends) = self.flows.get(&flow)
            && ends.iter().all(|end| end.phase == Phase::Gone)
        {
            self.flows.remove(&flow);
        }
    }

    /// For the message of a failure: what is open and what happened last.
    pub(super) fn dump(&self) -> String {
        self.describe() + &self.log.tail(DUMP_ENTRIES)
    }

    /// Everything that is still open, one line each.
    pub(super) fn describe(&self) -> String {
        let mut text = format!("now {:.6} s, next event {:?}\n", self.now.as_secs_f64(), self.events.first_key_value());
        for (flow, ends) in &self.flows {
            for end in ends.iter().filter(|end| end.phase != Phase::Gone) {
                let owner = end.conn.map_or("nobody".into(), |conn| format!("{conn:?}"));
                text += &format!("flow {flow} host {} {owner}: {}\n", end.host, end.describe());
            }
        }
        text
    }
}
