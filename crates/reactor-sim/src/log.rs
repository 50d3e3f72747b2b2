//! What happened, in short: a hash of everything, and the last entries as text for a failure's dump.

use std::collections::VecDeque;
use std::collections::hash_map::DefaultHasher;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::time::Duration;

/// Entries kept: enough for the whole story of a run that is replayed.
const ENTRIES_MAX: usize = 50_000;

/// One thing that happened.
#[derive(Clone, Debug, Hash)]
pub(super) struct Entry {
    pub(super) at: Duration,
    pub(super) host: usize,
    pub(super) what: &'static str,
    pub(super) flow: u32,
    pub(super) number: usize,
}

/// The diary of a run. Equal seeds must give equal hashes.
#[derive(Default)]
pub(super) struct Log {
    hasher: DefaultHasher,
    entries: VecDeque<Entry>,
}

impl Log {
    pub(super) fn note(&mut self, entry: Entry) {
        entry.hash(&mut self.hasher);
        if self.entries.len() == ENTRIES_MAX {
            self.entries.pop_front();
        }
        self.entries.push_back(entry);
    }

    pub(super) fn hash(&self) -> u64 {
        self.hasher.finish()
    }

    /// The last `count` entries, oldest first.
    pub(super) fn tail(&self, count: usize) -> String {
        let skip = self.entries.len().saturating_sub(count);
        self.entries.iter().skip(skip).map(|entry| format!("{entry}\n")).collect()
    }
}

/// One line each.
impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { at, host, what, flow, number } = self;
        write!(f, "{:>12.6}s  host {host}  flow {flow:<5} {what} {number}", at.as_secs_f64())
    }
}
