//! One question, asked again and again: what is known by it, and when it is to be asked next.

use super::ResolveRules;
use core::time::Duration;
use std::net::IpAddr;
use std::sync::Arc;

/// Shortest time between two looks, whatever records say, and the first pause after a failure. A longest time that is
/// shorter counts instead.
const SHORTEST: Duration = Duration::from_secs(1);
/// "There is nobody" of a name that had somebody is believed when it is said so often in a row, a time to live apart: a
/// zone that is being loaded, or a registry that restarts, says it for a moment.
pub(super) const NOES_BELIEVED: u32 = 3;
/// Records of one answer that are servers; what is beyond is counted.
pub(super) const RECORDS_MAX: usize = 256;

/// One record of an answer.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Record {
    /// A or AAAA.
    Address(IpAddr),
    /// SRV.
    Target(Target),
}

/// Where a service is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Target {
    /// Lower ones are asked first.
    pub priority: u16,
    /// Its share among those of the same priority.
    pub weight: u16,
    /// Its port.
    pub port: u16,
    /// Its host, in lower case.
    pub host: Arc<str>,
}

/// What a question came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Records, at least one.
    Found {
        /// All of them.
        records: Vec<Record>,
        /// How long they hold; `None`: nobody said.
        ttl: Option<Duration>,
    },
    /// There is no such name, or no such record of it.
    Nobody {
        /// How long that holds.
        ttl: Option<Duration>,
    },
    /// It could not be found out.
    Failed {
        /// Why.
        why: String,
    },
}

/// What is known by one question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Watch {
    longest: Duration,
    /// Sorted, each once.
    known: Vec<Record>,
    left_out: usize,
    noes: u32,
    failures: u32,
    /// Why the last look failed, if it did.
    failed: Option<String>,
    /// It was answered, or failed, once.
    asked: bool,
    /// When to look; `None`: a look is under way.
    due: Option<Duration>,
}

/// What an answer changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Heard {
    /// Nothing.
    AsBefore,
    /// What is known.
    Other,
    /// Looks fail from now on.
    Fails,
    /// They do no more, and nothing else changed.
    Answers,
}

impl Watch {
    pub(super) fn new(rules: &ResolveRules, now: Duration) -> Self {
        Self {
            longest: rules.longest,
            known: Vec::new(),
            left_out: 0,
            noes: 0,
            failures: 0,
            failed: None,
            asked: false,
            due: Some(now),
        }
    }

    /// For others than those who asked so far: what is known stays known, and a look that is under way is theirs.
    pub(super) fn hand_on(&mut self, now: Duration) {
        self.longest = Duration::MAX;
        self.due = self.due.or(Some(now));
    }

    /// Somebody else asks the same.
    pub(super) fn share(&mut self, rules: &ResolveRules) {
        self.longest = self.longest.min(rules.longest);
    }

    pub(super) fn known(&self) -> &[Record] {
        &self.known
    }

    pub(super) fn left_out(&self) -> usize {
        self.left_out
    }

    pub(super) fn was_asked(&self) -> bool {
        self.asked
    }

    pub(super) fn failed(&self) -> Option<&str> {
        self.failed.as_deref()
    }

    pub(super) fn due(&self) -> Option<Duration> {
        self.due
    }

    pub(super) fn begin(&mut self) {
        self.due = None;
    }

    pub(super) fn handle_answer(&mut self, answer: Answer, now: Duration) -> Heard {
        self.asked = true;
        let failed_before = self.failed.is_some();
        let wait = match answer {
            Answer::Failed { why } => {
                self.failures = self.failures.saturating_add(1);
                self.due = Some(now + self.pause_after(self.failures));
                self.failed = Some(why);
                return if failed_before { Heard::AsBefore } else { Heard::Fails };
            }
            Answer::Found { ttl, .. } | Answer::Nobody { ttl } => ttl.unwrap_or(self.longest),
        };
        (self.failures, self.failed) = (0, None);
        self.due = Some(now + wait.clamp(self.shortest(), self.longest));
        let changed = match answer {
            Answer::Found { records, .. } if !records.is_empty() => self.know(records),
            _ => self.doubt(),
        };
        match (changed, failed_before) {
            (true, _) => Heard::Other,
            (false, true) => Heard::Answers,
            (false, false) => Heard::AsBefore,
        }
    }

    fn know(&mut self, mut records: Vec<Record>) -> bool {
        self.noes = 0;
        records.sort();
        records.dedup();
        self.left_out = records.len().saturating_sub(RECORDS_MAX);
        records.truncate(RECORDS_MAX);
        let changed = records != self.known;
        self.known = records;
        changed
    }

    fn doubt(&mut self) -> bool {
        self.noes = self.noes.saturating_add(1);
        if self.known.is_empty() || self.noes < NOES_BELIEVED {
            return false;
        }
        self.known.clear();
        self.left_out = 0;
        true
    }

    fn shortest(&self) -> Duration {
        SHORTEST.min(self.longest)
    }

    /// Twice as long each time.
    fn pause_after(&self, failures: u32) -> Duration {
        self.shortest().saturating_mul(1 << failures.saturating_sub(1).min(16)).min(self.longest)
    }
}
