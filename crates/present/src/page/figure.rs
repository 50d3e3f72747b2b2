//! Curves and bars as inline SVG. Only lines and areas are drawn, stretched to the page's width; what is read is text of
//! the page, so that it keeps its size on a phone.

use crate::number::{decade, tick};
use maud::{Markup, html};
use named::named;

/// Parts of an axis.
const TICKS: u32 = 4;
/// Nothing that happened is narrower, of 100.
const BAR_MIN: f64 = 0.5;

named! {
    /// Colours, by the page's class for them.
    pub(crate) enum Colour {
        /// What is neither good nor bad.
        Blue = "blue",
        /// What wants attention.
        Orange = "orange",
        /// What failed.
        Red = "red",
        /// Something else.
        Violet = "violet",
        /// What is left.
        Rest = "rest",
    }
}

/// One curve.
pub(crate) struct Series<'a> {
    /// Empty where there is only one.
    pub(crate) name: &'a str,
    pub(crate) colour: Colour,
    /// In the order of x.
    pub(crate) points: Vec<(f64, f64)>,
}

/// One bar.
pub(crate) struct Bar {
    pub(crate) label: String,
    /// From the left.
    pub(crate) parts: Vec<Part>,
    /// Stands behind the bar.
    pub(crate) note: String,
}

/// A part of a bar.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Part {
    pub(crate) colour: Colour,
    /// Of the whole width, 0.0 to 1.0.
    pub(crate) share: f64,
}

/// What curves are drawn on.
pub(crate) struct Axes {
    pub(crate) x_max: f64,
    /// Words at its start, its end and between, equally far apart.
    pub(crate) x_labels: Vec<String>,
    pub(crate) upwards: Upwards,
    /// Points that are farther apart are not joined: between them nothing was measured.
    pub(crate) gap_max: f64,
}

/// How values go upwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Upwards {
    /// From zero, evenly.
    Evenly,
    /// Microseconds by their logarithm, from one power of ten to another.
    ByDecades,
}

impl Axes {
    /// Of so many seconds, with whole ones at the axis.
    pub(crate) fn seconds(seconds: f64) -> Self {
        let (x_max, parts) = time_axis(seconds);
        let label = |at: u32| format!("{} s", tick(f64::from(at) / f64::from(parts) * x_max));
        Self { x_max, x_labels: (0..=parts).map(label).collect(), upwards: Upwards::Evenly, gap_max: f64::INFINITY }
    }

    /// The same for microseconds.
    pub(crate) fn by_decades(self) -> Self {
        Self { upwards: Upwards::ByDecades, ..self }
    }

    /// The same where a point stands for so many seconds.
    pub(crate) fn with_step(self, seconds: f64) -> Self {
        Self { gap_max: seconds * 1.5, ..self }
    }
}

/// Where an axis of so many seconds ends, and into how many parts it divides: whole seconds from two seconds on.
pub(crate) fn time_axis(seconds: f64) -> (f64, u32) {
    if seconds <= 2.0 {
        return (seconds.max(1.0), TICKS);
    }
    let divided = |end: u64| [TICKS, 5, 3].into_iter().find(|parts| end.is_multiple_of(u64::from(*parts)));
    // A hair more than a whole second is one.
    let ends = ((seconds - 0.05).ceil() as u64..).find_map(|end| Some((end as f64, divided(end)?)));
    ends.unwrap_or((seconds, TICKS))
}

/// Curves over seconds, from zero up. What never left zero is told in words.
pub(crate) fn curves(title: &str, series: &[Series<'_>]) -> Markup {
    let x_max = series.iter().flat_map(|one| &one.points).map(|(x, _)| *x).fold(1.0, f64::max);
    curves_on(title, series, &Axes::seconds(x_max))
}

/// The values of an axis upwards: its ends as they are drawn, and the words beside it from below.
struct Scale {
    upwards: Upwards,
    low: f64,
    high: f64,
    labels: Vec<String>,
}

impl Scale {
    fn of(upwards: Upwards, values: &[f64]) -> Self {
        let (least, most) = values
            .iter()
            .fold((f64::INFINITY, f64::MIN_POSITIVE), |(least, most), value| (least.min(*value), most.max(*value)));
        match upwards {
            Upwards::Evenly => {
                let high = nice(most);
                Self { upwards, low: 0.0, high, labels: (0..=TICKS).map(|at| tick(share(at) * high)).collect() }
            }
            Upwards::ByDecades => {
                let low = least.max(1.0).log10().floor();
                let high = most.max(1.0).log10().ceil().max(low + 1.0);
                Self { upwards, low, high, labels: (low as i32..=high as i32).map(decade).collect() }
            }
        }
    }

    /// From below, 0.0 to 1.0.
    fn share(&self, value: f64) -> f64 {
        let drawn = if self.upwards == Upwards::ByDecades { value.max(1.0).log10() } else { value };
        (drawn - self.low) / (self.high - self.low)
    }
}

/// As [`curves`], on axes of one's own.
pub(crate) fn curves_on(title: &str, series: &[Series<'_>], axes: &Axes) -> Markup {
    let (seen, zero): (Vec<_>, Vec<_>) = series.iter().partition(|one| one.points.iter().any(|(_, y)| *y > 0.0));
    if seen.is_empty() {
        return html! { p { (title) ": none." } };
    }
    let values: Vec<f64> = seen.iter().flat_map(|one| one.points.iter().map(|(_, y)| *y)).collect();
    let scale = Scale::of(axes.upwards, &values);
    html! {
        figure {
            figcaption {
                b { (title) }
                @for one in seen.iter().filter(|one| !one.name.is_empty()) { " " span class={ "key " (one.colour) } { (one.name) } }
                @for one in zero { " " span.key.none { (one.name) ": none" } }
            }
            div.plot {
                div.y { @for label in scale.labels.iter().rev() { span { (label) } } }
                svg viewBox="0 0 100 100" preserveAspectRatio="none" role="img" aria-label=(title) {
                    (grid(scale.labels.len() as u32 - 1))
                    @for one in &seen { @for line in lines(one, axes, &scale) { polyline class=(one.colour) points=(line) {} } }
                }
                div.x { @for label in &axes.x_labels { span { (label) } } }
            }
        }
    }
}

fn share(at: u32) -> f64 {
    f64::from(at) / f64::from(TICKS)
}

fn grid(parts: u32) -> Markup {
    html! {
        @for at in (0..=parts).map(|at| rounded(f64::from(at) / f64::from(parts) * 100.0)) { line x1="0" x2="100" y1=(at) y2=(at) {} }
    }
}

/// A curve, in pieces where nothing was measured between. A point alone is a short line: it would not be seen.
fn lines(series: &Series<'_>, axes: &Axes, scale: &Scale) -> Vec<String> {
    let together = |one: &(f64, f64), next: &(f64, f64)| next.0 - one.0 <= axes.gap_max;
    let place = |(x, y): &(f64, f64)| format!("{:.2},{:.2}", x / axes.x_max * 100.0, 100.0 - scale.share(*y) * 100.0);
    let line = |points: &[(f64, f64)]| {
        let mut places: Vec<_> = points.iter().map(place).collect();
        if let [(x, y)] = points {
            places.push(place(&(x + axes.x_max / 200.0, *y)));
        }
        places.join(" ")
    };
    series.points.chunk_by(together).map(line).collect()
}

/// Bars from the left, one below the other.
pub(crate) fn bars(title: &str, keys: &[(Colour, &str)], bars: &[Bar]) -> Markup {
    html! {
        figure {
            figcaption { b { (title) } @for (colour, name) in keys { " " span class={ "key " (colour) } { (name) } } }
            @for bar in bars {
                div.bar {
                    span { (super::breakable(&bar.label)) }
                    svg viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true" { (parts(&bar.parts)) }
                    span { (bar.note) }
                }
            }
        }
    }
}

fn parts(parts: &[Part]) -> Markup {
    let seen = parts.iter().filter(|part| part.share > 0.0);
    let placed = seen.scan(0.0, |left, part| {
        let (at, width) = (*left, (part.share.min(1.0) * 100.0).max(BAR_MIN));
        *left += width;
        Some((part.colour, rounded(at), rounded(width)))
    });
    html! {
        @for (colour, x, width) in placed { rect class=(colour) x=(x) width=(width) height="10" {} }
    }
}

/// Hundredths are enough for a drawing.
fn rounded(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

/// The next number upwards that divides well into four.
fn nice(value: f64) -> f64 {
    let magnitude = 10f64.powf(value.log10().floor());
    let steps = [1.0, 1.2, 1.6, 2.0, 2.4, 3.2, 4.0, 6.0, 8.0, 10.0];
    let step = steps.into_iter().find(|step| step * magnitude >= value * 0.999_999).unwrap_or(10.0);
    step * magnitude
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
    fn a_curve_stays_within_its_frame() {
        let points = vec![(0.0, 0.0), (180.0, 64_512.0)];
        let svg = curves("a < b", &[Series { name: "one", colour: Colour::Blue, points }]).into_string();
        assert!(svg.contains("points=\"0.00,100.00 100.00,19.36\""), "{svg}");
        assert!(svg.contains("a &lt; b"), "{svg}");
    }

    #[test]
    fn seconds_at_an_axis_are_whole() {
        let check = |seconds: f64, expect: (f64, u32)| assert_eq!(time_axis(seconds), expect, "{seconds}");
        check(0.4, (1.0, 4));
        check(1.5, (1.5, 4));
        check(7.0, (8.0, 4));
        check(9.002, (9.0, 3));
        check(13.1, (15.0, 5));
        check(30.0, (30.0, 5));
        check(599.2, (600.0, 4));
    }

    #[test]
    fn times_go_up_by_powers_of_ten() {
        let points = vec![(0.0, 200.0), (10.0, 20_000.0)];
        let axes = Axes::seconds(10.0).by_decades();
        let svg = curves_on("a", &[Series { name: "one", colour: Colour::Blue, points }], &axes).into_string();
        for part in ["<span>100 us</span>", "<span>100 ms</span>", "points=\"0.00,89.97 100.00,23.30\""] {
            assert!(svg.contains(part), "{part} in {svg}");
        }
    }

    #[test]
    fn where_nothing_was_measured_there_is_no_line() {
        let points = vec![(0.0, 1.0), (1.0, 1.0), (5.0, 1.0), (8.0, 1.0), (9.0, 1.0)];
        let axes = Axes::seconds(10.0).with_step(1.0);
        let svg = curves_on("a", &[Series { name: "one", colour: Colour::Blue, points }], &axes).into_string();
        assert_eq!(svg.matches("<polyline").count(), 3, "{svg}");
        assert!(svg.contains("points=\"50.00,0.00 50.50,0.00\""), "one alone is seen: {svg}");
    }

    #[test]
    fn parts_stand_behind_each_other_and_are_seen() {
        let part = |colour, share| Part { colour, share };
        let bar = Bar {
            label: "some_name".to_owned(),
            parts: vec![part(Colour::Blue, 0.25), part(Colour::Red, 0.0001), part(Colour::Rest, 0.0)],
            note: "<1 %".to_owned(),
        };
        let drawn = bars("title", &[(Colour::Blue, "open")], &[bar]).into_string();
        assert!(drawn.contains("<rect class=\"red\" x=\"25\" width=\"0.5\" height=\"10\"></rect>"), "{drawn}");
        assert!(drawn.contains("some_<wbr>name") && drawn.contains("&lt;1 %"), "{drawn}");
        assert_eq!(drawn.matches("<rect").count(), 2);
    }
}
