//! Rate and latency over time.

use super::history::Point;
use super::paint::{Paint, Tone};
use super::state::LiveView;
use crate::number::{decade, significant, tick, time_us};
use ratatui::Frame;
use ratatui::layout::{Alignment, Rect};
use ratatui::symbols::Marker;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Axis, Block, Chart, Dataset, GraphType, Paragraph};

/// What a rate's axis may end with, times a power of ten.
const ROUND: [f64; 9] = [1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0];

/// A curve: where it goes, and how it is drawn.
struct Curve {
    points: Vec<(f64, f64)>,
    tone: Tone,
    /// Points of their own instead of a line: they are told apart without a colour, too.
    dotted: bool,
}

/// An axis upwards: its bounds, and its labels, equally far apart.
struct Upwards {
    bounds: [f64; 2],
    labels: Vec<String>,
}

/// Complete and failed requests per second.
pub(super) fn rate(view: &LiveView, frame: &mut Frame<'_>, area: Rect) {
    let (at, history) = view.shown();
    let points = history.points();
    let curve = |tone, dotted: bool, of: fn(&Point) -> f64| {
        let points = points.iter().map(|point| (point.t_s, of(point)));
        Curve { points: points.filter(|(_, per_s)| !dotted || *per_s > 0.0).collect(), tone, dotted }
    };
    let curves = [curve(Tone::Good, false, |point| point.ok_per_s), curve(Tone::Bad, true, |point| point.failed_per_s)];
    let most = curves.iter().flat_map(|curve| &curve.points).map(|(_, per_s)| *per_s).fold(0.0, f64::max);
    let top = rounded_up(most);
    let upwards = Upwards { bounds: [0.0, top], labels: [0.0, top / 2.0, top].map(tick).to_vec() };
    let now = |per_s: Option<f64>| per_s.map_or_else(|| "-".to_owned(), significant);
    let mut title = vec![("Per second ".to_owned(), Tone::Strong), (format!("{} ok", now(at.per_s_now)), Tone::Good)];
    if at.failed > 0 {
        title.push((format!(", {} failed", now(at.failed_per_s_now)), Tone::Bad));
    }
    draw(view.paint, frame, area, heading(view.paint, title), &curves, upwards);
}

/// Median and 99th percentile, by their logarithm.
pub(super) fn latency(view: &LiveView, frame: &mut Frame<'_>, area: Rect) {
    let history = view.shown().1;
    let curve = |tone, of: fn(&Point) -> Option<f64>| {
        let points = history.points().iter().filter_map(|point| Some((point.t_s, of(point)?.max(1.0).log10())));
        Curve { points: points.collect(), tone, dotted: false }
    };
    let curves = [curve(Tone::Uneasy, |point| point.p99), curve(Tone::Good, |point| point.p50)];
    let all = || curves.iter().flat_map(|curve| &curve.points).map(|(_, log)| *log);
    let (low, high) = (all().fold(f64::INFINITY, f64::min), all().fold(0.0, f64::max));
    let low = if low.is_finite() { low.floor() } else { 0.0 };
    let high = high.ceil().max(low + 1.0);
    let decades = (low as i32..=high as i32).map(decade).collect();
    let late = history.of_late();
    let now = |share| late.quantile_us(share).map_or_else(|| "-".to_owned(), time_us);
    let title = vec![
        ("Latency ".to_owned(), Tone::Strong),
        (format!("50 % {}", now(0.5)), Tone::Good),
        (format!(", 99 % {}", now(0.99)), Tone::Uneasy),
    ];
    draw(
        view.paint,
        frame,
        area,
        heading(view.paint, title),
        &curves,
        Upwards { bounds: [low, high], labels: decades },
    );
}

fn heading(paint: Paint, parts: Vec<(String, Tone)>) -> Line<'static> {
    let span = |(text, tone): (String, Tone)| Span::styled(text, paint.style(tone));
    Line::from([vec![Span::raw(" ")], parts.into_iter().map(span).collect(), vec![Span::raw(" ")]].concat())
}

fn draw(paint: Paint, frame: &mut Frame<'_>, area: Rect, title: Line<'_>, curves: &[Curve], upwards: Upwards) {
    let block = Block::bordered().border_style(paint.style(Tone::Faint)).title(title);
    let times = || curves.iter().flat_map(|curve| &curve.points).map(|(t_s, _)| *t_s);
    let Some(end) = times().reduce(f64::max) else {
        let nothing = Paragraph::new("nothing is complete yet").style(paint.style(Tone::Faint));
        return frame.render_widget(nothing.block(block), area);
    };
    let dataset = |curve: &'_ Curve| {
        let (marker, graph) = match curve.dotted {
            true => (Marker::Dot, GraphType::Scatter),
            false => (Marker::Braille, GraphType::Line),
        };
        (marker, graph, paint.style(curve.tone))
    };
    let datasets = curves.iter().map(|curve| {
        let (marker, graph, style) = dataset(curve);
        Dataset::default().marker(marker).graph_type(graph).style(style).data(&curve.points)
    });
    let axis = paint.style(Tone::Faint);
    let over =
        Axis::default().style(axis).bounds([0.0, end]).labels(["0 s".to_owned(), format!("{} s", tick(end.round()))]);
    let up = Axis::default().style(axis).bounds(upwards.bounds).labels(upwards.labels);
    let up = up.labels_alignment(Alignment::Right);
    let chart = Chart::new(datasets.collect()).block(block).legend_position(None).x_axis(over).y_axis(up);
    frame.render_widget(chart, area);
}

/// The end of an axis on which so much is seen.
fn rounded_up(most: f64) -> f64 {
    if most <= 0.0 {
        return 1.0;
    }
    let power = 10f64.powf(most.log10().floor());
    power * ROUND.into_iter().find(|round| round * power >= most).unwrap_or(10.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_end_with_round_numbers() {
        let ends = [0.0, 0.7, 1.0, 1.1, 17.0, 450.0, 28_232.0, 99_999.0].map(rounded_up);
        assert_eq!(ends, [1.0, 0.8, 1.0, 1.5, 20.0, 500.0, 30_000.0, 100_000.0]);
    }
}
