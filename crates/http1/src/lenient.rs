//! A second look at a response head that the strict parser has refused: older dialects that can be understood in one way
//! only. Off the usual path: nothing here costs a head that keeps to the letter.

use http::{Header, Limits, Method, Name, Reading, ResponseHead, Version, is_field_value};

use crate::dialect::{Dialect, Dialects};
use crate::error::Error;
use crate::fields::Fields;
use crate::head::{self, Parsed, Role};
use crate::response::{Line, finish};
use crate::slots::Again;

/// Empty lines that may stand behind an interim response.
const EMPTY_LINES_MAX: usize = 4;

#[cold]
pub(crate) fn parse<'s, 'b>(
    bytes: &'b [u8],
    limits: &Limits,
    again: Again<'s, 'b>,
    request_method: Method,
) -> Result<Option<Parsed<ResponseHead<'s, 'b>>>, Error> {
    let mut dialects = Dialects::default();
    let skip = skip_empty_lines(bytes, limits.reading)?;
    dialects.note_if(skip > 0, Dialect::EmptyLine);
    let head = &bytes[skip..];
    let Some((line, headers, len)) = take_apart(head, again, &mut dialects)? else {
        return head::incomplete(bytes, Role::Response, limits);
    };
    note_lines(&head[..len], headers, &mut dialects);
    if dialects.has(Dialect::ObsFold) && folds_what_frames(&head[..len], headers) {
        return Err(Error::ObsFold);
    }
    let fields = Fields::read_leniently(headers, line.version)?;
    let also = fields.dialects;
    let parsed = finish(line, headers, fields, skip + len, request_method)?;
    let folded = dialects.has(Dialect::ObsFold);
    Ok(Some(Parsed { head: ResponseHead { folded, ..parsed.head }, dialects: dialects.with(also), ..parsed }))
}

/// Behind an interim response only: elsewhere an empty line would be the rest of another body.
fn skip_empty_lines(bytes: &[u8], reading: Reading) -> Result<usize, Error> {
    let (mut at, mut lines) = (0, 0);
    while let [b'\n', ..] | [b'\r', b'\n', ..] = &bytes[at..] {
        at += 1 + usize::from(bytes[at] == b'\r');
        lines += 1;
    }
    let allowed = if reading == Reading::LenientAfterInterim { EMPTY_LINES_MAX } else { 0 };
    if lines > allowed || (allowed == 0 && bytes.starts_with(b"\r")) {
        return Err(Error::LeadingEmptyLines);
    }
    Ok(at)
}

type Parts<'s, 'b> = (Line<'b>, &'s [Header<'b>], usize);

/// Start line, fields, and the length of both. `None`: not complete yet.
fn take_apart<'s, 'b>(
    head: &'b [u8],
    again: Again<'s, 'b>,
    dialects: &mut Dialects,
) -> Result<Option<Parts<'s, 'b>>, Error> {
    if is_newer(head) {
        dialects.note(Dialect::NewerVersion);
        return take_newer_apart(head, again);
    }
    let mut raw = httparse::Response::new(again.slots());
    let mut config = httparse::ParserConfig::default();
    config.allow_spaces_after_header_name_in_responses(true).allow_obsolete_multiline_headers_in_responses(true);
    match config.parse_response(&mut raw, head) {
        Ok(httparse::Status::Complete(len)) => Ok(Some((Line::of(&raw), raw.headers, len))),
        Ok(httparse::Status::Partial) => Ok(None),
        Err(fault) => Err(head::name_fault(head, fault, Role::Response)),
    }
}

fn is_newer(head: &[u8]) -> bool {
    matches!(head::after_newer_version(head), Ok(Some(_)))
}

/// HTTP/1.2 and what may follow it. Its fields are read strictly but for their line ends: two dialects at once are one too
/// many.
fn take_newer_apart<'s, 'b>(head: &'b [u8], again: Again<'s, 'b>) -> Result<Option<Parts<'s, 'b>>, Error> {
    let Some(end) = head.iter().position(|&byte| byte == b'\n') else {
        // What is there of the line is looked at when it is whole.
        return Ok(None);
    };
    let (line, rest) = (&head[..end], &head[end + 1..]);
    let line = status_line(line.strip_suffix(b"\r").unwrap_or(line))?;
    let fields = head::fields_only(rest, head, again, Role::Response)?;
    Ok(fields.map(|(len, headers)| (line, headers, end + 1 + len)))
}

/// `HTTP/1.2 SP 3DIGIT [SP reason]`
fn status_line(line: &[u8]) -> Result<Line<'_>, Error> {
    let [b' ', a @ b'1'..=b'9', b @ b'0'..=b'9', c @ b'0'..=b'9', reason @ ..] = &line["HTTP/1.2".len()..] else {
        return Err(Error::StatusLine);
    };
    let reason = match reason {
        [] => reason,
        [b' ', reason @ ..] if is_field_value(reason) => reason,
        _ => return Err(Error::StatusLine),
    };
    let status = [a, b, c].iter().fold(0, |status, digit| status * 10 + u16::from(**digit - b'0'));
    let reason = std::str::from_utf8(reason).ok().filter(|reason| reason.is_ascii()).unwrap_or_default();
    Ok(Line { version: Version::Http11, status, reason })
}

/// What the lines of a head depart in from the letter.
fn note_lines(head: &[u8], headers: &[Header<'_>], dialects: &mut Dialects) {
    let base = head.as_ptr() as usize;
    let spaced =
        |header: &Header<'_>| head.get(header.name.as_ptr() as usize - base + header.name.len()) != Some(&b':');
    dialects.note_if(head::check_line_ends(head, headers).is_err(), Dialect::BareLf);
    dialects.note_if(headers.iter().any(spaced), Dialect::SpaceBeforeColon);
    // A start line, a line for each field, an empty line.
    let lines = head.iter().filter(|&&byte| byte == b'\n').count();
    dialects.note_if(lines > headers.len() + 2, Dialect::ObsFold);
}

/// A field that frames the message, or belongs to this hop, in two lines: nobody writes that by habit.
fn folds_what_frames(head: &[u8], headers: &[Header<'_>]) -> bool {
    let base = head.as_ptr() as usize;
    let end = |part: &[u8]| part.as_ptr() as usize - base + part.len();
    let is_folded = |header: &Header<'_>| head[end(header.name.as_bytes())..end(header.value)].contains(&b'\n');
    headers.iter().any(|header| Name::of(header.name) != Name::Other && is_folded(header))
}
