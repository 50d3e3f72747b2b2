//! Who has come in and has yet to be agreed with by a layer (TLS): let in or turned away at once, by the same rules as anybody
//! else, and counted from then on. So whoever is kept out costs no handshake.

use super::Worker;
use super::listeners::Listener;
use balancer_core::crowd::IDLE_MIN;
use balancer_core::{CloseReason, Side};
use reactor::{Close, CloseOutcome, ConnId, ConnMap, ListenerId, Reactor};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// A handshake that takes longer may go where its place is wanted.
const HANDSHAKE_USUAL: Duration = Duration::from_secs(1);

/// Somebody who is not a client yet.
#[derive(Debug)]
pub(super) struct Arrival {
    pub(super) listener: usize,
    peer: IpAddr,
    since: Duration,
    pub(super) pass: Pass,
}

/// By what somebody was let in.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Pass {
    /// It is counted by its address.
    pub(super) guest: bool,
    /// It stands among the idle ones of its listener.
    pub(super) listed: bool,
}

/// All of them, by their connections.
#[derive(Debug, Default)]
pub(super) struct Arrivals(ConnMap<Arrival>);

impl Arrivals {
    pub(super) fn is_here(&self, conn: ConnId) -> bool {
        self.0.get(conn).is_some()
    }

    /// Since when one counts as idle: from when its handshake should be over. `None`: it is not here, or no more.
    pub(super) fn idle_since(&self, conn: ConnId) -> Option<Duration> {
        self.0.get(conn).map(|arrival| arrival.since + HANDSHAKE_USUAL - IDLE_MIN)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (ConnId, &Arrival)> {
        self.0.iter()
    }

    /// It is no arrival any more.
    #[inline]
    pub(super) fn take(&mut self, conn: ConnId) -> Option<Arrival> {
        if self.0.is_empty() { None } else { self.0.remove(conn) }
    }

    /// Those of one listener are listed from now on.
    pub(super) fn list(&mut self, listener: usize) -> Vec<(ConnId, Duration)> {
        let ours = self.0.iter().filter(|(_, arrival)| arrival.listener == listener).map(|(conn, _)| conn);
        let ours: Vec<ConnId> = ours.collect();
        ours.into_iter().filter_map(|conn| Some((conn, self.list_one(conn)?))).collect()
    }

    fn list_one(&mut self, conn: ConnId) -> Option<Duration> {
        self.0.get_mut(conn)?.pass.listed = true;
        self.idle_since(conn)
    }
}

impl Worker {
    pub(super) fn handle_arrived<R: Reactor>(&mut self, at: ListenerId, conn: ConnId, peer: SocketAddr, io: &mut R) {
        let (listener, place) = self.place_of(at);
        let since = self.now(io);
        match self.let_in(listener, peer.ip(), place) {
            Ok(pass) => {
                self.listeners[listener].arriving += 1;
                self.arrivals.0.insert(conn, Arrival { listener, peer: peer.ip(), since, pass });
                self.list_arrival(listener, conn);
            }
            Err(why) => {
                self.listeners[listener].counters.accepted += 1;
                self.turn_away(listener, conn, why, io);
            }
        }
    }

    fn list_arrival(&mut self, listener: usize, conn: ConnId) {
        let Listener { crowd: Some(crowd), clients, arriving, .. } = &mut self.listeners[listener] else { return };
        if let Some(since) = self.arrivals.list_one(conn) {
            crowd.longest.note(conn, since);
            // Those whose handshakes fail leave by no other way.
            let is_here = |conn| self.parties.get(conn).is_some() || self.arrivals.is_here(conn);
            crowd.longest.bound(*clients + *arriving, is_here);
        }
    }

    /// Its handshake failed.
    pub(super) fn handle_departed(&mut self, conn: ConnId) {
        if let Some(arrival) = self.arrivals.take(conn) {
            self.listeners[arrival.listener].room.leave(self.listeners[arrival.listener].number);
            self.forget_arrival(&arrival);
        }
    }

    /// Its place is another's already.
    pub(super) fn send_off<R: Reactor>(&mut self, conn: ConnId, io: &mut R) {
        let Some(arrival) = self.arrivals.take(conn) else { return };
        let counters = &mut self.listeners[arrival.listener].counters;
        counters.accepted += 1;
        if let CloseOutcome::Closed(who) = io.close(conn, Close::Discard) {
            counters.count_close(Side::Client, who, CloseReason::MadeRoom);
        }
        self.forget_arrival(&arrival);
    }

    fn forget_arrival(&mut self, arrival: &Arrival) {
        let listener = &mut self.listeners[arrival.listener];
        listener.arriving -= 1;
        listener.note_gone(arrival.pass.guest.then_some(arrival.peer));
        self.reviews |= listener.review;
    }

    /// By what a client that is accepted now was let in when it arrived. Its listener may have become another one meanwhile:
    /// then it is asked again.
    ///
    /// # Errors
    /// It is kept out.
    #[inline]
    pub(super) fn admit(
        &mut self,
        conn: ConnId,
        index: usize,
        peer: IpAddr,
        place: ports::Address,
    ) -> Result<Pass, CloseReason> {
        match self.arrivals.take(conn) {
            None => self.let_in(index, peer, place),
            Some(arrival) if arrival.listener == index => {
                self.listeners[index].arriving -= 1;
                Ok(arrival.pass)
            }
            Some(elsewhere) => {
                self.listeners[elsewhere.listener].room.leave(self.listeners[elsewhere.listener].number);
                self.forget_arrival(&elsewhere);
                self.let_in(index, peer, place)
            }
        }
    }
}

impl Listener {
    /// Somebody has left; `guest`: the address that is counted.
    pub(super) fn note_gone(&mut self, guest: Option<IpAddr>) {
        if let Some(client) = guest {
            self.room.guests.leave(client);
        }
        self.review |= self.crowd.is_some() || !self.accepting;
    }
}
