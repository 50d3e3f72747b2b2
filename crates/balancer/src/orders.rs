//! What the owner of the configuration asks of a worker, through its mailbox.

use crate::boards::Boards;
use crate::doors::plan_of;
use crate::errors::{ApplyError, StartError};
use balancer_core::{ListenerSettings, Report, Settings};
use reactor::{Listening, Reply};
use std::sync::Arc;
use std::time::Duration;

/// An order to one worker. It is carried out between two completions; a request under way ends by the rules it began
/// with.
#[derive(Debug)]
pub enum Order {
    /// Work by this snapshot from now on. Answered when that is so, or with why nothing was changed.
    Apply(Snapshot, Reply<Result<(), ApplyError>>),
    /// End: go on accepting for `grace`, answer with `Connection: close`; then accept only who waits already and let
    /// requests in flight finish within `patience`; then tell who has no answer, cut what is left, and end.
    Drain {
        /// A load balancer in front may need it to learn that this one goes.
        grace: Duration,
        /// From the end of the grace.
        patience: Duration,
    },
    /// End, because another process or worker accepts from the same sockets: who comes in there is its client from now on. Within
    /// `grace` connections that are idle stay for a last request; then it goes on as a drain.
    Leave {
        /// Whoever asks within it is told that the connection closes.
        grace: Duration,
        /// From the end of the grace.
        patience: Duration,
    },
    /// End now, whatever was said of it before: tell who has no answer, and cut everything a moment later.
    Cut,
    /// Tell what was counted.
    Report(Reply<Report>),
}

/// The configuration as it stands, with the sockets of its listeners.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// Listeners and backend sets.
    pub settings: Arc<Settings>,
    /// Bound sockets by the names of their listeners, at least of the places that the worker does not accept from yet. Where a
    /// place has some here, those are all that the worker accepts from there.
    pub listening: Vec<(String, Listening)>,
    /// Among so many the ports are divided.
    pub workers: u32,
    /// What the workers know together of the servers.
    pub boards: Boards,
}

impl Snapshot {
    /// Binds the listeners of a worker that runs alone.
    ///
    /// # Errors
    /// An address cannot be listened on.
    pub fn bind(mut settings: Settings) -> Result<Self, StartError> {
        let mut listening = Vec::new();
        for ListenerSettings { name, binds, .. } in &mut settings.listeners {
            for bind in binds {
                let sockets = reactor::epoll::listen(&plan_of(bind, false), 1);
                let sockets = sockets.map_err(|error| StartError::Listen { name: name.clone(), error })?;
                bind.address = sockets.first().map_or(bind.address, Listening::address);
                listening.extend(sockets.into_iter().map(|socket| (name.clone(), socket)));
            }
        }
        let boards = Boards::of(&settings, &Boards::default());
        Ok(Self { settings: Arc::new(settings), listening, workers: 1, boards })
    }
}
