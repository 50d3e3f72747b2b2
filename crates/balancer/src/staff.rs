//! The threads of the workers: all of them begin, or none; each is given its part of a configuration, and told to end.

use crate::boards::Boards;
use crate::crew::LastWord;
use crate::doors::Doors;
use crate::errors::StartError;
use crate::orders::{Order, Snapshot};
use crate::stand::{Layers, Stand};
use crate::{Worker, WorkerShare};
use balancer_core::{Report, Settings};
use ports::{Fault, FaultKind, PortList};
use reactor::epoll::{EpollConfig, EpollReactor};
use reactor::{App, Inbox, NoAnswer, Outbox, Place, Questions, Running, SpawnError, Starting};
use std::hash::{BuildHasher, RandomState};
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long the workers may take to work by a new configuration.
const APPLY_PATIENCE: Duration = Duration::from_secs(10);

type Thread = Running<Order, Report>;

/// One worker. Dropped, it ends without patience.
pub(crate) struct Hand {
    thread: Thread,
    last_word: LastWord,
}

/// What workers begin with and keep, however often the configuration changes.
pub(crate) struct Site {
    pub(crate) reactor: EpollConfig,
    pub(crate) pin: bool,
    pub(crate) layers: Layers,
}

/// What so many workers go by: the same for each, its sockets excepted.
pub(crate) struct Brief<'a> {
    pub(crate) settings: &'a Arc<Settings>,
    pub(crate) doors: &'a Doors,
    pub(crate) boards: &'a Boards,
    pub(crate) workers: usize,
}

impl Brief<'_> {
    fn of_worker(&self, index: usize) -> Snapshot {
        self.with_sockets(self.doors.of_worker(index, self.workers))
    }

    fn with_sockets(&self, listening: Vec<(String, reactor::Listening)>) -> Snapshot {
        let (settings, boards) = (Arc::clone(self.settings), self.boards.clone());
        Snapshot { settings, listening, workers: self.workers as u32, boards }
    }
}

/// Begins these workers of all that `brief` is for. All begin, then each is waited for; an error drops those that run, which
/// ends them.
pub(crate) fn begin(
    which: Range<usize>,
    site: &Site,
    own_ports: Option<&PortList>,
    brief: &Brief<'_>,
) -> Result<Vec<Hand>, StartError> {
    let failed = |index| move |error| StartError::Worker { index, error };
    let kernel_ports = crate::own_ports::supply(own_ports).kernel();
    let first = which.start;
    let starting = which.map(|index| -> Result<_, StartError> {
        let (own_ports, seed) = (own_ports.cloned(), RandomState::new().hash_one(index));
        let share = WorkerShare { index: index as u32, count: brief.workers as u32, own_ports, kernel_ports, seed };
        let last_word = LastWord::default();
        let begun = spawn(site, brief.of_worker(index), share, Arc::clone(&last_word)).map_err(failed(index))?;
        Ok((begun, last_word))
    });
    let starting = starting.collect::<Result<Vec<_>, _>>()?;
    let wait = |(at, (begun, last_word)): (usize, (Starting<Order, (), Report>, LastWord))| {
        let (thread, ()) = begun.wait().map_err(failed(first + at))?;
        Ok(Hand { thread, last_word })
    };
    starting.into_iter().enumerate().map(wait).collect()
}

fn spawn(
    site: &Site,
    snapshot: Snapshot,
    share: WorkerShare,
    last_word: LastWord,
) -> Result<Starting<Order, (), Report>, SpawnError> {
    let (index, layers) = (share.index as usize, site.layers.clone());
    let place = Place { name: format!("worker-{index}"), core: site.pin.then_some(index), reactor: site.reactor };
    let begin = move |inbox: Inbox<Order>, io: &mut EpollReactor| {
        // Its ports were divided before: what fails here is the event loop.
        let worker = Worker::new(snapshot, share, inbox).map_err(|_| Fault::of(FaultKind::Ports))?;
        let mut stand = Stand::new(worker, layers);
        stand.start(io)?;
        Ok((stand, ()))
    };
    let end = move |stand: Stand, io: &EpollReactor| {
        let report = stand.into_report(io.shortages());
        last_word.get_or_init(|| report.clone());
        report
    };
    reactor::spawn(place, begin, end)
}

/// Has the first workers go by `brief`; answers with the first thing that went wrong.
pub(crate) fn order_apply(workers: &[Hand], brief: &Brief<'_>) -> Result<(), StartError> {
    let ask = |(index, worker): (usize, &Hand)| {
        let snapshot = brief.of_worker(index);
        (index, worker.thread.outbox().ask(|reply| Order::Apply(snapshot, reply)))
    };
    let asked: Vec<_> = workers.iter().enumerate().map(ask).collect();
    let (mut first, until) = (Ok(()), Instant::now() + APPLY_PATIENCE);
    for (index, answer) in asked {
        let left = until.saturating_duration_since(Instant::now());
        let answer = answer.map_err(NoAnswer::from).and_then(|answer| answer.wait(left));
        let taken = match answer {
            Ok(taken) => taken.map_err(|error| StartError::Apply { index, error }),
            Err(error) => Err(StartError::NoAnswer { index, error }),
        };
        first = first.and(taken);
    }
    first
}

impl Hand {
    /// What others know it by.
    pub(crate) fn card(&self) -> (Outbox<Order>, LastWord) {
        (self.thread.outbox().clone(), Arc::clone(&self.last_word))
    }

    /// What it leaves behind.
    pub(crate) fn last_word(&self) -> &LastWord {
        &self.last_word
    }

    /// Has it ended?
    pub(crate) fn is_over(&self) -> bool {
        self.thread.is_over()
    }

    /// Its clients may ask once more, and go by `brief` then. Nobody waits for it.
    pub(crate) fn brief_who_leaves(&self, brief: &Brief<'_>) {
        let snapshot = brief.with_sockets(Vec::new());
        let _has_ended_or_does_so = self.thread.outbox().ask(|reply| Order::Apply(snapshot, reply));
    }

    /// It is to end. One that does not read its orders ends without patience.
    pub(crate) fn post(&self, order: Order) {
        if self.thread.outbox().post(order).is_err() {
            self.thread.outbox().close();
        }
    }

    /// Waits for its end.
    ///
    /// # Panics
    /// When it panicked.
    pub(crate) fn join(self) -> Report {
        self.thread.join()
    }
}
