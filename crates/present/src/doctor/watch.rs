//! A look at a host that fills: the fullest destinations, how fast they fill, and when their ports are gone.

use super::{json, words};
use crate::Present;
use crate::bars::{gauge, share};
use crate::number::count;
use crate::text::Text;
use doctor::Snapshot;
use doctor_core::outlook::Outlook;
use serde_json::{Value, json};
use std::time::Duration;

const BAR_COLUMNS: usize = 20;
const BAR_COLUMNS_MIN: usize = 5;
const NAME_COLUMNS: usize = 44;
const NAME_COLUMNS_MIN: usize = 12;
/// Columns of everything behind name and bar.
const FIGURES_COLUMNS: usize = 38;

/// One look.
#[derive(Clone, Copy, Debug)]
pub struct Look<'a>(pub &'a Snapshot);

impl Present for Look<'_> {
    fn text(&self, columns: usize) -> String {
        let snapshot = self.0;
        let mut text = Text::new(columns);
        text.prose(&format!(
            "connects {:.0}/s, failing {:.0}/s, TIME_WAITs taken over {:.0}/s; {} ports for connect()",
            snapshot.connects_per_s(),
            snapshot.failing_connects_per_s(),
            snapshot.recycled_per_s(),
            count(snapshot.host.capacity().into()),
        ));
        text.prose(&words::sockets(&snapshot.host));
        text.prose(&match snapshot.host.connect_try {
            Some(Err(_)) => "no connect of this host gets a port: bind() users hold them all (ports.bound)".to_owned(),
            _ => first_exhausted(snapshot.first_exhausted_in()),
        });
        text.gap();
        let form = Form::of(columns);
        text.line(form.header());
        snapshot.outlooks.iter().for_each(|outlook| text.line(form.row(outlook)));
        if snapshot.outlooks.is_empty() {
            text.line("(nothing was connected from here)");
        }
        text.finish()
    }

    fn json(&self) -> Value {
        let snapshot = self.0;
        json!({
            "connects_per_s": snapshot.connects_per_s(),
            "failing_connects_per_s": snapshot.failing_connects_per_s(),
            "recycled_per_s": snapshot.recycled_per_s(),
            "first_exhausted_in_s": snapshot.first_exhausted_in().map(|time| time.as_secs_f64()),
            "ports": snapshot.outlooks,
            "host": json::host(&snapshot.host),
        })
    }
}

fn first_exhausted(time: Option<Duration>) -> String {
    match time {
        None => "the ports of every destination last".to_owned(),
        Some(time) if time.is_zero() => "a destination has no port left: connects to it fail".to_owned(),
        Some(time) => format!("the first destination without a port: in {:.0} s", time.as_secs_f64()),
    }
}

/// How wide a row's parts are: each look fits its terminal.
struct Form {
    name: usize,
    bar: usize,
}

impl Form {
    fn of(columns: usize) -> Self {
        let room = columns.saturating_sub(FIGURES_COLUMNS).max(NAME_COLUMNS_MIN);
        let name = room.min(NAME_COLUMNS);
        let bar = (room - name).saturating_sub(1).min(BAR_COLUMNS);
        // Stumps of bars say nothing.
        Self { name, bar: if bar < BAR_COLUMNS_MIN { 0 } else { bar } }
    }

    fn header(&self) -> String {
        let (name, bar) = (self.name, self.bar + usize::from(self.bar > 0));
        format!("{:<name$}{:<bar$}  ports  TIME_WAIT    new/s  gone in", "destination", "")
    }

    fn row(&self, outlook: &Outlook) -> String {
        let taken = share(outlook.taken, outlook.capacity);
        let gone = match outlook.gone_in {
            None => "they last".to_owned(),
            Some(time) if time.is_zero() => "gone".to_owned(),
            Some(time) => format!("{:.0} s", time.as_secs_f64()),
        };
        let bar = if self.bar > 0 { format!(" {}", gauge(taken, self.bar, "#", "-")) } else { String::new() };
        let figures = format!("{:>9}  {:>7.0}  {gone}", count(outlook.time_wait), outlook.rate_per_s);
        let line = |name: &str| format!("{name:<0$}{bar}  {1:>3.0} %  {figures}", self.name, taken * 100.0);
        match outlook.to.chars().count() <= self.name {
            true => line(&outlook.to),
            false => format!("{}\n{}", outlook.to, line("")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use doctor_core::HostFacts;

    fn outlook(taken: u64, gone_in_s: Option<u64>) -> Outlook {
        Outlook {
            to: "10.0.0.1:80 from 10.0.0.2".to_owned(),
            taken,
            time_wait: taken,
            capacity: 1000,
            rate_per_s: 12.0,
            rate_per_s_max: 16.7,
            gone_in: gone_in_s.map(Duration::from_secs),
            asked: false,
        }
    }

    #[track_caller]
    fn check(outlooks: Vec<Outlook>, expect: &[&str]) {
        let text = Look(&Snapshot { at: Duration::ZERO, host: HostFacts::default(), outlooks }).text(110);
        for words in expect {
            assert!(text.contains(words), "{words:?} in {text}");
        }
    }

    #[test]
    fn the_nearest_end_is_named_first() {
        check(vec![], &["every destination last", "nothing was connected"]);
        check(vec![outlook(250, Some(90)), outlook(500, None)], &["in 90 s", "#####-", "25 %", "50 %", "they last"]);
        let one = outlook(250, Some(90));
        for columns in [40, 50, 60, 80, 100, 140] {
            let text = Look(&Snapshot { at: Duration::ZERO, host: HostFacts::default(), outlooks: vec![one.clone()] })
                .text(columns);
            let fits = |line: &str| line.chars().count() <= columns.max(50);
            assert!(text.lines().all(fits) && text.contains("10.0.0.1:80 from 10.0.0.2"), "{columns}: {text}");
        }
        check(vec![outlook(1000, Some(0))], &["no port left", "####################", "100 %", "gone"]);
    }
}
