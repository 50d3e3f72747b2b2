//! Who is to close a connection: the choice that decides where TIME_WAIT stays. And whether TCP timestamps, which
//! decide how soon it may be re-used, are negotiated with clients.

use named::named;

named! {
    /// Towards clients (`close = "..."` of a listener), when the connection will not be kept.
    #[derive(Default)]
    pub enum ClientClose {
        /// We send FIN with the last segment: TIME_WAIT stays here, where it costs no client port.
        #[default]
        BalancerFirst = "balancer-first",
        /// We wait for the client's FIN up to a limit, then close. A client that reads to the end of the connection
        /// (HTTP/1.0, a body without a length) gets ours at once.
        ClientFirst = "client-first",
        /// We reset once the client has acknowledged every byte: no TIME_WAIT on either side. A client that reads to the
        /// end of the connection gets a FIN.
        ResetWhenSafe = "reset-when-safe",
    }
}

named! {
    /// Towards servers (`close = "..."` of a backend set), when a connection is retired.
    #[derive(Default)]
    pub enum ServerClose {
        /// By FIN while ports are plentiful; by RST, as below, when they become scarce.
        #[default]
        Auto = "auto",
        /// By FIN: TIME_WAIT stays here and holds a port for 60 s.
        Fin = "fin",
        /// By RST, when nothing is unacknowledged: the port is free at once. Some servers log that as an error.
        ResetWhenSafe = "reset-when-safe",
    }
}

named! {
    /// Which requests travel on connections to servers that were used before (`reuse = "..."` of a pool).
    #[derive(Default)]
    pub enum Reuse {
        /// All, but the first request of a client's connection that may not be repeated takes only a connection that
        /// has proven itself ([`Trust::Proven`]), else a new one: nobody would send it again for the client.
        #[default]
        Safe = "safe",
        /// All.
        Always = "always",
        /// None: a connection serves one request.
        Never = "never",
    }
}

/// What a connection of the pool must be for a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trust {
    /// Young enough.
    Any,
    /// Its last answer was clean, and it idles for less than half of what its server is known to allow.
    Proven,
}

impl ServerClose {
    /// Is a connection reset? One in mid-exchange is: nothing on it is wanted. An idle one only when the server has
    /// acknowledged every byte; what cannot be told is not safe.
    pub fn resets(
        self,
        in_flight: bool,
        scarce: impl FnOnce() -> bool,
        unacknowledged: impl FnOnce() -> Option<usize>,
    ) -> bool {
        match self {
            Self::Fin => false,
            Self::Auto => in_flight || scarce() && unacknowledged() == Some(0),
            Self::ResetWhenSafe => in_flight || unacknowledged() == Some(0),
        }
    }
}

named! {
    /// TCP timestamps towards clients (`timestamps = "..."` of a listener). Connections to servers keep theirs.
    ///
    /// Without them nothing protects a re-used 5-tuple but its sequence numbers: PAWS (RFC 7323 section 5) is gone, and
    /// with it the rejection of SYNs behind a NAT gateway whose timestamps are older than those of the last client. See
    /// [`Timestamps::COST`] for what else is gone.
    #[derive(Default)]
    pub enum Timestamps {
        /// As the kernel negotiates them (`net.ipv4.tcp_timestamps`).
        #[default]
        On = "on",
        /// Never negotiated on this listener. Nothing starts where that cannot be had, or cannot be verified.
        Off = "off",
        /// As [`Timestamps::Off`]; where that cannot be had the listener starts all the same, with a warning.
        OffIfPossible = "off-if-possible",
    }
}

impl Timestamps {
    /// What connections without timestamps do without (RFC 7323 sections 4 and 5; Linux `tcp_twsk_unique`,
    /// `cookie_timestamp_decode`).
    pub const COST: &'static str = "without timestamps there is no PAWS, no round-trip time from timestamps, no \
         tcp_tw_reuse at clients, and no window scale and SACK under SYN cookies";
}
