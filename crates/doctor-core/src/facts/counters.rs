//! Counters of the namespace, and how fast they grow.

use core::time::Duration;
use std::collections::BTreeMap;

/// Totals since the namespace began, and what was added during one window.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CounterFacts {
    /// Between the two samples.
    pub window: Duration,
    totals: BTreeMap<String, u64>,
    grown: BTreeMap<String, u64>,
}

impl CounterFacts {
    /// No counter yet, samples `window` apart.
    pub fn over(window: Duration) -> Self {
        Self { window, ..Self::default() }
    }

    /// Notes one counter (`TcpExt.ListenOverflows`).
    pub fn set(&mut self, name: &str, total: u64, grown: u64) {
        self.totals.insert(name.to_owned(), total);
        self.grown.insert(name.to_owned(), grown);
    }

    /// Since the namespace began; 0 where this kernel does not have it.
    pub fn total(&self, name: &str) -> u64 {
        self.totals.get(name).copied().unwrap_or(0)
    }

    /// During the window.
    pub fn grown(&self, name: &str) -> u64 {
        self.grown.get(name).copied().unwrap_or(0)
    }

    /// Per second, over the window.
    pub fn rate_per_s(&self, name: &str) -> f64 {
        match self.window.as_secs_f64() {
            seconds if seconds > 0.0 => self.grown(name) as f64 / seconds,
            _ => 0.0,
        }
    }

    /// Totals by name.
    pub fn totals(&self) -> impl Iterator<Item = (&str, u64)> {
        self.totals.iter().map(|(name, total)| (name.as_str(), *total))
    }

    /// `ListenOverflows 12 (+3 in 0.3 s)`: evidence of one counter.
    pub fn shown(&self, name: &str) -> String {
        let short = name.split_once('.').map_or(name, |(_, short)| short);
        let (total, grown) = (self.total(name), self.grown(name));
        match grown {
            0 => format!("{short} {total}"),
            _ => format!("{short} {total} (+{grown} in {:.1} s)", self.window.as_secs_f64()),
        }
    }
}
