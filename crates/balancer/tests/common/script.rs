//! What a scripted end does next: a queue of acts, one at a time.

use reactor::{After, Close, ConnId, Outgoing, Questions, Reactor, TimerId, TimerWheel};
use reactor_sim::SimReactor;
use std::collections::VecDeque;
use std::time::Duration;

/// How long to wait when no buffer was there.
const BUFFER_RETRY: Duration = Duration::from_millis(10);

/// One step of a script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    Send(Vec<u8>),
    Pause(Duration),
    /// Until so many final responses are whole.
    AwaitResponses(usize),
    /// Until a 100 or a final response comes, or this long.
    AwaitContinue(Duration),
    /// Until the peer's FIN, or this long.
    AwaitEof(Duration),
    HalfClose,
    /// Ends the connection.
    Close(Close),
}

/// What the queue waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Busy {
    No,
    Writing,
    Until(TimerId),
}

/// What the owner of the connection knows, for the acts that wait.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Seen {
    pub(crate) responses: usize,
    pub(crate) interim: bool,
    pub(crate) eof: bool,
}

/// Where a script stands after it went as far as it could.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    Waits,
    Finished,
    /// Close the connection like this.
    Close(Close),
}

/// The acts of one connection.
#[derive(Debug)]
pub(crate) struct Script {
    acts: VecDeque<Act>,
    busy: Busy,
}

impl Script {
    pub(crate) fn new(acts: Vec<Act>) -> Self {
        Self { acts: acts.into(), busy: Busy::No }
    }

    pub(crate) fn push(&mut self, act: Act) {
        self.acts.push_back(act);
    }

    /// Forgets what was to come (a send in flight goes on).
    pub(crate) fn clear(&mut self, wheel: &mut TimerWheel<ConnId>) {
        self.acts.clear();
        self.stop_waiting(wheel);
    }

    /// Call before the connection is forgotten: no timer may fire for a name that is dead.
    pub(crate) fn stop_waiting(&mut self, wheel: &mut TimerWheel<ConnId>) {
        if let Busy::Until(timer) = self.busy {
            wheel.cancel(timer);
            self.busy = Busy::No;
        }
    }

    pub(crate) fn handle_sent(&mut self) {
        self.busy = Busy::No;
    }

    /// The timer fired: a pause, or the patience of an act that waits, is over.
    pub(crate) fn handle_timer(&mut self) {
        self.busy = Busy::No;
        if matches!(self.acts.front(), Some(Act::Pause(_) | Act::AwaitContinue(_) | Act::AwaitEof(_))) {
            self.acts.pop_front();
        }
    }

    /// Goes on as far as it can.
    pub(crate) fn advance(
        &mut self,
        conn: ConnId,
        seen: Seen,
        wheel: &mut TimerWheel<ConnId>,
        io: &mut SimReactor,
    ) -> Progress {
        loop {
            let timed = matches!(self.busy, Busy::Until(_));
            let (over, wait) = match self.acts.front_mut() {
                None => return Progress::Finished,
                Some(_) if self.busy == Busy::Writing => return Progress::Waits,
                Some(Act::Send(_) | Act::Pause(_)) if timed => return Progress::Waits,
                Some(Act::Pause(time)) => (false, Some(*time)),
                Some(Act::AwaitResponses(count)) => (seen.responses >= *count, None),
                Some(Act::AwaitContinue(time)) => (seen.interim, Some(*time)),
                Some(Act::AwaitEof(time)) => (seen.eof, Some(*time)),
                Some(Act::Close(how)) => return Progress::Close(*how),
                Some(Act::HalfClose) => {
                    io.shutdown_write(conn);
                    (true, None)
                }
                Some(Act::Send(bytes)) if bytes.is_empty() => (true, None),
                Some(Act::Send(bytes)) => match take_piece(bytes, io) {
                    Some(out) => {
                        io.send(conn, out);
                        self.busy = Busy::Writing;
                        continue;
                    }
                    None => (false, Some(BUFFER_RETRY)),
                },
            };
            if over {
                self.acts.pop_front();
                self.stop_waiting(wheel);
                continue;
            }
            if let Some(time) = wait.filter(|_| !timed) {
                self.busy = Busy::Until(wheel.set(io.now() + time, conn));
            }
            return Progress::Waits;
        }
    }
}

/// Moves the front of `bytes` into a buffer; `None` when there is none.
fn take_piece(bytes: &mut Vec<u8>, io: &mut SimReactor) -> Option<Outgoing> {
    let mut buf = io.take_buf()?;
    let len = bytes.len().min(buf.spare_len());
    buf.append(&bytes[..len]).ok()?;
    bytes.drain(..len);
    let after = if bytes.is_empty() { After::Keep } else { After::More };
    Some(Outgoing { head: Some(buf), body: None, after })
}
