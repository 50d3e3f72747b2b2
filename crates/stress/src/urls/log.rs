//! An access log in the common or combined format.

use super::{Entry, Found, split_url, when};
use std::borrow::Cow;
use stress_core::RequestDraft;

/// Does a log begin with this line?
pub(super) fn is_line(line: &str) -> bool {
    parts(line).is_some_and(|(time, _)| when::clf(time).is_some())
}

pub(super) fn read(text: &str) -> Found {
    let mut found = Found { is_record: true, ..Found::default() };
    let mut at = 0;
    for whole in text.split_inclusive('\n') {
        let place = at..at + whole.trim_end().len();
        at += whole.len();
        if whole.trim().is_empty() {
            continue;
        }
        match entry(whole.trim_end()) {
            Ok((origin, request, at)) => found.entries.push(Entry { place, origin, request, at: Some(at) }),
            Err(why) => found.leave_out(why),
        }
    }
    spread_within_seconds(&mut found.entries);
    found
}

type Logged = (Option<String>, RequestDraft, i64);

fn entry(line: &str) -> Result<Logged, &'static str> {
    let (time, rest) = parts(line).ok_or("not a line of the common or combined format")?;
    let at = when::clf(time).ok_or("without a time")?;
    let (request, rest) = quoted(rest).ok_or("not a line of the common or combined format")?;
    let mut words = request.split(' ');
    let (Some(method), Some(url), Some(version), None) = (words.next(), words.next(), words.next(), words.next())
    else {
        return Err("what was asked for is no HTTP request");
    };
    if !version.starts_with("HTTP/") || !http::is_token(method.as_bytes()) || method == "CONNECT" {
        return Err("what was asked for is no HTTP request");
    }
    let (origin, path) = split_url(url).ok_or("what was asked for is no path")?;
    if !super::is_path(&path) {
        return Err("with characters that no URL may hold");
    }
    let fields = ["Referer", "User-Agent"].into_iter().zip(quoted_parts(rest));
    let fields = fields.filter(|(_, value)| value != "-" && http::is_field_value(value.as_bytes()));
    let headers = fields.map(|(name, value)| format!("{name}: {value}")).collect();
    Ok((origin, RequestDraft { method: Some(method.to_owned()), headers, ..RequestDraft::new(path) }, at))
}

/// The time between brackets, and what is behind them.
fn parts(line: &str) -> Option<(&str, &str)> {
    let (_, rest) = line.split_once(" [")?;
    rest.split_once("] ")
}

/// What stands between quotes, and what is behind them: `\"`, `\\` and `\xhh` are the characters they mean.
fn quoted(text: &str) -> Option<(Cow<'_, str>, &str)> {
    let text = &text[text.find('"')? + 1..];
    let mut escaped = false;
    let end = text.bytes().position(|byte| {
        let ends = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        ends
    })?;
    Some((unescaped(&text[..end]), &text[end + 1..]))
}

fn quoted_parts(mut text: &str) -> impl Iterator<Item = Cow<'_, str>> {
    std::iter::from_fn(move || {
        let (part, rest) = quoted(text)?;
        text = rest;
        Some(part)
    })
}

fn unescaped(text: &str) -> Cow<'_, str> {
    if !text.contains('\\') {
        return text.into();
    }
    let hex = |high: u8, low: u8| {
        let digit = |digit: u8| char::from(digit).to_digit(16);
        Some((digit(high)? * 16 + digit(low)?) as u8)
    };
    let (mut bytes, mut rest) = (Vec::new(), text.as_bytes());
    while let [first, behind @ ..] = rest {
        let (byte, behind) = match (*first, behind) {
            (b'\\', [b'x', high, low, behind @ ..]) if hex(*high, *low).is_some() => {
                (hex(*high, *low).unwrap_or_default(), behind)
            }
            (b'\\', [plain @ (b'"' | b'\\'), behind @ ..]) => (*plain, behind),
            (byte, behind) => (byte, behind),
        };
        bytes.push(byte);
        rest = behind;
    }
    String::from_utf8_lossy(&bytes).into_owned().into()
}

/// A log knows seconds: requests of the same one are taken to lie in equal steps in it, not all at its beginning.
fn spread_within_seconds(entries: &mut [Entry]) {
    entries.sort_by_key(|entry| entry.at);
    for second in entries.chunk_by_mut(|one, other| one.at == other.at) {
        let count = second.len() as i64;
        for (nth, entry) in second.iter_mut().enumerate() {
            entry.at = entry.at.map(|at| at + 1_000_000 * nth as i64 / count);
        }
    }
}
