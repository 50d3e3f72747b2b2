//! Runs an origin on threads of its own over the kernel. Threads inherit the network namespace of the caller.

use crate::app::{Order, Origin};
use crate::counters::Counters;
use crate::plan::OriginPlan;
use reactor::epoll::{EpollConfig, EpollReactor, listen};
use reactor::{App, ListenError, ListenPlan, Listening, Place, Running, SpawnError, Starting, spawn};
use std::net::SocketAddr;

/// Threads one origin may have.
pub const WORKERS_MAX: usize = 256;

/// Why an origin could not start. Nothing of it is left running.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The address cannot be listened on.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// The name cannot stand in a header.
    #[error("origin name {0:?}: use visible ASCII characters")]
    Name(String),
    /// No such number of threads.
    #[error("{0} workers: use 1 to {WORKERS_MAX}")]
    Workers(usize),
    /// A thread cannot be had, or nothing can run on it.
    #[error(transparent)]
    Spawn(#[from] SpawnError),
}

/// A running origin; ends when dropped.
#[derive(Debug)]
pub struct Handle {
    address: SocketAddr,
    workers: Vec<Running<Order, Counters>>,
}

/// Starts an origin. When this returns, it listens.
pub fn start(plan: OriginPlan) -> Result<Handle, StartError> {
    let clean = http::is_field_value(plan.name.as_bytes()) && plan.name.is_ascii() && !plan.name.trim().is_empty();
    if !clean {
        return Err(StartError::Name(plan.name));
    }
    if !(1..=WORKERS_MAX).contains(&plan.workers) {
        return Err(StartError::Workers(plan.workers));
    }
    let sockets = listen(&ListenPlan::new(plan.listen), plan.workers)?;
    let address = sockets.first().and_then(|socket| socket.address().ip()).unwrap_or(plan.listen);
    let starting: Vec<_> = sockets
        .into_iter()
        .enumerate()
        .map(|(at, socket)| start_worker(&plan, at, socket))
        .collect::<Result<_, _>>()?;
    let workers = starting.into_iter().map(|one| one.wait().map(|(running, ())| running));
    Ok(Handle { address, workers: workers.collect::<Result<_, _>>()? })
}

fn start_worker(plan: &OriginPlan, at: usize, socket: Listening) -> Result<Starting<Order, (), Counters>, SpawnError> {
    let reactor = EpollConfig { connections_max: plan.connections_max, ..EpollConfig::default() };
    let plan = plan.clone();
    let start = move |orders, io: &mut EpollReactor| {
        let mut origin = Origin::on(socket, plan, orders);
        origin.start(io)?;
        Ok((origin, ()))
    };
    spawn(Place { name: format!("origin-{at}"), core: None, reactor }, start, |origin, _| origin.counters())
}

impl Handle {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Ends it at once, open connections included; returns what was counted.
    pub fn stop(self) -> Counters {
        let mut all = Counters::default();
        // All are told before the first is waited for.
        self.workers.iter().for_each(|worker| worker.outbox().close());
        self.workers.into_iter().for_each(|worker| all.merge(&worker.end()));
        all
    }
}
