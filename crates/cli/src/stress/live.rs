//! The live view on a terminal: a thread of its own shows what progress was told last, and passes on what keys wish. The
//! measured path knows nothing of it.

use crate::output::Progress;
use crate::terminal;
use present::stress::live::{Key, LiveView, Wish, draw};
use ratatui::backend::CrosstermBackend;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use ratatui::crossterm::terminal::{
    Clear, ClearType, EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};
use ratatui::crossterm::{cursor, execute};
use std::io::{IsTerminal, Stdout, stdout};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::thread::JoinHandle;
use std::time::Duration;
use stress::{Preflight, StopFlag};
use stress_core::pace::PER_S_MAX;
use stress_core::{Pace, Snapshot};

/// How long a key may wait to be read.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// Descriptors that are not for connections.
const FILES_BESIDE: u64 = 256;

/// How somebody wishes to watch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Watched {
    /// In a view, where there is a terminal for it.
    View,
    /// By lines.
    Lines,
    /// Not at all.
    Not,
}

/// What shows how a run goes: a view of its own, or lines.
pub(super) enum Show {
    View { snapshots: Sender<Snapshot>, thread: JoinHandle<()>, screen: Screen },
    Lines(Progress),
}

impl Show {
    /// A view where there is a terminal for it, and nobody wishes otherwise.
    pub(super) fn start(ready: &Preflight, stop: &StopFlag, screen: Screen, watched: Watched) -> Self {
        if watched != Watched::View || !is_possible() {
            return Self::Lines(Progress::of_a_run(watched == Watched::Not));
        }
        restore_on_panic(&screen);
        let plan = &ready.plan;
        let most = match plan.pace {
            Pace::Open(..) => PER_S_MAX as f64,
            Pace::Closed => sys::limits::file_limit().soft.saturating_sub(FILES_BESIDE) as f64,
        };
        let title = format!("{} {}", plan.method_name, plan.url);
        let view = LiveView::new(title, most, terminal::colour());
        let (snapshots, told) = channel();
        let (stop, its_screen) = (stop.clone(), screen.clone());
        let thread = std::thread::spawn(move || {
            // A terminal that has gone ends the view, not the run.
            let _terminal_gone = Shell { view, stop, screen: its_screen, terminal: None }.run(&told);
        });
        Self::View { snapshots, thread, screen }
    }

    pub(super) fn show(&mut self, at: &Snapshot) {
        match self {
            Self::Lines(progress) => progress.show(&present::stress::progress(at)),
            // Whoever shows it may have lost its terminal.
            Self::View { snapshots, .. } => _ = snapshots.send(at.clone()),
        }
    }

    /// What stood on the terminal before comes back.
    pub(super) fn end(self) {
        match self {
            Self::Lines(mut progress) => progress.clear(),
            Self::View { snapshots, thread, screen } => {
                drop(snapshots);
                let _told_by_the_hook = thread.join();
                screen.leave();
            }
        }
    }
}

/// A terminal that shows it, keys that can be read, a person who watches.
fn is_possible() -> bool {
    let ends = std::io::stdin().is_terminal() && stdout().is_terminal() && std::io::stderr().is_terminal();
    let by_machine = std::env::var_os("CI").is_some_and(|value| !value.is_empty() && value != "false");
    ends && terminal::understands_escapes() && !by_machine && sys::terminal::is_foreground()
}

/// The screen of our own, and the keyboard without echo; clones are the same one. It is left once, whoever does it.
#[derive(Clone, Default)]
pub(super) struct Screen(Arc<AtomicBool>);

impl Screen {
    fn enter(&self) -> std::io::Result<()> {
        enable_raw_mode()?;
        self.0.store(true, Ordering::SeqCst);
        execute!(stdout(), EnterAlternateScreen, Clear(ClearType::All), cursor::Hide)
    }

    /// Gives the terminal back as it was.
    pub(super) fn leave(&self) {
        if self.0.swap(false, Ordering::SeqCst) {
            let _terminal_gone = execute!(stdout(), cursor::Show, LeaveAlternateScreen);
            let _terminal_gone = disable_raw_mode();
        }
    }
}

/// What a panic says is to be read.
fn restore_on_panic(screen: &Screen) {
    let (screen, before) = (screen.clone(), std::panic::take_hook());
    std::panic::set_hook(Box::new(move |panic| {
        screen.leave();
        before(panic);
    }));
}

struct Shell {
    view: LiveView,
    stop: StopFlag,
    screen: Screen,
    /// There is one from the first snapshot on: a run that is over before never takes the screen.
    terminal: Option<ratatui::Terminal<CrosstermBackend<Stdout>>>,
}

impl Shell {
    fn run(mut self, told: &Receiver<Snapshot>) -> std::io::Result<()> {
        loop {
            let mut is_news = match told.try_recv() {
                Ok(at) => {
                    self.view.handle_snapshot(&at);
                    true
                }
                Err(TryRecvError::Empty) => false,
                Err(TryRecvError::Disconnected) => return Ok(()),
            };
            if self.terminal.is_none() {
                match is_news {
                    true => self.enter()?,
                    false => std::thread::sleep(LOOK_EVERY),
                }
            }
            if self.terminal.is_some() && event::poll(LOOK_EVERY)? {
                self.handle(&event::read()?)?;
                is_news = true;
            }
            if is_news && let Some(terminal) = &mut self.terminal {
                terminal.draw(|frame| draw(&self.view, frame))?;
            }
        }
    }

    fn enter(&mut self) -> std::io::Result<()> {
        self.screen.enter()?;
        // It is not asked to clear the screen: for that it wants to hear where the cursor is, which not every terminal tells.
        self.terminal = Some(ratatui::Terminal::new(CrosstermBackend::new(stdout()))?);
        Ok(())
    }

    fn handle(&mut self, event: &Event) -> std::io::Result<()> {
        let Event::Key(pressed) = event else { return Ok(()) };
        match key(pressed).and_then(|key| self.view.handle_key(key)) {
            Some(Wish::Stop) => self.stop.stop(),
            Some(Wish::GiveUp) => {
                self.screen.leave();
                std::process::exit(1);
            }
            Some(Wish::Scale(scale)) if !self.stop.scale(scale) => self.view.handle_refused(),
            Some(Wish::Suspend) => {
                self.screen.leave();
                sys::signal::suspend();
                self.enter()?;
            }
            Some(Wish::Scale(_)) | None => {}
        }
        Ok(())
    }
}

fn key(pressed: &KeyEvent) -> Option<Key> {
    if pressed.kind == KeyEventKind::Release {
        return None;
    }
    match pressed.code {
        KeyCode::Char(letter) if pressed.modifiers.contains(KeyModifiers::CONTROL) => Some(Key::Ctrl(letter)),
        KeyCode::Char(letter) => Some(Key::Char(letter)),
        KeyCode::Esc => Some(Key::Escape),
        KeyCode::Up => Some(Key::Up),
        KeyCode::Down => Some(Key::Down),
        _ => None,
    }
}
