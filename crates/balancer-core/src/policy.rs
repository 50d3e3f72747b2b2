//! Who is to close a connection: the choice that decides where TIME_WAIT stays. And whether TCP timestamps, which
//! decide how soon it may be re-used, are negotiated with clients.

/// Towards clients (`close = "..."` of a listener), when the connection will not be kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ClientClose {
    /// We send FIN with the last segment: TIME_WAIT stays here, where it costs no client port.
    #[default]
    BalancerFirst,
    /// We wait for the client's FIN up to a limit, then close.
    ClientFirst,
    /// We reset once the client has acknowledged every byte: no TIME_WAIT on either side.
    ResetWhenSafe,
}

impl ClientClose {
    /// Configuration names, in the order they are offered.
    pub const NAMES: [(&'static str, Self); 3] = [
        ("balancer-first", Self::BalancerFirst),
        ("client-first", Self::ClientFirst),
        ("reset-when-safe", Self::ResetWhenSafe),
    ];
}

/// Towards servers (`close = "..."` of a backend set), when a connection is retired.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ServerClose {
    /// By FIN: TIME_WAIT stays here and holds a port for 60 s.
    Fin,
    /// By RST, when nothing is unacknowledged: the port is free at once.
    #[default]
    ResetWhenSafe,
}

impl ServerClose {
    /// Is a connection reset? One in mid-exchange is: nothing on it is wanted. An idle one only when the server has
    /// acknowledged every byte; what cannot be told is not safe.
    pub fn resets(self, in_flight: bool, unacknowledged: impl FnOnce() -> Option<usize>) -> bool {
        match self {
            Self::Fin => false,
            Self::ResetWhenSafe => in_flight || unacknowledged() == Some(0),
        }
    }

    /// Configuration names, in the order they are offered.
    pub const NAMES: [(&'static str, Self); 2] = [("fin", Self::Fin), ("reset-when-safe", Self::ResetWhenSafe)];
}

/// TCP timestamps towards clients (`timestamps = "..."` of a listener). Connections to servers keep theirs.
///
/// Without them nothing protects a re-used 5-tuple but its sequence numbers: PAWS (RFC 7323 section 5) is gone, and
/// with it the rejection of SYNs behind a NAT gateway whose timestamps are older than those of the last client. See
/// [`Timestamps::COST`] for what else is gone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Timestamps {
    /// As the kernel negotiates them (`net.ipv4.tcp_timestamps`).
    #[default]
    On,
    /// Never negotiated on this listener. Nothing starts where that cannot be had, or cannot be verified.
    Off,
    /// As [`Timestamps::Off`]; where that cannot be had the listener starts all the same, with a warning.
    OffIfPossible,
}

impl Timestamps {
    /// Configuration names, in the order they are offered.
    pub const NAMES: [(&'static str, Self); 3] =
        [("on", Self::On), ("off", Self::Off), ("off-if-possible", Self::OffIfPossible)];

    /// What connections without timestamps do without (RFC 7323 sections 4 and 5; Linux `tcp_twsk_unique`,
    /// `cookie_timestamp_decode`).
    pub const COST: &'static str = "without timestamps there is no PAWS, no round-trip time from timestamps, no \
         tcp_tw_reuse at clients, and no window scale and SACK under SYN cookies";
}
