//! Frames of the live view, at several sizes, with and without colour, on a terminal of tests.

use present::stress::live::{Key, LiveView, draw};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;
use ratatui::style::{Color, Modifier};
use stats::Coarse;
use std::time::Duration;
use stress_core::snapshot::PortsNow;
use stress_core::{Asked, ErrorKind, KernelCounter, KernelCounts, Scale, Snapshot};

const SIZES: [(u16, u16); 3] = [(80, 24), (120, 40), (40, 15)];

/// Half-second `n` of a run of 30 s at a rate that falls to a half at half time, when failures come.
fn at(n: u64) -> Snapshot {
    let is_late = n > 15;
    let mut lately = Coarse::default();
    (0..200).for_each(|each| lately.record(Duration::from_micros(if is_late { 5000 } else { 400 } + each * 7)));
    let mut latency = Coarse::default();
    (0..n).for_each(|_| latency.merge(&lately));
    let failed = n.saturating_sub(15) * 40;
    Snapshot {
        elapsed: Duration::from_millis(500 * n),
        duration: Some(Duration::from_secs(30)),
        ok: 12_345 * n,
        failed,
        opened: 50,
        time_waits: 300 * n,
        per_s_now: Some(if is_late { 12_345.0 } else { 24_690.0 }),
        failed_per_s_now: Some(if is_late { 80.0 } else { 0.0 }),
        ports: PortsNow {
            time_wait: Some(300 * n),
            free: Some(28_232 - 300 * n),
            gone_in: Some(Duration::from_secs(40 - n)),
        },
        connect_us: Some(8.5),
        kernel: KernelCounts::read(|name| Some(if name == KernelCounter::SynRetransmits.source() { 3 } else { 0 })),
        planned: Some(Asked::PerSecond(25_000.0)),
        latency,
        lately,
        statuses: vec![(200, 12_000 * n), (503, 345 * n)],
        errors: if failed > 0 { vec![(ErrorKind::Timeout, failed - 1), (ErrorKind::Reset, 1)] } else { Vec::new() },
        cpu_percent: Some(143.2),
        ..Snapshot::default()
    }
}

fn view(snapshots: u64, coloured: bool) -> LiveView {
    let mut view = LiveView::new("GET http://127.0.0.1:9001/", 1e7, coloured);
    (1..=snapshots).for_each(|n| view.handle_snapshot(&at(n)));
    view
}

fn drawn(view: &LiveView, (width, height): (u16, u16)) -> Buffer {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).expect("a terminal of tests");
    terminal.draw(|frame| draw(view, frame)).expect("drawn");
    terminal.backend().buffer().clone()
}

fn text(buffer: &Buffer) -> String {
    let width = usize::from(buffer.area.width);
    let symbols: Vec<&str> = buffer.content.iter().map(|cell| cell.symbol()).collect();
    symbols.chunks(width).map(|row| row.concat().trim_end().to_owned() + "\n").collect()
}

#[track_caller]
fn check(view: &LiveView, size: (u16, u16), words: &[&str]) {
    let seen = text(&drawn(view, size));
    words.iter().for_each(|word| assert!(seen.contains(word), "{word:?} at {size:?} in\n{seen}"));
}

#[test]
fn what_matters_is_seen_at_every_size() {
    for size in SIZES {
        for coloured in [true, false] {
            let words = ["GET http://127.0.0.1", "of 30 s", "25,000 requests/s", "q stop", "246,900"];
            check(&view(20, coloured), size, &words);
            check(&view(20, coloured), size, &["target.timeout", "199", "failed", "503", "TIME_WAIT", "6,000"]);
        }
    }
}

#[test]
fn there_are_charts_and_panels_where_there_is_room() {
    for size in [SIZES[0], SIZES[1]] {
        check(
            &view(20, true),
            size,
            &[
                "Per second 12,345 ok, 80.0 failed",
                "Latency 50 % 5.",
                "30,000",
                "10 ms",
                "0 s",
                "10 s",
                "of late",
                "so far",
                "99.9 %",
                "503",
                "ports free",
                "22,232",
                "gone in",
                "20 s",
                "connect(2)",
                "8.5 us",
                "SYN sent again",
                "resets sent",
                "resets met",
                "listen drops",
                "own CPU",
                "143 %",
            ],
        );
    }
    let small = text(&drawn(&view(20, true), SIZES[2]));
    assert!(!small.contains('┌') && small.contains("50 %, 99 %"), "{small}");
}

#[test]
fn before_the_first_answer_and_in_a_warm_up_nothing_is_made_up() {
    let mut view = view(0, true);
    view.handle_snapshot(&Snapshot { is_warming: true, opened: 50, ..Snapshot::default() });
    for size in SIZES {
        check(&view, size, &["warming up", "-"]);
        let seen = text(&drawn(&view, size));
        assert!(!seen.contains("NaN") && !seen.contains("inf") && !seen.contains(" us"), "{seen}");
    }
    check(&view, SIZES[0], &["nothing is complete yet"]);
}

/// Only what repeats what words say.
#[test]
fn there_are_colours_only_where_they_are_welcome() {
    for size in SIZES {
        let colours = |buffer: &Buffer| {
            let painted = |colour: Color| colour != Color::Reset;
            buffer.content.iter().filter(|cell| painted(cell.fg) || painted(cell.bg)).count()
        };
        let (plain, coloured) = (drawn(&view(20, false), size), drawn(&view(20, true), size));
        assert_eq!(colours(&plain), 0, "at {size:?}");
        assert!(colours(&coloured) > 20, "at {size:?}");
        assert_eq!(text(&plain), text(&coloured), "at {size:?}");
        assert!(plain.content.iter().any(|cell| cell.modifier.contains(Modifier::BOLD)), "at {size:?}");
    }
}

#[test]
fn keys_are_answered_below_and_help_stands_above_all() {
    let mut view = view(20, false);
    view.handle_key(Key::Char('+'));
    SIZES.iter().for_each(|size| check(&view, *size, &["asked for 27,500 requests/s"]));
    view.handle_snapshot(&Snapshot { scale: Scale::new(1.1).expect("a scale"), ..at(21) });
    SIZES.iter().for_each(|size| check(&view, *size, &["by hand: 27,500 requests/s"]));
    view.handle_key(Key::Char('?'));
    check(&view, SIZES[0], &["Keys", "stop now; the report still comes", "Ctrl-Z", "as planned"]);
    view.handle_key(Key::Char('?'));
    view.handle_key(Key::Char('p'));
    SIZES.iter().for_each(|size| check(&view, *size, &["this view is held"]));
    view.handle_key(Key::Char('q'));
    SIZES.iter().for_each(|size| check(&view, *size, &["stopping"]));
}

/// However small a window is made, and whatever was measured.
#[test]
fn no_size_is_too_small() {
    for n in [0, 20] {
        for width in (1..130).step_by(13) {
            for height in (1..30).step_by(3) {
                let mut view = view(n, true);
                drawn(&view, (width, height));
                view.handle_key(Key::Char('?'));
                drawn(&view, (width, height));
            }
        }
    }
}
