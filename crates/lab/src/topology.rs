//! Client, balancer and server, each in a network namespace of its own, with cables between them.
//!
//! ```text
//!   client 10.77.1.2 ---- 10.77.1.1 balancer 10.77.2.1 ---- 10.77.2.2 server
//! ```
//! The balancer does not forward packets: what passes it has passed a proxy. Needs
//! [`sys::netns::enter_private`] (or root) first; everything is gone with the last handle, and with
//! the process.

use crate::error::LabError;
use std::net::{IpAddr, Ipv4Addr};
use std::os::fd::AsFd;
use sys::link::{LinkError, RouteSocket, VethPeer};
use sys::netns::Namespace;
use sys::sysctl;

/// Who is who.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Runs the tester.
    Client,
    /// Runs the balancer.
    Balancer,
    /// Runs the origin.
    Server,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 3] = [Self::Client, Self::Balancer, Self::Server];

    /// Its name in messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Balancer => "balancer",
            Self::Server => "server",
        }
    }
}

/// The client's address.
pub const CLIENT: Ipv4Addr = Ipv4Addr::new(10, 77, 1, 2);
/// The balancer's address on the client's side.
pub const BALANCER: Ipv4Addr = Ipv4Addr::new(10, 77, 1, 1);
/// The balancer's address on the servers' side.
pub const BALANCER_INSIDE: Ipv4Addr = Ipv4Addr::new(10, 77, 2, 1);
/// The server's address.
pub const SERVER: Ipv4Addr = Ipv4Addr::new(10, 77, 2, 2);

const PREFIX_LEN: u8 = 24;
const MTU_BYTES: u32 = 1500;

/// The three namespaces.
#[derive(Debug)]
pub struct Topology {
    client: Namespace,
    balancer: Namespace,
    server: Namespace,
}

impl Topology {
    /// Builds it, with the kernel's default sysctls.
    ///
    /// # Errors
    /// Namespaces are forbidden, or the kernel has no veth.
    pub fn build() -> Result<Self, LabError> {
        let new = || Namespace::new().map_err(LabError::Forbidden);
        let topology = Self { client: new()?, balancer: new()?, server: new()? };
        topology.cable(Role::Client, CLIENT, BALANCER)?;
        topology.cable(Role::Server, SERVER, BALANCER_INSIDE)?;
        Ok(topology)
    }

    /// The namespace of a role.
    pub fn namespace(&self, role: Role) -> &Namespace {
        match role {
            Role::Client => &self.client,
            Role::Balancer => &self.balancer,
            Role::Server => &self.server,
        }
    }

    /// Runs `work` on a thread inside a role's namespace.
    ///
    /// # Errors
    /// The thread could not be started.
    pub fn run<T: Send>(&self, role: Role, work: impl FnOnce() -> T + Send) -> Result<T, LabError> {
        self.namespace(role).run(work).map_err(|reason| LabError::Thread { role: role.name(), reason })
    }

    /// Sets a sysctl of one role.
    ///
    /// # Errors
    /// The kernel does not know it, or `/proc/sys` is read-only here.
    pub fn set(&self, role: Role, name: &str, value: &str) -> Result<(), LabError> {
        self.run(role, || sysctl::write(name, value))?.map_err(LabError::Sysctl)
    }

    /// The cable between the balancer and one end role.
    fn cable(&self, end: Role, address: Ipv4Addr, balancer: Ipv4Addr) -> Result<(), LabError> {
        let near = format!("to-{}", end.name());
        let peer = VethPeer { name: "to-balancer", namespace: self.namespace(end).as_fd() };
        self.run(Role::Balancer, || {
            let mut socket = RouteSocket::open()?;
            socket.add_veth(&near, peer, MTU_BYTES)?;
            raise(&mut socket, &near, balancer)
        })?
        .map_err(LabError::Link)?;
        self.run(end, || {
            let mut socket = RouteSocket::open()?;
            raise(&mut socket, "to-balancer", address)?;
            socket.add_default_route(IpAddr::V4(balancer))
        })?
        .map_err(LabError::Link)
    }
}

fn raise(socket: &mut RouteSocket, link: &str, address: Ipv4Addr) -> Result<(), LinkError> {
    socket.set_up("lo")?;
    socket.set_up(link)?;
    socket.add_address(link, IpAddr::V4(address), PREFIX_LEN)
}
