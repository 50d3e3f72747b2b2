//! What people believe about TIME_WAIT, and what is true.

use serde::Serialize;

/// A common mistake.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Belief {
    /// What people do or say.
    pub claim: &'static str,
    /// What the kernel really does.
    pub truth: &'static str,
}

/// `tcp_fin_timeout`.
pub(crate) static FIN_TIMEOUT: Belief = Belief {
    claim: "lowering tcp_fin_timeout",
    truth: "it limits orphaned FIN_WAIT2 only; TIME_WAIT is a constant 60 s (TCP_TIMEWAIT_LEN)",
};
/// `tcp_tw_reuse` on a server.
pub(crate) static REUSE_ON_SERVERS: Belief = Belief {
    claim: "tcp_tw_reuse on the server",
    truth: "it is asked in connect() only: an accepting socket never looks at it",
};
/// `tcp_tw_reuse` without timestamps.
pub(crate) static REUSE_WITHOUT_TIMESTAMPS: Belief = Belief {
    claim: "tcp_tw_reuse where timestamps are off",
    truth: "a TIME_WAIT is taken over only if timestamps had been negotiated on that very connection",
};
/// `tcp_tw_recycle`.
pub static RECYCLE: Belief = Belief {
    claim: "tcp_tw_recycle=1",
    truth: "gone since Linux 4.12; before that it silently dropped clients behind one NAT address",
};
/// `tcp_max_tw_buckets`.
pub(crate) static BUCKETS: Belief = Belief {
    claim: "lowering tcp_max_tw_buckets",
    truth: "the entry is skipped, not freed earlier: it discards the protection and frees nobody's old port",
};
/// conntrack's own TIME_WAIT.
pub(crate) static CONNTRACK_TIMEOUT: Belief = Belief {
    claim: "lowering nf_conntrack_tcp_timeout_time_wait",
    truth: "that is conntrack's own table; TCP's TIME_WAIT stays 60 s, and a NAT then re-uses 5-tuples too early",
};
/// `tcp_rfc1337`.
pub(crate) static RFC1337: Belief = Belief {
    claim: "tcp_rfc1337=1 to be safe",
    truth: "it protects partly, and it breaks the reset by which a client clears an old TIME_WAIT on its way in",
};
/// 65k ports per machine.
pub(crate) static PORTS_IN_TOTAL: Belief = Belief {
    claim: "a machine has 65,535 ports in total",
    truth: "the limit is per 4-tuple: each further destination or source address brings the whole range again",
};
/// Memory.
pub(crate) static MEMORY: Belief = Belief {
    claim: "TIME_WAIT must be avoided because of its memory",
    truth: "an entry is about 0.25 KB: 100,000 of them are 25 MB",
};
/// Always refused.
pub(crate) static ALWAYS_REFUSED: Belief = Belief {
    claim: "a SYN that meets TIME_WAIT is refused",
    truth: "it reopens the connection where its timestamp or sequence number is newer (RFC 9293 3.6.1, RFC 6191)",
};
/// The header alone.
pub(crate) static HEADER_ALONE: Belief = Belief {
    claim: "sending Connection: close makes the server close first",
    truth: "only if the client then waits for the server's FIN; one that closes at once keeps the TIME_WAIT",
};
/// Bind to port 0.
pub(crate) static BIND_ZERO: Belief = Belief {
    claim: "bind(address, 0) before connect() to use more source addresses",
    truth: "it takes a port for all destinations and fails in bind() with EADDRINUSE; set IP_BIND_ADDRESS_NO_PORT",
};
/// Timestamps off.
pub(crate) static TIMESTAMPS_OFF: Belief = Belief {
    claim: "switching timestamps off against NAT trouble",
    truth: "it swaps the timestamp test for a sequence-number test, which fails for about half of the re-used 5-tuples",
};
/// Larger backlog.
pub(crate) static BACKLOG_ONLY: Belief = Belief {
    claim: "raising the listen() backlog alone",
    truth: "it is capped at net.core.somaxconn, and a program that accepts too slowly fills any queue",
};
/// Reset everywhere.
pub(crate) static RESET_EVERYWHERE: Belief = Belief {
    claim: "SO_LINGER 0 on every close",
    truth: "a reset discards what is not yet acknowledged: only safe once everything has been",
};

/// All of them.
pub static ALL: [&Belief; 15] = [
    &FIN_TIMEOUT,
    &REUSE_ON_SERVERS,
    &REUSE_WITHOUT_TIMESTAMPS,
    &RECYCLE,
    &BUCKETS,
    &CONNTRACK_TIMEOUT,
    &RFC1337,
    &PORTS_IN_TOTAL,
    &MEMORY,
    &ALWAYS_REFUSED,
    &HEADER_ALONE,
    &BIND_ZERO,
    &TIMESTAMPS_OFF,
    &BACKLOG_ONLY,
    &RESET_EVERYWHERE,
];
