//! What a worker remembers of a client connection, a server connection, and the exchange between them.

use balancer_core::{CloseReason, Failure};
use http::{Method, Version};
use http1::{BodyDecoder, HeadScan};
use ports::Lease;
use reactor::{Buf, ConnId, TimerId};
use std::net::SocketAddr;
use std::time::Duration;

/// Where a client connection stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// No byte of a request yet.
    AwaitHead,
    /// A head has begun.
    ReadHead,
    /// A request is on its way, see [`Exchange`].
    Exchange,
    /// Our own answer is being sent.
    Answer { then: AfterAnswer },
    /// Bytes flow both ways untouched, see [`Exchange::tunnel`].
    Tunnel,
    /// Our FIN is out; what the client still sends is thrown away.
    Drain,
    /// The client is to close first.
    AwaitFin,
    /// Waiting for the last acknowledgement before a reset.
    AwaitAck,
}

/// What becomes of a client's connection after our own answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AfterAnswer {
    Keep,
    Close,
    /// Closed, but what is left of the request may still be coming.
    Drain,
}

#[derive(Debug)]
pub(super) struct Client {
    pub(super) peer: SocketAddr,
    pub(super) listener: usize,
    pub(super) phase: Phase,
    /// Received, not yet consumed: a partial head, or requests sent ahead.
    pub(super) inbound: Option<Buf>,
    pub(super) scan: HeadScan,
    pub(super) reading: bool,
    pub(super) writing: bool,
    /// The client's FIN was read.
    pub(super) eof: bool,
    /// Requests answered on this connection.
    pub(super) served: u32,
    pub(super) exchange: Option<Exchange>,
    /// A failure that waits for the send in flight.
    pub(super) failure: Option<Failure>,
    /// Why the connection is being closed, once it is.
    pub(super) why: CloseReason,
    /// Bytes thrown away while draining.
    pub(super) drained_bytes: usize,
    pub(super) deadline: Duration,
    pub(super) timer: Option<TimerId>,
    /// When the timer fires; it may be earlier than the deadline, never later.
    pub(super) timer_at: Duration,
    /// Waiting for acknowledgements ends here.
    pub(super) close_by: Duration,
}

/// What a request in flight waits for; decides which time-out it meets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wait {
    /// A local port, see `queue`.
    Port,
    Connect,
    ClientBody,
    Server,
    ClientRead,
}

/// One request and its response.
#[derive(Debug)]
pub(super) struct Exchange {
    pub(super) server: usize,
    pub(super) upstream: Option<ConnId>,
    pub(super) pooled: bool,
    pub(super) attempts: u32,
    pub(super) method: Method,
    pub(super) version: Version,
    /// The client wants to keep its connection.
    pub(super) keep_alive: bool,
    pub(super) upgrade: bool,
    pub(super) request: BodyDecoder,
    pub(super) request_done: bool,
    /// The server takes no more of the request.
    pub(super) request_broken: bool,
    /// The client waits for 100 and may never send its body.
    pub(super) awaits_continue: bool,
    /// Bytes of this attempt may have reached the server.
    pub(super) sent: bool,
    /// The first bytes sent, while they are all that was sent: to be repeated on another connection.
    pub(super) replay: Option<Replay>,
    pub(super) response: Response,
    pub(super) response_scan: HeadScan,
    pub(super) wait: Wait,
    /// Set with the first wait for a local port: when that patience is over.
    pub(super) port_wait_until: Option<Duration>,
    pub(super) started_at: Duration,
    pub(super) tunnel: Tunnel,
}

#[derive(Debug)]
pub(super) struct Replay {
    pub(super) head: Buf,
    pub(super) body: Option<Buf>,
}

/// How far the response has come.
#[derive(Debug)]
pub(super) enum Response {
    AwaitHead,
    Body(ResponseBody),
    /// `by_close`: its body ends with the connection, so only a FIN says that it is whole.
    Done {
        keep: bool,
        by_close: bool,
    },
}

#[derive(Debug)]
pub(super) struct ResponseBody {
    pub(super) decoder: BodyDecoder,
    /// The client speaks HTTP/1.0: chunks are unwrapped for it.
    pub(super) unwrap_chunks: bool,
    /// The end of the body is the end of the connection.
    pub(super) until_close: bool,
    pub(super) keep: bool,
    pub(super) server_keeps: bool,
    pub(super) status: u16,
}

impl Response {
    /// Is a body under way whose end is the end of the connection?
    pub(super) fn ends_with_connection(&self) -> bool {
        match self {
            Self::AwaitHead => false,
            Self::Body(body) => body.until_close,
            // Whole, but still being sent.
            Self::Done { by_close, .. } => *by_close,
        }
    }
}

/// Which directions of a tunnel have ended.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tunnel {
    pub(super) client_eof: bool,
    pub(super) server_eof: bool,
}

/// Where a server connection stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum UpstreamPhase {
    Connecting,
    Busy,
    Idle,
}

#[derive(Debug)]
pub(super) struct Upstream {
    pub(super) set: usize,
    pub(super) server: usize,
    pub(super) client: Option<ConnId>,
    pub(super) phase: UpstreamPhase,
    /// Received, not yet passed on.
    pub(super) inbound: Option<Buf>,
    pub(super) reading: bool,
    pub(super) writing: bool,
    pub(super) lease: Option<Lease>,
    pub(super) timestamps: bool,
}

impl Client {
    pub(super) fn new(peer: SocketAddr, listener: usize, deadline: Duration) -> Self {
        Self {
            peer,
            listener,
            phase: Phase::AwaitHead,
            inbound: None,
            scan: HeadScan::default(),
            reading: false,
            writing: false,
            eof: false,
            served: 0,
            exchange: None,
            failure: None,
            why: CloseReason::ExchangeOver,
            drained_bytes: 0,
            deadline,
            timer: None,
            timer_at: Duration::MAX,
            close_by: Duration::MAX,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An idle keep-alive connection may cost 1 KiB of user memory in all. The tables are arrays by connection
    /// number, so one connection has a slot in each; the reactor's own entry takes what is left.
    #[test]
    fn an_idle_connection_fits_its_budget() {
        let client = size_of::<Option<(u32, Client)>>();
        let server = size_of::<Option<(u32, Upstream)>>();
        assert!(client + server <= 768, "client slot {client} bytes, server slot {server} bytes");
    }
}
