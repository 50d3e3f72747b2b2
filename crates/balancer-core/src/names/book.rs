//! All names of a configuration, what is known of them, and who the servers are by that.

use super::watch::{Heard, Record, Watch};
use super::{Answer, AtStart, Member, Question, Target, Whom};
use crate::settings::{SERVERS_MAX, ServerSettings, Settings, WEIGHT_MAX};
use core::time::Duration;
use std::collections::{BTreeMap, HashSet};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

/// What is known of the names of a configuration. Time is since some start.
#[derive(Clone, Debug)]
pub struct Book {
    members: Vec<Entry>,
    watches: BTreeMap<Question, Watch>,
    /// Servers came or went since this was asked last.
    moved: bool,
}

/// A member and the servers it stands for at present.
#[derive(Clone, Debug)]
struct Entry {
    member: Member,
    servers: Vec<ServerSettings>,
}

/// What people are told of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A name leads elsewhere.
    Moved {
        /// The name.
        name: Arc<str>,
        /// Addresses, or targets, it has now.
        now: Vec<String>,
        /// Those it had before.
        was: Vec<String>,
        /// Records that are too many to be used.
        left_out: usize,
    },
    /// Looks fail; what was known counts.
    Fails {
        /// What was asked.
        question: Question,
        /// Why.
        why: String,
        /// Records that are known.
        kept: usize,
    },
    /// Looks are answered again, as before.
    Answers {
        /// What was asked.
        question: Question,
    },
}

/// A member that leads nowhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nowhere {
    /// Number of its backend set.
    pub set: usize,
    /// The name.
    pub name: Arc<str>,
    /// Is that why nothing starts?
    pub at_start: AtStart,
    /// Why.
    pub why: String,
}

impl Book {
    /// With nothing known yet, and all to be asked.
    pub fn new(members: Vec<Member>, now: Duration) -> Self {
        Self { members: Vec::new(), watches: BTreeMap::new(), moved: false }.with_members(members, now)
    }

    /// The book of another configuration. What is known here is known there, and only what is new has to be asked.
    pub fn with_members(&self, members: Vec<Member>, now: Duration) -> Self {
        let entry = |member| Entry { servers: self.servers_like(&member), member };
        let members = members.into_iter().map(entry).collect();
        let mut book = Self { members, watches: self.watches.clone(), moved: false };
        book.watches.values_mut().for_each(|watch| watch.hand_on(now));
        book.watch_what_is_needed(now);
        book.place_servers(|_, _| true);
        book
    }

    /// Of the same name, asked for in the same way; its set may have another number.
    fn servers_like(&self, member: &Member) -> Vec<ServerSettings> {
        let same = |entry: &&Entry| Member { set: member.set, ..entry.member.clone() } == *member;
        self.members.iter().find(same).map(|entry| entry.servers.clone()).unwrap_or_default()
    }

    /// A question that is due; it is under way until it is [answered](Self::handle_answer).
    pub fn poll_look(&mut self, now: Duration) -> Option<Question> {
        let due = |watch: &Watch| watch.due().is_some_and(|due| due <= now);
        let (question, watch) = self.watches.iter_mut().find(|(_, watch)| due(watch))?;
        watch.begin();
        Some(question.clone())
    }

    /// When the next question is due. `None`: nothing is to be asked, or all is under way.
    pub fn next_look(&self) -> Option<Duration> {
        self.watches.values().filter_map(Watch::due).min()
    }

    /// Was everything asked once?
    pub fn is_settled(&self) -> bool {
        self.watches.values().all(Watch::was_asked)
    }

    /// Questions that have not come to anything yet.
    pub fn unsettled(&self) -> impl Iterator<Item = &Question> {
        self.watches.iter().filter(|(_, watch)| !watch.was_asked()).map(|(question, _)| question)
    }

    /// What a question came to. A question that is not asked any more changes nothing.
    pub fn handle_answer(&mut self, question: &Question, answer: Answer, now: Duration) -> Option<Change> {
        let was = self.leads_to(question.name());
        let watch = self.watches.get_mut(question)?;
        let heard = watch.handle_answer(answer, now);
        let (kept, why) = (watch.known().len(), watch.failed().unwrap_or_default().to_owned());
        let left_out = watch.left_out();
        // The targets of a service are others: others are asked.
        if heard == Heard::Other && matches!(question, Question::Service(_)) {
            self.watch_what_is_needed(now);
        }
        self.place_servers(|book, member| book.goes_by(member, question.name()));
        match heard {
            Heard::AsBefore => None,
            Heard::Other => {
                let now = self.leads_to(question.name());
                Some(Change::Moved { name: Arc::clone(question.name()), now, was, left_out })
            }
            Heard::Fails => Some(Change::Fails { question: question.clone(), why, kept }),
            Heard::Answers => Some(Change::Answers { question: question.clone() }),
        }
    }

    /// Did servers come or go since this was asked last?
    pub fn poll_moved(&mut self) -> bool {
        std::mem::take(&mut self.moved)
    }

    /// Adds the servers of all names to `settings`, which have those that were written as addresses. An address stands
    /// once in a set, and only where one of the set's sources could reach it; what is beyond [`SERVERS_MAX`] is left out.
    pub fn add_servers(&self, settings: &mut Settings) {
        for (number, set) in settings.backend_sets.iter_mut().enumerate() {
            let mut seen: HashSet<_> = set.servers.iter().map(|server| server.address).collect();
            let sources = &set.ports.sources;
            let has_source = |ip: IpAddr| sources.is_empty() || sources.iter().any(|one| one.is_ipv4() == ip.is_ipv4());
            let entries = self.members.iter().filter(|entry| entry.member.set == number);
            for server in entries.flat_map(|entry| &entry.servers) {
                if set.servers.len() < SERVERS_MAX
                    && server.address.ip().is_some_and(|at| has_source(at.ip()))
                    && seen.insert(server.address)
                {
                    set.servers.push(server.clone());
                }
            }
        }
    }

    /// Addresses of the servers that a member stands for.
    pub fn servers_of_name(&self, member: &Member) -> Vec<SocketAddr> {
        let entries = self.members.iter().filter(|entry| entry.member == *member);
        entries.flat_map(|entry| entry.servers.iter().filter_map(|server| server.address.ip())).collect()
    }

    /// Members without a server.
    pub fn nowhere(&self) -> Vec<Nowhere> {
        let empty = self.members.iter().filter(|entry| entry.servers.is_empty());
        empty.map(|entry| self.why_nowhere(&entry.member)).collect()
    }

    fn why_nowhere(&self, member: &Member) -> Nowhere {
        let questions = self.questions_of(member);
        let failed = questions.iter().find_map(|question| {
            let why = self.watches.get(question)?.failed()?;
            Some(format!("{question}: {why}"))
        });
        let why = failed.unwrap_or_else(|| match &member.whom {
            Whom::Host { .. } => "there is no such name, or it has no address".to_owned(),
            Whom::Service { .. } => "there is no such service, or none of its targets has an address".to_owned(),
        });
        Nowhere { set: member.set, name: Arc::clone(member.whom.name()), at_start: member.rules.at_start, why }
    }

    /// Addresses of a host, or targets of a service, for people.
    fn leads_to(&self, name: &Arc<str>) -> Vec<String> {
        let kinds =
            [Question::V4(Arc::clone(name)), Question::V6(Arc::clone(name)), Question::Service(Arc::clone(name))];
        let records = kinds.iter().flat_map(|question| self.known(question));
        let said = |record: &Record| match record {
            Record::Address(ip) => ip.to_string(),
            Record::Target(target) => format!("{}:{}", target.host, target.port),
        };
        records.map(said).collect()
    }

    fn known(&self, question: &Question) -> &[Record] {
        self.watches.get(question).map_or(&[], Watch::known)
    }

    fn targets(&self, service: &Arc<str>) -> impl Iterator<Item = &Target> {
        self.known(&Question::Service(Arc::clone(service))).iter().filter_map(|record| match record {
            Record::Target(target) => Some(target),
            Record::Address(_) => None,
        })
    }

    /// By what is known of services, of which the targets' hosts are asked in turn.
    fn questions_of(&self, member: &Member) -> Vec<Question> {
        let families = member.rules.families;
        match &member.whom {
            Whom::Host { name, .. } => families.questions(name).collect(),
            Whom::Service { name } => {
                let of_hosts = self.targets(name).flat_map(|target| families.questions(&target.host));
                std::iter::once(Question::Service(Arc::clone(name))).chain(of_hosts).collect()
            }
        }
    }

    /// What is asked no more is forgotten.
    fn watch_what_is_needed(&mut self, now: Duration) {
        let mut needed = BTreeMap::new();
        for entry in &self.members {
            for question in self.questions_of(&entry.member) {
                let watch = needed.entry(question).or_insert_with_key(|question| {
                    self.watches.get(question).cloned().unwrap_or_else(|| Watch::new(&entry.member.rules, now))
                });
                watch.share(&entry.member.rules);
            }
        }
        self.watches = needed;
    }

    /// Does what is known of this name say who the servers of `member` are?
    fn goes_by(&self, member: &Member, name: &Arc<str>) -> bool {
        let own = member.whom.name();
        own == name || matches!(member.whom, Whom::Service { .. }) && self.targets(own).any(|one| one.host == *name)
    }

    fn place_servers(&mut self, of: impl Fn(&Self, &Member) -> bool) {
        for number in 0..self.members.len() {
            let entry = &self.members[number];
            if !of(self, &entry.member) {
                continue;
            }
            let servers = self.servers_of(&entry.member);
            if servers != entry.servers && !self.is_doubtful(&entry.member, servers.is_empty()) {
                self.members[number].servers = servers;
                self.moved = true;
            }
        }
    }

    /// The targets of a service may have changed without their hosts being known yet, or none of them can be found out:
    /// then those before stay.
    fn is_doubtful(&self, member: &Member, leads_nowhere: bool) -> bool {
        let questions = self.questions_of(member);
        let mut watches = questions.iter().filter_map(|question| self.watches.get(question));
        watches.any(|watch| !watch.was_asked() || (leads_nowhere && watch.failed().is_some()))
    }

    fn servers_of(&self, member: &Member) -> Vec<ServerSettings> {
        match &member.whom {
            Whom::Host { name, port } => {
                let ips = self.addresses(member, name);
                ips.map(|ip| member.like.at(SocketAddr::new(ip, *port), name)).collect()
            }
            Whom::Service { name } => self.servers_of_service(member, name),
        }
    }

    fn addresses<'a>(&'a self, member: &Member, host: &Arc<str>) -> impl Iterator<Item = IpAddr> + use<'a> {
        let questions: Vec<_> = member.rules.families.questions(host).collect();
        let records = questions.into_iter().flat_map(|question| self.known(&question));
        records.filter_map(|record| match record {
            Record::Address(ip) => Some(*ip),
            Record::Target(_) => None,
        })
    }

    /// The targets of the lowest priority are asked, all others where none of those is well. The weight of a target is
    /// that of each of its addresses.
    fn servers_of_service(&self, member: &Member, service: &Arc<str>) -> Vec<ServerSettings> {
        let first = self.targets(service).map(|target| target.priority).min();
        let heaviest = self.targets(service).map(|target| u32::from(target.weight)).max().unwrap_or(0);
        let servers = self.targets(service).flat_map(|target| {
            let like = ServerSettings {
                weight: scaled(target.weight.into(), heaviest),
                backup: member.like.backup || Some(target.priority) != first,
                ..member.like.clone()
            };
            let ips = self.addresses(member, &target.host);
            ips.map(move |ip| like.at(SocketAddr::new(ip, target.port), &target.host))
        });
        servers.collect()
    }
}

/// Weights of targets go to 65535, which is more than there is, and 0 has "a very small chance" (RFC 2782): at least 1 here.
fn scaled(weight: u32, heaviest: u32) -> u32 {
    let scaled = if heaviest > WEIGHT_MAX { weight * WEIGHT_MAX / heaviest } else { weight };
    scaled.max(1)
}
