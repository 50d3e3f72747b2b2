//! The listeners of one worker: where they accept, and who is there.

use super::places::Crowd;
use super::rules::ListenerRules;
use crate::boards::Boards;
use crate::errors::SetupError;
use crate::room::Room;
use balancer_core::downstream::DownstreamScene;
use balancer_core::exchange::Record;
use balancer_core::{Counters, Histogram, ListenerSettings, ListenerStage, RouteRules, RouteTally, Side, Timed, Times};
use ports::{Address, Fault};
use reactor::{Bell, ListenerId, Listening, Reactor, SocketKey};
use std::collections::HashMap;
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

/// One place from which this worker accepts.
#[derive(Clone, Copy, Debug)]
pub(super) struct Socket {
    pub(super) address: Address,
    pub(super) id: ListenerId,
    pub(super) key: SocketKey,
    /// It is gone from the configuration, or another worker's, or its listener accepts nobody any more: it closes here once
    /// nobody waits there.
    pub(super) leaving: bool,
}

/// A client has as many connections as one may.
pub(super) struct TooManyOfOne;

pub(super) struct Listener {
    pub(super) rules: Rc<ListenerRules>,
    /// Where clients come in.
    pub(super) sockets: Vec<Socket>,
    pub(super) clients: usize,
    /// Those who are not clients yet: a layer has to agree with them first.
    pub(super) arriving: usize,
    /// It is gone from the configuration; its clients are served to the end of their requests.
    pub(super) leaving: bool,
    /// How far an operator's drain of it is, and which of its places are shut since.
    pub(super) stage: ListenerStage,
    pub(super) shut: Vec<(Address, SocketKey)>,
    /// Its room, all workers together, and this worker's number there.
    pub(super) room: Arc<Room>,
    pub(super) number: usize,
    /// Not while it is full, and not when it was left.
    pub(super) accepting: bool,
    /// Another process accepts from its sockets.
    pub(super) is_left: bool,
    /// Its room has changed, and is to be looked at; a new client may be one too many.
    pub(super) review: bool,
    pub(super) wants_room: bool,
    /// From when it was full for the first time.
    pub(super) crowd: Option<Box<Crowd>>,
    pub(super) counters: Counters,
    /// How long requests take, those of routes aside.
    pub(super) times: Histogram,
    /// Of each route, where there are any.
    pub(super) tallies: Box<[RouteTally]>,
}

impl Listener {
    /// Counts a request that is over, by the rules it began with: where the listener has others by now, its route is the one
    /// of that name.
    #[inline]
    pub(super) fn count_route(&mut self, rules: &Rc<ListenerRules>, route: u32, record: &Record, took: Duration) {
        if self.tallies.is_empty() {
            return self.times.record(took);
        }
        let place = match Rc::ptr_eq(&self.rules, rules) {
            true => Some(route as usize),
            false => self.rules.settings.router.all().iter().position(|one| one.name == rules.route(route).name),
        };
        match place {
            Some(place) => self.tallies[place].count(record, took),
            None => {
                let mut gone = RouteTally::default();
                gone.count(record, took);
                gone.add_to(&mut self.counters);
                self.times.merge(&gone.times);
            }
        }
    }

    /// What was counted of routes stays with those of the same name; the rest is the listener's.
    fn take_tallies(&mut self, rules: &ListenerRules) {
        let router = &rules.settings.router;
        let routes = if router.has_routes() { router.all() } else { &[] };
        let before = self.rules.settings.router.all().iter().map(|route| route.name.as_str()).take(self.tallies.len());
        if before.clone().eq(routes.iter().map(|route| route.name.as_str())) {
            return;
        }
        let mut known: HashMap<&str, usize> = before.enumerate().map(|(number, name)| (name, number)).collect();
        let mut known_tally = |route: &RouteRules| known.remove(route.name.as_str()).map(|number| self.tallies[number]);
        let tallies = routes.iter().map(|route| known_tally(route).unwrap_or_default()).collect();
        for tally in known.into_values().map(|number| &self.tallies[number]) {
            tally.add_to(&mut self.counters);
            self.times.merge(&tally.times);
        }
        self.tallies = tallies;
    }

    /// The counters of each route, by its name.
    pub(super) fn routes(&self) -> impl Iterator<Item = (String, String, Counters)> {
        let settings = &self.rules.settings;
        settings.router.all().iter().zip(&self.tallies).map(|(route, tally)| {
            let mut counters = Counters::default();
            tally.add_to(&mut counters);
            (settings.name.clone(), route.name.clone(), counters)
        })
    }

    /// Adds how long its requests took.
    pub(super) fn tell_times(&self, times: &mut Times) {
        let settings = &self.rules.settings;
        let routes = || settings.router.all().iter().zip(&self.tallies);
        let mut nameless = self.times;
        routes().filter(|(route, _)| route.name.is_empty()).for_each(|(_, tally)| nameless.merge(&tally.times));
        if self.tallies.is_empty() || nameless.count() > 0 {
            times.push(Timed::Request, &settings.name, "", &nameless);
        }
        for (route, tally) in routes().filter(|(route, _)| !route.name.is_empty()) {
            times.push(Timed::Request, &settings.name, &route.name, &tally.times);
        }
    }

    /// One whose socket is still to be adopted.
    pub(super) fn new(rules: ListenerRules, boards: &Boards, bell: Bell) -> Self {
        let room = boards.room(&rules.settings);
        room.set_places(rules.settings.limits.connections_max);
        let router = &rules.settings.router;
        let routes = if router.has_routes() { router.all().len() } else { 0 };
        let tallies = vec![RouteTally::default(); routes].into();
        Self {
            rules: Rc::new(rules),
            sockets: Vec::new(),
            clients: 0,
            arriving: 0,
            leaving: false,
            stage: ListenerStage::Open,
            shut: Vec::new(),
            number: room.join(bell),
            room,
            accepting: true,
            is_left: false,
            review: false,
            wants_room: false,
            crowd: None,
            counters: Counters::default(),
            times: Histogram::default(),
            tallies,
        }
    }

    /// A connection of this client came in: is it counted by its address? To be taken back by [`Listener::note_left`].
    ///
    /// # Errors
    /// The client has as many as it may.
    #[inline]
    pub(super) fn receive(&self, client: IpAddr, place: Address) -> Result<bool, TooManyOfOne> {
        match self.rules.settings.limits.connections_per_client_max {
            None => Ok(false),
            Some(max) => self.count(client, place, max),
        }
    }

    #[cold]
    fn count(&self, client: IpAddr, place: Address, max: u32) -> Result<bool, TooManyOfOne> {
        // A socket file tells nobody from others, and a trusted proxy speaks for others.
        let ListenerSettings { proxy_protocol, requests, .. } = &self.rules.settings;
        if place.ip().is_none() && !proxy_protocol || requests.trusted.contains(client) {
            return Ok(false);
        }
        if self.room.guests.enter(client, max) { Ok(true) } else { Err(TooManyOfOne) }
    }

    /// It stays, perhaps by other rules.
    pub(super) fn take_rules(&mut self, rules: ListenerRules) {
        self.room.set_places(rules.settings.limits.connections_max);
        self.take_tallies(&rules);
        (self.rules, self.leaving, self.review) = (Rc::new(rules), false, true);
    }

    /// It accepts from these, too.
    pub(super) fn listens(&mut self, sockets: Vec<Socket>) {
        self.sockets.extend(sockets);
    }

    /// Does it accept there?
    pub(super) fn has_socket_at(&self, address: Address) -> bool {
        self.sockets.iter().any(|socket| socket.address == address)
    }

    /// Does it accept from that one?
    pub(super) fn has_socket(&self, key: SocketKey) -> bool {
        self.sockets.iter().any(|socket| socket.key == key)
    }

    /// Those of its sockets that these settings name are another listener's from now on.
    pub(super) fn give_sockets_at(&mut self, settings: &ListenerSettings) -> Vec<Socket> {
        let named = |socket: &mut Socket| settings.addresses().any(|address| address == socket.address);
        self.sockets.extract_if(.., named).collect()
    }

    /// Clients come in.
    pub(super) fn is_open(&self) -> bool {
        !self.sockets.is_empty()
    }

    /// Is it the one that these settings speak of? It may have some places more, and others less.
    pub(super) fn is(&self, settings: &ListenerSettings) -> bool {
        let known = |address| self.rules.settings.addresses().any(|known| known == address);
        self.rules.settings.name == settings.name && settings.addresses().any(known)
    }

    /// Places that these settings do not name leave; those that they name again stay. Of a place with sockets among `wanted`
    /// all others are another worker's.
    pub(super) fn leave_others(&mut self, settings: &ListenerSettings, wanted: &[(Address, SocketKey)]) {
        for socket in &mut self.sockets {
            let named = settings.addresses().any(|address| address == socket.address);
            let others = wanted.iter().any(|(address, _)| *address == socket.address);
            let moved = others && !wanted.iter().any(|(_, key)| *key == socket.key);
            socket.leaving = !named || moved;
        }
    }

    /// Its clients would speak something else by these settings.
    pub(super) fn speaks_otherwise(&self, settings: &ListenerSettings) -> bool {
        self.rules.settings.protocol != settings.protocol
    }

    /// Accepts in the place of `other`, which then only has its clients.
    pub(super) fn succeed(&mut self, other: &mut Self) {
        (self.sockets, self.accepting) = (std::mem::take(&mut other.sockets), other.accepting);
        self.shut = std::mem::take(&mut other.shut);
    }

    /// Its place may be another's.
    pub(super) fn is_vacant(&self) -> bool {
        self.leaving && !self.is_open() && self.clients + self.arriving == 0
    }

    pub(super) fn downstream_scene(&self, now: Duration, draining: bool) -> DownstreamScene<'_> {
        let ListenerSettings { timeouts, close, .. } = &self.rules.settings;
        let draining = draining || self.leaving || self.stage.is_shut();
        DownstreamScene { now, timeouts, close: *close, draining }
    }

    /// No client of it is kept: the worker drains, or the listener does, or it leaves.
    #[inline]
    pub(super) fn drains(&self, worker: bool) -> bool {
        worker || self.leaving || self.stage.drains()
    }

    /// Nobody comes in any more.
    pub(super) fn let_go<R: Reactor>(&mut self, io: &mut R) {
        self.close_sockets(|_| true, io);
    }

    /// Nobody comes in any more: another process, or worker, accepts from the same sockets. They close once no handshake is under way.
    pub(super) fn leave<R: Reactor>(&mut self, io: &mut R) {
        if !self.accepting {
            self.room.set_stopped(false);
        }
        (self.is_left, self.accepting) = (true, false);
        self.sockets.iter().for_each(|socket| io.set_accepting(socket.id, false));
    }

    /// Lets go of places at which nobody waits. Those of a listener that is drained by order are shut until it is drained no
    /// more; `ends`: all goes for good.
    pub(super) fn let_go_of<R: Reactor>(&mut self, quiet: &[ListenerId], ends: bool, io: &mut R) {
        let rules = Rc::clone(&self.rules);
        let is_named = |socket: &Socket| rules.settings.addresses().any(|address| address == socket.address);
        let stays = self.stage.is_shut() && !ends;
        let shut = |socket: &mut Socket| stays && quiet.contains(&socket.id) && is_named(socket);
        let shut: Vec<Socket> =
            self.sockets.extract_if(.., |socket| shut(socket) && io.shut_listener(socket.id)).collect();
        for socket in shut {
            self.counters.count_handshakes(Side::Client, &io.take_handshakes(Some(socket.id)));
            self.shut.push((socket.address, socket.key));
        }
        self.close_sockets(|socket| quiet.contains(&socket.id), io);
    }

    /// Nobody is let in there: a place that cannot be shut, of a listener that is to be.
    pub(super) fn refuses_at(&self, place: Address) -> bool {
        self.stage.is_shut() && place.ip().is_none()
    }

    /// Lets go of some of its places.
    pub(super) fn close_sockets<R: Reactor>(&mut self, which: impl Fn(&Socket) -> bool, io: &mut R) {
        let closed: Vec<Socket> = self.sockets.extract_if(.., |socket| which(socket)).collect();
        for socket in closed {
            io.close_listener(socket.id);
            self.counters.count_handshakes(Side::Client, &io.take_handshakes(Some(socket.id)));
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.show_ripe(false);
        self.room.quit(self.number);
    }
}

/// Accepts from `socket`.
pub(super) fn adopt<R: Reactor>(socket: &Listening, io: &mut R) -> Result<Socket, Fault> {
    let (address, key) = (socket.address(), socket.key());
    Ok(Socket { address, id: io.adopt_listener(socket.clone())?, key, leaving: false })
}

/// The sockets of these places of a listener: at least one of each.
///
/// # Errors
/// One is missing.
pub(super) fn sockets_of(
    listener: &ListenerSettings,
    places: impl Iterator<Item = Address>,
    all: &[(String, Listening)],
) -> Result<Vec<Listening>, SetupError> {
    let mut found = Vec::new();
    for place in places {
        let is = |(name, socket): &&(String, Listening)| *name == listener.name && socket.address() == place;
        let before = found.len();
        found.extend(all.iter().filter(is).map(|(_, socket)| socket.clone()));
        if found.len() == before {
            return Err(SetupError::NoSocket { name: listener.name.clone() });
        }
    }
    Ok(found)
}
