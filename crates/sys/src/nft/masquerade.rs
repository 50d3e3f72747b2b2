//! The kernel's own source NAT on one interface.

use super::rule::{REGISTER, equals, expression};
use super::wire::{self, Attributes};
use super::{Hook, NftError, Owned, ask_generation, open, port_id};
use crate::netlink::NetlinkSocket;

/// NF_IP_PRI_NAT_SRC.
const PRIORITY_SOURCE_NAT: i32 = 100;
/// NFT_META_OIFNAME.
const META_OUT_INTERFACE_NAME: u32 = 7;
/// IFNAMSIZ, with its NUL bytes.
const INTERFACE_NAME_BYTES: usize = 16;
const CHAIN: &str = "postrouting";

/// IPv4 connections that leave by one interface have its address as their source while this lives.
///
/// ```text
/// table ip quintet_nat_4711 { flags owner; chain postrouting { type nat hook postrouting priority srcnat;
///   oifname "to-balancer" masquerade } }
/// ```
/// As [`super::SynTimestampsOff`], its table goes with its socket.
#[derive(Debug)]
pub struct Masquerade {
    _socket: NetlinkSocket,
    table: String,
}

impl Masquerade {
    /// Makes the table in the calling thread's network namespace.
    ///
    /// # Errors
    /// No permission, no nf_tables, or a kernel without its NAT.
    pub fn install(out_interface: &str) -> Result<Self, NftError> {
        let mut socket = open()?;
        ask_generation(&mut socket)?;
        let table = format!("quintet_nat_{}", port_id(&socket)?);
        let hook = Hook { kind: "nat", number: wire::HOOK_POST_ROUTING, priority: PRIORITY_SOURCE_NAT };
        let owned = Owned { socket: &mut socket, family: wire::FAMILY_IPV4, table: &table };
        owned.commit(CHAIN, hook, |list| write(list, out_interface))?;
        Ok(Self { _socket: socket, table })
    }

    /// Name of the table, unique in the network namespace.
    pub fn table(&self) -> &str {
        &self.table
    }
}

fn write(list: &mut Attributes, out_interface: &str) {
    let mut name = out_interface.as_bytes().to_vec();
    name.resize(INTERFACE_NAME_BYTES, 0);
    expression(list, "meta", |meta| {
        meta.u32(1, REGISTER).u32(2, META_OUT_INTERFACE_NAME);
    });
    equals(list, &name);
    expression(list, "masq", |_| {});
}
