//! What a failed request is counted as: first of all, whose failure it was.

use named::named;
use ports::{Blame, Fault, FaultKind};

named! {
    /// Kinds of failure, as they are named in reports.
    #[derive(PartialOrd, Ord)]
    pub enum ErrorKind {
        /// No source port left here.
        ClientPorts = "client.ports",
        /// No file descriptor left here.
        ClientFiles = "client.fds",
        /// No memory or buffer left here.
        ClientMemory = "client.memory",
        /// Not permitted here.
        ClientPermission = "client.permission",
        /// The target refused the connection.
        Refused = "target.refused",
        /// The target reset the connection.
        Reset = "target.reset",
        /// No connection or no complete response in time.
        Timeout = "target.timeout",
        /// No complete response when the run was over, its grace included.
        Unanswered = "target.unanswered",
        /// No route to the target.
        Unreachable = "target.unreachable",
        /// The connection could not be secured, or something that cannot be of the target came on it.
        Tls = "target.tls",
        /// The proxy opened no tunnel to the target.
        Proxy = "target.proxy",
        /// The target closed before its response was complete.
        Closed = "target.closed",
        /// The target's response is not HTTP/1.
        Http = "target.http",
        /// The response has another status than was expected.
        Status = "target.status",
        /// The response lacks a field that was expected.
        Header = "target.header",
        /// The response's body does not hold what was expected.
        Body = "target.body",
        /// The response leads somewhere else, where the request could not go.
        Redirect = "target.redirect",
        /// The target's response is larger than the tester reads.
        Limit = "target.limit",
        /// Something else; the errno tells.
        Other = "target.other",
    }
}

/// EREMOTEIO, which no socket has.
const REFUSED_BY_PROXY: i32 = 121;

/// A proxy was asked for a tunnel, and opened none.
pub fn proxy_refused() -> Fault {
    Fault { kind: FaultKind::Other, errno: REFUSED_BY_PROXY }
}

impl ErrorKind {
    /// What it means, for people.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::ClientPorts => "no source port left on this host",
            Self::ClientFiles => "no file descriptor left in this process",
            Self::ClientMemory => "no memory or buffer left on this host",
            Self::ClientPermission => "this host does not permit it",
            Self::Refused => "connection refused",
            Self::Reset => "connection reset before the response was complete",
            Self::Timeout => "no complete response in time",
            Self::Unanswered => "no complete response by the end of the run",
            Self::Unreachable => "no route to the target",
            Self::Tls => "TLS failed",
            Self::Proxy => "the proxy opened no tunnel",
            Self::Closed => "connection closed before the response was complete",
            Self::Http => "the response is not valid HTTP/1",
            Self::Status => "another status than was expected",
            Self::Header => "without a header that was expected",
            Self::Body => "the body does not hold what was expected",
            Self::Redirect => "a redirect that could not be followed",
            Self::Limit => "the response is over a limit of this tester",
            Self::Other => "another failure; see the errno",
        }
    }

    /// Whose failure it was.
    pub fn blame(self) -> Blame {
        match self {
            Self::ClientPorts | Self::ClientFiles | Self::ClientMemory | Self::ClientPermission => Blame::Here,
            _ => Blame::There,
        }
    }
}

impl From<Fault> for ErrorKind {
    fn from(fault: Fault) -> Self {
        if fault == proxy_refused() {
            return Self::Proxy;
        }
        match fault.kind {
            FaultKind::Ports => Self::ClientPorts,
            FaultKind::Files => Self::ClientFiles,
            FaultKind::Memory => Self::ClientMemory,
            FaultKind::Permission => Self::ClientPermission,
            FaultKind::Refused => Self::Refused,
            FaultKind::Unreachable => Self::Unreachable,
            FaultKind::TimedOut => Self::Timeout,
            FaultKind::Reset | FaultKind::Aborted => Self::Reset,
            FaultKind::Handshake | FaultKind::Certificate => Self::Tls,
            FaultKind::Other => Self::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_start_with_whom_they_blame() {
        for kind in ErrorKind::ALL {
            let side = if kind.blame() == Blame::Here { "client." } else { "target." };
            assert!(kind.name().starts_with(side), "{kind:?}");
        }
    }

    #[test]
    fn a_fault_keeps_its_blame() {
        for kind in FaultKind::ALL {
            assert_eq!(ErrorKind::from(Fault::of(kind)).blame(), kind.blame(), "{kind:?}");
        }
    }

    #[test]
    fn kinds_are_listed_in_their_own_order() {
        for (at, kind) in ErrorKind::ALL.iter().enumerate() {
            assert_eq!(*kind as usize, at);
        }
    }
}
