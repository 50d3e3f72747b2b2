//! Why a connection could not be opened or broke, sorted by whose fault it is.
//!
//! A full port range is *our* shortage: it must never be counted as the target's failure, nor eject
//! a healthy server.

use crate::Address;
use core::fmt;
use named::named;

/// Whose fault a [`Fault`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Blame {
    /// This host ran out of something or forbids it.
    Here,
    /// The peer or the network between.
    There,
}

named! {
    /// The kinds of failure a connection can meet.
    pub enum FaultKind {
        /// No free 4-tuple: EADDRNOTAVAIL from `connect()`, EADDRINUSE from `bind()`.
        Ports = "no free local port",
        /// No free file descriptor: EMFILE, ENFILE.
        Files = "no free file descriptor",
        /// No kernel memory or buffers: ENOMEM, ENOBUFS; or our own bound was reached.
        Memory = "no kernel memory or buffer",
        /// EACCES, EPERM.
        Permission = "not permitted",
        /// ECONNREFUSED; of a socket file also ENOENT, and EAGAIN where its accept queue is full.
        Refused = "connection refused",
        /// ENETUNREACH, EHOSTUNREACH.
        Unreachable = "no route to the target",
        /// ETIMEDOUT from the kernel, or our own time-out.
        TimedOut = "timed out",
        /// ECONNRESET, EPIPE.
        Reset = "connection reset",
        /// ECONNABORTED: the peer gave up before `accept()`.
        Aborted = "connection aborted",
        /// The peer does not speak TLS, or nothing that both sides do.
        Handshake = "TLS handshake failed",
        /// The peer's certificate is not to be trusted, or it does not trust ours.
        Certificate = "certificate not accepted",
        /// Anything else; see the errno.
        Other = "failed",
    }
}

impl FaultKind {
    /// Whose fault this is.
    pub fn blame(self) -> Blame {
        match self {
            Self::Ports | Self::Files | Self::Memory | Self::Permission => Blame::Here,
            _ => Blame::There,
        }
    }
}

/// The errnos this project meets: number (asm-generic, as on every architecture Rust has but MIPS and SPARC), name, kind.
const ERRNOS: [(i32, &str, FaultKind); 18] = [
    (1, "EPERM", FaultKind::Permission),
    (2, "ENOENT", FaultKind::Refused),
    (11, "EAGAIN", FaultKind::Refused),
    (12, "ENOMEM", FaultKind::Memory),
    (13, "EACCES", FaultKind::Permission),
    (23, "ENFILE", FaultKind::Files),
    (24, "EMFILE", FaultKind::Files),
    (32, "EPIPE", FaultKind::Reset),
    (88, "ENOTSOCK", FaultKind::Other),
    (98, "EADDRINUSE", FaultKind::Ports),
    (99, "EADDRNOTAVAIL", FaultKind::Ports),
    (101, "ENETUNREACH", FaultKind::Unreachable),
    (103, "ECONNABORTED", FaultKind::Aborted),
    (104, "ECONNRESET", FaultKind::Reset),
    (105, "ENOBUFS", FaultKind::Memory),
    (110, "ETIMEDOUT", FaultKind::TimedOut),
    (111, "ECONNREFUSED", FaultKind::Refused),
    (113, "EHOSTUNREACH", FaultKind::Unreachable),
];

fn known(errno: i32) -> Option<&'static (i32, &'static str, FaultKind)> {
    ERRNOS.iter().find(|(number, ..)| *number == errno)
}

/// A failure with the errno that told of it (0 where no system call did).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Fault {
    /// What failed.
    pub kind: FaultKind,
    /// Linux errno, or 0.
    pub errno: i32,
}

impl Fault {
    /// Sorts a Linux errno.
    pub fn from_errno(errno: i32) -> Self {
        let kind = known(errno).map_or(FaultKind::Other, |(_, _, kind)| *kind);
        Self { kind, errno }
    }

    /// A failure that no system call reported.
    pub fn of(kind: FaultKind) -> Self {
        Self { kind, errno: 0 }
    }

    /// What this fault means where `address` was to be listened on, with the way out.
    pub fn listen_advice(&self, address: &Address) -> &'static str {
        match (address, self.errno) {
            (Address::Unix(_), errno) => file_advice(errno),
            (Address::Ip(_), errno) => address_advice(errno),
        }
    }

    /// The errno's symbolic name where it is one this project reports (`EADDRNOTAVAIL`), else `"errno"`.
    pub fn errno_name(&self) -> &'static str {
        known(self.errno).map_or("errno", |(_, name, _)| name)
    }
}

fn address_advice(errno: i32) -> &'static str {
    match errno {
        98 => "it is in use: stop what listens there (`ss -ltnp` shows it) or choose another address",
        99 => "no interface of this host has that address: choose one of `ip address`, or 0.0.0.0 for all",
        1 | 13 => "not permitted: ports below 1024 need root or CAP_NET_BIND_SERVICE; choose a higher one",
        97 => "this host has no addresses of that family: choose an address of the other one",
        errno => any_advice(errno),
    }
}

fn file_advice(errno: i32) -> &'static str {
    match errno {
        2 => "no such folder: make it, or choose another path",
        20 => "a part of the path is no folder: choose another path",
        88 => "there is a file that is no socket, and it is left alone: move it away, or choose another path",
        98 => "it is in use: stop what listens there (`ss -lxp` shows it) or choose another path",
        1 | 13 => "not permitted: this user has to be able to write to its folder (`ls -ld`); choose another path",
        30 => "its folder is read-only: choose another path",
        errno => any_advice(errno),
    }
}

fn any_advice(errno: i32) -> &'static str {
    match errno {
        23 | 24 => "no file descriptor left: raise the limit with `ulimit -n`",
        _ => "the system refused it",
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = self.kind.name();
        match (self.errno, self.errno_name()) {
            (0, _) => f.write_str(what),
            (errno, "errno") => write!(f, "{what} (errno {errno})"),
            (_, name) => write!(f, "{what} ({name})"),
        }
    }
}
