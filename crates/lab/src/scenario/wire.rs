//! The peer's end of the cable: segments out, segments in with their time of arrival.

use crate::error::LabError;
use packet::{Arp, Ethernet, Kind, Mac, Operation, Options, Route, Segment, Timestamps};
use std::collections::VecDeque;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::{Duration, Instant};
use sys::Errno;
use sys::epoll::{Epoll, Interest};
use sys::packet::PacketSocket;
use tcp_model::scenario::{FlowKey, Role};

/// The host under test.
pub(super) const HOST: Ipv4Addr = Ipv4Addr::new(10, 88, 0, 1);
/// The peer's addresses are counted from here.
const PEER_BASE: u8 = 10;
const PEER_MAC: Mac = Mac::local(1);
/// The MSS of the peer's SYNs, in bytes.
const MSS: u16 = 1460;
const FRAME_BYTES_MAX: usize = 2048;
/// Segments that wait to be looked at; a scenario has fewer steps.
const QUEUE_MAX: usize = 4096;
/// How long the host may take to answer an ARP request.
const ARP_PATIENCE: Duration = Duration::from_secs(5);
const ARP_EVERY: Duration = Duration::from_millis(50);

/// A segment of the host's.
#[derive(Clone, Debug)]
pub(super) struct Arrived {
    pub(super) at: Instant,
    pub(super) flow: FlowKey,
    pub(super) segment: tcp_model::Segment,
}

/// An address of the peer.
pub(super) fn peer_address(number: u8) -> Ipv4Addr {
    let [a, b, c, _] = HOST.octets();
    Ipv4Addr::new(a, b, c, PEER_BASE.saturating_add(number))
}

/// Host's and peer's ends of a flow.
pub(super) fn ends(role: Role, flow: FlowKey) -> (SocketAddrV4, SocketAddrV4) {
    let (host_port, peer_port) = match role {
        Role::Server => (flow.to, flow.port),
        Role::Client => (flow.port, flow.to),
    };
    (SocketAddrV4::new(HOST, host_port), SocketAddrV4::new(peer_address(flow.address), peer_port))
}

pub(super) struct Wire {
    socket: PacketSocket,
    epoll: Epoll,
    role: Role,
    host: Mac,
    arrived: VecDeque<Arrived>,
    buffer: Vec<u8>,
}

impl Wire {
    /// Takes the peer's end, and learns who the host is.
    pub(super) fn new(socket: PacketSocket, role: Role) -> Result<Self, LabError> {
        let epoll = Epoll::new().and_then(|epoll| epoll.add(&socket, 0, Interest::Level).map(|()| epoll));
        let epoll = epoll.map_err(|errno| failed(&std::io::Error::from(errno)))?;
        let (arrived, buffer) = (VecDeque::new(), vec![0; FRAME_BYTES_MAX]);
        let mut wire = Self { socket, epoll, role, host: Mac::BROADCAST, arrived, buffer };
        // A link that was just raised loses frames until linkwatch has noticed (net/core/link_watch.c).
        let request = Arp::request((PEER_MAC, peer_address(1)), HOST).to_frame();
        let until = Instant::now() + ARP_PATIENCE;
        while wire.host == Mac::BROADCAST && Instant::now() < until {
            wire.socket.send(&request).map_err(|errno| failed(&std::io::Error::from(errno)))?;
            wire.listen(ARP_EVERY);
        }
        match wire.host {
            Mac::BROADCAST => Err(failed(&"the host under test does not answer ARP")),
            _ => Ok(wire),
        }
    }

    /// Sends a segment of the peer's.
    pub(super) fn send(&self, flow: FlowKey, window: u16, segment: &tcp_model::Segment) -> Result<(), Errno> {
        let (host, peer) = ends(self.role, flow);
        let payload = vec![b'.'; usize::from(segment.len)];
        let out = Segment {
            from: peer,
            to: host,
            seq: segment.seq,
            ack: segment.ack,
            flags: flags_out(segment.flags),
            window,
            options: options_out(segment),
            payload: &payload,
        };
        self.socket.send(&out.to_frame(Route { source: PEER_MAC, destination: self.host }))
    }

    /// The host's next segment, waited for until `until`.
    pub(super) fn next(&mut self, until: Instant) -> Option<Arrived> {
        loop {
            if let Some(arrived) = self.arrived.pop_front() {
                return Some(arrived);
            }
            let now = Instant::now();
            self.listen(until.saturating_duration_since(now));
            if now >= until && self.arrived.is_empty() {
                return None;
            }
        }
    }

    /// Takes what comes until `until`, and keeps it.
    pub(super) fn pass(&mut self, until: Instant) {
        loop {
            let now = Instant::now();
            self.listen(until.saturating_duration_since(now));
            if now >= until {
                return;
            }
        }
    }

    /// Takes what is there, after at most `timeout`.
    fn listen(&mut self, timeout: Duration) {
        // Only a kernel out of memory fails here; the caller looks again until its time is over.
        let _ = self.epoll.wait(Some(timeout));
        while let Ok(len) = self.socket.recv(&mut self.buffer) {
            let frame = self.buffer[..len.min(FRAME_BYTES_MAX)].to_vec();
            self.handle_frame(&frame);
        }
    }

    fn handle_frame(&mut self, frame: &[u8]) {
        match Ethernet::parse(frame).map(|header| header.kind) {
            Ok(Kind::Arp) => self.handle_arp(frame),
            Ok(Kind::Ipv4) => self.handle_packet(frame),
            _ => {}
        }
    }

    fn handle_arp(&mut self, frame: &[u8]) {
        let Ok(arp) = Arp::parse(frame) else { return };
        if arp.sender.1 == HOST {
            self.host = arp.sender.0;
        }
        if arp.operation == Operation::Request && arp.target.1 != HOST {
            // The host asks again when this is lost.
            let _ = self.socket.send(&arp.reply(PEER_MAC).to_frame());
        }
    }

    fn handle_packet(&mut self, frame: &[u8]) {
        let Ok(segment) = Segment::parse(frame) else { return };
        let number = segment.to.ip().octets()[3].checked_sub(PEER_BASE);
        let Some(address) = number.filter(|_| *segment.from.ip() == HOST) else { return };
        let (port, to) = match self.role {
            Role::Server => (segment.to.port(), segment.from.port()),
            Role::Client => (segment.from.port(), segment.to.port()),
        };
        if self.arrived.len() < QUEUE_MAX {
            let (at, flow) = (Instant::now(), FlowKey { address, port, to });
            self.arrived.push_back(Arrived { at, flow, segment: segment_in(&segment) });
        }
    }
}

pub(super) fn failed(reason: &dyn std::fmt::Display) -> LabError {
    LabError::Part { role: "peer of the scenario", reason: reason.to_string() }
}

fn flags_out(flags: tcp_model::Flags) -> packet::Flags {
    let bits = [
        (flags.syn, packet::Flags::SYN),
        (flags.ack, packet::Flags::ACK),
        (flags.fin, packet::Flags::FIN),
        (flags.rst, packet::Flags::RST),
    ];
    bits.iter().filter(|(set, _)| *set).fold(packet::Flags::default(), |flags, (_, bit)| flags | *bit)
}

fn options_out(segment: &tcp_model::Segment) -> Options {
    Options {
        mss: segment.flags.syn.then_some(MSS),
        timestamps: segment.timestamp.map(|stamp| Timestamps { value: stamp.val, echo: stamp.ecr }),
        ..Options::default()
    }
}

fn segment_in(segment: &Segment<'_>) -> tcp_model::Segment {
    let set = |bit| segment.flags.contains(bit);
    let stamp = |stamps: Timestamps| tcp_model::Timestamp { val: stamps.value, ecr: stamps.echo };
    tcp_model::Segment {
        flags: tcp_model::Flags {
            syn: set(packet::Flags::SYN),
            ack: set(packet::Flags::ACK),
            fin: set(packet::Flags::FIN),
            rst: set(packet::Flags::RST),
        },
        seq: segment.seq,
        ack: if set(packet::Flags::ACK) { segment.ack } else { 0 },
        len: segment.payload.len() as u16,
        timestamp: segment.options.timestamps.map(stamp),
    }
}
