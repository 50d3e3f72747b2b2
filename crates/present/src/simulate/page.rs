//! A result as a page.

use super::Ran;
use super::words::{TimeRow, budget, causes, scene, time, time_rows};
use crate::Made;
use crate::bars::share;
use crate::number::{count, percent};
use crate::page::{Bar, Colour, Part, Series, bars, cards, curves, document, faint_lines};
use maud::{Markup, html};
use tcp_model::simulate::{Output, Point};

/// Bars of the connect-time distribution.
const TIMES_MAX: usize = 12;

/// One simulation.
pub(super) fn page(ran: &Ran<'_>, made: &Made) -> String {
    let result = ran.result;
    let body = html! {
        h1 { (verdict(result)) }
        (faint_lines(&scene(ran.raw, result, &format!("Linux {}", result.kernel))))
        (cards(&figures(result)))
        h2 { "What became of connects" }
        (time_bars(result))
        (cause_bars(result))
        h2 { "Over time" }
        (port_curves(result))
        (trouble_curves(result))
        h2 { "Port budget" }
        table.budget { @for (name, number) in budget(result) { tr { th { (name) } td { (count(number)) } } } }
    };
    document("quintet simulate", &body, made)
}

fn verdict(result: &Output) -> String {
    let share = |count| percent(count, result.connects);
    match (result.stalled(), result.slowed()) {
        (0, 0) => "Every connect succeeded at once".to_owned(),
        (0, slowed) => format!("{} of connects were slowed by less than a second, none stalled", share(slowed)),
        (stalled, slowed) => format!(
            "{} of connects stalled (failed, hung, or were late by a second and more), {} were slowed by less",
            share(stalled),
            share(slowed),
        ),
    }
}

fn figures(result: &Output) -> [(String, &'static str); 8] {
    let times = &result.connect_times;
    [
        (count(result.connects), "connects tried"),
        (count(result.syns.failed), "failed"),
        (count(result.waiting()), "still waiting"),
        (count(times.delayed()), "delayed"),
        (count(result.syns.dropped_silently), "SYNs dropped silently"),
        (count(result.syns.challenged), "SYNs challenged"),
        (time(times.quantile(0.5)), "median connect"),
        (time(times.quantile(0.99)), "99th percentile"),
    ]
}

/// Lengths by orders of magnitude: most connects are quick, and the few that are not are what matters.
fn time_bars(result: &Output) -> Markup {
    let total = result.connect_times.total();
    let length = |count: u64| (count as f64 + 1.0).log10();
    let rows = time_rows(&result.connect_times, TIMES_MAX);
    let longest = rows.iter().map(|row| length(row.count)).fold(f64::MIN_POSITIVE, f64::max);
    let bar = |row: TimeRow| Bar {
        parts: vec![Part { colour: Colour::Blue, share: length(row.count) / longest }],
        note: format!("{} ({})", count(row.count), percent(row.count, total)),
        label: row.label,
    };
    bars("Time to connect (lengths logarithmic)", &[], &rows.into_iter().map(bar).collect::<Vec<_>>())
}

fn cause_bars(result: &Output) -> Markup {
    let causes = causes(result);
    let Some((_, most)) = causes.first() else {
        return html! { p { "No SYN was dropped or challenged, and no port was missing." } };
    };
    let bar = |(cause, number): &(tcp_model::simulate::Cause, u64)| Bar {
        label: cause.to_string(),
        parts: vec![Part { colour: Colour::Red, share: share(*number, *most) }],
        note: count(*number),
    };
    html! {
        (bars("Causes", &[], &causes.iter().map(bar).collect::<Vec<_>>()))
        ul.faint { @for (cause, _) in &causes { li { (cause) ": " (cause.setting()) } } }
    }
}

fn series<'a>(result: &Output, name: &'a str, colour: Colour, pick: impl Fn(&Point) -> Option<u64>) -> Series<'a> {
    let point = |point: &Point| Some((point.at_s as f64, pick(point)? as f64));
    Series { name, colour, points: result.series.iter().filter_map(point).collect() }
}

fn port_curves(result: &Output) -> Markup {
    let gateway = series(result, "at the gateway", Colour::Orange, |point| point.nat_ports_free);
    let client = series(result, "at the busiest client", Colour::Blue, |point| Some(point.client_ports_free));
    let free: Vec<Series<'_>> = [gateway, client].into_iter().filter(|one| !one.points.is_empty()).collect();
    let waits = series(result, "", Colour::Violet, |point| Some(point.server_time_waits));
    html! { (curves("Free ports", &free)) (curves("TIME_WAITs at the server", &[waits])) }
}

/// Counts of a point are those since the point before.
fn trouble_curves(result: &Output) -> Markup {
    let every_s = result.series.first().map_or(1, |point| point.at_s.max(1));
    let per_s = |name, colour, pick: fn(&Point) -> u64| {
        let mut one = series(result, name, colour, |point| Some(pick(point)));
        one.points.iter_mut().for_each(|(_, y)| *y /= every_s as f64);
        one
    };
    let all = [
        per_s("challenged SYNs", Colour::Orange, |point| point.challenged),
        per_s("SYNs dropped silently", Colour::Violet, |point| point.dropped_silently),
        per_s("failed connects", Colour::Red, |point| point.failed),
    ];
    curves("Trouble per second", &all)
}
