//! Why a connection was closed. Together with [`ports::ClosedFirst`] (who) every close has an owner and
//! a reason.

/// Which of the balancer's two sides a connection is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    /// Towards clients.
    Client,
    /// Towards servers.
    Server,
}

/// Why a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CloseReason {
    /// The exchange was over and the connection was not to be kept (`Connection: close`, HTTP/1.0, limit).
    ExchangeOver,
    /// The peer ended it between two exchanges.
    PeerLeft,
    /// The peer ended it in the middle of an exchange.
    PeerAborted,
    /// Nothing happened for too long.
    Idle,
    /// A time-out in the middle of an exchange.
    TimedOut,
    /// The peer broke the rules of HTTP.
    ProtocolError,
    /// The other side's connection failed, so this one had to end.
    OtherSideFailed,
    /// The connection pool had no room, or its guard retired the connection.
    PoolRetired,
    /// A tunnel came to its end.
    TunnelOver,
    /// The balancer is draining.
    Draining,
    /// A limit or shortage of ours.
    Shortage,
}

impl CloseReason {
    /// Every reason, in the order reports list them.
    pub const ALL: [Self; 11] = [
        Self::ExchangeOver,
        Self::PeerLeft,
        Self::PeerAborted,
        Self::Idle,
        Self::TimedOut,
        Self::ProtocolError,
        Self::OtherSideFailed,
        Self::PoolRetired,
        Self::TunnelOver,
        Self::Draining,
        Self::Shortage,
    ];

    /// Name in counters.
    pub fn name(self) -> &'static str {
        match self {
            Self::ExchangeOver => "exchange_over",
            Self::PeerLeft => "peer_left",
            Self::PeerAborted => "peer_aborted",
            Self::Idle => "idle",
            Self::TimedOut => "timed_out",
            Self::ProtocolError => "protocol_error",
            Self::OtherSideFailed => "other_side_failed",
            Self::PoolRetired => "pool_retired",
            Self::TunnelOver => "tunnel_over",
            Self::Draining => "draining",
            Self::Shortage => "shortage",
        }
    }
}
