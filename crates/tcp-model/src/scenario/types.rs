//! What a scenario file says, parsed: every step can be executed literally.

use crate::counter::Counter;
use crate::segment::Flags;
use crate::version::{Version, VersionRange};
use core::fmt;
use core::time::Duration;
use named::named;

/// A scenario file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scenario {
    /// The file's name without its ending.
    pub name: String,
    /// What it shows, in a sentence.
    pub purpose: String,
    /// Where that is known from.
    pub source: String,
    /// Which side of the connection the host under test is.
    pub role: Role,
    /// The kernels it holds for.
    pub kernels: Vec<VersionRange>,
    /// Why it cannot be run against a running kernel by raw packets; `None` when it can.
    pub model_only: Option<String>,
    /// Sysctls of the host, set before the first step.
    pub sysctls: Vec<Setting>,
    /// Backlog of the listener (role `server`).
    pub backlog: u16,
    /// The timeline.
    pub steps: Vec<Step>,
}

impl Scenario {
    /// Does it hold for `version`?
    pub fn holds_for(&self, version: Version) -> bool {
        self.kernels.iter().any(|range| range.contains(version))
    }

    /// The steps that `version` takes.
    pub fn steps_for(&self, version: Version) -> impl Iterator<Item = &Step> {
        self.steps.iter().filter(move |step| step.kernels.is_none_or(|range| range.contains(version)))
    }

    /// How long a run takes at most: every wait, every silence and every `expect` to its limit.
    pub fn longest(&self) -> Duration {
        self.steps.iter().map(Step::longest).sum()
    }
}

named! {
    /// Which side the host under test is.
    pub enum Role {
        /// It listens on [`SERVICE_PORT`](super::SERVICE_PORT).
        Server = "server",
        /// It connects to the peer's [`SERVICE_PORT`](super::SERVICE_PORT).
        Client = "client",
    }
}

/// A sysctl of the host. The name has no prefix: `tcp_rfc1337`, `ip_local_port_range`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// The sysctl below `net.ipv4`.
    pub name: String,
    /// Its value as the kernel reads it.
    pub value: String,
}

/// One line of the timeline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Line in the file, from 1. The steps that one shorthand stands for share its line.
    pub line: u32,
    /// Time to let pass before it, counted from the end of the step before.
    pub after: Duration,
    /// Versions that take it; `None` for all.
    pub kernels: Option<VersionRange>,
    /// What happens.
    pub action: Action,
}

impl Step {
    fn longest(&self) -> Duration {
        self.after
            + match &self.action {
                Action::Expect(expected) => expected.within,
                Action::Silence(duration) => *duration,
                _ => Duration::ZERO,
            }
    }
}

/// What one step does or checks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// The peer sends this.
    Peer(PeerSegment),
    /// The host's next segment must be this.
    Expect(Expected),
    /// The host must send nothing for so long.
    Silence(Duration),
    /// A call on the host.
    Host(HostCall),
    /// The counter must have grown by so much since the scenario began.
    Counter(Counter, u64),
    /// The state of one flow at the host.
    TimeWait(FlowKey, TimeWaitState),
    /// Keeps a value of this flow under a name.
    Let(String, FlowKey, Value),
}

/// A flow between host and peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FlowKey {
    /// Which of the peer's addresses, from 1.
    pub address: u8,
    /// The port that is not the service's: the peer's in the role `server`, the host's in the role `client`.
    pub port: u16,
    /// The service's port.
    pub to: u16,
}

impl Default for FlowKey {
    fn default() -> Self {
        Self { address: 1, port: super::DEFAULT_PORT, to: super::SERVICE_PORT }
    }
}

/// A number that may depend on what was seen before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// Just this.
    Number(u32),
    /// A name plus an offset, modulo 2^32.
    Named(String, i64),
}

/// What a field of the host's segment must be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Pattern {
    /// Anything.
    #[default]
    Any,
    /// Exactly this.
    Is(Value),
}

/// A segment that the peer sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerSegment {
    /// On which flow.
    pub flow: FlowKey,
    /// Control flags.
    pub flags: Flags,
    /// Sequence number; default `peer.nxt`.
    pub seq: Value,
    /// Acknowledgment number; default `host.nxt`.
    pub ack: Value,
    /// Payload, in bytes.
    pub len: u16,
    /// Receive window, unscaled.
    pub window: u16,
    /// TSval and TSecr; `None` sends no timestamp option.
    pub timestamp: Option<(Value, Value)>,
}

/// What the host's next segment must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expected {
    /// On which flow.
    pub flow: FlowKey,
    /// Control flags.
    pub flags: Flags,
    /// Sequence number.
    pub seq: Pattern,
    /// Acknowledgment number.
    pub ack: Pattern,
    /// Payload; `None` for any.
    pub len: Option<u16>,
    /// Is there a timestamp option? `None` when either will do.
    pub stamped: Option<bool>,
    /// TSval; anything but [`Pattern::Any`] asks for the option.
    pub tsval: Pattern,
    /// TSecr; anything but [`Pattern::Any`] asks for the option.
    pub tsecr: Pattern,
    /// Not earlier than this after the step before.
    pub not_before: Duration,
    /// Not later than this after the step before.
    pub within: Duration,
}

/// A call and what it must return.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostCall {
    /// Which socket: `s` unless named by `as`. The first call makes it.
    pub socket: String,
    /// The call.
    pub call: Call,
    /// How often, each time with a socket of its own; more than once only for bind and connect.
    pub times: u32,
    /// What each must return.
    pub result: CallResult,
}

/// A call on the host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Call {
    /// `accept()`: the socket is the next connection of the accept queue.
    Accept,
    /// Closes the listener.
    StopListening,
    /// `bind()` to the host's address and this port; 0 for any.
    Bind(u16),
    /// `connect()` without waiting; `Ok` means that a SYN left.
    Connect {
        /// The peer's address, from 1.
        address: u8,
        /// The peer's port.
        to: u16,
    },
    /// `setsockopt()`.
    Set(SocketOption),
    /// `send()` of so many bytes.
    Send(u16),
    /// `close()`.
    Close,
    /// `shutdown(SHUT_WR)`.
    Shutdown,
    /// SO_LINGER with time 0, then `close()`.
    Reset,
    /// Waits for nothing: `Ok` when the socket is connected, else the error it holds (`EINPROGRESS` while it tries).
    Connected,
    /// Changes a sysctl while the scenario runs.
    Sysctl(Setting),
}

/// A socket option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SocketOption {
    /// SO_REUSEADDR = 1.
    ReuseAddress,
    /// IP_BIND_ADDRESS_NO_PORT = 1.
    BindAddressNoPort,
    /// IP_LOCAL_PORT_RANGE.
    PortRange(u16, u16),
    /// TCP_LINGER2, in seconds; negative ends FIN_WAIT2 at once.
    Linger2(i32),
}

/// What a call returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallResult {
    /// No error.
    Ok,
    /// An error.
    Error(Errno),
}

impl fmt::Display for CallResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ok => f.write_str("ok"),
            Self::Error(errno) => f.write_str(errno.name()),
        }
    }
}

named! {
    /// The errors that occur.
    pub enum Errno {
        /// No port, or the 4-tuple is taken.
        AddressNotAvailable = "EADDRNOTAVAIL",
        /// The port is bound.
        AddressInUse = "EADDRINUSE",
        /// Nothing was answered.
        TimedOut = "ETIMEDOUT",
        /// Answered by RST.
        Refused = "ECONNREFUSED",
        /// Ended by RST.
        Reset = "ECONNRESET",
        /// Still trying.
        InProgress = "EINPROGRESS",
        /// A call on a socket in no state for it.
        Invalid = "EINVAL",
        /// Nothing to accept.
        WouldBlock = "EAGAIN",
    }
}

/// What the host keeps of a flow after its close.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeWaitState {
    /// No mini-socket.
    None,
    /// TIME_WAIT, with the time left (± [`TIME_TOLERANCE`](super::TIME_TOLERANCE)) if that is named.
    TimeWait(Option<Duration>),
    /// A FIN_WAIT2 mini-socket, or an orphan in FIN_WAIT2, with the time left if that is named.
    FinWait2(Option<Duration>),
}
