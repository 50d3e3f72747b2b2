//! Two reports of `stress --json` side by side: what changed beyond noise.
//!
//! Each second of a run is one value: rate, median and 99th percentile. Two runs differ where those values differ in rank
//! (Mann-Whitney) and their medians by a share that matters. Failures are compared as shares of all requests.

use super::page::{Run, of_several};
use crate::number::{significant, time_us};
use crate::table::table;
use crate::text::{Text, Tone};
use crate::{Made, Page, Present};
use serde_json::{Value, json};
use stats::rank::{SAMPLES_MIN, mann_whitney, median, two_sided};

/// A chance that small is no noise.
const CHANCE_MAX: f64 = 0.01;
/// A smaller difference of medians does not matter, however sure it is.
const SHARE_MIN: f64 = 0.02;

/// The table of a page is its own; this is for the words.
const PAGE_COLUMNS: usize = 118;

/// What became of a figure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Change {
    Worse,
    Better,
    /// Neither better nor worse in itself.
    Other,
    Noise,
    Unknown,
}

/// One figure of both.
#[derive(Clone, Debug, PartialEq)]
struct Row {
    name: &'static str,
    before: Option<f64>,
    after: Option<f64>,
    /// That both are of one source.
    chance: Option<f64>,
    change: Change,
    /// How it is written.
    unit: Unit,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unit {
    PerSecond,
    Time,
    Percent,
}

/// Two runs, the older one first.
#[derive(Clone, Debug)]
pub struct Compared<'a> {
    runs: [(String, &'a Value); 2],
    rows: Vec<Row>,
    /// Why they may not be comparable.
    differences: Vec<String>,
}

impl<'a> Compared<'a> {
    /// Compares two reports, each with its name.
    ///
    /// # Errors
    /// Which of them is none, and why.
    pub fn new(runs: [(String, &'a Value); 2]) -> Result<Self, String> {
        let [(_, before), (_, after)] = &runs;
        let (before, after) = (*before, *after);
        for (report, which) in [(before, "the first"), (after, "the second")] {
            if report["schema"] != 1 || !report["series"].is_array() {
                return Err(format!("{which} is no report of this version: write it by `quintet stress --json FILE`"));
            }
        }
        let closed = [before, after].iter().all(|report| report["plan"]["rate_per_s"].is_null());
        let more_is = if closed { Change::Better } else { Change::Other };
        let rows = vec![
            of_seconds("responses per second", Unit::PerSecond, more_is, before, after, rates),
            of_seconds("median latency", Unit::Time, Change::Worse, before, after, |report| each(report, "p50")),
            of_seconds("99th percentile", Unit::Time, Change::Worse, before, after, |report| each(report, "p99")),
            of_shares("failed requests", before, after, "/requests/failed"),
            of_shares("never sent", before, after, "/not_sent"),
        ];
        let differences = differences(before, after);
        Ok(Self { runs, rows, differences })
    }

    /// Did anything become worse?
    pub fn is_regression(&self) -> bool {
        self.rows.iter().any(|row| row.change == Change::Worse)
    }
}

/// Seconds that were whole: the first has the beginning in it, the last is cut short.
fn whole(report: &Value) -> &[Value] {
    let all = report["series"].as_array().map_or(&[][..], Vec::as_slice);
    all.get(1..all.len().saturating_sub(1)).unwrap_or_default()
}

fn each(report: &Value, key: &str) -> Vec<f64> {
    whole(report).iter().filter_map(|point| point[key].as_f64()).collect()
}

fn rates(report: &Value) -> Vec<f64> {
    let step = report["series_step_s"].as_f64().unwrap_or(1.0);
    each(report, "ok").into_iter().map(|ok| ok / step).collect()
}

fn of_seconds(
    name: &'static str,
    unit: Unit,
    more_is: Change,
    before: &Value,
    after: &Value,
    values: impl Fn(&Value) -> Vec<f64>,
) -> Row {
    let (one, other) = (values(before), values(after));
    let (chance, before, after) = (mann_whitney(&one, &other), median(&one), median(&other));
    let change = match (chance, before, after) {
        (Some(chance), Some(before), Some(after)) => judged(chance, before, after, more_is),
        _ => Change::Unknown,
    };
    Row { name, before, after, chance, change, unit }
}

fn judged(chance: f64, before: f64, after: f64, more_is: Change) -> Change {
    let less_is = match more_is {
        Change::Worse => Change::Better,
        Change::Better => Change::Worse,
        other => other,
    };
    match (after - before).abs() {
        difference if chance > CHANCE_MAX || difference <= before.abs() * SHARE_MIN => Change::Noise,
        _ if after > before => more_is,
        _ => less_is,
    }
}

/// Shares of all requests that were due, by the two-proportion z-test.
fn of_shares(name: &'static str, before: &Value, after: &Value, part: &str) -> Row {
    let number = |report: &Value, at: &str| report.pointer(at).and_then(Value::as_f64).unwrap_or(0.0);
    let all = |report: &Value| {
        ["/requests/ok", "/requests/failed", "/not_sent"].map(|at| number(report, at)).iter().sum::<f64>()
    };
    let ([n, m], [x, y]) = ([all(before), all(after)], [number(before, part), number(after, part)]);
    if n == 0.0 || m == 0.0 {
        return Row { name, before: None, after: None, chance: None, change: Change::Unknown, unit: Unit::Percent };
    }
    let (one, other, pooled) = (x / n, y / m, (x + y) / (n + m));
    let deviation = (pooled * (1.0 - pooled) * (1.0 / n + 1.0 / m)).sqrt();
    let chance = if deviation > 0.0 { two_sided((one - other).abs() / deviation) } else { 1.0 };
    let change = match () {
        () if chance > CHANCE_MAX => Change::Noise,
        () if other > one => Change::Worse,
        () => Change::Better,
    };
    Row {
        name,
        before: Some(100.0 * one),
        after: Some(100.0 * other),
        chance: Some(chance),
        change,
        unit: Unit::Percent,
    }
}

/// What was asked for, where, and by which version, as far as it differs.
fn differences(before: &Value, after: &Value) -> Vec<String> {
    let keys = [
        ("/plan/url", "target"),
        ("/plan/method", "method"),
        ("/plan/connections", "connections"),
        ("/plan/threads", "threads"),
        ("/plan/close", "--close"),
        ("/plan/ports", "--ports"),
        ("/plan/rate_per_s", "rate"),
        ("/plan/body_bytes", "bytes of the body"),
        ("/host/name", "host"),
        ("/host/kernel", "kernel"),
        ("/version", "version"),
    ];
    let text = |value: Option<&Value>| match value {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Null) | None => "none".to_owned(),
        Some(value) => value.to_string(),
    };
    let differ = keys.iter().filter(|(at, _)| before.pointer(at) != after.pointer(at));
    differ
        .map(|(at, name)| format!("{name}: {} before, {} after", text(before.pointer(at)), text(after.pointer(at))))
        .collect()
}

impl Row {
    fn shown(&self, value: Option<f64>) -> String {
        match (value, self.unit) {
            (None, _) => "-".to_owned(),
            (Some(value), Unit::PerSecond) => format!("{}/s", significant(value)),
            (Some(value), Unit::Time) => time_us(value),
            (Some(value), Unit::Percent) => format!("{value:.3} %"),
        }
    }

    fn difference(&self) -> String {
        match (self.before, self.after) {
            (Some(before), Some(after)) if self.unit == Unit::Percent => format!("{:+.3} points", after - before),
            (Some(before), Some(after)) if before > 0.0 => format!("{:+.1} %", 100.0 * (after - before) / before),
            _ => "-".to_owned(),
        }
    }

    fn verdict(&self) -> String {
        let word = match self.change {
            Change::Worse => "WORSE",
            Change::Better => "better",
            Change::Other => "changed",
            Change::Noise => "within noise",
            Change::Unknown => return format!("unknown: fewer than {SAMPLES_MIN} whole seconds"),
        };
        self.chance.map_or_else(|| word.to_owned(), |chance| format!("{word} (p = {chance:.4})"))
    }
}

impl Compared<'_> {
    fn told(&self, mut text: Text, columns: usize) -> String {
        let rows = self.rows.iter().map(|row| {
            vec![row.name.to_owned(), row.shown(row.before), row.shown(row.after), row.difference(), row.verdict()]
        });
        let head = [("figure", 100), ("before", 100), ("after", 100), ("difference", 100), ("verdict", 100)];
        text.block(&table(columns, &head, rows));
        for difference in &self.differences {
            text.paragraph(0, &format!("not the same: {difference}"));
        }
        text.paragraph(
            0,
            &format!(
                "Medians over whole seconds; different where Mann-Whitney says p <= {CHANCE_MAX} and they differ by more than \
                 {:.0} %. Failures by the two-proportion z-test.",
                SHARE_MIN * 100.0
            ),
        );
        let (tone, words) = match self.is_regression() {
            true => (Tone::Bad, "Verdict: the second run is worse"),
            false if self.rows.iter().any(|row| row.change == Change::Unknown) => {
                (Tone::Uneasy, "Verdict: too short a run to tell")
            }
            false => (Tone::Good, "Verdict: the second run is not worse"),
        };
        text.headline(tone, words);
        text.finish()
    }
}

impl Present for Compared<'_> {
    fn text(&self, columns: usize) -> String {
        self.told(Text::new(columns), columns)
    }

    fn coloured(&self, columns: usize) -> String {
        self.told(Text::coloured(columns), columns)
    }

    fn json(&self) -> Value {
        let row = |row: &Row| {
            json!({
                "figure": row.name,
                "before": row.before,
                "after": row.after,
                "chance": row.chance,
                "change": format!("{:?}", row.change).to_lowercase(),
            })
        };
        json!({
            "regression": self.is_regression(),
            "figures": self.rows.iter().map(row).collect::<Vec<_>>(),
            "not_the_same": self.differences,
        })
    }
}

impl Page for Compared<'_> {
    fn page(&self, made: &Made) -> String {
        let runs = self.runs.clone().map(|(name, report)| Run { name, report });
        of_several(&runs, &self.text(PAGE_COLUMNS), made)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// So many seconds with these rates and latencies, and a little of noise.
    fn run(seconds: u64, rate: u64, us: f64, failed: u64) -> Value {
        let point = |t: u64| json!({ "t_s": t, "ok": rate + t * 7 % 5, "p50": us + (t % 3) as f64, "p99": us * 3.0 + (t % 4) as f64 });
        json!({
            "schema": 1,
            "plan": { "url": "http://a/", "rate_per_s": null, "connections": 10 },
            "requests": { "ok": rate * seconds, "failed": failed },
            "not_sent": 0,
            "series": (0..seconds).map(point).collect::<Vec<_>>(),
            "series_step_s": 1,
        })
    }

    fn compared<'a>(before: &'a Value, after: &'a Value) -> Result<Compared<'a>, String> {
        Compared::new([("before".to_owned(), before), ("after".to_owned(), after)])
    }

    fn changes(before: &Value, after: &Value) -> Vec<Change> {
        compared(before, after).expect("two reports").rows.iter().map(|row| row.change).collect()
    }

    #[test]
    fn what_changed_beyond_noise_is_told_and_nothing_else() {
        use Change::{Better, Noise, Unknown, Worse};
        let base = run(20, 1000, 500.0, 0);
        assert_eq!(changes(&base, &base), [Noise; 5]);
        assert_eq!(changes(&base, &run(20, 900, 560.0, 0)), [Worse, Worse, Worse, Noise, Noise]);
        assert_eq!(changes(&base, &run(20, 1100, 450.0, 0)), [Better, Better, Better, Noise, Noise]);
        // Sure, and too small to matter.
        assert_eq!(changes(&base, &run(20, 1010, 505.0, 0)), [Noise; 5]);
        assert_eq!(changes(&base, &run(20, 1000, 500.0, 100))[3], Worse);
        assert_eq!(changes(&base, &run(20, 1000, 500.0, 1))[3], Noise);
        assert_eq!(changes(&run(4, 1000, 500.0, 0), &base)[..3], [Unknown; 3]);
        assert!(compared(&base, &run(20, 900, 500.0, 0)).expect("reports").is_regression());
    }

    #[test]
    fn a_rate_that_was_asked_for_is_no_merit() {
        let at = |rate: u64| {
            let mut report = run(20, rate, 500.0, 0);
            report["plan"]["rate_per_s"] = rate.into();
            report
        };
        assert_eq!(changes(&at(1000), &at(500))[0], Change::Other);
        let (before, after) = (at(1000), at(500));
        let text = compared(&before, &after).expect("reports").text(118);
        assert!(text.contains("not the same: rate: 1000 before, 500 after") && text.contains("is not worse"), "{text}");
    }

    #[test]
    fn what_is_no_report_is_said() {
        let why = compared(&run(9, 1, 1.0, 0), &json!({})).map(|_| ()).expect_err("no report");
        assert!(why.contains("the second") && why.contains("quintet stress --json FILE"), "{why}");
    }
}
