//! What the checks of one server come to.

use super::CheckRules;
use core::time::Duration;

/// What one check came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// As it should be.
    Good,
    /// Not so; why.
    Bad(String),
    /// It could not be made for want of something here; says nothing of the server.
    Ours(String),
}

/// What a check changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Turn {
    /// The server is down from now on.
    Down {
        /// What the last check found.
        why: String,
        /// Bad ones in a row.
        in_a_row: u32,
    },
    /// It is up again.
    Up {
        /// Good ones in a row.
        in_a_row: u32,
    },
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Opinion {
    #[default]
    Unknown,
    Up,
    Down,
    /// It was down by other rules: it is until a check says otherwise.
    WasDown,
}

/// The checks of one server so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Course {
    opinion: Opinion,
    /// Checks in a row that speak against it.
    against: u32,
}

impl Course {
    /// Is it down?
    pub(crate) fn is_down(&self) -> bool {
        matches!(self.opinion, Opinion::Down | Opinion::WasDown)
    }

    /// By other rules from now on, of which the first check decides alone: who is down is so until that one is good.
    pub(crate) fn anew(&self) -> Self {
        let opinion = if self.is_down() { Opinion::WasDown } else { Opinion::Unknown };
        Self { opinion, against: 0 }
    }

    /// How long until the next check.
    pub(crate) fn interval(&self, rules: &CheckRules) -> Duration {
        if self.is_down() { rules.interval_down } else { rules.interval }
    }

    /// After a check. The first one decides alone.
    pub(crate) fn handle_outcome(&mut self, outcome: Outcome, rules: &CheckRules) -> Option<Turn> {
        let needed = match (self.opinion, &outcome) {
            (_, Outcome::Ours(_)) => return None,
            (Opinion::Unknown, Outcome::Good) => {
                self.opinion = Opinion::Up;
                return None;
            }
            (Opinion::Up, Outcome::Good) | (Opinion::Down, Outcome::Bad(_)) => {
                self.against = 0;
                return None;
            }
            (Opinion::WasDown, Outcome::Bad(_)) => {
                self.opinion = Opinion::Down;
                return None;
            }
            (Opinion::Unknown, Outcome::Bad(_)) | (Opinion::WasDown, Outcome::Good) => 1,
            (Opinion::Up, Outcome::Bad(_)) => rules.fall,
            (Opinion::Down, Outcome::Good) => rules.rise,
        };
        self.against += 1;
        if self.against < needed {
            return None;
        }
        let in_a_row = std::mem::take(&mut self.against);
        Some(match outcome {
            Outcome::Bad(why) => {
                self.opinion = Opinion::Down;
                Turn::Down { why, in_a_row }
            }
            Outcome::Good | Outcome::Ours(_) => {
                self.opinion = Opinion::Up;
                Turn::Up { in_a_row }
            }
        })
    }
}
