//! One connection as the layer keeps it, and the table of all.

use crate::failure::Hints;
use crate::handshake::Handshake;
use crate::inbound::Inbound;
use crate::keys::Keys;
use crate::outbound::Outbound;
use crate::profile::{Profiles, ServerProfile};
use crate::{HANDSHAKES_MAX, SHORTAGE_RETRY, SILENCE_MAX};
use ports::Handshakes;
use reactor::{Completion, ConnId, ConnMap, ListenerId, ProfileId, SessionInfo, TimerId, TimerWheel, TurnedAway};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

/// Those that could not be secured which are remembered until somebody asks.
const TURNED_AWAY_MAX: usize = 16;

/// Which connections are secured, and how, where nobody says otherwise.
#[derive(Clone, Default)]
pub struct Settings {
    /// What is known of certificates and rules.
    pub profiles: Profiles,
    /// Those that come in at listeners that were given no profile ([`reactor::Reactor::secure_listener`]).
    pub accepted: Option<ProfileId>,
    /// Those that are opened by a plan without a profile.
    pub connected: Option<ProfileId>,
    /// What people call the settings that failures are a matter of.
    pub hints: Hints,
}

/// How far a connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// It came in; the application has not heard of it.
    Accepting { listener: ListenerId, peer: SocketAddr },
    /// The application opened it and waits for it to stand.
    Connecting,
    /// The handshake is over.
    Open,
    /// Nobody above knows it any more; the last bytes are on their way, and so many of the peer's were dropped since.
    Leaving { dropped: usize },
}

/// A connection that came in a moment ago: the application is asked whether it is to have a handshake.
pub(crate) struct Arrival {
    pub(crate) listener: ListenerId,
    pub(crate) conn: ConnId,
    pub(crate) peer: SocketAddr,
    pub(crate) profile: ServerProfile,
}

/// What only a handshake needs.
pub(crate) struct Shaking {
    pub(crate) tls: Handshake,
    /// What is to be sent and could not be so far.
    pub(crate) unsent: Vec<u8>,
    /// When the connection below stood.
    pub(crate) began_at: Duration,
    /// When the peer was heard of last.
    pub(crate) heard_at: Duration,
    /// It was heard of at all.
    pub(crate) spoke: bool,
}

/// A secured connection.
pub(crate) struct Conn {
    pub(crate) phase: Phase,
    /// Where it came in; `None`: we opened it.
    pub(crate) listener: Option<ListenerId>,
    pub(crate) inbound: Inbound,
    pub(crate) outbound: Outbound,
    pub(crate) shaking: Option<Box<Shaking>>,
    pub(crate) keys: Option<Box<Keys>>,
    pub(crate) session: SessionInfo,
    /// The one deadline: of the handshake, of a FIN, of leaving.
    pub(crate) timer: Option<TimerId>,
}

impl Conn {
    pub(crate) fn new(phase: Phase, tls: Handshake, now: Duration) -> Self {
        let listener = match phase {
            Phase::Accepting { listener, .. } => Some(listener),
            _ => None,
        };
        Self {
            phase,
            listener,
            inbound: Inbound::new(),
            outbound: Outbound::new(),
            shaking: Some(Box::new(Shaking { tls, unsent: Vec::new(), began_at: now, heard_at: now, spoke: false })),
            keys: None,
            session: SessionInfo { secure: true, ..SessionInfo::default() },
            timer: None,
        }
    }
}

/// All of a layer but the application.
pub(crate) struct Layer {
    pub(crate) settings: Settings,
    pub(crate) conns: ConnMap<Conn>,
    /// Listeners that were given a profile, or told that they have none.
    pub(crate) listeners: Vec<(ListenerId, Option<ProfileId>)>,
    /// What the application is to be told; empty between two completions from below.
    pub(crate) up: VecDeque<Completion>,
    pub(crate) timers: TimerWheel<ConnId>,
    /// Whom the application is being told of.
    pub(crate) arrival: Option<Arrival>,
    /// Handshakes that came in, the oldest first; those that are over are left in until they are met.
    pub(crate) accepting: VecDeque<ConnId>,
    pub(crate) accepting_count: usize,
    /// Connections that wait for a free buffer.
    pub(crate) starved: Vec<ConnId>,
    pub(crate) retry_at: Option<Duration>,
    /// By the listener; `None`: of connections that we opened.
    counts: Vec<(Option<ListenerId>, Handshakes)>,
    /// What is held against the last server that could not be connected to, or gave up.
    pub(crate) reason: Option<(ConnId, String)>,
    /// The last that came in and could not be secured.
    pub(crate) turned_away: VecDeque<TurnedAway>,
    /// Protocols that were agreed on, shared by their connections.
    protocols: Vec<Rc<[u8]>>,
}

impl Layer {
    pub(crate) fn new(settings: Settings) -> Self {
        Self {
            settings,
            conns: ConnMap::default(),
            listeners: Vec::new(),
            up: VecDeque::new(),
            timers: TimerWheel::new(),
            arrival: None,
            accepting: VecDeque::new(),
            accepting_count: 0,
            starved: Vec::new(),
            retry_at: None,
            counts: Vec::new(),
            reason: None,
            turned_away: VecDeque::new(),
            protocols: Vec::new(),
        }
    }

    /// How what comes in at a listener is secured.
    pub(crate) fn profile_of(&self, listener: ListenerId) -> Option<ProfileId> {
        let told = self.listeners.iter().find(|(id, _)| *id == listener);
        told.map_or(self.settings.accepted, |(_, profile)| *profile)
    }

    /// Somebody came in: the application hears of it before anything is done for it.
    pub(crate) fn announce(&mut self, arrival: Arrival) {
        let Arrival { listener, conn, peer, .. } = arrival;
        debug_assert!(self.arrival.is_none(), "one comes in at a time");
        self.up.push_back(Completion::Arrived { listener, conn, peer });
        self.arrival = Some(arrival);
    }

    /// Handshakes at `listener` whose clients were heard of lately.
    pub(crate) fn awaited(&self, listener: ListenerId, now: Duration) -> usize {
        let is_here = |conn: &Conn| matches!(conn.phase, Phase::Accepting { listener: at, .. } if at == listener);
        let speaks = |conn: &Conn| conn.shaking.as_ref().is_some_and(|it| now < it.heard_at + SILENCE_MAX);
        self.conns.iter().filter(|(_, conn)| is_here(conn) && speaks(conn)).count()
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
        if let Some(Conn { phase: Phase::Accepting { .. }, .. }) = self.conns.remove(id) {
            self.accepting_count -= 1;
        }
        self.up.retain(|completion| completion.conn() != Some(id));
    }

    /// One more handshake came in. Where there are too many, the oldest has to go.
    pub(crate) fn note_accepting(&mut self, id: ConnId) -> Option<ConnId> {
        self.accepting.push_back(id);
        self.accepting_count += 1;
        if self.accepting.len() > 2 * HANDSHAKES_MAX {
            let conns = &self.conns;
            self.accepting.retain(|id| conns.get(*id).is_some_and(|conn| conn.shaking.is_some()));
        }
        if self.accepting_count <= HANDSHAKES_MAX {
            return None;
        }
        let is_shaking =
            |id: &ConnId| self.conns.get(*id).is_some_and(|conn| matches!(conn.phase, Phase::Accepting { .. }));
        std::iter::from_fn(|| self.accepting.pop_front()).find(is_shaking)
    }

    /// A handshake is over, well or not.
    pub(crate) fn leave_phase(&mut self, id: ConnId, next: Phase) {
        if let Some(conn) = self.conns.get_mut(id) {
            let before = std::mem::replace(&mut conn.phase, next);
            self.accepting_count -= usize::from(matches!(before, Phase::Accepting { .. }));
        }
    }

    /// What is counted at a listener, or of the connections that we opened.
    pub(crate) fn counts(&mut self, listener: Option<ListenerId>) -> &mut Handshakes {
        let at = self.counts.iter().position(|(of, _)| *of == listener).unwrap_or_else(|| {
            self.counts.push((listener, Handshakes::default()));
            self.counts.len() - 1
        });
        &mut self.counts[at].1
    }

    /// Remembers one, and forgets the oldest beyond the bound.
    pub(crate) fn note_turned_away(&mut self, one: TurnedAway) {
        if self.turned_away.len() == TURNED_AWAY_MAX {
            self.turned_away.pop_front();
        }
        self.turned_away.push_back(one);
    }

    /// What was counted since the last time; with its listener closed, a place in the table comes free.
    pub(crate) fn take_counts(&mut self, listener: Option<ListenerId>) -> Handshakes {
        let at = self.counts.iter().position(|(of, _)| *of == listener);
        at.map(|at| self.counts.swap_remove(at).1).unwrap_or_default()
    }

    pub(crate) fn protocol(&mut self, agreed: &[u8]) -> Rc<[u8]> {
        if let Some(known) = self.protocols.iter().find(|known| ***known == *agreed) {
            return Rc::clone(known);
        }
        // Only what we offer ourselves is agreed on: they are few.
        let new: Rc<[u8]> = agreed.into();
        self.protocols.push(Rc::clone(&new));
        new
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
