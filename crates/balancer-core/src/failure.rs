//! What went wrong with a request, what the client is told, and whose fault it is.

use named::named;
use ports::{Blame, Fault, FaultKind};

/// Does a failed connect speak against the server?
pub(crate) fn is_theirs(failure: Failure) -> bool {
    matches!(failure, Failure::ServerUnreachable | Failure::ServerNotSecured | Failure::ConnectTimeout)
}

/// Why a request got no response of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Failure {
    /// The request broke a rule of HTTP, or is over a limit.
    BadRequest(http1::Error),
    /// The request may not be forwarded any further (`Max-Forwards: 0`): it ends here. OPTIONS is answered, TRACE is not
    /// offered.
    HopsSpent {
        /// It is OPTIONS.
        options: bool,
    },
    /// The request was here several times before: it goes in a circle.
    Loop,
    /// Whoever asks may not: its address is not let in.
    Denied,
    /// Whoever asks has not said who he is, or not rightly.
    Unauthorized,
    /// Too many wait to be known, so that it could not be told who asks.
    PasswordsBusy,
    /// The path of the request is read differently by different servers.
    AmbiguousPath,
    /// The request's body is larger than is taken here.
    BodyTooLarge,
    /// Whoever asks has asked too often.
    RateLimited {
        /// Seconds until it may ask again.
        retry_after_s: u32,
    },
    /// The client took too long to send its head.
    HeadTimeout,
    /// The client took too long to send its body.
    BodyTimeout,
    /// The client sent its body more slowly than it may.
    BodyTooSlow,
    /// No route is for the name that a client of a tcp listener asks for, nor for those without one.
    NoRoute,
    /// No server is there to ask.
    NoServer,
    /// All servers have as many connections as they may, and as many requests wait for one as may.
    QueueFull,
    /// All servers had as many connections as they may for as long as a request waits for one.
    QueueTimeout,
    /// As many requests of the set are under way as may be.
    SetFull,
    /// No server could be reached (refused, unreachable, reset while connecting).
    ServerUnreachable,
    /// A server was reached, but no connection to it could be secured: it speaks no TLS, or its certificate is not to be
    /// trusted. It will say the same again.
    ServerNotSecured,
    /// No server took the connection in time.
    ConnectTimeout,
    /// The server closed or reset before its response was whole.
    ServerClosed,
    /// The server's answer breaks a rule of HTTP, or is over a limit.
    ServerNonsense(http1::Error),
    /// The server answered with this error, another one was to be asked in its stead, and there was none any more.
    ServerError(u16),
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
            (_, FaultKind::Handshake | FaultKind::Certificate) => Self::ServerNotSecured,
            _ => Self::ServerUnreachable,
        }
    }

    /// Status code for the client.
    pub fn status(self) -> u16 {
        match self {
            Self::BadRequest(rule) => rule.status(),
            Self::AmbiguousPath => 400,
            Self::HopsSpent { options: true } => 200,
            Self::HopsSpent { options: false } => 405,
            Self::Loop => 508,
            Self::Denied => 403,
            Self::Unauthorized => 401,
            Self::BodyTooLarge => 413,
            Self::NoRoute => 421,
            Self::RateLimited { .. } => 429,
            Self::HeadTimeout | Self::BodyTimeout | Self::BodyTooSlow => 408,
            Self::ServerUnreachable | Self::ServerNotSecured | Self::ServerClosed | Self::ServerNonsense(_) => 502,
            Self::QueueFull | Self::QueueTimeout | Self::SetFull | Self::PasswordsBusy => 503,
            Self::NoServer | Self::NoLocalPort | Self::NoLocalResource | Self::Draining => 503,
            Self::ConnectTimeout | Self::ServerTimeout | Self::RequestTimeout => 504,
            Self::ServerError(status) => status,
        }
    }

    /// One line for the client's eyes.
    pub fn text(self) -> &'static str {
        match self {
            Self::BadRequest(rule) => rule.of_request(),
            Self::HopsSpent { options: true } => "the request ends here: Max-Forwards is 0",
            Self::HopsSpent { options: false } => "the request ends here: Max-Forwards is 0, and TRACE is not offered",
            Self::Loop => "the request goes in a circle: it came through this balancer several times (Via)",
            Self::Unauthorized => "a user and the right password are asked for",
            Self::PasswordsBusy => "too many passwords are being compared: ask again later",
            Self::Denied => "this address is not let in here",
            Self::AmbiguousPath => {
                "the path holds dot segments in disguise, or a zero byte: servers read it differently"
            }
            Self::BodyTooLarge => "the request body is larger than is taken here",
            Self::RateLimited { .. } => "too many requests: ask again later",
            Self::HeadTimeout => "the request head did not arrive in time",
            Self::BodyTimeout => "the request body did not arrive in time",
            Self::BodyTooSlow => "the request body came more slowly than is allowed here",
            Self::NoRoute => "no route is for the name that the client asks for",
            Self::NoServer => "no server is there for this request",
            Self::QueueFull => "all servers are at their connections_max, and the queue for them is full",
            Self::QueueTimeout => "all servers were at their connections_max for as long as the queue_timeout",
            Self::SetFull => "as many requests are under way in this backend set as its requests_max",
            Self::ServerUnreachable => "no server could be reached",
            Self::ServerNotSecured => "no connection to the server could be secured (TLS)",
            Self::ConnectTimeout => "no server accepted a connection in time",
            Self::ServerClosed => "the server closed the connection before it answered",
            Self::ServerNonsense(rule) => rule.of_response(),
            Self::ServerError(_) => "the server answered with an error, and no other was left to be asked",
            Self::ServerTimeout => "the server did not answer in time",
            Self::RequestTimeout => "the request took longer than this listener allows",
            Self::NoLocalPort => "the balancer has no local port left towards its servers",
            Self::NoLocalResource => "the balancer has no file descriptor or buffer left",
            Self::Draining => "the balancer shuts down and can wait no longer for the answer",
        }
    }

    /// The rule of HTTP that was broken, or the limit that was hit, where it was that.
    pub fn rule(self) -> Option<http1::Error> {
        match self {
            Self::BadRequest(rule) | Self::ServerNonsense(rule) => Some(rule),
            _ => None,
        }
    }

    /// Which kind it is: its place in counters and its name.
    pub fn kind(self) -> FailureKind {
        match self {
            Self::BadRequest(_) => FailureKind::BadRequest,
            Self::HopsSpent { .. } => FailureKind::HopsSpent,
            Self::Loop => FailureKind::Loop,
            Self::Denied => FailureKind::Denied,
            Self::Unauthorized => FailureKind::Unauthorized,
            Self::PasswordsBusy => FailureKind::PasswordsBusy,
            Self::AmbiguousPath => FailureKind::AmbiguousPath,
            Self::BodyTooLarge => FailureKind::BodyTooLarge,
            Self::RateLimited { .. } => FailureKind::RateLimited,
            Self::HeadTimeout => FailureKind::HeadTimeout,
            Self::BodyTimeout => FailureKind::BodyTimeout,
            Self::BodyTooSlow => FailureKind::BodyTooSlow,
            Self::NoRoute => FailureKind::NoRoute,
            Self::NoServer => FailureKind::NoServer,
            Self::QueueFull => FailureKind::QueueFull,
            Self::QueueTimeout => FailureKind::QueueTimeout,
            Self::SetFull => FailureKind::SetFull,
            Self::ServerUnreachable => FailureKind::ServerUnreachable,
            Self::ServerNotSecured => FailureKind::ServerNotSecured,
            Self::ConnectTimeout => FailureKind::ConnectTimeout,
            Self::ServerClosed => FailureKind::ServerClosed,
            Self::ServerNonsense(rule) if rule.is_limit() => FailureKind::ServerOverLimit,
            Self::ServerNonsense(_) => FailureKind::ServerNonsense,
            Self::ServerError(_) => FailureKind::ServerError,
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
        /// [`Failure::BadRequest`], whatever the rule.
        BadRequest = "bad_request",
        /// [`Failure::HopsSpent`].
        HopsSpent = "hops_spent",
        /// [`Failure::Loop`].
        Loop = "loop",
        /// [`Failure::Denied`].
        Denied = "denied",
        /// [`Failure::Unauthorized`].
        Unauthorized = "unauthorized",
        /// [`Failure::PasswordsBusy`].
        PasswordsBusy = "passwords_busy",
        /// [`Failure::AmbiguousPath`].
        AmbiguousPath = "ambiguous_path",
        /// [`Failure::BodyTooLarge`].
        BodyTooLarge = "body_too_large",
        /// [`Failure::RateLimited`].
        RateLimited = "rate_limited",
        /// [`Failure::HeadTimeout`].
        HeadTimeout = "head_timeout",
        /// [`Failure::BodyTimeout`].
        BodyTimeout = "body_timeout",
        /// [`Failure::BodyTooSlow`].
        BodyTooSlow = "body_too_slow",
        /// [`Failure::ServerUnreachable`].
        ServerUnreachable = "server_unreachable",
        /// [`Failure::ServerNotSecured`].
        ServerNotSecured = "server_not_secured",
        /// [`Failure::ConnectTimeout`].
        ConnectTimeout = "connect_timeout",
        /// [`Failure::ServerClosed`].
        ServerClosed = "server_closed",
        /// [`Failure::ServerNonsense`], where a rule was broken.
        ServerNonsense = "server_nonsense",
        /// [`Failure::ServerNonsense`], where a limit was hit: it may be good HTTP.
        ServerOverLimit = "server_over_limit",
        /// [`Failure::ServerError`], whatever the status.
        ServerError = "server_error",
        /// [`Failure::ServerTimeout`].
        ServerTimeout = "server_timeout",
        /// [`Failure::RequestTimeout`].
        RequestTimeout = "request_timeout",
        /// [`Failure::NoLocalPort`].
        NoLocalPort = "no_local_port",
        /// [`Failure::NoLocalResource`].
        NoLocalResource = "no_local_resource",
        /// [`Failure::QueueFull`].
        QueueFull = "queue_full",
        /// [`Failure::QueueTimeout`].
        QueueTimeout = "queue_timeout",
        /// [`Failure::SetFull`].
        SetFull = "set_full",
        /// [`Failure::NoRoute`].
        NoRoute = "no_route",
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
        for kind in [FaultKind::Handshake, FaultKind::Certificate] {
            assert_eq!(Failure::of_connect(Fault::of(kind)), Failure::ServerNotSecured);
        }
        assert_eq!(Failure::ServerNotSecured.status(), 502);
    }

    #[test]
    fn a_refusal_says_what_was_refused() {
        use http1::Error;
        let check = |failure: Failure, status: u16, word: &str| {
            let text = failure.text();
            assert!(failure.status() == status && text.contains(word), "{} {text}", failure.status());
        };
        check(Failure::BadRequest(Error::BareLf), 400, "RFC 9112");
        check(Failure::BadRequest(Error::TlsHello), 400, "TLS");
        check(Failure::BadRequest(Error::ProxyHeader), 400, "PROXY");
        check(Failure::BadRequest(Error::Http2Preface), 505, "HTTP/2");
        check(Failure::BadRequest(Error::UriTooLong), 414, "target");
        check(Failure::BadRequest(Error::HeadTooLong), 431, "head");
        check(Failure::BadRequest(Error::ConnectUnsupported), 501, "not implemented");
        check(Failure::BadRequest(Error::VersionUnsupported), 505, "HTTP/1.1");
        check(Failure::ServerNonsense(Error::StatusLine), 502, "status line");
        check(Failure::HopsSpent { options: true }, 200, "Max-Forwards");
        check(Failure::HopsSpent { options: false }, 405, "TRACE");
        check(Failure::Loop, 508, "circle");
    }

    #[test]
    fn a_limit_is_called_a_limit() {
        for rule in http1::Error::ALL {
            let failure = Failure::ServerNonsense(rule);
            assert_eq!(failure.kind() == FailureKind::ServerOverLimit, failure.text().contains("limit"), "{rule}");
            assert!(!rule.is_limit() || !failure.text().contains("valid HTTP"), "{rule}");
        }
    }
}
