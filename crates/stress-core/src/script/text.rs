//! Text with variables: `/user/{{random 1 100}}`. Read once, written for each request.

use super::values::{Names, Value, ValueError};
use seed::Rng;

/// Text with variables in it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Text(Box<[Part]>);

#[derive(Clone, Debug, PartialEq)]
enum Part {
    Plain(Box<[u8]>),
    Value(Value),
}

/// Where a text stands: what a value may not hold there is written otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// A request's target: what no URL may hold is written as `%XX`.
    Target,
    /// Header fields: control characters are left out.
    Fields,
    /// To the letter.
    Body,
}

/// Where values come from while one request is written.
pub struct Draw<'a> {
    /// Chance.
    pub rng: &'a mut Rng,
    /// Numbers that are the same all through one pass, as far as they are drawn.
    pub drawn: &'a mut [Option<u64>],
    /// Values that earlier answers of the scenario had.
    pub kept: &'a [Vec<u8>],
    /// The next turn of those that take turns, over all threads.
    pub turn: &'a mut dyn FnMut(usize) -> u64,
}

/// Is there a variable in it? What is no text, such as an image, is sent as it is.
pub(super) fn has_variables(text: &[u8]) -> bool {
    text.windows(2).any(|pair| pair == b"{{") && std::str::from_utf8(text).is_ok()
}

/// The same bytes as a text in which nothing is a variable.
pub(super) fn literal(text: &[u8]) -> Vec<u8> {
    let (mut out, mut rest) = (Vec::new(), text);
    while let Some(at) = rest.windows(2).position(|pair| pair == b"{{") {
        out.extend_from_slice(&rest[..at]);
        out.extend_from_slice(b"{{\"{{\"}}");
        rest = &rest[at + 2..];
    }
    out.extend_from_slice(rest);
    out
}

/// The expressions between `{{` and `}}`, and the plain text around them, in their order.
pub(super) fn split(text: &[u8]) -> Result<Vec<Result<&str, &[u8]>>, ValueError> {
    let (mut rest, mut parts) = (text, Vec::new());
    while let Some(at) = rest.windows(2).position(|pair| pair == b"{{") {
        let behind = &rest[at + 2..];
        let shown = || String::from_utf8_lossy(&rest[at..rest.len().min(at + 40)]).into_owned();
        let end = end_of(behind).ok_or_else(|| ValueError::Open(shown()))?;
        let inner = std::str::from_utf8(&behind[..end]).map_err(|_| ValueError::Open(shown()))?;
        parts.push(Err(&rest[..at]));
        parts.push(Ok(inner.trim()));
        rest = &behind[end + 2..];
    }
    parts.push(Err(rest));
    Ok(parts)
}

/// Where `}}` stands that is not between quotes.
fn end_of(text: &[u8]) -> Option<usize> {
    let mut quoted = false;
    (0..text.len()).find(|at| {
        quoted ^= text[*at] == b'"';
        !quoted && text[*at..].starts_with(b"}}")
    })
}

impl Text {
    /// Reads `text`; `names` says what stands for what.
    pub(super) fn new(text: &[u8], names: &mut Names<'_>) -> Result<Self, ValueError> {
        let mut parts = Vec::new();
        for part in split(text)? {
            match part {
                Err([]) => {}
                Err(plain) => parts.push(Part::Plain(plain.into())),
                Ok(inner) => parts.push(match names.value(inner)? {
                    Value::Fixed(plain) => Part::Plain(plain),
                    value => Part::Value(value),
                }),
            }
        }
        Ok(Self(parts.into()))
    }

    /// Without a variable.
    pub(super) fn plain(text: &[u8]) -> Self {
        Self([Part::Plain(text.into())].into())
    }

    /// Writes it behind `out`.
    pub(crate) fn write(&self, place: Place, draw: &mut Draw<'_>, out: &mut Vec<u8>) {
        for part in &self.0 {
            match part {
                Part::Plain(plain) => out.extend_from_slice(plain),
                Part::Value(value) => {
                    let begins = out.len();
                    value.write(draw, out);
                    fit(place, begins, out);
                }
            }
        }
    }
}

/// What was written from `begins` on, as it may stand in that place.
fn fit(place: Place, begins: usize, out: &mut Vec<u8>) {
    const NEVER: &[u8] = b"\"<>\\^`{|}#";
    match place {
        Place::Body => {}
        Place::Fields => {
            let mut kept = begins;
            for at in begins..out.len() {
                if out[at] >= b' ' && out[at] != 0x7f {
                    out[kept] = out[at];
                    kept += 1;
                }
            }
            out.truncate(kept);
        }
        Place::Target => {
            let mut at = begins;
            while at < out.len() {
                let byte = out[at];
                if !byte.is_ascii_graphic() || NEVER.contains(&byte) {
                    let digit = |nibble: u8| b"0123456789ABCDEF"[usize::from(nibble)];
                    out.splice(at..=at, [b'%', digit(byte >> 4), digit(byte & 15)]);
                    at += 2;
                }
                at += 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_end_outside_of_quotes() {
        let told = |text: &'static str| {
            split(text.as_bytes()).map(|parts| {
                let part = |part: &Result<&str, &[u8]>| match part {
                    Ok(inner) => format!("<{inner}>"),
                    Err(plain) => String::from_utf8_lossy(plain).into_owned(),
                };
                parts.iter().map(part).collect::<String>()
            })
        };
        assert_eq!(told("{\"a\":{{counter}}}").as_deref(), Ok("{\"a\":<counter>}"));
        assert_eq!(told("a{{ x }}{{y}}b").as_deref(), Ok("a<x><y>b"));
        assert_eq!(told("{{\"}}\"}}-{{\"{{\"}}").as_deref(), Ok("<\"}}\">-<\"{{\">"));
        assert_eq!(told("a{{x"), Err(ValueError::Open("{{x".to_owned())));
    }

    #[test]
    fn values_cannot_leave_their_place() {
        let told = |place, value: &str| {
            let mut out = [b"<>", value.as_bytes()].concat();
            fit(place, 2, &mut out);
            String::from_utf8(out).expect("text")
        };
        assert_eq!(told(Place::Target, "a b\r\nc/?x=1&{é"), "<>a%20b%0D%0Ac/?x=1&%7B%C3%A9");
        assert_eq!(told(Place::Fields, "a b\r\nX: c"), "<>a bX: c");
        assert_eq!(told(Place::Body, "a\r\n"), "<>a\r\n");
    }
}
