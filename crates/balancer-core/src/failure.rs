//! What went wrong with a request, what the client is told, and whose fault it is.

use named::named;
use ports::{Blame, Fault, FaultKind};

/// Does a failed connect speak against the server?
pub(crate) fn is_theirs(failure: Failure) -> bool {
    matches!(failure, Failure::ServerUnreachable | Failure::ConnectTimeout)
}

/// Why a request got no response of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Failure {
    /// The request broke HTTP's rules; the status says how (400, 414, 431, 501, 505, ...).
    BadRequest(u16),
    /// The client took too long to send its head.
    HeadTimeout,
    /// The client took too long to send its body.
    BodyTimeout,
    /// No server is there to ask.
    NoServer,
    /// No server could be reached (refused, unreachable, reset while connecting).
    ServerUnreachable,
    /// No server took the connection in time.
    ConnectTimeout,
    /// The server closed or reset before its response was whole.
    ServerClosed,
    /// The server answered something that is not HTTP.
    ServerNonsense,
    /// The server took too long to answer.
    ServerTimeout,
    /// The whole request took longer than the listener allows.
    RequestTimeout,
    /// This host has no port left towards the servers. No server is to blame.
    NoLocalPort,
    /// This host has no file descriptor, buffer or memory left. No server is to blame.
    NoLocalResource,
    /// The balancer ends, and its patience with requests in flight is over.
    Draining,
}

impl Failure {
    /// What a failed connection to a server means for the request.
    pub(crate) fn of_connect(fault: Fault) -> Self {
        match (fault.kind.blame(), fault.kind) {
            (_, FaultKind::Ports) => Self::NoLocalPort,
            (Blame::Here, _) => Self::NoLocalResource,
            (_, FaultKind::TimedOut) => Self::ConnectTimeout,
            _ => Self::ServerUnreachable,
        }
    }

    /// Status code for the client.
    pub fn status(self) -> u16 {
        match self {
            Self::BadRequest(status) => status,
            Self::HeadTimeout | Self::BodyTimeout => 408,
            Self::ServerUnreachable | Self::ServerClosed | Self::ServerNonsense => 502,
            Self::NoServer | Self::NoLocalPort | Self::NoLocalResource | Self::Draining => 503,
            Self::ConnectTimeout | Self::ServerTimeout | Self::RequestTimeout => 504,
        }
    }

    /// One line for the client's eyes.
    pub fn text(self) -> &'static str {
        match self {
            Self::BadRequest(414) => "the request target is longer than this listener allows",
            Self::BadRequest(431) => "the request head has more fields or bytes than this listener allows",
            Self::BadRequest(501) => "the request needs a method or a transfer coding that is not implemented here",
            Self::BadRequest(505) => "only HTTP/1.0 and HTTP/1.1 are spoken here",
            Self::BadRequest(_) => "the request breaks the rules of HTTP/1.1 (RFC 9112)",
            Self::HeadTimeout => "the request head did not arrive in time",
            Self::BodyTimeout => "the request body did not arrive in time",
            Self::NoServer => "no server is there for this request",
            Self::ServerUnreachable => "no server could be reached",
            Self::ConnectTimeout => "no server accepted a connection in time",
            Self::ServerClosed => "the server closed the connection before it answered",
            Self::ServerNonsense => "the server's answer is not valid HTTP",
            Self::ServerTimeout => "the server did not answer in time",
            Self::RequestTimeout => "the request took longer than this listener allows",
            Self::NoLocalPort => "the balancer has no local port left towards its servers",
            Self::NoLocalResource => "the balancer has no file descriptor or buffer left",
            Self::Draining => "the balancer shuts down and can wait no longer for the answer",
        }
    }

    /// Which kind it is: its place in counters and its name.
    pub fn kind(self) -> FailureKind {
        match self {
            Self::BadRequest(_) => FailureKind::BadRequest,
            Self::HeadTimeout => FailureKind::HeadTimeout,
            Self::BodyTimeout => FailureKind::BodyTimeout,
            Self::NoServer => FailureKind::NoServer,
            Self::ServerUnreachable => FailureKind::ServerUnreachable,
            Self::ConnectTimeout => FailureKind::ConnectTimeout,
            Self::ServerClosed => FailureKind::ServerClosed,
            Self::ServerNonsense => FailureKind::ServerNonsense,
            Self::ServerTimeout => FailureKind::ServerTimeout,
            Self::RequestTimeout => FailureKind::RequestTimeout,
            Self::NoLocalPort => FailureKind::NoLocalPort,
            Self::NoLocalResource => FailureKind::NoLocalResource,
            Self::Draining => FailureKind::Draining,
        }
    }
}

named! {
    /// The kinds of [`Failure`], as counters and reports name them.
    pub enum FailureKind {
        /// [`Failure::BadRequest`], whatever its status.
        BadRequest = "bad_request",
        /// [`Failure::HeadTimeout`].
        HeadTimeout = "head_timeout",
        /// [`Failure::BodyTimeout`].
        BodyTimeout = "body_timeout",
        /// [`Failure::ServerUnreachable`].
        ServerUnreachable = "server_unreachable",
        /// [`Failure::ConnectTimeout`].
        ConnectTimeout = "connect_timeout",
        /// [`Failure::ServerClosed`].
        ServerClosed = "server_closed",
        /// [`Failure::ServerNonsense`].
        ServerNonsense = "server_nonsense",
        /// [`Failure::ServerTimeout`].
        ServerTimeout = "server_timeout",
        /// [`Failure::RequestTimeout`].
        RequestTimeout = "request_timeout",
        /// [`Failure::NoLocalPort`].
        NoLocalPort = "no_local_port",
        /// [`Failure::NoLocalResource`].
        NoLocalResource = "no_local_resource",
        /// [`Failure::NoServer`].
        NoServer = "no_server",
        /// [`Failure::Draining`].
        Draining = "draining",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(errno: i32, failure: Failure, status: u16) {
        let got = Failure::of_connect(Fault::from_errno(errno));
        assert_eq!((got, got.status()), (failure, status), "errno {errno}");
    }

    #[test]
    fn a_shortage_here_is_never_the_servers_fault() {
        check(99, Failure::NoLocalPort, 503);
        check(98, Failure::NoLocalPort, 503);
        check(24, Failure::NoLocalResource, 503);
        check(105, Failure::NoLocalResource, 503);
        check(111, Failure::ServerUnreachable, 502);
        check(113, Failure::ServerUnreachable, 502);
        check(110, Failure::ConnectTimeout, 504);
    }

    #[test]
    fn a_refusal_says_what_was_refused() {
        let check = |status: u16, word: &str| {
            let text = Failure::BadRequest(status).text();
            assert!(text.contains(word), "{status}: {text}");
        };
        check(400, "RFC 9112");
        check(414, "target");
        check(431, "head");
        check(501, "not implemented");
        check(505, "HTTP/1.1");
    }
}
