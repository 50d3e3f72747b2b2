//! Colours, where they are welcome; they only repeat what words and signs say.

use ratatui::style::{Color, Modifier, Style};

/// What something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tone {
    Plain,
    /// Behind the rest.
    Faint,
    /// A heading.
    Strong,
    /// Complete responses, the median.
    Good,
    /// The few slow ones; what may become trouble.
    Uneasy,
    /// What failed.
    Bad,
}

/// How things are painted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Paint {
    pub(super) coloured: bool,
}

impl Paint {
    pub(super) fn style(self, tone: Tone) -> Style {
        let plain = Style::new();
        if !self.coloured {
            return match tone {
                Tone::Strong | Tone::Bad => plain.add_modifier(Modifier::BOLD),
                _ => plain,
            };
        }
        match tone {
            Tone::Plain => plain,
            Tone::Faint => plain.fg(Color::DarkGray),
            Tone::Strong => plain.add_modifier(Modifier::BOLD),
            Tone::Good => plain.fg(Color::Cyan),
            Tone::Uneasy => plain.fg(Color::Yellow),
            Tone::Bad => plain.fg(Color::Red).add_modifier(Modifier::BOLD),
        }
    }
}
