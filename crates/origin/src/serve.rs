//! Runs an origin on threads of its own over the kernel. Threads inherit the network namespace of the caller.

use crate::app::Origin;
use crate::counters::Counters;
use crate::plan::OriginPlan;
use ports::{Fault, FaultKind};
use reactor::epoll::{EpollConfig, EpollReactor};
use reactor::{App, face};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use sys::waker::Waker;

/// Threads one origin may have.
pub const WORKERS_MAX: usize = 256;

/// Why an origin could not start. Nothing of it is left running.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {}", .fault.listen_advice())]
    Listen {
        /// Which.
        address: SocketAddr,
        /// Why not.
        fault: Fault,
    },
    /// The name cannot stand in a header.
    #[error("origin name {0:?}: use visible ASCII characters")]
    Name(String),
    /// No such number of threads.
    #[error("{0} workers: use 1 to {WORKERS_MAX}")]
    Workers(usize),
    /// The system gave no thread.
    #[error("cannot start a thread: {0}")]
    Thread(#[from] std::io::Error),
}

/// A running origin; ends when dropped.
#[derive(Debug)]
pub struct Handle {
    address: SocketAddr,
    stop: Arc<AtomicBool>,
    workers: Vec<Worker>,
}

#[derive(Debug)]
struct Worker {
    waker: Waker,
    thread: JoinHandle<Counters>,
}

type Started = Result<(SocketAddr, Waker), Fault>;

/// Starts an origin. When this returns, it listens.
pub fn start(plan: OriginPlan) -> Result<Handle, StartError> {
    let clean = http::is_field_value(plan.name.as_bytes()) && plan.name.is_ascii() && !plan.name.trim().is_empty();
    if !clean {
        return Err(StartError::Name(plan.name));
    }
    if !(1..=WORKERS_MAX).contains(&plan.workers) {
        return Err(StartError::Workers(plan.workers));
    }
    check_free(plan.listen)?;
    let mut handle = Handle { address: plan.listen, stop: Arc::default(), workers: Vec::new() };
    for index in 0..plan.workers {
        // The first worker may get its port from the kernel; the others share it.
        let plan = OriginPlan { listen: handle.address, ..plan.clone() };
        handle.add_worker(index, plan)?;
    }
    Ok(handle)
}

impl Handle {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Ends it at once, open connections included; returns what was counted.
    pub fn stop(mut self) -> Counters {
        self.end()
    }

    fn add_worker(&mut self, index: usize, plan: OriginPlan) -> Result<(), StartError> {
        let address = plan.listen;
        let stop = Arc::clone(&self.stop);
        let (ready, wait): (Sender<Started>, Receiver<Started>) = channel();
        let thread =
            std::thread::Builder::new().name(format!("origin-{index}")).spawn(move || run(plan, stop, &ready))?;
        // A worker that panicked before it reported has hung up.
        match wait.recv().unwrap_or(Err(Fault::of(FaultKind::Other))) {
            Ok((address, waker)) => {
                self.address = address;
                self.workers.push(Worker { waker, thread });
                Ok(())
            }
            Err(fault) => Err(StartError::Listen { address, fault }),
        }
    }

    fn end(&mut self) -> Counters {
        self.stop.store(true, Ordering::Release);
        let mut all = Counters::default();
        for worker in self.workers.drain(..) {
            worker.waker.wake();
            if let Ok(counters) = worker.thread.join() {
                all.merge(&counters);
            }
        }
        all
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.end();
    }
}

/// Workers share the address by SO_REUSEPORT, which would let us share it with a stranger's process, too.
fn check_free(address: SocketAddr) -> Result<(), StartError> {
    let bound = std::net::TcpListener::bind(address).map(drop);
    bound.map_err(|error| {
        let fault = Fault::from_errno(error.raw_os_error().unwrap_or_default());
        StartError::Listen { address, fault }
    })
}

/// One worker's thread.
fn run(plan: OriginPlan, stop: Arc<AtomicBool>, ready: &Sender<Started>) -> Counters {
    let config = EpollConfig { connections_max: plan.connections_max, ..EpollConfig::default() };
    let mut app = Origin::new(plan, stop);
    let started = EpollReactor::new(config).and_then(|mut io| app.start(&mut io).map(|()| io));
    match started {
        Ok(mut io) => {
            let address = app.address().unwrap_or(app.plan.listen);
            let _starter_waits = ready.send(Ok((address, io.waker())));
            face::run_started(&mut app, &mut io);
        }
        Err(fault) => {
            let _starter_waits = ready.send(Err(fault));
        }
    }
    app.counters()
}
