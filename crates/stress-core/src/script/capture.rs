//! Values that are kept of an answer, for the next requests of the same scenario.

use http::{Header, ResponseHead};
use regex::bytes::Regex;

/// Bytes of a body that are kept to look for values in it; of a longer one nothing is found.
const BODY_KEPT_MAX: usize = 4 << 20;
/// Memory that one pattern may take.
const PATTERN_BYTES_MAX: usize = 1 << 20;

/// A value to be kept, as given by a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaptureDraft {
    /// What requests call it: `{{name}}`.
    pub name: String,
    /// Where it is found.
    pub from: CaptureFrom,
}

/// Where a value is found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CaptureFrom {
    /// In a body that is JSON, by a pointer (RFC 6901).
    Json(String),
    /// In the header field of this name.
    Header(String),
    /// In the body, by a pattern: its first group, else all of it.
    Regex(String),
}

/// A value to be kept.
#[derive(Clone, Debug)]
pub struct Capture {
    /// Which of the run's values.
    pub(super) which: usize,
    from: From,
}

#[derive(Clone, Debug)]
enum From {
    Json(String),
    Header(String),
    Regex(Regex),
}

/// Why nothing can be kept so.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CaptureError {
    /// A name that no variable can have.
    #[error(
        "capture {0:?}: a name is of letters, digits and _, begins with a letter, and is none of those that there are"
    )]
    Name(String),
    /// Not a JSON pointer.
    #[error("capture {name}: {pointer:?} is no JSON pointer: it begins with /, as in /items/0/id")]
    Pointer {
        /// What is captured.
        name: String,
        /// As given.
        pointer: String,
    },
    /// Not the name of a field.
    #[error("capture {name}: {field:?} is no name of a header field")]
    Field {
        /// What is captured.
        name: String,
        /// As given.
        field: String,
    },
    /// Not a pattern.
    #[error("capture {name}: {why}")]
    Regex {
        /// What is captured.
        name: String,
        /// What the parser says.
        why: String,
    },
}

impl Capture {
    /// Of `draft`, as the value of this number.
    pub(super) fn new(draft: &CaptureDraft, which: usize) -> Result<Self, CaptureError> {
        let name = draft.name.clone();
        let from = match &draft.from {
            CaptureFrom::Json(pointer) if pointer.is_empty() || pointer.starts_with('/') => From::Json(pointer.clone()),
            CaptureFrom::Json(pointer) => return Err(CaptureError::Pointer { name, pointer: pointer.clone() }),
            CaptureFrom::Header(field) if http::is_token(field.as_bytes()) => From::Header(field.clone()),
            CaptureFrom::Header(field) => return Err(CaptureError::Field { name, field: field.clone() }),
            CaptureFrom::Regex(pattern) => {
                let pattern = regex::bytes::RegexBuilder::new(pattern).size_limit(PATTERN_BYTES_MAX).build();
                From::Regex(pattern.map_err(|why| CaptureError::Regex { name, why: why.to_string() })?)
            }
        };
        Ok(Self { which, from })
    }
}

/// What is kept of one answer.
#[derive(Debug, Default)]
pub struct Kept {
    /// Values by number; those of earlier answers of the scenario among them.
    pub values: Vec<Vec<u8>>,
    /// Of these captures so many are still to be found.
    missing: usize,
    body: Vec<u8>,
    is_too_long: bool,
}

impl Kept {
    /// Room for so many values.
    pub fn new(values: usize) -> Self {
        Self { values: vec![Vec::new(); values], ..Self::default() }
    }

    /// A request with these captures is sent.
    pub fn begin(&mut self, captures: &[Capture]) {
        (self.missing, self.is_too_long) = (captures.len(), false);
        self.body.clear();
    }

    /// The head of the answer came.
    pub(crate) fn handle_head(&mut self, captures: &[Capture], head: &ResponseHead<'_, '_>) {
        for capture in captures {
            let From::Header(name) = &capture.from else { continue };
            let field = head.headers.iter().find(|field| is_called(field, name));
            self.found(capture, field.map(|field| field.value));
        }
    }

    /// A piece of its body came.
    pub(crate) fn handle_body(&mut self, piece: &[u8]) {
        if self.body.len() + piece.len() > BODY_KEPT_MAX {
            self.is_too_long = true;
        } else {
            self.body.extend_from_slice(piece);
        }
    }

    /// The answer is complete: looks for what is to be found in its body, in JSON by `json` (body, pointer), which writes the
    /// value behind what it is given and says whether there is one. Was all found?
    pub fn finish(&mut self, captures: &[Capture], mut json: impl FnMut(&[u8], &str, &mut Vec<u8>) -> bool) -> bool {
        let body = std::mem::take(&mut self.body);
        let searched = if self.is_too_long { &[] } else { captures };
        for capture in searched {
            match &capture.from {
                From::Header(_) => {}
                From::Regex(pattern) => {
                    let group =
                        |found: regex::bytes::Captures<'_>| found.get(1).or(found.get(0)).map(|part| part.range());
                    let found = pattern.captures(&body).and_then(group);
                    self.found(capture, found.map(|range| &body[range]));
                }
                From::Json(pointer) => {
                    let value = &mut self.values[capture.which];
                    value.clear();
                    self.missing -= usize::from(json(&body, pointer, value));
                }
            }
        }
        // Its room is used again.
        self.body = body;
        self.missing == 0
    }

    fn found(&mut self, capture: &Capture, value: Option<&[u8]>) {
        if let Some(value) = value {
            let kept = &mut self.values[capture.which];
            kept.clear();
            kept.extend_from_slice(value);
            self.missing -= 1;
        }
    }
}

fn is_called(field: &Header<'_>, name: &str) -> bool {
    field.name.eq_ignore_ascii_case(name)
}

/// Who looks at what a response is made of, while it is read.
pub trait Reader {
    /// Its head came.
    fn head(&mut self, head: &ResponseHead<'_, '_>);
    /// A piece of its body came.
    fn body(&mut self, piece: &[u8]);
}

/// Nobody.
impl Reader for () {
    fn head(&mut self, _: &ResponseHead<'_, '_>) {}
    fn body(&mut self, _: &[u8]) {}
}

/// Whoever keeps values of an answer, with what is to be kept.
impl Reader for (&mut Kept, &[Capture]) {
    fn head(&mut self, head: &ResponseHead<'_, '_>) {
        self.0.handle_head(self.1, head);
    }

    fn body(&mut self, piece: &[u8]) {
        self.0.handle_body(piece);
    }
}
