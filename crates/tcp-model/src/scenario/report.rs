//! What a run saw, and how two sides disagree: both timelines, one under the other.

use super::types::FlowKey;
use crate::segment::Segment;
use core::fmt;
use core::time::Duration;

/// One thing that happened in a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// The peer sent a segment.
    Peer(FlowKey, Segment),
    /// The host sent a segment.
    Host(FlowKey, Segment),
    /// A call and its result, or a check and what was seen.
    Note(String),
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Peer(flow, segment) => write!(f, "peer > {segment}   ({flow})"),
            Self::Host(flow, segment) => write!(f, "host > {segment}   ({flow})"),
            Self::Note(text) => f.write_str(text),
        }
    }
}

/// What happened in a run, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Timeline(Vec<(Duration, Entry)>);

impl Timeline {
    /// Adds what happened at `at` since the start.
    pub fn push(&mut self, at: Duration, entry: Entry) {
        self.0.push((at, entry));
    }

    /// Everything so far.
    pub fn entries(&self) -> &[(Duration, Entry)] {
        &self.0
    }
}

impl fmt::Display for Timeline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|(at, entry)| writeln!(f, "  {:>9.3}s  {entry}", at.as_secs_f64()))
    }
}

/// A scenario and a host that do not agree.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Disagreement {
    /// The scenario.
    pub scenario: String,
    /// What ran it: `model of 6.18`, `running kernel 6.18.44`.
    pub against: String,
    /// The line of the step that failed.
    pub line: u32,
    /// What the step expects, with its numbers.
    pub expected: String,
    /// How what was seen differs.
    pub seen: String,
    /// Everything that was seen up to there.
    pub timeline: Timeline,
}

impl fmt::Display for Disagreement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}.scn:{} against the {}", self.scenario, self.line, self.against)?;
        writeln!(f, "  expected: {}\n  seen:     {}\n  timeline so far:", self.expected, self.seen)?;
        write!(f, "{}", self.timeline)
    }
}
