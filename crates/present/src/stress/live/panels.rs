//! Figures: percentiles, answers, failures, ports and this host.

use super::paint::{Paint, Tone};
use super::state::LiveView;
use crate::number::{count, rough, significant, time_us};
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Paragraph};
use stress_core::{KernelCounter, Snapshot};

/// Ports that are gone so soon are told as trouble.
const GONE_SOON_S: f64 = 30.0;
/// A connect(2) that takes so much CPU time searches for a port.
const CONNECT_SLOW_US: f64 = 100.0;
/// Failures that have a line each.
const FAILURES_MAX: usize = 4;

/// A figure: its name, and what it is.
pub(super) type Figure = (String, String, Tone);

/// Percentiles, of late and in all.
pub(super) fn latency(view: &LiveView, frame: &mut Frame<'_>, area: Rect) {
    let (at, history) = view.shown();
    let (late, all) = (history.of_late(), &at.latency);
    let width = usize::from(area.width.saturating_sub(2));
    let line = |name: &str, late: String, all: String| {
        let late_columns = width.saturating_sub(name.chars().count() + 1) / 2;
        let all_columns = width.saturating_sub(name.chars().count() + late_columns);
        format!("{name}{late:>late_columns$}{all:>all_columns$}")
    };
    let told = |us: Option<f64>| us.map_or_else(|| "-".to_owned(), time_us);
    let mut lines =
        vec![Line::styled(line("      ", "of late".into(), "so far".into()), view.paint.style(Tone::Faint))];
    for (name, share) in [("50 %  ", 0.5), ("90 %  ", 0.9), ("99 %  ", 0.99), ("99.9 %", 0.999)] {
        lines.push(Line::raw(line(name, told(late.quantile_us(share)), told(all.quantile_us(share)))));
    }
    lines.push(Line::raw(line("max   ", told(late.max_us()), told(all.max_us()))));
    frame.render_widget(Paragraph::new(lines).block(titled(view.paint, "Latency")), area);
}

/// Responses by status.
pub(super) fn answers(at: &Snapshot) -> Vec<Figure> {
    let tone = |status: u16| if status >= 400 { Tone::Uneasy } else { Tone::Plain };
    let whole = ("complete".to_owned(), count(at.ok), Tone::Strong);
    let each = at.statuses.iter().map(|(status, number)| (format!("  {status}"), count(*number), tone(*status)));
    [whole].into_iter().chain(each).collect()
}

/// Failures by class, the most frequent ones.
pub(super) fn failures(at: &Snapshot) -> Vec<Figure> {
    let tone = if at.failed > 0 { Tone::Bad } else { Tone::Plain };
    let mut all = vec![("failed".to_owned(), count(at.failed), tone)];
    let mut kinds = at.errors.clone();
    kinds.sort_by_key(|(_, number)| core::cmp::Reverse(*number));
    all.extend(kinds.iter().take(FAILURES_MAX).map(|(kind, number)| (format!("  {kind}"), count(*number), Tone::Bad)));
    if kinds.len() > FAILURES_MAX {
        all.push((
            "  others".to_owned(),
            count(kinds[FAILURES_MAX..].iter().map(|(_, number)| number).sum()),
            Tone::Bad,
        ));
    }
    all
}

/// Ports towards the target, and what the kernel says.
pub(super) fn ports(at: &Snapshot) -> Vec<Figure> {
    let known = |number: Option<u64>| number.map_or_else(|| "-".to_owned(), count);
    let gone_s = at.ports.gone_in.map(|time| time.as_secs_f64());
    let gone = if gone_s.is_some_and(|s| s < GONE_SOON_S) { Tone::Bad } else { Tone::Uneasy };
    let slow = at.connect_us.is_some_and(|us| us >= CONNECT_SLOW_US);
    let kernel = |name: &str, counter: KernelCounter, tone: Tone| {
        let number = at.kernel.get(counter);
        (name.to_owned(), known(number), if number > Some(0) { tone } else { Tone::Plain })
    };
    vec![
        ("TIME_WAIT".to_owned(), known(at.ports.time_wait), Tone::Plain),
        ("ports free".to_owned(), known(at.ports.free), Tone::Plain),
        (
            "gone in".to_owned(),
            gone_s.map_or_else(|| "-".to_owned(), rough),
            if gone_s.is_some() { gone } else { Tone::Plain },
        ),
        (
            "connect(2)".to_owned(),
            at.connect_us.map_or_else(|| "-".to_owned(), time_us),
            if slow { Tone::Bad } else { Tone::Plain },
        ),
        kernel("SYN sent again", KernelCounter::SynRetransmits, Tone::Uneasy),
        kernel("resets sent", KernelCounter::ResetsSent, Tone::Plain),
        kernel("resets met", KernelCounter::ResetsMet, Tone::Plain),
        kernel("listen drops", KernelCounter::ListenDrops, Tone::Uneasy),
        (
            "own CPU".to_owned(),
            at.cpu_percent.map_or_else(|| "-".to_owned(), |share| format!("{share:.0} %")),
            Tone::Plain,
        ),
    ]
}

/// Everything in few lines, for little room.
pub(super) fn in_short(view: &LiveView) -> Vec<Figure> {
    let (at, history) = view.shown();
    let late = history.of_late();
    let told = |us: Option<f64>| us.map_or_else(|| "-".to_owned(), time_us);
    let rate = at.per_s_now.map_or_else(|| "-".to_owned(), |per_s| format!("{}/s", significant(per_s)));
    let gone = at.ports.gone_in.map_or_else(String::new, |time| format!(", gone in {}", rough(time.as_secs_f64())));
    let free = at.ports.free.map_or_else(|| "-".to_owned(), count);
    let mut all = vec![
        ("complete".to_owned(), format!("{}, {rate}", count(at.ok)), Tone::Good),
        (
            "50 %, 99 %".to_owned(),
            format!("{}, {}", told(late.quantile_us(0.5)), told(late.quantile_us(0.99))),
            Tone::Plain,
        ),
        ("max".to_owned(), told(at.latency.max_us()), Tone::Plain),
    ];
    let statuses: Vec<_> = at.statuses.iter().map(|(status, number)| format!("{status}: {}", count(*number))).collect();
    if !statuses.is_empty() {
        all.push(("by status".to_owned(), statuses.join(", "), Tone::Plain));
    }
    all.extend(failures(at));
    all.push(("ports free".to_owned(), format!("{free}{gone}"), Tone::Plain));
    all.extend(ports(at).into_iter().filter(|(name, ..)| name != "ports free" && name != "gone in"));
    all
}

/// Figures below each other, in a frame.
pub(super) fn framed(paint: Paint, frame: &mut Frame<'_>, area: Rect, title: &str, figures: &[Figure]) {
    let inner = Rect { width: area.width.saturating_sub(2), height: area.height.saturating_sub(2), ..area };
    frame.render_widget(Paragraph::new(lines(paint, inner, figures)).block(titled(paint, title)), area);
}

/// Figures below each other: the name at the left, what it is at the right. Those that have no room are counted in the last line.
pub(super) fn lines(paint: Paint, area: Rect, figures: &[Figure]) -> Vec<Line<'static>> {
    let (rows, width) = (usize::from(area.height), usize::from(area.width));
    let shown = if figures.len() > rows { rows.saturating_sub(1) } else { figures.len() };
    let mut all: Vec<_> = figures[..shown].iter().map(|figure| line(paint, width, figure)).collect();
    if shown < figures.len() && rows > 0 {
        let more = format!("{} more", figures.len() - shown);
        all.push(Line::styled(format!("{more:>width$}"), paint.style(Tone::Faint)));
    }
    all
}

fn line(paint: Paint, width: usize, (name, value, tone): &Figure) -> Line<'static> {
    let room = width.saturating_sub(value.chars().count() + 1);
    let name: String = name.chars().take(room).collect();
    Line::from(vec![
        Span::styled(format!("{name:<room$} "), if *tone == Tone::Bad { paint.style(*tone) } else { Style::new() }),
        Span::styled(value.clone(), paint.style(*tone)),
    ])
}

fn titled(paint: Paint, title: &str) -> Block<'static> {
    let title = Line::styled(format!(" {title} "), paint.style(Tone::Strong));
    Block::bordered().border_style(paint.style(Tone::Faint)).title(title)
}
