//! The bytes of a sock_diag request and of its answers (`include/uapi/linux/inet_diag.h`).

use super::{End, Entry, Filter, TcpState};
use crate::netlink::{HEADER_LEN, align4, u16_at, u32_at};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

const SOCK_DIAG_BY_FAMILY: u16 = 20;
const NLM_F_REQUEST_DUMP: u16 = 0x1 | 0x300;
/// `struct inet_diag_req_v2`.
const REQUEST_LEN: usize = 56;
/// `struct inet_diag_msg`.
const MESSAGE_LEN: usize = 72;
const INET_DIAG_REQ_BYTECODE: u16 = 1;
/// Attribute of an answer: `struct tcp_info`. In a request its bit is `1 << (INET_DIAG_INFO - 1)`.
const INET_DIAG_INFO: u16 = 2;
/// Where `tcpi_options` is in `struct tcp_info`.
const TCPI_OPTIONS: usize = 5;

/// What an answer shall hold beside the entry itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Extra {
    Nothing,
    TcpInfo,
}

/// Header, `inet_diag_req_v2`, and the byte code where there is a filter on addresses or ports.
pub(super) fn write_request(out: &mut Vec<u8>, family: u8, sequence: u32, filter: &Filter, extra: Extra) {
    let code = byte_code(filter);
    let attribute_len = if code.is_empty() { 0 } else { 4 + code.len() };
    let length = (HEADER_LEN + REQUEST_LEN + attribute_len) as u32;
    out.clear();
    out.extend(length.to_ne_bytes());
    out.extend(SOCK_DIAG_BY_FAMILY.to_ne_bytes());
    out.extend(NLM_F_REQUEST_DUMP.to_ne_bytes());
    out.extend(sequence.to_ne_bytes());
    out.extend(0u32.to_ne_bytes());
    let extensions = if extra == Extra::TcpInfo { 1 << (INET_DIAG_INFO - 1) } else { 0 };
    out.extend([family, libc::IPPROTO_TCP as u8, extensions, 0]);
    out.extend(filter.states.0.to_ne_bytes());
    out.resize(HEADER_LEN + REQUEST_LEN, 0);
    if !code.is_empty() {
        out.extend((attribute_len as u16).to_ne_bytes());
        out.extend(INET_DIAG_REQ_BYTECODE.to_ne_bytes());
        out.extend(code);
    }
    out.resize(align4(out.len()), 0);
}

/// Operations of `inet_diag_bc_op` (`include/uapi/linux/inet_diag.h`).
#[derive(Clone, Copy)]
#[repr(u8)]
enum Op {
    LocalPortAtLeast = 2,
    LocalPortAtMost = 3,
    RemotePortAtLeast = 4,
    RemotePortAtMost = 5,
    LocalIs = 7,
    RemoteIs = 8,
}

/// All conditions must hold: each goes on to the next where it does, and jumps past the end (length
/// left + 4, which `inet_diag_bc_run()` takes for "no") where it does not.
fn byte_code(filter: &Filter) -> Vec<u8> {
    let mut conditions = Vec::new();
    push_end(&mut conditions, filter.local, Op::LocalIs, Op::LocalPortAtLeast, Op::LocalPortAtMost);
    push_end(&mut conditions, filter.remote, Op::RemoteIs, Op::RemotePortAtLeast, Op::RemotePortAtMost);
    let mut left: usize = conditions.iter().map(|(_, operand)| 4 + operand.len()).sum();
    let mut code = Vec::with_capacity(left);
    for (op, operand) in conditions {
        let here = 4 + operand.len();
        code.extend([op as u8, here as u8]);
        code.extend(((left + 4) as u16).to_ne_bytes());
        code.extend(operand);
        left -= here;
    }
    code
}

fn push_end(conditions: &mut Vec<(Op, Vec<u8>)>, end: End, is: Op, at_least: Op, at_most: Op) {
    match end {
        End::Any => {}
        End::Address(address) => conditions.push((is, host_condition(address, -1))),
        End::Exact(exact) => conditions.push((is, host_condition(exact.ip(), i32::from(exact.port())))),
        End::Ports(low, high) => {
            conditions.push((at_least, port_operand(low)));
            conditions.push((at_most, port_operand(high)));
        }
    }
}

/// A second `inet_diag_bc_op` whose `no` field is the port.
fn port_operand(port: u16) -> Vec<u8> {
    let [low, high] = port.to_ne_bytes();
    vec![0, 0, low, high]
}

/// `struct inet_diag_hostcond`: family, prefix length, padding, port (-1: any), address.
fn host_condition(address: IpAddr, port: i32) -> Vec<u8> {
    let (family, prefix_len) = match address {
        IpAddr::V4(_) => (libc::AF_INET, 32),
        IpAddr::V6(_) => (libc::AF_INET6, 128),
    };
    let mut operand = vec![family as u8, prefix_len, 0, 0];
    operand.extend(port.to_ne_bytes());
    match address {
        IpAddr::V4(v4) => operand.extend(v4.octets()),
        IpAddr::V6(v6) => operand.extend(v6.octets()),
    }
    operand
}

/// `struct inet_diag_msg`: family 0, state 1, timer 2, retransmissions 3, ports 4 and 6 (big endian), addresses 8 and 24,
/// expires 52, queues 56 and 60, uid 64, inode 68.
pub(super) fn parse_entry(message: &[u8]) -> Option<Entry> {
    let message = message.get(..MESSAGE_LEN)?;
    let port = |at: usize| u16::from_be_bytes([message[at], message[at + 1]]);
    Some(Entry {
        state: TcpState::from_kernel(message[1])?,
        local: SocketAddr::new(address(message[0], &message[8..24]), port(4)),
        remote: SocketAddr::new(address(message[0], &message[24..40]), port(6)),
        timer: message[2],
        retransmits: message[3],
        expires_ms: u32_at(message, 52),
        uid: u32_at(message, 64),
        inode: u32_at(message, 68),
        receive_queue: u32_at(message, 56),
        send_queue: u32_at(message, 60),
    })
}

/// `tcpi_options` of the attribute INET_DIAG_INFO, if the answer has it.
pub(super) fn parse_options(message: &[u8]) -> Option<u8> {
    let mut rest = message.get(MESSAGE_LEN..)?;
    while rest.len() >= 4 {
        let length = usize::from(u16_at(rest, 0));
        let value = rest.get(4..length)?;
        if u16_at(rest, 2) == INET_DIAG_INFO {
            return value.get(TCPI_OPTIONS).copied();
        }
        rest = rest.get(align4(length)..).unwrap_or_default();
    }
    None
}

fn address(family: u8, bytes: &[u8]) -> IpAddr {
    if i32::from(family) == libc::AF_INET {
        return IpAddr::V4(Ipv4Addr::new(bytes[0], bytes[1], bytes[2], bytes[3]));
    }
    let octets: [u8; 16] = bytes.try_into().expect("the caller hands 16 bytes");
    Ipv6Addr::from(octets).to_canonical()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_or_strange_message_is_no_entry() {
        assert_eq!(parse_entry(&[0; 10]), None);
        let mut strange = [0; MESSAGE_LEN];
        strange[1] = 99;
        assert_eq!(parse_entry(&strange), None);
    }
}
