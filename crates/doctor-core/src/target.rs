//! What probes of a balancer or server saw from outside.

use core::net::SocketAddr;

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
    /// Median time of a connect, in us.
    pub connect_us_median: u64,
    /// Longest, in us.
    pub connect_us_max: u64,
    /// SYNs that had to be sent again.
    pub syn_retransmits: u32,
}

/// One kind of end that was provoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Probe {
    /// `Connection: close` in the request.
    ConnectionClose,
    /// A request of HTTP/1.0.
    Http10,
    /// A kept connection on which nothing happens.
    Idle,
    /// A request that is no HTTP.
    Error,
    /// `Connection: close`, with more requests already sent behind it.
    Pipelined,
    /// `Connection: close` with a body.
    Upload,
}

impl Probe {
    /// Every probe, in the order of reports.
    pub const ALL: [Self; 6] =
        [Self::ConnectionClose, Self::Http10, Self::Idle, Self::Error, Self::Pipelined, Self::Upload];

    /// `connection_close`, `http_1_0`, `idle`, `error`, `pipelined`, `upload`.
    pub fn name(self) -> &'static str {
        match self {
            Self::ConnectionClose => "connection_close",
            Self::Http10 => "http_1_0",
            Self::Idle => "idle",
            Self::Error => "error",
            Self::Pipelined => "pipelined",
            Self::Upload => "upload",
        }
    }
}

/// Who ended a probed connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ClosedBy {
    /// The server's FIN came first: TIME_WAIT is there.
    ServerFin,
    /// The server waited until we closed: TIME_WAIT is here.
    ClientFin,
    /// The server reset the connection.
    Rst,
    /// It was still open when our patience ended; only an idle connection may be.
    StaysOpen,
    /// The probe failed before there was an end to see.
    NotSeen,
}

impl ClosedBy {
    /// `server_fin`, `client_fin`, `rst`, `stays_open`, `not_seen`.
    pub fn name(self) -> &'static str {
        match self {
            Self::ServerFin => "server_fin",
            Self::ClientFin => "client_fin",
            Self::Rst => "rst",
            Self::StaysOpen => "stays_open",
            Self::NotSeen => "not_seen",
        }
    }
}

/// How much of the response came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Response {
    /// All of it.
    Whole,
    /// A part, then the end.
    Cut,
    /// Nothing.
    Nothing,
}

impl Response {
    /// `whole`, `cut`, `nothing`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Whole => "whole",
            Self::Cut => "cut",
            Self::Nothing => "nothing",
        }
    }
}

/// How one probed connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Closing {
    /// By whom.
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
    /// Did it work?
    pub fn worked(self) -> bool {
        matches!(self, Self::Connected { .. })
    }

    /// Did it work without a SYN being sent twice?
    pub fn worked_at_once(self) -> bool {
        matches!(self, Self::Connected { syn_retransmits: 0, .. })
    }
}

impl TargetFacts {
    /// Could it be probed?
    pub fn is_reached(&self) -> bool {
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
    pub fn closes_when_asked(&self) -> bool {
        matches!(self.closed_by(Probe::ConnectionClose), Some(ClosedBy::ServerFin | ClosedBy::Rst))
    }

    /// Can a 5-tuple be used again at once by explicit bind + SO_REUSEADDR after we closed first?
    pub fn is_reusable_at_once(&self) -> bool {
        self.after_our_close.is_some_and(ReuseTry::worked_at_once)
    }
}
