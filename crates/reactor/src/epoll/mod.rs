//! The reactor on the kernel's epoll: try first, wait only if needed.
//!
//! A short connection that finds its bytes ready costs accept4, recv, send, close and no `epoll_ctl`.
//! A connection that must wait is registered once, edge-triggered, at the end of the turn.

mod accept;
mod bind;
mod connect;
mod entry;
mod read;
mod rest;
mod through;
mod write;

use crate::buf::{Buf, BufPool};
use crate::conn::{ConnId, ListenerId};
use crate::face::{
    Close, CloseOutcome, Completion, ConnectPlan, ListenPlan, Outgoing, Probe, Questions, Reactor, Shortages,
};
use crate::listening::Listening;
use crate::piped::{Piped, Pipes};
use accept::Listener;
pub use bind::{
    Bound, FileOwner, beside, bind, duplicate, file_owner, handed_from, listen, listening_from, set_file_owner,
};
use entry::{Entry, Table};
use ports::{ClosedFirst, Fault, FaultKind};
pub use rest::RESTING_MAX;
use rest::Rest;
use std::cell::Cell;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::{Duration, Instant};
use sys::Errno;
use sys::epoll::{Epoll, Interest, Ready};
use sys::waker::Waker;
use sys::{socket, sockopt, tcp_info};

/// Tokens at and above this one are listeners; `TOKEN_WAKER` is the waker.
const TOKEN_LISTENER: u64 = 1 << 63;
const TOKEN_WAKER: u64 = u64::MAX;

/// How soon a shortage (buffers, file descriptors) is looked at again.
const SHORTAGE_RETRY: Duration = Duration::from_millis(5);

/// Completions handed out before a connection that waits to be accepted has its turn.
const COMPLETIONS_PER_ACCEPT_MAX: u32 = 64;

/// Room made at once for connections that wait unregistered; small loads then never make the list grow.
const UNWATCHED_AT_FIRST: usize = 64;

/// Connections without bytes met in a row before the rest of a batch is registered untried.
const UNWATCHED_MISSES_MAX: u32 = 2;

/// Completions that wait to be told, above which nothing more is received.
const READ_AHEAD_MAX: usize = 256;

/// Seconds until a silent peer is asked whether it is there, between questions, and how often before it counts as gone.
const SILENT_PEER: (i32, i32, i32) = (60, 15, 4);

/// Bounds of one reactor.
#[derive(Clone, Copy, Debug)]
pub struct EpollConfig {
    /// Buffers of [`crate::buf::BUF_BYTES`] at most; a recv waits when all are in use.
    pub buffers_max: usize,
    /// Connections at most; accepting pauses and connecting fails beyond it.
    pub connections_max: usize,
    /// Pipes at most, for bytes that are passed on unseen; two files each. Without one they are copied.
    pub pipes_max: usize,
    /// Measure what calls of connect(2) cost: the first, then one of eight, and while they are slow each one. It costs two more
    /// system calls.
    pub times_connects: bool,
    /// Use sockets of connections that are over again: see [`RESTING_MAX`] for how many may wait for that.
    pub reuses_sockets: bool,
    /// Of connections that are opened in one go, send no first bytes before the last has been opened: whoever accepts them
    /// is woken once for many.
    pub greets_late: bool,
    /// When its time begins. Reactors made by copies of one configuration have one clock.
    pub epoch: Instant,
}

impl Default for EpollConfig {
    fn default() -> Self {
        Self {
            buffers_max: 16 * 1024,
            connections_max: 1 << 20,
            pipes_max: 64,
            times_connects: false,
            reuses_sockets: false,
            greets_late: false,
            epoch: Instant::now(),
        }
    }
}

/// One epoll event loop; belongs to the thread that made it.
pub struct EpollReactor {
    epoll: Epoll,
    waker: Waker,
    start: Instant,
    /// The time as it was told last, until the next wait.
    told: Cell<Option<Duration>>,
    pool: BufPool,
    pipes: Pipes,
    table: Table,
    listeners: Vec<Option<Listener>>,
    /// Some listener has connections to take.
    batch_begun: bool,
    completions: VecDeque<Completion>,
    /// Completions handed out since a connection was last looked for.
    since_accept: u32,
    /// Connections that wait for bytes but are not registered yet.
    unwatched: Vec<ConnId>,
    /// Connections whose recv waits for a buffer, or for its turn.
    starved: VecDeque<ConnId>,
    shortages: Shortages,
    timing: connect::Timing,
    connect_cost: Option<Duration>,
    /// Sockets that can be used again, where they are.
    rest: Option<Rest>,
    sockets_reused: u64,
    greets_late: bool,
    /// Connections whose first bytes are yet to be sent.
    ungreeted: Vec<(ConnId, Outgoing)>,
}

impl EpollReactor {
    /// Errors: EMFILE, ENFILE, ENOMEM.
    pub fn new(config: EpollConfig) -> Result<Self, Fault> {
        Self::with_waker(config, Waker::new().map_err(fault)?)
    }

    /// One that `waker` wakes: for those who have to know the waker before the event loop is there.
    ///
    /// Errors: EMFILE, ENFILE, ENOMEM.
    pub(crate) fn with_waker(config: EpollConfig, waker: Waker) -> Result<Self, Fault> {
        let epoll = Epoll::new().map_err(fault)?;
        epoll.add(&waker, TOKEN_WAKER, Interest::Level).map_err(fault)?;
        Ok(Self {
            epoll,
            waker,
            start: config.epoch,
            told: Cell::new(None),
            pool: BufPool::new(config.buffers_max),
            pipes: Pipes::new(config.pipes_max),
            table: Table::new(config.connections_max),
            listeners: Vec::new(),
            batch_begun: false,
            completions: VecDeque::new(),
            since_accept: 0,
            unwatched: Vec::with_capacity(UNWATCHED_AT_FIRST),
            starved: VecDeque::new(),
            shortages: Shortages::default(),
            timing: connect::Timing::new(config.times_connects),
            connect_cost: None,
            rest: config.reuses_sockets.then(Rest::default),
            sockets_reused: 0,
            greets_late: config.greets_late,
            ungreeted: Vec::with_capacity(connect::UNGREETED_MAX),
        })
    }

    /// A handle that wakes this reactor from another thread ([`Completion::Woken`]).
    pub fn waker(&self) -> Waker {
        self.waker.clone()
    }

    /// Sockets that were used again.
    pub fn sockets_reused(&self) -> u64 {
        self.sockets_reused
    }

    /// Open connections.
    pub fn open_connections(&self) -> usize {
        self.table.len()
    }

    /// Registers connections that still wait. While a batch of others was handled their bytes may have come: the
    /// oldest are tried once more, until two in a row have nothing, and each that has saves its registration.
    fn watch_the_unwatched(&mut self) {
        let mut misses = 0;
        let count = self.unwatched.len();
        for index in 0..count {
            let conn = self.unwatched[index];
            let waits = |entry: &Entry| entry.recv.is_waiting() && !entry.watched && !entry.connecting;
            if !self.table.get(conn).is_some_and(waits) {
                continue;
            }
            if misses < UNWATCHED_MISSES_MAX && self.has_bytes_now(conn) {
                misses = 0;
            } else {
                misses += 1;
                self.watch(conn, Interest::Read);
            }
        }
        // What a retry left waiting again was put behind them: it comes next turn.
        self.unwatched.drain(..count);
    }

    /// Tries a waiting recv once more; whether it completed.
    fn has_bytes_now(&mut self, conn: ConnId) -> bool {
        if let Some(entry) = self.table.get_mut(conn) {
            entry.maybe_readable = true;
        }
        self.try_recv(conn);
        !self.table.get(conn).is_some_and(|entry| entry.recv.is_waiting())
    }

    fn watch(&mut self, conn: ConnId, interest: Interest) {
        let Some(entry) = self.table.get_mut(conn) else { return };
        let token = token_of(ConnId { generation: entry.watched_as, ..conn });
        let result = if entry.watched {
            self.epoll.modify(&entry.fd, token, interest)
        } else {
            self.epoll.add(&entry.fd, token, interest)
        };
        match result {
            Ok(()) => {
                entry.watched = true;
                entry.watched_for_write |= interest == Interest::ReadWrite;
            }
            Err(errno) => {
                self.shortages.unwatchable += 1;
                self.break_operations(conn, fault(errno));
            }
        }
    }

    /// Ends what is in flight on a connection that cannot go on.
    fn break_operations(&mut self, conn: ConnId, fault: Fault) {
        let Some(entry) = self.table.get_mut(conn) else { return };
        if entry.connecting {
            return self.fail_connect(conn, fault);
        }
        entry.broken = Some(fault);
        if entry.send.take().is_some() {
            self.completions.push_back(Completion::Sent { conn, result: Err(fault) });
        }
        if entry.recv.take_waiting().is_some() {
            self.completions.push_back(Completion::Received { conn, result: Err(fault) });
        }
    }

    /// By the time that the application went by last, if it has asked: the clock is not read again for what it took since.
    fn wait_time(&self, until: Option<Duration>) -> Option<Duration> {
        let told = self.told.take();
        if !self.completions.is_empty() {
            return Some(Duration::ZERO);
        }
        let short = !self.starved.is_empty() || self.listeners.iter().flatten().any(Listener::is_paused);
        let until = until.map(|at| at.saturating_sub(told.unwrap_or_else(|| self.start.elapsed())));
        match (short, until) {
            (true, Some(time)) => Some(time.min(SHORTAGE_RETRY)),
            (true, None) => Some(SHORTAGE_RETRY),
            (false, time) => time,
        }
    }

    fn handle_event(&mut self, ready: Ready) {
        if ready.token == TOKEN_WAKER {
            self.waker.clear();
            self.completions.push_back(Completion::Woken);
        } else if ready.token & TOKEN_LISTENER != 0 {
            self.begin_batch((ready.token & !TOKEN_LISTENER) as usize);
        } else {
            self.handle_conn_event(conn_of(ready.token), ready);
        }
    }

    fn handle_conn_event(&mut self, conn: ConnId, ready: Ready) {
        let Some(conn) = self.table.watched_as(conn) else { return };
        let Some(entry) = self.table.get_mut(conn) else { return };
        if ready.readable || ready.peer_fin || ready.broken {
            entry.maybe_readable = true;
            entry.fin_announced |= ready.peer_fin || ready.broken;
        }
        if entry.connecting {
            if ready.writable || ready.broken {
                self.finish_connect(conn, ready.broken);
            }
            return;
        }
        if (ready.writable || ready.broken) && entry.send.is_some() {
            self.continue_send(conn);
        }
        if self.completions.len() < READ_AHEAD_MAX {
            self.try_recv(conn);
        } else {
            self.put_off(conn);
        }
    }

    /// What waits to be told holds its buffer: so many are enough. This one is received with the next turn.
    fn put_off(&mut self, conn: ConnId) {
        if let Some(entry) = self.table.get_mut(conn)
            && entry.recv.is_waiting()
            && !std::mem::replace(&mut entry.put_off, true)
        {
            self.starved.push_back(conn);
        }
    }

    fn feed_the_starved(&mut self) {
        for _ in 0..self.starved.len() {
            if self.completions.len() >= READ_AHEAD_MAX {
                return;
            }
            let Some(conn) = self.starved.pop_front() else { return };
            if let Some(entry) = self.table.get_mut(conn) {
                entry.put_off = false;
            }
            self.try_recv(conn);
        }
    }
}

impl Questions for EpollReactor {
    fn now(&self) -> Duration {
        let now = self.start.elapsed();
        self.told.set(Some(now));
        now
    }

    fn wall_clock(&self) -> Duration {
        // A clock before 1970 is as good as one at its start.
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default()
    }

    fn listener_address(&self, listener: ListenerId) -> Option<SocketAddr> {
        let listener = self.listeners.get(listener.0 as usize)?.as_ref()?;
        listener.address.ip()
    }

    fn waiting(&self, listener: ListenerId) -> Option<usize> {
        let queue = self.listeners.get(listener.0 as usize)?.as_ref()?.queue()?;
        let here = |completion: &&Completion| matches!(completion, Completion::Accepted { listener: at, .. } if *at == listener);
        Some(queue + self.completions.iter().filter(here).count())
    }

    fn local_address(&self, conn: ConnId) -> Option<SocketAddr> {
        socket::local_address(&self.table.get(conn)?.fd).ok()
    }

    fn probe(&self, conn: ConnId) -> Probe {
        self.table.get(conn).map_or(Probe::Broken(Fault::of(FaultKind::Other)), Entry::probe)
    }

    fn is_receiving(&self, conn: ConnId) -> bool {
        self.table.get(conn).is_some_and(|entry| entry.recv.is_waiting())
    }

    fn unacknowledged_bytes(&self, conn: ConnId) -> Option<usize> {
        sockopt::unacknowledged_bytes(&self.table.get(conn)?.fd).ok()
    }

    fn timestamps(&self, conn: ConnId) -> Option<bool> {
        tcp_info::tcp_info(&self.table.get(conn)?.fd).ok().map(|info| info.timestamps())
    }

    fn buffers_are_scarce(&self) -> bool {
        self.pool.is_scarce()
    }

    fn shortages(&self) -> Shortages {
        self.shortages
    }

    fn connect_cost(&self) -> Option<Duration> {
        self.connect_cost
    }
}

impl Reactor for EpollReactor {
    fn listen(&mut self, plan: &ListenPlan) -> Result<ListenerId, Fault> {
        self.start_listening(plan)
    }

    fn adopt_listener(&mut self, listening: Listening) -> Result<ListenerId, Fault> {
        let address = listening.address();
        let socket: Arc<bind::Door> = listening.socket().ok_or(Fault::of(FaultKind::Other))?;
        socket.open(address)?;
        self.start_accepting(socket, address)
    }

    fn set_accepting(&mut self, listener: ListenerId, accepting: bool) {
        self.set_listener_accepting(listener.0 as usize, accepting);
    }

    fn close_listener(&mut self, listener: ListenerId) {
        self.let_listener_go(listener.0 as usize);
    }

    fn shut_listener(&mut self, listener: ListenerId) -> bool {
        self.shut_door(listener.0 as usize)
    }

    fn connect(&mut self, plan: &ConnectPlan, first: Outgoing) -> Result<ConnId, Fault> {
        // There is no layer above: what was to be secured does not go in the clear.
        if plan.profile.is_some() {
            return Err(Fault::of(FaultKind::Handshake));
        }
        self.start_connect(plan, first)
    }

    fn recv(&mut self, conn: ConnId, partial: Option<Buf>) {
        self.start_recv(conn, partial);
    }

    fn recv_through(&mut self, conn: ConnId, _to: ConnId) {
        self.start_recv_through(conn);
    }

    fn recv_away(&mut self, conn: ConnId, bytes: NonZeroU32) {
        self.start_recv_for(conn, entry::Partial::None, entry::Whither::Away(bytes));
    }

    fn send(&mut self, conn: ConnId, out: Outgoing) {
        self.start_send(conn, out);
    }

    fn send_piped(&mut self, conn: ConnId, piped: Piped) {
        self.start_send_piped(conn, piped);
    }

    fn send_at_once(&mut self, conn: ConnId, out: Outgoing) -> bool {
        self.try_send(conn, out)
    }

    fn watch_peer(&mut self, conn: ConnId) {
        if let Some(entry) = self.table.get(conn) {
            let (idle_s, interval_s, count) = SILENT_PEER;
            let _only_its_own_bound_is_missing = sockopt::set_keep_alive(&entry.fd, idle_s, interval_s, count);
        }
    }

    fn shutdown_write(&mut self, conn: ConnId) {
        let Some(entry) = self.table.get_mut(conn) else { return };
        if entry.connecting || entry.our_fin_sent {
            return;
        }
        entry.our_fin_sent = true;
        let _gone_already = socket::shutdown_write(&entry.fd);
        if entry.closed_first.is_none() {
            entry.closed_first = entry.ask_who_closed_first();
        }
    }

    fn close(&mut self, conn: ConnId, how: Close) -> CloseOutcome {
        if self.rest.is_some()
            && let Some(who) = self.put_to_rest(conn, how)
        {
            return CloseOutcome::Closed(Some(who));
        }
        let was_open = self.table.get(conn).is_some();
        let outcome = self.close_and_retire(conn, how);
        if was_open && outcome != CloseOutcome::Unread {
            self.table.recycle(conn);
        }
        outcome
    }

    fn take_buf(&mut self) -> Option<Buf> {
        self.pool.take()
    }

    fn turn(&mut self, until: Option<Duration>) {
        self.greet();
        self.feed_the_starved();
        self.watch_the_unwatched();
        let wait = self.wait_time(until);
        if self.epoll.wait(wait).is_err() {
            return;
        }
        for index in 0..self.epoll.len() {
            self.handle_event(self.epoll.event(index));
        }
        self.resume_paused_listeners();
    }

    fn poll_completion(&mut self) -> Option<Completion> {
        loop {
            if self.since_accept >= COMPLETIONS_PER_ACCEPT_MAX {
                self.accept_ahead();
            }
            while let Some(completion) = self.completions.pop_front() {
                if self.is_for_the_living(&completion) {
                    self.since_accept += 1;
                    self.recycle_if_last(&completion);
                    return Some(completion);
                }
            }
            self.since_accept = 0;
            if !self.greet() && !self.accept_next() {
                return None;
            }
        }
    }
}

impl EpollReactor {
    /// Closes; the slot stays taken until the application knows of it.
    fn close_and_retire(&mut self, conn: ConnId, how: Close) -> CloseOutcome {
        let Some(entry) = self.table.get_mut(conn) else { return CloseOutcome::Closed(None) };
        let who = if entry.connecting {
            None
        } else {
            match entry.who_closes(how) {
                Some(who) => Some(who),
                None => return CloseOutcome::Unread,
            }
        };
        if who == Some(ClosedFirst::RstSent) && how == Close::Reset {
            let _gone_already = sockopt::set_linger_reset(&entry.fd);
        }
        self.table.retire(conn);
        CloseOutcome::Closed(who)
    }

    /// Reporting the end of a connection is the last the application hears of it.
    fn recycle_if_last(&mut self, completion: &Completion) {
        match completion {
            Completion::Connected { conn, result: Err(_) }
            | Completion::Closed { conn, outcome: CloseOutcome::Closed(_) } => self.table.recycle(*conn),
            _ => {}
        }
    }

    /// Completions for connections closed meanwhile are dropped, the reports of their end excepted.
    fn is_for_the_living(&self, completion: &Completion) -> bool {
        match completion {
            Completion::Received { conn, .. } | Completion::Sent { conn, .. } => self.table.get(*conn).is_some(),
            Completion::Connected { conn, result: Ok(()) } => self.table.get(*conn).is_some(),
            _ => true,
        }
    }
}

fn fault(errno: Errno) -> Fault {
    Fault::from_errno(errno.raw_os_error())
}

fn token_of(conn: ConnId) -> u64 {
    (u64::from(conn.generation) << 32) | u64::from(conn.index)
}

fn conn_of(token: u64) -> ConnId {
    ConnId { index: token as u32, generation: (token >> 32) as u32 }
}
