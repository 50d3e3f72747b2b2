//! `--watch`: the fullest destinations, how fast they fill, and when their ports are gone.

use crate::failure::{Outcome, Result};
use crate::output::Output;
use crate::terminal;
use ::doctor::{Snapshot, Watch};
use present::doctor::Look;
use present::{Present, screen};
use std::io::{IsTerminal, Write};
use std::time::Duration;
use sys::signal::Signals;

/// Rows of a terminal that does not say.
const ROWS_DEFAULT: u16 = 24;

/// Looks again and again on a terminal; once where nobody watches.
pub(super) fn run(interval: Duration, pid: Option<u32>, output: &mut Output) -> Result {
    let live = matches!(output, Output::People) && std::io::stdout().is_terminal();
    // Before the first look: it takes an interval, and Ctrl-C shall leave a tidy screen.
    let signals = live.then(Signals::block).transpose()?;
    let mut watch = Watch::every(interval, pid);
    let Some(signals) = signals else {
        let Some(snapshot) = watch.next() else { return Ok(Outcome::AsHoped) };
        output.show(&Look(&snapshot))?;
        return judge(&snapshot);
    };
    let screen = terminal::understands_escapes().then(Screen::enter).transpose()?;
    for snapshot in watch {
        let look = Look(&snapshot);
        let shown = if screen.is_some() { draw(&look) } else { scroll(&look) };
        if shown.is_err() || signals.wait(Duration::ZERO).is_some() {
            return judge(&snapshot);
        }
    }
    Ok(Outcome::AsHoped)
}

/// A destination without a port left is an error, as in a diagnosis.
fn judge(snapshot: &Snapshot) -> Result {
    let no_port = matches!(snapshot.host.connect_try, Some(Err(_)));
    let exhausted = no_port || snapshot.first_exhausted_in().is_some_and(|time| time.is_zero());
    Ok(if exhausted { Outcome::Bad } else { Outcome::AsHoped })
}

/// A screen of our own; what stood on the terminal comes back with its end.
struct Screen;

impl Screen {
    fn enter() -> std::io::Result<Self> {
        write!(std::io::stdout(), "{}", screen::ENTER)?;
        Ok(Self)
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        let _terminal_gone = write!(std::io::stdout(), "{}", screen::LEAVE).and_then(|()| std::io::stdout().flush());
    }
}

/// One look below the other, where the cursor cannot be moved.
fn scroll(look: &Look<'_>) -> std::io::Result<()> {
    let mut out = std::io::stdout();
    writeln!(out, "{}", look.text(terminal::width()))?;
    out.flush()
}

fn draw(look: &Look<'_>) -> std::io::Result<()> {
    let rows = usize::from(sys::terminal::rows().unwrap_or(ROWS_DEFAULT));
    let columns = terminal::width();
    let mut out = std::io::stdout();
    out.write_all(screen::frame(&look.text(columns), rows, columns).as_bytes())?;
    out.flush()
}
