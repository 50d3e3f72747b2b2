//! A listener that is full: the client idle for longest goes, so that a new one comes in; where nobody is idle, new ones wait
//! in the accept queue.

use super::Worker;
use super::places::Crowd;
use super::state::Party;
use super::time::TimerKey;
use balancer_core::CloseReason;
use balancer_core::crowd::IDLE_MIN;
use balancer_core::downstream::{ClientOrder, CloseHow};
use reactor::{ConnId, Probe, Reactor};

impl Worker {
    /// Looks at every listener whose room has changed.
    pub(super) fn review_rooms<R: Reactor>(&mut self, io: &mut R) {
        self.reviews = false;
        for index in 0..self.listeners.len() {
            if std::mem::take(&mut self.listeners[index].review) {
                self.review_room(index, io);
            }
        }
    }

    /// Another worker rang.
    pub(super) fn note_rooms(&mut self) {
        for listener in self.listeners.iter_mut().filter(|listener| listener.is_open()) {
            listener.review |= !listener.accepting || listener.room.is_full() || listener.room.is_counted();
            self.reviews |= listener.review;
        }
    }

    fn review_room<R: Reactor>(&mut self, index: usize, io: &mut R) {
        let listener = &self.listeners[index];
        if listener.crowd.is_none() && (listener.room.is_full() || listener.room.is_counted()) {
            self.begin_counting(index);
        }
        let ripe = self.make_room(index, io);
        let listener = &mut self.listeners[index];
        listener.show_ripe(ripe);
        if std::mem::take(&mut listener.wants_room) && listener.room.is_over() {
            listener.room.ring(listener.number);
        }
        self.set_accepting(index, ripe, io);
    }

    /// From now on idle clients are counted.
    fn begin_counting(&mut self, index: usize) {
        let mut crowd = Crowd::default();
        let ours: Vec<ConnId> =
            self.parties.clients().filter(|(_, client)| client.listener == index).map(|(conn, _)| conn).collect();
        for conn in ours {
            let client = self.parties.client(conn);
            let since = client.idle_since();
            (client.counted, client.listed) = (since.is_some(), since.is_some());
            if let Some(since) = since {
                crowd.idle += 1;
                crowd.longest.note(conn, since);
            }
        }
        for (conn, since) in self.arrivals.list(index) {
            crowd.longest.note(conn, since);
        }
        self.counts_idle = true;
        let listener = &mut self.listeners[index];
        listener.crowd = Some(Box::new(crowd));
        listener.room.begin_counting(listener.number);
    }

    /// Closes who has been idle for longest while there are more clients than places. Answers whether another one could go.
    fn make_room<R: Reactor>(&mut self, index: usize, io: &mut R) -> bool {
        while self.listeners[index].room.is_full() {
            let Some(conn) = self.longest_idle(index, io) else { return false };
            let listener = &self.listeners[index];
            if !listener.room.claim_excess(listener.number) {
                return true;
            }
            if self.arrivals.is_here(conn) {
                self.send_off(conn, io);
                continue;
            }
            self.parties.client(conn).released = true;
            self.carry_out(conn, ClientOrder::Close(CloseHow::Fin, CloseReason::MadeRoom), io);
            self.stays_after_all(conn, index);
        }
        false
    }

    /// The next request of who was to go came just then.
    fn stays_after_all(&mut self, conn: ConnId, index: usize) {
        if let Some(Party::Client(client)) = self.parties.get_mut(conn) {
            client.released = false;
            self.listeners[index].room.enter();
        }
    }

    /// The client that has been idle for longest, and for long enough.
    fn longest_idle<R: Reactor>(&mut self, index: usize, io: &mut R) -> Option<ConnId> {
        let now = self.now(io);
        let crowd = self.listeners[index].crowd.as_mut()?;
        let (conn, since) = crowd.longest.poll_longest(|conn| {
            let since = match self.parties.get_mut(conn) {
                Some(Party::Client(client)) => {
                    let since = client.idle_since();
                    client.listed = since.is_some();
                    since
                }
                _ => self.arrivals.idle_since(conn),
            };
            // The next request of one that is not quiet is here already, though unread.
            let is_quiet = || io.is_receiving(conn) && io.probe(conn) == Probe::Quiet;
            since.map(|since| if now < since + IDLE_MIN || is_quiet() { since } else { now })
        })?;
        if now >= since + IDLE_MIN {
            return Some(conn);
        }
        if crowd.ripens.is_none_or(|timer| !self.wheel.is_set(timer)) {
            crowd.ripens = Some(self.wheel.set(since + IDLE_MIN, TimerKey::Room(index)));
        }
        None
    }

    fn set_accepting<R: Reactor>(&mut self, index: usize, ripe: bool, io: &mut R) {
        let listener = &mut self.listeners[index];
        if !listener.is_open() {
            return;
        }
        let mut may = listener.may_accept(ripe);
        if may == listener.accepting {
            return;
        }
        listener.room.set_stopped(!may);
        if !may && listener.may_accept(ripe) {
            // Somebody left before it could be known that this worker wants to be told.
            listener.room.set_stopped(false);
            may = true;
        }
        if may != listener.accepting {
            listener.accepting = may;
            listener.sockets.iter().for_each(|socket| io.set_accepting(socket.id, may));
            if !may {
                listener.counters.full += 1;
                // Whoever can make room is to say so.
                listener.room.ring(listener.number);
            }
        }
    }
}
