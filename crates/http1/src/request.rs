//! Request heads: parsed once, into something that cannot be misread.

use http::{BodyKind, Header, Limits, Method, Name, RequestHead, Target, Version, is_host, is_token};

use crate::dialect::{Dialect, Dialects};
use crate::error::Error;
use crate::fields::Fields;
use crate::head::{self, Parsed, Role};
use crate::slots::{Again, HeadSlots};

/// Empty lines that may stand before a request line (RFC 9112 2.2 asks for one at least).
const EMPTY_LINES_MAX: usize = 16;

/// Parses the request head at the start of `bytes`, strictly, whatever `limits` say of reading. `None` means that it is not
/// complete yet.
#[inline]
pub fn parse_request<'s, 'b>(
    bytes: &'b [u8],
    limits: &Limits,
    slots: &'s mut HeadSlots<'b>,
) -> Result<Option<Parsed<RequestHead<'s, 'b>>>, Error> {
    let bytes = head::bounded(bytes, limits);
    let skip = match bytes {
        [] | [b'\r' | b'\n', ..] => match skip_empty_lines(bytes)? {
            Some(skip) => skip,
            None => return head::incomplete(bytes, Role::Request, limits),
        },
        _ => 0,
    };
    let rest = &bytes[skip..];
    let (first, again) = slots.parts(limits.headers_max);
    let mut raw = httparse::Request::new(&mut []);
    match raw.parse_with_uninit_headers(rest, first) {
        Ok(httparse::Status::Complete(len)) => {
            let line = Line { method: raw.method, target: raw.path, version: head::version_of(raw.version) };
            finish(line, raw.headers, &rest[..len], skip, Dialects::default()).map(Some)
        }
        Ok(httparse::Status::Partial) => head::incomplete(bytes, Role::Request, limits),
        Err(fault) => match head::name_fault(rest, fault, Role::Request) {
            Error::VersionUnsupported => parse_newer(rest, skip, limits, again),
            error => Err(error),
        },
    }
}

/// Empty lines may stand before the request line; some clients end their bodies with one. Returns the bytes to skip, or
/// `None` when more must come first.
#[cold]
fn skip_empty_lines(bytes: &[u8]) -> Result<Option<usize>, Error> {
    let lines = bytes.chunks(2).take_while(|pair| *pair == b"\r\n").count();
    match &bytes[2 * lines..] {
        _ if lines > EMPTY_LINES_MAX => Err(Error::LeadingEmptyLines),
        [] | [b'\r'] => Ok(None),
        [b'\n', ..] => Err(Error::BareLf),
        [b'\r', ..] => Err(Error::BareCr),
        // The signature of version 2 of the PROXY protocol begins with two empty lines.
        rest if lines == 2 && rest[0] == 0 => Err(Error::ProxyHeader),
        _ => Ok(Some(2 * lines)),
    }
}

/// HTTP/1.2 and what may follow it is to be understood as the highest version known here (RFC 9110 2.5).
#[cold]
fn parse_newer<'s, 'b>(
    bytes: &'b [u8],
    skip: usize,
    limits: &Limits,
    again: Again<'s, 'b>,
) -> Result<Option<Parsed<RequestHead<'s, 'b>>>, Error> {
    let mut words = bytes.splitn(3, |&byte| byte == b' ');
    let (method, target, version) = (words.next(), words.next(), words.next().unwrap_or_default());
    let Some(rest) = head::after_newer_version(version)? else {
        return head::incomplete(bytes, Role::Request, limits);
    };
    let rest = match rest {
        [b'\r', b'\n', rest @ ..] => rest,
        [] | [b'\r'] => return head::incomplete(bytes, Role::Request, limits),
        [b'\n', ..] => return Err(Error::BareLf),
        _ => return Err(Error::RequestLine),
    };
    let text = |word: Option<&'b [u8]>| std::str::from_utf8(word.unwrap_or_default()).map_err(|_| Error::RequestLine);
    let line = Line { method: Some(text(method)?), target: Some(text(target)?), version: Version::Http11 };
    if !is_token(line.method.unwrap_or_default().as_bytes()) {
        return Err(Error::RequestLine);
    }
    let Some((len, headers)) = head::fields_only(rest, bytes, again, Role::Request)? else {
        return head::incomplete(bytes, Role::Request, limits);
    };
    let len = bytes.len() - rest.len() + len;
    let mut dialects = Dialects::default();
    dialects.note(Dialect::NewerVersion);
    finish(line, headers, &bytes[..len], skip, dialects).map(Some)
}

/// A request line, taken apart.
struct Line<'b> {
    method: Option<&'b str>,
    target: Option<&'b str>,
    version: Version,
}

/// `head` is complete: checks it as a whole.
#[inline]
fn finish<'s, 'b>(
    line: Line<'b>,
    headers: &'s [Header<'b>],
    head: &'b [u8],
    skip: usize,
    dialects: Dialects,
) -> Result<Parsed<RequestHead<'s, 'b>>, Error> {
    head::check_line_ends(head, headers)?;
    let method_name = line.method.unwrap_or_default();
    let method = Method::from_name(method_name);
    if method == Method::Connect {
        return Err(Error::ConnectUnsupported);
    }
    let target = Target::parse(line.target.unwrap_or_default(), method)?;
    let version = line.version;
    let fields = Fields::read(headers)?;
    let body = fields.framing(version)?.unwrap_or(BodyKind::Empty);
    let host = check_host(&fields, version)?;
    let counts_hops = matches!(method, Method::Trace | Method::Options);
    let meaning = RequestHead {
        method,
        method_name,
        target,
        version,
        headers,
        body,
        // RFC 9112 3.2.2: the authority of the target stands above Host.
        host: target.authority().or(host),
        // RFC 9110 10.1.1: nothing to wait for without a body, and HTTP/1.0 has no 100.
        expect_continue: fields.expect_continue && version == Version::Http11 && !body.is_empty(),
        upgrade: fields.upgrade_in(version),
        takes_trailers: fields.trailers,
        hop_fields: fields.options,
        via: fields.via,
        max_forwards: if counts_hops { max_forwards(headers) } else { None },
    };
    Ok(Parsed { head: meaning, len: skip + head.len(), keep_alive: fields.persists(version), dialects })
}

/// RFC 9112 3.2: exactly one, valid; only HTTP/1.0 may leave it out.
fn check_host<'b>(fields: &Fields<'b>, version: Version) -> Result<Option<&'b [u8]>, Error> {
    match fields.host {
        Some(host) if is_host(host) => Ok(Some(host)),
        Some(_) => Err(Error::HostInvalid),
        None if version == Version::Http10 => Ok(None),
        None => Err(Error::HostMissing),
    }
}

/// RFC 9110 7.6.2. The first that is a number counts; a greater one than we can count is as good as none.
#[cold]
fn max_forwards(headers: &[Header<'_>]) -> Option<u32> {
    let named = headers.iter().filter(|header| Name::of(header.name) == Name::MaxForwards);
    let digits =
        |value: &[u8]| value.iter().all(u8::is_ascii_digit).then(|| std::str::from_utf8(value).ok()?.parse().ok());
    named.filter_map(|header| digits(header.value).flatten()).next()
}
