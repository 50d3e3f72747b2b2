//! Request heads: parsed once, into something that cannot be misread.

use http::{BodyKind, Header, Limits, Method, RequestHead, Target, Version, is_host};

use crate::error::Error;
use crate::fields::Fields;
use crate::head::{self, Parsed, Role};
use crate::slots::HeadSlots;

/// Parses the request head at the start of `bytes`. `None` means that it is not complete yet.
#[inline]
pub fn parse_request<'s, 'b>(
    bytes: &'b [u8],
    limits: &Limits,
    slots: &'s mut HeadSlots<'b>,
) -> Result<Option<Parsed<RequestHead<'s, 'b>>>, Error> {
    let bytes = head::bounded(bytes, limits);
    let Some(skipped) = skip_empty_line(bytes)? else { return head::incomplete(bytes, Role::Request, limits) };
    let (skip, rest) = (skipped, &bytes[skipped..]);
    let mut raw = httparse::Request::new(&mut []);
    match raw.parse_with_uninit_headers(rest, slots.first(limits.headers_max)) {
        Ok(httparse::Status::Complete(len)) => finish(raw, &rest[..len], skip).map(Some),
        Ok(httparse::Status::Partial) => head::incomplete(bytes, Role::Request, limits),
        Err(fault) => Err(head::name_fault(rest, fault, Role::Request)),
    }
}

/// One empty line may stand before the request line (RFC 9112 2.2); some clients end their bodies with one. Returns the
/// bytes to skip, or `None` when more must come first.
fn skip_empty_line(bytes: &[u8]) -> Result<Option<usize>, Error> {
    match bytes {
        [] | [b'\r'] | [b'\r', b'\n'] => Ok(None),
        [b'\n', ..] => Err(Error::BareLf),
        [b'\r', b'\n', b'\r' | b'\n', ..] => Err(Error::LeadingEmptyLines),
        [b'\r', b'\n', ..] => Ok(Some(2)),
        [b'\r', ..] => Err(Error::BareCr),
        _ => Ok(Some(0)),
    }
}

/// `head` is complete: checks it as a whole.
#[inline]
fn finish<'s, 'b>(
    raw: httparse::Request<'s, 'b>,
    head: &'b [u8],
    skip: usize,
) -> Result<Parsed<RequestHead<'s, 'b>>, Error> {
    let headers: &'s [Header<'b>] = raw.headers;
    head::check_line_ends(head, headers)?;
    let method_name = raw.method.unwrap_or_default();
    let method = Method::from_name(method_name);
    if method == Method::Connect {
        return Err(Error::ConnectUnsupported);
    }
    let target = Target::parse(raw.path.unwrap_or_default(), method)?;
    let version = head::version_of(raw.version);
    let fields = Fields::read(headers)?;
    let body = fields.framing(version)?.unwrap_or(BodyKind::Empty);
    let host = check_host(&fields, version)?;
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
    };
    Ok(Parsed { head: meaning, len: skip + head.len(), keep_alive: fields.persists(version) })
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
