//! Responses on their way back to the client.

use httparse::Header;

use super::rules::{self, Layers};
use super::{Connection, HopFields};
use crate::body::BodyKind;
use crate::coding::Coding;
use crate::date::Date;
use crate::name::Name;
use crate::response::ResponseHead;
use crate::sink::{FieldSink, Hop, TooLong};
use crate::template::Values;
use crate::text::list;
use crate::version::Version;

/// What the proxy knows and the response does not.
#[derive(Clone, Debug)]
pub struct ResponseEdits<'e> {
    /// The version the client speaks.
    pub client_version: Version,
    /// What becomes of the client's connection. A body that ends with the connection closes it in any case.
    pub connection: Connection,
    /// The body as it goes to this client; [`BodyKind::for_client`] tells for a plain one.
    pub body: BodyKind,
    /// When it was received, for one that does not say when it was made (RFC 9110 6.6.1).
    pub date: Option<Date>,
    /// The coding that is put on the body, which then has no length that could be told.
    pub coding: Option<Coding>,
    /// Other clients may get it otherwise, by their `Accept-Encoding`.
    pub varies: bool,
    /// What this proxy asks the client to remember: the value of a `Set-Cookie`.
    pub cookie: Option<&'e [u8]>,
    /// Rules of the configuration, and what their variables stand for. Interim responses know none.
    pub ruled: Option<&'e (Layers<'e>, Values<'e>)>,
}

impl<'e> ResponseEdits<'e> {
    /// Interim responses know no rules.
    #[inline]
    fn rules_of(&self, head: &ResponseHead<'_, '_>) -> Option<&(Layers<'e>, Values<'e>)> {
        self.ruled.filter(|_| !head.is_interim())
    }
}

/// Writes `head` as a response to the client. Returns the bytes written. Interim responses (1xx) carry neither framing
/// nor `Connection`; do not send them to HTTP/1.0 clients (RFC 9110 15.2).
pub fn write_forwarded_response(
    head: &ResponseHead<'_, '_>,
    edits: &ResponseEdits<'_>,
    out: &mut impl FieldSink,
) -> Result<usize, TooLong> {
    let body = edits.body.for_client(edits.client_version);
    out.response(head.status, head.reason)?;
    write_received(head, edits, body, out)?;
    write_ours(head, edits, out)?;
    write_framing(head, body, edits.coding.is_some(), out)?;
    if !head.is_interim() {
        out.hop(&hop_of(head, edits, body))?;
    }
    out.end()
}

/// What came, as far as it goes on.
#[inline]
fn write_received(
    head: &ResponseHead<'_, '_>,
    edits: &ResponseEdits<'_>,
    body: BodyKind,
    out: &mut impl FieldSink,
) -> Result<(), TooLong> {
    let hop_fields = HopFields::of(head.hop_fields, head.headers);
    let unusual = head.folded || hop_fields.is_some();
    let ruled = edits.rules_of(head);
    for header in head.headers {
        if ruled.is_some_and(|(layers, _)| rules::drops(*layers, header.name)) {
            continue;
        }
        if edits.coding.is_some() && write_recoded(header, out)? {
            continue;
        }
        match Name::of(header.name) {
            Name::Other | Name::Twin if unusual => write_unusual(header, hop_fields.as_ref(), out)?,
            // RFC 9112 7.1.2: trailers are lost where chunks are.
            Name::Trailer if body != BodyKind::Chunked => {}
            // Written anew from what was parsed, or meant for one hop.
            Name::Connection | Name::ContentLength | Name::KeepAlive | Name::ProxyConnection => {}
            Name::Te | Name::TransferEncoding | Name::Upgrade | Name::Http2Settings => {}
            _ => out.field(header.name, header.value)?,
        }
    }
    Ok(())
}

/// What this proxy has to say.
#[inline]
fn write_ours(head: &ResponseHead<'_, '_>, edits: &ResponseEdits<'_>, out: &mut impl FieldSink) -> Result<(), TooLong> {
    let ruled = edits.rules_of(head);
    if let Some(date) = edits.date.as_ref().filter(|_| !ruled.is_some_and(|(layers, _)| rules::drops(*layers, "Date")))
    {
        out.field("Date", date.as_bytes())?;
    }
    if let Some(cookie) = edits.cookie {
        out.field("Set-Cookie", cookie)?;
    }
    if edits.coding.is_some() || edits.varies {
        write_coding(head, edits, out)?;
    }
    ruled.map_or(Ok(()), |(layers, values)| rules::write(*layers, values, out))
}

/// One that may be for one hop, or came in several lines and goes on in one (RFC 9112 5.2).
#[cold]
fn write_unusual(
    header: &Header<'_>,
    hop_fields: Option<&HopFields<'_>>,
    out: &mut impl FieldSink,
) -> Result<(), TooLong> {
    if hop_fields.is_some_and(|fields| fields.name(header.name)) {
        return Ok(());
    }
    if !header.value.contains(&b'\n') {
        return out.field(header.name, header.value);
    }
    let lines = header.value.split(|&byte| byte == b'\n').map(<[u8]>::trim_ascii);
    out.lines(header.name, lines.filter(|line| !line.is_empty()))
}

/// A field that speaks of the bytes of a body which is another one now: left out, or told anew. Answers whether it was one.
#[cold]
fn write_recoded(header: &Header<'_>, out: &mut impl FieldSink) -> Result<bool, TooLong> {
    let is = |name: &str| header.name.eq_ignore_ascii_case(name);
    if is("etag") {
        // RFC 9110 8.8.1: other bytes, so the same by meaning only.
        let weak: &[u8] = if header.value.starts_with(b"W/") { b"" } else { b"W/" };
        out.pieces("ETag", [weak, header.value].into_iter())?;
        return Ok(true);
    }
    Ok(is("accept-ranges") || is("content-encoding") || is("trailer"))
}

/// What was done to the body, and what it depended on.
#[cold]
fn write_coding(
    head: &ResponseHead<'_, '_>,
    edits: &ResponseEdits<'_>,
    out: &mut impl FieldSink,
) -> Result<(), TooLong> {
    if let Some(coding) = edits.coding {
        out.field("Content-Encoding", coding.name().as_bytes())?;
    }
    let varies = head.headers.iter().filter(|header| header.name.eq_ignore_ascii_case("vary"));
    let told = |name: &[u8]| name == b"*" || name.eq_ignore_ascii_case(b"accept-encoding");
    match varies.flat_map(|header| list(header.value)).any(told) {
        true => Ok(()),
        false => out.field("Vary", b"Accept-Encoding"),
    }
}

/// One framing field at most. Where the body is left out, its length may still be told (RFC 9110 8.6), but never with
/// 1xx and 204.
fn write_framing(
    head: &ResponseHead<'_, '_>,
    body: BodyKind,
    is_recoded: bool,
    out: &mut impl FieldSink,
) -> Result<(), TooLong> {
    match (head.status, body) {
        (100..200 | 204, _) => Ok(()),
        (_, BodyKind::Empty) if is_recoded => Ok(()),
        (_, BodyKind::Empty) => head.content_length.map_or(Ok(()), |len| out.framing(BodyKind::Length(len))),
        _ => out.framing(body),
    }
}

fn hop_of<'b>(head: &ResponseHead<'_, 'b>, edits: &ResponseEdits<'_>, body: BodyKind) -> Hop<'b> {
    let ends_with_connection = body == BodyKind::UntilClose;
    let persistence = match edits.connection {
        Connection::Upgrade if head.upgrade.is_some() => None,
        Connection::KeepAlive | Connection::Upgrade if !ends_with_connection => {
            (edits.client_version == Version::Http10).then_some("keep-alive")
        }
        _ => Some("close"),
    };
    // RFC 9110 15.5.22: a 426 has to say what to upgrade to.
    let tells_upgrade = edits.connection == Connection::Upgrade || head.status == 426;
    Hop { persistence, upgrade: head.upgrade.filter(|_| tells_upgrade), takes_trailers: false }
}
