//! The words of one line: taken one by one, each with its own message when it is wrong.

use super::error::Wrong;
use super::types::{Pattern, Value};
use core::str::FromStr;
use core::time::Duration;

/// The words of a line that are still to be read.
#[derive(Clone, Debug)]
pub(super) struct Words<'a> {
    rest: core::iter::Peekable<core::str::SplitWhitespace<'a>>,
}

impl<'a> Words<'a> {
    pub(super) fn new(line: &'a str) -> Self {
        Self { rest: line.split_whitespace().peekable() }
    }

    pub(super) fn peek(&mut self) -> Option<&'a str> {
        self.rest.peek().copied()
    }

    pub(super) fn next(&mut self) -> Option<&'a str> {
        self.rest.next()
    }

    /// Takes the next word if it is this one.
    pub(super) fn take(&mut self, word: &str) -> bool {
        self.rest.next_if(|next| *next == word).is_some()
    }

    /// The next word; `what` names what is missing.
    pub(super) fn need(&mut self, what: &str) -> Result<&'a str, Wrong> {
        self.next().ok_or_else(|| Wrong::new("the line ends too early", format!("{what} should follow")))
    }

    /// The next word as a number.
    pub(super) fn number<T: FromStr>(&mut self, what: &str) -> Result<T, Wrong> {
        let word = self.need(what)?;
        word.parse()
            .map_err(|_| Wrong::new(format!("{word:?} is not {what}"), "write a whole number within its limits"))
    }

    /// The next word as a duration.
    pub(super) fn duration(&mut self) -> Result<Duration, Wrong> {
        duration(self.need("a duration such as 400ms or 60s")?)
    }

    /// The next word as a value.
    pub(super) fn value(&mut self) -> Result<Value, Wrong> {
        value(self.need("a value such as 1000 or host.nxt+1")?)
    }

    /// The next word as a value or `*`.
    pub(super) fn pattern(&mut self) -> Result<Pattern, Wrong> {
        if self.take("*") { Ok(Pattern::Any) } else { self.value().map(Pattern::Is) }
    }

    /// Nothing may be left.
    pub(super) fn end(&mut self) -> Result<(), Wrong> {
        match self.next() {
            None => Ok(()),
            Some(word) => Err(Wrong::new(
                format!("{word:?} is not known here"),
                "leave it out, or see the head of the scenario module",
            )),
        }
    }
}

/// `400ms`, `60s`, `0.5s`.
fn duration(word: &str) -> Result<Duration, Wrong> {
    let wrong = || Wrong::new(format!("{word:?} is not a duration"), "write it like 400ms, 60s or 0.5s");
    let is_short = word.ends_with('s');
    units::duration(word).ok().filter(|_| is_short).ok_or_else(wrong)
}

/// `+0.6`: seconds after the step before.
pub(super) fn offset(word: &str) -> Result<Duration, Wrong> {
    let wrong = || Wrong::new(format!("{word:?} is not a time"), "write seconds after the step before, like +0.600");
    let seconds: f64 = word.trim_start_matches('+').parse().map_err(|_| wrong())?;
    Duration::try_from_secs_f64(seconds).map_err(|_| wrong())
}

/// `1000`, `host.nxt`, `host.isn+1`.
fn value(word: &str) -> Result<Value, Wrong> {
    let wrong = || {
        Wrong::new(
            format!("{word:?} is not a value"),
            "write a number below 2^32, a name, or a name with an offset: host.isn+1",
        )
    };
    if word.starts_with(|c: char| c.is_ascii_digit()) {
        return word.parse().map(Value::Number).map_err(|_| wrong());
    }
    let cut = word.find(['+', '-']).unwrap_or(word.len());
    let (name, offset) = word.split_at(cut);
    let offset = if offset.is_empty() { 0 } else { offset.parse::<i64>().map_err(|_| wrong())? };
    if is_name(name) { Ok(Value::Named(name.to_owned(), offset)) } else { Err(wrong()) }
}

/// Letters, digits and dots, a letter first.
pub(super) fn is_name(word: &str) -> bool {
    word.starts_with(|c: char| c.is_ascii_alphabetic())
        && word.chars().all(|c| c.is_ascii_alphanumeric() || c == '.' || c == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        for (word, ms) in [("400ms", 400), ("60s", 60_000), ("0.5s", 500), ("0s", 0)] {
            assert_eq!(duration(word), Ok(Duration::from_millis(ms)));
        }
        for word in ["", "s", "5", "5m", "-1s", "xms", "1e99s"] {
            assert!(duration(word).is_err(), "{word} was taken for a duration");
        }
    }

    #[test]
    fn values() {
        let named = |name: &str, offset| Ok(Value::Named(name.to_owned(), offset));
        assert_eq!(value("4294967295"), Ok(Value::Number(u32::MAX)));
        assert_eq!(value("host.isn+1"), named("host.isn", 1));
        assert_eq!(value("peer.nxt-70000"), named("peer.nxt", -70_000));
        assert_eq!(value("old"), named("old", 0));
        for word in ["4294967296", "12x", "+1", "host.isn+", "host.isn+x", "a*b", ""] {
            assert!(value(word).is_err(), "{word} was taken for a value");
        }
    }
}
