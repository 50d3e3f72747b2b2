//! What stands between `{{` and `}}`: counters, chance, lines of files, the environment.

use super::capture::{Capture, CaptureDraft, CaptureError};
use super::text::{Draw, split};
use named::named;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Lines one file may have.
pub const LINES_MAX: usize = 10_000_000;
/// Characters of a random string.
const STRING_MAX: u64 = 65_536;
const LETTERS: &[u8] = b"abcdefghijklmnopqrstuvwxyz0123456789";

/// Lines of one file.
pub type Lines = Arc<[Box<[u8]>]>;

/// What templates may name beyond themselves: read by whoever knows files and an environment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Around {
    /// Files by the name they have in templates.
    pub files: BTreeMap<String, Lines>,
    /// Variables of the environment.
    pub env: BTreeMap<String, String>,
}

named! {
    /// What a variable may be.
    enum Kind {
        /// A number that goes up.
        Counter = "counter",
        /// A whole number by chance.
        Random = "random",
        /// Letters and digits by chance.
        String = "string",
        /// A UUID of version 4.
        Uuid = "uuid",
        /// One of some words.
        Choice = "choice",
        /// A line of a file.
        Line = "line",
        /// A variable of the environment.
        Env = "env",
    }
}

/// A variable.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    /// Known already.
    Fixed(Box<[u8]>),
    /// The number of `draw`, in steps.
    Counter {
        draw: usize,
        from: u64,
        step: u64,
    },
    /// From the lowest to the highest.
    Random {
        low: u64,
        high: u64,
    },
    String(u64),
    Uuid,
    Choice(Box<[Box<[u8]>]>),
    /// Kept of an earlier answer.
    Kept(usize),
    /// The line of the number of `draw`, or by chance; of it a field between commas.
    Line {
        draw: usize,
        lines: Lines,
        by_chance: bool,
        field: Option<usize>,
    },
}

/// Why that is no variable.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ValueError {
    /// `{{` without `}}`.
    #[error("{0:?}: `{{{{` without `}}}}` behind it; {{{{\"{{{{\"}}}} is `{{{{` itself")]
    Open(String),
    /// Nothing has this name.
    #[error(
        "{{{{{inner}}}}}: nothing is called {name:?}{meant}; there are {}, and {{{{\"{{{{\"}}}} for `{{{{` itself",
        Kind::list()
    )]
    Unknown {
        /// All of it.
        inner: String,
        /// The name.
        name: String,
        /// What may have been meant.
        meant: String,
    },
    /// With other words behind it than it takes.
    #[error("{{{{{inner}}}}}: write {usage}")]
    Usage {
        /// All of it.
        inner: String,
        /// How it is written.
        usage: &'static str,
    },
    /// The environment has no such variable.
    #[error("{{{{env {0}}}}}: the environment has no such variable; set it: {0}=... quintet stress ...")]
    Env(String),
    /// A file that was not read, or is empty.
    #[error("{{{{line {0}}}}}: there is no line in this file")]
    Lines(String),
}

/// What templates of one run name: numbers that they share are given out here.
pub(super) struct Names<'a> {
    around: &'a Around,
    /// By what is counted: the first word and what tells it apart.
    draws: &'a mut BTreeMap<String, usize>,
    /// Values that are kept of answers, by name; those of all scenarios.
    kept: BTreeMap<String, usize>,
    /// Of those, the ones that earlier steps of this scenario keep.
    known: BTreeSet<usize>,
}

impl<'a> Names<'a> {
    pub(super) fn new(around: &'a Around, draws: &'a mut BTreeMap<String, usize>) -> Self {
        Self { around, draws, kept: BTreeMap::new(), known: BTreeSet::new() }
    }

    /// Another scenario begins: nothing is kept yet.
    pub(super) fn begin(&mut self) {
        self.known.clear();
    }

    /// A value of this name is kept from here on.
    pub(super) fn keep(&mut self, draft: &CaptureDraft) -> Result<Capture, CaptureError> {
        let name = draft.name.as_str();
        let begins = name.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic());
        let is_word = begins && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if !is_word || Kind::from_name(name).is_some() {
            return Err(CaptureError::Name(draft.name.clone()));
        }
        let next = self.kept.len();
        let which = *self.kept.entry(draft.name.clone()).or_insert(next);
        self.known.insert(which);
        Capture::new(draft, which)
    }

    /// Values that are kept in all.
    pub(super) fn kept(&self) -> usize {
        self.kept.len()
    }

    /// What the expression `inner` is.
    pub(super) fn value(&mut self, inner: &str) -> Result<Value, ValueError> {
        if let Some(plain) = inner.strip_prefix('"').and_then(|text| text.strip_suffix('"')) {
            return Ok(Value::Fixed(plain.as_bytes().into()));
        }
        let words = words(inner);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let Some((name, rest)) = words.split_first() else {
            return Err(self.unknown(inner, ""));
        };
        let kept = self.kept.get(*name).filter(|which| self.known.contains(which) && rest.is_empty());
        if let Some(which) = kept {
            return Ok(Value::Kept(*which));
        }
        let Some(kind) = Kind::from_name(name) else { return Err(self.unknown(inner, name)) };
        self.of_kind(kind, rest)
            .unwrap_or_else(|| Err(ValueError::Usage { inner: inner.to_owned(), usage: usage(kind) }))
    }

    /// `None`: other words than it takes.
    fn of_kind(&mut self, kind: Kind, rest: &[&str]) -> Option<Result<Value, ValueError>> {
        let number = |text: &str| text.parse::<u64>().ok();
        Some(Ok(match (kind, rest) {
            (Kind::Counter, []) => self.counter(1, 1),
            (Kind::Counter, [from]) => self.counter(number(from)?, 1),
            (Kind::Counter, [from, step]) => self.counter(number(from)?, number(step)?),
            (Kind::Random, [low, high]) => {
                let (low, high) = (number(low)?, number(high)?);
                (low <= high && high < u64::MAX).then_some(Value::Random { low, high })?
            }
            (Kind::String, [length]) => {
                Value::String(number(length).filter(|length| (1..=STRING_MAX).contains(length))?)
            }
            (Kind::Uuid, []) => Value::Uuid,
            (Kind::Choice, [_, _, ..]) => Value::Choice(rest.iter().map(|word| word.as_bytes().into()).collect()),
            (Kind::Line, [file, rest @ ..]) => return self.line(file, rest),
            (Kind::Env, [name]) => match self.around.env.get(*name) {
                Some(value) => Value::Fixed(value.as_bytes().into()),
                None => return Some(Err(ValueError::Env((*name).to_owned()))),
            },
            _ => return None,
        }))
    }

    fn unknown(&self, inner: &str, name: &str) -> ValueError {
        let kept = self.kept.iter().filter(|(_, which)| self.known.contains(which)).map(|(name, _)| name.as_str());
        let meant = named::nearest(name, Kind::ALL.iter().map(|kind| kind.name()).chain(kept));
        let later = self.kept.contains_key(name).then(|| ", in this scenario and before this request".to_owned());
        let meant = later.or_else(|| meant.map(|meant| format!(", did you mean {meant:?}?"))).unwrap_or_default();
        ValueError::Unknown { inner: inner.to_owned(), name: name.to_owned(), meant }
    }

    fn counter(&mut self, from: u64, step: u64) -> Value {
        Value::Counter { draw: self.draw(format!("counter {from} {step}")), from, step }
    }

    fn line(&mut self, file: &str, rest: &[&str]) -> Option<Result<Value, ValueError>> {
        let (by_chance, rest) = match rest {
            ["random", rest @ ..] => (true, rest),
            rest => (false, rest),
        };
        let field = match rest {
            [] => None,
            ["field", number] => Some(number.parse::<usize>().ok()?.checked_sub(1)?),
            _ => return None,
        };
        let Some(lines) = self.around.files.get(file).filter(|lines| !lines.is_empty()) else {
            return Some(Err(ValueError::Lines(file.to_owned())));
        };
        let draw = self.draw(format!("line {file} {by_chance}"));
        Some(Ok(Value::Line { draw, lines: Arc::clone(lines), by_chance, field }))
    }

    fn draw(&mut self, what: String) -> usize {
        let next = self.draws.len();
        *self.draws.entry(what).or_insert(next)
    }
}

impl Value {
    /// Writes what it is this time behind `out`.
    pub(super) fn write(&self, draw: &mut Draw<'_>, out: &mut Vec<u8>) {
        match self {
            Self::Fixed(plain) => out.extend_from_slice(plain),
            Self::Counter { draw: which, from, step } => {
                let turn = draw.number(*which, None);
                write_number(from.wrapping_add(turn.wrapping_mul(*step)), out);
            }
            Self::Random { low, high } => write_number(draw.rng.range(*low, *high + 1), out),
            Self::String(length) => out.extend((0..*length).map(|_| *draw.rng.pick(LETTERS))),
            Self::Uuid => write_uuid(draw, out),
            Self::Kept(which) => out.extend_from_slice(&draw.kept[*which]),
            Self::Choice(words) => out.extend_from_slice(&words[draw.rng.index(words.len())]),
            Self::Line { draw: which, lines, by_chance, field } => {
                let count = lines.len() as u64;
                let line = &lines[(draw.number(*which, by_chance.then_some(count)) % count) as usize];
                match field {
                    None => out.extend_from_slice(line),
                    Some(nth) => out.extend_from_slice(line.split(|byte| *byte == b',').nth(*nth).unwrap_or_default()),
                }
            }
        }
    }
}

impl Draw<'_> {
    /// The number of `which`, drawn once in a pass: by chance below a bound, or in turn.
    fn number(&mut self, which: usize, below: Option<u64>) -> u64 {
        let (rng, turn) = (&mut *self.rng, &mut *self.turn);
        *self.drawn[which].get_or_insert_with(|| below.map_or_else(|| turn(which), |below| rng.range(0, below)))
    }
}

fn write_number(number: u64, out: &mut Vec<u8>) {
    use std::io::Write;
    // Writing to a Vec cannot fail.
    let _ok = write!(out, "{number}");
}

/// RFC 9562 section 5.4.
fn write_uuid(draw: &mut Draw<'_>, out: &mut Vec<u8>) {
    use std::io::Write;
    let (high, low) = (draw.rng.next_u64(), draw.rng.next_u64());
    let (high, low) = (high & !0xf000 | 0x4000, low & (u64::MAX >> 2) | 1 << 63);
    let (first, second, third) = (high >> 32, high >> 16 & 0xffff, high & 0xffff);
    let _ok = write!(out, "{first:08x}-{second:04x}-{third:04x}-{:04x}-{:012x}", low >> 48, low & 0xffff_ffff_ffff);
}

/// Words between blanks; quotes hold some together.
fn words(inner: &str) -> Vec<String> {
    let (mut words, mut word, mut quoted, mut open) = (Vec::new(), String::new(), false, false);
    for letter in inner.chars() {
        match letter {
            '"' => (quoted, open) = (!quoted, true),
            blank if blank.is_whitespace() && !quoted => {
                if open {
                    words.push(std::mem::take(&mut word));
                }
                open = false;
            }
            letter => {
                open = true;
                word.push(letter);
            }
        }
    }
    if open {
        words.push(word);
    }
    words
}

fn usage(kind: Kind) -> &'static str {
    match kind {
        Kind::Counter => "{{counter}}, {{counter FROM}} or {{counter FROM STEP}}",
        Kind::Random => "{{random LOW HIGH}}, two whole numbers, the lower first",
        Kind::String => "{{string LENGTH}}, from 1 to 65536",
        Kind::Uuid => "{{uuid}}",
        Kind::Choice => "{{choice ONE OTHER ...}}, words with blanks between quotes",
        Kind::Line => "{{line FILE}}, {{line FILE random}}, and behind either `field N` for a part between commas",
        Kind::Env => "{{env NAME}}",
    }
}

/// The files and variables of the environment that a text names, for whoever reads them.
pub(super) fn named_in(text: &[u8], mut file: impl FnMut(&str), mut env: impl FnMut(&str)) {
    for inner in split(text).into_iter().flatten().filter_map(Result::ok) {
        let words = words(inner);
        match words.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
            ["line", name, ..] => file(name),
            ["env", name] => env(name),
            _ => {}
        }
    }
}
