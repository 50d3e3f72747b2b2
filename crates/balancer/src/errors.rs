//! Why the balancer does not start, or does not work by another configuration; and what it goes on without.

use crate::access::LogError;
use crate::timestamps::{TimestampsError, Unfulfilled};
use crate::tls::SecureError;
use ports::{Address, NoOwnPorts, SetError, TooManyDestinations};
use reactor::{ListenError, NoAnswer, SpawnError};
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

/// Why nothing was started, or changed.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// An address cannot be listened on.
    #[error("listener {name:?}: {error}")]
    Listen {
        /// Name of the listener.
        name: String,
        /// Why, and the way out.
        error: ListenError,
    },
    /// Sockets that were made for us have no listener.
    #[error(
        "{} was handed over to be listened at, and no listener has that address: correct `bind`, or the socket unit",
        .places.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    )]
    NotNamed {
        /// Where they are.
        places: Vec<Address>,
    },
    /// A listener cannot be without TCP timestamps, or that cannot be verified.
    #[error(
        "listener {name:?}: timestamps = \"off\" cannot be had on {address}: {reason}; or write \
         timestamps = \"off-if-possible\", which starts with a warning"
    )]
    Timestamps {
        /// Name of the listener.
        name: String,
        /// Its address.
        address: SocketAddr,
        /// Why, and the way out.
        reason: TimestampsError,
    },
    /// A backend set cannot be worked with by so many workers.
    #[error(transparent)]
    Setup(#[from] SetupError),
    /// A source address does not belong to this host.
    #[error(
        "backend set {set:?}: source {source_ip} cannot be used: {reason}; add it to an interface of this host, route it \
         here ({}), or take it out of `sources`",
        sys::socket::how_to_route(*source_ip)
    )]
    SourceNotHere {
        /// Name of the set.
        set: String,
        /// The address.
        source_ip: IpAddr,
        /// Why.
        reason: std::io::Error,
    },
    /// A server is a listener of the same balancer.
    #[error(
        "backend set {set:?}: server {server} is listener {listener:?} of this balancer itself; name the address the \
         server listens on, or give the listener another one"
    )]
    Circle {
        /// Name of the set.
        set: String,
        /// The server.
        server: Box<Address>,
        /// Name of the listener.
        listener: String,
    },
    /// A certificate, a key or an authority is of no use.
    #[error(transparent)]
    Secure(#[from] SecureError),
    /// The access log cannot be written.
    #[error(transparent)]
    Log(#[from] LogError),
    /// A worker could not be set up.
    #[error("worker {index}: {error}")]
    Worker {
        /// Which.
        index: usize,
        /// Why.
        error: SpawnError,
    },
    /// A worker did not take a changed configuration; the others went back to the one before.
    #[error("worker {index}: {error}")]
    Apply {
        /// Which.
        index: usize,
        /// Why.
        error: ApplyError,
    },
    /// A worker did not answer.
    #[error("worker {index}: {error}")]
    NoAnswer {
        /// Which.
        index: usize,
        /// Why.
        error: NoAnswer,
    },
}

/// What a balancer goes on without.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Warning {
    /// `timestamps = "off-if-possible"` was not possible, or could not be verified.
    #[error("listener {name:?}: TCP timestamps {} on at {address}: {reason}", .reason.how_surely_on())]
    Timestamps {
        /// Name of the listener.
        name: String,
        /// Its address.
        address: SocketAddr,
        /// Why, and the way out.
        reason: TimestampsError,
    },
    /// A certificate that clients refuse, or soon will.
    #[error("certificate {} {what}", .path.display())]
    Certificate {
        /// Its file.
        path: PathBuf,
        /// Why.
        what: String,
    },
    /// A private key that is not private.
    #[error("key {} can be read by every user of this host: chmod o-r", .path.display())]
    KeyForAnybody {
        /// Its file.
        path: PathBuf,
    },
    /// Of a wide network of sources only some are used.
    #[error("backend set \"{set}\": of sources {network} {} addresses are used, spread over all of it", ports::SAMPLE)]
    Sampled {
        /// Name of the set.
        set: String,
        /// The network.
        network: String,
    },
    /// A set binds ports that the kernel chooses from for everybody else.
    #[error(
        "backend set \"{set}\": {count} ports of its port_range lie in net.ipv4.ip_local_port_range ({}-{}): they are \
         lost to every other program of this host for as long as they are used and 60 s longer; choose ports outside of \
         it, or leave port_range out", .ephemeral.0, .ephemeral.1
    )]
    ContestedPorts {
        /// Name of the set.
        set: String,
        /// So many ports.
        count: u32,
        /// The kernel's range.
        ephemeral: (u16, u16),
    },
    /// Sources of a set that are not addresses of this host any more.
    #[error(
        "backend set \"{set}\": {} of its sources not of this host at present ({reason}): {}; connections to its servers \
         start from the others until that changes", .away.len(), listed(.away)
    )]
    SourcesAway {
        /// Name of the set.
        set: String,
        /// The addresses.
        away: Vec<IpAddr>,
        /// Why the first of them cannot be used.
        reason: String,
    },
    /// What is said for nothing.
    #[error("{0}")]
    Vain(balancer_core::Vain),
    /// A start on this host would fail.
    #[error("{why}; on this host a start fails by it")]
    StartWouldFail {
        /// Why, and the way out.
        why: String,
    },
    /// A file that a reload reads cannot be read by the user who the process is by then.
    #[error(
        "{} is read again with every reload, and user {user} (group {group}) as whom this goes on cannot read {}: reloads will \
         fail; `chgrp {group}` and `chmod g+{}` it, or leave `user` out",
        .path.display(), if .at == .path { "it".to_owned() } else { format!("what is in {}", .at.display()) },
        if .at == .path { "r" } else { "x" }
    )]
    UnreadableLater {
        /// The file.
        path: PathBuf,
        /// What stops its reader: the file, or a folder above it.
        at: PathBuf,
        /// Who the process will be.
        user: u32,
        /// Its group.
        group: u32,
    },
    /// The user who the process is by then may not take a socket file away.
    #[error(
        "{} stays at the end: user {user} may not write to {}; it harms nobody, and makes way for the next start as root; a folder of \
         that user's (chown) has none left behind", .path.display(), .folder.display()
    )]
    SocketFileStays {
        /// The file.
        path: PathBuf,
        /// Its folder.
        folder: PathBuf,
        /// Who the process will be.
        user: u32,
    },
    /// Limits ask for more than the ports can give.
    #[error("{shortfall}{}", held_in_words(*.held))]
    Shortfall {
        /// Which.
        shortfall: balancer_core::Shortfall,
        /// Ports towards that server that sockets hold already.
        held: u64,
    },
}

/// What is taken of the ports already.
fn held_in_words(held: u64) -> String {
    match held {
        0 => String::new(),
        1 => "; 1 of them is held by a socket already".to_owned(),
        many => format!("; {many} of them are held by sockets already"),
    }
}

/// The first few of them.
fn listed(addresses: &[IpAddr]) -> String {
    const SHOWN: usize = 4;
    let shown: Vec<String> = addresses.iter().take(SHOWN).map(ToString::to_string).collect();
    let more = if addresses.len() > SHOWN { ", ..." } else { "" };
    format!("{}{more}", shown.join(", "))
}

impl From<Unfulfilled> for StartError {
    fn from(Unfulfilled { name, address, reason }: Unfulfilled) -> Self {
        Self::Timestamps { name, address, reason }
    }
}

impl From<Unfulfilled> for Warning {
    fn from(Unfulfilled { name, address, reason }: Unfulfilled) -> Self {
        Self::Timestamps { name, address, reason }
    }
}

/// Why a worker did not take a snapshot.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ApplyError {
    /// It is ending.
    #[error("the balancer is draining: start it anew with this configuration")]
    Draining,
    /// A set cannot be worked with, or a socket is missing.
    #[error(transparent)]
    Setup(#[from] SetupError),
    /// A listener's socket cannot be accepted from.
    #[error("listener {name:?}: {error}")]
    Listen {
        /// Its name.
        name: String,
        /// Why, and the way out.
        error: ListenError,
    },
}

/// A backend set that no worker can work with.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SetupError {
    /// Own ports are divided among the workers; each needs at least one.
    #[error(
        "backend set \"{set}\": {ports} own ports cannot be divided among {workers} workers; \
         widen `port_range` or use fewer workers"
    )]
    TooFewPorts {
        /// Name of the set.
        set: String,
        /// Ports there are.
        ports: u32,
        /// Workers there are.
        workers: u32,
    },
    /// Its ports make no range.
    #[error("backend set \"{set}\": {reason}")]
    Ports {
        /// Name of the set.
        set: String,
        /// Why.
        reason: SetError,
    },
    /// It is to choose ports itself, has no range of its own, and this host has none to spare.
    #[error("backend set \"{set}\": {reason}")]
    NoOwnPorts {
        /// Name of the set.
        set: String,
        /// Why, and the way out.
        reason: NoOwnPorts,
    },
    /// A listener came without a socket.
    #[error("listener {name:?}: no socket was handed over; bind it first")]
    NoSocket {
        /// Its name.
        name: String,
    },
    /// It has more servers than ports can be kept for.
    #[error("backend set \"{set}\": own ports for so many servers: {reason}; choose `ports = \"kernel\"`")]
    Servers {
        /// Name of the set.
        set: String,
        /// Why.
        reason: TooManyDestinations,
    },
}

impl SetupError {
    pub(crate) fn of_ports(set: &str, workers: u32, reason: SetError) -> Self {
        let set = set.to_owned();
        match reason {
            SetError::TooFewPorts { ports, .. } => Self::TooFewPorts { set, ports, workers },
            reason => Self::Ports { set, reason },
        }
    }
}
