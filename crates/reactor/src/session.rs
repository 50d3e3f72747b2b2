//! What is known of a connection beyond its addresses.

use ports::{HandshakeFailure, Unannounced};
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::time::Duration;

/// How a layer is to treat a connection: the place of its certificates and rules in a table that the layer shares with the
/// owner of the configuration. A number, so that a plan stays small and a connect allocates nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ProfileId(pub u32);

/// What a layer (TLS, the PROXY protocol) agreed on with the peer before it told of a connection.
///
/// It is asked for ([`Questions::session`](crate::Questions::session)) and not told with each completion: a plain connection
/// then pays nothing, completions stay small (they are moved through queues), and whoever needs a fact later than at
/// [`Accepted`](crate::Completion::Accepted) need not have kept it. The peer's address is no part of it: a layer that
/// learns a better one than the socket's puts it into `Accepted`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SessionInfo {
    /// Can nobody on the way read or change what passes?
    pub secure: bool,
    /// The version of what secures it, such as `TLSv1.3`, and its cipher suite as IANA calls it.
    pub suite: Option<(&'static str, &'static str)>,
    /// The protocol both sides agreed on (ALPN, RFC 7301): `h2`, `http/1.1`. Shared with the layer's own list.
    pub alpn: Option<Rc<[u8]>>,
    /// The name the peer proved to have (its certificate's), where it was asked for one. Shared with whoever passes it on.
    pub peer_name: Option<Rc<str>>,
    /// An earlier session was taken up: nobody had to prove anew who he is.
    pub resumed: bool,
    /// How long agreeing took, from when the connection below stood.
    pub handshake: Duration,
}

/// Why a layer lets somebody not come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Against {
    /// He did not say, or may not say, whom he speaks for.
    Unannounced(Unannounced),
    /// His connection could not be secured.
    Handshake(HandshakeFailure),
}

/// Somebody whom a layer has closed before anybody heard of him.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TurnedAway {
    /// When.
    pub at: Duration,
    /// Who he is.
    pub peer: SocketAddr,
    /// Where he came in; `None`: at a socket file.
    pub listener: Option<SocketAddr>,
    /// What is held against him.
    pub why: Against,
    /// How what he said begins.
    pub first: Box<[u8]>,
}

/// How who comes in at a listener has to say first whom he speaks for, by the header of the PROXY protocol.
#[derive(Clone)]
pub struct Announcing {
    /// How long the header may take.
    pub within: Duration,
    /// Who is asked for one, and believed; nobody else gets in.
    pub is_proxy: Rc<dyn Fn(IpAddr) -> bool>,
}
