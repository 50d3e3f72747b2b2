//! What is worth a line in the log of events: how urgent it is, how it looks, and which limits were hit since the last look.

use crate::counters::{Counter, Counters, Report};
use core::time::Duration;
use named::named;
use std::collections::HashMap;

named! {
    /// How urgent something is, as syslog and journald rank it.
    pub enum Level {
        /// Somebody has to do something.
        Error = "error",
        /// Somebody may have to.
        Warning = "warning",
        /// Normal, and worth knowing.
        Notice = "notice",
        /// For whoever looks.
        Info = "info",
    }
}

impl Level {
    /// The number of RFC 5424, section 6.2.1: what journald reads at the beginning of a line, as `<4>`.
    pub fn severity(self) -> u8 {
        match self {
            Self::Error => 3,
            Self::Warning => 4,
            Self::Notice => 5,
            Self::Info => 6,
        }
    }
}

named! {
    /// How events are written (`event_log_format = "..."`).
    #[derive(Default)]
    pub enum EventForm {
        /// A line for people.
        #[default]
        Text = "text",
        /// An object of JSON.
        Json = "json",
    }
}

/// Counters that say that a limit was hit, by name.
const LIMITS: [&str; 13] = [
    "clients.full",
    "clients.accept_paused",
    "servers.queue_full",
    "servers.queue_timed_out",
    "servers.port_queue_full",
    "servers.retry_budget_spent",
    "compression.full",
    "auth.forgotten",
    "limits.rate_evicted",
    "limits.recv_waited_for_buffer",
    "limits.unwatchable",
    "access_log.lost",
    "access_log.unwritten",
];

/// How often one limit of one listener, set or server is told.
const EVERY: Duration = Duration::from_secs(60);

/// A limit that was hit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LimitHit {
    /// The counter.
    pub counter: &'static Counter,
    /// Of what; empty: of the process.
    pub of: String,
    /// How often since it was told last.
    pub count: u64,
}

/// One line: `limit hit 3 times since the last word (clients.full of web): Times a listener was full ...`.
impl core::fmt::Display for LimitHit {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let of = if self.of.is_empty() { String::new() } else { format!(" of {}", self.of) };
        let times = units::counted(self.count, "time");
        write!(f, "limit hit {times} ({}{of}): {}", self.counter.name, self.counter.meaning)
    }
}

/// Looks for limits that were hit.
#[derive(Debug, Default)]
pub struct LimitWatch(HashMap<(&'static str, String), (u64, Duration)>);

impl LimitWatch {
    /// Those hit since they were told last; each once a minute at most.
    pub fn look(&mut self, report: &Report, now: Duration) -> Vec<LimitHit> {
        let named = report.listeners.iter().chain(&report.sets).map(|(name, counters)| (name.clone(), counters));
        let servers = report.servers.iter().map(|(set, server, counters)| (format!("{set}/{server}"), counters));
        let rest = std::iter::once((String::new(), &report.rest));
        let mut hits = Vec::new();
        for (of, counters) in named.chain(servers).chain(rest) {
            self.look_at(&of, counters, now, &mut hits);
        }
        hits
    }

    fn look_at(&mut self, of: &str, counters: &Counters, now: Duration, hits: &mut Vec<LimitHit>) {
        counters.visit(|counter, _, value| {
            if value == 0 || !LIMITS.contains(&counter.name) {
                return;
            }
            let told = self.0.get(&(counter.name, of.to_owned())).copied();
            let (before, at) = told.unwrap_or((0, Duration::ZERO));
            if value > before && (told.is_none() || now >= at + EVERY) {
                self.0.insert((counter.name, of.to_owned()), (value, now));
                hits.push(LimitHit { counter, of: of.to_owned(), count: value - before });
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_told_at_once_and_then_once_a_minute() {
        let report = |full: u64| Report {
            listeners: vec![("web".to_owned(), Counters { full, requests: 9, ..Counters::default() })],
            ..Report::default()
        };
        let mut watch = LimitWatch::default();
        let mut counts = |full, s| -> Vec<u64> {
            watch.look(&report(full), Duration::from_secs(s)).iter().map(|hit| hit.count).collect()
        };
        assert_eq!(counts(0, 0), [0_u64; 0]);
        assert_eq!(counts(2, 10), [2]);
        assert_eq!(counts(5, 20), [0_u64; 0]);
        assert_eq!(counts(6, 70), [4]);
        assert_eq!(counts(6, 700), [0_u64; 0]);
        let text = LimitWatch::default().look(&report(1), Duration::ZERO)[0].to_string();
        assert!(text.starts_with("limit hit 1 time (clients.full of web): Times a listener was full"), "{text}");
    }

    #[test]
    fn limits_are_counters_that_there_are() {
        for name in LIMITS {
            assert!(Counters::TABLE.iter().any(|counter| counter.name == name), "{name}");
        }
    }
}
