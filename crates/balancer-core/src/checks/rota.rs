//! Whose check is next, over all servers of a configuration.

use super::{CheckRules, Course, Outcome, Turn};
use crate::ProxyHeader;
use crate::settings::{BackendSetSettings, ServerSettings, Settings};
use core::time::Duration;
use ports::Address;
use seed::Rng;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;
use std::sync::Arc;

/// First checks of a configuration are spread over so much: quick, but not all at once.
const FIRST_WITHIN: Duration = Duration::from_millis(100);

/// A check that begins so long after it was due is late.
const LATE: Duration = Duration::from_millis(500);

/// One server in a [`Rota`].
pub type CheckId = u64;

/// Who is checked, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Name of its set.
    pub set: Arc<str>,
    /// The server.
    pub server: ServerSettings,
    /// Addresses from which it is reached; empty: the kernel's choice.
    pub sources: Vec<IpAddr>,
    /// By which header it is told who the client is.
    pub proxy: Option<ProxyHeader>,
    /// How.
    pub rules: Arc<CheckRules>,
}

#[derive(Clone, Debug)]
struct Entry {
    target: Target,
    course: Course,
    /// `None`: a check is under way.
    due: Option<Duration>,
}

/// The checks of all servers. Time is since some start; chance comes from a seed.
#[derive(Clone, Debug)]
pub struct Rota {
    entries: BTreeMap<CheckId, Entry>,
    order: BTreeSet<(Duration, CheckId)>,
    next_id: CheckId,
    /// Checks that began late, since somebody asked.
    late: u64,
    rng: Rng,
}

impl Rota {
    /// With nobody in it.
    pub fn new(seed: u64) -> Self {
        Self { entries: BTreeMap::new(), order: BTreeSet::new(), next_id: 0, late: 0, rng: Rng::new(seed) }
    }

    /// Checks the servers of `settings` from now on. One that stays, by set, address and rules, keeps what was found.
    pub fn set_servers(&mut self, settings: &Settings, now: Duration) {
        let mut before: HashMap<(Arc<str>, Address), (CheckId, Entry)> = HashMap::new();
        for (id, entry) in std::mem::take(&mut self.entries) {
            before.insert((Arc::clone(&entry.target.set), entry.target.server.address), (id, entry));
        }
        self.order.clear();
        for set in &settings.backend_sets {
            for target in targets_of(set) {
                let known = before.remove(&(Arc::clone(&target.set), target.server.address));
                match known {
                    Some((id, entry)) if entry.target.rules == target.rules => {
                        self.place(id, Entry { target, ..entry });
                    }
                    // A check that is under way says nothing by the rules of now.
                    known => {
                        let due = Some(now + self.rng.within(FIRST_WITHIN));
                        let course = known.map(|(_, entry)| entry.course.anew()).unwrap_or_default();
                        self.next_id += 1;
                        self.place(self.next_id, Entry { target, course, due });
                    }
                }
            }
        }
    }

    /// Servers that are down by their checks, with the names of their sets. Nobody else is.
    pub fn down(&self) -> impl Iterator<Item = (&str, Address)> {
        let down = self.entries.values().filter(|entry| entry.course.is_down());
        down.map(|entry| (&*entry.target.set, entry.target.server.address))
    }

    /// A check that is due; it is under way until its [outcome](Self::handle_outcome).
    pub fn poll_check(&mut self, now: Duration) -> Option<(CheckId, Target)> {
        let (due, id) = self.order.first().copied().filter(|(due, _)| *due <= now)?;
        self.order.remove(&(due, id));
        let entry = self.entries.get_mut(&id)?;
        entry.due = None;
        self.late += u64::from(now.saturating_sub(due) > LATE);
        Some((id, entry.target.clone()))
    }

    /// Checks that began late since this was asked last.
    pub fn take_late(&mut self) -> u64 {
        std::mem::take(&mut self.late)
    }

    /// When the next check is due.
    pub fn next_check(&self) -> Option<Duration> {
        self.order.first().map(|(due, _)| *due)
    }

    /// What a check came to, and what that changed of which server. One that was taken out meanwhile changes nothing.
    pub fn handle_outcome(&mut self, id: CheckId, outcome: Outcome, now: Duration) -> Option<(Target, Turn)> {
        let mut entry = self.entries.remove(&id)?;
        let turn = entry.course.handle_outcome(outcome, &entry.target.rules);
        entry.due = Some(now + self.rng.about(entry.course.interval(&entry.target.rules)));
        let target = entry.target.clone();
        self.place(id, entry);
        turn.map(|turn| (target, turn))
    }

    fn place(&mut self, id: CheckId, entry: Entry) {
        if let Some(due) = entry.due {
            self.order.insert((due, id));
        }
        self.entries.insert(id, entry);
    }
}

fn targets_of(set: &BackendSetSettings) -> impl Iterator<Item = Target> {
    let rules = set.check.clone().map(Arc::new);
    let name: Arc<str> = set.name.as_str().into();
    // From one that is away no check would say anything of a server.
    let away = |source: &IpAddr| set.ports.here.away.contains(source);
    let mut sources = set.ports.sources.clone();
    if !sources.iter().all(away) {
        sources.retain(|source| !away(source));
    }
    let proxy = set.proxy_protocol;
    rules.into_iter().flat_map(move |rules| {
        let (name, sources) = (Arc::clone(&name), sources.clone());
        set.servers.iter().filter(|server| !server.disabled).map(move |server| {
            let (set, rules) = (Arc::clone(&name), Arc::clone(&rules));
            Target { set, server: server.clone(), sources: sources.clone(), proxy, rules }
        })
    })
}

/// Chance, as checks use it.
trait Chance {
    fn within(&mut self, most: Duration) -> Duration;
    /// A tenth more or less: checks of many balancers do not stay in step.
    fn about(&mut self, time: Duration) -> Duration;
}

impl Chance for Rng {
    fn within(&mut self, most: Duration) -> Duration {
        Duration::from_micros(self.range(0, most.as_micros() as u64 + 1))
    }

    fn about(&mut self, time: Duration) -> Duration {
        time - time / 10 + self.within(time / 5)
    }
}
