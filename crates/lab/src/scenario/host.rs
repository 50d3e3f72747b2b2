//! The host under test: real sockets of the calling thread's namespace, by name.

use super::wire::{HOST, ends, failed, peer_address};
use crate::error::LabError;
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr, SocketAddrV4};
use std::os::fd::OwnedFd;
use std::time::Duration;
use sys::counters::Counters;
use sys::sock_diag::{End, Entry, Filter, SockDiag, States, TcpState};
use sys::{Errno, socket, sockopt, sysctl, tcp_info};
use tcp_model::scenario::{
    Call, CallResult, Errno as Named, FlowKey, Role, SERVICE_PORT, Scenario, Setting, SocketOption, TIME_TOLERANCE,
    TimeWaitState,
};

/// `SYN_SENT`, include/net/tcp_states.h.
const SYN_SENT: u8 = 2;

pub(super) struct Host {
    role: Role,
    listener: Option<OwnedFd>,
    sockets: BTreeMap<String, OwnedFd>,
    baseline: Counters,
}

impl Host {
    /// Sets the scenario's sysctls and listens where it asks for that.
    pub(super) fn new(scenario: &Scenario) -> Result<Self, LabError> {
        scenario.sysctls.iter().try_for_each(set)?;
        let address = SocketAddr::V4(SocketAddrV4::new(HOST, SERVICE_PORT));
        let listener = match scenario.role {
            Role::Server => Some(listen(&address, scenario.backlog)),
            Role::Client => None,
        };
        let listener = listener.transpose().map_err(|errno| failed(&std::io::Error::from(errno)))?;
        let baseline = Counters::read().map_err(LabError::Counters)?;
        Ok(Self { role: scenario.role, listener, sockets: BTreeMap::new(), baseline })
    }

    /// Makes a call on the socket of this name.
    ///
    /// # Errors
    /// The scenario cannot be carried out; what a call itself returns is the `Ok`.
    pub(super) fn call(&mut self, name: &str, call: &Call) -> Result<CallResult, LabError> {
        if let Call::Sysctl(setting) = call {
            return set(setting).map(|()| CallResult::Ok);
        }
        match self.try_call(name, call) {
            Ok(()) => Ok(CallResult::Ok),
            Err(errno) => named(errno).map(CallResult::Error),
        }
    }

    /// The flow of a socket that has called `connect()`.
    pub(super) fn flow(&self, name: &str, call: &Call) -> Option<FlowKey> {
        let Call::Connect { address, to } = call else { return None };
        let local = socket::local_address(self.sockets.get(name)?).ok()?;
        Some(FlowKey { address: *address, port: local.port(), to: *to })
    }

    /// How much a counter has grown; `None` where this kernel does not have it.
    pub(super) fn growth(&self, name: &str) -> Result<Option<u64>, LabError> {
        let grown = Counters::read().map_err(LabError::Counters)?.since(&self.baseline);
        Ok(["TcpExt", "Tcp"].iter().find_map(|section| grown.get(&format!("{section}.{name}"))))
    }

    /// How a flow stands; `Err` tells how it differs from `wanted`.
    pub(super) fn check_time_wait(&self, flow: FlowKey, wanted: TimeWaitState) -> Result<Result<(), String>, LabError> {
        let entry = self.entry(flow)?;
        let (state, left) = match wanted {
            TimeWaitState::None => {
                let gone = entry.filter(|entry| [TcpState::TimeWait, TcpState::FinWait2].contains(&entry.state));
                return Ok(gone.map_or(Ok(()), |entry| Err(describe(Some(entry)))));
            }
            TimeWaitState::TimeWait(left) => (TcpState::TimeWait, left),
            TimeWaitState::FinWait2(left) => (TcpState::FinWait2, left),
        };
        let fits = entry.is_some_and(|entry| {
            let expires = Duration::from_millis(u64::from(entry.expires_ms));
            entry.state == state && left.is_none_or(|left| expires.abs_diff(left) <= TIME_TOLERANCE)
        });
        Ok(if fits { Ok(()) } else { Err(describe(entry)) })
    }

    fn entry(&self, flow: FlowKey) -> Result<Option<Entry>, LabError> {
        let (host, peer) = ends(self.role, flow);
        let (local, remote) = (End::Exact(SocketAddr::V4(host)), End::Exact(SocketAddr::V4(peer)));
        let mut found = None;
        let mut diag = SockDiag::open().map_err(LabError::Diag)?;
        diag.for_each(&Filter { states: States::ALL, local, remote }, |entry| found = Some(*entry))
            .map_err(LabError::Diag)?;
        Ok(found)
    }

    fn try_call(&mut self, name: &str, call: &Call) -> Result<(), Errno> {
        match call {
            Call::Accept => self.accept(name),
            Call::StopListening => self.listener.take().map(drop).ok_or(Errno::INVAL),
            Call::Bind(port) => socket::bind(self.made(name)?, &SocketAddr::new(IpAddr::V4(HOST), *port)),
            Call::Connect { address, to } => {
                let remote = SocketAddr::new(IpAddr::V4(peer_address(*address)), *to);
                socket::connect(self.made(name)?, &remote).map(drop)
            }
            Call::Set(option) => set_option(self.made(name)?, *option),
            Call::Send(len) => socket::send(self.known(name)?, &vec![b'.'; usize::from(*len)], false).map(drop),
            Call::Close => self.sockets.remove(name).map(drop).ok_or(Errno::BADF),
            Call::Shutdown => socket::shutdown_write(self.known(name)?),
            Call::Reset => {
                sockopt::set_linger_reset(self.known(name)?)?;
                self.sockets.remove(name).map(drop).ok_or(Errno::BADF)
            }
            Call::Connected => connected(self.known(name)?),
            Call::Sysctl(_) => Err(Errno::INVAL),
        }
    }

    fn accept(&mut self, name: &str) -> Result<(), Errno> {
        let (fd, _) = socket::accept(self.listener.as_ref().ok_or(Errno::INVAL)?)?;
        self.sockets.insert(name.to_owned(), fd);
        Ok(())
    }

    fn known(&self, name: &str) -> Result<&OwnedFd, Errno> {
        self.sockets.get(name).ok_or(Errno::BADF)
    }

    fn made(&mut self, name: &str) -> Result<&OwnedFd, Errno> {
        if !self.sockets.contains_key(name) {
            let fd = socket::tcp_for(&SocketAddr::V4(SocketAddrV4::new(HOST, 0)))?;
            self.sockets.insert(name.to_owned(), fd);
        }
        self.known(name)
    }
}

/// `quintet`'s listeners delay the ACK of a request; the host under test is any host.
fn listen(address: &SocketAddr, backlog: u16) -> Result<OwnedFd, Errno> {
    let fd = socket::listen(address, u32::from(backlog), false)?;
    sockopt::set_quick_ack(&fd, true)?;
    Ok(fd)
}

fn set(setting: &Setting) -> Result<(), LabError> {
    let section = if setting.name == "somaxconn" { "net.core" } else { "net.ipv4" };
    sysctl::write(&format!("{section}.{}", setting.name), &setting.value).map_err(LabError::Sysctl)
}

fn set_option(fd: &OwnedFd, option: SocketOption) -> Result<(), Errno> {
    match option {
        SocketOption::ReuseAddress => sockopt::set_reuse_address(fd, true),
        SocketOption::BindAddressNoPort => sockopt::set_bind_address_no_port(fd, true),
        SocketOption::PortRange(low, high) => sockopt::set_local_port_range(fd, low, high),
        SocketOption::Linger2(seconds) => sockopt::set_fin_wait_2_s(fd, seconds),
    }
}

fn connected(fd: &OwnedFd) -> Result<(), Errno> {
    sockopt::take_error(fd)?;
    match tcp_info::tcp_info(fd)?.state.0 {
        SYN_SENT => Err(Errno::INPROGRESS),
        _ => Ok(()),
    }
}

fn named(errno: Errno) -> Result<Named, LabError> {
    let known = [
        (Errno::ADDRNOTAVAIL, Named::AddressNotAvailable),
        (Errno::ADDRINUSE, Named::AddressInUse),
        (Errno::TIMEDOUT, Named::TimedOut),
        (Errno::CONNREFUSED, Named::Refused),
        (Errno::CONNRESET, Named::Reset),
        (Errno::INPROGRESS, Named::InProgress),
        (Errno::INVAL, Named::Invalid),
        (Errno::AGAIN, Named::WouldBlock),
    ];
    let found = known.iter().find(|(number, _)| *number == errno).map(|(_, name)| *name);
    found.ok_or_else(|| failed(&format!("a call returned {}", std::io::Error::from(errno))))
}

fn describe(entry: Option<Entry>) -> String {
    match entry {
        None => "no such flow".to_owned(),
        Some(entry) => format!("{:?} with {} ms left on timer {}", entry.state, entry.expires_ms, entry.timer),
    }
}
