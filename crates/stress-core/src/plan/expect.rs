//! What a response has to be like: statuses, a field, a part of its body.

use super::field;
use serde::Serialize;

/// Statuses, or fields, of one run.
const EXPECTED_MAX: usize = 100;
/// Bytes of a text that bodies have to hold.
const BODY_TEXT_BYTES_MAX: usize = 4096;

/// As given by a person.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExpectDraft {
    /// `200,204`, `2xx`; more than one list is one.
    pub statuses: Vec<String>,
    /// `Name: value`, each of which has to be there.
    pub headers: Vec<String>,
    /// A text that the body has to hold.
    pub body: Option<String>,
}

/// Checked. Serialises to `plan.expect` of `stress --json`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Expect {
    /// First and last status of each range; empty: any.
    statuses: Vec<(u16, u16)>,
    headers: Vec<(String, String)>,
    body: Option<String>,
}

/// What cannot be meant.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExpectMistake {
    /// No status.
    #[error("--expect-status {0:?}: write codes or classes with commas between them, such as 200,204 or 2xx")]
    Status(String),
    /// No field.
    #[error("--expect-header {0:?}: write it as 'Name: value'; without a value ('Name:') any does")]
    Header(String),
    /// A text that every body holds, or none could.
    #[error("--expect-body: a text of 1 to {BODY_TEXT_BYTES_MAX} bytes")]
    Body,
    /// Too many.
    #[error("at most {EXPECTED_MAX} statuses and {EXPECTED_MAX} headers can be expected")]
    TooMany,
}

impl ExpectDraft {
    /// Checks it.
    ///
    /// # Errors
    /// Something that cannot be meant.
    pub fn check(self) -> Result<Expect, ExpectMistake> {
        let lists = self.statuses.iter().flat_map(|list| list.split(','));
        let statuses = lists.map(|text| statuses(text.trim())).collect::<Result<Vec<_>, _>>()?;
        let expected = |text: &String| field(text).ok_or_else(|| ExpectMistake::Header(text.clone()));
        let headers = self.headers.iter().map(expected).collect::<Result<Vec<_>, _>>()?;
        if self.body.as_ref().is_some_and(|text| text.is_empty() || text.len() > BODY_TEXT_BYTES_MAX) {
            return Err(ExpectMistake::Body);
        }
        match statuses.len().max(headers.len()) > EXPECTED_MAX {
            true => Err(ExpectMistake::TooMany),
            false => Ok(Expect { statuses, headers, body: self.body }),
        }
    }
}

/// `204`, `2xx`.
fn statuses(text: &str) -> Result<(u16, u16), ExpectMistake> {
    let wrong = || ExpectMistake::Status(text.to_owned());
    let digits = text.len() == 3 && text.bytes().next().is_some_and(|first| (b'1'..=b'9').contains(&first));
    let class = text.get(..1).filter(|_| digits && text[1..].eq_ignore_ascii_case("xx"));
    match class.map(str::parse::<u16>) {
        Some(Ok(class)) => Ok((class * 100, class * 100 + 99)),
        _ if digits => text.parse().map(|code| (code, code)).map_err(|_| wrong()),
        _ => Err(wrong()),
    }
}

impl Expect {
    /// Is anything expected?
    pub(crate) fn is_any(&self) -> bool {
        !(self.statuses.is_empty() && self.headers.is_empty() && self.body.is_none())
    }

    /// Is it one of the statuses?
    pub(crate) fn takes_status(&self, status: u16) -> bool {
        self.statuses.is_empty() || self.statuses.iter().any(|(first, last)| (*first..=*last).contains(&status))
    }

    /// Are all fields there? `find` says of a name and a value whether a head has it; an empty value is any.
    pub(crate) fn takes_headers(&self, find: impl Fn(&str, &str) -> bool) -> bool {
        self.headers.iter().all(|(name, value)| find(name, value))
    }

    /// The text that bodies have to hold; empty: any do.
    pub fn body(&self) -> &[u8] {
        self.body.as_deref().unwrap_or_default().as_bytes()
    }
}

/// Looks for a text in a body that comes in pieces: a match may lie across several (Knuth, Morris and Pratt).
#[derive(Clone, Debug, Default)]
pub(crate) struct Needle {
    text: Box<[u8]>,
    /// Of each prefix the length of its longest border.
    borders: Box<[u16]>,
}

impl Needle {
    /// For this text; an empty one is everywhere.
    pub(crate) fn new(text: &[u8]) -> Self {
        let mut borders = vec![0u16; text.len()];
        let mut len = 0usize;
        for at in 1..text.len() {
            while len > 0 && text[at] != text[len] {
                len = usize::from(borders[len - 1]);
            }
            len += usize::from(text[at] == text[len]);
            borders[at] = len as u16;
        }
        Self { text: text.into(), borders: borders.into() }
    }

    /// How much of the text the bytes so far end with, after `piece`; the whole length once it was found.
    pub(crate) fn advance(&self, matched: u16, piece: &[u8]) -> u16 {
        let mut len = usize::from(matched);
        for byte in piece {
            if len == self.text.len() {
                break;
            }
            while len > 0 && *byte != self.text[len] {
                len = usize::from(self.borders[len - 1]);
            }
            len += usize::from(*byte == self.text[len]);
        }
        len as u16
    }

    /// Was it found?
    pub(crate) fn is_found(&self, matched: u16) -> bool {
        usize::from(matched) == self.text.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(statuses: &[&str]) -> Result<Expect, ExpectMistake> {
        let statuses = statuses.iter().map(ToString::to_string).collect();
        ExpectDraft { statuses, ..ExpectDraft::default() }.check()
    }

    #[test]
    fn statuses_are_codes_and_classes() {
        let taken = |expect: &Expect| (100..600).filter(|code| expect.takes_status(*code)).count();
        for (lists, count) in
            [(&[][..], 500), (&["200"], 1), (&["200,204", "404"], 3), (&["2xx, 304"], 101), (&["3XX"], 100)]
        {
            assert_eq!(taken(&of(lists).expect("good")), count, "{lists:?}");
        }
        for bad in ["", "20", "2000", "0xx", "abc", "2x", "200,", "+20", "2\u{e9}"] {
            assert!(matches!(of(&[bad]), Err(ExpectMistake::Status(_))), "{bad}");
        }
    }

    #[test]
    fn fields_and_bodies_are_checked() {
        let headers = |field: &str| ExpectDraft { headers: vec![field.into()], ..ExpectDraft::default() }.check();
        assert!(headers("X-A: b").is_ok_and(|expect| expect.is_any() && !expect.takes_headers(|_, _| false)));
        assert!(headers("Content-Length: 20").is_ok(), "what may not be sent may be expected");
        assert!(matches!(headers("X-A"), Err(ExpectMistake::Header(_))));
        let body = |text: &str| ExpectDraft { body: Some(text.into()), ..ExpectDraft::default() }.check();
        assert_eq!((body(""), body(&"x".repeat(5000))), (Err(ExpectMistake::Body), Err(ExpectMistake::Body)));
        assert!(!ExpectDraft::default().check().expect("nothing").is_any());
    }

    /// Against a plain search, for every text over two letters and every place where the body is cut.
    #[test]
    fn a_text_is_found_across_pieces() {
        let words =
            |len: u32| (0..1u32 << len).map(move |bits| (0..len).map(|at| b'a' + (bits >> at & 1) as u8).collect());
        for text in (1..=4).flat_map(words).collect::<Vec<Vec<u8>>>() {
            let needle = Needle::new(&text);
            for body in words(8).collect::<Vec<Vec<u8>>>() {
                let expect = body.windows(text.len()).any(|part| part == text);
                for cut in 0..=body.len() {
                    let matched = needle.advance(needle.advance(0, &body[..cut]), &body[cut..]);
                    assert_eq!(needle.is_found(matched), expect, "{text:?} in {body:?} cut at {cut}");
                }
            }
        }
        assert!(Needle::new(b"").is_found(0) && Needle::new(b"").is_found(Needle::default().advance(0, b"x")));
    }
}
