//! SIGUSR2: the program, as it is on disk by now, is started beside this process and takes its place without a client
//! refused.
//!
//! ```text
//!   this process:  start --> give sockets, what was said of servers ------> wait ---------------> drain, end
//!   the next one:            take them, read its configuration, accept --> "ready", serve
//! ```
//! The next process is a child with a wire at its standard input, over which descriptors go (SCM_RIGHTS): so there is no
//! place in the file system that anybody else could connect to, nothing is left behind by a kill, and whether the child
//! lives is known at once. Both accept from the same sockets for a moment, and the accept queues outlive both. Keys
//! of session tickets go over, so that who comes back need not shake hands in full. What does not: counters begin at 0,
//! health is found out anew, rates begin with full buckets.

mod give;
mod take;

pub(super) use give::{Giving, begin};
pub(super) use take::{Taken, is_awaited, take};

use serde::{Deserialize, Serialize};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;
use sys::Errno;
use sys::hand::{self, Parcel};

/// Names the process that waits for a child to take its place.
const VARIABLE: &str = "QUINTET_HAND_OVER";
/// Another one is not understood.
const VERSION: u32 = 1;
/// How long a process may take to be ready: names are looked up, certificates read.
const PATIENCE: Duration = Duration::from_secs(60);
/// Rows of one message: far less than it may hold.
const ROWS_MAX: usize = 64;

/// One message.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Message {
    Hello {
        version: u32,
        /// So many have led to the process that hands over. Older programs tell none.
        #[serde(default)]
        hand_overs: u64,
        /// Older programs know nothing of them.
        #[serde(default)]
        tickets: Vec<TicketRow>,
    },
    /// What was said of servers.
    Said(Vec<SaidRow>),
    /// Listeners that are drained by order; older programs know nothing of it, and are told only where there are any.
    Drained(Vec<DrainedRow>),
    /// A descriptor came with each row.
    Sockets(Vec<SocketRow>),
    /// That was all.
    Whole,
    /// The next process serves.
    Ready,
}

#[derive(Debug, Serialize, Deserialize)]
struct SaidRow {
    set: String,
    server: String,
    drained: bool,
    /// Older programs know nothing of it.
    #[serde(default)]
    disabled: bool,
    weight: Option<u32>,
}

/// Keys of session tickets. They go from memory to memory.
#[derive(Serialize, Deserialize)]
struct TicketRow {
    /// By which rules clients were let in.
    admission: String,
    /// The newest first.
    keys: Vec<Vec<u8>>,
}

impl std::fmt::Debug for TicketRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TicketRow").finish_non_exhaustive()
    }
}

#[derive(Debug, Serialize, Deserialize)]
struct DrainedRow {
    listener: String,
    /// For how long already.
    for_ms: u64,
}

#[derive(Debug, Serialize, Deserialize)]
struct SocketRow {
    /// Sockets of one place have the same number.
    place: usize,
    /// The listener; none: it is the admin listener's.
    listener: Option<String>,
    /// As its configuration says.
    asked: String,
    /// It is a socket file that goes with the process.
    is_own_file: bool,
}

fn send(wire: impl AsFd, message: &Message, files: &[BorrowedFd<'_>]) -> Result<(), Errno> {
    let bytes = serde_json::to_vec(message).map_err(|_| Errno::INVAL)?;
    hand::send(wire, &bytes, files)
}

/// `None`: the other end is gone.
fn receive(wire: impl AsFd) -> Result<Option<(Message, Parcel)>, Errno> {
    let Some(parcel) = hand::receive(wire)? else { return Ok(None) };
    let message = serde_json::from_slice(&parcel.bytes).map_err(|_| Errno::BADMSG)?;
    Ok(Some((message, parcel)))
}
