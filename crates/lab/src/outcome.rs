//! What an experiment brought. Serialises to the shape of `lab --json`.

use named::named;
use serde::Serialize;
use std::collections::BTreeMap;

named! {
    /// The judgement.
    pub enum Verdict {
        /// Everything that was expected was seen.
        Holds = "holds",
        /// Something else was seen; `why` has both figures.
        Differs = "differs",
        /// It could not be tried, or not so that it would prove anything; `why` says the reason.
        CannotRun = "cannot run here",
    }
}

/// One experiment's result, keys in the order of the report.
#[derive(Clone, Debug, Serialize)]
pub struct Outcome {
    /// The experiment.
    pub name: &'static str,
    /// What should be true, with its place in the guide.
    pub claim: String,
    /// What had to be seen, in figures.
    pub expected: String,
    /// What was seen; `None` where nothing ran.
    pub seen: Option<Seen>,
    /// The judgement.
    pub verdict: Verdict,
    /// Its reason, in one sentence.
    pub why: String,
}

/// What was seen over all phases of an experiment: what is counted is the sum, what is a state is the last.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Seen {
    /// Connects tried.
    pub tried: u64,
    /// Connects that stood.
    pub succeeded: u64,
    /// Failures by errno, or by kind where no errno told of them.
    pub errors: BTreeMap<String, u64>,
    /// TIME_WAIT entries on the client towards the balancer, at the end.
    pub client_time_wait: u64,
    /// TIME_WAIT entries on the balancer towards clients, at the end.
    pub balancer_time_wait: u64,
    /// Complete responses; `None` where no HTTP was spoken.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub responses: Option<u64>,
    /// Growth of the counters that matter, by `client.NAME` and `balancer.NAME`; only where the
    /// namespace is our own.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub counters: BTreeMap<String, u64>,
    /// What the NAT gateway saw, by its name; only where there was one.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub gateway: BTreeMap<String, u64>,
    /// The parts, where there is more than one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub phases: Vec<Seen>,
    /// `connect()` times over the share of ports in TIME_WAIT; only for the port cliff.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub connect_times: Vec<Series>,
}

/// One curve of the port cliff.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Series {
    /// Who chose the ports.
    pub name: &'static str,
    /// In the order measured.
    pub points: Vec<Point>,
}

/// A batch of connects.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Point {
    /// Share of the ports in TIME_WAIT before the batch, in per cent, by sock_diag.
    pub time_wait_percent: f64,
    /// Median time of `connect()` in the batch, in microseconds (for own ports: `bind()` included).
    pub connect_us_median: f64,
}

impl Seen {
    /// All parts together.
    pub(crate) fn of_phases(mut phases: Vec<Self>) -> Self {
        let mut all = Self::default();
        phases.iter_mut().for_each(|phase| all.absorb(phase));
        if phases.len() > 1 {
            all.phases = phases;
        }
        all
    }

    /// A few words for a table.
    pub fn summary(&self) -> String {
        if self.phases.is_empty() {
            return self.part_summary();
        }
        let parts: Vec<String> = self.phases.iter().map(Self::part_summary).collect();
        parts.join("; then ")
    }

    fn part_summary(&self) -> String {
        let errors = self.errors.iter().map(|(name, count)| format!(", {name} {count}"));
        let responses = self.responses.map_or(String::new(), |count| format!(", {count} responses"));
        format!(
            "connects {} tried, {} succeeded{}{responses}; TIME_WAIT {} on the client, {} on the balancer",
            self.tried,
            self.succeeded,
            errors.collect::<String>(),
            self.client_time_wait,
            self.balancer_time_wait
        )
    }

    fn absorb(&mut self, later: &mut Self) {
        self.tried += later.tried;
        self.succeeded += later.succeeded;
        if let Some(more) = later.responses {
            *self.responses.get_or_insert(0) += more;
        }
        add(&mut self.errors, &later.errors);
        add(&mut self.counters, &later.counters);
        self.client_time_wait = later.client_time_wait;
        self.balancer_time_wait = later.balancer_time_wait;
        self.connect_times.append(&mut later.connect_times);
    }
}

fn add(mine: &mut BTreeMap<String, u64>, theirs: &BTreeMap<String, u64>) {
    for (name, count) in theirs {
        *mine.entry(name.clone()).or_default() += count;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(tried: u64, succeeded: u64, client_time_wait: u64) -> Seen {
        let errors = BTreeMap::from([("EADDRNOTAVAIL".to_owned(), tried - succeeded)]);
        Seen {
            tried,
            succeeded,
            errors,
            client_time_wait,
            balancer_time_wait: 2,
            responses: Some(succeeded),
            ..Seen::default()
        }
    }

    const FIRST: &str = "connects 375 tried, 300 succeeded, EADDRNOTAVAIL 75, 300 responses; \
                         TIME_WAIT 300 on the client, 2 on the balancer";
    const SECOND: &str = "connects 75 tried, 0 succeeded, EADDRNOTAVAIL 75, 0 responses; \
                          TIME_WAIT 299 on the client, 2 on the balancer";

    #[test]
    fn one_phase_stands_for_itself() {
        let seen = Seen::of_phases(vec![sample(375, 300, 300)]);
        assert!(seen.phases.is_empty());
        assert_eq!(seen.summary(), FIRST);
    }

    #[test]
    fn phases_add_up_and_are_told_apart() {
        let seen = Seen::of_phases(vec![sample(375, 300, 300), sample(75, 0, 299)]);
        assert_eq!((seen.tried, seen.succeeded, seen.client_time_wait), (450, 300, 299));
        assert_eq!(seen.responses, Some(300));
        assert_eq!(seen.errors["EADDRNOTAVAIL"], 150);
        assert_eq!(seen.summary(), format!("{FIRST}; then {SECOND}"));
    }
}
