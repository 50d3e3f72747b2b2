//! Lines: a URL each, with a method before it if need be. Behind it may stand header fields and a body, as vegeta's targets
//! have them, up to an empty line.

use super::{Entry, Found, split_url};
use config_file::Mistake;
use std::ops::Range;
use stress_core::RequestDraft;

/// What a line is.
#[derive(Debug, PartialEq, Eq)]
enum Line<'a> {
    Empty,
    Comment,
    Target(Option<&'a str>, &'a str),
    Field(&'a str),
    Body(&'a str),
    Unknown,
}

impl<'a> Line<'a> {
    fn of(line: &'a str) -> Self {
        let line = line.trim();
        let is_url = |text: &str| {
            text.starts_with('/') || text.split(char::is_whitespace).next().is_some_and(|word| word.contains("://"))
        };
        match line.split_once(char::is_whitespace) {
            _ if line.is_empty() => Self::Empty,
            _ if line.starts_with('#') => Self::Comment,
            _ if is_url(line) => Self::Target(None, line),
            _ if line.starts_with('@') => Self::Body(line[1..].trim()),
            Some((method, url)) if http::is_token(method.as_bytes()) && is_url(url.trim()) => {
                Self::Target(Some(method), url.trim())
            }
            _ if line.split_once(':').is_some_and(|(name, _)| http::is_token(name.as_bytes())) => Self::Field(line),
            _ => Self::Unknown,
        }
    }
}

pub(super) fn read(text: &str, body_of: &dyn Fn(&str) -> Result<Vec<u8>, String>) -> Found {
    let mut found = Found::default();
    // Fields and a body belong to the target before them, if no empty line is between.
    let (mut open, mut at) = (false, 0);
    for whole in text.split_inclusive('\n') {
        let line = whole.trim_end_matches(['\r', '\n']);
        let place = at..at + line.len().max(1).min(text.len() - at);
        at += whole.len();
        match Line::of(line.trim_start_matches('\u{feff}')) {
            Line::Empty => open = false,
            Line::Comment => {}
            Line::Target(method, url) => {
                open = true;
                target(&mut found, method, url, place);
            }
            Line::Field(field) if open => with_last(&mut found, |request| request.headers.push(field.to_owned())),
            Line::Body(path) if open => match body_of(path) {
                Ok(body) => with_last(&mut found, |request| request.body = body),
                Err(why) => found.mistakes.push(Mistake::new(place, format!("the body {path:?}: {why}"), "here")),
            },
            Line::Field(_) | Line::Body(_) => found.mistakes.push(stray(place)),
            Line::Unknown => found.mistakes.push(unknown(place)),
        }
    }
    found
}

fn with_last(found: &mut Found, change: impl FnOnce(&mut RequestDraft)) {
    if let Some(entry) = found.entries.last_mut() {
        change(&mut entry.request);
    }
}

fn target(found: &mut Found, method: Option<&str>, url: &str, place: Range<usize>) {
    let Some((origin, path)) = split_url(url) else { return found.mistakes.push(unknown(place)) };
    let request = RequestDraft { method: method.map(str::to_owned), ..RequestDraft::new(path) };
    found.entries.push(Entry { place, origin, request, at: None });
}

fn stray(place: Range<usize>) -> Mistake {
    let help = "header fields and @BODY stand in the lines below their METHOD URL, without an empty line between";
    Mistake::new(place, "this belongs to no request", "no request above it").help(help)
}

fn unknown(place: Range<usize>) -> Mistake {
    let help = "write http://HOST[:PORT]/PATH or /PATH, with a method before it if it is not GET: POST http://127.0.0.1:8080/cart";
    Mistake::new(place, "this line is no request", "neither a URL nor METHOD URL").help(help)
}
