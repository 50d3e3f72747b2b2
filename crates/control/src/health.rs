//! Servers as they stand: checks at work, and what changes on the boards of the workers.

use crate::event::Event;
use crate::guard::{self, Broken};
use crate::plane::Message;
use crate::probe;
use balancer::{Boards, Seen};
use balancer_core::checks::{CheckId, Outcome, Rota, Target, Turn};
use balancer_core::{Cause, ServerSettings, SetStanding, Settings};
use ports::Address;
use secure::ClientProfile;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;
use tokio::sync::mpsc::UnboundedSender;

/// Checks under way at once: each has a file, and requests need files, too.
const CHECKS_MAX: usize = 256;
/// How often the boards are looked at.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// How often people are told that checks are late.
const LATE_AGAIN: Duration = Duration::from_secs(60);
/// How long what is wrong with a server is not told again, while it stays the same.
const SAME_AGAIN: Duration = Duration::from_secs(600);

pub(crate) struct Health {
    rota: Rota,
    boards: Boards,
    under_way: usize,
    /// How checks of each set's servers are secured, by the server's name.
    profiles: HashMap<(String, Option<String>), Result<ClientProfile, String>>,
    known: Known,
    look_due: Duration,
    late: Late,
}

/// Checks that began late.
#[derive(Debug, Default)]
struct Late {
    untold: u64,
    /// Not to be told before.
    told_until: Duration,
}

impl Late {
    fn tell(&mut self, now: Duration) -> Option<Event> {
        if self.untold == 0 || now < self.told_until {
            return None;
        }
        self.told_until = now + LATE_AGAIN;
        Some(Event::ChecksLate { count: std::mem::take(&mut self.untold), at_once: CHECKS_MAX })
    }
}

/// What was told last.
#[derive(Debug, Default)]
struct Known {
    aside: HashMap<(String, Address), bool>,
    /// Why connections could not be secured, and until when that is not told again.
    reasons: HashMap<(String, Address), (String, Duration)>,
    /// How the servers of each set stand together.
    sets: BTreeMap<String, SetStanding>,
}

impl Health {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            rota: Rota::new(seed),
            boards: Boards::default(),
            under_way: 0,
            profiles: HashMap::new(),
            known: Known::default(),
            look_due: Duration::ZERO,
            late: Late::default(),
        }
    }

    /// Goes by what the workers go by now; `profile` is how they secure their connections to a server.
    pub(crate) fn set_servers(
        &mut self,
        settings: &Settings,
        boards: Boards,
        profile: impl Fn(&ServerSettings) -> Option<ClientProfile>,
        now: Duration,
    ) {
        self.rota.set_servers(settings, now);
        self.boards = boards;
        self.forget_who_is_checked_no_more(settings);
        self.profiles.clear();
        for set in settings.backend_sets.iter().filter(|set| set.check.is_some()) {
            for server in set.servers.iter().filter(|_| set.tls.is_some()) {
                let key = (set.name.clone(), server.host.as_deref().map(str::to_owned));
                // Never in the clear.
                let profile = || profile(server).ok_or_else(|| "it is not known how to secure this".to_owned());
                self.profiles.entry(key).or_insert_with(profile);
            }
        }
        self.known.sets.retain(|name, _| settings.backend_sets.iter().any(|set| set.name == *name));
        for set in &settings.backend_sets {
            self.known.sets.entry(set.name.clone()).or_insert(SetStanding::Served);
        }
    }

    /// Boards outlive the checks that wrote on them.
    fn forget_who_is_checked_no_more(&self, settings: &Settings) {
        let servers = settings.backend_sets.iter().flat_map(|set| set.servers.iter().map(move |server| (set, server)));
        let disabled = servers.filter(|(_, server)| server.disabled);
        let disabled = disabled.map(|(set, server)| (set.name.as_str(), server.address));
        let down: HashSet<_> = self.rota.down().chain(disabled).collect();
        for Seen { set, server, health, .. } in self.boards.seen() {
            if health.is_down() && !down.contains(&(set, server)) {
                self.boards.note_check(set, server, false);
            }
        }
    }

    /// When something is due.
    pub(crate) fn due(&self) -> Duration {
        let check = if self.under_way < CHECKS_MAX { self.rota.next_check() } else { None };
        check.map_or(self.look_due, |due| due.min(self.look_due))
    }

    pub(crate) fn begin_checks(&mut self, now: Duration, outbox: &UnboundedSender<Message>) {
        while self.under_way < CHECKS_MAX
            && let Some((id, target)) = self.rota.poll_check(now)
        {
            let profile = self.profile(&target);
            let tell = move |outcome: Result<_, Broken>| Message::Checked(id, outcome.unwrap_or_else(Outcome::Ours));
            guard::spawn(outbox, probe::check(target, profile), tell);
            self.under_way += 1;
        }
        let late = self.rota.take_late();
        self.boards.note_late_checks(late);
        self.late.untold += late;
    }

    fn profile(&self, target: &Target) -> Option<Result<ClientProfile, String>> {
        self.profiles.get(&(target.set.to_string(), target.server.host.as_deref().map(str::to_owned))).cloned()
    }

    pub(crate) fn hear(&mut self, id: CheckId, outcome: Outcome, now: Duration) -> Option<Event> {
        self.under_way -= 1;
        let (target, turn) = self.rota.handle_outcome(id, outcome, now)?;
        let (set, server) = (target.set.to_string(), target.server.address.to_string());
        self.boards.note_check(&set, target.server.address, matches!(turn, Turn::Down { .. }));
        // A set may be without anybody now.
        self.look_due = now;
        Some(match turn {
            Turn::Down { why, in_a_row } => Event::ServerDown { set, server, why, in_a_row },
            Turn::Up { in_a_row } => Event::ServerUp { set, server, in_a_row },
        })
    }

    /// What changed on the boards since the last look.
    pub(crate) fn look(&mut self, now: Duration) -> Vec<Event> {
        if now < self.look_due {
            return Vec::new();
        }
        self.look_due = now + LOOK_EVERY;
        let mut events = self.known.compare(&self.boards, now);
        events.extend(self.late.tell(now));
        events
    }
}

impl Known {
    fn compare(&mut self, boards: &Boards, now: Duration) -> Vec<Event> {
        let mut events = Vec::new();
        let mut aside = HashMap::new();
        let reasons = boards.take_reasons().map(|(set, server, why)| ((set.to_owned(), server), why));
        let mut reasons: HashMap<_, _> = reasons.collect();
        let mut sets: HashMap<&str, Vec<_>> = HashMap::new();
        for Seen { set, server, health, cause, .. } in boards.seen() {
            let key = (set.to_owned(), server);
            let (was, is) = (self.aside.get(&key).copied().unwrap_or(false), health.is_aside());
            let (why, set_name, server) = (reasons.remove(&key), set.to_owned(), server.to_string());
            match (was, is, health.is_down()) {
                (false, true, _) => {
                    self.note_reason(&key, why.as_deref(), now);
                    let why = why.unwrap_or_else(|| told_of(cause));
                    events.push(Event::ServerAside { set: set_name, server, why });
                }
                (true, false, false) => {
                    self.reasons.remove(&key);
                    events.push(Event::ServerBack { set: set_name, server });
                }
                _ if self.note_reason(&key, why.as_deref(), now) => {
                    events.extend(why.map(|why| Event::ServerNotSecured { set: set_name, server, why }));
                }
                _ => {}
            }
            sets.entry(set).or_default().push(health);
            aside.insert(key, is);
        }
        self.reasons.retain(|key, _| aside.contains_key(key));
        self.aside = aside;
        self.compare_sets(&mut sets, &mut events);
        events
    }

    fn compare_sets(&mut self, sets: &mut HashMap<&str, Vec<balancer_core::Health>>, events: &mut Vec<Event>) {
        for (set, was) in &mut self.sets {
            let is = SetStanding::of(sets.remove(set.as_str()).unwrap_or_default());
            if is.is_news_after(std::mem::replace(was, is)) {
                let set = set.clone();
                events.push(match is {
                    SetStanding::Served => Event::SetServed { set },
                    SetStanding::InNeed(asked) => Event::SetAside { set, asked },
                    SetStanding::Down => Event::SetDown { set },
                });
            }
        }
    }

    /// Is that news? The same is told again after a while only.
    fn note_reason(&mut self, key: &(String, Address), why: Option<&str>, now: Duration) -> bool {
        let Some(why) = why else { return false };
        if self.reasons.get(key).is_some_and(|(told, until)| told == why && now < *until) {
            return false;
        }
        self.reasons.insert(key.clone(), (why.to_owned(), now + SAME_AGAIN));
        true
    }
}

/// One that cannot be reached is set aside at once, others after several failures.
fn told_of(cause: Option<Cause>) -> String {
    match cause {
        None => "requests failed at it".to_owned(),
        Some(cause @ Cause::Connect(_)) => cause.to_string(),
        Some(cause) => format!("requests failed at it, the last: {cause}"),
    }
}
