//! Another snapshot of the configuration: what stays by name stays as it is (connections, turns, what was learned of
//! servers), what is new begins, what is gone drains. A request ends by the rules it began with.
//!
//! Everything that can fail comes first, so that a snapshot is taken whole or not at all.

use super::Worker;
use super::listeners::{self, Listener, Socket};
use super::rules::ListenerRules;
use super::sets::{BackendSet, Server};
use super::share::WorkerShare;
use crate::boards::Boards;
use crate::errors::{ApplyError, SetupError};
use crate::orders::Snapshot;
use balancer_core::{BackendSetSettings, CloseReason, ListenerSettings, PortChoice};
use ports::Address;
use reactor::{ListenError, Listening, Reactor, SocketKey};
use std::collections::HashMap;
use std::rc::Rc;

/// Where each section of the snapshot has its place in the tables of the worker, and what is made for it.
struct Prepared {
    sets: Vec<Place<BackendSet>>,
    listeners: Vec<ListenerPlace>,
}

/// Where a listener has its place, if it is here already, and what it accepts from in addition.
struct ListenerPlace {
    here: Option<usize>,
    adopted: Vec<Socket>,
    /// Those of them that were shut before.
    reopened: Vec<SocketKey>,
    /// All sockets that are this worker's from now on, as far as the owner has said.
    wanted: Vec<(Address, SocketKey)>,
}

impl ListenerPlace {
    fn give_up<R: Reactor>(self, io: &mut R) {
        for socket in self.adopted {
            if !self.reopened.contains(&socket.key) || !io.shut_listener(socket.id) {
                io.close_listener(socket.id);
            }
        }
    }
}

enum Place<T> {
    /// The section of that name that is here already.
    Here(usize),
    New(T),
}

impl Worker {
    /// Works by `snapshot` from now on.
    ///
    /// # Errors
    /// Nothing was changed.
    pub(super) fn reconcile<R: Reactor>(&mut self, snapshot: &Snapshot, io: &mut R) -> Result<(), ApplyError> {
        if self.draining && !self.may_serve_yet() {
            return Err(ApplyError::Draining);
        }
        let share = self.share_among(snapshot.workers);
        let prepared = self.prepare(snapshot, &share, io)?;
        self.share = share;
        let places = self.reconcile_sets(&snapshot.settings.backend_sets, &snapshot.boards, prepared.sets, io);
        self.reconcile_listeners(snapshot, prepared.listeners, &places, io);
        self.rates = snapshot.boards.rates();
        self.brief_layers(io);
        self.book.follow();
        Ok(())
    }

    /// This worker's share among so many. One that leaves keeps what it has.
    fn share_among(&self, workers: u32) -> WorkerShare {
        let count = if self.draining || self.share.index >= workers { self.share.count } else { workers };
        WorkerShare { count, ..self.share.clone() }
    }

    fn prepare<R: Reactor>(
        &mut self,
        snapshot: &Snapshot,
        share: &WorkerShare,
        io: &mut R,
    ) -> Result<Prepared, ApplyError> {
        let named = self.sets_by_name();
        let here = |settings: &BackendSetSettings| named.get(settings.name.as_str()).map_or(&[][..], Vec::as_slice);
        let sets = snapshot.settings.backend_sets.iter();
        let sets = sets.map(|settings| self.prepare_set(settings, here(settings), share, &snapshot.boards));
        let sets = sets.collect::<Result<_, _>>()?;
        let mut listeners = Vec::new();
        for settings in &snapshot.settings.listeners {
            match self.prepare_listener(settings, snapshot, io) {
                Ok(place) => listeners.push(place),
                Err(error) => {
                    listeners.into_iter().for_each(|place: ListenerPlace| place.give_up(io));
                    return Err(error);
                }
            }
        }
        Ok(Prepared { sets, listeners })
    }

    /// Places of sets, those that leave included: with thousands of them nobody looks through them all for each.
    fn sets_by_name(&self) -> HashMap<String, Vec<usize>> {
        let mut named: HashMap<String, Vec<usize>> = HashMap::with_capacity(self.sets.len());
        for (index, set) in self.sets.iter().enumerate() {
            named.entry(set.rules.name.clone()).or_default().push(index);
        }
        named
    }

    /// A set whose ports are chosen otherwise, or divided among another number of workers, is another one: leases of one
    /// allocator mean nothing to the next. So is one whose connections are secured otherwise: those it has are not what is asked for now. `named`: those of its name.
    fn prepare_set(
        &mut self,
        settings: &BackendSetSettings,
        named: &[usize],
        share: &WorkerShare,
        boards: &Boards,
    ) -> Result<Place<BackendSet>, SetupError> {
        let divided_anew = share.count != self.share.count && settings.ports.choice == PortChoice::Own;
        let same = |index: &&usize| {
            let rules = &self.sets[**index].rules;
            !divided_anew && rules.tls == settings.tls && rules.ports.says_the_same(&settings.ports)
        };
        let Some(&index) = named.iter().find(same) else {
            return BackendSet::new(settings, share, boards, self.inbox.bell()).map(Place::New);
        };
        for server in &settings.servers {
            self.sets[index].know(server.address)?;
        }
        Ok(Place::Here(index))
    }

    /// Accepts from the sockets that are new here.
    fn prepare_listener<R: Reactor>(
        &self,
        settings: &ListenerSettings,
        snapshot: &Snapshot,
        io: &mut R,
    ) -> Result<ListenerPlace, ApplyError> {
        let here = self.listeners.iter().position(|one| one.is(settings) && (one.is_open() || !one.leaving));
        let ours = |socket: &Listening| settings.addresses().any(|address| address == socket.address());
        let wanted = snapshot.listening.iter().filter(|(name, socket)| *name == settings.name && ours(socket));
        let wanted: Vec<&Listening> = wanted.map(|(_, socket)| socket).collect();
        let shut = here.map_or(&[][..], |here| &self.listeners[here].shut);
        self.check_places(settings, &wanted, shut)?;
        let reopened = shut.iter().map(|(_, key)| *key).collect();
        let keys = wanted.iter().map(|socket| (socket.address(), socket.key())).collect();
        let mut place = ListenerPlace { here, adopted: Vec::new(), reopened, wanted: keys };
        // Also where another listener has it: that one leaves, or is elsewhere by now.
        let is_open = |socket: &Listening| self.listeners.iter().any(|one| one.has_socket(socket.key()));
        let stays_shut = |socket: &Listening| settings.stage.is_shut() && place.reopened.contains(&socket.key());
        let new = wanted.into_iter().filter(|socket| !is_open(socket) && !stays_shut(socket));
        for socket in new.collect::<Vec<_>>() {
            match listeners::adopt(socket, io) {
                Ok(socket) => place.adopted.push(socket),
                Err(fault) => {
                    place.give_up(io);
                    let error = ListenError { address: Box::new(socket.address()), fault };
                    return Err(ApplyError::Listen { name: settings.name.clone(), error });
                }
            }
        }
        Ok(place)
    }

    /// There is a socket of each place, here already or given. One that leaves needs none.
    fn check_places(
        &self,
        settings: &ListenerSettings,
        given: &[&Listening],
        shut: &[(Address, SocketKey)],
    ) -> Result<(), SetupError> {
        let is_known = |address| {
            given.iter().any(|socket| socket.address() == address)
                || settings.stage.is_shut() && shut.iter().any(|(known, _)| *known == address)
                || self.listeners.iter().any(|one| one.has_socket_at(address))
        };
        match self.draining || settings.addresses().all(is_known) {
            true => Ok(()),
            false => Err(SetupError::NoSocket { name: settings.name.clone() }),
        }
    }

    /// Answers with the place of each set in the worker's table.
    fn reconcile_sets<R: Reactor>(
        &mut self,
        settings: &[BackendSetSettings],
        boards: &Boards,
        places: Vec<Place<BackendSet>>,
        io: &mut R,
    ) -> Vec<usize> {
        // Looked for before anything leaves: a place that has just been left may still be named by what is under way.
        let mut vacant: Vec<usize> = (0..self.sets.len()).filter(|index| self.is_vacant(*index)).collect();
        let mut stays = vec![false; self.sets.len()];
        let mut indices = Vec::with_capacity(places.len());
        for (settings, place) in settings.iter().zip(places) {
            let index = match place {
                Place::Here(index) => {
                    self.update_set(index, settings, boards, io);
                    index
                }
                Place::New(set) => self.place_set(set, vacant.pop()),
            };
            stays.resize(stays.len().max(index + 1), false);
            stays[index] = true;
            indices.push(index);
        }
        for index in (0..stays.len()).filter(|index| !stays[*index]) {
            self.sets[index].leaving = true;
            self.retire_all(index, io);
        }
        indices
    }

    fn is_vacant(&self, set: usize) -> bool {
        let unused = |server: &Server| server.connections == 0;
        let named = || self.exchanges.values().any(|entry| entry.set == Some(set));
        self.sets[set].leaving && self.sets[set].servers.iter().all(unused) && !named()
    }

    fn place_set(&mut self, set: BackendSet, vacant: Option<usize>) -> usize {
        let Some(index) = vacant else {
            self.sets.push(set);
            return self.sets.len() - 1;
        };
        let left = std::mem::replace(&mut self.sets[index], set);
        self.gone.merge(&left.counters);
        left.servers.iter().for_each(|server| self.gone.merge(&server.counters));
        index
    }

    /// The set stays: its servers come, go, and weigh more or less.
    fn update_set<R: Reactor>(&mut self, index: usize, settings: &BackendSetSettings, boards: &Boards, io: &mut R) {
        let set = &mut self.sets[index];
        set.leaving = false;
        set.places.go_over_to(boards.line(&settings.name), self.inbox.bell());
        set.purse = boards.purse(&settings.name);
        set.flight = boards.flight(&settings.name);
        set.rules = Rc::new(settings.clone());
        set.set_share(&self.share);
        set.selection.set_rules(&settings.selection);
        let mut roster = set.let_go_all_but(&settings.servers);
        let mut places = Vec::with_capacity(settings.servers.len());
        for (wanted, server) in settings.servers.iter().enumerate() {
            let board = boards.board(&settings.name, server.address);
            let number = set.place_of((wanted, server.address), board, &mut roster, &mut self.gone);
            set.servers[number].idle.set_bounds(settings.pool.room(), settings.pool.idle_timeout);
            set.servers[number].tls_profile = server.tls_profile;
            set.selection.set_server(number, server);
            set.servers[number].be_marked_by(&settings.selection);
            places.push(number);
        }
        if let Some(table) = boards.table(&settings.name) {
            set.selection.set_table(table, places);
        }
        self.retire_all_that_left(index, io);
        // Whoever waits for a port may have more of them now, or other servers to go to.
        self.note_freed(index);
        self.call_next(index);
        let now = self.now(io);
        self.freed |= self.sets[index].waits_in_vain(now);
        self.await_return(index, now);
    }

    fn retire_all_that_left<R: Reactor>(&mut self, set: usize, io: &mut R) {
        for number in 0..self.sets[set].servers.len() {
            if self.sets[set].servers[number].leaving {
                self.retire_server(set, number, io);
            }
            while let Some(conn) = self.sets[set].servers[number].idle.poll_excess() {
                self.close_server(conn, CloseReason::PoolRetired, io);
            }
        }
    }

    fn retire_all<R: Reactor>(&mut self, set: usize, io: &mut R) {
        for number in 0..self.sets[set].servers.len() {
            self.retire_server(set, number, io);
        }
    }

    /// Idle connections go at once, busy ones when their work is done.
    fn retire_server<R: Reactor>(&mut self, set: usize, server: usize, io: &mut R) {
        while let Some(conn) = self.sets[set].servers[server].idle.poll_any() {
            self.close_server(conn, CloseReason::PoolRetired, io);
        }
        // Its place may soon be another's.
        if let Some(timer) = self.sets[set].servers[server].idle_timer.take() {
            self.wheel.cancel(timer);
        }
    }

    fn reconcile_listeners<R: Reactor>(
        &mut self,
        snapshot: &Snapshot,
        places: Vec<ListenerPlace>,
        sets: &[usize],
        io: &mut R,
    ) {
        let mut vacant: Vec<usize> = (0..self.listeners.len()).filter(|at| self.listeners[*at].is_vacant()).collect();
        let mut stays = vec![false; self.listeners.len()];
        for (settings, place) in snapshot.settings.listeners.iter().zip(places) {
            let rules = ListenerRules::new(settings, sets);
            let index = match place.here {
                Some(index) if !self.listeners[index].speaks_otherwise(settings) => {
                    self.listeners[index].take_rules(rules);
                    index
                }
                here => {
                    let mut listener = Listener::new(rules, &snapshot.boards, self.inbox.bell());
                    // The clients it has go on as they began, and then it leaves.
                    here.into_iter().for_each(|index| listener.succeed(&mut self.listeners[index]));
                    self.place_listener(listener, vacant.pop())
                }
            };
            self.take_places(index, settings, place.adopted, &place.wanted, io);
            self.enter_stage(index, settings.stage, io);
            stays.resize(stays.len().max(index + 1), false);
            stays[index] = true;
        }
        self.note_rooms();
        for index in (0..stays.len()).filter(|index| !stays[*index]) {
            self.close_listener(index, io);
        }
    }

    /// Accepts where these settings say, and elsewhere only as long as somebody waits there.
    fn take_places<R: Reactor>(
        &mut self,
        index: usize,
        settings: &ListenerSettings,
        adopted: Vec<Socket>,
        wanted: &[(Address, SocketKey)],
        io: &mut R,
    ) {
        let others = self.listeners.iter_mut().enumerate().filter(|(at, _)| *at != index);
        let taken: Vec<Socket> = others.flat_map(|(_, other)| other.give_sockets_at(settings)).collect();
        let adopted: Vec<Socket> = taken.into_iter().chain(adopted).collect();
        let listener = &mut self.listeners[index];
        // It may be full.
        adopted.iter().for_each(|socket| io.set_accepting(socket.id, listener.accepting));
        listener.listens(adopted);
        listener.leave_others(settings, wanted);
        self.closes_listeners |= listener.sockets.iter().any(|socket| socket.leaving);
    }

    fn place_listener(&mut self, listener: Listener, vacant: Option<usize>) -> usize {
        let Some(index) = vacant else {
            self.listeners.push(listener);
            return self.listeners.len() - 1;
        };
        let left = std::mem::replace(&mut self.listeners[index], listener);
        self.gone.merge(&left.counters);
        left.tallies.iter().for_each(|tally| tally.add_to(&mut self.gone));
        index
    }

    /// A listener that is gone: who waits at it is served, its idle clients go at once, busy ones when they have their
    /// answer.
    fn close_listener<R: Reactor>(&mut self, index: usize, io: &mut R) {
        if self.listeners[index].leaving {
            return;
        }
        self.listeners[index].leaving = true;
        self.closes_listeners = true;
        self.close_idle_clients(Some(index), io);
    }
}
