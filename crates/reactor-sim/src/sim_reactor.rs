//! The [`Reactor`] of one simulated host.

use super::host::Tenant;
use super::net::Net;
use ports::Fault;
use reactor::buf::Buf;
use reactor::conn::{ConnId, ListenerId};
use reactor::face::{Close, CloseOutcome, Completion, ConnectPlan, ListenPlan, Outgoing, Probe, Questions, Reactor};
use reactor::{ListenError, Listening, Piped};
use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

/// A reactor whose sockets, peers and clock are simulated.
pub struct SimReactor {
    pub(super) net: Rc<RefCell<Net>>,
    pub(super) host: usize,
    /// Has the program on this host been started?
    pub(super) started: bool,
}

impl SimReactor {
    pub(super) fn new(net: Rc<RefCell<Net>>, host: usize) -> Self {
        Self { net, host, started: false }
    }

    /// Does what a waker does: the program finds [`Completion::Woken`].
    pub fn wake(&self) {
        self.net.borrow_mut().push(self.host, Completion::Woken);
    }

    /// 4-tuples of this host in TIME_WAIT now.
    pub fn time_waits(&self) -> usize {
        let net = self.net.borrow();
        net.machines[net.hosts[self.host].machine].tuples.time_waits(net.now)
    }

    /// Another event loop on this host: with the same addresses and 4-tuples, with bounds of its own.
    pub fn sibling(&self) -> Self {
        let host = self.net.borrow_mut().add_sibling(self.host);
        Self::new(Rc::clone(&self.net), host)
    }

    /// As `reactor::epoll::listen` does: sockets that listen at the address of `plan`, to be adopted by event loops of
    /// this host.
    pub fn bind_listeners(&self, plan: &ListenPlan, count: usize) -> Result<Vec<Listening>, ListenError> {
        let net = &mut *self.net.borrow_mut();
        let machine = net.hosts[self.host].machine;
        let failed = |fault| ListenError::new(plan, fault);
        let first = net.bind(machine, plan, true).map_err(failed)?;
        let others = ListenPlan { address: first.address(), ..plan.clone() };
        let mut all = vec![first];
        for _ in 1..count {
            all.push(net.bind(machine, &others, false).map_err(failed)?);
        }
        Ok(all)
    }

    /// Connections the program has open (or has not been told the end of).
    pub fn connections(&self) -> usize {
        self.net.borrow().hosts[self.host].tenants()
    }

    /// Serves those that waited for a buffer; is anything ready then?
    pub(super) fn prepare(&mut self) -> bool {
        let net = &mut *self.net.borrow_mut();
        net.retry_starved(self.host);
        let host = &mut net.hosts[self.host];
        host.shuffle_ready(&mut net.rng, net.weather.reorder);
        host.is_ready()
    }

    fn with_live<T>(&self, conn: ConnId, look: impl Fn(&super::flow::End) -> T) -> Option<T> {
        let net = self.net.borrow();
        match net.hosts[self.host].tenant(conn) {
            Tenant::Live(id) => net.flows.get(&id.flow).map(|ends| look(&ends[id.side])),
            Tenant::None | Tenant::Ended(_) => None,
        }
    }
}

/// When a simulation begins: in the night to the year 2000.
const WALL_CLOCK_AT_START: Duration = Duration::from_secs(946_684_790);

impl Questions for SimReactor {
    fn now(&self) -> Duration {
        self.net.borrow().now
    }

    fn wall_clock(&self) -> Duration {
        WALL_CLOCK_AT_START + self.now()
    }

    fn listener_address(&self, listener: ListenerId) -> Option<SocketAddr> {
        let net = &mut *self.net.borrow_mut();
        let door = net.door_of(self.host, listener)?;
        Some(net.door(door).address)
    }

    fn waiting(&self, listener: ListenerId) -> Option<usize> {
        let net = &mut *self.net.borrow_mut();
        let door = net.door_of(self.host, listener)?;
        Some(net.door(door).queue.len() + net.hosts[self.host].accepted_unheard(listener))
    }

    fn local_address(&self, conn: ConnId) -> Option<SocketAddr> {
        self.with_live(conn, |end| end.local)
    }

    fn probe(&self, conn: ConnId) -> Probe {
        self.net.borrow_mut().probe(self.host, conn)
    }

    fn is_receiving(&self, conn: ConnId) -> bool {
        self.with_live(conn, |end| end.recv.is_some()).unwrap_or(false)
    }

    fn unacknowledged_bytes(&self, conn: ConnId) -> Option<usize> {
        let told = self.net.borrow().hosts[self.host].config.tells_unacknowledged;
        self.with_live(conn, |end| end.outstanding()).filter(|_| told)
    }

    fn timestamps(&self, conn: ConnId) -> Option<bool> {
        self.with_live(conn, |end| end.timestamps)
    }
}

impl Reactor for SimReactor {
    fn listen(&mut self, plan: &ListenPlan) -> Result<ListenerId, Fault> {
        self.net.borrow_mut().listen(self.host, plan)
    }

    fn adopt_listener(&mut self, listening: Listening) -> Result<ListenerId, Fault> {
        self.net.borrow_mut().adopt(self.host, listening)
    }

    fn set_accepting(&mut self, listener: ListenerId, accepting: bool) {
        self.net.borrow_mut().set_accepting(self.host, listener, accepting);
    }

    fn close_listener(&mut self, listener: ListenerId) {
        self.net.borrow_mut().close_listener(self.host, listener);
    }

    fn shut_listener(&mut self, listener: ListenerId) -> bool {
        self.net.borrow_mut().shut_listener(self.host, listener)
    }

    fn connect(&mut self, plan: &ConnectPlan, first: Outgoing) -> Result<ConnId, Fault> {
        if plan.profile.is_some() {
            return Err(Fault::of(ports::FaultKind::Handshake));
        }
        self.net.borrow_mut().connect(self.host, plan, first)
    }

    fn recv(&mut self, conn: ConnId, partial: Option<Buf>) {
        self.net.borrow_mut().recv(self.host, conn, partial);
    }

    fn send(&mut self, conn: ConnId, out: Outgoing) {
        self.net.borrow_mut().send(self.host, conn, out);
    }

    fn recv_through(&mut self, conn: ConnId, _to: ConnId) {
        self.net.borrow_mut().recv_through(self.host, conn);
    }

    fn send_piped(&mut self, conn: ConnId, piped: Piped) {
        self.net.borrow_mut().send_piped(self.host, conn, piped);
    }

    fn send_at_once(&mut self, conn: ConnId, out: Outgoing) -> bool {
        self.net.borrow_mut().send_at_once(self.host, conn, out)
    }

    fn shutdown_write(&mut self, conn: ConnId) {
        self.net.borrow_mut().shutdown_write(self.host, conn);
    }

    fn close(&mut self, conn: ConnId, how: Close) -> CloseOutcome {
        self.net.borrow_mut().close(self.host, conn, how)
    }

    fn take_buf(&mut self) -> Option<Buf> {
        let net = &mut *self.net.borrow_mut();
        // At time zero programs set themselves up: a shortage then would end the run before it began.
        if net.now > Duration::ZERO && net.rng.chance(net.weather.no_buffers) {
            net.injected.no_buffers += 1;
            return None;
        }
        net.hosts[self.host].buffers.take()
    }

    fn turn(&mut self, until: Option<Duration>) {
        while !self.prepare() {
            let net = &mut *self.net.borrow_mut();
            let due = |at: &Duration| until.is_none_or(|until| *at <= until);
            match net.next_event_at().filter(due) {
                Some(at) => net.advance_to(at),
                None => return net.advance_to(until.unwrap_or(net.now)),
            }
        }
    }

    fn poll_completion(&mut self) -> Option<Completion> {
        let net = &mut *self.net.borrow_mut();
        net.retry_starved(self.host);
        net.hosts[self.host].pop()
    }
}
