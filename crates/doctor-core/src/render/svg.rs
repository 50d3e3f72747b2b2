//! A bar per destination: ports in use, in TIME_WAIT, free.

use super::html::escape;
use crate::outlook::Outlook;
use core::fmt::Write;

/// Width of the bars, in the drawing's units.
const WIDTH: f64 = 400.0;
const ROW: usize = 26;
const LABEL: usize = 280;
/// Bars drawn.
const BARS_MAX: usize = 16;

/// Empty where there is nothing to draw.
pub(super) fn port_bars(outlooks: &[Outlook]) -> String {
    let bars: Vec<&Outlook> = outlooks.iter().filter(|one| !one.asked && one.capacity > 0).take(BARS_MAX).collect();
    if bars.is_empty() {
        return String::new();
    }
    let height = bars.len() * ROW + 4;
    let width = LABEL + WIDTH as usize + 90;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" role=\"img\" aria-label=\"ports by destination\">\n"
    );
    for (row, outlook) in bars.iter().enumerate() {
        push_bar(&mut out, row * ROW + 4, outlook);
    }
    out.push_str("</svg>\n");
    out
}

fn push_bar(out: &mut String, y: usize, outlook: &Outlook) {
    let share = |count: u64| (count as f64 / outlook.capacity as f64).min(1.0) * WIDTH;
    let taken = share(outlook.taken);
    let time_wait = share(outlook.time_wait).min(taken);
    let in_use = taken - time_wait;
    let text_y = y + 14;
    let _never_fails = writeln!(
        out,
        "<text x=\"0\" y=\"{text_y}\">{}</text>\
         <rect class=\"free\" x=\"{LABEL}\" y=\"{y}\" width=\"{WIDTH}\" height=\"18\"/>\
         <rect class=\"used\" x=\"{LABEL}\" y=\"{y}\" width=\"{in_use:.1}\" height=\"18\"/>\
         <rect class=\"wait\" x=\"{:.1}\" y=\"{y}\" width=\"{time_wait:.1}\" height=\"18\"/>\
         <text x=\"{}\" y=\"{text_y}\">{} %</text>",
        escape(&outlook.to),
        LABEL as f64 + in_use,
        LABEL + WIDTH as usize + 8,
        (outlook.taken * 100).checked_div(outlook.capacity).unwrap_or(0),
    );
}
