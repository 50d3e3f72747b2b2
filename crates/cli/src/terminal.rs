//! What the terminals behind standard output and standard error can show.

use std::io::IsTerminal;

/// Columns of a terminal that does not say, and of a page.
const WIDTH_DEFAULT: u16 = 118;
/// Narrower is nobody's terminal, wider is read badly.
const WIDTHS: (u16, u16) = (40, 200);

/// Columns for text: COLUMNS, where a shell exports it, else the terminal's own width, else a page.
pub(crate) fn width() -> usize {
    let columns = std::env::var("COLUMNS").ok().and_then(|text| text.parse().ok());
    bounded(columns.or_else(sys::terminal::columns))
}

/// Columns for messages on standard error.
pub(crate) fn error_width() -> usize {
    bounded(if std::io::stderr().is_terminal() { sys::terminal::error_columns() } else { None })
}

fn bounded(columns: Option<u16>) -> usize {
    columns.filter(|columns| *columns > 0).unwrap_or(WIDTH_DEFAULT).clamp(WIDTHS.0, WIDTHS.1).into()
}

/// Colours on standard output: only for a terminal that understands them, and not where NO_COLOR is set (no-color.org).
pub(crate) fn colour() -> bool {
    std::io::stdout().is_terminal() && is_colour_welcome()
}

/// As [`colour`], on standard error.
pub(crate) fn error_colour() -> bool {
    std::io::stderr().is_terminal() && is_colour_welcome()
}

fn is_colour_welcome() -> bool {
    let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    understands_escapes() && !refused
}

/// Can the cursor be moved? Not on `TERM=dumb` (editors' shells, logs), nor where nothing is said of the terminal.
pub(crate) fn understands_escapes() -> bool {
    std::env::var_os("TERM").is_some_and(|term| !term.is_empty() && term != "dumb")
}
