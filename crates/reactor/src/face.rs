//! The face every backend shows: start an operation here, find its completion there ([`Reactor`]); ask at any time
//! ([`Questions`]).
//!
//! Rules that hold for every backend:
//! - At most one `recv` and one `send` are in flight per connection; starting a second is a bug of
//!   the application and panics in debug builds.
//! - An operation that can be done at once is done at once, but its completion still arrives through
//!   [`Reactor::poll_completion`]: there is one way to learn of things.
//! - After [`Reactor::close`] answered `Closed` (or a [`Completion::Closed`] did) the id is dead:
//!   completions still queued for it are dropped by the reactor.
//! - A connection that waits for its first byte holds no buffer: one is taken when data is there.
//!
//! # Layers
//!
//! A layer (TLS, the PROXY protocol) is an application around an application: completions go in from below, are
//! opened, and come out above; above, it shows this same face.
//!
//! ```text
//! impl<R: Reactor, A> App<R> for Layer<A> where A: for<'a> App<View<'a, R>>     View<'_, R>: Reactor
//! ```
//! So an application must be one over *any* reactor (generic per method, not per type), and everything here is about
//! the application's bytes: what a layer adds (a handshake, record headers, a close-notify) is never seen above it.
//! - [`Completion::Accepted`] and [`Completion::Connected`] come when the handshake is over;
//!   [`Questions::session`] then says what was agreed on. A handshake is dear: before it begins,
//!   [`Completion::Arrived`] asks whether its client is to have one.
//! - [`Received::Eof`] is the end the peer meant. A stream that ends without the layer's own end is cut off, and the
//!   recv fails.
//! - [`Close::Fin`], [`After::Close`] and [`Reactor::shutdown_write`] send the layer's end and the FIN in one segment.
//! - A layer that cannot tell whether bytes that wait are the application's says they are ([`Probe::Readable`],
//!   [`CloseOutcome::Unread`]): reading then brings the end, and nothing was reset.

use crate::buf::Buf;
use crate::conn::{ConnId, ListenerId};
use crate::listening::Listening;
use crate::piped::Piped;
use crate::session::{Announcing, ProfileId, SessionInfo, TurnedAway};
pub use ports::{Address, Source};
use ports::{ClosedFirst, Fault, FaultKind, Handshakes, Start};
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::time::Duration;

/// How to listen.
#[derive(Clone, Debug)]
pub struct ListenPlan {
    /// Address and port; port 0 lets the kernel choose. Or a socket file, which is made.
    pub address: Address,
    /// Accept queue length asked for; the kernel caps it at `net.core.somaxconn`.
    pub backlog: u32,
    /// Share the address with the reactors of other cores (SO_REUSEPORT).
    pub reuse_port: bool,
    /// `[::]` means IPv6 alone, not every family.
    pub only_v6: bool,
    /// Who may connect to a socket file; nothing is said of anything else.
    pub rights: FileRights,
}

/// Who may connect to a socket file; what is `None` is as the process makes its files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FileRights {
    /// Its permissions, such as 0o660.
    pub mode: Option<u32>,
    /// Whose it is, by number.
    pub user: Option<u32>,
    /// Its group, by number.
    pub group: Option<u32>,
}

impl ListenPlan {
    /// A plan with the defaults: backlog 4096, SO_REUSEPORT.
    pub fn new(address: impl Into<Address>) -> Self {
        Self { address: address.into(), backlog: 4096, reuse_port: true, only_v6: false, rights: FileRights::default() }
    }
}

/// How to connect.
#[derive(Clone, Copy, Debug)]
pub struct ConnectPlan {
    /// The peer.
    pub remote: Address,
    /// Our side.
    pub source: Source,
    /// Bounds for the kernel's choice (IP_LOCAL_PORT_RANGE, Linux 6.3), inclusive.
    pub port_range: Option<(u16, u16)>,
    /// No interface need have the source address: it is of a prefix that is routed here.
    pub routed: bool,
    /// How a layer is to secure the connection; `None`: not at all. Who has no such layer does not connect: in the clear
    /// nobody asked for it.
    pub profile: Option<ProfileId>,
}

impl ConnectPlan {
    /// To `remote`, the kernel choosing our side.
    pub fn to(remote: impl Into<Address>) -> Self {
        Self { remote: remote.into(), source: Source::Kernel, port_range: None, routed: false, profile: None }
    }

    /// To `remote`, from where [`ports::Sources`] chose.
    pub fn from(start: &Start, remote: impl Into<Address>) -> Self {
        let port_range = start.range.map(|range| (range.low(), range.high()));
        Self { remote: remote.into(), source: start.source, port_range, routed: false, profile: None }
    }
}

/// What happens after the last byte of an [`Outgoing`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum After {
    /// Nothing: complete with [`Completion::Sent`].
    #[default]
    Keep,
    /// More will follow at once: the kernel may hold back a partial segment (MSG_MORE).
    More,
    /// Close by FIN, in the same segment where possible: complete with [`Completion::Closed`].
    Close,
}

/// Bytes to send: up to two runs (a head and the body that came with it), sent whole or not at all
/// from the application's view.
#[derive(Debug, Default)]
pub struct Outgoing {
    /// First run.
    pub head: Option<Buf>,
    /// Second run.
    pub body: Option<Buf>,
    /// What follows.
    pub after: After,
}

impl Outgoing {
    /// One run of bytes.
    pub fn bytes(buf: Buf) -> Self {
        Self { head: Some(buf), body: None, after: After::Keep }
    }

    /// Length of both runs.
    pub fn len(&self) -> usize {
        self.head.as_deref().map_or(0, <[u8]>::len) + self.body.as_deref().map_or(0, <[u8]>::len)
    }

    /// Nothing to send?
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// How to close.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Close {
    /// By FIN, unless bytes for the application wait unread, which would turn the FIN into a reset: then nothing
    /// happens and the outcome is [`CloseOutcome::Unread`].
    Fin,
    /// At once, whatever is unread (the kernel then sends RST instead of FIN).
    Discard,
    /// By RST (SO_LINGER 0): unsent data is lost, no TIME_WAIT on either side.
    Reset,
}

/// What [`Reactor::close`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CloseOutcome {
    /// The connection is gone. `None`: it had never been established.
    Closed(Option<ClosedFirst>),
    /// Only after [`Close::Fin`]: unread bytes of the application are there (or a layer cannot rule it out); the
    /// connection is still open. Call [`Reactor::shutdown_write`], read to the end within limits, then close again.
    Unread,
}

/// What a connection looks like to the application without reading from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Probe {
    /// Nothing to read, peer still there.
    Quiet,
    /// Bytes for the application wait.
    Readable,
    /// The peer's end is next.
    PeerFin,
    /// The connection is broken.
    Broken(Fault),
}

/// What a `recv` brought.
#[derive(Debug)]
pub enum Received {
    /// At least one new byte, appended to the partial buffer where one was handed in. Nobody else holds these bytes
    /// yet, so that a layer can open them where they lie.
    Data(Buf),
    /// New bytes, kept where they are: what [`Reactor::recv_through`] may bring, and nothing else.
    Piped(Piped),
    /// So many new bytes, seen by nobody: what [`Reactor::recv_away`] may bring, and nothing else.
    Dropped(u64),
    /// The peer's end: its FIN, and with a layer the end of that, too. A partial buffer that was handed in comes back.
    Eof(Option<Buf>),
}

/// The end of an operation, or a new connection.
#[derive(Debug)]
pub enum Completion {
    /// A connection came in, and a layer has yet to agree with it: whoever is to be kept out is closed now, and costs no
    /// handshake. Of whoever is not, [`Completion::Accepted`] tells when that is over, or [`Completion::Departed`].
    Arrived {
        /// Where it came in.
        listener: ListenerId,
        /// Its name.
        conn: ConnId,
        /// Who it is.
        peer: SocketAddr,
    },
    /// A connection that had arrived will not be accepted: its handshake failed. The id is dead.
    Departed {
        /// Which.
        conn: ConnId,
    },
    /// A connection came in (and its layer's handshake is over). Nothing is read from it until [`Reactor::recv`].
    Accepted {
        /// Where it came in.
        listener: ListenerId,
        /// Its name.
        conn: ConnId,
        /// Who it is. Whoever comes through a socket file is of this host: 127.0.0.1, port 0.
        peer: SocketAddr,
    },
    /// `accept()` failed (EMFILE, ...). The reactor pauses that listener for a moment by itself.
    AcceptFailed {
        /// Where.
        listener: ListenerId,
        /// Why.
        fault: Fault,
    },
    /// A connect ended. After `Err` the id is dead.
    Connected {
        /// Which.
        conn: ConnId,
        /// Established, or why not.
        result: Result<(), Fault>,
    },
    /// A recv ended. After `Err` nothing more can be read; close it.
    Received {
        /// Which.
        conn: ConnId,
        /// What came.
        result: Result<Received, Fault>,
    },
    /// A send ended: every byte was handed to the kernel, or the connection broke.
    Sent {
        /// Which.
        conn: ConnId,
        /// All, or why not.
        result: Result<(), Fault>,
    },
    /// A send with [`After::Close`] sent everything and then closed. (If the send failed:
    /// [`Completion::Sent`] with the fault, and the connection is still ours to close.)
    Closed {
        /// Which.
        conn: ConnId,
        /// `Unread`: still open, see there.
        outcome: CloseOutcome,
    },
    /// Somebody woke this reactor from another thread; look at your mailbox.
    Woken,
}

impl Completion {
    /// Which connection it is about; `None` for what is about none.
    pub fn conn(&self) -> Option<ConnId> {
        match self {
            Self::Arrived { conn, .. }
            | Self::Departed { conn }
            | Self::Accepted { conn, .. }
            | Self::Connected { conn, .. }
            | Self::Received { conn, .. }
            | Self::Sent { conn, .. }
            | Self::Closed { conn, .. } => Some(*conn),
            Self::AcceptFailed { .. } | Self::Woken => None,
        }
    }
}

/// What an application may ask of its event loop. An answer starts nothing and changes nothing; what cannot be told is
/// `None`, never a made-up value.
pub trait Questions {
    /// Time since this reactor's start; virtual in a simulation.
    fn now(&self) -> Duration;

    /// Time since the start of 1970, by the clock on the wall; virtual in a simulation.
    fn wall_clock(&self) -> Duration;

    /// Where a listener listens (its port where the plan said 0); `None` when it listens no more, or at a socket file.
    fn listener_address(&self, listener: ListenerId) -> Option<SocketAddr>;

    /// Connections that came in at a listener and that the application does not know yet, but for those that only a layer
    /// knows and that say nothing.
    fn waiting(&self, _listener: ListenerId) -> Option<usize> {
        None
    }

    /// Our address and port of a connection; none where it came through a socket file.
    fn local_address(&self, conn: ConnId) -> Option<SocketAddr>;

    /// Looks without reading: are there bytes for the application?
    fn probe(&self, conn: ConnId) -> Probe;

    /// Does a recv wait, with nothing for the application received yet? `false` also when it has ended and its completion
    /// is still queued.
    fn is_receiving(&self, conn: ConnId) -> bool;

    /// What a layer agreed on with the peer, from [`Completion::Accepted`] or [`Completion::Connected`] on; `None` for a
    /// plain connection.
    fn session(&self, _conn: ConnId) -> Option<&SessionInfo> {
        None
    }

    /// What a layer has against the peer of a connection that could not be opened, or was given up, in words: to be asked
    /// while that is told. `None` where it was no layer that failed.
    fn reason(&self, _conn: ConnId) -> Option<&str> {
        None
    }

    /// Bytes sent that the peer has not acknowledged (SIOCOUTQ), those of layers included. A reset is safe when there
    /// are none; when it cannot be told it is not.
    fn unacknowledged_bytes(&self, conn: ConnId) -> Option<usize>;

    /// Did both sides negotiate TCP timestamps?
    fn timestamps(&self, conn: ConnId) -> Option<bool>;

    /// Are most buffers in use? Those kept only in case should be let go then.
    fn buffers_are_scarce(&self) -> bool {
        false
    }

    /// CPU time that the last connect(2) took, the kernel's search for a port included; `None` where it is not measured.
    fn connect_cost(&self) -> Option<Duration> {
        None
    }

    /// Bounds of this event loop that were hit.
    fn shortages(&self) -> Shortages {
        Shortages::default()
    }
}

/// Bounds that were hit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shortages {
    /// Times a recv had to wait for a buffer.
    pub recv_waited_for_buffer: u64,
    /// Times a recv did without a pipe because none was to be had.
    pub pipes_missing: u64,
    /// Times accepting paused (EMFILE, ENFILE, ENOMEM or `connections_max`).
    pub accept_paused: u64,
    /// Connections that could not be watched (ENOSPC, ENOMEM from epoll_ctl).
    pub unwatchable: u64,
}

/// One event loop. Every method is for the loop's own thread.
pub trait Reactor: Questions {
    /// Starts listening and accepting, on a socket of this event loop's own.
    fn listen(&mut self, plan: &ListenPlan) -> Result<ListenerId, Fault>;

    /// Starts accepting from a socket that was made elsewhere, and may have others who accept from it.
    ///
    /// # Errors
    /// It cannot be watched, or is of another backend.
    fn adopt_listener(&mut self, listening: Listening) -> Result<ListenerId, Fault>;

    /// How a layer is to secure what comes in at a listener from now on; `None`: not at all. Whoever has no such layer has
    /// nothing to do.
    fn secure_listener(&mut self, _listener: ListenerId, _profile: Option<ProfileId>) {}

    /// Whether who comes in at a listener from now on has to say whom he speaks for, and how; `None`: nobody has to. Whoever
    /// has no such layer has nothing to do.
    fn announce_listener(&mut self, _listener: ListenerId, _announcing: Option<Announcing>) {}

    /// What a layer has counted since the last time, of a listener or (`None`) of the connections that were opened. After
    /// [`Reactor::close_listener`] there is a last time.
    fn take_handshakes(&mut self, _listener: Option<ListenerId>) -> Handshakes {
        Handshakes::default()
    }

    /// Those whom a layer has turned away since the last time, the oldest first; only so many are remembered.
    fn poll_turned_away(&mut self) -> Option<TurnedAway> {
        None
    }

    /// Stops or restarts accepting; connections wait in the accept queue meanwhile.
    fn set_accepting(&mut self, listener: ListenerId, accepting: bool);

    /// Stops accepting for good, and lets the socket go. It closes (and resets what waits in its accept queue) unless
    /// somebody else holds it.
    fn close_listener(&mut self, listener: ListenerId);

    /// The same, and shuts the door: whoever comes there is refused, whichever event loop he would have come to, until
    /// somebody adopts the socket again. It stays bound, though somebody else may listen there meanwhile. `false`, and nothing was done, where a socket
    /// cannot be opened again once it is shut: that of a file.
    fn shut_listener(&mut self, listener: ListenerId) -> bool;

    /// Starts connecting; `first` is sent as soon as the connection stands (at once, where the
    /// handshake is that fast). Completes with `Connected`, then (unless `first` is empty) as `send` does.
    ///
    /// # Errors
    /// A fault known at once: no port, no file descriptor, no route.
    fn connect(&mut self, plan: &ConnectPlan, first: Outgoing) -> Result<ConnId, Fault>;

    /// The same with bytes that go before everything, and in the clear: before what a layer has to say, too. Completes as a
    /// connect whose `first` is not empty.
    ///
    /// # Errors
    /// As [`Reactor::connect`]; no buffer for `ahead`.
    fn connect_behind(&mut self, ahead: &[u8], plan: &ConnectPlan, first: Outgoing) -> Result<ConnId, Fault> {
        let no_buffer = Fault::of(FaultKind::Memory);
        let rest = first.head.as_deref().unwrap_or_default();
        let buf = self.take_buf().and_then(|buf| buf.with_spare(ahead.len() + rest.len()));
        let mut head = buf.ok_or(no_buffer)?;
        head.append(ahead).and_then(|()| head.append(rest)).map_err(|_| no_buffer)?;
        self.connect(plan, Outgoing { head: Some(head), ..first })
    }

    /// Receives once: appends to `partial` where it is given and has room, else into a fresh buffer.
    fn recv(&mut self, conn: ConnId, partial: Option<Buf>);

    /// Receives once, for bytes that are sent to `to` as they are: they may come as [`Received::Piped`]. Who has no pipes, or
    /// none left, receives as always.
    fn recv_through(&mut self, conn: ConnId, _to: ConnId) {
        self.recv(conn, None);
    }

    /// Receives once, up to `bytes` that nobody will look at: they may come as [`Received::Dropped`]. Who cannot drop them
    /// unseen receives as always.
    fn recv_away(&mut self, conn: ConnId, _bytes: NonZeroU32) {
        self.recv(conn, None);
    }

    /// Sends what came as [`Received::Piped`]; completes as `send` does.
    fn send_piped(&mut self, conn: ConnId, piped: Piped) {
        debug_assert!(false, "{conn:?}: {} bytes are sent through a reactor that has no pipes", piped.len());
    }

    /// Sends all of `out`, then does what `out.after` says.
    fn send(&mut self, conn: ConnId, out: Outgoing);

    /// The same. Answers whether all of it has gone out and the connection stays: no completion follows then. Else one says how
    /// it ended, as ever.
    fn send_at_once(&mut self, conn: ConnId, out: Outgoing) -> bool {
        self.send(conn, out);
        false
    }

    /// Has it found out within some minutes when the peer of a silent connection is no more (SO_KEEPALIVE): the recv then
    /// fails. For connections of which nothing may come for long.
    fn watch_peer(&mut self, _conn: ConnId) {}

    /// Sends FIN after what was sent; reading goes on. No send may be in flight.
    fn shutdown_write(&mut self, conn: ConnId);

    /// Closes; see [`Close`]. Operations in flight are dropped without completion.
    fn close(&mut self, conn: ConnId, how: Close) -> CloseOutcome;

    /// An empty buffer to write a head into, or `None` when this reactor's bound is reached.
    fn take_buf(&mut self) -> Option<Buf>;

    /// Waits until something completes or `until` is reached (`None`: for as long as it takes).
    fn turn(&mut self, until: Option<Duration>);

    /// The next completion, oldest first.
    fn poll_completion(&mut self) -> Option<Completion>;
}

/// A program over a reactor: the balancer, the tester, an origin.
pub trait App<R: Reactor> {
    /// Once, before the first turn.
    fn start(&mut self, io: &mut R) -> Result<(), Fault>;

    /// Something completed.
    fn handle_completion(&mut self, completion: Completion, io: &mut R);

    /// Called after the completions of every turn: expire timers that are due at `io.now()`.
    fn handle_time(&mut self, io: &mut R);

    /// When [`App::handle_time`] wants to be called next.
    fn poll_deadline(&self) -> Option<Duration>;

    /// Is the program over?
    fn is_done(&self) -> bool;
}

/// Completions handled between two looks at the clock, so that neither timers nor new connections
/// starve behind busy ones.
pub const COMPLETIONS_PER_TURN_MAX: usize = 1024;

/// Runs `app` to its end.
pub fn run<R: Reactor, A: App<R>>(app: &mut A, io: &mut R) -> Result<(), Fault> {
    app.start(io)?;
    run_started(app, io);
    Ok(())
}

/// Runs an `app` whose [`App::start`] was called already.
pub(crate) fn run_started<R: Reactor, A: App<R>>(app: &mut A, io: &mut R) {
    while !app.is_done() {
        io.turn(app.poll_deadline());
        handle_ready(app, io);
    }
}

/// Tells `app` what a layer beneath it has for it, until there is nothing: an end must be known above before anything else can use
/// the connection's name again.
#[inline]
pub fn deliver<R: Reactor, A: App<R>>(app: &mut A, layer: &mut R) {
    while let Some(completion) = layer.poll_completion() {
        app.handle_completion(completion, layer);
    }
}

/// Handles what is ready now, bounded by [`COMPLETIONS_PER_TURN_MAX`], then lets timers fire.
pub fn handle_ready<R: Reactor, A: App<R>>(app: &mut A, io: &mut R) {
    for _ in 0..COMPLETIONS_PER_TURN_MAX {
        let Some(completion) = io.poll_completion() else { break };
        app.handle_completion(completion, io);
    }
    app.handle_time(io);
}
