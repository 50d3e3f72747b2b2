//! Clients come in.

use super::Worker;
use super::arrivals::Pass;
use super::listeners::Listener;
use super::state::{Client, Party, Work};
use super::time::{PATROL, TimerKey};
use super::treat;
use balancer_core::downstream::Downstream;
use balancer_core::{CloseReason, Side};
use http1::HeadScan;
use ports::Address;
use reactor::{Close, CloseOutcome, ConnId, Deadline, ListenerId, Reactor};
use std::net::{IpAddr, SocketAddr};

/// The port of those who come through a socket file, to whom it may be told.
const HTTP_PORT: u16 = 80;

impl Worker {
    pub(super) fn handle_accepted<R: Reactor>(&mut self, at: ListenerId, conn: ConnId, peer: SocketAddr, io: &mut R) {
        let now = self.now(io);
        let (index, place) = self.place_of(at);
        self.listeners[index].counters.accepted += 1;
        let Pass { guest, listed } = match self.admit(conn, index, peer.ip(), place) {
            Ok(pass) => pass,
            Err(why) => return self.turn_away(index, conn, why, io),
        };
        let listener = &mut self.listeners[index];
        listener.clients += 1;
        if listener.rules.is_endless() {
            io.watch_peer(conn);
        }
        let stream = listener.rules.joins_at_once();
        let life = Downstream::accepted(&listener.downstream_scene(now, self.farewell.closes_idle()));
        let mut alarm = Deadline::default();
        alarm.fire_by(now + PATROL, TimerKey::Client(conn), &mut self.wheel);
        alarm.set(life.deadline(), TimerKey::Client(conn), &mut self.wheel);
        let port = port_of(listener, place, conn, io);
        let new = Client { guest, listed, reading: !stream, ..new_client(peer, port, index, life, alarm) };
        self.parties.insert(conn, Party::Client(new));
        if stream {
            return self.begin_stream(conn, io);
        }
        self.note_idle(conn);
        io.recv(conn, None);
    }

    /// Somebody came in, and takes a place.
    ///
    /// # Errors
    /// It is kept out.
    #[inline]
    pub(super) fn let_in(&mut self, index: usize, peer: IpAddr, place: Address) -> Result<Pass, CloseReason> {
        let listener = &mut self.listeners[index];
        if listener.refuses_at(place) {
            return Err(CloseReason::Draining);
        }
        if treat::keeps_out(&listener.rules, peer) {
            return Err(CloseReason::Denied);
        }
        let guest = listener.receive(peer, place).map_err(|_| CloseReason::TooMany)?;
        listener.note_entered();
        self.reviews |= listener.review;
        Ok(Pass { guest, listed: false })
    }

    /// Nothing of what it has to say is read. A reset leaves nothing behind on either side.
    #[cold]
    pub(super) fn turn_away<R: Reactor>(&mut self, index: usize, conn: ConnId, why: CloseReason, io: &mut R) {
        let listener = &mut self.listeners[index];
        if let CloseOutcome::Closed(who) = io.close(conn, Close::Reset) {
            listener.counters.count_close(Side::Client, who, why);
        }
    }

    pub(super) fn handle_accept_failed(&mut self, at: ListenerId) {
        let (index, _) = self.place_of(at);
        self.listeners[index].counters.accept_paused += 1;
    }

    /// Whose place it is, and its address.
    pub(super) fn place_of(&self, id: ListenerId) -> (usize, Address) {
        let place = |listener: &Listener| Some(listener.sockets.iter().find(|socket| socket.id == id)?.address);
        let mut found =
            self.listeners.iter().enumerate().filter_map(|(index, listener)| Some((index, place(listener)?)));
        found.next().expect("a listener that was closed accepts nothing")
    }
}

/// One that has not said anything yet.
#[inline]
fn new_client(peer: SocketAddr, port: u16, listener: usize, life: Downstream, alarm: Deadline) -> Client {
    Client {
        note: None,
        peer,
        port,
        listener,
        life,
        work: Work::None,
        inbound: None,
        scan: HeadScan::default(),
        reading: false,
        listed: false,
        counted: false,
        released: false,
        guest: false,
        alarm,
    }
}

/// The port at which a client came in: the proxy's, where one speaks for it.
fn port_of<R: Reactor>(listener: &Listener, place: Address, conn: ConnId, io: &R) -> u16 {
    let announced = listener.rules.settings.proxy_protocol.then(|| io.local_address(conn)).flatten();
    announced.or(place.ip()).map_or(HTTP_PORT, |address| address.port())
}
