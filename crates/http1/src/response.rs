//! Response heads: as strict about framing as request heads, lenient only where it cannot change what follows.

use http::{BodyKind, Header, Limits, Method, ResponseHead};

use crate::error::Error;
use crate::fields::Fields;
use crate::head::{self, Parsed, Role};
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
    // Unlike before a request, nothing may stand before a status line: it would be the rest of another body.
    if let [b'\r' | b'\n', ..] = bytes {
        return Err(Error::LeadingEmptyLines);
    }
    let mut raw = httparse::Response::new(&mut []);
    let config = httparse::ParserConfig::default();
    match config.parse_response_with_uninit_headers(&mut raw, bytes, slots.first(limits.headers_max)) {
        Ok(httparse::Status::Complete(len)) => finish(raw, &bytes[..len], request_method).map(Some),
        Ok(httparse::Status::Partial) => head::incomplete(bytes, Role::Response, limits),
        Err(fault) => Err(head::name_fault(bytes, fault, Role::Response)),
    }
}

#[inline]
fn finish<'s, 'b>(
    raw: httparse::Response<'s, 'b>,
    head: &'b [u8],
    request_method: Method,
) -> Result<Parsed<ResponseHead<'s, 'b>>, Error> {
    let headers: &'s [Header<'b>] = raw.headers;
    head::check_line_ends(head, headers)?;
    let status = raw.code.unwrap_or_default();
    if status < 100 {
        return Err(Error::StatusLine);
    }
    let version = head::version_of(raw.version);
    let fields = Fields::read(headers)?;
    let body = body_of(status, request_method, fields.framing(version)?);
    let meaning = ResponseHead {
        version,
        status,
        reason: raw.reason.unwrap_or_default(),
        headers,
        body,
        content_length: fields.content_length,
        upgrade: fields.upgrade_in(version),
        hop_fields: fields.options,
    };
    let keep_alive = fields.persists(version) && !matches!(body, BodyKind::UntilClose | BodyKind::Tunnel);
    Ok(Parsed { head: meaning, len: head.len(), keep_alive })
}

/// RFC 9112 6.3, in its order.
fn body_of(status: u16, request_method: Method, declared: Option<BodyKind>) -> BodyKind {
    match (status, request_method) {
        (101, _) | (200..300, Method::Connect) => BodyKind::Tunnel,
        (100..200 | 204 | 304, _) | (_, Method::Head) => BodyKind::Empty,
        _ => declared.unwrap_or(BodyKind::UntilClose),
    }
}
