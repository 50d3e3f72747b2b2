//! nf_tables over netlink, without the `nft` program: as much of it as one listener needs to be without TCP
//! timestamps.
//!
//! There is no socket option for it, and the sysctl `net.ipv4.tcp_timestamps` also strips the connections we open
//! ourselves. So the option is taken out of the SYNs that come in for the listener: the SYN-ACK then has none by the
//! kernel's own rules, SACK and window scale stay. (Stripping the SYN-ACK instead is wrong: the listener's side would go
//! on sending timestamps.)
//!
//! ```text
//! table ip quintet_8081_4711 { flags owner; chain input { type filter hook input priority raw;
//!   ip daddr 10.0.0.2 tcp dport 8081 tcp flags & (syn | ack) == syn counter reset tcp option timestamp } }
//! ```
//! Hook `input`, not `prerouting`: it sees exactly what this host will receive, after address translation, and never a
//! connection that is only forwarded.

mod error;
mod masquerade;
mod rule;
mod wire;

pub use error::NftError;
pub use masquerade::Masquerade;

use crate::netlink::{self, NetlinkSocket};
use crate::{Errno, sysctl};
use rule::Match;
use rustix::net::netlink::SocketAddrNetlink;
use std::net::SocketAddr;
use wire::{Attributes, Message};

/// `NF_IP_PRI_RAW`: before connection tracking and every usual filter.
const PRIORITY_RAW: i32 = -300;
const CHAIN: &str = "input";

/// SYNs to one listener come in without timestamps while this lives.
///
/// The table is owned by a netlink socket (`NFT_TABLE_F_OWNER`): the kernel removes it when the socket is closed,
/// however the process ends (`nft_rcv_nl_event`, Linux 5.12), and nobody else can change it, `nft flush ruleset`
/// included. No other table is touched.
///
/// What it costs the connections of that listener: no PAWS, no round-trip times from timestamps, no `tcp_tw_reuse` at
/// the client, and under SYN cookies neither window scale nor SACK, which the kernel keeps in the timestamp.
#[derive(Debug)]
pub struct SynTimestampsOff {
    socket: NetlinkSocket,
    matching: Match,
    table: String,
}

impl SynTimestampsOff {
    /// Makes the table for a listener at this address, in the calling thread's network namespace. The port must not
    /// be 0.
    ///
    /// # Errors
    /// No permission, no nf_tables, a kernel before 5.18; nothing is left behind.
    pub fn install(listener: SocketAddr) -> Result<Self, NftError> {
        let mut socket = open()?;
        ask_generation(&mut socket)?;
        let only_v6 = sysctl::read_u64("net.ipv6.bindv6only").is_ok_and(|value| value != 0);
        let matching = Match::listener(listener, only_v6);
        let table = format!("quintet_{}_{}", listener.port(), port_id(&socket)?);
        let mut made = Self { socket, matching, table };
        made.commit()?;
        Ok(made)
    }

    /// Name of the table, unique in the network namespace.
    pub fn table(&self) -> &str {
        &self.table
    }

    /// Where a connection from this host to itself falls under the rule: one address per family.
    pub fn probes(&self) -> Vec<SocketAddr> {
        self.matching.probes()
    }

    /// SYNs (retransmitted ones too) that the rule has seen so far.
    ///
    /// # Errors
    /// The process has lost CAP_NET_ADMIN since; the rule works on.
    pub fn syns(&mut self) -> Result<u64, NftError> {
        let sequence = self.socket.next_sequence();
        let mut request = Message::dump(wire::GETRULE, self.matching.family(), sequence);
        request.text(wire::RULE_TABLE, &self.table).text(wire::RULE_CHAIN, CHAIN);
        let mut packets = None;
        let answer = ask(&mut self.socket, request, sequence, |payload| packets = packets.or(rule::counted(payload)));
        answer.map_err(|errno| NftError::refused("reading its counter", errno))?;
        packets.ok_or_else(|| NftError::refused("reading its counter", Errno::NOENT))
    }

    fn commit(&mut self) -> Result<(), NftError> {
        let family = self.matching.family();
        let hook = Hook { kind: "filter", number: wire::HOOK_LOCAL_IN, priority: PRIORITY_RAW };
        let owned = Owned { socket: &mut self.socket, family, table: &self.table };
        owned.commit(CHAIN, hook, |list| rule::write(list, &self.matching))
    }
}

/// Where a chain stands.
struct Hook {
    /// As nft(8) calls its type.
    kind: &'static str,
    number: u32,
    priority: i32,
}

/// A table of our own with one chain of one rule.
struct Owned<'a> {
    socket: &'a mut NetlinkSocket,
    family: u8,
    table: &'a str,
}

impl Owned<'_> {
    /// One transaction: all of it, or nothing.
    fn commit(self, chain: &str, hook: Hook, rule: impl FnOnce(&mut Attributes)) -> Result<(), NftError> {
        let sequence = self.socket.next_sequence();
        let batch = [
            Message::batch(wire::BATCH_BEGIN, sequence).finish(),
            self.table_message(sequence).finish(),
            self.chain_message(sequence, chain, hook).finish(),
            self.rule_message(sequence, chain, rule).finish(),
            Message::batch(wire::BATCH_END, sequence).finish(),
        ];
        self.socket.send(&batch.concat()).map_err(|errno| NftError::refused("sending its rule", errno))?;
        // The acknowledgements come in the order of the messages (`nfnl_err_deliver`).
        self.socket.wait_for_ack(sequence).map_err(NftError::of_table)?;
        self.socket.wait_for_ack(sequence).map_err(NftError::of_chain)?;
        self.socket.wait_for_ack(sequence).map_err(NftError::of_rule)
    }

    fn table_message(&self, sequence: u32) -> Message {
        let mut message = Message::create(wire::NEWTABLE, self.family, sequence);
        message.text(wire::TABLE_NAME, self.table).u32(wire::TABLE_FLAGS, wire::TABLE_F_OWNER);
        message
    }

    fn chain_message(&self, sequence: u32, chain: &str, hook: Hook) -> Message {
        let mut message = Message::create(wire::NEWCHAIN, self.family, sequence);
        message.text(wire::CHAIN_TABLE, self.table).text(wire::CHAIN_NAME, chain).text(wire::CHAIN_TYPE, hook.kind);
        message.nested(wire::CHAIN_HOOK, |list| {
            list.u32(wire::HOOK_NUMBER, hook.number);
            list.u32(wire::HOOK_PRIORITY, hook.priority.cast_unsigned());
        });
        message
    }

    fn rule_message(&self, sequence: u32, chain: &str, rule: impl FnOnce(&mut Attributes)) -> Message {
        let mut message = Message::create(wire::NEWRULE, self.family, sequence);
        message.text(wire::RULE_TABLE, self.table).text(wire::RULE_CHAIN, chain);
        message.nested(wire::RULE_EXPRESSIONS, rule);
        message
    }
}

/// Names of all tables in the calling thread's network namespace, whoever made them.
///
/// # Errors
/// No permission, or no nf_tables.
pub fn tables() -> Result<Vec<String>, NftError> {
    let mut socket = open()?;
    ask_generation(&mut socket)?;
    let sequence = socket.next_sequence();
    let request = Message::dump(wire::GETTABLE, wire::FAMILY_ANY, sequence);
    let mut names = Vec::new();
    let answer = ask(&mut socket, request, sequence, |payload| {
        let name = wire::attributes(payload).find(|(kind, _)| *kind == wire::TABLE_NAME);
        names.extend(name.map(|(_, text)| wire::text(text)));
    });
    answer.map_err(|errno| NftError::refused("listing its tables", errno))?;
    Ok(names)
}

fn open() -> Result<NetlinkSocket, NftError> {
    NetlinkSocket::open(netlink::Protocol::Netfilter).map_err(NftError::of_socket)
}

/// The smallest question there is: tells a missing permission and a missing nf_tables from everything else.
fn ask_generation(socket: &mut NetlinkSocket) -> Result<(), NftError> {
    let sequence = socket.next_sequence();
    let request = Message::acknowledged(wire::GETGEN, wire::FAMILY_ANY, sequence);
    ask(socket, request, sequence, |_| {}).map_err(NftError::of_question)
}

/// Sends a request and hands out what follows `struct nfgenmsg` in each answer.
fn ask(socket: &mut NetlinkSocket, request: Message, sequence: u32, mut visit: impl FnMut(&[u8])) -> Result<(), Errno> {
    socket.send(&request.finish())?;
    socket.read_answer(sequence, |_, payload| visit(payload.get(wire::GENERIC_LEN..).unwrap_or_default()))
}

/// The socket's netlink address: unique in its network namespace, and it names the owner of a table.
fn port_id(socket: &NetlinkSocket) -> Result<u32, NftError> {
    let failed = |errno| NftError::refused("naming its socket", errno);
    let address = rustix::net::getsockname(socket).map_err(failed)?;
    SocketAddrNetlink::try_from(address).map(|address| address.pid()).map_err(failed)
}
