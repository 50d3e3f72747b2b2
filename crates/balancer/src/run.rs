//! Starts the balancer, changes what it works by, and ends it.

use crate::access::{AccessLog, LogError, Logging, Open, Writer};
use crate::boards::Boards;
use crate::circles;
use crate::crew::Crew;
use crate::doors::{Doors, Inherited};
use crate::errors::{StartError, Warning};
use crate::glance::Glance;
use crate::orders::Order;
use crate::own_ports::{own_ports, port_warnings};
use crate::shelf::Shelf;
use crate::sources;
use crate::staff::{self, Brief, Hand, Site};
use crate::stand::Layers;
use crate::timestamps::Unfulfilled;
use crate::tls::{Secured, TicketKeys};
use crate::worker::check_shares;
use balancer_core::files::WorkerBounds;
use balancer_core::{Counters, Report, Settings, unused_sets};
use ports::PortList;
use reactor::epoll::EpollConfig;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

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

/// A running balancer: what can be seen of it, and what can be done with it. Dropping it drains without patience.
pub struct Handle {
    /// Dropped first: no worker outlives its listeners.
    workers: Vec<Hand>,
    /// Those that are no longer needed, and have clients yet.
    leaving: Vec<Hand>,
    site: Site,
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

/// Another configuration, all of it.
#[derive(Clone, Debug)]
pub struct Next<'a> {
    /// Listeners and backend sets.
    pub settings: &'a Settings,
    /// Where requests are told.
    pub log: Option<AccessLog>,
    /// Data-path threads, at least 1.
    pub workers: usize,
    /// How those part that are no longer needed.
    pub parting: Parting,
}

/// How workers part from their clients where others accept in their place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Parting {
    /// Whoever is idle may ask once more within it, and is told that the connection closes.
    pub grace: Duration,
    /// Requests in flight may finish within it, from the end of the grace.
    pub patience: Duration,
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
    /// Keys of tickets of a process before this one.
    pub tickets: Vec<TicketKeys>,
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
    secured.take_over(inheritance.tickets.clone());
    let installed = secured.install(&mut settings, &inheritance.shelf);
    secured.take_over(Vec::new());
    inheritance.shelf.clear();
    installed?;
    let mut doors = open_doors(&mut settings, plan.workers, inheritance)?;
    // An address that somebody else listens on is said first.
    circles::check(&settings)?;
    let settings = Arc::new(settings);
    let boards = Boards::of(&settings, &Boards::default());
    let log = Writer::begin(boards.log(), logging)?;
    let layers = Layers { profiles: secured.profiles.clone(), strangers_max: bounds.strangers_max };
    let reactor = EpollConfig { pipes_max: bounds.pipes_max, ..plan.reactor };
    let site = Site { reactor, pin: plan.pin, layers };
    doors.grow(plan.workers);
    let brief = Brief { settings: &settings, doors: &doors, boards: &boards, workers: plan.workers };
    let workers = staff::begin(0..plan.workers, &site, own_ports.as_ref(), &brief)?;
    let crew = Crew::of(workers.iter().map(Hand::card));
    let (addresses, warnings) = (doors.addresses().into(), Arc::default());
    let certificates = secured.certificates(&settings);
    let profiles = site.layers.profiles.clone();
    let glance = Glance { crew, settings, boards, addresses, own_ports, warnings, profiles, certificates };
    let mut handle = Handle { workers, leaving: Vec::new(), site, doors, secured, bounds, glance, log };
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
        let (workers, parting) = (self.workers.len(), Parting::default());
        self.go_over_to(Next { settings, log, workers, parting })
    }

    /// The same with another number of workers: those that are new begin, and have sockets of their own; those that are no
    /// longer needed leave their sockets to the others, part from their clients, and end. What they counted stays.
    ///
    /// # Errors
    /// As [`apply`](Self::apply).
    pub fn go_over_to(&mut self, next: Next<'_>) -> Result<(), StartError> {
        let Next { settings, log, workers, parting } = next;
        let open = if log.as_ref() == self.log.log() { None } else { Some(Open::at(log.as_ref())?) };
        // A log that begins is there before its lines, one that ends stays until they are all in it.
        let (begins, changes) = if self.log.log().is_none() { (open, None) } else { (None, open) };
        let has_begun = begins.is_some();
        begins.map_or(Ok(()), |open| self.log.write_to(log.clone(), open))?;
        let wanted = self.log.want(log.as_ref());
        self.take_off_who_ended();
        let outcome = self.go_by(settings.clone(), workers.max(1), parting);
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
        self.crew.keep_only(&self.glance.settings);
        outcome
    }

    fn go_by(&mut self, mut settings: Settings, workers: usize, parting: Parting) -> Result<(), StartError> {
        let away = sources::check(&mut settings, &self.settings.backend_sets)?;
        if self.own_ports.is_none() {
            // A set that is new may need some.
            own_ports(&settings)?;
        }
        check_shares(&settings, workers as u32, self.own_ports.as_ref())?;
        balancer_core::files::fit(&mut settings, sys::limits::file_limit().soft, workers, &self.bounds);
        let mut secured = self.secured.clone();
        secured.install(&mut settings, &Shelf::default())?;
        let mut doors = Doors::open(&mut settings, workers, &self.doors)?;
        circles::check(&settings)?;
        let boards = Boards::of(&settings, &self.boards);
        let settings = Arc::new(settings);
        doors.grow(workers);
        let brief = Brief { settings: &settings, doors: &doors, boards: &boards, workers };
        let before = self.workers.len();
        match self.brief_all(&brief).and_then(|()| Ok(doors.verify()?)) {
            Ok(unfulfilled) => {
                let own = self.own_ports.as_ref();
                let (warnings, addresses) =
                    (warnings_of(unfulfilled, away, &settings, &secured, own), doors.addresses().into());
                let certificates = secured.certificates(&settings);
                (self.doors, self.secured) = (doors, secured);
                self.glance = Glance { settings, boards, addresses, warnings, certificates, ..self.glance() };
                self.part_from(workers, parting);
                Ok(())
            }
            Err(error) => {
                self.doors.keep_what_grew(&doors);
                let (settings, boards) = (&self.glance.settings, &self.glance.boards);
                let brief = Brief { settings, doors: &self.doors, boards, workers: before };
                // They know the settings before; who cannot take them back could not be helped by another try.
                let _went_back = staff::order_apply(&self.workers[..before], &brief);
                self.part_from(before, parting);
                Err(error)
            }
        }
    }

    /// Those that stay, once those that are new accept as well.
    fn brief_all(&mut self, brief: &Brief<'_>) -> Result<(), StartError> {
        let (before, own) = (self.workers.len(), self.glance.own_ports.as_ref());
        let new = staff::begin(before..brief.workers, &self.site, own, brief)?;
        new.iter().for_each(|hand| self.glance.crew.join(hand.card()));
        self.workers.extend(new);
        staff::order_apply(&self.workers[..before.min(brief.workers)], brief)
    }

    /// So many workers stay, and accept from the sockets of the others by now.
    fn part_from(&mut self, stay: usize, parting: Parting) {
        let Parting { grace, patience } = parting;
        for hand in self.workers.drain(stay.min(self.workers.len())..) {
            self.glance.crew.note_leaving(hand.last_word());
            hand.post(Order::Leave { grace, patience });
            self.leaving.push(hand);
        }
        let Glance { settings, boards, .. } = &self.glance;
        let brief = Brief { settings, doors: &self.doors, boards, workers: stay };
        self.leaving.iter().for_each(|hand| hand.brief_who_leaves(&brief));
    }

    /// What they counted stays.
    fn take_off_who_ended(&mut self) {
        for hand in self.leaving.extract_if(.., |hand| hand.is_over()) {
            self.glance.crew.take_off(hand.last_word(), &self.glance.settings);
        }
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

    /// The keys of tickets, for the same.
    pub fn ticket_keys(&self) -> Vec<TicketKeys> {
        self.secured.ticket_keys()
    }

    /// Another process accepts from these sockets by now: nobody new comes in here. Who is idle may ask once more within
    /// `grace` and is told that the connection closes; then it ends as by [`Handle::drain`].
    pub fn leave(mut self, grace: Duration, patience: Duration) -> Counters {
        self.doors.leave_files();
        self.doors.close();
        self.end(|| Order::Leave { grace, patience })
    }

    fn end(self, order: impl Fn() -> Order) -> Counters {
        let Self { workers, leaving, glance, log, .. } = self;
        workers.iter().chain(&leaving).for_each(|hand| hand.post(order()));
        let report = workers.into_iter().chain(leaving).map(Hand::join).fold(glance.crew.gone(), merged);
        Counters { access_log_unwritten: log.end(), ..report.total() }
    }
}

fn merged(mut sum: Report, one: Report) -> Report {
    sum.merge(one);
    sum
}
