//! What can be known before the first request: do the ports last?
//!
//! ```text
//! facts.rs    what is known of this host and the target
//! wish.rs     what a plan asks for
//! tactic.rs   who chooses ports, where that is left open
//! outcome.rs  what was said, beside what came
//! ```

mod facts;
mod outcome;
mod tactic;
mod wish;

use crate::plan::{ClosePolicy, Plan, PortMode};
use core::time::Duration;
use facts::Reuse;
pub use facts::{Conntrack, Files, PortFacts, Stock};
pub use outcome::{Compared, Seen};
use ports::TIME_WAIT_LONGEST;
use serde::Serialize;
pub use tactic::Tactic;
use units::{counted, grouped};
use wish::Wish;

/// Do the ports last?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lasts {
    /// As long as the run.
    Yes,
    /// Until then.
    Until(Duration),
    /// As long as no more connections are opened per second than they pay for.
    Depends,
}

/// Another way to the same load.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Way {
    /// Flags.
    pub flags: String,
    /// Connections per second that it pays for; `None`: any number.
    pub per_s_max: Option<f64>,
}

/// What is to be expected of a plan on this host.
#[derive(Clone, Debug, PartialEq)]
pub struct Forecast {
    /// What it was drawn up from.
    pub facts: PortFacts,
    /// Who closes.
    pub close: ClosePolicy,
    /// Who chooses ports.
    pub ports: PortMode,
    /// Connections at a time.
    pub connections: u32,
    /// Connections per second that were asked for; `None`: as fast as answers come.
    pub asked_per_s: Option<f64>,
    /// Connections in all, where that is bounded.
    pub in_all: Option<u64>,
    /// Connections there can be at a time, TIME_WAIT included; `None`: unknown.
    pub tuples: Option<u64>,
    /// Connections per second that go on for ever; `None`: any number, or unknown.
    pub per_s_max: Option<f64>,
    /// Do the ports last?
    pub lasts: Lasts,
    /// Other ways that do, least invasive first; none where this one does.
    pub ways: Vec<Way>,
    /// When connection tracking of this host is full, where that is before the end.
    pub conntrack_full: Option<Duration>,
    runs_for: Option<Duration>,
}

impl Forecast {
    /// Of `plan` with ports chosen by `ports`.
    pub fn of(plan: &Plan, ports: PortMode, facts: &PortFacts) -> Self {
        let wish = Wish::of(plan);
        let mut forecast = Self {
            facts: *facts,
            close: plan.close,
            ports,
            connections: plan.connections,
            asked_per_s: wish.per_s,
            in_all: wish.in_all,
            tuples: tuples(facts, ports),
            per_s_max: per_s_max(plan.close, ports, facts),
            lasts: Lasts::Yes,
            ways: Vec::new(),
            conntrack_full: conntrack_full(plan, &wish, facts),
            runs_for: wish.lasts,
        };
        forecast.lasts = forecast.judge();
        if forecast.lasts != Lasts::Yes {
            forecast.ways = ways(&forecast);
        }
        forecast
    }

    /// Ports that nothing holds yet.
    pub fn free(&self) -> Option<u64> {
        let taken = self.facts.stock(self.ports)?.taken?;
        Some(self.tuples?.saturating_sub(taken))
    }

    /// Until the first connection finds no port, at so many connections per second.
    pub fn gone_after(&self, per_s: f64) -> Option<Duration> {
        let (per_s_max, tuples) = (self.per_s_max?, self.tuples?);
        let left = self.free().unwrap_or(tuples);
        if per_s <= per_s_max || self.in_all.is_some_and(|in_all| in_all <= left) {
            return None;
        }
        let after = Duration::from_secs_f64(left as f64 / per_s);
        self.runs_for.is_none_or(|lasts| after < lasts).then_some(after)
    }

    /// More connections at a time than there are ports: some fail at once.
    pub(crate) fn is_crowded(&self) -> bool {
        self.tuples.is_some_and(|tuples| u64::from(self.connections) > tuples)
    }

    /// Nothing is to be feared.
    pub fn is_good(&self) -> bool {
        self.lasts == Lasts::Yes && self.conntrack_full.is_none() && !self.is_crowded()
    }

    fn judge(&self) -> Lasts {
        let enough = self.free().or(self.tuples).zip(self.in_all).is_some_and(|(left, in_all)| in_all <= left);
        match (self.per_s_max, self.asked_per_s) {
            (None, _) => Lasts::Yes,
            (Some(_), Some(asked)) => self.gone_after(asked).map_or(Lasts::Yes, Lasts::Until),
            (Some(_), None) if enough => Lasts::Yes,
            (Some(_), None) => Lasts::Depends,
        }
    }

    /// In one line: what was asked, what it comes to, and what would do.
    pub fn words(&self) -> String {
        if self.facts.socket_file {
            return "connections go to a socket file: no ports are needed".to_owned();
        }
        let asked = match self.asked_per_s {
            Some(_) if self.close == ClosePolicy::Keep => format!("{} are kept", connections(self.connections.into())),
            Some(per_s) => format!("asked {} connections/s", rate(per_s)),
            None => "asked for connections as fast as answers come".to_owned(),
        };
        let pays = match self.per_s_max {
            None if self.tuples.is_none() && self.close.is_first() => "a number nobody knows".to_owned(),
            None => "no limit".to_owned(),
            Some(per_s) => format!("{}/s", rate(per_s)),
        };
        let comes_to = match self.lasts {
            Lasts::Yes => String::new(),
            Lasts::Until(after) => format!(": ports gone after {}", span(after)),
            Lasts::Depends => format!(": above that, ports are gone after {}", connections(self.left())),
        };
        let ways: String = self.ways.iter().map(|way| format!("; with {}", way.words())).collect();
        format!("{asked}; with {} {pays}{comes_to}{ways}", self.who())
    }

    fn left(&self) -> u64 {
        self.free().or(self.tuples).unwrap_or(0)
    }

    fn who(&self) -> String {
        format!("--close {} --ports {}", self.close, self.ports)
    }

    /// What a person should know before the start.
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        if let Some(tuples) = self.tuples.filter(|_| self.is_crowded()) {
            let (at_a_time, ports) = (connections(self.connections.into()), counted(tuples, "source port"));
            warnings.push(format!("{at_a_time} at a time, but only {ports}: the others will fail"));
        }
        if self.lasts != Lasts::Yes {
            warnings.push(self.words());
        }
        if let (Some(after), Some(table)) = (self.conntrack_full, self.facts.conntrack) {
            warnings.push(format!(
                "connection tracking of this host has {} entries left of {}: full after {} (net.netfilter.nf_conntrack_max, or \
                 do not track this port)",
                grouped(table.max.saturating_sub(table.count)),
                grouped(table.max),
                span(after)
            ));
        }
        warnings
    }
}

impl Way {
    fn words(&self) -> String {
        match self.per_s_max {
            None => format!("{}: no limit", self.flags),
            Some(per_s) => format!("{}: {}/s", self.flags, rate(per_s)),
        }
    }
}

fn tuples(facts: &PortFacts, ports: PortMode) -> Option<u64> {
    if facts.socket_file {
        return None;
    }
    Some(u64::from(facts.stock(ports)?.ports) * u64::from(facts.sources) * u64::from(facts.destinations))
}

/// Connections per second that the ports pay for; `None`: they are not what is spent.
fn per_s_max(close: ClosePolicy, ports: PortMode, facts: &PortFacts) -> Option<f64> {
    if !close.is_first() || facts.socket_file {
        return None;
    }
    let held = match facts.reuse(ports) {
        Reuse::AtOnce => return None,
        // Before Linux 6.14 the delay is a whole second; 0 would be a rate without end.
        Reuse::After(delay) => delay.max(Duration::from_millis(1)),
        Reuse::Never => TIME_WAIT_LONGEST,
    };
    Some(tuples(facts, ports)? as f64 / held.as_secs_f64())
}

/// Each connection has an entry, and keeps it after its end.
fn conntrack_full(plan: &Plan, wish: &Wish, facts: &PortFacts) -> Option<Duration> {
    let (table, per_s) = (facts.conntrack.filter(|_| !facts.socket_file)?, wish.per_s?);
    let left = table.max.saturating_sub(table.count);
    let held = if plan.close == ClosePolicy::Rst { Duration::from_secs(10) } else { table.time_wait };
    if per_s * held.as_secs_f64() <= left as f64 || wish.in_all.is_some_and(|in_all| in_all <= left) {
        return None;
    }
    let after = Duration::from_secs_f64(left as f64 / per_s);
    wish.lasts.is_none_or(|lasts| after < lasts).then_some(after)
}

/// What would last, least invasive first.
fn ways(forecast: &Forecast) -> Vec<Way> {
    let facts = &forecast.facts;
    let unlimited = |flags: &str| Way { flags: flags.to_owned(), per_s_max: None };
    let mut ways = vec![unlimited("--close wait")];
    if forecast.ports != PortMode::Own && facts.own.is_some() && facts.reuse(PortMode::Own) == Reuse::AtOnce {
        ways.push(unlimited("--ports own"));
    }
    let (asked, per_s_max) = (forecast.asked_per_s.unwrap_or(0.0), forecast.per_s_max.unwrap_or(0.0));
    if asked > per_s_max && per_s_max > 0.0 {
        let of_one = per_s_max / f64::from(facts.sources);
        let needed = (asked / of_one).ceil();
        if needed <= ports::set::SOURCES_MAX as f64 {
            let flags = format!("--source-ip of {needed:.0} addresses");
            ways.push(Way { flags, per_s_max: Some(of_one * needed) });
        }
    }
    ways.push(unlimited("--close rst"));
    ways
}

fn connections(count: u64) -> String {
    format!("{} connection{}", grouped(count), if count == 1 { "" } else { "s" })
}

/// Without a fraction where it says nothing.
fn rate(per_s: f64) -> String {
    if per_s < 10.0 { format!("{per_s:.1}") } else { grouped(per_s as u64) }
}

fn span(time: Duration) -> String {
    let seconds = time.as_secs_f64();
    if seconds < 10.0 { format!("{seconds:.1} s") } else { format!("{seconds:.0} s") }
}
