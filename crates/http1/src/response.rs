//! Response heads: as strict about framing as request heads, or lenient where the reader chose so ([`http::Reading`]).

use http::{BodyKind, Header, Limits, Method, Reading, ResponseHead, Version};

use crate::dialect::Dialects;
use crate::error::Error;
use crate::fields::Fields;
use crate::head::{self, Parsed, Role};
use crate::lenient;
use crate::slots::HeadSlots;

/// Parses the response head at the start of `bytes`. `None` means that it is not complete yet. `request_method` is that of
/// the request it answers: HEAD and CONNECT change what follows.
#[inline]
pub fn parse_response<'s, 'b>(
    bytes: &'b [u8],
    limits: &Limits,
    slots: &'s mut HeadSlots<'b>,
    request_method: Method,
) -> Result<Option<Parsed<ResponseHead<'s, 'b>>>, Error> {
    let bytes = head::bounded(bytes, limits);
    let (first, again) = slots.parts(limits.headers_max);
    match parse_strictly(bytes, limits, first, request_method) {
        Err(_) if limits.reading != Reading::Strict => lenient::parse(bytes, limits, again, request_method),
        strict => strict,
    }
}

#[inline]
fn parse_strictly<'s, 'b>(
    bytes: &'b [u8],
    limits: &Limits,
    slots: &'s mut [std::mem::MaybeUninit<Header<'b>>],
    request_method: Method,
) -> Result<Option<Parsed<ResponseHead<'s, 'b>>>, Error> {
    // Unlike before a request, nothing may stand before a status line: it would be the rest of another body.
    if let [b'\r' | b'\n', ..] = bytes {
        return Err(Error::LeadingEmptyLines);
    }
    let mut raw = httparse::Response::new(&mut []);
    match httparse::ParserConfig::default().parse_response_with_uninit_headers(&mut raw, bytes, slots) {
        Ok(httparse::Status::Complete(len)) => {
            let headers: &'s [Header<'b>] = raw.headers;
            head::check_line_ends(&bytes[..len], headers)?;
            let fields = Fields::read(headers)?;
            finish(Line::of(&raw), headers, fields, len, request_method).map(Some)
        }
        Ok(httparse::Status::Partial) => head::incomplete(bytes, Role::Response, limits),
        Err(fault) => Err(head::name_fault(bytes, fault, Role::Response)),
    }
}

/// A status line, taken apart.
pub(crate) struct Line<'b> {
    pub(crate) version: Version,
    pub(crate) status: u16,
    pub(crate) reason: &'b str,
}

impl<'b> Line<'b> {
    /// As the parser has read it.
    #[inline]
    pub(crate) fn of(raw: &httparse::Response<'_, 'b>) -> Self {
        Self {
            version: head::version_of(raw.version),
            status: raw.code.unwrap_or_default(),
            reason: raw.reason.unwrap_or_default(),
        }
    }
}

/// What the parts of a head mean together.
#[inline]
pub(crate) fn finish<'s, 'b>(
    line: Line<'b>,
    headers: &'s [Header<'b>],
    fields: Fields<'b>,
    len: usize,
    request_method: Method,
) -> Result<Parsed<ResponseHead<'s, 'b>>, Error> {
    let Line { version, status, reason } = line;
    if status < 100 {
        return Err(Error::StatusLine);
    }
    let body = body_of(status, request_method, fields.framing(version)?);
    let meaning = ResponseHead {
        version,
        status,
        reason,
        headers,
        body,
        content_length: fields.content_length,
        upgrade: fields.upgrade_in(version),
        hop_fields: fields.options,
        dated: fields.dated,
        folded: false,
    };
    let keep_alive = fields.persists(version) && !matches!(body, BodyKind::UntilClose | BodyKind::Tunnel);
    Ok(Parsed { head: meaning, len, keep_alive, dialects: Dialects::default() })
}

/// RFC 9112 6.3, in its order.
fn body_of(status: u16, request_method: Method, declared: Option<BodyKind>) -> BodyKind {
    match (status, request_method) {
        (101, _) | (200..300, Method::Connect) => BodyKind::Tunnel,
        (100..200 | 204 | 304, _) | (_, Method::Head) => BodyKind::Empty,
        _ => declared.unwrap_or(BodyKind::UntilClose),
    }
}
