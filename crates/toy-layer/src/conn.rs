//! One connection as the layer keeps it, and the table of all.

use crate::SHORTAGE_RETRY;
use crate::inbound::Inbound;
use crate::outbound::Outbound;
use crate::record::Cipher;
use reactor::{Completion, ConnId, ConnMap, ListenerId, SessionInfo, TimerId, TimerWheel};
use seed::Rng;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

/// Which connections are sealed, and what is said in their handshakes.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Those that come in.
    pub accepted: bool,
    /// Those the application opens.
    pub connected: bool,
    /// Whom we ask for.
    pub server_name: String,
    /// What we want to talk.
    pub alpn: Rc<[u8]>,
    /// Decides the nonces.
    pub seed: u64,
}

/// What a layer did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Handshakes that ended well.
    pub handshakes: u64,
    /// Those that did not.
    pub handshakes_failed: u64,
    /// Closes of the application that sent a close-notify of their own.
    pub left: u64,
    /// Streams that ended without a close-notify, or were spoilt; not those that were reset.
    pub cut_off: u64,
}

/// How far a connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// It came in; the application has not heard of it.
    Accepting { listener: ListenerId, peer: SocketAddr },
    /// The application opened it and waits for it to stand.
    Connecting { nonce: u64 },
    /// The handshake is over.
    Open,
    /// The application has closed it; the close-notify is on its way.
    Leaving,
}

/// A sealed connection.
#[derive(Debug)]
pub(crate) struct Conn {
    pub(crate) phase: Phase,
    pub(crate) inbound: Inbound,
    pub(crate) outbound: Outbound,
    pub(crate) session: SessionInfo,
    /// The one deadline: of the handshake, of a FIN, of leaving.
    pub(crate) timer: Option<TimerId>,
}

impl Conn {
    pub(crate) fn new(phase: Phase) -> Self {
        // Nothing is sealed with these: the handshake brings others.
        let none = Cipher::new(0);
        let session = SessionInfo { secure: true, ..SessionInfo::default() };
        Self { phase, inbound: Inbound::new(none), outbound: Outbound::new(none), session, timer: None }
    }
}

/// All of a layer but the application.
pub(crate) struct Layer {
    pub(crate) settings: Settings,
    pub(crate) rng: Rng,
    pub(crate) conns: ConnMap<Conn>,
    /// What the application is to be told; empty between two completions from below.
    pub(crate) up: VecDeque<Completion>,
    pub(crate) timers: TimerWheel<ConnId>,
    /// Connections that wait for a free buffer.
    pub(crate) starved: Vec<ConnId>,
    pub(crate) retry_at: Option<Duration>,
    pub(crate) counters: Counters,
}

impl Layer {
    pub(crate) fn new(settings: Settings) -> Self {
        Self {
            rng: Rng::new(settings.seed),
            settings,
            conns: ConnMap::default(),
            up: VecDeque::new(),
            timers: TimerWheel::new(),
            starved: Vec::new(),
            retry_at: None,
            counters: Counters::default(),
        }
    }

    /// Moves the deadline of a connection.
    pub(crate) fn arm(&mut self, id: ConnId, at: Duration) {
        self.disarm(id);
        if let Some(conn) = self.conns.get_mut(id) {
            conn.timer = Some(self.timers.set(at, id));
        }
    }

    pub(crate) fn disarm(&mut self, id: ConnId) {
        if let Some(timer) = self.conns.get_mut(id).and_then(|conn| conn.timer.take()) {
            self.timers.cancel(timer);
        }
    }

    /// Nothing more is known of it, and nothing more is told.
    pub(crate) fn forget(&mut self, id: ConnId) {
        self.disarm(id);
        self.conns.remove(id);
        self.up.retain(|completion| completion.conn() != Some(id));
    }

    /// No buffer is free for it: it is tried again soon.
    pub(crate) fn starve(&mut self, id: ConnId, now: Duration) {
        if !self.starved.contains(&id) {
            self.starved.push(id);
        }
        self.retry_at.get_or_insert(now + SHORTAGE_RETRY);
    }

    /// When the layer itself wants to be called.
    pub(crate) fn poll_deadline(&self) -> Option<Duration> {
        [self.timers.poll_deadline(), self.retry_at].into_iter().flatten().min()
    }
}
