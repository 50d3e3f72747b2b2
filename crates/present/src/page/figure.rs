//! Curves and bars as inline SVG. Only lines and areas are drawn, stretched to the page's width; what is read is text of
//! the page, so that it keeps its size on a phone.

use crate::number::tick;
use maud::{Markup, html};
use named::named;

/// Lines of the grid, each way.
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

/// What stands at the x axis: its end, and the words at its start, its quarters and its end.
pub(crate) struct Axes {
    pub(crate) x_max: f64,
    pub(crate) x_labels: [String; TICKS as usize + 1],
}

/// Curves over seconds, from zero up. What never left zero is told in words.
pub(crate) fn curves(title: &str, series: &[Series<'_>]) -> Markup {
    let x_max = series.iter().flat_map(|one| &one.points).map(|(x, _)| *x).fold(1.0, f64::max);
    let x_labels = core::array::from_fn(|at| format!("{} s", tick(share(at as u32) * x_max)));
    curves_on(title, series, &Axes { x_max, x_labels })
}

/// As [`curves`], over something else than seconds.
pub(crate) fn curves_on(title: &str, series: &[Series<'_>], axes: &Axes) -> Markup {
    let (seen, zero): (Vec<_>, Vec<_>) = series.iter().partition(|one| one.points.iter().any(|(_, y)| *y > 0.0));
    if seen.is_empty() {
        return html! { p { (title) ": none." } };
    }
    let all = || seen.iter().flat_map(|one| one.points.iter().copied());
    let y_max = nice(all().map(|(_, y)| y).fold(f64::MIN_POSITIVE, f64::max));
    html! {
        figure {
            figcaption {
                b { (title) }
                @for one in seen.iter().filter(|one| !one.name.is_empty()) { " " span class={ "key " (one.colour) } { (one.name) } }
                @for one in zero { " " span.key.none { (one.name) ": none" } }
            }
            div.plot {
                div.y { @for at in (0..=TICKS).rev() { span { (tick(share(at) * y_max)) } } }
                svg viewBox="0 0 100 100" preserveAspectRatio="none" role="img" aria-label=(title) {
                    (grid())
                    @for one in &seen { polyline class=(one.colour) points=(points(one, axes.x_max, y_max)) {} }
                }
                div.x { @for label in &axes.x_labels { span { (label) } } }
            }
        }
    }
}

fn share(at: u32) -> f64 {
    f64::from(at) / f64::from(TICKS)
}

fn grid() -> Markup {
    html! {
        @for at in (0..=TICKS).map(|at| share(at) * 100.0) { line x1="0" x2="100" y1=(at) y2=(at) {} }
    }
}

fn points(series: &Series<'_>, x_max: f64, y_max: f64) -> String {
    let place = |(x, y): &(f64, f64)| format!("{:.2},{:.2}", x / x_max * 100.0, 100.0 - y / y_max * 100.0);
    series.points.iter().map(place).collect::<Vec<_>>().join(" ")
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
