//! Another configuration in place of the one that is worked by, as those see it who ask for it.

use crate::by::By;
use crate::errors::ReloadError;
use balancer::{Config, Listens, Warning};
use serde::Serialize;
use std::fmt;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::time::SystemTime;

/// The balancer works by the new configuration; or why nothing changed.
pub type Reloaded = Result<Change, ReloadError>;

/// What came with another configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    /// How much there is of what.
    pub summary: String,
    /// Places that are listened at since.
    pub opened: Vec<String>,
    /// Places that are no longer.
    pub closed: Vec<String>,
    /// What changed beside the workers.
    pub notes: Vec<String>,
    /// What counts from the next start on.
    pub waits: Vec<&'static str>,
    /// What it goes on without.
    pub warnings: Vec<String>,
}

/// What came of the reloads so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reloads {
    /// Those that are worked by, or were.
    pub good: Past,
    /// Those that changed nothing.
    pub refused: Past,
}

/// What came of hand-overs so far: those that failed here, and those that led to this process, one after another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HandOvers {
    /// Those by which a process took over.
    pub done: Past,
    /// Those after which this process went on.
    pub failed: Past,
}

impl HandOvers {
    /// Did the last one lead to another process, or was there none?
    pub fn is_well(&self) -> bool {
        self.failed.last.is_none()
    }
}

/// How often something happened, and when last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Past {
    /// How often.
    pub count: u64,
    /// When last.
    pub last: Option<SystemTime>,
}

impl Past {
    pub(crate) fn note(&mut self) {
        (self.count, self.last) = (self.count + 1, Some(SystemTime::now()));
    }
}

impl Reloads {
    pub(crate) fn note(&mut self, is_good: bool) {
        if is_good { self.good.note() } else { self.refused.note() }
    }

    /// Was the last one worked by, or was there none?
    pub fn is_well(&self) -> bool {
        self.refused.last.is_none() || self.good.last > self.refused.last
    }
}

/// What an apply came to.
pub(crate) struct Applied {
    pub(crate) before: Vec<Listens>,
    pub(crate) after: Vec<Listens>,
    pub(crate) notes: Vec<String>,
    pub(crate) warnings: Vec<Warning>,
    /// `[admin]` is gone by, too.
    pub(crate) has_fellow: bool,
}

impl Change {
    /// `started` is what the process was started with.
    pub(crate) fn new(started: &Config, now: &Config, applied: &Applied) -> Self {
        let Applied { before, after, notes, warnings, has_fellow } = applied;
        Self {
            summary: now.summary(),
            opened: only_in(after, before),
            closed: only_in(before, after),
            notes: notes.clone(),
            waits: what_waits(started, now, *has_fellow),
            warnings: warnings.iter().map(ToString::to_string).collect(),
        }
    }
}

fn only_in(these: &[Listens], those: &[Listens]) -> Vec<String> {
    these.iter().filter(|place| !those.contains(place)).map(ToString::to_string).collect()
}

/// Buffers and cores of threads are begun with; so is the admin listener where there is nobody who follows the configuration.
fn what_waits(started: &Config, now: &Config, has_fellow: bool) -> Vec<&'static str> {
    let keys = [
        ("`buffers_max` of [global]", started.buffers_max != now.buffers_max),
        ("`pin` of [global]", started.pin != now.pin),
        ("`user` and `group` of [global]", started.identity != now.identity),
        ("`event_log_format` of [global]", started.event_log != now.event_log),
        ("[admin]", !has_fellow && started.admin != now.admin),
    ];
    keys.into_iter().filter_map(|(key, changed)| changed.then_some(key)).collect()
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.summary)?;
        self.opened.iter().try_for_each(|place| write!(f, "; listening on {place}"))?;
        self.closed.iter().try_for_each(|place| write!(f, "; no longer listening on {place}"))?;
        self.notes.iter().try_for_each(|note| write!(f, "; {note}"))?;
        self.waits
            .iter()
            .try_for_each(|what| write!(f, "; {what} counts from the next start on (SIGUSR2 hands over to one)"))?;
        self.warnings.iter().try_for_each(|warning| write!(f, "; warning: {warning}"))
    }
}

/// A reload that is under way.
#[derive(Debug)]
pub struct Reloading(Receiver<Reloaded>);

impl Reloading {
    /// What came of it, once it is known.
    pub fn poll(&self) -> Option<Reloaded> {
        match self.0.try_recv() {
            Ok(outcome) => Some(outcome),
            Err(TryRecvError::Empty) => None,
            Err(TryRecvError::Disconnected) => Some(Err(ReloadError::Ending)),
        }
    }

    /// Waits for what comes of it.
    pub fn wait(self) -> Reloaded {
        self.0.recv().unwrap_or(Err(ReloadError::Ending))
    }
}

/// By what the balancer shall work.
pub(crate) enum Wanted {
    /// By this.
    This(Box<Config>),
    /// By what this file says now, if there is one.
    File(Option<PathBuf>),
}

impl Wanted {
    /// Files are read off the plane's thread.
    pub(crate) async fn load(self) -> Result<Config, ReloadError> {
        match self {
            Self::This(config) => Ok(*config),
            Self::File(None) => Err(ReloadError::NoFile),
            Self::File(Some(path)) => {
                let load = move || Config::load(&path).map_err(ReloadError::File);
                tokio::task::spawn_blocking(load).await.unwrap_or(Err(ReloadError::Ending))
            }
        }
    }
}

/// A configuration that is wanted, and where the outcome is waited for.
pub(crate) struct ReloadOrder {
    pub(crate) wanted: Wanted,
    pub(crate) reply: Reply,
}

impl ReloadOrder {
    pub(crate) fn new(wanted: Wanted, by: By) -> (Self, Reloading) {
        let (reply, outcome) = sync_channel(1);
        (Self { wanted, reply: Reply { to: reply, by } }, Reloading(outcome))
    }
}

pub(crate) struct Reply {
    to: SyncSender<Reloaded>,
    /// Who wanted it.
    pub(crate) by: By,
}

impl Reply {
    pub(crate) fn send(self, outcome: Reloaded) {
        let _nobody_waits = self.to.try_send(outcome);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reloads_are_well_while_the_last_one_is_worked_by() {
        let mut reloads = Reloads::default();
        assert!(reloads.is_well());
        let mut after = |is_good| {
            // The clock need not move between two of them.
            let before = reloads;
            while reloads == before || reloads.good.last == reloads.refused.last {
                reloads = before;
                reloads.note(is_good);
            }
            (reloads.good.count, reloads.refused.count, reloads.is_well())
        };
        assert_eq!(after(false), (0, 1, false));
        assert_eq!(after(true), (1, 1, true));
        assert_eq!(after(false), (1, 2, false));
    }
}
