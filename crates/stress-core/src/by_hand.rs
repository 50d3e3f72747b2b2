//! What a person changes while a run goes on: the rate of an open loop, the connections of a closed one.

use crate::pace::Pace;
use crate::plan::Plan;
use core::fmt;
use core::time::Duration;
use serde::{Serialize, Serializer};

/// At most so many times what was planned, and at least one of so many parts of it.
pub const TIMES_MAX: u32 = 16;
/// Changes that are kept one by one; later ones are counted.
pub const CHANGES_MAX: usize = 256;

/// So many times as much as was planned.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scale(f64);

impl Scale {
    /// As planned.
    pub const PLANNED: Self = Self(1.0);

    /// `None` where it is not between a part of [`TIMES_MAX`] and as many times.
    pub fn new(times: f64) -> Option<Self> {
        let most = f64::from(TIMES_MAX);
        (1.0 / most..=most).contains(&times).then_some(Self(times))
    }

    /// The number itself.
    pub fn times(self) -> f64 {
        self.0
    }

    /// So many connections in place of those that were planned; where there are any, at least one.
    pub fn of(self, planned: u32) -> u32 {
        let some = (f64::from(planned) * self.0).round() as u32;
        if planned == 0 { 0 } else { some.max(1) }
    }
}

impl Default for Scale {
    fn default() -> Self {
        Self::PLANNED
    }
}

/// What a run is asked for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Asked {
    /// So many requests per second; where the rate changes by plan, in the mean.
    PerSecond(f64),
    /// So many connections; where their number changes by plan, at most.
    Connections(u32),
}

impl Asked {
    /// What `plan` asks for; `None` where that cannot be changed: a record is played as it was recorded.
    pub fn of(plan: &Plan) -> Option<Self> {
        match plan.pace {
            _ if plan.ends_by_clock() => None,
            Pace::Open(rate, _) => Some(Self::PerSecond(rate.per_s())),
            Pace::Closed => Some(Self::Connections(plan.connections)),
        }
    }

    /// So many times as much.
    #[must_use]
    pub fn scaled(self, scale: Scale) -> Self {
        match self {
            Self::PerSecond(per_s) => Self::PerSecond(per_s * scale.0),
            Self::Connections(connections) => Self::Connections(scale.of(connections)),
        }
    }

    fn number(self) -> f64 {
        match self {
            Self::PerSecond(per_s) => per_s,
            Self::Connections(connections) => connections.into(),
        }
    }
}

impl fmt::Display for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PerSecond(per_s) if *per_s < 10.0 => write!(f, "{per_s:.2} requests/s"),
            Self::PerSecond(per_s) => write!(f, "{} requests/s", units::grouped(per_s.round() as u64)),
            Self::Connections(connections) => f.write_str(&units::counted((*connections).into(), "connection")),
        }
    }
}

/// Which way somebody turns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// A tenth of what was planned more.
    More,
    /// As much less.
    Less,
    /// Twice as much.
    Double,
    /// Half as much.
    Halve,
    /// As it was planned.
    Back,
}

/// Between what bounds a run can be turned up and down, and where it stands.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Dial {
    planned: Asked,
    /// What can be asked for at most.
    most: f64,
    at: Scale,
}

impl Dial {
    /// Of a run that asks for this; `most`: what this host can do of it, where that is less than [`TIMES_MAX`] times as much.
    pub fn new(planned: Asked, most: f64) -> Self {
        Self { planned, most: most.min(planned.number() * f64::from(TIMES_MAX)), at: Scale::PLANNED }
    }

    /// What is asked for now.
    pub fn asked(&self) -> Asked {
        self.planned.scaled(self.at)
    }

    /// Turns it; `None` where it goes no further that way.
    pub fn turn(&mut self, turn: Turn) -> Option<Scale> {
        let (planned, now) = (self.planned.number(), self.asked().number());
        let step = match self.planned {
            Asked::PerSecond(_) => planned / 10.0,
            Asked::Connections(_) => (planned / 10.0).round().max(1.0),
        };
        let wanted = match turn {
            Turn::More => now + step,
            Turn::Less => now - step,
            Turn::Double => now * 2.0,
            Turn::Halve => now / 2.0,
            Turn::Back => planned,
        };
        let scale = Scale::new(wanted.min(self.most) / planned)?;
        let (before, after) = (self.asked(), self.planned.scaled(scale));
        self.at = scale;
        (before != after).then_some(scale)
    }
}

/// A change that was made.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Change {
    /// Since the start of what is measured.
    pub at: Duration,
    /// What was asked for from then on.
    pub asked: Asked,
}

/// What was changed while a run went on. Serialises to `by_hand` of `stress --json`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ByHand {
    changes: Vec<Change>,
    /// Those beyond [`CHANGES_MAX`].
    more: u64,
}

impl ByHand {
    /// Of these, in order; `more`: those that nobody noted. No more than [`CHANGES_MAX`] are kept.
    pub fn new(mut changes: Vec<Change>, more: u64) -> Self {
        let beyond = changes.len().saturating_sub(CHANGES_MAX) as u64;
        changes.truncate(CHANGES_MAX);
        Self { changes, more: more + beyond }
    }

    /// Was anything?
    pub(crate) fn is_any(&self) -> bool {
        !self.changes.is_empty()
    }

    /// How often.
    pub fn count(&self) -> u64 {
        self.changes.len() as u64 + self.more
    }

    /// In words, those that matter most: the last ones. `None` where nothing was.
    pub(crate) fn words(&self) -> Option<String> {
        const TOLD: usize = 4;
        let what = match self.changes.last()?.asked {
            Asked::PerSecond(_) => "the rate was",
            Asked::Connections(_) => "the connections were",
        };
        let told = &self.changes[self.changes.len().saturating_sub(TOLD)..];
        let each: Vec<_> =
            told.iter().map(|one| format!("{} after {:.1} s", one.asked, one.at.as_secs_f64())).collect();
        let last = if self.count() <= TOLD as u64 { "" } else { "; then" };
        let times = units::counted(self.count(), "time");
        Some(format!("{what} changed by hand {times}{last}: {}", each.join(", ")))
    }
}

impl Serialize for ByHand {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(&self.changes)
    }
}

/// The rate or the connections, whichever it was; the other is `null`.
#[derive(Serialize)]
struct ChangeShape {
    t_s: f64,
    rate_per_s: Option<f64>,
    connections: Option<u32>,
}

impl Serialize for Change {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (rate_per_s, connections) = match self.asked {
            Asked::PerSecond(per_s) => (Some(per_s), None),
            Asked::Connections(connections) => (None, Some(connections)),
        };
        ChangeShape { t_s: self.at.as_secs_f64(), rate_per_s, connections }.serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Turn::{Back, Double, Halve, Less, More};

    /// What is asked for after each turn; `None` where nothing changed.
    #[track_caller]
    fn check(planned: Asked, most: f64, turns: &[(Turn, Option<Asked>)]) {
        let mut dial = Dial::new(planned, most);
        for (turn, expect) in turns {
            let before = dial.asked();
            let told = dial.turn(*turn).map(|scale| planned.scaled(scale));
            assert_eq!(told, *expect, "{turn:?} at {before}");
            assert_eq!(dial.asked(), expect.unwrap_or(before));
        }
    }

    #[test]
    fn a_rate_goes_by_tenths_and_twice_and_back() {
        let rate = |per_s: f64| Some(Asked::PerSecond(per_s));
        check(
            Asked::PerSecond(1000.0),
            1e7,
            &[
                (More, rate(1100.0)),
                (Less, rate(1000.0)),
                (Double, rate(2000.0)),
                (Double, rate(4000.0)),
                (Double, rate(8000.0)),
                (Double, rate(16_000.0)),
                (More, None),
                (Back, rate(1000.0)),
                (Back, None),
                (Halve, rate(500.0)),
                (Halve, rate(250.0)),
                (Halve, rate(125.0)),
                (Less, None),
                (Halve, rate(62.5)),
                (Halve, None),
            ],
        );
    }

    #[test]
    fn connections_go_one_by_one_where_they_are_few_and_end_where_this_host_does() {
        let some = |connections: u32| Some(Asked::Connections(connections));
        check(Asked::Connections(1), 1e6, &[(Less, None), (More, some(2)), (More, some(3)), (Halve, some(2))]);
        check(Asked::Connections(50), 72.0, &[(More, some(55)), (Double, some(72)), (More, None), (Less, some(67))]);
        assert_eq!((Scale(0.1).of(3), Scale(0.1).of(0)), (1, 0));
    }

    #[test]
    fn what_is_no_scale_is_none() {
        for times in [0.0, -1.0, 0.01, 17.0, f64::NAN, f64::INFINITY] {
            assert_eq!(Scale::new(times), None, "{times}");
        }
    }

    #[test]
    fn changes_are_told_in_words_and_bounded() {
        let change = |ms: u64, per_s: f64| Change { at: Duration::from_millis(ms), asked: Asked::PerSecond(per_s) };
        assert_eq!((ByHand::default().words(), ByHand::default().is_any()), (None, false));
        let words = ByHand::new(vec![change(4210, 2200.0)], 0).words();
        assert_eq!(words.as_deref(), Some("the rate was changed by hand 1 time: 2,200 requests/s after 4.2 s"));
        let often = ByHand::new(vec![change(1, 0.5); 300], 1);
        assert_eq!((often.count(), often.changes.len()), (301, CHANGES_MAX));
        assert!(often.words().is_some_and(|words| words.contains("301 times; then: 0.50 requests/s after")));
    }
}
