//! Why a connection was closed. Together with [`ports::ClosedFirst`] (who) every close has an owner and
//! a reason.

use named::named;

/// Which of the balancer's two sides a connection is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    /// Towards clients.
    Client,
    /// Towards servers.
    Server,
}

named! {
    /// Why a connection ended.
    pub enum CloseReason {
        /// The exchange was over and the connection was not to be kept (`Connection: close`, HTTP/1.0, limit).
        ExchangeOver = "exchange_over",
        /// The peer ended it between two exchanges.
        PeerLeft = "peer_left",
        /// The peer ended it in the middle of an exchange.
        PeerAborted = "peer_aborted",
        /// Nothing happened for too long.
        Idle = "idle",
        /// It was idle, and a new client needed its place.
        MadeRoom = "made_room",
        /// A time-out in the middle of an exchange.
        TimedOut = "timed_out",
        /// It took what it was sent more slowly than it may.
        SlowReader = "slow_reader",
        /// The peer broke the rules of HTTP.
        ProtocolError = "protocol_error",
        /// The other side's connection failed, so this one had to end.
        OtherSideFailed = "other_side_failed",
        /// Its answer was not taken: another server was asked in its stead (`retry_on`).
        AskedElsewhere = "asked_elsewhere",
        /// The connection pool had no room, or its guard retired the connection.
        PoolRetired = "pool_retired",
        /// A tunnel came to its end.
        TunnelOver = "tunnel_over",
        /// The balancer is draining.
        Draining = "draining",
        /// It may not: by its address, by how much it sent or how often it asked.
        Denied = "denied",
        /// Its client has as many connections as one may.
        TooMany = "too_many",
        /// A limit or shortage of ours.
        Shortage = "shortage",
    }
}
