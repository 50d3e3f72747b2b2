//! The thread that writes.

use super::desk::{Desk, Wanted};
use super::sink::Sink;
use super::{AccessLog, FailureTeller, LogError, Logging};
use balancer_core::access::{Batch, Failed, Pen};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

/// How long lines are left to gather while there are some: a wake-up for each would cost more than they do.
const LINGER: Duration = Duration::from_millis(50);
/// How long the last lines may take when everything ends: a pipe that nobody reads must not keep us.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// The writer as its owner has it. Dropping it writes what there is.
pub(crate) struct Writer {
    desk: Arc<Desk>,
    log: Option<AccessLog>,
    tells_failures: bool,
    hand: Option<Hand>,
}

/// What a running thread is told by.
#[derive(Debug)]
struct Hand {
    orders: Sender<Order>,
    over: Receiver<()>,
    thread: JoinHandle<()>,
}

enum Order {
    /// Write there from now on.
    Write(Option<Open>),
    End,
}

/// A place that is written to, and how lines look there.
#[derive(Debug)]
pub(crate) struct Open {
    sink: Sink,
    pen: Pen,
}

impl Open {
    /// # Errors
    /// Nothing can be written there.
    pub(crate) fn at(log: Option<&AccessLog>) -> Result<Option<Self>, LogError> {
        log.map(|log| Ok(Self { sink: Sink::open(log)?, pen: Pen::new(log.format) })).transpose()
    }
}

impl Writer {
    /// Writes from now on, if anything is to be written.
    ///
    /// # Errors
    /// Nothing can be written there.
    pub(crate) fn begin(desk: Arc<Desk>, logging: Logging) -> Result<Self, LogError> {
        let Logging { access, failures } = logging;
        let open = Open::at(access.as_ref())?;
        let mut writer = Self { desk, log: None, tells_failures: failures.is_some(), hand: None };
        if failures.is_some() {
            writer.hand = Some(start(Arc::clone(&writer.desk), failures)?);
        }
        writer.want(access.as_ref());
        writer.write_to(access, open)?;
        Ok(writer)
    }

    /// What it writes.
    pub(crate) fn log(&self) -> Option<&AccessLog> {
        self.log.as_ref()
    }

    /// Has workers note what this log wants. Answers what they noted before.
    pub(crate) fn want(&self, log: Option<&AccessLog>) -> Wanted {
        self.desk.want(Wanted::of(log, self.tells_failures))
    }

    /// Takes that back.
    pub(crate) fn want_again(&self, wanted: Wanted) {
        self.desk.want(wanted);
    }

    /// Writes to `open` from now on, which is `log`'s.
    ///
    /// # Errors
    /// There is no thread to be had.
    pub(crate) fn write_to(&mut self, log: Option<AccessLog>, open: Option<Open>) -> Result<(), LogError> {
        self.log = log;
        if self.hand.is_none() && open.is_some() {
            self.hand = Some(start(Arc::clone(&self.desk), None)?);
        }
        self.order(Order::Write(open));
        Ok(())
    }

    /// Opens its place again: the file may have been renamed.
    ///
    /// # Errors
    /// It goes on as before.
    pub(crate) fn reopen(&self) -> Result<(), LogError> {
        let open = Open::at(self.log.as_ref())?;
        self.order(Order::Write(open));
        Ok(())
    }

    fn order(&self, order: Order) {
        if let Some(hand) = &self.hand {
            let _has_ended = hand.orders.send(order);
            self.desk.wake();
        }
    }
}

impl Writer {
    /// Writes what there is. Answers how many lines could not be written, all in all.
    pub(crate) fn end(mut self) -> u64 {
        self.finish();
        self.desk.unwritten()
    }

    fn finish(&mut self) {
        self.order(Order::End);
        let Some(hand) = self.hand.take() else { return };
        // Its end of this is gone when it is.
        if hand.over.recv_timeout(LAST_WORDS) != Err(std::sync::mpsc::RecvTimeoutError::Timeout) {
            let _panicked = hand.thread.join();
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.finish();
    }
}

fn start(desk: Arc<Desk>, failures: Option<FailureTeller>) -> Result<Hand, LogError> {
    let (orders, inbox) = channel();
    let (is_over, over): (SyncSender<()>, _) = sync_channel(0);
    let at = Arc::clone(&desk);
    let main = move || {
        let _until_the_end = is_over;
        let (spare, out) = (Batch::default(), Vec::new());
        Scribe { desk: at, inbox, open: None, failures, spare, out }.run();
    };
    let failed = |why| LogError { place: "a thread of its own".to_owned(), why };
    let thread = std::thread::Builder::new().name("access-log".to_owned()).spawn(main).map_err(failed)?;
    desk.set_writer(thread.thread().clone());
    Ok(Hand { orders, over, thread })
}

/// The thread's own.
struct Scribe {
    desk: Arc<Desk>,
    inbox: Receiver<Order>,
    open: Option<Open>,
    failures: Option<FailureTeller>,
    spare: Batch,
    out: Vec<u8>,
}

impl Scribe {
    fn run(mut self) {
        loop {
            let (goes_on, mut next) = self.take_orders();
            if self.open.is_none() {
                // Requests are told from the order on, and it is only read now.
                self.open = next.take().flatten();
            }
            // What was told before the order goes where it would have gone.
            let any = self.collect();
            if let Some(open) = next {
                self.open = open;
            }
            if !goes_on {
                return;
            }
            self.rest(any);
        }
    }

    /// Whether it goes on, and where it writes after that.
    fn take_orders(&mut self) -> (bool, Option<Option<Open>>) {
        let mut next = None;
        while let Ok(order) = self.inbox.try_recv() {
            match order {
                Order::Write(open) => next = Some(open),
                Order::End => return (false, next),
            }
        }
        (true, next)
    }

    fn collect(&mut self) -> bool {
        let Self { desk, open, failures, spare, out, .. } = self;
        desk.collect(spare, |batch| match (&mut *open, &mut *failures) {
            (Some(open), _) => desk.note_unwritten(open.sink.write(batch, &mut open.pen, out)),
            (None, Some(tell)) => batch.told().filter_map(|told| Failed::of(&told)).for_each(tell),
            (None, None) => {}
        })
    }

    /// While lines come they are left to gather; else until somebody wakes it.
    fn rest(&self, any: bool) {
        if any {
            std::thread::park_timeout(LINGER);
        } else if self.desk.falls_asleep() {
            std::thread::park();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::desk::Left;
    use super::*;
    use crate::access::{LogFormat, LogTarget};
    use balancer_core::access::{Line, Note, Part};
    use balancer_core::exchange::Record;
    use balancer_core::settings::Protocol;

    fn a_line() -> Line {
        let peer: std::net::SocketAddr = "192.0.2.7:40000".parse().expect("an address");
        Line {
            at: Duration::ZERO,
            took: Duration::ZERO,
            protocol: Protocol::Http,
            peer,
            client: peer.ip(),
            version: http::Version::Http11,
            record: Record::begun(Duration::ZERO),
            server: None,
            status: 200,
            bytes_up: 0,
            bytes_down: 0,
            end: None,
            tls: None,
            drawn: true,
            nobody: None,
        }
    }

    fn a_batch(target: &str) -> Batch {
        let (mut note, mut batch) = (Note::default(), Batch::with_room(1, 1_000));
        note.line = Some(a_line());
        note.tell(Part::Target, target.as_bytes());
        assert!(batch.push(&note));
        batch
    }

    /// The order to write, and a line that is told by it, are both there before the writer looks for the first time.
    #[test]
    fn lines_that_are_there_before_their_order_is_read_are_written() {
        let folder = testkit::Folder::new();
        let path = folder.path().join("access.log");
        let log = AccessLog { to: LogTarget::File(path.clone()), format: LogFormat::Json, sample: 1 };
        let (desk, (to, inbox)) = (Arc::new(Desk::default()), channel());
        let slot = desk.join();
        to.send(Order::Write(Open::at(Some(&log)).expect("a file"))).expect("an inbox");
        // Its slot has no room of its own yet: it takes what it is given.
        assert_ne!(slot.take(&mut a_batch("/first")), Left::Nothing);
        to.send(Order::End).expect("an inbox");
        Scribe { desk, inbox, open: None, failures: None, spare: Batch::default(), out: Vec::new() }.run();
        let text = std::fs::read_to_string(&path).expect("a file");
        assert!(text.lines().count() == 1 && text.contains("/first"), "{text:?}");
    }
}
