//! Requests on their way to the upstream server.

use std::net::IpAddr;

use httparse::Header;

use super::address::AddressText;
use super::{Connection, HopFields};
use crate::name::Name;
use crate::request::RequestHead;
use crate::sink::{FieldSink, Hop, RequestStart, TooLong};
use crate::text::list;
use crate::version::Version;

/// How this proxy calls itself in `Via` (RFC 9110 7.6.3).
const PSEUDONYM: &[u8] = b"quintet";

/// What becomes of what a request says about its way: `X-Forwarded-For`, `-Proto`, `-Host`, `-Port`, `X-Real-IP` and
/// `Forwarded`. Whoever sends the request can write anything there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Forwarded {
    /// Nothing of it is passed on: what a server reads there is what this proxy knows.
    #[default]
    Replace,
    /// The lists (`X-Forwarded-For`, `Forwarded`) are continued, so that a server can count from their end; the others,
    /// which have no end to count from, are not passed on.
    Append,
    /// The sender is trusted: the lists are continued, and what it says in the others stands.
    Trust,
}

/// What the proxy knows and the request does not.
#[derive(Clone, Debug)]
pub struct RequestEdits<'e> {
    /// The address of the client, for `X-Forwarded-For`.
    pub client: IpAddr,
    /// `http` or `https`, for `X-Forwarded-Proto`.
    pub proto: &'e str,
    /// What to ask of the upstream connection. `Upgrade` passes the request's own `Upgrade` on, if it has a valid one.
    pub connection: Connection,
    /// `host[:port]` for HTTP/1.0 clients that send none.
    pub fallback_host: &'e str,
    /// What becomes of what the client says about its way.
    pub forwarded: Forwarded,
    /// Whether this proxy adds itself to `Via`.
    pub via: bool,
    /// Whether [`Name::Twin`]s are passed on.
    pub keep_twins: bool,
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
    let mut path = Path::new(head, edits);
    write_fields(head, &mut path, out)?;
    path.write_missing(out)?;
    out.framing(head.body)?;
    out.hop(&hop_of(head, edits.connection))?;
    out.end()
}

/// How often this proxy is in `Via` already: a request that comes again and again goes in a circle.
pub fn passages(headers: &[Header<'_>]) -> usize {
    let values = headers.iter().filter(|header| Name::of(header.name) == Name::Via).map(|header| header.value);
    // `1.1 name (comment)`
    let by = |member: &&[u8]| {
        member.split(|byte| b" \t".contains(byte)).filter(|word| !word.is_empty()).nth(1) == Some(PSEUDONYM)
    };
    values.flat_map(list).filter(by).count()
}

fn write_fields(
    head: &RequestHead<'_, '_>,
    path: &mut Path<'_, '_, '_>,
    out: &mut impl FieldSink,
) -> Result<(), TooLong> {
    let hop_fields = HopFields::of(head.hop_fields, head.headers);
    let is_for_one_hop = |name| hop_fields.as_ref().is_some_and(|fields| fields.name(name));
    for header in head.headers {
        match Name::of(header.name) {
            Name::Other if is_for_one_hop(header.name) => {}
            Name::Other | Name::Trailer | Name::Date => out.field(header.name, header.value)?,
            // RFC 9110 10.1.1: what an HTTP/1.0 client expects is ignored; it would not understand a 100.
            Name::Expect if head.version != Version::Http10 => out.field(header.name, header.value)?,
            Name::Twin if path.edits.keep_twins && !is_for_one_hop(header.name) => {
                out.field(header.name, header.value)?;
            }
            Name::MaxForwards => write_max_forwards(head, header, out)?,
            name => path.write(name, header, out)?,
        }
    }
    Ok(())
}

/// RFC 9110 7.6.2: one hop fewer, where the method has such a bound.
#[cold]
fn write_max_forwards(
    head: &RequestHead<'_, '_>,
    header: &Header<'_>,
    out: &mut impl FieldSink,
) -> Result<(), TooLong> {
    match head.max_forwards {
        Some(hops) => out.field_u64(header.name, u64::from(hops.saturating_sub(1))),
        None => out.field(header.name, header.value),
    }
}

/// The fields that record the way of a request: all received values in one list, and ours at its end.
struct Path<'h, 'b, 'e> {
    headers: &'h [Header<'b>],
    edits: &'e RequestEdits<'e>,
    client: AddressText,
    version: Version,
    /// Fields already written.
    seen: Seen,
}

#[derive(Default)]
struct Seen {
    forwarded_for: bool,
    forwarded: bool,
    proto: bool,
    via: bool,
}

impl<'h, 'b, 'e> Path<'h, 'b, 'e> {
    fn new(head: &RequestHead<'h, 'b>, edits: &'e RequestEdits<'e>) -> Self {
        let (client, seen) = (AddressText::new(edits.client), Seen::default());
        Self { headers: head.headers, edits, client, version: head.version, seen }
    }

    /// A field that came, if it records the way; any other was written anew from what was parsed, or is for one hop.
    fn write(&mut self, name: Name, header: &Header<'_>, out: &mut impl FieldSink) -> Result<(), TooLong> {
        let trusted = self.edits.forwarded == Forwarded::Trust;
        match name {
            Name::XForwardedFor if !self.seen.forwarded_for => self.write_forwarded_for(out),
            Name::Forwarded if !self.seen.forwarded => self.write_forwarded(out),
            Name::Via if !self.edits.via => out.field(header.name, header.value),
            Name::Via if !self.seen.via => self.write_via(out),
            Name::XForwardedProto if trusted => {
                self.seen.proto = true;
                out.field(header.name, header.value)
            }
            Name::XForwardedHost | Name::XForwardedPort | Name::XRealIp if trusted => {
                out.field(header.name, header.value)
            }
            _ => Ok(()),
        }
    }

    /// What did not come.
    fn write_missing(&mut self, out: &mut impl FieldSink) -> Result<(), TooLong> {
        if !self.seen.forwarded_for {
            self.write_forwarded_for(out)?;
        }
        if !self.seen.proto {
            out.field("X-Forwarded-Proto", self.edits.proto.as_bytes())?;
        }
        if self.edits.via && !self.seen.via {
            self.write_via(out)?;
        }
        Ok(())
    }

    fn write_forwarded_for(&mut self, out: &mut impl FieldSink) -> Result<(), TooLong> {
        self.seen.forwarded_for = true;
        match self.edits.forwarded {
            Forwarded::Replace => out.field("X-Forwarded-For", self.client.as_bytes()),
            _ => out.list("X-Forwarded-For", self.received(Name::XForwardedFor), self.client.as_bytes()),
        }
    }

    /// RFC 7239. Where nobody speaks it, nobody reads it: it is continued, not begun.
    fn write_forwarded(&mut self, out: &mut impl FieldSink) -> Result<(), TooLong> {
        self.seen.forwarded = true;
        match self.edits.forwarded {
            Forwarded::Replace => Ok(()),
            _ => out.list("Forwarded", self.received(Name::Forwarded), self.client.as_forwarded().as_bytes()),
        }
    }

    /// RFC 9110 7.6.3: with the version in which the message was received.
    fn write_via(&mut self, out: &mut impl FieldSink) -> Result<(), TooLong> {
        self.seen.via = true;
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
