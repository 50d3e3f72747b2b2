//! Links, addresses and routes of the calling thread's network namespace, over rtnetlink.
//!
//! One request, one acknowledgement; the message formats come from `netlink-packet-route`.

use crate::netlink::{self, NetlinkSocket};
use netlink_packet_core::{
    NLM_F_ACK, NLM_F_CREATE, NLM_F_EXCL, NLM_F_REQUEST, NetlinkHeader, NetlinkMessage, NetlinkPayload,
};
use netlink_packet_route::address::{AddressAttribute, AddressFlags, AddressHeaderFlags, AddressMessage};
use netlink_packet_route::link::{InfoData, InfoKind, InfoVeth, LinkAttribute, LinkFlags, LinkInfo, LinkMessage};
use netlink_packet_route::route::{RouteAttribute, RouteHeader, RouteMessage, RouteProtocol, RouteScope, RouteType};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use rustix::io::Errno;
use std::fmt;
use std::net::IpAddr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

/// What could not be done to the network, and the kernel's reason.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct LinkError {
    /// In words, with the names involved.
    pub what: String,
    /// Linux errno.
    pub errno: Errno,
}

impl fmt::Display for LinkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let reason = std::io::Error::from(self.errno);
        match self.errno {
            Errno::PERM => write!(f, "{}: {reason}; it needs CAP_NET_ADMIN in this namespace", self.what),
            Errno::OPNOTSUPP => write!(f, "{}: {reason}; is the kernel module loaded?", self.what),
            _ => write!(f, "{}: {reason}", self.what),
        }
    }
}

/// One end of a veth pair.
#[derive(Clone, Copy, Debug)]
pub struct VethPeer<'a> {
    /// Its name there, at most 15 bytes.
    pub name: &'a str,
    /// The namespace it is born in.
    pub namespace: BorrowedFd<'a>,
}

/// A rtnetlink socket of the namespace that the opening thread was in.
#[derive(Debug)]
pub struct RouteSocket {
    socket: NetlinkSocket,
}

impl RouteSocket {
    /// Opens one.
    ///
    /// # Errors
    /// No descriptor, or no netlink.
    pub fn open() -> Result<Self, LinkError> {
        let failed = |errno| LinkError { what: "opening a rtnetlink socket".into(), errno };
        Ok(Self { socket: NetlinkSocket::open(netlink::Protocol::Route).map_err(failed)? })
    }

    /// Makes a veth pair: `name` here, the peer in its own namespace. Both ends get `mtu_bytes`.
    ///
    /// # Errors
    /// EEXIST, EPERM, or EOPNOTSUPP where the kernel has no veth.
    pub fn add_veth(&mut self, name: &str, peer: VethPeer<'_>, mtu_bytes: u32) -> Result<(), LinkError> {
        let far_namespace = LinkAttribute::NetNsFd(peer.namespace.as_raw_fd());
        let far = link(vec![named(peer.name), LinkAttribute::Mtu(mtu_bytes), far_namespace]);
        let kind = LinkAttribute::LinkInfo(vec![
            LinkInfo::Kind(InfoKind::Veth),
            LinkInfo::Data(InfoData::Veth(InfoVeth::Peer(far))),
        ]);
        let near = link(vec![named(name), LinkAttribute::Mtu(mtu_bytes), kind]);
        self.create(RouteNetlinkMessage::NewLink(near), || format!("making the veth pair {name}-{}", peer.name))
    }

    /// Sets a link up.
    ///
    /// # Errors
    /// ENODEV, EPERM.
    pub fn set_up(&mut self, name: &str) -> Result<(), LinkError> {
        let mut message = link(vec![named(name)]);
        message.header.flags = LinkFlags::Up;
        message.header.change_mask = LinkFlags::Up;
        self.request(RouteNetlinkMessage::SetLink(message), 0, || format!("setting {name} up"))
    }

    /// Gives a link one more address. IPv6 ones are usable at once (no duplicate address detection).
    ///
    /// # Errors
    /// ENODEV, EEXIST, EPERM.
    pub fn add_address(&mut self, name: &str, address: IpAddr, prefix_len: u8) -> Result<(), LinkError> {
        let what = || format!("giving {name} the address {address}/{prefix_len}");
        let index = self.index_of(name, what)?;
        let mut message = AddressMessage::default();
        message.header.family = family(address);
        message.header.prefix_len = prefix_len;
        message.header.index = index;
        message.header.flags = AddressHeaderFlags::Nodad;
        message.attributes = vec![
            AddressAttribute::Local(address),
            AddressAttribute::Address(address),
            AddressAttribute::Flags(AddressFlags::Nodad),
        ];
        self.create(RouteNetlinkMessage::NewAddress(message), what)
    }

    /// Adds the default route.
    ///
    /// # Errors
    /// EEXIST, ENETUNREACH where the gateway is not on a link, EPERM.
    pub fn add_default_route(&mut self, gateway: IpAddr) -> Result<(), LinkError> {
        let message = RouteNetlinkMessage::NewRoute(unicast_route(gateway));
        self.create(message, || format!("adding the default route via {gateway}"))
    }

    fn index_of(&self, name: &str, what: impl Fn() -> String) -> Result<u32, LinkError> {
        rustix::net::netdevice::name_to_index(self.socket.as_fd(), name)
            .map_err(|errno| LinkError { what: what(), errno })
    }

    fn create(&mut self, message: RouteNetlinkMessage, what: impl Fn() -> String) -> Result<(), LinkError> {
        self.request(message, NLM_F_CREATE | NLM_F_EXCL, what)
    }

    fn request(
        &mut self,
        message: RouteNetlinkMessage,
        flags: u16,
        what: impl Fn() -> String,
    ) -> Result<(), LinkError> {
        let mut header = NetlinkHeader::default();
        header.flags = NLM_F_REQUEST | NLM_F_ACK | flags;
        header.sequence_number = self.socket.next_sequence();
        let mut whole = NetlinkMessage::new(header, NetlinkPayload::InnerMessage(message));
        whole.finalize();
        let mut bytes = vec![0; whole.buffer_len()];
        whole.serialize(&mut bytes);
        let done = self.socket.send(&bytes).and_then(|()| self.socket.wait_for_ack(header.sequence_number));
        done.map_err(|errno| LinkError { what: what(), errno })
    }
}

fn link(attributes: Vec<LinkAttribute>) -> LinkMessage {
    let mut message = LinkMessage::default();
    message.attributes = attributes;
    message
}

fn named(name: &str) -> LinkAttribute {
    LinkAttribute::IfName(name.to_owned())
}

fn unicast_route(gateway: IpAddr) -> RouteMessage {
    let mut message = RouteMessage::default();
    message.header = RouteHeader {
        address_family: family(gateway),
        table: RouteHeader::RT_TABLE_MAIN,
        protocol: RouteProtocol::Static,
        scope: RouteScope::Universe,
        kind: RouteType::Unicast,
        ..RouteHeader::default()
    };
    message.attributes = vec![RouteAttribute::Gateway(gateway.into())];
    message
}

fn family(address: IpAddr) -> AddressFamily {
    match address {
        IpAddr::V4(_) => AddressFamily::Inet,
        IpAddr::V6(_) => AddressFamily::Inet6,
    }
}
