//! What probes of a balancer or server saw from outside.

use core::net::SocketAddr;
use named::named;
use serde::Serialize;

/// Everything the probes of one target saw.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TargetFacts {
    /// As the user named it.
    pub url: String,
    /// The address that was probed; `None` when the name has none.
    pub address: Option<SocketAddr>,
    /// Why no connection could be opened at all.
    pub unreachable: Option<String>,
    /// What the handshakes showed.
    pub handshake: Handshake,
    /// How each connection ended.
    pub closings: Vec<(Probe, Closing)>,
    /// How long a connection is kept.
    pub keep_alive: KeepAlive,
    /// A connect from the 5-tuple whose TIME_WAIT we hold.
    pub after_our_close: Option<ReuseTry>,
    /// A connect from the 5-tuple whose TIME_WAIT the target holds.
    pub after_server_close: Option<ReuseTry>,
    /// Connections the probes opened in all.
    pub connections: u32,
}

/// Options and times of the handshakes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Handshake {
    /// Timestamps negotiated (RFC 7323).
    pub timestamps: bool,
    /// Selective acknowledgements negotiated (RFC 2018).
    pub sack: bool,
    /// Window scale, theirs and ours, where negotiated (RFC 7323).
    pub window_scale: Option<(u8, u8)>,
    /// Connects that were timed.
    pub connects: u32,
    /// Median time of a connect, in us; `None` without any.
    pub connect_us_median: Option<u64>,
    /// Longest, in us.
    pub connect_us_max: Option<u64>,
    /// SYNs that had to be sent again.
    pub syn_retransmits: u32,
}

named! {
    /// One kind of end that was provoked.
    pub enum Probe {
        /// `Connection: close` in the request.
        ConnectionClose = "connection_close",
        /// A request of HTTP/1.0.
        Http10 = "http_1_0",
        /// A kept connection on which nothing happens.
        Idle = "idle",
        /// A request that is no HTTP.
        Error = "error",
        /// `Connection: close`, with more requests already sent behind it.
        Pipelined = "pipelined",
        /// `Connection: close` with a body.
        Upload = "upload",
    }
}

named! {
    /// Who ended a probed connection.
    pub enum ClosedBy {
        /// The server's FIN came first: TIME_WAIT is there.
        ServerFin = "server_fin",
        /// The server waited until we closed: TIME_WAIT is here.
        ClientFin = "client_fin",
        /// The server reset the connection.
        Rst = "rst",
        /// It was still open when our patience ended; only an idle connection may be.
        StaysOpen = "stays_open",
        /// The probe failed before there was an end to see.
        NotSeen = "not_seen",
    }
}

named! {
    /// How much of the response came.
    pub enum Response {
        /// All of it.
        Whole = "whole",
        /// A part, then the end.
        Cut = "cut",
        /// Nothing.
        Nothing = "nothing",
    }
}

/// How one probed connection ended. Serialises to one of the `closings` of `doctor --json`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Closing {
    /// By whom; in the report that is `closes_first`.
    #[serde(skip)]
    pub by: ClosedBy,
    /// What came before.
    pub response: Response,
    /// Its status; `None` where there was no head.
    pub status: Option<u16>,
    /// From the response's end (or the request's) to the connection's, in ms.
    pub after_ms: u64,
    /// A reset followed the server's FIN, because bytes of ours still arrived there.
    pub then_reset: bool,
}

/// How a target keeps connections.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeepAlive {
    /// Requests sent on one connection, at most.
    pub asked: u32,
    /// Of those, answered before the target closed.
    pub served: u32,
    /// What it said in a `Keep-Alive` field.
    pub announced: Option<String>,
}

/// A connect from a 5-tuple that had just been used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReuseTry {
    /// It worked.
    Connected {
        /// Time of the connect, in us.
        connect_us: u64,
        /// SYNs that had to be sent again.
        syn_retransmits: u32,
    },
    /// This kernel or the target refused it.
    Refused {
        /// Linux errno.
        errno: i32,
    },
    /// No answer in time.
    TimedOut,
}

impl ReuseTry {
    /// Did it work without a SYN being sent twice?
    pub fn worked_at_once(self) -> bool {
        matches!(self, Self::Connected { syn_retransmits: 0, .. })
    }
}

impl TargetFacts {
    /// Could it be probed?
    pub(crate) fn is_reached(&self) -> bool {
        self.unreachable.is_none() && self.address.is_some()
    }

    /// How the connection of one probe ended.
    pub fn closing(&self, probe: Probe) -> Option<&Closing> {
        self.closings.iter().find(|(known, _)| *known == probe).map(|(_, closing)| closing)
    }

    /// Who ended the connection of one probe.
    pub fn closed_by(&self, probe: Probe) -> Option<ClosedBy> {
        self.closing(probe).map(|closing| closing.by)
    }

    /// After `Connection: close`, does the target close first?
    pub(crate) fn closes_when_asked(&self) -> bool {
        matches!(self.closed_by(Probe::ConnectionClose), Some(ClosedBy::ServerFin | ClosedBy::Rst))
    }

    /// Can a 5-tuple be used again at once by explicit bind + SO_REUSEADDR after we closed first?
    pub fn is_reusable_at_once(&self) -> bool {
        self.after_our_close.is_some_and(ReuseTry::worked_at_once)
    }
}
