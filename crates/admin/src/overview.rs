//! The state of everything at one moment, in the shape in which it is told and read.

use crate::process::Process;
use core::fmt;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Everything. What is added later has a default, so that an older reader and a younger balancer understand each other.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Overview {
    /// Of the balancer.
    pub version: String,
    /// Since it could be asked.
    pub uptime_s: f64,
    /// Must whoever changes something over TCP show a token?
    pub takes_token: bool,
    /// How things may be changed by whoever asks there.
    pub changes: Changes,
    /// Of the process.
    pub pid: u32,
    /// What the process costs.
    pub process: Process,
    /// As configured.
    pub listeners: Vec<Listener>,
    /// As configured.
    pub backend_sets: Vec<BackendSet>,
    /// What is spent of the ports towards servers, the tightest first.
    pub ports: Vec<Port>,
    /// Of event loops, and of what left with a change of the configuration.
    pub counters: Counts,
}

/// How things may be changed at the admin listener.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Changes {
    /// By everybody whom the rights of its socket file let in.
    Freely,
    /// By who shows the token.
    #[default]
    Token,
    /// By nobody: it is reached over TCP, and has no token.
    Never,
}

/// A listener.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Listener {
    /// Its name.
    pub name: String,
    /// `http`, `https` or `tcp`.
    pub protocol: String,
    /// Where it listens.
    pub addresses: Vec<String>,
    /// Does it accept?
    pub state: ListenerState,
    /// Its routes that requests went by, and all others.
    pub routes: Vec<Route>,
    /// How long its requests took, from their head to their end.
    pub request_times: Spread,
    /// What was counted.
    pub counters: Counts,
}

/// Whether a listener accepts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ListenerState {
    /// It does.
    #[default]
    Open,
    /// It does for a last while, by an operator's order: every answer says that its connection closes.
    Draining,
    /// Not, by an operator's order; requests under way may finish.
    Drained,
}

impl fmt::Display for ListenerState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Open => "open",
            Self::Draining => "draining",
            Self::Drained => "drained",
        })
    }
}

/// How many took how long: rows of an end in seconds (none: longer than all that have one) and how many took up to that, and
/// longer than the row before. Rows of none are left out.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Spread(pub Vec<(Option<f64>, u64)>);

impl Spread {
    /// How long the given share took at most, in seconds; within a bucket, which ends at twice where it begins, all are taken
    /// to lie evenly. `None`: there was nothing, or it took longer than the last end.
    pub fn quantile(&self, share: f64) -> Option<f64> {
        let all: u64 = self.0.iter().map(|(_, count)| count).sum();
        let mut left = share * all as f64;
        for (end, count) in self.0.iter().filter(|(_, count)| *count > 0) {
            let count = *count as f64;
            if left <= count {
                return end.map(|end| end / 2.0 * (1.0 + left / count));
            }
            left -= count;
        }
        None
    }
}

/// A route of a listener.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Route {
    /// Its name.
    pub name: String,
    /// What was counted.
    pub counters: Counts,
}

/// A backend set.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct BackendSet {
    /// Its name.
    pub name: String,
    /// Its pool is configured, and its connections are never used again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inert_pool: Option<InertPool>,
    /// Its servers.
    pub servers: Vec<Server>,
    /// From a request on its way to the head of its response.
    pub first_byte_times: Spread,
    /// What was counted.
    pub counters: Counts,
}

/// A pool that does nothing.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct InertPool {
    /// Connections that were opened.
    pub opened: u64,
    /// What most of them were closed for, by its name among `servers.why`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// A server of a set.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Server {
    /// Its address.
    pub address: String,
    /// The host it was found under, where it was named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// Is it asked?
    pub state: ServerState,
    /// Where it is set aside: what failed last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// By which it is asked: what an operator said stands above what is configured.
    pub weight: u32,
    /// Asked only where no other is up.
    pub backup: bool,
    /// Requests and joined connections under way.
    pub in_flight: u32,
    /// Connections to it, where its set bounds them.
    pub connections: u32,
    /// From a request on its way to the head of its response.
    pub first_byte_times: Spread,
    /// What was counted.
    pub counters: Counts,
}

/// Whether a server is asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ServerState {
    /// It is.
    #[default]
    Up,
    /// Only for what is its own: its weight is 0.
    Draining,
    /// Not, and it is not checked: an operator has taken it out.
    Disabled,
    /// Not for a while: requests failed at it.
    Aside,
    /// Not: its checks fail.
    Down,
}

impl fmt::Display for ServerState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Up => "up",
            Self::Draining => "draining",
            Self::Disabled => "disabled",
            Self::Aside => "aside",
            Self::Down => "down",
        })
    }
}

/// Ports from one address of ours to one server.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Port {
    /// Our address.
    pub source: String,
    /// The server's address.
    pub destination: String,
    /// Ports there are.
    pub ports: u32,
    /// Held by connections, whoever of this host has them.
    pub live: u64,
    /// Held by TIME_WAIT.
    pub time_wait: u64,
    /// Held by nothing.
    pub free: u64,
    /// Connections opened per second, of late.
    pub rate_per_s: f64,
    /// What the ports pay for, if each connection leaves a TIME_WAIT here.
    pub rate_per_s_max: f64,
    /// Where that is less than the rate of late.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exhausted_in_s: Option<f64>,
}

/// Counters by name; a row of them by label. What is 0 is left out.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Counts(Map<String, Value>);

impl Counts {
    /// Notes one.
    pub(crate) fn note(&mut self, name: &'static str, label: Option<&'static str>, value: u64) {
        let Some(label) = label else { return drop(self.0.insert(name.to_owned(), value.into())) };
        let row = self.0.entry(name).or_insert_with(|| Value::Object(Map::new()));
        if let Some(row) = row.as_object_mut() {
            row.insert(label.to_owned(), value.into());
        }
    }

    /// A counter, or the sum of a row.
    pub fn count(&self, name: &str) -> u64 {
        match self.0.get(name) {
            Some(Value::Object(row)) => row.values().filter_map(Value::as_u64).sum(),
            Some(value) => value.as_u64().unwrap_or(0),
            None => 0,
        }
    }

    /// Those of a row, by label.
    pub fn row(&self, name: &str) -> impl Iterator<Item = (&str, u64)> {
        let row = self.0.get(name).and_then(Value::as_object);
        row.into_iter().flatten().filter_map(|(label, value)| Some((label.as_str(), value.as_u64()?)))
    }

    /// Of a listener: requests that came to an end.
    pub fn ended(&self) -> u64 {
        ["responses", "truncated", "replies", "failures", "abandoned"].iter().map(|name| self.count(name)).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_are_read_as_they_were_told() {
        let mut counts = Counts::default();
        counts.note("requests", None, 7);
        counts.note("failures", Some("no_port"), 2);
        counts.note("failures", Some("connect_refused"), 3);
        let told = serde_json::to_value(&counts).expect("plain data");
        assert_eq!(told, serde_json::json!({ "requests": 7, "failures": { "no_port": 2, "connect_refused": 3 } }));
        let counts: Counts = serde_json::from_value(told).expect("as written");
        assert_eq!((counts.count("requests"), counts.count("failures"), counts.count("none")), (7, 5, 0));
        let mut row: Vec<_> = counts.row("failures").collect();
        row.sort_unstable();
        assert_eq!(row, [("connect_refused", 3), ("no_port", 2)]);
        assert_eq!((counts.row("requests").count(), counts.ended()), (0, 5));
    }

    #[test]
    fn a_share_lies_within_its_bucket() {
        let spread = Spread(vec![(Some(0.002), 50), (Some(0.004), 50), (None, 1)]);
        let ms = |share| spread.quantile(share).map(|s| (s * 1e4).round() / 10.0);
        assert_eq!((ms(0.25), ms(0.495), ms(0.99)), (Some(1.5), Some(2.0), Some(4.0)));
        assert_eq!((spread.quantile(0.999), Spread::default().quantile(0.5)), (None, None));
    }

    #[test]
    fn another_version_is_understood() {
        let text = r#"{"version":"9.9.9","new":1,"listeners":[{"name":"web","also_new":[]}]}"#;
        let overview: Overview = serde_json::from_str(text).expect("what is known of it");
        assert_eq!((overview.version.as_str(), overview.listeners[0].name.as_str()), ("9.9.9", "web"));
        assert!(overview.ports.is_empty());
    }
}
