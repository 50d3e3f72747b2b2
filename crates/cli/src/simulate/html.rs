//! A result as one self-contained page: no script, no font, nothing to fetch; light and dark.

use super::chart::{Bar, Series, bars, curves, number};
use super::sweep;
use super::text::{causes, percent, scene, time_rows};
use std::fmt::Write as _;
use tcp_model::simulate::{Cell, Output, Point, RawPlan};

/// Bars of the connect-time distribution.
const TIMES_MAX: usize = 12;

const STYLE: &str = "\
:root{color-scheme:light dark;--text:#1f2328;--faint:#626a73;--line:#d9dde2;--paper:#fff;--card:#f5f6f8;\
--a:#1f6fb5;--b:#b86e00;--c:#c0392b;--d:#7a4fbf;--heat:192,57,43}\
@media(prefers-color-scheme:dark){:root{--text:#e4e7eb;--faint:#9aa3ad;--line:#3a4048;--paper:#16191d;--card:#1f2328;\
--a:#6cb0f0;--b:#eaa94a;--c:#f28b82;--d:#b69cf2;--heat:242,110,100}}\
body{font:16px/1.5 system-ui,sans-serif;max-width:56rem;margin:2rem auto;padding:0 1rem;color:var(--text);background:var(--paper)}\
h1{font-size:1.5rem;margin-bottom:.3rem}h2{font-size:1.15rem;margin:2rem 0 .5rem}p{margin:.3rem 0}.faint{color:var(--faint)}\
.cards{display:flex;flex-wrap:wrap;gap:.6rem;margin:1rem 0}.cards div{background:var(--card);border-radius:.4rem;padding:.4rem .8rem}\
.cards b{display:block;font-size:1.15rem}.cards span{color:var(--faint);font-size:.9rem}\
figure{margin:1rem 0;background:var(--card);border-radius:.4rem;padding:.7rem}figcaption{font-weight:600;margin-bottom:.4rem}\
.key{font-weight:400;font-size:.9rem;margin-left:.9rem}.key.faint::before{display:none}.key::before{content:\"\";display:inline-block;width:.9rem;height:.2rem;\
margin-right:.35rem;vertical-align:middle;background:currentColor}\
svg{display:block;width:100%;height:auto}svg text{font:12px system-ui,sans-serif;fill:var(--text)}\
.end{text-anchor:end}.mid{text-anchor:middle}.grid{stroke:var(--line)}polyline{fill:none;stroke-width:2;stroke-linejoin:round}\
polyline.a{stroke:var(--a)}polyline.b{stroke:var(--b)}polyline.c{stroke:var(--c)}polyline.d{stroke:var(--d)}\
rect.a{fill:var(--a)}rect.c{fill:var(--c)}.key.a{color:var(--a)}.key.b{color:var(--b)}.key.c{color:var(--c)}.key.d{color:var(--d)}\
table{border-collapse:collapse;width:100%}th,td{padding:.4rem .6rem;border-bottom:1px solid var(--line);text-align:left}th{font-size:.85rem}th:first-child,td{white-space:nowrap}\
td{font-variant-numeric:tabular-nums}td.hurt{background:rgba(var(--heat),var(--share))}";

/// One simulation.
pub(super) fn page(raw: &RawPlan, result: &Output) -> String {
    let mut body = heading(raw, result);
    body.push_str(&cards(result));
    body.push_str("<h2>What became of connects</h2>\n");
    body.push_str(&time_bars(result));
    body.push_str(&cause_bars(result));
    body.push_str("<h2>Over time</h2>\n");
    body.push_str(&port_curves(result));
    body.push_str(&trouble_curves(result));
    document("quintet simulate", &body)
}

/// A table of kernels and settings.
pub(super) fn sweep_page(raw: &RawPlan, cells: &[Cell]) -> String {
    let mut body = format!("<h1>{}</h1>\n", sweep::TITLE);
    if let Some(result) = cells.iter().find_map(|cell| cell.result.as_ref().ok()) {
        let what = scene(raw, result)
            .replace(&format!("a server on Linux {};", result.kernel), "a server on each of these kernels;");
        let _ = writeln!(body, "<p class=\"faint\">{}</p>", escape(&what).replace('\n', "<br>"));
    }
    body.push_str("<table><tr><th>kernel</th>");
    for cell in sweep::rows(cells).next().unwrap_or_default() {
        let _ = write!(body, "<th>{}</th>", escape(&cell.variant).replace('_', "_<wbr>"));
    }
    body.push_str("</tr>\n");
    for row in sweep::rows(cells) {
        let _ = write!(body, "<tr><th>{}</th>", escape(row.first().map_or("", |cell| &cell.kernel)));
        row.iter().for_each(|cell| push_cell(&mut body, cell));
        body.push_str("</tr>\n");
    }
    body.push_str("</table>\n");
    for reason in sweep::reasons(cells) {
        let _ = writeln!(body, "<p class=\"faint\">-: {}</p>", escape(&reason));
    }
    document("quintet simulate --sweep", &body)
}

/// The redder, the more connects were hurt; even few are seen.
fn push_cell(body: &mut String, cell: &Cell) {
    let share = cell.result.as_ref().map_or(0.0, Output::hurt_share);
    let mark = escape(&sweep::mark(cell));
    let _ = match share {
        0.0 => write!(body, "<td>{mark}</td>"),
        share => write!(body, "<td class=\"hurt\" style=\"--share:{:.2}\">{mark}</td>", 0.12 + share.sqrt() * 0.5),
    };
}

fn heading(raw: &RawPlan, result: &Output) -> String {
    let share = |count| percent(count, result.connects);
    let (delayed, failed, waiting) = (result.connect_times.delayed(), result.syns.failed, result.waiting());
    let verdict = match delayed + failed + waiting {
        0 => "Every connect succeeded at once".to_owned(),
        _ if failed + waiting == 0 => format!("{} of connects were delayed, none failed", share(delayed)),
        _ => format!(
            "{} of connects failed, {} were delayed, {} still waited at the end",
            share(failed),
            share(delayed),
            share(waiting)
        ),
    };
    format!(
        "<h1>{}</h1>\n<p class=\"faint\">{}</p>\n",
        escape(&verdict),
        escape(&scene(raw, result)).replace('\n', "<br>")
    )
}

fn cards(result: &Output) -> String {
    let ms =
        |share| result.connect_times.quantile(share).map_or("-".to_owned(), |time| format!("{} ms", time.as_millis()));
    let count = |value: u64| number(value as f64);
    let cards = [
        (count(result.connects), "connects tried"),
        (count(result.syns.failed), "failed"),
        (count(result.waiting()), "still waiting"),
        (count(result.connect_times.delayed()), "delayed"),
        (count(result.syns.dropped_silently), "SYNs dropped silently"),
        (count(result.syns.challenged), "SYNs challenged"),
        (ms(0.5), "median connect"),
        (ms(0.99), "99th percentile"),
    ];
    let cards: String =
        cards.iter().map(|(value, name)| format!("<div><b>{value}</b><span>{name}</span></div>")).collect();
    format!("<div class=\"cards\">{cards}</div>\n")
}

/// Lengths by orders of magnitude: most connects are quick, and the few that are not are what matters.
fn time_bars(result: &Output) -> String {
    let total = result.connect_times.total();
    let bar = |row: super::text::TimeRow| Bar {
        value: (row.count as f64 + 1.0).log10(),
        note: format!("{} ({})", number(row.count as f64), percent(row.count, total)),
        label: row.label,
    };
    let rows: Vec<Bar> = time_rows(&result.connect_times, TIMES_MAX).into_iter().map(bar).collect();
    bars("Time to connect (lengths logarithmic)", "a", &rows)
}

fn cause_bars(result: &Output) -> String {
    let causes = causes(result);
    if causes.is_empty() {
        return "<p>No SYN was dropped or challenged, and no port was missing.</p>\n".to_owned();
    }
    let bar = |(cause, count): &(tcp_model::simulate::Cause, u64)| Bar {
        label: cause.name().to_owned(),
        value: *count as f64,
        note: number(*count as f64),
    };
    let rows: Vec<Bar> = causes.iter().map(bar).collect();
    let mut out = bars("Causes", "c", &rows);
    out.push_str("<ul class=\"faint\">\n");
    for (cause, _) in &causes {
        let _ = writeln!(out, "<li>{}: {}</li>", cause.name(), escape(cause.setting()));
    }
    out.push_str("</ul>\n");
    out
}

fn series<'a>(result: &Output, name: &'a str, class: &'static str, pick: impl Fn(&Point) -> Option<u64>) -> Series<'a> {
    let point = |point: &Point| Some((point.at_s as f64, pick(point)? as f64));
    Series { name, class, points: result.series.iter().filter_map(point).collect() }
}

fn port_curves(result: &Output) -> String {
    let gateway = series(result, "at the gateway", "b", |point| point.nat_ports_free);
    let mut free = vec![series(result, "at the busiest client", "a", |point| Some(point.client_ports_free))];
    if !gateway.points.is_empty() {
        free.insert(0, gateway);
    }
    let waits = series(result, "", "d", |point| Some(point.server_time_waits));
    curves("Free ports", &free) + &curves("TIME_WAITs at the server", &[waits])
}

/// Counts of a point are those since the point before.
fn trouble_curves(result: &Output) -> String {
    let every_s = result.series.first().map_or(1, |point| point.at_s.max(1));
    let per_s = |name, class, pick: fn(&Point) -> u64| {
        let mut one = series(result, name, class, |point| Some(pick(point)));
        one.points.iter_mut().for_each(|(_, y)| *y /= every_s as f64);
        one
    };
    let all = [
        per_s("challenged SYNs", "b", |point| point.challenged),
        per_s("SYNs dropped silently", "d", |point| point.dropped_silently),
        per_s("failed connects", "c", |point| point.failed),
    ];
    curves("Trouble per second", &all)
}

fn document(title: &str, body: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{}</title>\
         <meta name=\"viewport\" content=\"width=device-width\"><style>{STYLE}</style></head>\n<body>\n{body}</body></html>\n",
        escape(title)
    )
}

/// Text that is safe between tags and in quoted attributes.
pub(super) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;").replace('\'', "&#39;")
}
