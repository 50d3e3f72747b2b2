//! The service manager hears that the service is well, four times in the time that it waits for it, so that one worker
//! that is late once ends nothing; and only when every worker answers: a thread of its own that goes on talking would hide the one that hangs.

use super::notify::{self, Manager};
use control::Remote;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

/// Dropped, nobody is told any more.
pub(in crate::serve) struct Watchdog {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Watchdog {
    /// Where the manager asks for it.
    pub(in crate::serve) fn start(manager: &Arc<Manager>, remote: Remote) -> Option<Self> {
        let every = notify::watchdog()? / 4;
        let ((stop, stopped), manager) = (channel::<()>(), Arc::clone(manager));
        let watch = move || {
            while stopped.recv_timeout(every) == Err(RecvTimeoutError::Timeout) {
                if is_well(&remote, every / 2) {
                    manager.alive();
                }
            }
        };
        let thread = std::thread::Builder::new().name("watchdog".to_owned()).spawn(watch).ok()?;
        Some(Self { stop: Some(stop), thread: Some(thread) })
    }
}

/// Workers end one by one while the balancer does.
fn is_well(remote: &Remote, patience: Duration) -> bool {
    remote.is_ending() || remote.ask(|seen| seen.silent_workers(patience)) == Some(0)
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _panicked = thread.join();
        }
    }
}
