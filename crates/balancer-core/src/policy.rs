//! Who is to close a connection: the choice that decides where TIME_WAIT stays.

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
    /// Configuration names, in the order they are offered.
    pub const NAMES: [(&'static str, Self); 2] = [("fin", Self::Fin), ("reset-when-safe", Self::ResetWhenSafe)];
}
