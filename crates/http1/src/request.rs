//! Request heads: parsed once, into something that cannot be misread.

use crate::body::BodyKind;
use crate::error::Error;
use crate::fields::Fields;
use crate::head::{self, Header, Role, Version};
use crate::limits::{HeadSlots, Limits};
use crate::name::Method;
use crate::target::{self, Form};
use crate::text::is_host;

/// A complete request head, borrowed from the received bytes.
#[derive(Clone, Debug)]
pub struct RequestHead<'s, 'b> {
    /// The method, if it is a known one.
    pub method: Method,
    /// The method as it was received.
    pub method_name: &'b str,
    /// The target as it was received: visible ASCII, in origin-form, absolute-form or `*`.
    pub target: &'b str,
    /// The version of the client.
    pub version: Version,
    /// All fields, in the order they were received.
    pub headers: &'s [Header<'b>],
    /// Bytes of the head, the empty line and an empty line before it included.
    pub len: usize,
    /// How the body that follows is framed: `Empty`, `Length` or `Chunked`.
    pub body: BodyKind,
    /// Whether the client is ready to send another request on this connection (RFC 9112 9.3).
    pub keep_alive: bool,
    /// Whether the client waits for 100 before it sends its body (RFC 9110 10.1.1).
    pub expect_continue: bool,
    /// Protocols to switch to: the value of `Upgrade` when `Connection: upgrade` asks for it, in HTTP/1.1. Never `h2c`.
    pub upgrade: Option<&'b [u8]>,
    /// `host[:port]` the request is for: of the target in absolute-form, else of the Host field. HTTP/1.0 may lack it.
    pub host: Option<&'b [u8]>,
    pub(crate) form: Form,
    pub(crate) fields: Fields<'b>,
}

impl<'b> RequestHead<'_, 'b> {
    /// The path without the query, as the origin server sees it.
    pub fn path(&self) -> &'b str {
        let (before, rest) = target::origin_form(self.target, self.form, self.method);
        let path = rest.split_once('?').map_or(rest, |(path, _query)| path);
        if path.is_empty() { before } else { path }
    }
}

/// Parses the request head at the start of `bytes`. `None` means that it is not complete yet.
#[inline]
pub fn parse_request<'s, 'b>(
    bytes: &'b [u8],
    limits: &Limits,
    slots: &'s mut HeadSlots<'b>,
) -> Result<Option<RequestHead<'s, 'b>>, Error> {
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
fn finish<'s, 'b>(raw: httparse::Request<'s, 'b>, head: &'b [u8], skip: usize) -> Result<RequestHead<'s, 'b>, Error> {
    let headers: &'s [Header<'b>] = raw.headers;
    head::check_line_ends(head, headers)?;
    let method_name = raw.method.unwrap_or_default();
    let method = Method::from_name(method_name);
    if method == Method::Connect {
        return Err(Error::ConnectUnsupported);
    }
    let target = raw.path.unwrap_or_default();
    let form = target::form_of(target, method)?;
    let version = Version::from_minor(raw.version.unwrap_or_default());
    let fields = Fields::read(headers)?;
    let body = fields.framing(version)?.unwrap_or(BodyKind::Empty);
    let host = check_host(&fields, version)?;
    Ok(RequestHead {
        method,
        method_name,
        target,
        version,
        headers,
        len: skip + head.len(),
        body,
        keep_alive: fields.persists(version),
        // RFC 9110 10.1.1: nothing to wait for without a body, and HTTP/1.0 has no 100.
        expect_continue: fields.expect_continue && version == Version::Http11 && !body.is_empty(),
        upgrade: fields.upgrade_in(version),
        // RFC 9112 3.2.2: the authority of the target stands above Host.
        host: target::authority(target, form).or(host),
        form,
        fields,
    })
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
