//! Another configuration in place of the one that is worked by, as its owner sees it.

use crate::errors::ReloadError;
use balancer::{Config, Warning};
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};

/// The balancer works by the new configuration, and goes on without what these warnings name; or why nothing changed.
pub type Reloaded = Result<Vec<Warning>, ReloadError>;

/// A reload that is under way.
#[derive(Debug)]
pub struct Reloading(Receiver<Reloaded>);

impl Reloading {
    /// What came of it, once it is known.
    pub fn poll(&self) -> Option<Reloaded> {
        match self.0.try_recv() {
            Ok(outcome) => Some(outcome),
            Err(TryRecvError::Empty) => None,
            Err(TryRecvError::Disconnected) => Some(Err(ReloadError::Ending)),
        }
    }

    /// Waits for what comes of it.
    pub fn wait(self) -> Reloaded {
        self.0.recv().unwrap_or(Err(ReloadError::Ending))
    }
}

/// A configuration that shall be worked by, and who wants to know what came of that.
pub(crate) struct ReloadOrder {
    pub(crate) config: Config,
    pub(crate) reply: Reply,
}

impl ReloadOrder {
    pub(crate) fn new(config: &Config) -> (Self, Reloading) {
        let (reply, outcome) = sync_channel(1);
        (Self { config: config.clone(), reply: Reply(reply) }, Reloading(outcome))
    }
}

pub(crate) struct Reply(SyncSender<Reloaded>);

impl Reply {
    pub(crate) fn send(self, outcome: Reloaded) {
        let _nobody_waits = self.0.try_send(outcome);
    }
}
