//! Starts the workers, each on a thread with its own reactor, and steers them by orders.

use crate::access::{AccessLog, LogError, Logging, Open, Writer};
use crate::boards::Boards;
use crate::circles;
use crate::doors::{Doors, Inherited};
use crate::errors::{StartError, Warning};
use crate::crew::{Crew, LastWord};
use crate::glance::Glance;
use crate::orders::{Order, Snapshot};
use crate::own_ports::{own_ports, port_warnings};
use crate::shelf::Shelf;
use crate::sources;
use crate::stand::{Layers, Stand};
use crate::timestamps::Unfulfilled;
use crate::tls::Secured;
use crate::worker::check_shares;
use crate::{Worker, WorkerShare};
use balancer_core::files::WorkerBounds;
use balancer_core::{Counters, Report, Settings, unused_sets};
use ports::{Fault, FaultKind, PortList};
use reactor::epoll::{EpollConfig, EpollReactor};
use reactor::{App, Inbox, NoAnswer, Place, Questions, Running, SpawnError, Starting};
use std::hash::{BuildHasher, RandomState};
use std::ops::Deref;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long the workers may take to work by a new configuration.
const APPLY_PATIENCE: Duration = Duration::from_secs(10);

/// What to run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Listeners and backend sets.
    pub settings: Settings,
    /// Data-path threads, at least 1.
    pub workers: usize,
    /// Bounds of each worker's reactor.
    pub reactor: EpollConfig,
    /// Pin worker N to core N (modulo the cores there are).
    pub pin: bool,
}

type Thread = Running<Order, Report>;

/// A running balancer: what can be seen of it, and what can be done with it. Dropping it drains without patience.
pub struct Handle {
    /// Dropped first: no worker outlives its listeners.
    workers: Vec<Thread>,
    doors: Doors,
    secured: Secured,
    /// Of each worker.
    bounds: WorkerBounds,
    glance: Glance,
    /// Dropped last: it writes what the workers have told.
    log: Writer,
}

impl Deref for Handle {
    type Target = Glance;

    fn deref(&self) -> &Glance {
        &self.glance
    }
}

/// What is there already when a process starts.
#[derive(Clone, Debug, Default)]
pub struct Inheritance {
    /// What listens, at each place.
    pub doors: Vec<Inherited>,
    /// Somebody made them for this configuration: one that it does not name is a mistake. Otherwise it closes.
    pub is_ordered: bool,
    /// What was read of certificates when the configuration was checked.
    pub shelf: Shelf,
}

/// Starts all workers, or none.
pub fn start(plan: &Plan) -> Result<Handle, StartError> {
    start_with(plan, Inheritance::default(), Logging::default())
}

/// The same; what listens already is not bound again, and requests are told as `logging` says.
pub fn start_with(plan: &Plan, inheritance: Inheritance, logging: Logging) -> Result<Handle, StartError> {
    let mut settings = plan.settings.clone();
    sources::check(&mut settings, &[])?;
    let own_ports = own_ports(&settings)?;
    check_shares(&settings, plan.workers as u32, own_ports.as_ref())?;
    let bounds = bounds_of(plan);
    balancer_core::files::fit(&mut settings, sys::limits::file_limit().soft, plan.workers, &bounds);
    let mut secured = Secured::default();
    let installed = secured.install(&mut settings, &inheritance.shelf);
    inheritance.shelf.clear();
    installed?;
    let mut doors = open_doors(&mut settings, plan.workers, inheritance)?;
    // An address that somebody else listens on is said first.
    circles::check(&settings)?;
    doors.grow(plan.workers);
    let settings = Arc::new(settings);
    let boards = Boards::of(&settings, &Boards::default());
    let log = Writer::begin(boards.log(), logging)?;
    let plan = &Plan { reactor: EpollConfig { pipes_max: bounds.pipes_max, ..plan.reactor }, ..plan.clone() };
    let layers = Layers { profiles: secured.profiles.clone(), strangers_max: bounds.strangers_max };
    let workers = start_workers(plan, &settings, &doors, &boards, own_ports.as_ref(), &layers)?;
    let crew = Crew::of(workers.iter().map(|worker| (worker.outbox().clone(), LastWord::default())));
    let (addresses, warnings) = (doors.addresses().into(), Arc::default());
    let certificates = secured.certificates(&settings);
    let profiles = layers.profiles;
    let glance = Glance { crew, settings, boards, addresses, own_ports, warnings, profiles, certificates };
    let mut handle = Handle { workers, doors, secured, bounds, glance, log };
    let (unfulfilled, own) = (handle.doors.verify()?, handle.glance.own_ports.as_ref());
    handle.glance.warnings = warnings_of(unfulfilled, Vec::new(), &handle.settings, &handle.secured, own);
    Ok(handle)
}

/// Nobody waits at what is inherited and not ours to accept from.
fn open_doors(settings: &mut Settings, workers: usize, inheritance: Inheritance) -> Result<Doors, StartError> {
    let inherited = Doors::inherited(inheritance.doors);
    let doors = Doors::open(settings, workers, &inherited)?;
    let left_over = inherited.missing_in(&doors);
    if inheritance.is_ordered && !left_over.is_empty() {
        return Err(StartError::NotNamed { places: left_over });
    }
    Ok(doors)
}

/// What each worker may have of what is no connection.
pub(crate) fn bounds_of(plan: &Plan) -> WorkerBounds {
    let wanted = WorkerBounds { pipes_max: plan.reactor.pipes_max, strangers_max: announced::STRANGERS_MAX };
    wanted.within(sys::limits::file_limit().soft, plan.workers)
}

/// What is to be told of settings that are worked by; `more` was found on the way.
fn warnings_of(
    unfulfilled: Vec<Unfulfilled>,
    more: Vec<Warning>,
    settings: &Settings,
    secured: &Secured,
    own_ports: Option<&PortList>,
) -> Arc<[Warning]> {
    let found = unfulfilled.into_iter().map(Warning::from).chain(more);
    let found = found.chain(port_warnings(settings, own_ports)).chain(secured.warnings(settings));
    found.chain(unused_sets(settings).map(Warning::Vain)).collect()
}

/// All begin, then each is waited for; an error drops those that run, which ends them.
fn start_workers(
    plan: &Plan,
    settings: &Arc<Settings>,
    doors: &Doors,
    boards: &Boards,
    own_ports: Option<&PortList>,
    layers: &Layers,
) -> Result<Vec<Thread>, StartError> {
    let failed = |index| move |error| StartError::Worker { index, error };
    let kernel_ports = crate::own_ports::supply(own_ports).kernel();
    let starting = (0..plan.workers).map(|index| {
        let snapshot = snapshot_of(index, plan.workers, settings, doors, boards);
        let (index, count) = (index as u32, plan.workers as u32);
        let seed = RandomState::new().hash_one(index);
        let share = WorkerShare { index, count, own_ports: own_ports.cloned(), kernel_ports, seed };
        spawn_worker(plan, snapshot, share, layers.clone()).map_err(failed(index as usize))
    });
    let starting = starting.collect::<Result<Vec<_>, _>>()?;
    let wait = |(index, worker): (usize, Starting<Order, (), Report>)| worker.wait().map_err(failed(index));
    starting.into_iter().enumerate().map(wait).map(|started| started.map(|(running, ())| running)).collect()
}

fn snapshot_of(worker: usize, workers: usize, settings: &Arc<Settings>, doors: &Doors, boards: &Boards) -> Snapshot {
    let listening = doors.of_worker(worker, workers);
    Snapshot { settings: Arc::clone(settings), listening, workers: workers as u32, boards: boards.clone() }
}

fn spawn_worker(
    plan: &Plan,
    snapshot: Snapshot,
    share: WorkerShare,
    layers: Layers,
) -> Result<Starting<Order, (), Report>, SpawnError> {
    let index = share.index as usize;
    let name = format!("worker-{index}");
    let place = Place { name, core: plan.pin.then_some(index), reactor: plan.reactor };
    let begin = move |inbox: Inbox<Order>, io: &mut EpollReactor| {
        // Its ports were divided before: what fails here is the event loop.
        let worker = Worker::new(snapshot, share, inbox).map_err(|_| Fault::of(FaultKind::Ports))?;
        let mut stand = Stand::new(worker, layers);
        stand.start(io)?;
        Ok((stand, ()))
    };
    reactor::spawn(place, begin, |stand: Stand, io: &EpollReactor| stand.into_report(io.shortages()))
}

impl Handle {
    /// For whoever only looks: no change of the configuration is waited for there. It shows what is so until the next one.
    pub fn glance(&self) -> Glance {
        self.glance.clone()
    }

    /// Works by other settings from now on: what stays by name stays as it is, what is new begins, what is gone
    /// drains. No connection of what stays is lost.
    ///
    /// # Errors
    /// The balancer works by the settings it had.
    pub fn apply(&mut self, settings: &Settings) -> Result<(), StartError> {
        self.apply_logged(settings, self.log.log().cloned())
    }

    /// The same with another access log.
    ///
    /// # Errors
    /// As [`apply`](Self::apply).
    pub fn apply_logged(&mut self, settings: &Settings, log: Option<AccessLog>) -> Result<(), StartError> {
        let open = if log.as_ref() == self.log.log() { None } else { Some(Open::at(log.as_ref())?) };
        // A log that begins is there before its lines, one that ends stays until they are all in it.
        let (begins, changes) = if self.log.log().is_none() { (open, None) } else { (None, open) };
        let has_begun = begins.is_some();
        begins.map_or(Ok(()), |open| self.log.write_to(log.clone(), open))?;
        let wanted = self.log.want(log.as_ref());
        let outcome = self.go_by(settings.clone());
        match (&outcome, changes) {
            (Ok(()), Some(open)) => self.log.write_to(log, open)?,
            (Ok(()), None) => {}
            // The workers went back, too.
            (Err(_), _) => {
                self.log.want_again(wanted);
                if has_begun {
                    self.log.write_to(None, None)?;
                }
            }
        }
        // Of what is gone by now, and of what was made for nothing.
        self.secured.forget_all_but(&self.glance.settings);
        outcome
    }

    fn go_by(&mut self, mut settings: Settings) -> Result<(), StartError> {
        let away = sources::check(&mut settings, &self.settings.backend_sets)?;
        if self.own_ports.is_none() {
            // A set that is new may need some.
            own_ports(&settings)?;
        }
        check_shares(&settings, self.workers.len() as u32, self.own_ports.as_ref())?;
        let files = sys::limits::file_limit().soft;
        balancer_core::files::fit(&mut settings, files, self.workers.len(), &self.bounds);
        let mut secured = self.secured.clone();
        secured.install(&mut settings, &Shelf::default())?;
        let mut doors = Doors::open(&mut settings, self.workers.len(), &self.doors)?;
        circles::check(&settings)?;
        doors.grow(self.workers.len());
        let boards = Boards::of(&settings, &self.boards);
        let settings = Arc::new(settings);
        match self.order_apply(&settings, &doors, &boards).and_then(|()| Ok(doors.verify()?)) {
            Ok(unfulfilled) => {
                let own = self.own_ports.as_ref();
                let (warnings, addresses) =
                    (warnings_of(unfulfilled, away, &settings, &secured, own), doors.addresses().into());
                let certificates = secured.certificates(&settings);
                (self.doors, self.secured) = (doors, secured);
                self.glance = Glance { settings, boards, addresses, warnings, certificates, ..self.glance() };
                Ok(())
            }
            Err(error) => {
                // They know the settings before; who cannot take them back could not be helped by another try.
                let _went_back = self.order_apply(&self.settings, &self.doors, &self.boards);
                Err(error)
            }
        }
    }

    fn order_apply(&self, settings: &Arc<Settings>, doors: &Doors, boards: &Boards) -> Result<(), StartError> {
        let ask = |(index, worker): (usize, &Thread)| {
            let snapshot = snapshot_of(index, self.workers.len(), settings, doors, boards);
            (index, worker.outbox().ask(|reply| Order::Apply(snapshot, reply)))
        };
        let asked: Vec<_> = self.workers.iter().enumerate().map(ask).collect();
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

    /// Accepts who waits already but nobody else, lets requests in flight finish within `patience`, then tells who has no
    /// answer and cuts what is left, within a second. Returns what was counted in the end.
    pub fn drain(self, patience: Duration) -> Counters {
        self.drain_after(Duration::ZERO, patience)
    }

    /// The same after a `grace` in which the listeners go on accepting.
    pub fn drain_after(mut self, grace: Duration, patience: Duration) -> Counters {
        // With the workers' the sockets close: who comes from then on is refused.
        self.doors.close();
        self.end(|| Order::Drain { grace, patience })
    }

    /// Opens the file of the access log again: somebody may have renamed it.
    ///
    /// # Errors
    /// It goes on as before.
    pub fn reopen_log(&self) -> Result<(), LogError> {
        self.log.reopen()
    }

    /// The listening sockets, for a process that is to come after this one.
    pub fn to_inherit(&self) -> Vec<Inherited> {
        self.doors.to_inherit()
    }

    /// Another process accepts from these sockets by now: nobody new comes in here. Who is idle may ask once more within
    /// `grace` and is told that the connection closes; then it ends as by [`Handle::drain`].
    pub fn leave(mut self, grace: Duration, patience: Duration) -> Counters {
        self.doors.leave_files();
        self.doors.close();
        self.end(|| Order::Leave { grace, patience })
    }

    fn end(self, order: impl Fn() -> Order) -> Counters {
        for worker in &self.workers {
            if worker.outbox().post(order()).is_err() {
                worker.outbox().close(); // it does not read its orders: it ends without patience
            }
        }
        let counters = self.workers.into_iter().map(Running::join).fold(Report::default(), merged).total();
        Counters { access_log_unwritten: self.log.end(), ..counters }
    }
}

fn merged(mut sum: Report, one: Report) -> Report {
    sum.merge(one);
    sum
}
