//! What people may want to know when it happens.

use crate::by::By;
use crate::reload::Change;
use balancer::Failed;
use balancer_core::events::Level;
use balancer_core::{ListenerOrder, ListenerStage, names};
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use std::fmt;

/// Something that changed by itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// A name leads elsewhere.
    NameMoved {
        /// The name.
        name: String,
        /// Addresses, or targets, it has now.
        now: Vec<String>,
        /// Those it had before.
        was: Vec<String>,
        /// Records that are too many to be used.
        left_out: usize,
    },
    /// A name cannot be looked up; what was known of it counts.
    NameFails {
        /// What was asked, such as `A of app.internal`.
        question: String,
        /// Why.
        why: String,
        /// Records that are known.
        kept: usize,
    },
    /// A name leads nowhere at the start, and the start does not wait for it.
    NameNowhere {
        /// Name of the set whose server it is.
        set: String,
        /// The name.
        name: String,
        /// Why.
        why: String,
    },
    /// A name can be looked up again, and is as before.
    NameAnswers {
        /// What was asked.
        question: String,
    },
    /// A server is down by its checks, and gets no requests.
    ServerDown {
        /// Name of its set.
        set: String,
        /// Its address.
        server: String,
        /// What the last check found.
        why: String,
        /// Bad ones in a row.
        in_a_row: u32,
    },
    /// It is up again.
    ServerUp {
        /// Name of its set.
        set: String,
        /// Its address.
        server: String,
        /// Good checks in a row.
        in_a_row: u32,
    },
    /// Requests have failed at it: it gets none for a while.
    ServerAside {
        /// Name of its set.
        set: String,
        /// Its address.
        server: String,
        /// What failed last.
        why: String,
    },
    /// No connection to it can be secured (TLS).
    ServerNotSecured {
        /// Name of its set.
        set: String,
        /// Its address.
        server: String,
        /// Why.
        why: String,
    },
    /// It answers again.
    ServerBack {
        /// Name of its set.
        set: String,
        /// Its address.
        server: String,
    },
    /// All servers of a set are down by their checks, or it has none: nobody is asked.
    SetDown {
        /// Its name.
        set: String,
    },
    /// None is well, but some are only set aside: these are asked in turn.
    SetAside {
        /// Its name.
        set: String,
        /// How many are asked.
        asked: usize,
    },
    /// One of them is up again.
    SetServed {
        /// Its name.
        set: String,
    },
    /// Checks began late: as many as may were under way.
    ChecksLate {
        /// How many, since this was told last.
        count: u64,
        /// Checks that may be under way at once.
        at_once: usize,
    },
    /// The workers do not go by what was found; they go by what they had.
    NotApplied {
        /// Why.
        why: String,
    },
    /// Sources of a set are not of this host any more; the rest is gone by.
    SourcesAway {
        /// Which, and why.
        why: String,
    },
    /// All sources are of this host again.
    SourcesBack,
    /// Somebody said something of a server.
    ServerOrdered {
        /// Name of its set.
        set: String,
        /// Its address.
        server: String,
        /// What, such as `drain`.
        order: String,
        /// Who.
        by: By,
    },
    /// Somebody said something of a listener.
    ListenerOrdered {
        /// Its name.
        listener: String,
        /// What.
        order: ListenerOrder,
        /// Who.
        by: By,
    },
    /// The drain of a listener goes on.
    ListenerDrains {
        /// Its name.
        listener: String,
        /// How far it is.
        stage: ListenerStage,
    },
    /// Another configuration is worked by.
    Reloaded {
        /// What came with it.
        #[serde(flatten)]
        change: Change,
        /// Who wanted it.
        by: By,
    },
    /// Another configuration is not worked by; everything is as it was.
    NotReloaded {
        /// Why.
        why: String,
        /// Who wanted it.
        by: By,
    },
    /// Another process is about to take over.
    HandingOver {
        /// Which.
        process: u32,
    },
    /// It did not: this one goes on.
    NotHandedOver {
        /// Why.
        why: String,
    },
    /// Something that may need somebody, found by whoever owns the balancer: a limit that was hit, a certificate that ends.
    Warned {
        /// What programs call it, such as `limit-hit`.
        kind: String,
        /// It, in words.
        what: String,
    },
    /// The control plane had a mistake of its own, and goes on with what it knows. Requests were not touched by it.
    PlaneBroke {
        /// What it said.
        why: String,
    },
    /// A request failed, and there is no access log to say so.
    RequestFailed {
        /// What is known of it.
        #[serde(flatten)]
        request: RequestFailed,
    },
    /// So many more requests failed than were told.
    FailuresLeftOut {
        /// How many.
        count: u64,
    },
    /// So many events were not told, because there were too many.
    LeftOut {
        /// How many.
        count: u64,
    },
}

/// A request that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestFailed(pub Failed);

impl Serialize for RequestFailed {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let failed = &self.0;
        let mut map = to.serialize_map(None)?;
        map.serialize_entry("client", &failed.client)?;
        map.serialize_entry("listener", &failed.listener)?;
        map.serialize_entry("request", &failed.request)?;
        map.serialize_entry("begins", &failed.begins)?;
        map.serialize_entry("failure", failed.failure)?;
        map.serialize_entry("why", failed.why)?;
        map.serialize_entry("status", &failed.status)?;
        map.serialize_entry("backend_set", &failed.backend_set)?;
        map.serialize_entry("server", &failed.server)?;
        map.serialize_entry("servers", &failed.servers)?;
        map.serialize_entry("attempts", &failed.attempts)?;
        map.serialize_entry("took_s", &failed.took.as_secs_f64())?;
        map.end()
    }
}

impl From<names::Change> for Event {
    fn from(change: names::Change) -> Self {
        match change {
            names::Change::Moved { name, now, was, left_out } => {
                Self::NameMoved { name: name.as_ref().into(), now, was, left_out }
            }
            names::Change::Fails { question, why, kept } => {
                Self::NameFails { question: question.to_string(), why, kept }
            }
            names::Change::Answers { question } => Self::NameAnswers { question: question.to_string() },
        }
    }
}

impl Event {
    /// How urgent it is.
    pub fn level(&self) -> Level {
        match self {
            Self::SetDown { .. }
            | Self::SetAside { .. }
            | Self::NotApplied { .. }
            | Self::NotReloaded { .. }
            | Self::PlaneBroke { .. } => Level::Error,
            Self::ServerDown { .. }
            | Self::ServerAside { .. }
            | Self::ServerNotSecured { .. }
            | Self::NameFails { .. }
            | Self::NameNowhere { .. }
            | Self::RequestFailed { .. }
            | Self::FailuresLeftOut { .. }
            | Self::NotHandedOver { .. }
            | Self::Warned { .. }
            | Self::LeftOut { .. } => Level::Warning,
            _ => Level::Notice,
        }
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NameMoved { name, now, was, left_out } => {
                let more = if *left_out > 0 { format!("; {left_out} more are too many") } else { String::new() };
                write!(f, "name {name}: now {} (was {}){more}", listed(now), listed(was))
            }
            Self::NameFails { question, why, kept } => write!(f, "name: {question}: {why}; {}", going_by(*kept)),
            Self::NameNowhere { set, name, why } => {
                write!(f, "name {name} of set {set} leads nowhere: {why}; it is looked up again")
            }
            Self::NameAnswers { question } => write!(f, "name: {question}: answered again, as before"),
            Self::ServerDown { set, server, why, in_a_row } => {
                write!(f, "server {set}/{server} down: {why}, {in_a_row} in a row")
            }
            Self::ServerUp { set, server, in_a_row } => write!(f, "server {set}/{server} up: {}", good(*in_a_row)),
            Self::ServerAside { set, server, why } => write!(f, "server {set}/{server} set aside: {why}"),
            Self::ServerNotSecured { set, server, why } => write!(f, "server {set}/{server}: {why}"),
            Self::ServerBack { set, server } => write!(f, "server {set}/{server} back: it answers again"),
            Self::SetDown { set } => write!(f, "set {set}: no server is up"),
            Self::SetAside { set, asked } => write!(f, "set {set}: no server is well; {}", still_asked(*asked)),
            Self::SetServed { set } => write!(f, "set {set}: a server is up again"),
            Self::ChecksLate { count, at_once } => write!(f, "{count} checks began late: {}", too_many(*at_once)),
            Self::NotApplied { why } => write!(f, "what was found is not gone by: {why}"),
            Self::SourcesAway { why } => f.write_str(why),
            Self::SourcesBack => f.write_str("all sources are addresses of this host again"),
            Self::ServerOrdered { set, server, order, by } => write!(f, "server {set}/{server}: {order}, {by}"),
            Self::ListenerOrdered { listener, order, by } => write!(f, "listener {listener}: {order}, {by}"),
            Self::ListenerDrains { listener, stage } => write!(f, "listener {listener}: {}", stage_in_words(*stage)),
            Self::Reloaded { change, by } => write!(f, "reloaded, {by}: {change}"),
            Self::NotReloaded { why, by } => write!(f, "not reloaded, nothing was changed ({by}): {why}"),
            Self::HandingOver { process } => write!(f, "handing over to process {process}"),
            Self::NotHandedOver { why } => write!(f, "not handed over, this process goes on: {why}"),
            Self::Warned { what, .. } => f.write_str(what),
            Self::PlaneBroke { why } => write!(f, "the control plane stumbled over {why}; it goes on"),
            Self::RequestFailed { request } => request.0.fmt(f),
            Self::FailuresLeftOut { count } => write!(f, "{count} more requests failed, too fast to be told"),
            Self::LeftOut { count } => write!(f, "{count} more events came too fast to be told"),
        }
    }
}

fn going_by(kept: usize) -> String {
    if kept == 0 { "nothing is known of it".to_owned() } else { format!("going by the {kept} known before") }
}

fn still_asked(aside: usize) -> String {
    match aside {
        1 => "requests still go to the one that is set aside".to_owned(),
        aside => format!("requests still go to the {aside} that are set aside, in turn"),
    }
}

fn good(in_a_row: u32) -> String {
    if in_a_row == 1 { "a good check".to_owned() } else { format!("{in_a_row} good checks in a row") }
}

/// The first of them, so that a line stays one.
fn too_many(at_once: usize) -> String {
    let cure = "a shorter `timeout` or a longer `interval` in [backend_set.health] makes room";
    format!("{at_once} may be under way at once, and many hang; {cure}")
}

fn stage_in_words(stage: ListenerStage) -> &'static str {
    match stage {
        ListenerStage::Open => "accepts",
        ListenerStage::Grace => "accepts for a last while; every answer says that its connection closes",
        ListenerStage::Shut => "accepts nobody any more; requests under way may finish",
        ListenerStage::LastCall => "who has no answer by now is told so",
        ListenerStage::Cut => "drained; whoever was left is cut off",
    }
}

fn listed(all: &[String]) -> String {
    const SHOWN_MAX: usize = 16;
    match all.len() {
        0 => "nobody".to_owned(),
        count if count > SHOWN_MAX => format!("{} and {} more", all[..SHOWN_MAX].join(", "), count - SHOWN_MAX),
        _ => all.join(", "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_one_line_for_people_and_an_object_for_programs() {
        let words = |list: &[&str]| list.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        let moved = Event::NameMoved {
            name: "app.internal".to_owned(),
            now: words(&["10.0.0.7", "10.0.0.8"]),
            was: words(&[]),
            left_out: 0,
        };
        assert_eq!(moved.to_string(), "name app.internal: now 10.0.0.7, 10.0.0.8 (was nobody)");
        let json = serde_json::to_value(&moved).expect("plain data");
        assert_eq!((&json["event"], &json["now"][1]), (&"name-moved".into(), &"10.0.0.8".into()));
        let many: Vec<String> = (0..20).map(|n| format!("10.0.0.{n}")).collect();
        let moved = Event::NameMoved { name: "app".to_owned(), now: many, was: words(&["10.0.0.1"]), left_out: 4 };
        let text = moved.to_string();
        assert!(text.contains("10.0.0.15 and 4 more (was 10.0.0.1); 4 more are too many"), "{text}");
        let fails = |kept| Event::NameFails { question: "A of app".to_owned(), why: "refused".to_owned(), kept };
        assert_eq!(fails(2).to_string(), "name: A of app: refused; going by the 2 known before");
        assert_eq!(fails(0).to_string(), "name: A of app: refused; nothing is known of it");
    }
}
