//! `--watch`: the fullest destinations, how fast they fill, and when their ports are gone.

use crate::failure::{Outcome, Result};
use crate::output::Output;
use ::doctor::{HostReport, OutlookReport, Snapshot, Watch};
use doctor_core::Outlook;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::io::{IsTerminal, Write};
use std::time::Duration;
use sys::signal::Signals;

/// Rows of a terminal that does not say.
const ROWS_DEFAULT: u16 = 24;
const BAR_COLUMNS: usize = 20;
const NAME_COLUMNS: usize = 44;

/// Looks again and again on a terminal; once where nobody watches.
pub(super) fn run(interval: Duration, pid: Option<u32>, output: &mut Output) -> Result {
    let live = matches!(output, Output::People) && std::io::stdout().is_terminal();
    // Before the first look: it takes an interval, and Ctrl-C shall leave a tidy screen.
    let signals = live.then(Signals::block).transpose()?;
    let mut watch = Watch::every(interval, pid);
    let Some(signals) = signals else {
        let Some(snapshot) = watch.next() else { return Ok(Outcome::AsHoped) };
        output.say(view(&snapshot).trim_end());
        output.write_json(&snapshot_json(&snapshot))?;
        return judge(&snapshot);
    };
    let _screen = Screen::enter()?;
    for snapshot in watch {
        if draw(&view(&snapshot)).is_err() || signals.wait(Duration::ZERO).is_some() {
            return judge(&snapshot);
        }
    }
    Ok(Outcome::AsHoped)
}

/// A destination without a port left is an error, as in a diagnosis.
fn judge(snapshot: &Snapshot) -> Result {
    let exhausted = snapshot.first_exhausted_in().is_some_and(|time| time.is_zero());
    Ok(if exhausted { Outcome::Bad } else { Outcome::AsHoped })
}

/// A screen of our own; what stood on the terminal comes back with its end.
struct Screen;

impl Screen {
    fn enter() -> std::io::Result<Self> {
        write!(std::io::stdout(), "\x1b[?1049h\x1b[?25l")?;
        Ok(Self)
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        let _terminal_gone = write!(std::io::stdout(), "\x1b[?25h\x1b[?1049l").and_then(|()| std::io::stdout().flush());
    }
}

/// Writes over what stood there before, line by line, so that nothing flickers; no longer than the screen.
fn draw(text: &str) -> std::io::Result<()> {
    let rows = usize::from(sys::terminal::rows().unwrap_or(ROWS_DEFAULT)).max(2);
    let columns = usize::from(crate::output::width());
    let mut screen = "\x1b[H".to_owned();
    for line in text.lines().chain(["", "Ctrl-C ends"]).take(rows - 1) {
        screen.extend(line.chars().take(columns));
        screen.push_str("\x1b[K\n");
    }
    screen.push_str("\x1b[J");
    let mut out = std::io::stdout();
    out.write_all(screen.as_bytes())?;
    out.flush()
}

fn view(snapshot: &Snapshot) -> String {
    let mut text = format!(
        "connects {:.0}/s, failing {:.0}/s, TIME_WAITs taken over {:.0}/s; {} ports for connect()\n",
        snapshot.connects_per_s(),
        snapshot.failing_connects_per_s(),
        snapshot.recycled_per_s(),
        snapshot.host.capacity(),
    );
    let states = &snapshot.host.sockets.by_state;
    let states: Vec<String> = states.iter().map(|(name, count)| format!("{count} {name}")).collect();
    let _ = writeln!(text, "sockets: {}", if states.is_empty() { "none".to_owned() } else { states.join(", ") });
    let _ = writeln!(
        text,
        "{}\n",
        match snapshot.first_exhausted_in() {
            None => "the ports of every destination last".to_owned(),
            Some(time) if time.is_zero() => "a destination has no port left: connects to it fail".to_owned(),
            Some(time) => format!("the first destination without a port: in {:.0} s", time.as_secs_f64()),
        }
    );
    let _ = writeln!(
        text,
        "{:<NAME_COLUMNS$} {:>w$}  ports  TIME_WAIT    new/s  gone in",
        "destination",
        "",
        w = BAR_COLUMNS
    );
    for outlook in &snapshot.outlooks {
        let _ = writeln!(text, "{}", row(outlook));
    }
    if snapshot.outlooks.is_empty() {
        text.push_str("(nothing was connected from here)\n");
    }
    text
}

fn row(outlook: &Outlook) -> String {
    let share = outlook.taken as f64 / outlook.capacity.max(1) as f64;
    let filled = ((share * BAR_COLUMNS as f64).round() as usize).min(BAR_COLUMNS);
    let gone = match outlook.gone_in {
        None => "they last".to_owned(),
        Some(time) if time.is_zero() => "gone".to_owned(),
        Some(time) => format!("{:.0} s", time.as_secs_f64()),
    };
    format!(
        "{:<NAME_COLUMNS$} {}{}  {:>3.0} %  {:>9}  {:>7.0}  {gone}",
        outlook.to,
        "#".repeat(filled),
        "-".repeat(BAR_COLUMNS - filled),
        share * 100.0,
        outlook.time_wait,
        outlook.rate_per_s,
    )
}

fn snapshot_json(snapshot: &Snapshot) -> Value {
    json!({
        "connects_per_s": snapshot.connects_per_s(),
        "failing_connects_per_s": snapshot.failing_connects_per_s(),
        "recycled_per_s": snapshot.recycled_per_s(),
        "first_exhausted_in_s": snapshot.first_exhausted_in().map(|time| time.as_secs_f64()),
        "ports": snapshot.outlooks.iter().map(OutlookReport::of).collect::<Vec<_>>(),
        "host": HostReport::of(&snapshot.host),
    })
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
        let text = view(&Snapshot { at: Duration::ZERO, host: HostFacts::default(), outlooks });
        for words in expect {
            assert!(text.contains(words), "{words:?} in {text}");
        }
    }

    #[test]
    fn the_nearest_end_is_named_first() {
        check(vec![], &["every destination last", "nothing was connected"]);
        check(vec![outlook(250, Some(90)), outlook(500, None)], &["in 90 s", "#####-", "25 %", "50 %", "they last"]);
        check(vec![outlook(1000, Some(0))], &["no port left", "####################", "100 %", "gone"]);
    }
}
