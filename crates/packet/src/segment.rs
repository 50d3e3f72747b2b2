//! A TCP segment in its IPv4 packet in its Ethernet frame.
//!
//! ```text
//! | Ethernet 14 | IPv4 20 (+ options, skipped) | TCP 20 + options | payload | padding, if short |
//! ```

use crate::checksum::checksum;
use crate::ethernet::{Ethernet, Kind, Mac};
use crate::flags::Flags;
use crate::malformed::Malformed;
use crate::options::Options;
use core::net::{Ipv4Addr, SocketAddrV4};
use core::ops::Range;

/// Time to live of packets we write.
pub const TTL_DEFAULT: u8 = 64;

const TCP: u8 = 6;
const HEADER_LEN_MIN: usize = 20;

/// The two stations of one link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route {
    /// Who sends the frame.
    pub source: Mac,
    /// Who shall take it.
    pub destination: Mac,
}

/// A TCP segment with the addresses of its packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment<'a> {
    /// Who sends it.
    pub from: SocketAddrV4,
    /// Whom it is for.
    pub to: SocketAddrV4,
    /// Sequence number of the first byte, or of SYN.
    pub seq: u32,
    /// Next byte expected; meaningful with [`Flags::ACK`].
    pub ack: u32,
    /// Control bits.
    pub flags: Flags,
    /// The window field, unscaled.
    pub window: u16,
    /// Options.
    pub options: Options,
    /// Data.
    pub payload: &'a [u8],
}

impl<'a> Segment<'a> {
    /// Reads a frame whose Ethernet header says IPv4. Both checksums are checked.
    ///
    /// # Errors
    /// Not TCP, a fragment, cut off, or damaged.
    pub fn parse(frame: &'a [u8]) -> Result<Self, Malformed> {
        let layout = Layout::find(frame)?;
        if checksum(&[&frame[Ethernet::LEN..layout.tcp.start]]) != 0 {
            return Err(Malformed::Checksum("IPv4"));
        }
        let (ip, tcp) = (&frame[Ethernet::LEN..], &frame[layout.tcp.clone()]);
        let (source, destination) = (address(&ip[12..16]), address(&ip[16..20]));
        if checksum(&[&pseudo_header(source, destination, tcp.len()), tcp]) != 0 {
            return Err(Malformed::Checksum("TCP"));
        }
        let header_len = layout.payload - layout.tcp.start;
        Ok(Self {
            from: SocketAddrV4::new(source, short(tcp, 0)),
            to: SocketAddrV4::new(destination, short(tcp, 2)),
            seq: long(tcp, 4),
            ack: long(tcp, 8),
            flags: Flags(tcp[13]),
            window: short(tcp, 14),
            options: Options::parse(&tcp[HEADER_LEN_MIN..header_len])?,
            payload: &frame[layout.payload..layout.tcp.end],
        })
    }

    /// The whole frame, checksums included.
    pub fn to_frame(&self, route: Route) -> Vec<u8> {
        let tcp = self.tcp_bytes();
        let mut frame = Vec::with_capacity(Ethernet::LEN + HEADER_LEN_MIN + tcp.len());
        Ethernet { destination: route.destination, source: route.source, kind: Kind::Ipv4 }.write(&mut frame);
        frame.extend_from_slice(&ipv4_header(*self.from.ip(), *self.to.ip(), tcp.len()));
        frame.extend_from_slice(&tcp);
        frame
    }

    /// How far the sequence number moves on: data, SYN and FIN each count (RFC 9293, 3.4).
    pub fn seq_len(&self) -> u32 {
        let controls = u32::from(self.flags.contains(Flags::SYN)) + u32::from(self.flags.contains(Flags::FIN));
        self.payload.len() as u32 + controls
    }

    fn tcp_bytes(&self) -> Vec<u8> {
        let options = self.options.to_bytes();
        let words = ((HEADER_LEN_MIN + options.len()) / 4) as u8;
        let mut tcp = Vec::with_capacity(HEADER_LEN_MIN + options.len() + self.payload.len());
        tcp.extend_from_slice(&self.from.port().to_be_bytes());
        tcp.extend_from_slice(&self.to.port().to_be_bytes());
        tcp.extend_from_slice(&self.seq.to_be_bytes());
        tcp.extend_from_slice(&self.ack.to_be_bytes());
        tcp.extend_from_slice(&[words << 4, self.flags.0]);
        tcp.extend_from_slice(&self.window.to_be_bytes());
        tcp.extend_from_slice(&[0; 4]); // checksum, urgent pointer
        tcp.extend_from_slice(&options);
        tcp.extend_from_slice(self.payload);
        let sum = checksum(&[&pseudo_header(*self.from.ip(), *self.to.ip(), tcp.len()), &tcp]);
        tcp[16..18].copy_from_slice(&sum.to_be_bytes());
        tcp
    }
}

/// Where the parts of a frame are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Layout {
    /// The TCP header and its data, without padding.
    pub(crate) tcp: Range<usize>,
    /// First byte of the data.
    pub(crate) payload: usize,
}

impl Layout {
    /// Finds them; nothing but lengths is looked at.
    pub(crate) fn find(frame: &[u8]) -> Result<Self, Malformed> {
        let ip = frame.get(Ethernet::LEN..).filter(|ip| ip.len() >= HEADER_LEN_MIN);
        let ip = ip.ok_or(Malformed::Truncated("IPv4"))?;
        if ip[0] >> 4 != 4 {
            return Err(Malformed::NotVersion4);
        }
        let (header_len, total_len) = (usize::from(ip[0] & 0x0f) * 4, usize::from(short(ip, 2)));
        if header_len < HEADER_LEN_MIN || total_len < header_len || total_len > ip.len() {
            return Err(Malformed::Length("IPv4"));
        }
        // More fragments, or an offset: RFC 791, 3.1.
        if short(ip, 6) & 0x3fff != 0 {
            return Err(Malformed::Fragment);
        }
        if ip[9] != TCP {
            return Err(Malformed::NotTcp(ip[9]));
        }
        let tcp = Ethernet::LEN + header_len..Ethernet::LEN + total_len;
        if tcp.len() < HEADER_LEN_MIN {
            return Err(Malformed::Truncated("TCP"));
        }
        let tcp_header_len = usize::from(frame[tcp.start + 12] >> 4) * 4;
        if !(HEADER_LEN_MIN..=tcp.len()).contains(&tcp_header_len) {
            return Err(Malformed::Length("TCP"));
        }
        Ok(Self { payload: tcp.start + tcp_header_len, tcp })
    }
}

fn ipv4_header(source: Ipv4Addr, destination: Ipv4Addr, tcp_len: usize) -> [u8; HEADER_LEN_MIN] {
    let total_len = u16::try_from(HEADER_LEN_MIN + tcp_len).expect("a segment of ours fits a packet");
    let mut header = [0; HEADER_LEN_MIN];
    header[0] = 0x45;
    header[2..4].copy_from_slice(&total_len.to_be_bytes());
    header[6] = 0x40; // don't fragment
    header[8] = TTL_DEFAULT;
    header[9] = TCP;
    header[12..16].copy_from_slice(&source.octets());
    header[16..20].copy_from_slice(&destination.octets());
    let sum = checksum(&[&header]);
    header[10..12].copy_from_slice(&sum.to_be_bytes());
    header
}

/// RFC 9293, 3.1.
fn pseudo_header(source: Ipv4Addr, destination: Ipv4Addr, tcp_len: usize) -> [u8; 12] {
    let [s0, s1, s2, s3] = source.octets();
    let [d0, d1, d2, d3] = destination.octets();
    let [high, low] = (tcp_len as u16).to_be_bytes();
    [s0, s1, s2, s3, d0, d1, d2, d3, 0, TCP, high, low]
}

fn address(bytes: &[u8]) -> Ipv4Addr {
    Ipv4Addr::new(bytes[0], bytes[1], bytes[2], bytes[3])
}

fn short(bytes: &[u8], at: usize) -> u16 {
    u16::from_be_bytes([bytes[at], bytes[at + 1]])
}

fn long(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}
