//! What the kernel's tables say of a run while it goes on.

use crate::time_wait;
use ports::{Budget, BudgetVerdict};
use std::net::SocketAddr;
use std::time::Instant;
use stress_core::snapshot::PortsNow;
use stress_core::{Forecast, KernelCounts};

/// A look at the socket table costs as much as it holds: for each time that one takes, so many times as long there is none.
const LOOKS_SHARE: u32 = 50;

/// See the module's head.
pub(crate) struct Live {
    targets: Vec<SocketAddr>,
    tuples: Option<u64>,
    /// Ports come back by themselves as fast as they are used.
    is_paid: bool,
    started: Instant,
    kernel: KernelCounts,
    next_look: Instant,
    ports: PortsNow,
}

impl Live {
    pub(crate) fn new(targets: &[SocketAddr], forecast: &Forecast, started: Instant) -> Self {
        Self {
            targets: targets.to_vec(),
            tuples: forecast.tuples,
            is_paid: forecast.per_s_max.is_none(),
            started,
            kernel: kernel(),
            next_look: started,
            ports: PortsNow::default(),
        }
    }

    /// What the kernel counted since the start.
    pub(crate) fn kernel(&self) -> KernelCounts {
        kernel().since(&self.kernel)
    }

    /// Ports as they are held now, or were at the last look; `per_s`: connections of late that end with TIME_WAIT here.
    pub(crate) fn ports(&mut self, per_s: f64) -> PortsNow {
        let now = Instant::now();
        if now >= self.next_look {
            self.look(per_s);
            self.next_look = Instant::now() + now.elapsed() * LOOKS_SHARE;
        }
        self.ports
    }

    fn look(&mut self, per_s: f64) {
        let Ok(seen) = time_wait::look(&self.targets, self.started.elapsed()) else {
            self.ports = PortsNow::default();
            return;
        };
        let budget = self
            .tuples
            .map(|tuples| Budget { taken: seen.taken, ..Budget::of_ports(tuples.min(u32::MAX.into()) as u32) });
        let gone = |budget: Budget| match budget.verdict(per_s) {
            BudgetVerdict::RunsOut { after, .. } if !self.is_paid && seen.time_wait > 0 => Some(after),
            _ => None,
        };
        self.ports = PortsNow {
            time_wait: Some(seen.time_wait),
            free: budget.map(|budget| budget.left()),
            gone_in: budget.and_then(gone),
        };
    }
}

/// None of them where they cannot be read.
fn kernel() -> KernelCounts {
    sys::counters::Counters::read()
        .map_or_else(|_| KernelCounts::default(), |all| KernelCounts::read(|name| all.get(name)))
}
