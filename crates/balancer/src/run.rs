//! Starts the workers, each on a thread with its own reactor, and steers them.

use crate::control::Control;
use crate::timestamps::{TimestampRules, TimestampsError, Unfulfilled};
use crate::{SetupError, Worker, WorkerShare};
use balancer_core::{Counters, Settings, Timestamps};
use ports::Fault;
use reactor::Questions;
use reactor::epoll::{EpollConfig, EpollReactor};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use sys::waker::Waker;

/// Open files that are not connections: listeners, epoll, wakers, standard streams, and some to spare.
const FILES_RESERVED: u64 = 48;

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

/// Why nothing was started.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StartError {
    /// An address cannot be listened on.
    #[error("listener {name:?}: cannot listen on {address}: {what}")]
    Listen {
        /// Name of the listener.
        name: String,
        /// Its address.
        address: SocketAddr,
        /// Why, and the way out.
        what: String,
    },
    /// A listener cannot be without TCP timestamps, or that cannot be verified.
    #[error(
        "listener {name:?}: timestamps = \"off\" cannot be had on {address}: {reason}; or write \
         timestamps = \"off-if-possible\", which starts with a warning"
    )]
    Timestamps {
        /// Name of the listener.
        name: String,
        /// Its address.
        address: SocketAddr,
        /// Why, and the way out.
        reason: TimestampsError,
    },
    /// A backend set cannot be worked with by so many workers.
    #[error(transparent)]
    Setup(#[from] SetupError),
    /// A worker could not be set up.
    #[error("worker {index}: {fault}")]
    Worker {
        /// Which.
        index: usize,
        /// Why.
        fault: Fault,
    },
}

/// What a balancer goes on without.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Warning {
    /// `timestamps = "off-if-possible"` was not possible, or could not be verified.
    #[error("listener {name:?}: TCP timestamps {} on at {address}: {reason}", .reason.how_surely_on())]
    Timestamps {
        /// Name of the listener.
        name: String,
        /// Its address.
        address: SocketAddr,
        /// Why, and the way out.
        reason: TimestampsError,
    },
}

impl From<Unfulfilled> for StartError {
    fn from(Unfulfilled { name, address, reason }: Unfulfilled) -> Self {
        Self::Timestamps { name, address, reason }
    }
}

impl From<Unfulfilled> for Warning {
    fn from(Unfulfilled { name, address, reason }: Unfulfilled) -> Self {
        Self::Timestamps { name, address, reason }
    }
}

struct Running {
    control: Arc<Control>,
    waker: Waker,
    thread: JoinHandle<Counters>,
}

/// A running balancer. Dropping it drains without patience.
pub struct Handle {
    workers: Vec<Running>,
    addresses: Vec<SocketAddr>,
    finished: Counters,
    /// Dropped last: the rules stay as long as a listener does.
    timestamps: TimestampRules,
    warnings: Vec<Warning>,
}

/// What a worker reports once: its waker and the addresses it listens on, or why it could not.
type Started = Result<(Waker, Vec<SocketAddr>), NotStarted>;

/// Why a worker did not start.
#[derive(Debug)]
enum NotStarted {
    Setup(SetupError),
    Fault(Fault),
}

/// Starts all workers, or none.
pub fn start(plan: &Plan) -> Result<Handle, StartError> {
    let mut settings = plan.settings.clone();
    check_listeners(&mut settings)?;
    leave_files_for_servers(&mut settings, plan.workers);
    let mut handle = Handle {
        workers: Vec::new(),
        addresses: Vec::new(),
        finished: Counters::default(),
        timestamps: TimestampRules::install(&settings)?,
        warnings: Vec::new(),
    };
    for index in 0..plan.workers {
        let running = start_worker(plan, &settings, index);
        // An error drops the handle, which ends the workers started so far.
        let (running, addresses) = running.map_err(|why| match why {
            NotStarted::Setup(error) => StartError::Setup(error),
            NotStarted::Fault(fault) => StartError::Worker { index, fault },
        })?;
        handle.workers.push(running);
        if index == 0 {
            // Port 0 was chosen by the kernel for the first: the others share it.
            for (listener, address) in settings.listeners.iter_mut().zip(&addresses) {
                listener.bind = *address;
            }
            handle.addresses = addresses;
        }
    }
    handle.timestamps.verify()?;
    handle.warnings = std::mem::take(&mut handle.timestamps.unfulfilled).into_iter().map(Warning::from).collect();
    Ok(handle)
}

/// An address in use is found here, before SO_REUSEPORT would let two balancers share it.
/// A port that a rule must name is chosen here, where it was left to the kernel.
fn check_listeners(settings: &mut Settings) -> Result<(), StartError> {
    let mut chosen = Vec::new();
    for listener in &mut settings.listeners {
        let failed = |error: std::io::Error| StartError::Listen {
            name: listener.name.clone(),
            address: listener.bind,
            what: explain(&error, listener.bind.port()),
        };
        let tried = TcpListener::bind(listener.bind).map_err(failed)?;
        if listener.bind.port() == 0 && listener.timestamps != Timestamps::On {
            listener.bind = tried.local_addr().map_err(failed)?;
            chosen.push(tried); // kept until the others have chosen, so that no two get the same
        }
    }
    Ok(())
}

/// A client whose request finds no file left for its server is worse off than one that waits in the accept queue.
fn leave_files_for_servers(settings: &mut Settings, workers: usize) {
    let most = clients_max(sys::limits::file_limit().soft, workers * settings.listeners.len());
    for listener in &mut settings.listeners {
        listener.limits.connections_max = listener.limits.connections_max.min(most);
    }
}

/// Clients per listener and worker, of which there are `shares`, when each may need a connection to a server as well.
fn clients_max(files: u64, shares: usize) -> usize {
    let pairs = files.saturating_sub(FILES_RESERVED) / 2;
    usize::try_from(pairs).unwrap_or(usize::MAX).checked_div(shares).unwrap_or(usize::MAX).max(1)
}

fn explain(error: &std::io::Error, port: u16) -> String {
    use std::io::ErrorKind;
    match error.kind() {
        ErrorKind::AddrInUse => {
            format!("the address is in use; `ss -ltnp 'sport = :{port}'` shows by whom, or choose another port")
        }
        ErrorKind::AddrNotAvailable => "no interface of this host has this address".to_owned(),
        ErrorKind::PermissionDenied => {
            "not permitted; ports below 1024 need CAP_NET_BIND_SERVICE, or choose a port from 1024 up".to_owned()
        }
        _ => error.to_string(),
    }
}

fn start_worker(plan: &Plan, settings: &Settings, index: usize) -> Result<(Running, Vec<SocketAddr>), NotStarted> {
    let control = Arc::new(Control::default());
    let (tell, told): (Sender<Started>, Receiver<Started>) = channel();
    let share = WorkerShare {
        index: index as u32,
        count: plan.workers as u32,
        kernel_range: sys::sysctl::local_port_range().unwrap_or(WorkerShare::ALONE.kernel_range),
    };
    let worker = (settings.clone(), share, Arc::clone(&control));
    let (config, pin) = (plan.reactor, plan.pin);
    let thread = std::thread::Builder::new()
        .name(format!("worker-{index}"))
        .spawn(move || {
            if pin {
                let _runs_unpinned = sys::thread::pin_to_core(index % sys::thread::cores());
            }
            let (settings, share, control) = worker;
            match Worker::new(&settings, share, control) {
                Ok(worker) => run_worker(worker, config, settings.listeners.len(), &tell),
                Err(error) => {
                    let _nobody_waits = tell.send(Err(NotStarted::Setup(error)));
                    Counters::default()
                }
            }
        })
        .map_err(|error| NotStarted::Fault(Fault::from_errno(error.raw_os_error().unwrap_or(0))))?;
    match told.recv() {
        Ok(Ok((waker, addresses))) => Ok((Running { control, waker, thread }, addresses)),
        Ok(Err(why)) => Err(why),
        Err(_) => Err(NotStarted::Fault(Fault::of(ports::FaultKind::Other))),
    }
}

fn run_worker(mut worker: Worker, config: EpollConfig, listeners: usize, tell: &Sender<Started>) -> Counters {
    let mut io = match EpollReactor::new(config) {
        Ok(io) => io,
        Err(fault) => {
            let _nobody_waits = tell.send(Err(NotStarted::Fault(fault)));
            return worker.counters();
        }
    };
    let waker = io.waker();
    let started = reactor::App::start(&mut worker, &mut io).map(|()| {
        let address = |index| io.listener_address(reactor::ListenerId(index as u32));
        (waker, (0..listeners).filter_map(address).collect())
    });
    let failed = started.is_err();
    let _nobody_waits = tell.send(started.map_err(NotStarted::Fault));
    if !failed {
        reactor::face::run_started(&mut worker, &mut io);
    }
    worker.counters()
}

impl Handle {
    /// Where the listeners listen, in the order of the settings.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// What was asked for and is not so: to be shown once.
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }

    /// Counters of all workers, not older than this call (or than a worker that does not answer within a second).
    pub fn counters(&self) -> Counters {
        let mut sum = self.finished.clone();
        for worker in &self.workers {
            let (_, before) = worker.control.counters();
            worker.waker.wake();
            let until = Instant::now() + Duration::from_secs(1);
            while worker.control.counters().1 == before && Instant::now() < until && !worker.thread.is_finished() {
                std::thread::sleep(Duration::from_millis(1));
            }
            sum.merge(&worker.control.counters().0);
        }
        sum
    }

    /// Stops accepting, lets requests in flight finish within `patience`, then cuts what is left. Returns the final
    /// counters.
    pub fn drain(mut self, patience: Duration) -> Counters {
        self.end(patience);
        self.finished.clone()
    }

    fn end(&mut self, patience: Duration) {
        for worker in &self.workers {
            worker.control.ask_drain(patience);
            worker.waker.wake();
        }
        for worker in self.workers.drain(..) {
            if let Ok(counters) = worker.thread.join() {
                self.finished.merge(&counters);
            }
        }
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.end(Duration::ZERO);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_left_for_servers() {
        for (files, shares, most) in [(64, 1, 8), (1024, 1, 488), (1024, 2, 244), (10, 4, 1), (1 << 20, 4, 131_066)] {
            assert_eq!(clients_max(files, shares), most, "{files} files, {shares} shares");
        }
    }
}
