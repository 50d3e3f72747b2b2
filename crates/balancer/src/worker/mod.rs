//! One core's share of the balancer: an application over any reactor.
//!
//! Each file holds one stretch of a request's life: [`client`](self) reads heads, `request` passes bodies up,
//! `upstream` chooses and connects, `pool` keeps and retires server connections, `response` passes answers down,
//! `closing` ends connections by policy, `queue` lets requests wait for a local port, `tunnel` joins upgraded ones,
//! `time` fires time-outs.

mod answer;
mod client;
mod closing;
mod pool;
mod queue;
mod request;
mod response;
mod setup;
mod state;
mod time;
mod tunnel;
mod upstream;

use balancer_core::{Counters, Settings};
use ports::Fault;
use reactor::{App, Completion, ConnId, ConnMap, Reactor, TimerWheel};
use setup::{BackendSet, Listener};
use state::{Client, Upstream};
use std::sync::Arc;
use std::time::Duration;
use time::TimerKey;

use crate::control::Control;

pub use setup::WorkerShare;

/// The balancer of one core.
pub struct Worker {
    listeners: Vec<Listener>,
    sets: Vec<BackendSet>,
    clients: ConnMap<Client>,
    servers: ConnMap<Upstream>,
    wheel: TimerWheel<TimerKey>,
    counters: Counters,
    control: Arc<Control>,
    /// Time of this turn; `None` until somebody asks.
    now: Option<Duration>,
    draining: bool,
    drain_deadline: Option<Duration>,
    done: bool,
}

impl Worker {
    /// A worker with its share of the ports. Listens when it is started.
    pub fn new(settings: &Settings, share: WorkerShare, control: Arc<Control>) -> Self {
        Self {
            listeners: settings.listeners.iter().map(Listener::new).collect(),
            sets: settings.backend_sets.iter().map(|set| BackendSet::new(set, share)).collect(),
            clients: ConnMap::default(),
            servers: ConnMap::default(),
            wheel: TimerWheel::new(),
            counters: Counters::default(),
            control,
            now: None,
            draining: false,
            drain_deadline: None,
            done: false,
        }
    }

    /// What was counted so far.
    pub fn counters(&self) -> Counters {
        let mut counters = self.counters.clone();
        counters.clients_open = self.clients.len() as u64;
        counters.servers_open = self.servers.len() as u64;
        counters
    }

    fn now<R: Reactor>(&mut self, io: &R) -> Duration {
        *self.now.get_or_insert_with(|| io.now())
    }

    /// Stops accepting, lets requests in flight finish within `patience`, closes what is idle.
    pub fn handle_drain<R: Reactor>(&mut self, patience: Duration, io: &mut R) {
        if self.draining {
            return;
        }
        self.draining = true;
        let until = self.now(io) + patience;
        self.drain_deadline = Some(until);
        self.wheel.set(until, TimerKey::Drain);
        for listener in &self.listeners {
            if let Some(id) = listener.id {
                io.close_listener(id);
            }
        }
        self.close_idle_connections(io);
        self.check_done();
    }

    fn check_done(&mut self) {
        self.done = self.draining && self.clients.is_empty() && self.servers.is_empty();
    }

    fn handle_woken<R: Reactor>(&mut self, io: &mut R) {
        if let Some(patience) = self.control.drain_asked() {
            self.handle_drain(patience, io);
        }
        self.control.publish(self.counters());
    }
}

impl<R: Reactor> App<R> for Worker {
    fn start(&mut self, io: &mut R) -> Result<(), Fault> {
        for listener in &mut self.listeners {
            listener.id = Some(io.listen(&listener.plan)?);
        }
        Ok(())
    }

    fn handle_completion(&mut self, completion: Completion, io: &mut R) {
        match completion {
            Completion::Accepted { listener, conn, peer } => self.handle_accepted(listener, conn, peer, io),
            Completion::AcceptFailed { .. } => self.counters.accept_paused += 1,
            Completion::Connected { conn, result } => self.handle_connected(conn, result, io),
            Completion::Received { conn, result } => {
                if self.is_client(conn) {
                    self.handle_client_received(conn, result, io);
                } else {
                    self.handle_server_received(conn, result, io);
                }
            }
            Completion::Sent { conn, result } => {
                if self.is_client(conn) {
                    self.handle_client_sent(conn, result, io);
                } else {
                    self.handle_server_sent(conn, result, io);
                }
            }
            Completion::Closed { conn, outcome } => self.handle_client_closed(conn, outcome, io),
            Completion::Woken => self.handle_woken(io),
        }
    }

    fn handle_time(&mut self, io: &mut R) {
        self.now = None;
        if self.wheel.poll_deadline().is_some_and(|at| at <= self.now(io)) {
            self.expire(io);
        }
        self.now = None;
    }

    fn poll_deadline(&self) -> Option<Duration> {
        self.wheel.poll_deadline()
    }

    fn is_done(&self) -> bool {
        self.done
    }
}

impl Worker {
    fn is_client(&self, conn: ConnId) -> bool {
        self.clients.get(conn).is_some()
    }
}
