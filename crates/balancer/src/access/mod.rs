//! The access log: lines from the workers to a thread of its own, which writes them. No worker ever waits for it.
//!
//! ```text
//!   worker: Book --its batch, at the end of a turn--> [ slot on the desk ] <--swaps-- writer: formats, writes to its sink
//! ```
//!
//! Everything has its room from the beginning. Where the writer is too slow, lines are left out and counted.

mod book;
mod desk;
mod sink;
mod writer;

pub(crate) use book::Book;
pub(crate) use desk::{BYTES_MAX as LINES_BYTES_MAX, Desk, Wanted};
pub(crate) use writer::{Open, Writer};

pub use balancer_core::access::{Failed, LogFormat, SyslogForm};
use std::fmt;
use std::io::Error;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Where lines go, and how they look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessLog {
    /// Where they go.
    pub to: LogTarget,
    /// How they look.
    pub format: LogFormat,
    /// One request in so many is told, by chance; all that failed are.
    pub sample: u32,
}

/// Where lines go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogTarget {
    /// Standard output.
    Stdout,
    /// A file that is appended to.
    File(PathBuf),
    /// A log daemon, which wants messages of this form.
    Syslog(SyslogPlace, SyslogForm),
}

/// Where a log daemon listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SyslogPlace {
    /// At a socket file of this host.
    Here(PathBuf),
    /// At an address, over UDP.
    There(SocketAddr),
}

impl fmt::Display for LogTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stdout => f.write_str("standard output"),
            Self::File(path) => path.display().fmt(f),
            Self::Syslog(SyslogPlace::Here(path), _) => write!(f, "the log daemon at {}", path.display()),
            Self::Syslog(SyslogPlace::There(address), _) => write!(f, "the log daemon at {address}"),
        }
    }
}

/// What is to be told of requests.
#[derive(Default)]
pub struct Logging {
    /// Each of them.
    pub access: Option<AccessLog>,
    /// Those that failed, while there is no access log.
    pub failures: Option<FailureTeller>,
}

/// Called for each request that failed, by the thread that writes.
pub type FailureTeller = Box<dyn FnMut(Failed) + Send>;

/// Why lines cannot be written somewhere.
#[derive(Debug, thiserror::Error)]
#[error(
    "the access log cannot be written to {place}: {why}; name another place (`access_log` of [global]), or let this process write there"
)]
pub struct LogError {
    /// Where.
    pub place: String,
    /// Why.
    pub why: Error,
}
