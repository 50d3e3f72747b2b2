//! Why a connection could not be opened or broke, sorted by whose fault it is.
//!
//! A full port range is *our* shortage: it must never be counted as the target's failure, nor eject
//! a healthy server.

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
        /// ECONNREFUSED.
        Refused = "connection refused",
        /// ENETUNREACH, EHOSTUNREACH.
        Unreachable = "no route to the target",
        /// ETIMEDOUT from the kernel, or our own time-out.
        TimedOut = "timed out",
        /// ECONNRESET, EPIPE.
        Reset = "connection reset",
        /// ECONNABORTED: the peer gave up before `accept()`.
        Aborted = "connection aborted",
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

/// A failure with the errno that told of it (0 where no system call did).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Fault {
    /// What failed.
    pub kind: FaultKind,
    /// Linux errno, or 0.
    pub errno: i32,
}

impl Fault {
    /// Sorts a Linux errno (asm-generic numbers).
    pub fn from_errno(errno: i32) -> Self {
        let kind = match errno {
            99 | 98 => FaultKind::Ports,
            23 | 24 => FaultKind::Files,
            12 | 105 => FaultKind::Memory,
            1 | 13 => FaultKind::Permission,
            111 => FaultKind::Refused,
            101 | 113 => FaultKind::Unreachable,
            110 => FaultKind::TimedOut,
            104 | 32 => FaultKind::Reset,
            103 => FaultKind::Aborted,
            _ => FaultKind::Other,
        };
        Self { kind, errno }
    }

    /// A failure that no system call reported.
    pub fn of(kind: FaultKind) -> Self {
        Self { kind, errno: 0 }
    }

    /// What this fault means where an address was to be listened on, with the way out.
    pub fn listen_advice(&self) -> &'static str {
        match self.errno {
            98 => "it is in use: stop what listens there (`ss -ltnp` shows it) or choose another address",
            99 => "no interface of this host has that address: choose one of `ip address`, or 0.0.0.0 for all",
            1 | 13 => "not permitted: ports below 1024 need root or CAP_NET_BIND_SERVICE; choose a higher one",
            23 | 24 => "no file descriptor left: raise the limit with `ulimit -n`",
            97 => "this host has no addresses of that family: choose an address of the other one",
            _ => "the system refused it",
        }
    }

    /// The errno's symbolic name where it is one this project reports (`EADDRNOTAVAIL`), else `"errno"`.
    pub fn errno_name(&self) -> &'static str {
        match self.errno {
            1 => "EPERM",
            12 => "ENOMEM",
            13 => "EACCES",
            23 => "ENFILE",
            24 => "EMFILE",
            32 => "EPIPE",
            98 => "EADDRINUSE",
            99 => "EADDRNOTAVAIL",
            101 => "ENETUNREACH",
            103 => "ECONNABORTED",
            104 => "ECONNRESET",
            105 => "ENOBUFS",
            110 => "ETIMEDOUT",
            111 => "ECONNREFUSED",
            113 => "EHOSTUNREACH",
            _ => "errno",
        }
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
