//! Client, balancer and server, each in a network namespace of its own, with cables between them.
//!
//! ```text
//!   client 10.77.1.2 ---- 10.77.1.1 balancer 10.77.2.1 ---- 10.77.2.2 server
//! ```
//! The balancer does not forward packets: what passes it has passed a proxy. Needs
//! [`sys::netns::enter_private`] (or root) first; everything is gone with the last handle, and with
//! the process.

use crate::error::LabError;
use named::named;
use std::net::{IpAddr, Ipv4Addr};
use std::os::fd::AsFd;
use sys::link::{LinkError, RouteSocket, VethPeer};
use sys::netns::Namespace;
use sys::sysctl;

named! {
    /// Who is who.
    pub enum Role {
        /// Runs the tester.
        Client = "client",
        /// Runs the balancer.
        Balancer = "balancer",
        /// Runs the origin.
        Server = "server",
    }
}

/// The client's address.
pub const CLIENT: Ipv4Addr = Ipv4Addr::new(10, 77, 1, 2);
/// The balancer's address on the client's side.
pub const BALANCER: Ipv4Addr = Ipv4Addr::new(10, 77, 1, 1);
/// The balancer's address on the servers' side.
pub(crate) const BALANCER_INSIDE: Ipv4Addr = Ipv4Addr::new(10, 77, 2, 1);
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
        let topology = Self::without_client_cable()?;
        topology.cable(Role::Client, CLIENT, BALANCER)?;
        Ok(topology)
    }

    /// The same scene with another client, whose cables are laid already.
    ///
    /// # Errors
    /// No file descriptor is left.
    pub(crate) fn with_client(&self, client: Namespace) -> Result<Self, LabError> {
        let clone = |namespace: &Namespace| {
            namespace.try_clone().map_err(|reason| LabError::Thread { role: "second client", reason })
        };
        Ok(Self { client, balancer: clone(&self.balancer)?, server: clone(&self.server)? })
    }

    /// The namespaces of client, balancer and server without a cable to the client.
    ///
    /// # Errors
    /// As [`Topology::build`].
    pub(crate) fn without_client_cable() -> Result<Self, LabError> {
        let new = || Namespace::new().map_err(LabError::Forbidden);
        let topology = Self { client: new()?, balancer: new()?, server: new()? };
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
        let name = format!("to-{}", end.name());
        let near = Plug { namespace: &self.balancer, link: &name };
        let far = Plug { namespace: self.namespace(end), link: "to-balancer" };
        near.connect(far)?;
        near.give_address(balancer)?;
        far.give_address(address)?;
        far.route_by(balancer)
    }
}

/// One end of a cable.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plug<'a> {
    /// Whose.
    pub(crate) namespace: &'a Namespace,
    /// The link's name there, at most 15 bytes.
    pub(crate) link: &'a str,
}

impl Plug<'_> {
    /// Lays a cable from here to `far` and raises both ends.
    pub(crate) fn connect(self, far: Plug<'_>) -> Result<(), LabError> {
        let peer = VethPeer { name: far.link, namespace: far.namespace.as_fd() };
        self.configure(|socket| socket.add_veth(self.link, peer, MTU_BYTES))?;
        self.configure(|socket| self.raise(socket))?;
        far.configure(|socket| far.raise(socket))
    }

    /// Gives this end an address in a /24.
    pub(crate) fn give_address(self, address: Ipv4Addr) -> Result<(), LabError> {
        self.configure(|socket| socket.add_address(self.link, IpAddr::V4(address), PREFIX_LEN))
    }

    /// Sends everything by way of `gateway`.
    pub(crate) fn route_by(self, gateway: Ipv4Addr) -> Result<(), LabError> {
        self.configure(|socket| socket.add_default_route(IpAddr::V4(gateway)))
    }

    fn raise(self, socket: &mut RouteSocket) -> Result<(), LinkError> {
        socket.set_up("lo")?;
        socket.set_up(self.link)
    }

    fn configure(self, work: impl FnOnce(&mut RouteSocket) -> Result<(), LinkError> + Send) -> Result<(), LabError> {
        let inside = self.namespace.run(|| work(&mut RouteSocket::open()?));
        inside.map_err(|reason| LabError::Thread { role: "cables", reason })?.map_err(LabError::Link)
    }
}
