//! What is worth a line in the log of events: how urgent it is, how it looks, and which limits were hit since the last look.

use crate::counters::{Counter, Counters, Report};
use crate::refusal::{Refusal, Why};
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

/// Counters that say that a limit was hit, by name, and where the limit is set.
const LIMITS: [(&str, &str); 14] = [
    ("clients.full", "`connections_max` in [listener.limits] says how many, and `ulimit -n` how many there can be"),
    (
        "clients.accept_paused",
        "`ulimit -n` (LimitNOFILE= of a unit) and `connections_max` in [listener.limits] bound files",
    ),
    ("servers.queue_full", "`queue_max` in [backend_set.limits] says how many may wait, `connections_max` for what"),
    ("servers.set_full", "`requests_max` in [backend_set.limits] says how many"),
    ("servers.queue_timed_out", "`queue_timeout` in [backend_set.limits] says how long, `connections_max` for what"),
    ("servers.port_queue_full", "more `sources` or a wider `port_range` of [[backend_set]] make ports"),
    ("servers.retry_budget_spent", "`retry_budget` of [[backend_set]] says how many"),
    ("compression.full", "there is no key: each worker compresses so many at once"),
    ("auth.forgotten", "there is no key: so many are remembered, and the others are compared again"),
    (
        "limits.rate_evicted",
        "there is no key: so many clients are remembered; a limit by another field than `client` has fewer",
    ),
    ("limits.recv_waited_for_buffer", "`buffers_max` in [global] says how many"),
    ("limits.unwatchable", "`fs.epoll.max_user_watches` (sysctl) says how many there can be"),
    (
        "access_log.lost",
        "`access_log_sample` in [global] makes fewer lines; a quicker disk, or a log daemon, takes more",
    ),
    ("access_log.unwritten", "`access_log` in [global] says where to"),
];

/// Counters that say what became of clients that nobody else tells of, each with those of its reasons that are told; none
/// named: all.
const TURNED_AWAY: [(&str, &[&str]); 3] =
    [("tls.failed", &[]), ("proxies.refused", &[]), ("clients.why", &["slow_reader"])];

/// How often one limit of one listener, set or server is told.
const EVERY: Duration = Duration::from_secs(60);

/// A limit that was hit, or clients that were turned away or cut off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LimitHit {
    /// The counter.
    pub counter: &'static Counter,
    /// Of a row of counters: which.
    pub reason: Option<&'static str>,
    /// Of what; empty: of the process.
    pub of: String,
    /// How often since it was told last.
    pub count: u64,
    /// The last of those who were turned away, in words, where they are remembered.
    pub last: Option<String>,
}

impl LimitHit {
    /// What programs call the event.
    pub fn kind(&self) -> &'static str {
        if self.reason.is_some() { "clients-turned-away" } else { "limit-hit" }
    }
}

/// One line: `limit hit 3 times since the last word (clients.full of web): Times a listener was full ...`.
impl core::fmt::Display for LimitHit {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let of = if self.of.is_empty() { String::new() } else { format!(" of {}", self.of) };
        let times = units::counted(self.count, "time");
        if let Some(reason) = self.reason {
            write!(f, "{times} since the last word ({} {reason}{of}): {}", self.counter.name, self.counter.meaning)?;
            return self.last.as_ref().map_or(Ok(()), |last| write!(f, " The last: {last}"));
        }
        write!(f, "limit hit {times} ({}{of}): {}", self.counter.name, self.counter.meaning)?;
        setting_of(self.counter.name).map_or(Ok(()), |setting| write!(f, " Where it is set: {setting}"))
    }
}

/// Looks for limits that were hit.
#[derive(Debug, Default)]
pub struct LimitWatch(HashMap<Told, (u64, Duration)>);

/// What is told: a counter, its reason, and of what it is.
type Told = (&'static str, Option<&'static str>, String);

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
        for hit in &mut hits {
            hit.last = report.refused.iter().rfind(|one| is_of(one, hit)).map(Refusal::to_string);
        }
        hits
    }

    fn look_at(&mut self, of: &str, counters: &Counters, now: Duration, hits: &mut Vec<LimitHit>) {
        counters.visit(|counter, reason, value| {
            if value == 0 || !is_told(counter.name, reason) {
                return;
            }
            let key = (counter.name, reason, of.to_owned());
            let told = self.0.get(&key).copied();
            let (before, at) = told.unwrap_or((0, Duration::ZERO));
            if value > before && (told.is_none() || now >= at + EVERY) {
                self.0.insert(key, (value, now));
                hits.push(LimitHit { counter, reason, of: of.to_owned(), count: value - before, last: None });
            }
        });
    }
}

/// Where a limit is set that this counter tells of.
fn setting_of(counter: &str) -> Option<&'static str> {
    LIMITS.iter().find(|(name, _)| *name == counter).map(|(_, setting)| *setting)
}

fn is_told(counter: &str, reason: Option<&str>) -> bool {
    let Some(reason) = reason else { return setting_of(counter).is_some() };
    let row = TURNED_AWAY.iter().find(|(name, _)| *name == counter);
    row.is_some_and(|(_, reasons)| reasons.is_empty() || reasons.contains(&reason))
}

/// Was this one counted there?
fn is_of(refusal: &Refusal, hit: &LimitHit) -> bool {
    let counter = match refusal.why {
        Why::Rule(_) => return false,
        Why::Unannounced(_) => "proxies.refused",
        Why::Unsecured(_) => "tls.failed",
    };
    hit.counter.name == counter && hit.reason == Some(refusal.why.name())
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
        assert!(text.contains(" Where it is set: `connections_max` in [listener.limits]"), "{text}");
    }

    /// Each reason by itself, with the last who was met by it.
    #[test]
    fn clients_that_are_turned_away_are_told_with_reason_and_address() {
        use crate::refusal::Refused;
        use ports::{HandshakeFailure, Unannounced};
        let mut counters = Counters::default();
        counters.tls_failed[HandshakeFailure::PlainHttp as usize] = 2;
        counters.tls_failed[HandshakeFailure::PeerLeft as usize] = 1;
        counters.announced_refused[Unannounced::NotTrusted as usize] = 1;
        counters.client_reasons[crate::CloseReason::SlowReader as usize] = 1;
        counters.client_reasons[crate::CloseReason::ExchangeOver as usize] = 9;
        let from = |port| std::net::SocketAddr::from(([192, 0, 2, 7], port));
        let plain = |port| {
            let who = Refused::Handshake { from: from(port), at: Some(from(443)) };
            Refusal::unsecured(Duration::ZERO, who, HandshakeFailure::PlainHttp)
        };
        let refused = vec![plain(1), plain(2)];
        let report = Report { listeners: vec![("web".to_owned(), counters)], refused, ..Report::default() };
        let mut watch = LimitWatch::default();
        let told = watch.look(&report, Duration::ZERO);
        let of = |name: &str, reason: &str| {
            let one = told.iter().find(|hit| hit.counter.name == name && hit.reason == Some(reason));
            one.unwrap_or_else(|| panic!("{name} {reason} in {told:?}"))
        };
        assert_eq!((told.len(), of("proxies.refused", "not_trusted").kind()), (4, "clients-turned-away"));
        assert_eq!((of("clients.why", "slow_reader").count, of("tls.failed", "peer_left").last.as_deref()), (1, None));
        let text = of("tls.failed", "plain_http").to_string();
        assert!(
            text.starts_with("2 times since the last word (tls.failed plain_http of web): TLS handshakes"),
            "{text}"
        );
        assert!(
            text.contains(" The last: TLS connection of 192.0.2.7:2 to 192.0.2.7:443 refused (plain_http)"),
            "{text}"
        );
        assert!(watch.look(&report, Duration::from_secs(700)).is_empty());
    }

    #[test]
    fn limits_are_counters_that_there_are() {
        for name in LIMITS.map(|(name, _)| name).into_iter().chain(TURNED_AWAY.map(|(name, _)| name)) {
            assert!(Counters::TABLE.iter().any(|counter| counter.name == name), "{name}");
        }
    }
}
