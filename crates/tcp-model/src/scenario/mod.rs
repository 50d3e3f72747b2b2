//! Scenarios: short timelines of calls and segments with the answers a kernel must give, run here against the
//! model and elsewhere, by raw packets, against a running kernel.
//!
//! There is a **host** under test and a **peer** that sends exactly the segments it is told to. In the role `server`
//! the host listens on port 80 and flows are told apart by the peer's port; in the role `client` the host connects
//! to port 80 of the peer and flows are told apart by the host's port.
//!
//! ```text
//! purpose  A SYN whose TSval is behind ts_recent gets an ACK, and the 60 s start again.
//! role     server
//! kernels  all
//! source   tcp_timewait_state_process
//!
//! handshake seq 1000 tsval 100          # peer syn, expect syn-ack, peer ack, host accept
//! host closes first tsval 101           # host close, expect fin-ack, peer ack, peer fin-ack, expect ack
//! +5 peer syn seq old.peer+9 tsval 99   # five seconds later
//! expect ack seq old.host ack old.peer tsecr 101
//! time-wait remaining 60s
//! [..6.15] counter PAWSEstab +1         # a step for some versions only
//! [6.16..] counter PAWSTimewait +1
//! ```
//!
//! **Values**: a number, `*` (anything), or a name with an offset (`host.isn+1`). `host.isn`, `host.nxt`, `host.ts`,
//! `peer.isn`, `peer.nxt` and `peer.ts` are the last ones seen on the step's flow: `nxt` is the sequence number behind
//! the last SYN, data or FIN, `ts` the last TSval; an RST changes none. `let x = host.nxt` keeps one under a name of
//! one's own; `host closes first` and `peer closes first` keep `old.host` and `old.peer` (both `nxt`).
//!
//! **Defaults** of a peer's segment: `seq peer.nxt`, `ack host.nxt`, `win 65535`; without `tsval` no timestamp option; `tsecr`
//! is `host.ts`, or 0 without the ACK flag. A field that an `expect` does not name may be anything.
//!
//! **Order**: `expect` takes the host's next segment on any flow; one nobody asked for fails at the next `expect` or
//! `expect silence`. Segments of connects with `times` are not looked at. After the last step nothing is.

mod catalogue;
mod check;
mod error;
mod flow;
mod parse;
mod parse_calls;
mod report;
mod run;
mod shapes;
mod types;
mod words;

pub use catalogue::{FILES, catalogue};
pub use error::ScenarioError;
pub use flow::{Names, Unset};
pub use report::{Disagreement, Entry, Timeline};
pub use run::run;
pub use types::{
    Action, Call, CallResult, Errno, Expected, FlowKey, HostCall, Pattern, PeerSegment, Role, Scenario, Setting,
    SocketOption, Step, TimeWaitState, Value,
};

/// The host's port in the role `server`, the peer's in the role `client`.
pub const SERVICE_PORT: u16 = 80;

/// The port on the other side when a step names none.
pub(crate) const DEFAULT_PORT: u16 = 40_000;

/// How long an `expect` waits when it names no limit.
pub(crate) const WITHIN_DEFAULT: core::time::Duration = core::time::Duration::from_millis(200);

/// How far a time may be off on a running kernel (timers are rounded up to a jiffy, and we are scheduled late).
pub const TIME_TOLERANCE: core::time::Duration = core::time::Duration::from_millis(500);
