//! What stands where, by the room there is.
//!
//! ```text
//!  title                          what is asked for
//!  gauge
//!  +- rate --------++- latency ---+    where there is room
//!  +---------------++-------------+
//!  +- Latency -++- Answers -++- Ports -+
//!  +-----------++-----------++---------+
//!  keys
//! ```

use super::charts;
use super::paint::Tone;
use super::panels;
use super::state::LiveView;
use crate::number::{count, counted, span};
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Clear, LineGauge, Paragraph};
use std::time::Duration;
use stress_core::{Asked, Snapshot};

/// Rows of the figures below the charts, their frame included.
const PANEL_ROWS: u16 = 11;
/// With less room than this there are no charts.
const CHARTS: (u16, u16) = (64, 20);
/// With so many columns failures stand beside answers, not below.
const WIDE: u16 = 110;

const HELP: [&str; 11] = [
    "q, Esc, Ctrl-C   stop now; the report still comes",
    "                 (once more: end without it)",
    "+  up            a tenth of the plan more: of the",
    "                 rate, or of the connections",
    "-  down          as much less",
    "*  /             twice, half",
    "=                as planned",
    "p                hold this view; the run goes on",
    "Ctrl-Z           halt everything (fg goes on)",
    "?                this help",
    "What is changed by hand is told in the report.",
];

/// Draws everything.
pub fn draw(view: &LiveView, frame: &mut Frame<'_>) {
    let rows = [Constraint::Length(1), Constraint::Length(1), Constraint::Min(0), Constraint::Length(1)];
    let [title, gauge, body, keys] = Layout::vertical(rows).areas(frame.area());
    draw_title(view, frame, title);
    draw_gauge(view, frame, gauge);
    draw_keys(view, frame, keys);
    if frame.area().width >= CHARTS.0 && frame.area().height >= CHARTS.1 {
        draw_body(view, frame, body);
    } else {
        let body = Rect { x: body.x + 1, width: body.width.saturating_sub(2), ..body };
        frame.render_widget(Paragraph::new(panels::lines(view.paint, body, &panels::in_short(view))), body);
    }
    if view.helps {
        draw_help(view, frame);
    }
}

/// What is asked for stands at the right, and whose wish it was.
fn draw_title(view: &LiveView, frame: &mut Frame<'_>, area: Rect) {
    let right = match view.asked() {
        Some((asked, true)) => format!("by hand: {asked} "),
        Some((asked, false)) => format!("{asked} "),
        None => String::new(),
    };
    let room = usize::from(area.width).saturating_sub(right.chars().count() + 1);
    let title: String = format!(" {}", view.title).chars().take(room).collect();
    let by_hand = matches!(view.asked(), Some((_, true)));
    let line = Line::from(vec![
        Span::styled(format!("{title:<room$} "), view.paint.style(Tone::Strong)),
        Span::styled(right, view.paint.style(if by_hand { Tone::Uneasy } else { Tone::Plain })),
    ]);
    frame.render_widget(Paragraph::new(line), area);
}

fn draw_gauge(view: &LiveView, frame: &mut Frame<'_>, area: Rect) {
    let area = Rect { x: area.x + 1, width: area.width.saturating_sub(2), ..area };
    let gauge = LineGauge::default()
        .label(progress(view.shown().0))
        .ratio(view.shown().0.progress())
        .filled_style(view.paint.style(Tone::Good))
        .unfilled_style(view.paint.style(Tone::Faint))
        .filled_symbol("━")
        .unfilled_symbol("─");
    frame.render_widget(gauge, area);
}

/// How far the run is, in words.
fn progress(at: &Snapshot) -> String {
    let tenths = Duration::from_millis(at.elapsed.as_millis() as u64 / 100 * 100);
    match (at.is_warming, at.waiting, at.duration, at.requests) {
        (true, ..) => "warming up".to_owned(),
        (_, waiting @ 1.., ..) => format!("over; {} in flight waited for", counted(waiting, "request")),
        (_, _, Some(all), _) => format!("{} of {}", span(tenths), span(all)),
        (.., Some(all)) => format!("{} of {}", count(at.ok + at.failed), count(all)),
        _ => span(tenths),
    }
}

fn draw_keys(view: &LiveView, frame: &mut Frame<'_>, area: Rect) {
    let what = match view.last.planned {
        Some(Asked::PerSecond(_)) => "+ - rate   ",
        Some(Asked::Connections(_)) => "+ - connections   ",
        None => "",
    };
    let (text, tone) = match (view.stops, view.is_frozen()) {
        _ if !view.note.is_empty() => (view.note.clone(), Tone::Uneasy),
        (true, _) => ("stopping: what is in flight may finish; q ends at once".to_owned(), Tone::Uneasy),
        (_, true) => ("this view is held, the run goes on; p: go on   q: stop".to_owned(), Tone::Uneasy),
        _ => (format!("q stop   {what}p hold   ? help"), Tone::Faint),
    };
    frame.render_widget(Paragraph::new(Line::styled(format!(" {text}"), view.paint.style(tone))), area);
}

fn draw_body(view: &LiveView, frame: &mut Frame<'_>, area: Rect) {
    let [above, below] = Layout::vertical([Constraint::Min(0), Constraint::Length(PANEL_ROWS)]).areas(area);
    let [left, right] = Layout::horizontal([Constraint::Fill(1), Constraint::Fill(1)]).areas(above);
    charts::rate(view, frame, left);
    charts::latency(view, frame, right);
    let (at, paint) = (view.shown().0, view.paint);
    let (answers, failures) = (panels::answers(at), panels::failures(at));
    if area.width < WIDE {
        let [one, two, three] =
            Layout::horizontal([Constraint::Fill(5), Constraint::Fill(4), Constraint::Fill(5)]).areas(below);
        panels::latency(view, frame, one);
        // What failed stands first: it must not be what has no room.
        let both = if at.failed > 0 { [failures, answers].concat() } else { [answers, failures].concat() };
        panels::framed(paint, frame, two, "Answers", &both);
        return panels::framed(paint, frame, three, "Ports and host", &panels::ports(at));
    }
    let [one, two, three, four] = Layout::horizontal([Constraint::Fill(1); 4]).areas(below);
    panels::latency(view, frame, one);
    panels::framed(paint, frame, two, "Answers", &answers);
    panels::framed(paint, frame, three, "Failures", &failures);
    panels::framed(paint, frame, four, "Ports and host", &panels::ports(at));
}

/// In the middle, over everything else.
fn draw_help(view: &LiveView, frame: &mut Frame<'_>) {
    let all = frame.area();
    let (width, height) = (54.min(all.width), (HELP.len() as u16 + 2).min(all.height));
    let area = Rect { x: (all.width - width) / 2, y: (all.height - height) / 2, width, height };
    let title = Line::styled(" Keys ", view.paint.style(Tone::Strong));
    let block = Block::bordered().title(title);
    frame.render_widget(Clear, area);
    frame.render_widget(Paragraph::new(HELP.map(Line::raw).to_vec()).block(block), area);
}
