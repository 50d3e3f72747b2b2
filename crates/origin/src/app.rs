//! The origin as an application over a reactor: connections come, time passes, connections go.

use crate::conn::{Asked, Conn, Phase};
use crate::counters::Counters;
use crate::plan::OriginPlan;
use http::Limits;
use http1::HeadScan;
use ports::Fault;
use reactor::{
    App, Close, CloseOutcome, Completion, ConnId, ConnMap, Deadline, Fired, Inbox, ListenPlan, ListenerId, Listening,
    Mail, Reactor, Received, TimerWheel,
};
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

/// Bytes read after our FIN before the connection is given up.
const LINGER_BYTES_MAX: usize = 1 << 20;

/// What an origin can be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// End at once, open connections included. So does a mailbox that is closed.
    Stop,
}

/// One worker of an origin.
pub struct Origin {
    pub(crate) plan: OriginPlan,
    pub(crate) hello: Rc<str>,
    pub(crate) limits: Limits,
    pub(crate) conns: ConnMap<Conn>,
    pub(crate) counters: Counters,
    timers: TimerWheel<ConnId>,
    /// To be adopted at the start.
    socket: Option<Listening>,
    listener: Option<ListenerId>,
    address: Option<SocketAddr>,
    paused: bool,
    orders: Inbox<Order>,
    done: bool,
}

impl Origin {
    /// An origin that listens by itself, where `plan` says, and obeys `orders`.
    pub fn new(plan: OriginPlan, orders: Inbox<Order>) -> Self {
        Self {
            hello: format!("Hello from {}, a quintet origin.\n", plan.name).into(),
            plan,
            limits: Limits::default(),
            conns: ConnMap::default(),
            counters: Counters::default(),
            timers: TimerWheel::new(),
            socket: None,
            listener: None,
            address: None,
            paused: false,
            orders,
            done: false,
        }
    }

    /// An origin that accepts from `socket`.
    pub fn on(socket: Listening, plan: OriginPlan, orders: Inbox<Order>) -> Self {
        Self { socket: Some(socket), ..Self::new(plan, orders) }
    }

    /// Where it listens, once started.
    pub fn address(&self) -> Option<SocketAddr> {
        self.address
    }

    /// What was counted so far.
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// Open connections.
    pub fn connections(&self) -> usize {
        self.conns.len()
    }

    /// Lets the answer wait.
    pub(crate) fn delay<R: Reactor>(&mut self, id: ConnId, asked: Asked, ms: u64, io: &mut R) {
        let Some(conn) = self.conns.get_mut(id) else { return };
        conn.phase = Phase::Delaying(asked);
        conn.deadline.set(io.now() + Duration::from_millis(ms), id, &mut self.timers);
    }

    /// A shortage of ours: the connection cannot go on.
    pub(crate) fn give_up<R: Reactor>(&mut self, id: ConnId, io: &mut R) {
        self.counters.shortages += 1;
        self.close(id, Close::Discard, io);
    }

    /// Closes; where a FIN would become a reset, sends the FIN and reads on within limits.
    pub(crate) fn close<R: Reactor>(&mut self, id: ConnId, how: Close, io: &mut R) {
        match io.close(id, how) {
            CloseOutcome::Unread => self.start_linger(id, io),
            CloseOutcome::Closed(who) => {
                who.into_iter().for_each(|who| self.counters.closes.record(who));
                self.forget(id, io);
            }
        }
    }

    pub(crate) fn linger<R: Reactor>(&mut self, id: ConnId, io: &mut R) {
        let Some(conn) = self.conns.get_mut(id) else { return };
        let Phase::Lingering { left } = &mut conn.phase else { return };
        let came = conn.input.take().map_or(0, |input| input.len());
        match left.checked_sub(came) {
            Some(rest) => {
                *left = rest;
                io.recv(id, None);
            }
            None => self.close(id, Close::Discard, io),
        }
    }

    fn start_linger<R: Reactor>(&mut self, id: ConnId, io: &mut R) {
        let Some(conn) = self.conns.get_mut(id) else { return };
        conn.phase = Phase::Lingering { left: LINGER_BYTES_MAX };
        conn.input = None;
        io.shutdown_write(id);
        io.recv(id, None);
    }

    fn forget<R: Reactor>(&mut self, id: ConnId, io: &mut R) {
        if let Some(mut conn) = self.conns.remove(id) {
            conn.deadline.cancel(&mut self.timers);
        }
        if self.paused && self.conns.len() < self.plan.connections_max {
            self.set_accepting(true, io);
        }
    }

    fn set_accepting<R: Reactor>(&mut self, accepting: bool, io: &mut R) {
        if let Some(listener) = self.listener {
            self.paused = !accepting;
            io.set_accepting(listener, accepting);
        }
    }

    fn handle_accepted<R: Reactor>(&mut self, id: ConnId, io: &mut R) {
        self.counters.accepted += 1;
        let phase = Phase::Head(HeadScan::default());
        self.conns.insert(id, Conn { phase, input: None, persists: true, deadline: Deadline::default() });
        self.note_activity(id, io);
        if self.conns.len() >= self.plan.connections_max {
            self.set_accepting(false, io);
        }
        io.recv(id, None);
    }

    /// Something happened on this connection: it is not idle.
    fn note_activity<R: Reactor>(&mut self, id: ConnId, io: &R) {
        if let Some(conn) = self.conns.get_mut(id) {
            conn.deadline.set(io.now() + self.plan.idle_timeout, id, &mut self.timers);
        }
    }

    fn handle_received<R: Reactor>(&mut self, id: ConnId, result: Result<Received, Fault>, io: &mut R) {
        self.note_activity(id, io);
        let Some(conn) = self.conns.get_mut(id) else { return };
        match result {
            Ok(Received::Data(buf)) => {
                conn.input = Some(buf);
                self.handle_input(id, io);
            }
            Ok(Received::Eof(_) | Received::Piped(_) | Received::Dropped(_)) => self.close(id, Close::Fin, io),
            Err(_) => self.close(id, Close::Discard, io),
        }
    }

    fn handle_timer<R: Reactor>(&mut self, id: ConnId, io: &mut R) {
        let Some(conn) = self.conns.get_mut(id) else { return };
        if conn.deadline.handle_timer(io.now(), id, &mut self.timers) == Fired::Early {
            return;
        }
        match conn.phase {
            Phase::Delaying(asked) => {
                self.note_activity(id, io);
                self.answer(id, asked, io);
            }
            _ => {
                self.counters.idle += 1;
                self.close(id, Close::Discard, io);
            }
        }
    }

    fn obey<R: Reactor>(&mut self, io: &mut R) {
        while let Some(mail) = self.orders.poll() {
            match mail {
                Mail::Order(Order::Stop) | Mail::Closed => self.stop(io),
            }
        }
    }

    fn stop<R: Reactor>(&mut self, io: &mut R) {
        self.done = true;
        if let Some(listener) = self.listener.take() {
            io.close_listener(listener);
        }
        let open: Vec<ConnId> = self.conns.iter().map(|(id, _)| id).collect();
        for id in open {
            self.close(id, Close::Discard, io);
        }
    }
}

impl<R: Reactor> App<R> for Origin {
    fn start(&mut self, io: &mut R) -> Result<(), Fault> {
        let listener = match self.socket.take() {
            Some(socket) => io.adopt_listener(socket)?,
            None => io.listen(&ListenPlan::new(self.plan.listen))?,
        };
        self.address = io.listener_address(listener);
        self.listener = Some(listener);
        Ok(())
    }

    fn handle_completion(&mut self, completion: Completion, io: &mut R) {
        match completion {
            Completion::Accepted { conn, .. } => self.handle_accepted(conn, io),
            Completion::AcceptFailed { .. } => self.counters.accept_failed += 1,
            Completion::Received { conn, result } => self.handle_received(conn, result, io),
            Completion::Sent { conn, result: Ok(()) } => {
                self.note_activity(conn, io);
                self.handle_sent(conn, io);
            }
            Completion::Sent { conn, result: Err(_) } => self.close(conn, Close::Discard, io),
            Completion::Closed { conn, outcome: CloseOutcome::Unread } => self.start_linger(conn, io),
            Completion::Closed { conn, outcome: CloseOutcome::Closed(who) } => {
                who.into_iter().for_each(|who| self.counters.closes.record(who));
                self.forget(conn, io);
            }
            // An origin opens no connection, and lets everybody in.
            Completion::Connected { .. } | Completion::Arrived { .. } | Completion::Departed { .. } => {}
            Completion::Woken => self.obey(io),
        }
    }

    fn handle_time(&mut self, io: &mut R) {
        while let Some(id) = self.timers.pop_due(io.now()) {
            self.handle_timer(id, io);
        }
    }

    fn poll_deadline(&self) -> Option<Duration> {
        self.timers.poll_deadline()
    }

    fn is_done(&self) -> bool {
        self.done
    }
}
