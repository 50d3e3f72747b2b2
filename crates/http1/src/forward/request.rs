//! Requests on their way to the upstream server.

use std::net::IpAddr;

use super::address::AddressText;
use super::{Connection, is_named_by_connection, write_connection};
use crate::error::TooLong;
use crate::head::{Header, Version};
use crate::name::Name;
use crate::request::RequestHead;
use crate::target::origin_form;
use crate::text::list;
use crate::write::HeadWriter;

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

/// Writes `head` as an HTTP/1.1 request to the upstream server. Returns the bytes written.
pub fn write_forwarded_request(
    head: &RequestHead<'_, '_>,
    edits: &RequestEdits<'_>,
    out: &mut HeadWriter<'_>,
) -> Result<usize, TooLong> {
    let (before, rest) = origin_form(head.target, head.form, head.method);
    out.put([head.method_name.as_bytes(), b" ", before.as_bytes(), rest.as_bytes(), b" HTTP/1.1\r\n"])?;
    // RFC 9110 7.2: first, as everybody expects it. That of the target replaces the field's.
    out.header("Host", head.host.unwrap_or(edits.fallback_host.as_bytes()))?;
    let path = Path::new(head, edits);
    let seen = write_fields(head, &path, out)?;
    if !seen.forwarded_for {
        path.write_forwarded_for(out)?;
    }
    out.put([b"X-Forwarded-Proto: ", edits.proto.as_bytes(), b"\r\n"])?;
    if !seen.via {
        path.write_via(out)?;
    }
    out.framing(head.body)?;
    write_hop(head, edits.connection, out)?;
    out.end()
}

/// Lists already continued in place.
#[derive(Default)]
struct Seen {
    forwarded_for: bool,
    via: bool,
}

fn write_fields(head: &RequestHead<'_, '_>, path: &Path<'_, '_>, out: &mut HeadWriter<'_>) -> Result<Seen, TooLong> {
    let mut seen = Seen::default();
    for header in head.headers {
        match Name::of(header.name) {
            Name::Other if head.fields.options > 0 && is_named_by_connection(head.headers, header.name) => {}
            Name::Other | Name::Trailer => out.header(header.name, header.value)?,
            // RFC 9110 10.1.1: what an HTTP/1.0 client expects is ignored; it would not understand a 100.
            Name::Expect if head.version == Version::Http11 => out.header(header.name, header.value)?,
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

    fn write_forwarded_for(&self, out: &mut HeadWriter<'_>) -> Result<(), TooLong> {
        out.put([b"X-Forwarded-For: "])?;
        self.write_received(Name::XForwardedFor, out)?;
        out.put([self.client.as_bytes(), b"\r\n"])
    }

    /// RFC 9110 7.6.3: with the version in which the message was received.
    fn write_via(&self, out: &mut HeadWriter<'_>) -> Result<(), TooLong> {
        out.put([b"Via: "])?;
        self.write_received(Name::Via, out)?;
        out.put([if self.version == Version::Http10 { b"1.0 quintet\r\n" } else { b"1.1 quintet\r\n" }])
    }

    fn write_received(&self, name: Name, out: &mut HeadWriter<'_>) -> Result<(), TooLong> {
        let received = self.headers.iter().filter(|header| Name::of(header.name) == name);
        for header in received.filter(|header| list(header.value).next().is_some()) {
            out.put([header.value, b", "])?;
        }
        Ok(())
    }
}

/// The fields for the next hop only.
fn write_hop(head: &RequestHead<'_, '_>, connection: Connection, out: &mut HeadWriter<'_>) -> Result<(), TooLong> {
    let option = match connection {
        Connection::KeepAlive => None,
        Connection::Close => Some("close"),
        Connection::Upgrade => head.upgrade.map(|_| "upgrade"),
    };
    if connection == Connection::Upgrade
        && let Some(protocols) = head.upgrade
    {
        out.header("Upgrade", protocols)?;
    }
    // RFC 9110 10.1.4: TE speaks for one hop; that trailers are welcome is true of us as well, since we pass them on.
    let trailers = head.fields.trailers && head.version == Version::Http11;
    if trailers {
        out.put([b"TE: trailers\r\n"])?;
    }
    write_connection(out, [option, trailers.then_some("TE")])
}
