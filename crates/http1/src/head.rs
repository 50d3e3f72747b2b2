//! What request and response heads share: the run of the parser over bounded bytes, the check of line ends, and the
//! naming of what was wrong.

use http::{Header, Limits, Version, is_token_byte, is_value_byte};

use crate::dialect::Dialects;
use crate::error::Error;
use crate::slots::Again;

/// A head that was found complete: what it means, and what HTTP/1 says with it.
#[derive(Clone, Debug)]
pub struct Parsed<H> {
    /// What it means.
    pub head: H,
    /// Bytes of the head, the empty line and an empty line before a request included. The body starts here.
    pub len: usize,
    /// Whether the connection can carry another message after this one, as far as the sender says (RFC 9112 9.3).
    pub keep_alive: bool,
    /// In what it departs from the letter, where that is allowed.
    pub dialects: Dialects,
}

/// Of a minor version `httparse` has let through (0 or 1).
pub(crate) fn version_of(minor: Option<u8>) -> Version {
    if minor == Some(1) { Version::Http11 } else { Version::Http10 }
}

/// Which start line to expect, for the naming of errors.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Request,
    Response,
}

/// The bytes a head may be found in. A head that is not complete within them is too long.
pub(crate) fn bounded<'b>(bytes: &'b [u8], limits: &Limits) -> &'b [u8] {
    &bytes[..bytes.len().min(limits.head_bytes_max)]
}

/// What an incomplete head means: wait for more, or refuse it because the limit is reached.
pub(crate) fn incomplete<T>(bytes: &[u8], role: Role, limits: &Limits) -> Result<Option<T>, Error> {
    if bytes.len() < limits.head_bytes_max {
        return Ok(None);
    }
    let first_line_ends = bytes[2.min(bytes.len())..].contains(&b'\n');
    Err(if role == Role::Request && !first_line_ends { Error::UriTooLong } else { Error::HeadTooLong })
}

/// Refuses lines that end in LF alone, which `httparse` lets through (RFC 9112 2.2 allows us to, and it is how two
/// readers come to see different heads). Values cannot hold CR or LF, so looking before each name is enough.
#[inline]
pub(crate) fn check_line_ends(head: &[u8], headers: &[Header<'_>]) -> Result<(), Error> {
    let base = head.as_ptr() as usize;
    let ends_before = |at: usize| at >= 2 && head[at - 2..at] == *b"\r\n";
    let clean =
        head.ends_with(b"\r\n\r\n") && headers.iter().all(|header| ends_before(header.name.as_ptr() as usize - base));
    if clean { Ok(()) } else { Err(Error::BareLf) }
}

/// Names the fault `httparse` found. Decides by the first offending byte only, so that the answer does not depend on how
/// much has arrived behind it.
#[cold]
pub(crate) fn name_fault(head: &[u8], fault: httparse::Error, role: Role) -> Error {
    let start_line = if role == Role::Request { Error::RequestLine } else { Error::StatusLine };
    if role == Role::Request
        && let Some(stranger) = stranger(head)
    {
        return stranger;
    }
    match fault {
        httparse::Error::TooManyHeaders => Error::TooManyHeaders,
        httparse::Error::HeaderName => name_fault_in_name(head),
        httparse::Error::HeaderValue => name_fault_in_value(head),
        httparse::Error::Version if version_unsupported(head, role) => Error::VersionUnsupported,
        httparse::Error::NewLine if line_ends_after_version(head, role) => Error::BareCr,
        _ => start_line,
    }
}

/// Another protocol that is spoken here by mistake.
fn stranger(head: &[u8]) -> Option<Error> {
    match head {
        // RFC 8446 5.1: a handshake record.
        [0x16, ..] => Some(Error::TlsHello),
        _ if head.starts_with(b"PROXY ") => Some(Error::ProxyHeader),
        // RFC 9113 3.4
        _ if head.starts_with(b"PRI * HTTP/2") => Some(Error::Http2Preface),
        _ => None,
    }
}

/// What stands behind the version, if that is HTTP/1.2 to HTTP/1.9. `None`: more must come first.
pub(crate) fn after_newer_version(bytes: &[u8]) -> Result<Option<&[u8]>, Error> {
    match bytes {
        [b'H', b'T', b'T', b'P', b'/', b'1', b'.', b'2'..=b'9', rest @ ..] => Ok(Some(rest)),
        _ if b"HTTP/1.".starts_with(bytes) => Ok(None),
        _ => Err(Error::VersionUnsupported),
    }
}

/// The fields at the start of `rest`, which stands behind the start line of `head`, and their length. `None`: they are not
/// complete yet.
pub(crate) fn fields_only<'s, 'b>(
    rest: &'b [u8],
    head: &'b [u8],
    again: Again<'s, 'b>,
    role: Role,
) -> Result<Option<(usize, &'s [Header<'b>])>, Error> {
    match httparse::parse_headers(rest, again.slots()) {
        Ok(httparse::Status::Complete((len, headers))) => Ok(Some((len, headers))),
        Ok(httparse::Status::Partial) => Ok(None),
        Err(fault) => Err(name_fault(head, fault, role)),
    }
}

/// Everything after the start line.
fn field_lines(head: &[u8]) -> &[u8] {
    head.iter().position(|&byte| byte == b'\n').map_or(&[], |at| &head[at + 1..])
}

fn name_fault_in_name(head: &[u8]) -> Error {
    for line in field_lines(head).split(|&byte| byte == b'\n') {
        let at = line.iter().position(|&byte| !is_token_byte(byte)).unwrap_or(line.len());
        match line.get(at) {
            Some(b':') if at > 0 => {}
            Some(b' ' | b'\t') if at == 0 => return Error::ObsFold,
            Some(b' ' | b'\t') => return Error::SpaceInHeaderName,
            _ => break,
        }
    }
    Error::HeaderName
}

fn name_fault_in_value(head: &[u8]) -> Error {
    let lines = field_lines(head);
    let is_fault = |at: usize| match lines[at] {
        b'\n' => false,
        b'\r' => lines.get(at + 1) != Some(&b'\n'),
        byte => !is_value_byte(byte),
    };
    match (0..lines.len()).find(|&at| is_fault(at)) {
        Some(at) if lines[at] == b'\r' => Error::BareCr,
        _ => Error::HeaderValue,
    }
}

/// Where the version should stand.
fn version_part(head: &[u8], role: Role) -> &[u8] {
    match role {
        Role::Response => head,
        Role::Request => head.splitn(3, |&byte| byte == b' ').nth(2).unwrap_or(&[]),
    }
}

/// An HTTP version, but not one of ours; as against something that is no version at all.
fn version_unsupported(head: &[u8], role: Role) -> bool {
    let version = version_part(head, role);
    let ours = version.starts_with(b"HTTP/1.0") || version.starts_with(b"HTTP/1.1");
    version.starts_with(b"HTTP/") && !ours
}

/// The start line is whole; so what should have been a line end further on is a lone CR.
fn line_ends_after_version(head: &[u8], role: Role) -> bool {
    role == Role::Response || matches!(version_part(head, role).get(8), Some(b'\r' | b'\n'))
}
