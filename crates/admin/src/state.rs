//! What all requests share.

use crate::live::Live;
use balancer::{PortWatch, Token};
use control::Remote;
use ports::Spending;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Whoever asks more often gets what was seen last: the kernel's table of sockets may be long.
const PORTS_EVERY: Duration = Duration::from_secs(5);

pub(crate) struct State {
    pub(crate) remote: Remote,
    pub(crate) live: Live,
    token: Mutex<Option<Token>>,
    started: SystemTime,
    ports: Mutex<Ports>,
}

struct Ports {
    watch: Option<PortWatch>,
    seen: Option<(Instant, Vec<Spending>)>,
}

impl State {
    pub(crate) fn new(remote: Remote) -> Self {
        let watch = remote.ask(balancer::Glance::port_watch);
        let ports = Mutex::new(Ports { watch, seen: None });
        Self { remote, live: Live::new(), token: Mutex::new(None), started: SystemTime::now(), ports }
    }

    /// What those have to show who change things.
    pub(crate) fn set_token(&self, token: Option<Token>) {
        *self.token() = token;
    }

    fn token(&self) -> MutexGuard<'_, Option<Token>> {
        self.token.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn has_token(&self) -> bool {
        self.token().is_some()
    }

    /// Is this the token? Compared in a time that does not tell how much of it is right.
    pub(crate) fn is_token(&self, shown: &[u8]) -> bool {
        let equal = |token: &Token| aws_lc_rs::constant_time::verify_slices_are_equal(token.bytes(), shown).is_ok();
        self.token().as_ref().is_some_and(equal)
    }

    /// Seconds since 1970 at which the process began to be asked.
    pub(crate) fn started_s(&self) -> f64 {
        self.started.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
    }

    pub(crate) fn uptime_s(&self) -> f64 {
        self.started.elapsed().unwrap_or_default().as_secs_f64()
    }

    /// What is spent of the ports towards servers; nothing where the kernel does not tell.
    pub(crate) fn spending(&self, report: &balancer_core::Report) -> Vec<Spending> {
        let mut ports = self.ports.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((at, rows)) = &ports.seen
            && at.elapsed() < PORTS_EVERY
        {
            return rows.clone();
        }
        let Some(settings) = self.remote.ask(balancer::Glance::settings) else { return Vec::new() };
        let looked = ports.watch.as_mut().and_then(|watch| watch.look(&settings, report).ok());
        let rows = looked.map(|(rows, _)| rows).unwrap_or_default();
        ports.seen = Some((Instant::now(), rows.clone()));
        rows
    }
}
