//! Requests on their way to the upstream server.

use std::net::IpAddr;

use httparse::Header;

use super::address::AddressText;
use super::{Connection, is_named_by_connection};
use crate::name::Name;
use crate::request::RequestHead;
use crate::sink::{FieldSink, Hop, RequestStart, TooLong};
use crate::text::list;
use crate::version::Version;

/// What the proxy knows and the request does not.
#[derive(Clone, Debug)]
pub struct RequestEdits<'e> {
    /// The address of the client, for `X-Forwarded-For`.
    pub client: IpAddr,
    /// `http` or `https`, for `X-Forwarded-Proto`. What the client says about it is dropped: it cannot know better.
    pub proto: &'e str,
    /// What to ask of the upstream connection. `Upgrade` passes the request's own `Upgrade` on, if it has a valid one.
    pub connection: Connection,
    /// `host[:port]` for HTTP/1.0 clients that send none.
    pub fallback_host: &'e str,
}

/// Writes `head` as a request to the upstream server. Returns the bytes written.
pub fn write_forwarded_request(
    head: &RequestHead<'_, '_>,
    edits: &RequestEdits<'_>,
    out: &mut impl FieldSink,
) -> Result<usize, TooLong> {
    out.request(&RequestStart {
        method: head.method_name,
        scheme: edits.proto,
        // The target's own replaces that of the Host field.
        authority: head.host.unwrap_or(edits.fallback_host.as_bytes()),
        path: head.target.origin_form(),
    })?;
    let path = Path::new(head, edits);
    let seen = write_fields(head, &path, out)?;
    if !seen.forwarded_for {
        path.write_forwarded_for(out)?;
    }
    out.field("X-Forwarded-Proto", edits.proto.as_bytes())?;
    if !seen.via {
        path.write_via(out)?;
    }
    out.framing(head.body)?;
    out.hop(&hop_of(head, edits.connection))?;
    out.end()
}

/// Lists already continued in place.
#[derive(Default)]
struct Seen {
    forwarded_for: bool,
    via: bool,
}

fn write_fields(head: &RequestHead<'_, '_>, path: &Path<'_, '_>, out: &mut impl FieldSink) -> Result<Seen, TooLong> {
    let mut seen = Seen::default();
    for header in head.headers {
        match Name::of(header.name) {
            Name::Other if head.hop_fields > 0 && is_named_by_connection(head.headers, header.name) => {}
            Name::Other | Name::Trailer => out.field(header.name, header.value)?,
            // RFC 9110 10.1.1: what an HTTP/1.0 client expects is ignored; it would not understand a 100.
            Name::Expect if head.version != Version::Http10 => out.field(header.name, header.value)?,
            Name::XForwardedFor if !seen.forwarded_for => {
                path.write_forwarded_for(out)?;
                seen.forwarded_for = true;
            }
            Name::Via if !seen.via => {
                path.write_via(out)?;
                seen.via = true;
            }
            // Written anew from what was parsed, or meant for one hop.
            _ => {}
        }
    }
    Ok(seen)
}

/// The fields that record the way of a request: all received values in one list, and ours at its end.
struct Path<'h, 'b> {
    headers: &'h [Header<'b>],
    client: AddressText,
    version: Version,
}

impl<'h, 'b> Path<'h, 'b> {
    fn new(head: &RequestHead<'h, 'b>, edits: &RequestEdits<'_>) -> Self {
        Self { headers: head.headers, client: AddressText::new(edits.client), version: head.version }
    }

    fn write_forwarded_for(&self, out: &mut impl FieldSink) -> Result<(), TooLong> {
        out.list("X-Forwarded-For", self.received(Name::XForwardedFor), self.client.as_bytes())
    }

    /// RFC 9110 7.6.3: with the version in which the message was received.
    fn write_via(&self, out: &mut impl FieldSink) -> Result<(), TooLong> {
        let ours = if self.version == Version::Http10 { b"1.0 quintet" } else { b"1.1 quintet" };
        out.list("Via", self.received(Name::Via), ours)
    }

    /// The values that say something.
    fn received(&self, name: Name) -> impl Iterator<Item = &'h [u8]> + Clone {
        let named = self.headers.iter().filter(move |header| Name::of(header.name) == name);
        named.map(|header| header.value).filter(|value| list(value).next().is_some())
    }
}

fn hop_of<'b>(head: &RequestHead<'_, 'b>, connection: Connection) -> Hop<'b> {
    Hop {
        persistence: (connection == Connection::Close).then_some("close"),
        upgrade: head.upgrade.filter(|_| connection == Connection::Upgrade),
        // RFC 9110 10.1.4: TE speaks for one hop; that trailers are welcome is true of us as well, since we pass them on.
        takes_trailers: head.takes_trailers && head.version != Version::Http10,
    }
}
