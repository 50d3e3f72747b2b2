//! What a run has to keep (`p99<50ms`, `errors<0.1%`, `rate>=99%`): read once, judged by what was measured.

use crate::pace::Pace;
use crate::tally::Tally;
use core::fmt;
use core::time::Duration;
use stats::{Recorder, per_second};

/// Thresholds of one run.
pub const THRESHOLDS_MAX: usize = 64;

/// One thing that a run has to keep. Made by [`Threshold::parse`].
#[derive(Clone, Debug, PartialEq)]
pub struct Threshold {
    figure: Figure,
    relation: Relation,
    bound: Bound,
    /// As a person wrote it, without blanks.
    text: String,
}

/// A threshold after a run.
#[derive(Clone, Debug, PartialEq)]
pub struct Judged {
    /// Which.
    pub threshold: Threshold,
    /// What was measured, in the unit of its bound; `None`: nothing was.
    pub seen: Option<f64>,
    /// What was not measured keeps nothing.
    pub kept: bool,
}

/// What thresholds look at.
#[derive(Clone, Copy, Debug)]
pub struct Figures<'a> {
    /// What was counted.
    pub tally: &'a Tally,
    /// Over this time.
    pub over: Duration,
    /// Requests per second that were asked for, in an open loop.
    pub asked_per_s: Option<f64>,
}

/// Why a text is no threshold. It names the way out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ThresholdError {
    /// No `<`, `<=`, `>`, `>=` or `==` in it.
    #[error("{0:?} compares nothing: write it as 'p99<50ms', 'errors<0.1%' or 'rate>=99%'")]
    Shape(String),
    /// Nothing that is measured has this name.
    #[error(
        "{0:?} is nothing that is measured: take p50 to p99.99, min, mean, max, errors, not_sent, rate, or statuses as \
         5xx or 503"
    )]
    Figure(String),
    /// The bound of a latency.
    #[error("{text:?}: {figure} is a time, {value:?} is not: write 250us, 50ms or 2s")]
    Time {
        /// The whole threshold.
        text: String,
        /// What is bounded.
        figure: String,
        /// By what.
        value: String,
    },
    /// The bound of a number.
    #[error("{text:?}: {figure} is a number or a share, {value:?} is neither: write 100, 10k or 0.1%")]
    Number {
        /// The whole threshold.
        text: String,
        /// What is bounded.
        figure: String,
        /// By what.
        value: String,
    },
    /// A share of a rate that nobody asked for.
    #[error("{0:?} is a share of the rate that is asked for: give --rate, or write a number, as in 'rate>=5k'")]
    NoRate(String),
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Figure {
    /// The latency that this share of responses does not exceed.
    Quantile(f64),
    Min,
    Mean,
    Max,
    /// Failed requests; as a share of those that were made.
    Errors,
    /// As a share of those that were due.
    NotSent,
    /// Complete responses per second; as a share of the rate that was asked for.
    Rate,
    /// Responses with a status from the first to the last; as a share of all responses.
    Statuses(u16, u16),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Relation {
    Below,
    AtMost,
    Above,
    AtLeast,
    Exactly,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Bound {
    Seconds(f64),
    Number(f64),
    /// Of 100.
    Percent(f64),
}

impl Threshold {
    /// Reads one.
    ///
    /// # Errors
    /// What is wrong, and what to write.
    pub fn parse(text: &str) -> Result<Self, ThresholdError> {
        let text: String = text.chars().filter(|char| !char.is_whitespace()).collect();
        let shape = || ThresholdError::Shape(text.clone());
        let at = text.find(['<', '>', '=']).ok_or_else(shape)?;
        let (name, rest) = text.split_at(at);
        let (relation, value) = Relation::split(rest).filter(|_| !name.is_empty()).ok_or_else(shape)?;
        let figure = Figure::parse(name).ok_or_else(|| ThresholdError::Figure(name.to_owned()))?;
        let bound = figure.bound(value).ok_or_else(|| figure.no_bound(&text, name, value))?;
        Ok(Self { figure, relation, bound, text })
    }

    /// Can a run at this pace be judged by it?
    ///
    /// # Errors
    /// It is a share of a rate that nobody asked for.
    pub fn check(&self, pace: Pace) -> Result<(), ThresholdError> {
        let of_rate = matches!((self.figure, self.bound), (Figure::Rate, Bound::Percent(_)));
        if of_rate && pace == Pace::Closed { Err(ThresholdError::NoRate(self.text.clone())) } else { Ok(()) }
    }

    /// Was it kept?
    pub fn judge(&self, figures: Figures<'_>) -> Judged {
        let seen = self.figure.seen(figures, matches!(self.bound, Bound::Percent(_)));
        let kept = seen.is_some_and(|seen| self.relation.holds(seen, self.bound.value()));
        Judged { threshold: self.clone(), seen, kept }
    }

    /// Does it say how many requests may fail?
    pub(crate) fn is_of_errors(&self) -> bool {
        self.figure == Figure::Errors
    }

    /// Does it say how much of what was due may not be sent?
    pub(crate) fn is_of_rate(&self) -> bool {
        matches!(self.figure, Figure::Rate | Figure::NotSent)
    }

    /// As it was written.
    pub fn text(&self) -> &str {
        &self.text
    }
}

impl Relation {
    /// The relation in front, and what stands behind it.
    fn split(text: &str) -> Option<(Self, &str)> {
        // The longer ones first.
        let all = [
            ("<=", Self::AtMost),
            (">=", Self::AtLeast),
            ("==", Self::Exactly),
            ("<", Self::Below),
            (">", Self::Above),
            ("=", Self::Exactly),
        ];
        all.into_iter().find_map(|(sign, relation)| Some((relation, text.strip_prefix(sign)?)))
    }

    fn holds(self, seen: f64, bound: f64) -> bool {
        match self {
            Self::Below => seen < bound,
            Self::AtMost => seen <= bound,
            Self::Above => seen > bound,
            Self::AtLeast => seen >= bound,
            Self::Exactly => (seen - bound).abs() < f64::EPSILON * bound.abs().max(1.0),
        }
    }
}

impl Figure {
    fn parse(name: &str) -> Option<Self> {
        match name {
            "min" => Some(Self::Min),
            "mean" | "avg" => Some(Self::Mean),
            "med" | "median" => Some(Self::Quantile(0.5)),
            "max" => Some(Self::Max),
            "errors" | "failed" => Some(Self::Errors),
            "not_sent" => Some(Self::NotSent),
            "rate" | "rps" => Some(Self::Rate),
            _ => quantile(name).or_else(|| statuses(name)),
        }
    }

    fn is_time(self) -> bool {
        matches!(self, Self::Quantile(_) | Self::Min | Self::Mean | Self::Max)
    }

    fn bound(self, value: &str) -> Option<Bound> {
        if self.is_time() {
            return Some(Bound::Seconds(units::duration(value).ok()?.as_secs_f64()));
        }
        if let Some(share) = value.strip_suffix('%') {
            return number(share).map(Bound::Percent);
        }
        number(value).or_else(|| Some(units::count(value).ok()? as f64)).map(Bound::Number)
    }

    fn no_bound(self, text: &str, figure: &str, value: &str) -> ThresholdError {
        let [text, figure, value] = [text, figure, value].map(str::to_owned);
        match self.is_time() {
            true => ThresholdError::Time { text, figure, value },
            false => ThresholdError::Number { text, figure, value },
        }
    }

    /// In seconds, in numbers, or in per cent of the whole it is a part of.
    fn seen(self, of: Figures<'_>, as_share: bool) -> Option<f64> {
        let tally = of.tally;
        let part = |count: u64, whole: u64| match as_share {
            true => (whole > 0).then(|| 100.0 * count as f64 / whole as f64),
            false => Some(count as f64),
        };
        match self {
            Self::Quantile(share) => tally.latency.quantile(share).map(|time| time.as_secs_f64()),
            Self::Min | Self::Mean | Self::Max => self.of_latency(&tally.latency),
            Self::Errors => part(tally.failed(), tally.ok + tally.failed()),
            Self::NotSent => part(tally.not_sent, tally.due()),
            Self::Rate if as_share => Some(100.0 * per_second(tally.ok, of.over)? / of.asked_per_s?),
            Self::Rate => per_second(tally.ok, of.over),
            Self::Statuses(first, last) => {
                let within = tally.statuses().filter(|(status, _)| (first..=last).contains(status));
                part(within.map(|(_, count)| count).sum(), tally.ok)
            }
        }
    }

    fn of_latency(self, latency: &Recorder) -> Option<f64> {
        let digest = latency.percentiles()?;
        let us = match self {
            Self::Min => digest.min,
            Self::Mean => digest.mean,
            _ => digest.max,
        };
        Some(us / 1e6)
    }
}

/// `p50`, `p99.9`.
fn quantile(name: &str) -> Option<Figure> {
    let percent = number(name.strip_prefix('p')?)?;
    // p999 is how some write p99.9; what it could also be is no percentile.
    let percent = if percent > 100.0 && percent < 10_000.0 && !name.contains('.') { shifted(percent) } else { percent };
    (percent > 0.0 && percent <= 100.0).then_some(Figure::Quantile(percent / 100.0))
}

/// `999` is 99.9, `9999` is 99.99.
fn shifted(mut percent: f64) -> f64 {
    while percent > 100.0 {
        percent /= 10.0;
    }
    percent
}

/// `5xx`, `503`, and both behind `status.` or `statuses.`.
fn statuses(name: &str) -> Option<Figure> {
    let behind = name.strip_prefix("statuses").or_else(|| name.strip_prefix("status"));
    let code = behind.map_or(name, |code| code.trim_start_matches(['.', ':', '_']));
    let class = code.strip_suffix("xx").and_then(|class| class.parse().ok());
    let (first, last): (u16, u16) = match class {
        Some(class @ 1..=9u16) => (class * 100, class * 100 + 99),
        _ => code.parse().ok().map(|code| (code, code))?,
    };
    (100..=999).contains(&first).then_some(Figure::Statuses(first, last))
}

/// Digits with at most one point: none of the other things a float may be.
fn number(text: &str) -> Option<f64> {
    let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    text.parse().ok().filter(|_| plain)
}

impl Bound {
    fn value(self) -> f64 {
        match self {
            Self::Seconds(value) | Self::Number(value) | Self::Percent(value) => value,
        }
    }
}

impl<'a> Figures<'a> {
    /// Of a run at `pace` that counted `tally`.
    pub fn of(tally: &'a Tally, pace: Pace) -> Self {
        let asked_per_s = match pace {
            Pace::Open(rate, _) => Some(rate.per_s()),
            Pace::Closed => None,
        };
        Self { tally, over: tally.elapsed, asked_per_s }
    }

    /// The same where the rate was changed by hand: what was asked for is what became due.
    #[must_use]
    pub fn turned(self, by_hand: bool) -> Self {
        let due_per_s = || per_second(self.tally.due(), self.over);
        Self { asked_per_s: self.asked_per_s.and_then(|asked| if by_hand { due_per_s() } else { Some(asked) }), ..self }
    }
}

impl fmt::Display for Judged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.threshold.text)?;
        match (self.seen, self.threshold.bound) {
            (None, _) => f.write_str("nothing was measured"),
            (Some(seen), Bound::Seconds(_)) => write!(f, "{:.3} ms", seen * 1e3),
            (Some(seen), Bound::Percent(_)) => write!(f, "{seen:.4} %"),
            (Some(seen), Bound::Number(_)) => write!(f, "{}", (seen * 100.0).round() / 100.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pace::{Rate, Spread};
    use crate::step::Failure;

    /// In 2 s: 900 answers with 200 and 100 with 503, of 1 to 1,000 ms; 250 time-outs; 50 not sent.
    fn tally() -> Tally {
        let mut tally = Tally::default();
        tally.not_sent = 50;
        for ms in 1..=1000 {
            let status = if ms % 10 == 0 { 503 } else { 200 };
            tally.record_complete(status, Duration::from_millis(ms), Duration::from_secs(2));
        }
        (0..250).for_each(|_| tally.record_failure(Failure::Timeout, Duration::from_secs(1)));
        tally
    }

    fn open() -> Pace {
        Pace::Open(Rate::new(1000, Duration::from_secs(1)).expect("a good rate"), Spread::Constant)
    }

    #[test]
    fn a_threshold_is_kept_or_not() {
        let tally = tally();
        let check = |text: &str, kept: bool, said: &str| {
            let judged =
                Threshold::parse(text).unwrap_or_else(|why| panic!("{why}")).judge(Figures::of(&tally, open()));
            assert_eq!((judged.kept, judged.to_string().as_str()), (kept, said), "{text}");
        };
        check("max<=1s", true, "max<=1s: 1000.000 ms");
        check("max<1s", false, "max<1s: 1000.000 ms");
        check("min==1ms", true, "min==1ms: 1.000 ms");
        check("mean < 501ms", true, "mean<501ms: 500.500 ms");
        check("p100>999ms", true, "p100>999ms: 1000.000 ms");
        check("errors<20%", false, "errors<20%: 20.0000 %");
        check("errors<=20%", true, "errors<=20%: 20.0000 %");
        check("failed<251", true, "failed<251: 250");
        check("not_sent=50", true, "not_sent=50: 50");
        check("not_sent<3.8%", false, "not_sent<3.8%: 3.8462 %");
        check("rate>=99%", false, "rate>=99%: 50.0000 %");
        check("rps>0.4k", true, "rps>0.4k: 500");
        check("5xx<0.1%", false, "5xx<0.1%: 10.0000 %");
        check("status.503<=100", true, "status.503<=100: 100");
        check("2xx>=90%", true, "2xx>=90%: 90.0000 %");
        check("404==0", true, "404==0: 0");
    }

    /// 1,300 became due in 2 s, whatever was planned; 500 a second were answered.
    #[test]
    fn a_rate_that_was_changed_by_hand_is_compared_with_what_became_due() {
        let tally = tally();
        let judged = Threshold::parse("rate>=70%").expect("a threshold");
        let judge = |by_hand| judged.judge(Figures::of(&tally, open()).turned(by_hand)).seen.expect("measured");
        assert_eq!((judge(false), judge(true)), (50.0, 100.0 * 500.0 / 650.0));
        assert_eq!(Figures::of(&tally, Pace::Closed).turned(true).asked_per_s, None);
    }

    #[test]
    fn percentiles_are_named_by_their_number() {
        let check = |name: &str, share: Option<f64>| {
            let seen = match Figure::parse(name) {
                Some(Figure::Quantile(share)) => Some((share * 1e6).round()),
                _ => None,
            };
            assert_eq!(seen, share.map(|share: f64| (share * 1e6).round()), "{name}");
        };
        check("p50", Some(0.5));
        check("p99.9", Some(0.999));
        check("p999", Some(0.999));
        check("p9999", Some(0.9999));
        check("p99.99", Some(0.9999));
        check("p100", Some(1.0));
        check("median", Some(0.5));
        for wrong in ["p", "p0", "p-1", "p1e1", "p100.5", "pinf", "p99999", "50", "P50x"] {
            check(wrong, None);
        }
    }

    #[test]
    fn what_was_not_measured_keeps_nothing() {
        let (nothing, judge) = (Tally::default(), |text: &str| Threshold::parse(text).expect(text));
        for text in ["p99<50ms", "errors<1%", "rate>1", "5xx<1%"] {
            let judged = judge(text).judge(Figures::of(&nothing, Pace::Closed));
            assert_eq!((judged.kept, judged.seen), (false, None), "{text}");
            assert!(judged.to_string().ends_with("nothing was measured"));
        }
    }

    #[test]
    fn mistakes_name_the_way_out() {
        let check = |text: &str, words: &str| {
            let why = Threshold::parse(text).expect_err(text).to_string();
            assert!(why.contains(words), "{text}: {why}");
        };
        check("p99", "write it as 'p99<50ms'");
        check("<50ms", "compares nothing");
        check("latency<50ms", "take p50 to p99.99");
        check("p99<50", "write 250us, 50ms or 2s");
        check("p99<0.1%", "is a time");
        check("errors<50ms", "write 100, 10k or 0.1%");
        check("errors<-1", "is neither");
        check("errors<NaN%", "is neither");
        check("99xx<1", "nothing that is measured");
        let share = Threshold::parse("rate>=99%").expect("good");
        assert!(share.check(open()).is_ok());
        assert!(share.check(Pace::Closed).unwrap_err().to_string().contains("give --rate"));
        assert!(Threshold::parse("rate>=5k").expect("good").check(Pace::Closed).is_ok());
    }
}
