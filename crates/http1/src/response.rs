//! Response heads: as strict about framing as request heads, lenient only where it cannot change what follows.

use crate::body::BodyKind;
use crate::error::Error;
use crate::fields::Fields;
use crate::head::{self, Header, Role, Version};
use crate::limits::{HeadSlots, Limits};
use crate::name::Method;

/// A complete response head, borrowed from the received bytes.
#[derive(Clone, Debug)]
pub struct ResponseHead<'s, 'b> {
    /// The version of the server.
    pub version: Version,
    /// The status, 100 to 999.
    pub status: u16,
    /// The reason phrase; empty when it is missing or not ASCII (RFC 9112 4: nobody may depend on it).
    pub reason: &'b str,
    /// All fields, in the order they were received.
    pub headers: &'s [Header<'b>],
    /// Bytes of the head, the empty line included.
    pub len: usize,
    /// How the body that follows is framed.
    pub body: BodyKind,
    /// Whether the connection can carry another request after this response.
    pub keep_alive: bool,
    /// The value of `Upgrade` when `Connection: upgrade` goes with it, in HTTP/1.1.
    pub upgrade: Option<&'b [u8]>,
    pub(crate) fields: Fields<'b>,
}

impl ResponseHead<'_, '_> {
    /// Whether another response to the same request follows: 1xx other than 101 (RFC 9110 15.2).
    pub fn is_interim(&self) -> bool {
        is_interim(self.status)
    }

    /// The length of the body, or of the one a HEAD or 304 leaves out, if the head says it.
    pub fn content_length(&self) -> Option<u64> {
        self.fields.content_length
    }
}

/// Parses the response head at the start of `bytes`. `None` means that it is not complete yet. `request_method` is that of
/// the request it answers: HEAD and CONNECT change what follows.
#[inline]
pub fn parse_response<'s, 'b>(
    bytes: &'b [u8],
    limits: &Limits,
    slots: &'s mut HeadSlots<'b>,
    request_method: Method,
) -> Result<Option<ResponseHead<'s, 'b>>, Error> {
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

pub(crate) fn is_interim(status: u16) -> bool {
    (100..200).contains(&status) && status != 101
}

#[inline]
fn finish<'s, 'b>(
    raw: httparse::Response<'s, 'b>,
    head: &'b [u8],
    request_method: Method,
) -> Result<ResponseHead<'s, 'b>, Error> {
    let headers: &'s [Header<'b>] = raw.headers;
    head::check_line_ends(head, headers)?;
    let status = raw.code.unwrap_or_default();
    if status < 100 {
        return Err(Error::StatusLine);
    }
    let version = Version::from_minor(raw.version.unwrap_or_default());
    let fields = Fields::read(headers)?;
    let body = body_of(status, request_method, fields.framing(version)?);
    Ok(ResponseHead {
        version,
        status,
        reason: raw.reason.unwrap_or_default(),
        headers,
        len: head.len(),
        body,
        keep_alive: fields.persists(version) && !matches!(body, BodyKind::UntilClose | BodyKind::Tunnel),
        upgrade: fields.upgrade_in(version),
        fields,
    })
}

/// RFC 9112 6.3, in its order.
fn body_of(status: u16, request_method: Method, declared: Option<BodyKind>) -> BodyKind {
    match (status, request_method) {
        (101, _) | (200..300, Method::Connect) => BodyKind::Tunnel,
        (100..200 | 204 | 304, _) | (_, Method::Head) => BodyKind::Empty,
        _ => declared.unwrap_or(BodyKind::UntilClose),
    }
}
