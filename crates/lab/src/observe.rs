//! What the kernel says about a role: its socket table and the counters of its namespace.

use crate::error::LabError;
use crate::stage::Stage;
use crate::topology::Role;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use sys::counters::Counters;
use sys::sock_diag::{End, Filter, SockDiag, States, TcpState};

/// How long closing handshakes may take to settle.
const SETTLE_MAX: Duration = Duration::from_secs(2);
const SETTLE_STEP: Duration = Duration::from_millis(5);

/// Counters of the two roles that matter, before a phase.
#[derive(Debug)]
pub(crate) struct Baseline {
    client: Counters,
    balancer: Counters,
}

impl Baseline {
    /// Reads them. `None` where they would be the whole host's.
    ///
    /// # Errors
    /// `/proc` cannot be read.
    pub(crate) fn take(stage: &Stage) -> Result<Option<Self>, LabError> {
        if !stage.is_private() {
            return Ok(None);
        }
        Ok(Some(Self { client: counters(stage, Role::Client)?, balancer: counters(stage, Role::Balancer)? }))
    }

    /// What was counted since, for client and balancer.
    ///
    /// # Errors
    /// `/proc` cannot be read.
    pub(crate) fn growth(&self, stage: &Stage) -> Result<(Counters, Counters), LabError> {
        let client = counters(stage, Role::Client)?.since(&self.client);
        let balancer = counters(stage, Role::Balancer)?.since(&self.balancer);
        Ok((client, balancer))
    }
}

/// TIME_WAIT entries on both sides of the client's connections to `balancer`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeWaits {
    /// On the client.
    pub client: u64,
    /// On the balancer.
    pub balancer: u64,
}

/// Waits until no connection to `balancer` is between open and closed any more, then counts.
///
/// # Errors
/// sock_diag is not there.
pub fn time_waits(stage: &Stage, balancer: SocketAddr) -> Result<TimeWaits, LabError> {
    let client_side = Filter { states: States::ALL, local: End::Any, remote: End::Exact(balancer) };
    let balancer_side = Filter { states: States::ALL, local: End::Exact(balancer), remote: End::Any };
    Ok(TimeWaits {
        client: settled(stage, Role::Client, client_side)?,
        balancer: settled(stage, Role::Balancer, balancer_side)?,
    })
}

fn settled(stage: &Stage, role: Role, filter: Filter) -> Result<u64, LabError> {
    stage.run(role, || count_when_settled(&filter))?.map_err(LabError::Diag)
}

fn count_when_settled(filter: &Filter) -> Result<u64, sys::sock_diag::DiagError> {
    let mut diag = SockDiag::open()?;
    let start = Instant::now();
    loop {
        let counts = diag.count_by_state(filter)?;
        let waiting = counts.count(TcpState::TimeWait);
        let rest = counts.total() - waiting - counts.count(TcpState::Listen);
        if rest == 0 || start.elapsed() > SETTLE_MAX {
            return Ok(waiting);
        }
        std::thread::sleep(SETTLE_STEP);
    }
}

fn counters(stage: &Stage, role: Role) -> Result<Counters, LabError> {
    stage.run(role, Counters::read)?.map_err(LabError::Counters)
}
