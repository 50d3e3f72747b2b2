//! Lines of the access log: what is told of a request that is over, and how it is written. A worker fills a [`Note`] while the
//! request is under way and hands it on in a [`Batch`]; whoever writes reads it there as a [`Told`].
//!
//! Nothing is allocated for a line: a note keeps its room from one request to the next, and a batch has its own from the
//! beginning.

mod combined;
mod escape;
mod failed;
mod json;
mod note;
mod plain;
mod syslog;
mod time;

pub use failed::Failed;
pub use note::{Batch, Note, Told};
pub use syslog::{Syslog, SyslogForm};

use crate::exchange::Record;
use crate::reason::CloseReason;
use crate::settings::Protocol;
use core::time::Duration;
use http::Version;
use named::named;
use ports::{Address, ClosedFirst};
use std::net::{IpAddr, SocketAddr};
use time::Moment;

named! {
    /// Texts of a line, most of which clients send: none is written as it came.
    pub enum Part {
        /// The listener's name.
        Listener = "listener",
        /// The route's name, where there are routes.
        Route = "route",
        /// The backend set's name.
        Set = "backend_set",
        /// The method.
        Method = "method",
        /// What was asked for.
        Target = "target",
        /// The host that was asked for.
        Host = "host",
        /// `Referer`.
        Referer = "referer",
        /// `User-Agent`.
        UserAgent = "user_agent",
        /// How the request is called.
        RequestId = "request_id",
        /// Who it was, where that was proven.
        User = "user",
        /// The name that a TLS client asked for.
        Sni = "sni",
        /// How something began that was refused.
        Begins = "begins",
    }
}

impl Part {
    /// Bytes of it that are kept; the rest is left out, and the line says so.
    pub fn bytes_max(self) -> usize {
        match self {
            Self::Target => 4096,
            Self::Referer => 2048,
            Self::UserAgent => 1024,
            Self::Listener | Self::Route | Self::Set | Self::Host | Self::User | Self::Sni => 256,
            Self::RequestId => 128,
            Self::Method | Self::Begins => 64,
        }
    }
}

named! {
    /// How lines look (`access_log_format = "..."`).
    #[derive(Default)]
    pub enum LogFormat {
        /// An object of JSON.
        #[default]
        Json = "json",
        /// Apache's combined log format.
        Combined = "combined",
        /// Apache's common log format.
        Common = "common",
    }
}

/// Writes lines in one format, one after the other.
#[derive(Clone, Copy, Debug)]
pub struct Pen {
    format: LogFormat,
    moment: Moment,
}

impl Pen {
    /// It has written nothing yet.
    pub fn new(format: LogFormat) -> Self {
        Self { format, moment: Moment::default() }
    }

    /// Writes one line, with its end.
    pub fn write(&mut self, told: &Told<'_>, out: &mut Vec<u8>) {
        match self.format {
            LogFormat::Json => json::write(told, &mut self.moment, out),
            LogFormat::Combined => combined::write_combined(told, out),
            LogFormat::Common => combined::write_common(told, out),
        }
    }
}

/// `2026-11-26T08:49:37.123456Z`, of a time since the start of 1970.
pub fn moment(at: Duration) -> String {
    String::from_utf8_lossy(Moment::default().at(at)).into_owned()
}

/// What a line says beside its texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line {
    /// When the head was understood or refused, or the connection came in; since the start of 1970.
    pub at: Duration,
    /// From then to the end.
    pub took: Duration,
    /// What is spoken at the listener.
    pub protocol: Protocol,
    /// Whose connection it came on.
    pub peer: SocketAddr,
    /// Who asked: the same, or whom a trusted proxy speaks for.
    pub client: IpAddr,
    /// The version the client speaks.
    pub version: Version,
    /// What came of it.
    pub record: Record,
    /// The server of the last attempt.
    pub server: Option<Address>,
    /// What the client was told; 0: nothing.
    pub status: u16,
    /// Bytes of bodies from the client that went to the server, or of what was joined.
    pub bytes_up: u64,
    /// Bytes of bodies that went to the client, or of what was joined.
    pub bytes_down: u64,
    /// What became of the client's connection; `None`: it was kept.
    pub end: Option<End>,
    /// How the client's connection is secured.
    pub tls: Option<Tls>,
    /// It is one of those that are told whatever came of them.
    pub drawn: bool,
    /// Where nobody was there for it: how the servers of its set stood.
    pub nobody: Option<Nobody>,
}

/// Why no server of a set is asked: how many are what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Nobody {
    /// Down by their checks.
    pub down: u32,
    /// Set aside by what requests found.
    pub aside: u32,
    /// Drained, or of the weight 0.
    pub drained: u32,
    /// Disabled by an operator.
    pub disabled: u32,
    /// Well, and asked already, or unreachable from here.
    pub others: u32,
}

/// `2 are down by their checks, 1 is drained`, or that there is none.
impl core::fmt::Display for Nobody {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let all = [
            (self.down, "down by its checks", "down by their checks"),
            (self.aside, "set aside", "set aside"),
            (self.drained, "drained", "drained"),
            (self.disabled, "disabled", "disabled"),
            (self.others, "not to be had for this request", "not to be had for this request"),
        ];
        let some = all.into_iter().filter(|(count, ..)| *count > 0);
        for (at, (count, one, many)) in some.clone().enumerate() {
            let comma = if at > 0 { ", " } else { "" };
            match count {
                1 => write!(f, "{comma}1 is {one}")?,
                count => write!(f, "{comma}{count} are {many}")?,
            }
        }
        if some.count() == 0 { f.write_str("it has none") } else { Ok(()) }
    }
}

/// The end of a client's connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct End {
    /// Who ended it; `None` where that cannot be told.
    pub first: Option<ClosedFirst>,
    /// Why.
    pub why: CloseReason,
}

/// How a connection is secured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tls {
    /// Such as `TLSv1.3`.
    pub version: &'static str,
    /// As IANA calls it.
    pub cipher: &'static str,
}

impl Line {
    /// Waiting in line, for a port, for attempts that failed: until the last attempt began, or to the end.
    pub fn waited(&self) -> Duration {
        self.record.attempted_at.map_or(self.took, |at| at.saturating_sub(self.record.started_at))
    }

    /// The handshake of the last attempt; `None` where its connection stood already, or never did.
    pub fn connected_within(&self) -> Option<Duration> {
        self.record.connected_within()
    }

    /// From the request on its way to the head of the response.
    pub fn first_byte_within(&self) -> Option<Duration> {
        self.record.first_byte_within()
    }

    /// Attempts that were made.
    pub fn attempts(&self) -> u32 {
        self.record.server.map_or(0, |_| self.record.retries + 1)
    }
}

/// `GET /x`, answered with 200 by the second server that was asked.
#[cfg(test)]
fn a_line() -> Line {
    let peer: SocketAddr = "192.0.2.7:40000".parse().expect("an address");
    let server: SocketAddr = "10.0.0.7:80".parse().expect("an address");
    let mut record = Record {
        status: 200,
        responded: true,
        retries: 1,
        server: Some(3),
        attempted_at: Some(Duration::from_millis(1_002)),
        connected_at: Some(Duration::from_millis(1_005)),
        answered_at: Some(Duration::from_millis(1_025)),
        ..Record::begun(Duration::from_millis(1_000))
    };
    record.retried[crate::retry::RetryReason::Unreachable as usize] = 1;
    Line {
        at: Duration::new(1_709_210_096, 7_000),
        took: Duration::from_micros(31_234),
        protocol: Protocol::Http,
        peer,
        client: peer.ip(),
        version: Version::Http11,
        record,
        server: Some(Address::Ip(server)),
        status: 200,
        bytes_up: 0,
        bytes_down: 5,
        end: None,
        tls: None,
        drawn: true,
        nobody: None,
    }
}

/// A line with these texts, as it is written.
#[cfg(test)]
fn written(format: LogFormat, line: Line, parts: &[(Part, &[u8])]) -> String {
    let mut note = Note::default();
    note.line = Some(line);
    parts.iter().for_each(|(part, text)| note.tell(*part, text));
    let mut batch = Batch::with_room(1, 10_000);
    assert!(batch.push(&note));
    let mut out = Vec::new();
    let mut pen = Pen::new(format);
    batch.told().for_each(|told| pen.write(&told, &mut out));
    String::from_utf8(out).expect("ASCII")
}
