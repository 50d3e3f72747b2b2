//! What all probes of one target share: address, requests, patience, and a record of every handshake.

use super::Patience;
use super::line::{From, Line};
use doctor_core::target::Handshake;
use http::Url;
use ports::Fault;
use std::net::SocketAddr;
use std::time::Duration;

/// Connections one probing may open. The probes need about a dozen; this guards against our own bugs.
const CONNECTIONS_MAX: usize = 32;

pub(super) struct Prober<'a> {
    address: SocketAddr,
    url: &'a Url,
    patience: &'a Patience,
    opened: Vec<Opened>,
    connections: usize,
}

#[derive(Clone, Copy)]
struct Opened {
    connect_time: Duration,
    timestamps: bool,
    sack: bool,
    window_scale: Option<(u8, u8)>,
    syn_retransmits: u32,
}

impl<'a> Prober<'a> {
    pub(super) fn new(address: SocketAddr, url: &'a Url, patience: &'a Patience) -> Self {
        Self { address, url, patience, opened: Vec::new(), connections: 0 }
    }

    pub(super) fn patience(&self) -> &Patience {
        self.patience
    }

    /// A connection whose handshake is recorded.
    pub(super) fn open(&mut self, from: From) -> Result<Line, Fault> {
        let line = self.open_again(from)?;
        self.opened.push(Opened {
            connect_time: line.connect_time,
            timestamps: line.details.info.timestamps(),
            sack: line.details.info.sack(),
            window_scale: line.details.window_scale,
            syn_retransmits: line.details.retransmits,
        });
        Ok(line)
    }

    /// A connection from a 5-tuple that was used before: how it fares is a fact of its own.
    pub(super) fn open_again(&mut self, from: From) -> Result<Line, Fault> {
        if self.connections >= CONNECTIONS_MAX {
            return Err(Fault::of(ports::FaultKind::Memory));
        }
        self.connections += 1;
        Line::open(self.address, from, self.patience.connect)
    }

    /// An address and port of ours to bind to; any port.
    pub(super) fn any_local(&mut self) -> Option<SocketAddr> {
        let local = self.open(From::Anywhere).ok()?.local()?;
        Some(SocketAddr::new(local.ip(), 0))
    }

    /// `GET` with the version and the fields given (each with its CRLF).
    pub(super) fn request(&self, version: &str, fields: &str) -> Vec<u8> {
        let agent = concat!("quintet-doctor/", env!("CARGO_PKG_VERSION"));
        let (path, host) = (self.url.path(), self.url.host_field());
        format!("GET {path} HTTP/{version}\r\nHost: {host}\r\nUser-Agent: {agent}\r\nAccept: */*\r\n{fields}\r\n")
            .into_bytes()
    }

    /// Takes over the record of another prober of the same target.
    pub(super) fn absorb(&mut self, other: Self) {
        self.opened.extend(other.opened);
        self.connections += other.connections;
    }

    pub(super) fn connections(&self) -> u32 {
        self.connections as u32
    }

    /// What all handshakes showed. Options that were missing once are missing: ports must last on the worst of
    /// several machines behind one address.
    pub(super) fn handshake(&self) -> Handshake {
        let mut times: Vec<u64> = self.opened.iter().map(|one| one.connect_time.as_micros() as u64).collect();
        times.sort_unstable();
        let all = |has: fn(&Opened) -> bool| !self.opened.is_empty() && self.opened.iter().all(has);
        Handshake {
            timestamps: all(|one| one.timestamps),
            sack: all(|one| one.sack),
            window_scale: self.opened.first().and_then(|one| one.window_scale),
            connects: self.opened.len() as u32,
            connect_us_median: times.get(times.len() / 2).copied(),
            connect_us_max: times.last().copied(),
            syn_retransmits: self.opened.iter().map(|one| one.syn_retransmits).sum(),
        }
    }
}
