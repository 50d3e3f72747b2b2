//! What a request head means.

use std::net::IpAddr;

use httparse::Header;

use crate::body::BodyKind;
use crate::facts::RequestFacts;
use crate::method::Method;
use crate::target::Target;
use crate::version::Version;

/// A complete request head, borrowed from the received bytes (`'b`) and the slots its fields were read into (`'s`).
///
/// Whoever fills it has checked it: names are tokens, values are clean, host and framing are beyond doubt.
/// [`RequestHead::default`] is `GET / HTTP/1.1` without a field.
#[derive(Clone, Debug)]
pub struct RequestHead<'s, 'b> {
    /// The method, if it is a known one.
    pub method: Method,
    /// The method as it was received.
    pub method_name: &'b str,
    /// What is asked for.
    pub target: Target<'b>,
    /// The version of the client.
    pub version: Version,
    /// All fields, in the order they were received.
    pub headers: &'s [Header<'b>],
    /// How the body that follows is framed: `Empty`, `Length` or `Chunked`.
    pub body: BodyKind,
    /// `host[:port]` the request is for: of the target in absolute-form, else of the Host field. HTTP/1.0 may lack it.
    pub host: Option<&'b [u8]>,
    /// Whether the client waits for 100 before it sends its body (RFC 9110 10.1.1).
    pub expect_continue: bool,
    /// Protocols to switch to: the value of `Upgrade` when `Connection: upgrade` asks for it, in HTTP/1.1. Never HTTP/2 by
    /// any name.
    pub upgrade: Option<&'b [u8]>,
    /// Whether the client takes trailers (`TE: trailers`).
    pub takes_trailers: bool,
    /// How many fields `Connection` names as meant for one hop, those with a rule of their own aside.
    pub hop_fields: usize,
    /// Whether proxies before this one have said so in `Via`.
    pub via: bool,
    /// How often a TRACE or OPTIONS request may still be forwarded (RFC 9110 7.6.2); other methods have no such bound.
    pub max_forwards: Option<u32>,
}

impl<'b> RequestHead<'_, 'b> {
    /// The path without the query, as the origin server sees it.
    pub fn path(&self) -> &'b str {
        self.target.path()
    }

    /// What to choose a server by.
    pub fn facts(&self, client: IpAddr, is_secure: bool) -> RequestFacts<'b> {
        RequestFacts {
            method: self.method,
            method_name: self.method_name,
            version: self.version,
            host: self.host,
            target: self.target,
            is_secure,
            client,
        }
    }
}

impl Default for RequestHead<'_, '_> {
    fn default() -> Self {
        Self {
            method: Method::Get,
            method_name: "GET",
            target: Target::default(),
            version: Version::Http11,
            headers: &[],
            body: BodyKind::Empty,
            host: None,
            expect_continue: false,
            upgrade: None,
            takes_trailers: false,
            hop_fields: 0,
            via: false,
            max_forwards: None,
        }
    }
}
