//! One core's share of the balancer: an application over any reactor.
//!
//! ```text
//!   completions, time, orders
//!        |
//!   arrivals  accept  heads  admission  streams  hear  servers  relays  time what happened, as facts
//!   drain  crowd                                        what the whole worker is to do: end, make room
//!        |
//!   drive                                               tell the exchange, carry out what it orders
//!        |
//!   attempt  flight  replies  compose  clients  pool  treat  recode  log   the orders, one each
//!        |
//!   state  parties  places  listeners  rules  sets  seat  share      what is remembered
//! ```
//!
//! Calls point down. What an order leads to that belongs above (a next head, a request whose turn has come) is noted
//! in [`Worker::todo`] or counted as freed, and taken up by [`Worker::settle`] before the next completion: nothing
//! re-enters. The decisions stand in `balancer_core`: [`balancer_core::exchange`], [`balancer_core::downstream`],
//! [`balancer_core::relay`].

mod accept;
mod admission;
mod arrivals;
mod attempt;
mod budget;
mod check;
mod choose;
mod clients;
mod clock;
mod compose;
mod crowd;
mod drain;
mod drive;
mod flight;
mod heads;
mod hear;
mod line;
mod listeners;
mod log;
mod parties;
mod places;
mod pool;
mod queue;
mod recode;
mod reconcile;
mod relays;
mod replies;
mod rules;
mod seat;
mod servers;
mod sets;
mod share;
mod state;
mod streams;
mod time;
mod treat;
mod yielding;

use arrivals::Arrivals;
use balancer_core::exchange::Fact;
use balancer_core::{
    BackendSetSettings, Counters, ListenerSettings, Refusal, Refusals, Refused, Report, Settings, Side, Times,
};
use clock::Today;
use drain::Farewell;
use listeners::{Listener, sockets_of};
use parties::Parties;
use ports::{Fault, Handshakes};
use reactor::{
    Against, App, Completion, Deadline, Inbox, ListenerId, Listening, Mail, Reactor, Shortages, TimerWheel, TurnedAway,
};
use recode::Encoders;
use rules::ListenerRules;
use seed::Rng;
use sets::BackendSet;
use slotmap::SlotMap;
use state::{Entry, ExchangeId, RelayEntry, RelayId, Todo};
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use time::TimerKey;

use crate::access::Book;
use crate::errors::SetupError;
use crate::orders::{Order, Snapshot};
use crate::passwords::Desk;
use crate::rates::Rates;

pub(crate) use sets::check_shares;

/// Encoders of one worker: those at work, and those that are kept.
pub(crate) const ENCODERS_MAX: usize = recode::BUSY_MAX + recode::IDLE_MAX;

pub use share::WorkerShare;

/// The balancer of one core.
pub struct Worker {
    listeners: Vec<Listener>,
    sets: Vec<BackendSet>,
    parties: Parties,
    arrivals: Arrivals,
    exchanges: SlotMap<ExchangeId, Entry>,
    relays: SlotMap<RelayId, RelayEntry>,
    wheel: TimerWheel<TimerKey>,
    todo: VecDeque<Todo>,
    /// Counters of what left with a change of the configuration.
    gone: Counters,
    /// The rules of exchanges that no server is asked for.
    no_set: Rc<BackendSetSettings>,
    /// Texts of our own are put together here.
    words: Vec<u8>,
    /// Messages that were refused.
    refusals: Refusals,
    /// A port or a connection came free in a set in which requests wait.
    freed: bool,
    share: WorkerShare,
    inbox: Inbox<Order>,
    /// Sockets of the first snapshot, until they are adopted at the start.
    listening: Vec<(String, Listening)>,
    /// For responses that are compressed.
    encoders: Encoders,
    /// How often clients have asked, all workers together.
    rates: Arc<Rates>,
    /// Who is known by his password.
    passwords: Desk,
    /// What is told of requests.
    book: Book,
    /// Lines that nobody took are to be offered again then.
    offer_again: Option<Duration>,
    /// Ids of requests come from here.
    rng: Rng,
    /// Time of this turn; `None` until somebody asks.
    now: Option<Duration>,
    today: Today,
    /// Every answer says that its connection closes.
    draining: bool,
    farewell: Farewell,
    /// Of its stage.
    stage_end: Deadline,
    /// A listener is to close once nobody waits at it.
    closes_listeners: bool,
    /// When they are looked at again at the latest.
    look_again: Option<Duration>,
    /// The room of a listener is to be looked at.
    reviews: bool,
    /// A listener was full: who is idle is counted.
    counts_idle: bool,
    done: bool,
}

fn sets_of(
    settings: &Settings,
    share: &WorkerShare,
    boards: &crate::Boards,
    inbox: &Inbox<Order>,
) -> Result<Vec<BackendSet>, SetupError> {
    settings.backend_sets.iter().map(|set| BackendSet::new(set, share, boards, inbox.bell())).collect()
}

fn listeners_of(settings: &Settings, boards: &crate::Boards, inbox: &Inbox<Order>) -> Vec<Listener> {
    let places: Vec<usize> = (0..settings.backend_sets.len()).collect();
    let listener = |one: &ListenerSettings| Listener::new(ListenerRules::new(one, &places), boards, inbox.bell());
    settings.listeners.iter().map(listener).collect()
}

impl Worker {
    /// A worker with its share of the ports. It accepts from the sockets of its listeners when it is started.
    ///
    /// # Errors
    /// The ports of a set's own choice cannot be divided among so many workers, or a socket is missing.
    pub fn new(snapshot: Snapshot, share: WorkerShare, inbox: Inbox<Order>) -> Result<Self, SetupError> {
        let Snapshot { settings, listening, boards, .. } = snapshot;
        settings.listeners.iter().try_for_each(|one| sockets_of(one, one.addresses(), &listening).map(drop))?;
        let sets = sets_of(&settings, &share, &boards, &inbox)?;
        Ok(Self {
            listeners: listeners_of(&settings, &boards, &inbox),
            sets,
            parties: Parties::default(),
            arrivals: Arrivals::default(),
            exchanges: SlotMap::with_key(),
            relays: SlotMap::with_key(),
            wheel: TimerWheel::new(),
            todo: VecDeque::new(),
            gone: Counters::default(),
            no_set: Rc::new(BackendSetSettings::new("", Vec::new())),
            words: Vec::new(),
            refusals: Refusals::default(),
            freed: false,
            encoders: Encoders::default(),
            rates: boards.rates(),
            passwords: Desk::at(boards.passwords(), inbox.bell()),
            book: Book::at(boards.log()),
            offer_again: None,
            rng: Rng::new(share.seed),
            share,
            inbox,
            listening,
            now: None,
            today: Today::UNKNOWN,
            draining: false,
            farewell: Farewell::None,
            stage_end: Deadline::default(),
            closes_listeners: false,
            look_again: None,
            reviews: false,
            counts_idle: false,
            done: false,
        })
    }

    /// Does the configuration ask for TLS, or for the header of the PROXY protocol?
    pub(crate) fn wants_layers(&self) -> bool {
        let listens = self.listeners.iter().any(|listener| listener.rules.is_layered());
        listens || self.sets.iter().any(|set| set.rules.tls.is_some())
    }

    /// Tells the layers beneath what is to be done with who comes in.
    pub(crate) fn brief_layers<R: Reactor>(&self, io: &mut R) {
        for listener in &self.listeners {
            for socket in &listener.sockets {
                io.secure_listener(socket.id, listener.rules.profile());
                io.announce_listener(socket.id, listener.rules.announcing());
            }
        }
    }

    /// What layers count for: listeners, and (`None`) servers.
    pub(crate) fn handshake_sources(&self) -> Vec<Option<ListenerId>> {
        let listeners = self.listeners.iter().filter(|listener| listener.rules.is_layered());
        listeners.flat_map(|listener| &listener.sockets).map(|socket| Some(socket.id)).chain([None]).collect()
    }

    /// What layers have counted since the last time.
    pub(crate) fn note_handshakes(&mut self, of: Option<ListenerId>, counts: &Handshakes) {
        let listener =
            self.listeners.iter_mut().find(|listener| listener.sockets.iter().any(|socket| of == Some(socket.id)));
        match listener {
            Some(listener) => listener.counters.count_handshakes(Side::Client, counts),
            None if of.is_some() => self.gone.count_handshakes(Side::Client, counts),
            None => self.gone.count_handshakes(Side::Server, counts),
        }
    }

    fn take_handshakes<R: Reactor>(&mut self, io: &mut R) {
        for of in self.handshake_sources() {
            let counts = io.take_handshakes(of);
            self.note_handshakes(of, &counts);
        }
        while let Some(one) = io.poll_turned_away() {
            self.note_turned_away(&one);
        }
    }

    /// A layer has refused somebody.
    pub(crate) fn note_turned_away(&mut self, one: &TurnedAway) {
        let (from, at) = (one.peer, one.listener);
        self.refusals.note(match one.why {
            Against::Unannounced(why) => {
                Refusal::unannounced(one.at, Refused::Announcement { from, at }, why, &one.first)
            }
            Against::Handshake(why) => Refusal::unsecured(one.at, Refused::Handshake { from, at }, why),
        });
    }

    /// What was counted so far, by what it was counted for.
    pub fn report(&self, shortages: Shortages) -> Report {
        let open_clients =
            |listener: &Listener| Counters { clients_open: listener.clients as u64, ..listener.counters.clone() };
        let open_servers =
            |server: &sets::Server| Counters { servers_open: server.connections as u64, ..server.counters.clone() };
        let (lines, lost) = self.book.counts();
        let name = |server: &sets::Server| server.target.address().to_string();
        let servers = |set: &BackendSet| {
            let of_set = |server| (set.rules.name.clone(), name(server), open_servers(server));
            set.servers.iter().map(of_set).collect::<Vec<_>>()
        };
        Report {
            listeners: self.listeners.iter().map(|l| (l.rules.settings.name.clone(), open_clients(l))).collect(),
            routes: self.listeners.iter().flat_map(Listener::routes).collect(),
            sets: self.sets.iter().map(|set| (set.rules.name.clone(), set.counters.clone())).collect(),
            servers: self.sets.iter().flat_map(servers).collect(),
            rest: Counters {
                recv_waited_for_buffer: shortages.recv_waited_for_buffer,
                pipes_missing: shortages.pipes_missing,
                unwatchable: shortages.unwatchable,
                access_log_lines: lines,
                access_log_lost: lost,
                ..self.gone.clone()
            },
            refused: self.refusals.remembered().copied().collect(),
            times: self.times(),
        }
    }

    /// How long things took so far.
    fn times(&self) -> Times {
        let mut times = Times::default();
        self.listeners.iter().for_each(|listener| listener.tell_times(&mut times));
        self.sets.iter().for_each(|set| set.tell_times(&mut times));
        times
    }

    /// What was counted so far, all together.
    pub fn counters(&self) -> Counters {
        self.report(Shortages::default()).total()
    }

    fn handle_woken<R: Reactor>(&mut self, io: &mut R) {
        while let Some(mail) = self.inbox.poll() {
            match mail {
                Mail::Order(Order::Apply(snapshot, reply)) => reply.send(self.reconcile(&snapshot, io)),
                Mail::Order(Order::Drain { grace, patience }) => self.handle_drain(grace, patience, io),
                Mail::Order(Order::Leave { grace, patience }) => self.handle_leave(grace, patience, io),
                Mail::Order(Order::Cut) => self.handle_cut(io),
                Mail::Order(Order::Report(reply)) => {
                    self.take_handshakes(io);
                    reply.send(self.report(io.shortages()));
                }
                Mail::Closed => self.handle_drain(Duration::ZERO, Duration::ZERO, io),
            }
        }
        self.take_admissions(io);
        self.note_rooms();
        self.note_lines(io);
    }

    /// As many requests go on as connections or ports came free; those that have waited longest first.
    fn serve_queues<R: Reactor>(&mut self, io: &mut R) {
        self.freed = false;
        for set in 0..self.sets.len() {
            for _ in 0..std::mem::take(&mut self.sets[set].freed) {
                let Some(id) = self.sets[set].waiting.front().copied() else { break };
                self.hear(id, Fact::TurnCame, io);
            }
        }
        for set in 0..self.sets.len() {
            self.serve_line(set, io);
        }
    }

    /// Those who were called take their places.
    fn serve_line<R: Reactor>(&mut self, set: usize, io: &mut R) {
        let now = self.now(io);
        if self.sets[set].waits_in_vain(now) {
            return self.give_up_line(set, io);
        }
        // Whoever is called meanwhile comes with the next round.
        let called = self.sets[set].places.line.called(self.sets[set].places.number);
        for _ in 0..called {
            let Some((id, _)) = self.sets[set].places.here.front().copied() else { break };
            self.sets[set].places.turn = Some(id);
            self.hear(id, Fact::TurnCame, io);
            self.sets[set].places.turn = None;
        }
        if called > 0 && self.sets[set].places.line.has_waiting() && self.sets[set].has_place(now) {
            // The place that one of them was called for is still free: it went elsewhere, or to nobody.
            self.call_next(set);
        }
    }

    /// Takes up what orders have left to be done: heads sent ahead, answers held, requests whose turn has come.
    #[inline]
    fn settle<R: Reactor>(&mut self, io: &mut R) {
        if self.freed || self.reviews || !self.todo.is_empty() {
            self.settle_all(io);
        }
    }

    fn settle_all<R: Reactor>(&mut self, io: &mut R) {
        loop {
            match self.todo.pop_front() {
                Some(Todo::TakeHead(conn)) => self.take_head(conn, io),
                Some(Todo::ReadHeld(conn)) => self.read_held(conn, io),
                None if self.freed => self.serve_queues(io),
                None if self.reviews => self.review_rooms(io),
                None => break,
            }
        }
    }
}

impl Worker {
    /// Timers that are due.
    fn expire<R: Reactor>(&mut self, io: &mut R) {
        let now = self.now(io);
        while let Some(key) = self.wheel.pop_due(now) {
            match key {
                TimerKey::Client(conn) => self.handle_client_timer(conn, io),
                TimerKey::Idle { set, server } => self.retire_idle(set, server, io),
                TimerKey::Room(index) => {
                    self.listeners[index].review = true;
                    self.reviews = true;
                }
                TimerKey::Line(set) => self.handle_return(set, io),
                TimerKey::Drain => self.go_on_draining(io),
            }
            self.settle(io);
        }
    }
}

impl<R: Reactor> App<R> for Worker {
    fn start(&mut self, io: &mut R) -> Result<(), Fault> {
        let sockets = std::mem::take(&mut self.listening);
        for listener in &mut self.listeners {
            let settings = &listener.rules.settings;
            let found = sockets_of(settings, settings.addresses(), &sockets).expect("every place came with a socket");
            let adopted = found.into_iter().map(|socket| listeners::adopt(&socket, io)).collect::<Result<_, _>>()?;
            listener.listens(adopted);
        }
        for index in 0..self.listeners.len() {
            self.enter_stage(index, self.listeners[index].rules.settings.stage, io);
        }
        self.brief_layers(io);
        Ok(())
    }

    fn handle_completion(&mut self, completion: Completion, io: &mut R) {
        match completion {
            Completion::Accepted { listener, conn, peer } => self.handle_accepted(listener, conn, peer, io),
            Completion::Arrived { listener, conn, peer } => self.handle_arrived(listener, conn, peer, io),
            Completion::Departed { conn } => self.handle_departed(conn),
            Completion::AcceptFailed { listener, .. } => self.handle_accept_failed(listener),
            Completion::Connected { conn, result } => self.handle_connected(conn, result, io),
            Completion::Received { conn, result } => self.handle_received(conn, result, io),
            Completion::Sent { conn, result } => self.handle_sent(conn, result, io),
            Completion::Closed { conn, outcome } => self.handle_closed(conn, outcome, io),
            Completion::Woken => self.handle_woken(io),
        }
        self.settle(io);
    }

    fn handle_time(&mut self, io: &mut R) {
        // By the time its completions were handled at, if anybody asked: what is due since then is due with the next turn,
        // which does not wait.
        if self.wheel.poll_deadline().is_some_and(|at| at <= self.now(io)) {
            self.expire(io);
        }
        if self.closes_listeners {
            self.close_quiet_listeners(io);
        }
        if self.draining {
            self.cut_grace_short(io);
        }
        self.done = self.is_over();
        if self.book.has_lines() {
            self.offer_lines(io);
        }
        self.now = None;
        debug_assert_eq!(self.check(), Ok(()));
    }

    fn poll_deadline(&self) -> Option<Duration> {
        [self.wheel.poll_deadline(), self.look_again, self.offer_again].into_iter().flatten().min()
    }

    fn is_done(&self) -> bool {
        self.done
    }
}
