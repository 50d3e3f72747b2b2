//! Curves and bars as inline SVG. Colours come from the page's style, so that they fit light and dark.

use super::html::escape;
use std::fmt::Write as _;

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 210.0;
const LEFT: f64 = 76.0;
const RIGHT: f64 = 26.0;
const TOP: f64 = 12.0;
const BOTTOM: f64 = 30.0;
/// Lines of the grid, each way.
const TICKS: u32 = 4;
const ROW: f64 = 26.0;
const BAR_LEFT: f64 = 220.0;
const BAR_WIDTH: f64 = 300.0;

/// One curve.
pub(super) struct Series<'a> {
    pub(super) name: &'a str,
    /// CSS class that gives the colour.
    pub(super) class: &'static str,
    /// In the order of x.
    pub(super) points: Vec<(f64, f64)>,
}

/// One bar.
pub(super) struct Bar {
    pub(super) label: String,
    pub(super) value: f64,
    /// Stands behind the bar.
    pub(super) note: String,
}

/// Curves over seconds, from zero up. What never left zero is told in words.
pub(super) fn curves(title: &str, series: &[Series<'_>]) -> String {
    let (series, zero): (Vec<_>, Vec<_>) = series.iter().partition(|one| one.points.iter().any(|(_, y)| *y > 0.0));
    if series.is_empty() {
        return format!("<p>{}: none.</p>\n", escape(title));
    }
    let all = || series.iter().flat_map(|one| one.points.iter().copied());
    let x_max = all().map(|(x, _)| x).fold(1.0, f64::max);
    let y_max = nice(all().map(|(_, y)| y).fold(1.0, f64::max));
    let mut out = format!("<figure><figcaption>{}", escape(title));
    for one in series.iter().filter(|one| !one.name.is_empty()) {
        let _ = write!(out, " <span class=\"key {}\">{}</span>", one.class, escape(one.name));
    }
    for one in zero {
        let _ = write!(out, " <span class=\"key faint\">{}: none</span>", escape(one.name));
    }
    let _ = writeln!(
        out,
        "</figcaption>\n<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{}\">",
        escape(title)
    );
    push_grid(&mut out, x_max, y_max);
    for one in &series {
        let place = |(x, y): &(f64, f64)| format!("{:.1},{:.1}", x_at(*x, x_max), y_at(*y, y_max));
        let points: Vec<String> = one.points.iter().map(place).collect();
        let _ = writeln!(out, "<polyline class=\"{}\" points=\"{}\"/>", one.class, points.join(" "));
    }
    out.push_str("</svg></figure>\n");
    out
}

fn x_at(x: f64, x_max: f64) -> f64 {
    LEFT + x / x_max * (WIDTH - LEFT - RIGHT)
}

fn y_at(y: f64, y_max: f64) -> f64 {
    HEIGHT - BOTTOM - y / y_max * (HEIGHT - TOP - BOTTOM)
}

fn push_grid(out: &mut String, x_max: f64, y_max: f64) {
    for tick in 0..=TICKS {
        let share = f64::from(tick) / f64::from(TICKS);
        let (x, y) = (x_at(share * x_max, x_max), y_at(share * y_max, y_max));
        let _ = writeln!(
            out,
            "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>\
             <text class=\"end\" x=\"{}\" y=\"{:.1}\">{}</text>\
             <text class=\"mid\" x=\"{x:.1}\" y=\"{}\">{} s</text>",
            WIDTH - RIGHT,
            LEFT - 8.0,
            y + 4.0,
            number(share * y_max),
            HEIGHT - BOTTOM + 20.0,
            number(share * x_max),
        );
    }
}

/// Bars from the left, one below the other; the longest fills the width.
pub(super) fn bars(title: &str, class: &str, bars: &[Bar]) -> String {
    let most = bars.iter().map(|bar| bar.value).fold(f64::MIN_POSITIVE, f64::max);
    let height = bars.len() as f64 * ROW + 6.0;
    let mut out = format!(
        "<figure><figcaption>{0}</figcaption>\n<svg viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-label=\"{0}\">\n",
        escape(title)
    );
    for (row, bar) in bars.iter().enumerate() {
        let y = row as f64 * ROW + 4.0;
        // What happened at all is seen.
        let width = (bar.value / most * BAR_WIDTH).max(1.5);
        let _ = writeln!(
            out,
            "<text class=\"end\" x=\"{}\" y=\"{2:.1}\">{3}</text>\
             <rect class=\"{class}\" x=\"{BAR_LEFT}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"18\" rx=\"2\"/>\
             <text x=\"{1:.1}\" y=\"{2:.1}\">{4}</text>",
            BAR_LEFT - 8.0,
            BAR_LEFT + width + 8.0,
            y + 13.0,
            escape(&bar.label),
            escape(&bar.note),
        );
    }
    out.push_str("</svg></figure>\n");
    out
}

/// The next number upwards that divides well into four.
fn nice(value: f64) -> f64 {
    let magnitude = 10f64.powf(value.log10().floor());
    let steps = [1.0, 1.2, 1.6, 2.0, 2.4, 3.2, 4.0, 6.0, 8.0, 10.0];
    let step = steps.into_iter().find(|step| step * magnitude >= value * 0.999_999).unwrap_or(10.0);
    step * magnitude
}

/// `0.25`, `120`, `28,232`.
pub(super) fn number(value: f64) -> String {
    if value.fract().abs() > 1e-9 && value < 100.0 {
        return format!("{value:.2}").trim_end_matches('0').to_owned();
    }
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_end_at_round_numbers() {
        let check = |value: f64, expect: f64| assert!((nice(value) - expect).abs() < expect * 1e-9, "{value}");
        check(1.0, 1.0);
        check(180.0, 200.0);
        check(200.0, 200.0);
        check(28_232.0, 32_000.0);
        check(64_512.0, 80_000.0);
        check(999.0, 1000.0);
    }

    #[test]
    fn numbers_are_read_easily() {
        let check = |value: f64, expect: &str| assert_eq!(number(value), expect);
        check(0.0, "0");
        check(0.25, "0.25");
        check(2.5, "2.5");
        check(120.0, "120");
        check(28_232.0, "28,232");
        check(1_000_000.0, "1,000,000");
    }

    #[test]
    fn a_curve_stays_within_its_frame() {
        let svg = curves("a < b", &[Series { name: "one", class: "a", points: vec![(0.0, 0.0), (180.0, 64_512.0)] }]);
        assert!(svg.contains("points=\"76.0,180.0 694.0,44.5\""), "{svg}");
        assert!(svg.contains("a &lt; b"), "{svg}");
    }
}
