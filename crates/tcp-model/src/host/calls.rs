//! The calls of an application: bind, connect, accept, send.

use super::{Connection, FLOWS_MAX, Host, State, order};
use crate::counter::Counter;
use crate::decide::clock::Flow;
use crate::decide::port_choice::{self, BindVerdict};
use crate::decide::time_wait::{Recent, TimeWait};
use crate::decide::{client, isn};
use crate::segment::Flags;
use core::time::Duration;

/// A socket of a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SocketId(pub(super) usize);

/// A socket: options, port, connection.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Socket {
    pub(super) reuse_address: bool,
    pub(super) bind_no_port: bool,
    pub(super) own_range: Option<(u16, u16)>,
    pub(super) linger2_s: i32,
    /// The port bind() gave it.
    pub(super) port: Option<u16>,
    pub(super) flow: Option<Flow>,
    pub(super) error: Option<CallError>,
}

/// Why a call fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallError {
    /// EADDRNOTAVAIL.
    AddressNotAvailable,
    /// EADDRINUSE.
    AddressInUse,
    /// ETIMEDOUT.
    TimedOut,
    /// ECONNREFUSED.
    Refused,
    /// ECONNRESET.
    Reset,
    /// EINPROGRESS.
    InProgress,
    /// EINVAL.
    Invalid,
    /// EAGAIN.
    WouldBlock,
}

/// A connect has sent its SYN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opened {
    /// The flow it uses.
    pub flow: Flow,
    /// Ports looked at to find one; 0 when it was bound.
    pub looked_at: u32,
}

impl Host {
    /// `socket()`.
    pub fn socket(&mut self) -> SocketId {
        self.sockets.push(Socket::default());
        SocketId(self.sockets.len() - 1)
    }

    /// SO_REUSEADDR = 1.
    pub fn set_reuse_address(&mut self, socket: SocketId) {
        self.sockets[socket.0].reuse_address = true;
    }

    /// IP_BIND_ADDRESS_NO_PORT = 1.
    pub(crate) fn set_bind_no_port(&mut self, socket: SocketId) {
        self.sockets[socket.0].bind_no_port = true;
    }

    /// IP_LOCAL_PORT_RANGE.
    pub(crate) fn set_port_range(&mut self, socket: SocketId, low: u16, high: u16) {
        self.sockets[socket.0].own_range = Some((low, high));
    }

    /// TCP_LINGER2, in seconds.
    pub(crate) fn set_linger2(&mut self, socket: SocketId, seconds: i32) {
        self.sockets[socket.0].linger2_s = seconds;
        if let Some(flow) = self.sockets[socket.0].flow
            && let Some(connection) = self.connections.get_mut(&order(flow))
        {
            connection.linger2_s = seconds;
        }
    }

    /// `bind()` to the host's address and `port`; 0 for any.
    pub fn bind(&mut self, socket: SocketId, port: u16, now: Duration) -> Result<(), CallError> {
        self.handle_timers(now);
        let own = self.sockets[socket.0];
        if port == 0 && own.bind_no_port {
            return Ok(());
        }
        let found = match port {
            0 => self.port_to_bind(own),
            _ => Some(port)
                .filter(|port| port_choice::bind(self.port_use(*port), own.reuse_address) == BindVerdict::Bound),
        };
        self.sockets[socket.0].port = Some(found.ok_or(CallError::AddressInUse)?);
        Ok(())
    }

    /// `connect()` that does not wait, from `source` to an address and port.
    pub fn connect(
        &mut self,
        socket: SocketId,
        to: (u32, u16),
        source: u32,
        now: Duration,
    ) -> Result<Opened, CallError> {
        self.handle_timers(now);
        let own = self.sockets[socket.0];
        if own.flow.is_some() {
            return Err(CallError::Invalid);
        }
        let flow = |source_port| Flow { source, destination: to.0, source_port, destination_port: to.1 };
        let (flow, looked_at) = match own.port {
            Some(port) => (flow(port), 0),
            None => self.port_to_connect(own, flow(0), now).map(|choice| (flow(choice.port), choice.looked_at))?,
        };
        if self.connections.len() >= FLOWS_MAX {
            return Err(CallError::AddressNotAvailable);
        }
        let taken = self.take_tuple(flow, own.port.is_some(), now)?;
        self.open(socket, flow, taken, now);
        Ok(Opened { flow, looked_at })
    }

    /// The SYN leaves; a TIME_WAIT taken over gives sequence number and TSval memory.
    fn open(&mut self, socket: SocketId, flow: Flow, taken: Option<TimeWait>, now: Duration) {
        let (profile, own) = (self.profile, self.sockets[socket.0]);
        let isn = taken.map_or_else(|| isn::isn(profile.secret, flow, now), |tw| tw.takeover_isn());
        let mut connection = Connection::new(State::SynSent, isn);
        connection.recent = taken.and_then(|tw| tw.recent).map(|recent| Recent { val: recent.val, at: recent.at });
        connection.stamped = profile.sysctls.tcp_timestamps > 0;
        connection.owner = Some(socket);
        connection.linger2_s = own.linger2_s;
        connection.bound = own.port.is_some();
        connection.reuse_address = own.reuse_address;
        connection.tries = 1;
        connection.timer = Some(now + client::interval(profile.version, &profile.sysctls, 1));
        self.connections.insert(order(flow), connection);
        self.sockets[socket.0].flow = Some(flow);
        self.send_on(flow, Flags::SYN, 0, now);
    }

    pub(super) fn fail_connect(&mut self, flow: Flow, error: CallError) {
        self.counters.add(Counter::AttemptFails);
        if let Some(connection) = self.connections.remove(&order(flow))
            && let Some(owner) = connection.owner
        {
            self.sockets[owner.0].flow = None;
            self.sockets[owner.0].error = Some(error);
        }
    }

    /// Is it connected?
    pub(crate) fn connected_or(&self, socket: SocketId) -> Result<(), CallError> {
        let own = self.sockets[socket.0];
        let state = own.flow.and_then(|flow| self.connection(flow)).map(|connection| connection.state);
        match (own.error, state) {
            (Some(error), _) => Err(error),
            (None, Some(State::SynSent)) => Err(CallError::InProgress),
            (None, Some(_)) => Ok(()),
            (None, None) => Err(CallError::Invalid),
        }
    }

    /// `accept()`.
    pub fn accept(&mut self) -> Result<SocketId, CallError> {
        let next = self.listener.as_mut().and_then(|listener| listener.accept_queue.pop_front());
        let flow = next.ok_or(CallError::WouldBlock)?;
        let socket = self.socket();
        self.sockets[socket.0].flow = Some(flow);
        if let Some(connection) = self.connections.get_mut(&order(flow)) {
            connection.owner = Some(socket);
        }
        Ok(socket)
    }

    /// `send()` of `len` bytes, which leave at once.
    pub(crate) fn send_bytes(&mut self, socket: SocketId, len: u16, now: Duration) -> Result<(), CallError> {
        let flow = self.sockets[socket.0].flow.ok_or(CallError::Invalid)?;
        self.send_on(flow, Flags::ACK, len, now);
        Ok(())
    }
}
