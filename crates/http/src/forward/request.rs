//! Requests on their way to the upstream server.

use std::net::IpAddr;

use httparse::Header;

use super::address::AddressText;
use super::rules::{self, HostRule, Layers, NO_RULES};
use super::{Connection, HopFields};
use crate::name::{Name, reads_as};
use crate::request::RequestHead;
use crate::sink::{FieldSink, Hop, RequestStart, TooLong};
use crate::template::host_name;
use crate::template::{Asked, Values};
use crate::text::list;
use crate::version::Version;

const FORWARDED_FOR: &str = "X-Forwarded-For";
const FORWARDED_HOST: &str = "X-Forwarded-Host";
const FORWARDED_PORT: &str = "X-Forwarded-Port";
const FORWARDED_PROTO: &str = "X-Forwarded-Proto";
const REAL_IP: &str = "X-Real-IP";
const REQUEST_ID: &str = "X-Request-Id";

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

/// Which fields about the way of a request are written where nobody sent them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tells {
    /// `X-Forwarded-For`.
    pub forwarded_for: bool,
    /// `X-Forwarded-Proto`.
    pub proto: bool,
    /// `X-Forwarded-Host`: the host as the client named it.
    pub host: bool,
    /// `X-Forwarded-Port`: the port at which the client came in.
    pub port: bool,
    /// `X-Real-IP`.
    pub real_ip: bool,
    /// `Forwarded` (RFC 7239).
    pub forwarded: bool,
}

impl Default for Tells {
    fn default() -> Self {
        Self { forwarded_for: true, proto: true, host: false, port: false, real_ip: false, forwarded: false }
    }
}

/// What the proxy knows and the request does not.
#[derive(Clone, Debug)]
pub struct RequestEdits<'e> {
    /// The address of the client: that of the connection, or what a trusted proxy says.
    pub client: IpAddr,
    /// Whose connection it is: continues the lists.
    pub peer: IpAddr,
    /// The port at which the client came in, for `X-Forwarded-Port`.
    pub port: u16,
    /// `http` or `https`, for `X-Forwarded-Proto`.
    pub proto: &'e str,
    /// What to ask of the upstream connection. `Upgrade` passes the request's own `Upgrade` on, if it has a valid one.
    pub connection: Connection,
    /// Path and query in the place of those that came.
    pub target: Option<&'e str>,
    /// `host[:port]` of the server: for HTTP/1.0 clients that send none, and for rules.
    pub fallback_host: &'e str,
    /// What becomes of what the client says about its way.
    pub forwarded: Forwarded,
    /// Whether this proxy adds itself to `Via`.
    pub via: bool,
    /// Whether [`Name::Twin`]s are passed on.
    pub keep_twins: bool,
    /// What is told of the way, beside what came.
    pub tells: Tells,
    /// Rules of the configuration.
    pub rules: Layers<'e>,
    /// The id of the request, for `X-Request-Id` and for rules.
    pub request_id: &'e [u8],
    /// Whether `X-Request-Id` is written, in place of what came.
    pub tells_id: bool,
    /// A cookie that is for this proxy alone: it goes no further.
    pub without_cookie: Option<&'e str>,
    /// Who the client has proven to be, for rules.
    pub user: &'e str,
    /// The listener's name, for rules.
    pub listener: &'e str,
    /// A field that says who the client has proven to be, in place of what came, and what it says; empty: nobody.
    pub identity: Option<(&'e str, &'e str)>,
}

impl RequestEdits<'_> {
    /// Nothing but what every proxy does, for a client at this address.
    pub fn plain(client: IpAddr) -> Self {
        Self {
            client,
            peer: client,
            port: 80,
            proto: "http",
            connection: Connection::KeepAlive,
            target: None,
            fallback_host: "",
            forwarded: Forwarded::Replace,
            via: true,
            keep_twins: false,
            tells: Tells::default(),
            rules: [&NO_RULES; 2],
            request_id: b"",
            tells_id: false,
            without_cookie: None,
            user: "",
            listener: "",
            identity: None,
        }
    }

    /// Is there anything to do beside what every proxy does?
    #[inline]
    fn has_more(&self) -> bool {
        self.tells_id
            || self.identity.is_some()
            || self.rules.iter().any(|rules| !rules.is_empty())
            || self.tells != Tells::default()
    }

    /// A bit for each length of a name that is left out.
    fn lengths_dropped(&self) -> u64 {
        let ours = |name: &str, is_ours: bool| if is_ours { rules::bit_of(name) } else { 0 };
        let identity = self.identity.map_or(0, |(field, _)| rules::bit_of(field));
        let by_rules = self.rules.iter().fold(0, |lengths, rules| lengths | rules.lengths());
        by_rules | identity | ours(REQUEST_ID, self.tells_id)
    }

    /// Is a field of this name left out, by a rule or because ours stands in its place?
    fn drops(&self, name: &str) -> bool {
        // What a client has proven is nobody else's to say, in whatever spelling.
        self.identity.is_some_and(|(field, _)| reads_as(name, field))
            || self.rules.iter().any(|rules| rules.drops_received(name, self.keep_twins))
            || self.tells_id && reads_as(name, REQUEST_ID)
    }
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
        authority: authority(head, edits),
        path: edits.target.map_or_else(|| head.target.origin_form(), |target| [target, ""]),
    })?;
    let mut path = Path::new(head, edits);
    write_fields(head, &mut path, out)?;
    path.write_missing(out)?;
    if path.has_more {
        path.write_more(head, out)?;
    }
    out.framing(head.body)?;
    out.hop(&hop_of(head, edits.connection))?;
    out.end()
}

fn authority<'b>(head: &RequestHead<'_, 'b>, edits: &RequestEdits<'b>) -> &'b [u8] {
    let received = head.host.unwrap_or(edits.fallback_host.as_bytes());
    match rules::host(edits.rules) {
        None => received,
        Some(HostRule::Name(name)) => name.as_bytes(),
        Some(HostRule::Received) => received,
        Some(HostRule::ReceivedName) => host_name(received),
        Some(HostRule::Server) => edits.fallback_host.as_bytes(),
    }
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
        if path.lengths_dropped & rules::bit_of(header.name) != 0 && path.edits.drops(header.name) {
            continue;
        }
        if let Some(cookie) = path.edits.without_cookie
            && header.name.eq_ignore_ascii_case("cookie")
        {
            write_other_cookies(header, cookie, out)?;
            continue;
        }
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

/// Without the cookie of this name; a field that holds no other is left out.
#[cold]
fn write_other_cookies(header: &Header<'_>, without: &str, out: &mut impl FieldSink) -> Result<(), TooLong> {
    let is_it =
        |pair: &[u8]| pair.split(|&byte| byte == b'=').next().map(<[u8]>::trim_ascii) == Some(without.as_bytes());
    let pairs = header.value.split(|&byte| byte == b';').map(<[u8]>::trim_ascii);
    let others = pairs.filter(|pair| !pair.is_empty() && !is_it(pair));
    if others.clone().next().is_none() {
        return Ok(());
    }
    let between = |at: usize| if at == 0 { &b""[..] } else { b"; " };
    out.pieces(header.name, others.enumerate().flat_map(|(at, pair)| [between(at), pair]))
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
    /// Fields already written, or not to be.
    seen: Seen,
    has_more: bool,
    /// A bit for each length of a name that is left out.
    lengths_dropped: u64,
}

#[derive(Default)]
struct Seen {
    forwarded_for: bool,
    forwarded: bool,
    proto: bool,
    host: bool,
    port: bool,
    real_ip: bool,
    via: bool,
}

impl Seen {
    /// What a rule leaves out, or sets, is not for us to write.
    #[cold]
    fn ruled(edits: &RequestEdits<'_>, lengths_dropped: u64) -> Self {
        let drops = |name| lengths_dropped & rules::bit_of(name) != 0 && edits.drops(name);
        Self {
            forwarded_for: drops(FORWARDED_FOR),
            forwarded: drops("Forwarded"),
            proto: drops(FORWARDED_PROTO) || !edits.tells.proto,
            host: drops(FORWARDED_HOST),
            port: drops(FORWARDED_PORT),
            real_ip: drops(REAL_IP),
            via: drops("Via"),
        }
    }
}

impl<'h, 'b, 'e> Path<'h, 'b, 'e> {
    fn new(head: &RequestHead<'h, 'b>, edits: &'e RequestEdits<'e>) -> Self {
        let has_more = edits.has_more();
        let lengths_dropped = if has_more { edits.lengths_dropped() } else { 0 };
        let seen = if has_more { Seen::ruled(edits, lengths_dropped) } else { Seen::default() };
        Self {
            headers: head.headers,
            edits,
            client: AddressText::new(edits.client),
            version: head.version,
            seen,
            has_more,
            lengths_dropped,
        }
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
            Name::XForwardedHost | Name::XForwardedPort if trusted => {
                self.seen.host |= name == Name::XForwardedHost;
                self.seen.port |= name == Name::XForwardedPort;
                out.field(header.name, header.value)
            }
            // There is one client: a proxy in the middle knows the one before it only.
            Name::XRealIp if trusted && !self.seen.real_ip => {
                self.seen.real_ip = true;
                out.field(REAL_IP, self.client.as_bytes())
            }
            _ => Ok(()),
        }
    }

    /// What did not come.
    fn write_missing(&mut self, out: &mut impl FieldSink) -> Result<(), TooLong> {
        if !self.seen.forwarded_for && self.edits.tells.forwarded_for {
            self.write_forwarded_for(out)?;
        }
        if !self.seen.proto {
            out.field(FORWARDED_PROTO, self.edits.proto.as_bytes())?;
        }
        if self.edits.via && !self.seen.via {
            self.write_via(out)?;
        }
        Ok(())
    }

    fn write_forwarded_for(&mut self, out: &mut impl FieldSink) -> Result<(), TooLong> {
        self.seen.forwarded_for = true;
        match self.edits.forwarded {
            Forwarded::Replace if !self.edits.tells.forwarded_for => Ok(()),
            Forwarded::Replace => out.field(FORWARDED_FOR, self.client.as_bytes()),
            _ => out.list(FORWARDED_FOR, self.received(Name::XForwardedFor), self.peer().as_bytes()),
        }
    }

    /// Who continues a list is whoever stands in front of us, not the client it tells of.
    fn peer(&self) -> AddressText {
        match self.edits.peer == self.edits.client {
            true => self.client,
            false => AddressText::new(self.edits.peer),
        }
    }

    /// RFC 7239. Where nobody speaks it, nobody reads it: it is continued, not begun, unless somebody asked for it.
    fn write_forwarded(&mut self, out: &mut impl FieldSink) -> Result<(), TooLong> {
        if self.edits.forwarded == Forwarded::Replace || self.edits.tells.forwarded {
            return Ok(()); // dropped, or written whole at the end
        }
        self.seen.forwarded = true;
        out.list("Forwarded", self.received(Name::Forwarded), self.peer().as_forwarded().as_bytes())
    }

    /// What somebody asked for: more about the way, the id, what rules set and add.
    #[cold]
    fn write_more(&self, head: &RequestHead<'_, '_>, out: &mut impl FieldSink) -> Result<(), TooLong> {
        let RequestEdits { tells, proto, request_id, tells_id, rules, .. } = self.edits;
        if tells.host
            && !self.seen.host
            && let Some(host) = head.host
        {
            out.field(FORWARDED_HOST, host)?;
        }
        if tells.port && !self.seen.port {
            out.field_u64(FORWARDED_PORT, self.edits.port.into())?;
        }
        if tells.real_ip && !self.seen.real_ip {
            out.field(REAL_IP, self.client.as_bytes())?;
        }
        if tells.forwarded && !self.seen.forwarded {
            self.write_whole_forwarded(head, out)?;
        }
        if *tells_id && !rules::drops(*rules, REQUEST_ID) {
            out.field(REQUEST_ID, request_id)?;
        }
        if let Some((field, who)) = self.edits.identity.filter(|(_, who)| !who.is_empty()) {
            out.field(field, who.as_bytes())?;
        }
        let asked = Asked { method: head.method_name, host: head.host, target: head.target, headers: head.headers };
        let values = Values {
            client: self.client.as_bytes(),
            scheme: proto,
            request_id,
            user: self.edits.user,
            listener: self.edits.listener,
            server: self.edits.fallback_host,
            asked: Some(asked),
            groups: &[],
        };
        rules::write(*rules, &values, out)
    }

    /// With all that RFC 7239 has words for. A host holds no byte that would have to be escaped.
    fn write_whole_forwarded(&self, head: &RequestHead<'_, '_>, out: &mut impl FieldSink) -> Result<(), TooLong> {
        let (appends, host) = (self.edits.forwarded != Forwarded::Replace, head.host.unwrap_or_default());
        let from = if appends { self.peer() } else { self.client }.as_forwarded();
        let received = self.received(Name::Forwarded).filter(|_| appends).flat_map(|value| [value, b", "]);
        let named = [&b";host=\""[..], host, b"\""].into_iter().filter(|_| !host.is_empty());
        let proto = [&b";proto="[..], self.edits.proto.as_bytes()];
        out.pieces("Forwarded", received.chain([from.as_bytes()]).chain(named).chain(proto))
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
