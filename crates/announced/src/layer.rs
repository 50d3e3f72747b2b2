//! What the layer remembers: who has not announced himself yet, and what the application does not know of those who have.

use crate::TURNED_AWAY_MAX;
use ports::Announcements;
use reactor::{Announcing, Buf, Completion, ConnId, ConnMap, ListenerId, TimerId, TimerWheel, TurnedAway};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

/// A connection whose header is not whole.
pub(crate) struct Stranger {
    pub(crate) listener: ListenerId,
    /// The proxy's own address.
    pub(crate) peer: SocketAddr,
    /// Something has come.
    pub(crate) began: bool,
    /// It is new: a listener that is to close waits for it.
    pub(crate) young: bool,
    /// By when its header has to be whole.
    pub(crate) deadline: Duration,
    timer: TimerId,
}

/// A connection that the application knows.
#[derive(Default)]
pub(crate) struct Known {
    /// Where its client came in, as the proxy says.
    pub(crate) to: Option<SocketAddr>,
    /// What came behind the header and was not asked for yet.
    pub(crate) rest: Option<Buf>,
    /// Unread bytes forbade the FIN behind the send that is under way.
    pub(crate) kept_open: bool,
}

/// All of a layer but the application.
pub(crate) struct Layer {
    /// Listeners at which headers are asked for.
    gates: Vec<(ListenerId, Announcing)>,
    pub(crate) strangers: ConnMap<Stranger>,
    strangers_max: usize,
    /// The oldest first; those who are none any more are left in until they are met.
    order: VecDeque<ConnId>,
    pub(crate) known: ConnMap<Known>,
    /// What the application is to be told; empty between two completions from below.
    pub(crate) up: VecDeque<Completion>,
    pub(crate) timers: TimerWheel<ConnId>,
    counts: Vec<(ListenerId, Announcements)>,
    /// The last of them.
    pub(crate) turned_away: VecDeque<TurnedAway>,
}

impl Layer {
    pub(crate) fn new(strangers_max: usize) -> Self {
        Self {
            gates: Vec::new(),
            strangers: ConnMap::default(),
            strangers_max,
            order: VecDeque::new(),
            known: ConnMap::default(),
            up: VecDeque::new(),
            timers: TimerWheel::new(),
            counts: Vec::new(),
            turned_away: VecDeque::new(),
        }
    }

    pub(crate) fn set_gate(&mut self, listener: ListenerId, announcing: Option<Announcing>) {
        self.gates.retain(|(id, _)| *id != listener);
        self.gates.extend(announcing.map(|announcing| (listener, announcing)));
    }

    #[inline]
    pub(crate) fn gate(&self, listener: ListenerId) -> Option<&Announcing> {
        self.gates.iter().find(|(id, _)| *id == listener).map(|(_, announcing)| announcing)
    }

    /// Somebody came in. Where there are too many like him, the oldest has to go.
    pub(crate) fn admit(
        &mut self,
        (listener, id, peer): (ListenerId, ConnId, SocketAddr),
        looked_at: Duration,
        deadline: Duration,
    ) -> Option<ConnId> {
        let timer = self.timers.set(looked_at.min(deadline), id);
        self.strangers.insert(id, Stranger { listener, peer, began: false, young: true, deadline, timer });
        self.order.push_back(id);
        if self.order.len() > 2 * self.strangers_max {
            let strangers = &self.strangers;
            self.order.retain(|id| strangers.get(*id).is_some());
        }
        if self.strangers.len() <= self.strangers_max {
            return None;
        }
        std::iter::from_fn(|| self.order.pop_front()).find(|id| self.strangers.get(*id).is_some())
    }

    /// He is no stranger any more.
    pub(crate) fn take_stranger(&mut self, id: ConnId) -> Option<Stranger> {
        let stranger = self.strangers.remove(id)?;
        self.timers.cancel(stranger.timer);
        Some(stranger)
    }

    /// His time is looked at again at its end; true when it is over.
    pub(crate) fn grows_old(&mut self, id: ConnId, now: Duration) -> bool {
        let Some(stranger) = self.strangers.get_mut(id) else { return false };
        stranger.young = false;
        if stranger.deadline > now {
            stranger.timer = self.timers.set(stranger.deadline, id);
        }
        stranger.deadline <= now
    }

    /// Strangers of one listener, or of all.
    pub(crate) fn strangers_of(&self, listener: Option<ListenerId>) -> Vec<ConnId> {
        let of = |one: &Stranger| listener.is_none_or(|listener| listener == one.listener);
        self.strangers.iter().filter(|(_, one)| of(one)).map(|(id, _)| id).collect()
    }

    /// Is something here that the application has not read?
    #[inline]
    pub(crate) fn holds_bytes(&self, id: ConnId) -> bool {
        self.known.get(id).is_some_and(|known| known.rest.is_some())
    }

    /// Nothing more is known of it, and nothing more is told.
    pub(crate) fn forget(&mut self, id: ConnId) {
        self.known.remove(id);
        self.up.retain(|completion| completion.conn() != Some(id));
    }

    /// Remembers one, and forgets the oldest beyond the bound.
    pub(crate) fn note_turned_away(&mut self, one: TurnedAway) {
        if self.turned_away.len() == TURNED_AWAY_MAX {
            self.turned_away.pop_front();
        }
        self.turned_away.push_back(one);
    }

    pub(crate) fn counts(&mut self, listener: ListenerId) -> &mut Announcements {
        let at = self.counts.iter().position(|(of, _)| *of == listener).unwrap_or_else(|| {
            self.counts.push((listener, Announcements::default()));
            self.counts.len() - 1
        });
        &mut self.counts[at].1
    }

    /// What was counted since the last time; with its listener closed, a place in the table comes free.
    pub(crate) fn take_counts(&mut self, listener: Option<ListenerId>) -> Announcements {
        let at = self.counts.iter().position(|(of, _)| Some(*of) == listener);
        at.map(|at| self.counts.swap_remove(at).1).unwrap_or_default()
    }
}
