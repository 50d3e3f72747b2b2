//! What probes of a balancer or server saw from outside.

use core::net::SocketAddr;
use named::named;
use ports::{Fault, FaultKind};
use serde::Serialize;

/// Everything the probes of one target saw.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TargetFacts {
    /// As the user named it.
    pub url: String,
    /// The address that was probed; `None` when the name has none.
    pub address: Option<SocketAddr>,
    /// Why no connection could be opened at all, or no HTTP was spoken on it.
    pub unreachable: Option<String>,
    /// The kind of that.
    pub failed: Option<Failed>,
    /// What it speaks, where that is not plain HTTP.
    pub speaks: Option<Speaks>,
    /// Other addresses of the name, which could not be connected to, and why.
    pub dead: Vec<(SocketAddr, String)>,
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

named! {
    /// Why a target could not be probed.
    pub enum Failed {
        /// No port of this host's was to be had.
        NoPortHere = "no_port_here",
        /// This host is short of something else.
        ShortHere = "short_here",
        /// A route of this host's throws everything away.
        BlackholeHere = "blackhole_here",
        /// A route or a firewall of this host's forbids it.
        ForbiddenHere = "forbidden_here",
        /// This host knows no way there.
        NoRouteHere = "no_route_here",
        /// Nothing listens there.
        Refused = "refused",
        /// Nothing answers there.
        Silent = "silent",
        /// It takes connections, and does not answer as HTTP does.
        NoHttp = "no_http",
        /// Something else.
        Other = "other",
    }
}

impl Failed {
    /// Of a connect that failed so.
    pub fn of(fault: Fault) -> Self {
        match (fault.errno, fault.kind) {
            (22, _) => Self::BlackholeHere,
            (_, FaultKind::Ports) => Self::NoPortHere,
            (_, FaultKind::Files | FaultKind::Memory) => Self::ShortHere,
            (_, FaultKind::Permission) => Self::ForbiddenHere,
            (_, FaultKind::Unreachable) => Self::NoRouteHere,
            (_, FaultKind::Refused) => Self::Refused,
            (_, FaultKind::TimedOut) => Self::Silent,
            _ => Self::Other,
        }
    }

    /// Is this host at fault, and not the target?
    pub fn is_here(self) -> bool {
        matches!(
            self,
            Self::NoPortHere | Self::ShortHere | Self::BlackholeHere | Self::ForbiddenHere | Self::NoRouteHere
        )
    }
}

named! {
    /// What a port speaks that does not speak plain HTTP.
    pub enum Speaks {
        /// TLS: its address begins with https.
        Tls = "TLS",
        /// A secure shell.
        Ssh = "SSH",
        /// SMTP, FTP, POP3 or IMAP.
        Mail = "SMTP, FTP or another protocol of mail and files",
        /// HTTP/2 with prior knowledge, or gRPC.
        Http2 = "HTTP/2",
        /// A database.
        MySql = "MySQL",
        /// Another one.
        Redis = "Redis",
    }
}

impl Speaks {
    /// By the first bytes that came from there; `None` where nobody knows them.
    pub fn of(first: &[u8]) -> Option<Self> {
        let begins = |word: &str| first.starts_with(word.as_bytes());
        Some(match first {
            // A handshake or an alert, of version 3.x (RFC 8446 5.1).
            [0x15 | 0x16, 3, 0..=4, ..] => Self::Tls,
            _ if begins("SSH-") => Self::Ssh,
            _ if begins("220") || begins("+OK") || begins("* OK") => Self::Mail,
            _ if begins("-ERR") || begins("-NOAUTH") || begins("-DENIED") => Self::Redis,
            // A SETTINGS frame of stream 0 (RFC 9113 6.5).
            [0, 0, _, 4, 0 | 1, 0, 0, 0, 0, ..] => Self::Http2,
            // The handshake of protocol 10, or its refusal.
            [_, _, 0, 0, 10 | 0xff, ..] => Self::MySql,
            _ => return None,
        })
    }
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

impl KeepAlive {
    /// `timeout=5` of what it said, in seconds.
    pub fn announced_s(&self) -> Option<u64> {
        let parameters = self.announced.as_deref()?.split([',', ';', ' ']);
        parameters.filter_map(|one| one.trim().strip_prefix("timeout=")).find_map(|seconds| seconds.parse().ok())
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_protocols_are_known_by_their_first_bytes() {
        let check = |first: &[u8], expect| assert_eq!(Speaks::of(first), expect, "{first:?}");
        check(b"\x15\x03\x01\x00\x02\x02\x46", Some(Speaks::Tls));
        check(b"\x16\x03\x03\x00\x7a", Some(Speaks::Tls));
        check(b"SSH-2.0-OpenSSH_9.6\r\n", Some(Speaks::Ssh));
        check(b"220 mail.example ESMTP\r\n", Some(Speaks::Mail));
        check(b"-ERR unknown command 'GET'\r\n", Some(Speaks::Redis));
        check(b"\0\0\x12\x04\0\0\0\0\0\0\x03", Some(Speaks::Http2));
        check(b"J\0\0\0\x0a8.0.36\0", Some(Speaks::MySql));
        check(b"HTTP/1.1 200 OK\r\n", None);
        check(b"", None);
        check(b"hello", None);
    }

    #[test]
    fn announced_times_are_read() {
        let check = |said: &str, expect| {
            let kept = KeepAlive { announced: Some(said.to_owned()), ..KeepAlive::default() };
            assert_eq!(kept.announced_s(), expect, "{said}");
        };
        check("timeout=5", Some(5));
        check("timeout=75, max=100", Some(75));
        check("max=100,timeout=3", Some(3));
        check("max=100", None);
        check("timeout=soon", None);
    }

    #[test]
    fn whose_fault_it_is() {
        let check = |errno, expect: Failed, here| {
            let failed = Failed::of(Fault::from_errno(errno));
            assert_eq!((failed, failed.is_here()), (expect, here), "{errno}");
        };
        check(99, Failed::NoPortHere, true);
        check(24, Failed::ShortHere, true);
        check(22, Failed::BlackholeHere, true);
        check(13, Failed::ForbiddenHere, true);
        check(1, Failed::ForbiddenHere, true);
        check(101, Failed::NoRouteHere, true);
        check(111, Failed::Refused, false);
        check(110, Failed::Silent, false);
        check(104, Failed::Other, false);
    }
}
