//! What is noted of a listener's room as clients come, go, fall idle and begin to ask. It is acted upon before the next
//! completion ([`super::crowd`]).

use super::Worker;
use super::listeners::Listener;
use super::state::{Client, Party};
use balancer_core::crowd::LongestIdle;
use reactor::{ConnId, TimerId};

/// The idle clients of one listener, counted from when it was full for the first time.
#[derive(Debug, Default)]
pub(super) struct Crowd {
    pub(super) longest: LongestIdle<ConnId>,
    /// How many are idle now.
    pub(super) idle: usize,
    /// Other workers know that one of them can go.
    shows: bool,
    /// When the longest idle has been so for long enough.
    pub(super) ripens: Option<TimerId>,
}

impl Listener {
    pub(super) fn note_entered(&mut self) {
        self.room.enter();
        if self.room.is_full() {
            (self.review, self.wants_room) = (true, true);
        }
    }

    pub(super) fn note_left(&mut self, client: &Client) {
        self.clients -= 1;
        if client.counted {
            self.count_idle(false);
        }
        if !client.released {
            self.room.leave(self.number);
        }
        self.note_gone(client.guest.then(|| client.peer.ip()));
    }

    pub(super) fn count_idle(&mut self, one_more: bool) {
        let Some(crowd) = &mut self.crowd else { return };
        crowd.idle = if one_more { crowd.idle + 1 } else { crowd.idle - 1 };
    }

    /// Tells the other workers whether room can be made here.
    pub(super) fn show_ripe(&mut self, ripe: bool) {
        let Some(crowd) = &mut self.crowd else { return };
        if std::mem::replace(&mut crowd.shows, ripe) != ripe {
            self.room.show_ripe(ripe, self.number);
        }
    }

    /// May one more come in? `ripe`: somebody here can go for it.
    pub(super) fn may_accept(&self, ripe: bool) -> bool {
        let shows = self.crowd.as_ref().is_some_and(|crowd| crowd.shows);
        !self.is_left && self.room.may_enter(ripe, self.room.others_with_ripe(shows))
    }
}

impl Worker {
    /// A client may have fallen idle, or begun to ask: kept in mind where idle clients are counted.
    #[inline]
    pub(super) fn note_idle(&mut self, conn: ConnId) {
        if self.counts_idle {
            self.count_client(conn);
        }
    }

    #[cold]
    fn count_client(&mut self, conn: ConnId) {
        let Some(Party::Client(client)) = self.parties.get_mut(conn) else { return };
        let listener = &mut self.listeners[client.listener];
        let (clients, since) = (listener.clients + listener.arriving, client.idle_since());
        if listener.crowd.is_none() || since.is_some() == client.counted {
            return;
        }
        client.counted = since.is_some();
        listener.count_idle(client.counted);
        listener.review |= listener.room.is_full() || !listener.accepting;
        self.reviews |= listener.review;
        if let (Some(since), Some(crowd)) = (since, &mut listener.crowd)
            && !std::mem::replace(&mut client.listed, true)
        {
            crowd.longest.note(conn, since);
            crowd.longest.bound(clients, |conn| self.parties.get(conn).is_some() || self.arrivals.is_here(conn));
        }
    }
}
