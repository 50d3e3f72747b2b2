//! An application on a thread of its own, with its event loop over the kernel and a mailbox.
//!
//! ```text
//!   spawn ---> thread: event loop made -> `start` makes and starts the app --.
//!   Starting::wait <----------------------- what `start` tells, or why not --'
//!   Running: orders by mailbox       the app runs until it is done; an app ends when its mailbox is closed
//!   Running::join, ::end <----------------- what `end` makes of the app
//! ```
//! Threads inherit the network namespace of the caller. Whoever wants several spawns all, then waits for each: dropping
//! those that run ends them, so that there are all or none.

use crate::epoll::{EpollConfig, EpollReactor};
use crate::face::{App, run_started};
use crate::mailbox::{Inbox, Outbox, mailbox};
use ports::Fault;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use sys::waker::Waker;

/// Orders a mailbox holds that its thread has not read yet.
pub const ORDERS_MAX: usize = 64;

/// Where a thread runs, and within which bounds.
#[derive(Clone, Debug, Default)]
pub struct Place {
    /// Name of the thread.
    pub name: String,
    /// The core to pin it to, modulo the cores there are; `None`: wherever the kernel likes.
    pub core: Option<usize>,
    /// Bounds of its event loop.
    pub reactor: EpollConfig,
}

/// Why there is no such thread. Nothing of it is left running.
#[derive(Debug, thiserror::Error)]
pub enum SpawnError {
    /// The system gave no thread.
    #[error("cannot start a thread: {0}; use fewer threads")]
    Thread(std::io::Error),
    /// An event loop cannot be made.
    #[error("cannot start an event loop: {0}; raise the limit of open files (ulimit -n), or use fewer threads")]
    Loop(Fault),
    /// The application cannot start.
    #[error("cannot start: {0}")]
    App(Fault),
}

/// A thread whose application runs, `T` what is left of it in the end. Dropped, it closes the mailbox and waits.
#[derive(Debug)]
pub struct Running<M, T> {
    outbox: Outbox<M>,
    thread: Option<JoinHandle<Option<T>>>,
}

/// A thread whose application is about to start.
#[derive(Debug)]
#[must_use = "dropped, it ends at once"]
pub struct Starting<M, S, T> {
    running: Running<M, T>,
    told: Receiver<Result<S, SpawnError>>,
}

/// Starts a thread. On it, `start` makes an application and starts it, and tells `S`; `end` says what is left of it when
/// it is done.
///
/// # Errors
/// Those known at once; the others come from [`Starting::wait`].
pub fn spawn<A, M, S, T>(
    place: Place,
    start: impl FnOnce(Inbox<M>, &mut EpollReactor) -> Result<(A, S), Fault> + Send + 'static,
    end: impl FnOnce(A, &EpollReactor) -> T + Send + 'static,
) -> Result<Starting<M, S, T>, SpawnError>
where
    A: App<EpollReactor>,
    M: Send + 'static,
    S: Send + 'static,
    T: Send + 'static,
{
    let waker = Waker::new().map_err(|errno| SpawnError::Loop(Fault::from_errno(errno.raw_os_error())))?;
    let (outbox, inbox) = mailbox(ORDERS_MAX, Some(waker.clone()));
    let (tell, told) = channel();
    let Place { name, core, reactor } = place;
    let work = move || {
        pin(core);
        let (mut app, mut io) = begin(waker, reactor, |io| start(inbox, io), &tell)?;
        run_started(&mut app, &mut io);
        Some(end(app, &io))
    };
    let thread = std::thread::Builder::new().name(name).spawn(work).map_err(SpawnError::Thread)?;
    Ok(Starting { running: Running { outbox, thread: Some(thread) }, told })
}

fn pin(core: Option<usize>) {
    if let Some(core) = core {
        // Unpinned it runs as well, if not as fast.
        let _not_allowed = sys::thread::pin_to_core(core % sys::thread::cores());
    }
}

/// Makes the event loop and the application, and tells how that went. `None` where there is nothing to run.
fn begin<A, S>(
    waker: Waker,
    config: EpollConfig,
    start: impl FnOnce(&mut EpollReactor) -> Result<(A, S), Fault>,
    tell: &Sender<Result<S, SpawnError>>,
) -> Option<(A, EpollReactor)> {
    let made = EpollReactor::with_waker(config, waker).map_err(SpawnError::Loop);
    let started = made.and_then(|mut io| start(&mut io).map(|(app, told)| (app, told, io)).map_err(SpawnError::App));
    match started {
        Ok((app, news, io)) => {
            let _nobody_waits = tell.send(Ok(news));
            Some((app, io))
        }
        Err(why) => {
            let _nobody_waits = tell.send(Err(why));
            None
        }
    }
}

impl<M, S, T> Starting<M, S, T> {
    /// Waits until the application has started.
    ///
    /// # Panics
    /// When its thread panicked.
    pub fn wait(self) -> Result<(Running<M, T>, S), SpawnError> {
        match self.told.recv() {
            Ok(Ok(news)) => Ok((self.running, news)),
            Ok(Err(why)) => Err(why),
            // Nothing was told: only a panic does that.
            Err(_) => Err(self.running.died()),
        }
    }
}

impl<M, T> Running<M, T> {
    /// Where to post orders to it.
    pub fn outbox(&self) -> &Outbox<M> {
        &self.outbox
    }

    /// Is the application done?
    pub fn is_over(&self) -> bool {
        self.thread.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// Waits until the application is done by itself.
    ///
    /// # Panics
    /// When its thread panicked.
    pub fn join(mut self) -> T {
        self.wait().expect("an application that started has an end")
    }

    /// Closes the mailbox and waits for the end.
    ///
    /// # Panics
    /// When its thread panicked.
    pub fn end(self) -> T {
        self.outbox.close();
        self.join()
    }

    fn wait(&mut self) -> Option<T> {
        let thread = self.thread.take()?;
        thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }

    /// The thread ended without a word.
    fn died(mut self) -> SpawnError {
        self.wait();
        SpawnError::App(Fault::of(ports::FaultKind::Other))
    }
}

impl<M, T> Drop for Running<M, T> {
    fn drop(&mut self) {
        self.outbox.close();
        if let Some(thread) = self.thread.take() {
            // Its panic was printed; a second one here would end the process.
            let _panicked = thread.join();
        }
    }
}
