//! What is shown, and what keys make of it.

use super::history::History;
use super::paint::Paint;
use stress_core::{Asked, Dial, Scale, Snapshot, Turn};

/// A key that somebody pressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    /// What it types.
    Char(char),
    /// Escape.
    Escape,
    /// Arrows up and down.
    Up,
    /// See [`Key::Up`].
    Down,
    /// With Ctrl held down.
    Ctrl(char),
}

/// What is wished of the run, or of the terminal.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Wish {
    /// End early, with a report.
    Stop,
    /// End at once, without one: it was asked to end before.
    GiveUp,
    /// So many times as much as was planned.
    Scale(Scale),
    /// Give the terminal back for a while.
    Suspend,
}

/// See the module's head.
#[derive(Clone, Debug)]
pub struct LiveView {
    pub(super) paint: Paint,
    /// What is asked of whom.
    pub(super) title: String,
    /// What this host can do of what is asked for, at most.
    most: f64,
    dial: Option<Dial>,
    pub(super) last: Snapshot,
    pub(super) history: History,
    /// What stood there when the display was halted; the run was not.
    frozen: Option<Box<(Snapshot, History)>>,
    pub(super) helps: bool,
    pub(super) stops: bool,
    /// What the last key came to.
    pub(super) note: String,
}

impl LiveView {
    /// Of a run that asks so (`GET http://127.0.0.1/`); `most`: requests per second or connections that this host can do.
    pub fn new(title: impl Into<String>, most: f64, coloured: bool) -> Self {
        Self {
            paint: Paint { coloured },
            title: title.into(),
            most,
            dial: None,
            last: Snapshot::default(),
            history: History::default(),
            frozen: None,
            helps: false,
            stops: false,
            note: String::new(),
        }
    }

    /// How the run is now.
    pub fn handle_snapshot(&mut self, at: &Snapshot) {
        self.history.add(at);
        if self.dial.is_none() {
            self.dial = at.planned.map(|planned| Dial::new(planned, self.most));
        }
        self.last = at.clone();
    }

    /// Somebody pressed a key.
    pub fn handle_key(&mut self, key: Key) -> Option<Wish> {
        self.note.clear();
        match key {
            Key::Char('?' | 'h') => self.helps = !self.helps,
            Key::Escape if self.helps => self.helps = false,
            Key::Char('q') | Key::Escape | Key::Ctrl('c') => return Some(self.stop()),
            Key::Ctrl('z') => return Some(Wish::Suspend),
            Key::Char('p' | ' ') => self.freeze(),
            Key::Char('+') | Key::Up => return self.turn(Turn::More),
            Key::Char('-') | Key::Down => return self.turn(Turn::Less),
            Key::Char('*') => return self.turn(Turn::Double),
            Key::Char('/') => return self.turn(Turn::Halve),
            Key::Char('=' | '0') => return self.turn(Turn::Back),
            _ => {}
        }
        None
    }

    /// What was wished could not be done: a thread is too busy to be told, or the run is over.
    pub fn handle_refused(&mut self) {
        self.note = "a thread of the run was too busy to hear it: press it again".to_owned();
    }

    fn stop(&mut self) -> Wish {
        if self.stops {
            return Wish::GiveUp;
        }
        self.stops = true;
        Wish::Stop
    }

    fn freeze(&mut self) {
        self.frozen = match self.frozen {
            Some(_) => None,
            None => Some(Box::new((self.last.clone(), self.history.clone()))),
        };
    }

    fn turn(&mut self, turn: Turn) -> Option<Wish> {
        let Some(dial) = &mut self.dial else {
            self.note = match self.last.planned {
                None if self.last.elapsed.is_zero() => "nothing was measured yet".to_owned(),
                _ => "a record is played as it was recorded: its rate stays".to_owned(),
            };
            return None;
        };
        if self.stops || self.last.waiting > 0 {
            self.note = "the run ends: nothing is changed any more".to_owned();
            return None;
        }
        let scale = dial.turn(turn);
        self.note = match scale {
            Some(_) => format!("asked for {}", dial.asked()),
            None => format!("it stays at {}: no further this way", dial.asked()),
        };
        scale.map(Wish::Scale)
    }

    /// What is shown: as it is, or as it was when the display was halted.
    pub(super) fn shown(&self) -> (&Snapshot, &History) {
        self.frozen.as_ref().map_or((&self.last, &self.history), |frozen| (&frozen.0, &frozen.1))
    }

    pub(super) fn is_frozen(&self) -> bool {
        self.frozen.is_some()
    }

    /// What is asked for, and whether somebody changed it.
    pub(super) fn asked(&self) -> Option<(Asked, bool)> {
        let planned = self.last.planned?;
        Some((planned.scaled(self.last.scale), self.last.scale != Scale::PLANNED))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn measured(planned: Option<Asked>) -> Snapshot {
        Snapshot { planned, elapsed: Duration::from_secs(1), ..Snapshot::default() }
    }

    fn view(planned: Option<Asked>) -> LiveView {
        let mut view = LiveView::new("GET http://a/", 1000.0, false);
        view.handle_snapshot(&measured(planned));
        view
    }

    #[track_caller]
    fn check(view: &mut LiveView, key: Key, wish: Option<Wish>, note: &str) {
        assert_eq!(view.handle_key(key), wish, "{key:?}");
        assert!(view.note.contains(note) && view.note.is_empty() == note.is_empty(), "{key:?}: {}", view.note);
    }

    fn scale(times: f64) -> Option<Wish> {
        Scale::new(times).map(Wish::Scale)
    }

    #[test]
    fn keys_turn_the_run_up_and_down() {
        let mut view = view(Some(Asked::Connections(50)));
        check(&mut view, Key::Char('+'), scale(1.1), "asked for 55 connections");
        check(&mut view, Key::Up, scale(1.2), "60 connections");
        check(&mut view, Key::Char('*'), scale(2.4), "120 connections");
        check(&mut view, Key::Char('='), scale(1.0), "50 connections");
        check(&mut view, Key::Char('0'), None, "it stays at 50 connections");
        check(&mut view, Key::Down, scale(0.9), "45 connections");
        check(&mut view, Key::Char('x'), None, "");
    }

    #[test]
    fn the_first_wish_to_end_has_a_report_and_the_second_has_none() {
        for key in [Key::Char('q'), Key::Escape, Key::Ctrl('c')] {
            let mut view = view(Some(Asked::PerSecond(100.0)));
            check(&mut view, key, Some(Wish::Stop), "");
            check(&mut view, Key::Char('+'), None, "nothing is changed any more");
            check(&mut view, key, Some(Wish::GiveUp), "");
        }
    }

    #[test]
    fn what_cannot_be_changed_says_why() {
        check(&mut view(None), Key::Char('+'), None, "as it was recorded");
        check(&mut LiveView::new("", 1.0, false), Key::Char('+'), None, "nothing was measured yet");
    }

    #[test]
    fn help_comes_and_goes_and_the_display_halts_while_the_run_goes_on() {
        let mut view = view(Some(Asked::PerSecond(100.0)));
        check(&mut view, Key::Char('?'), None, "");
        assert!(view.helps);
        check(&mut view, Key::Escape, None, "");
        assert!(!view.helps && !view.stops);
        check(&mut view, Key::Char('p'), None, "");
        view.handle_snapshot(&Snapshot { ok: 7, elapsed: Duration::from_secs(2), ..measured(None) });
        assert_eq!((view.shown().0.ok, view.last.ok), (0, 7));
        check(&mut view, Key::Char('p'), None, "");
        assert_eq!(view.shown().0.ok, 7);
        check(&mut view, Key::Ctrl('z'), Some(Wish::Suspend), "");
    }
}
