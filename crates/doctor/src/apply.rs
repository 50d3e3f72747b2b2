//! Sets the sysctls of a plan, on consent only, and takes them back.
//!
//! The revert file is written before the first sysctl; what fails half-way is undone.

use doctor_core::changes::{PlannedChange, RevertError, SysctlChange, parse_revert, revert_text};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use sys::sysctl::{self, SysctlError};

/// A person said yes. Make it only there.
#[derive(Clone, Copy, Debug)]
pub struct Consent(());

impl Consent {
    /// The person has seen the plan and said yes.
    pub fn given_by_the_user() -> Self {
        Self(())
    }
}

/// What was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applied {
    /// Sysctls set.
    pub changed: usize,
    /// The file that takes them back.
    pub revert_file: PathBuf,
}

/// Why nothing is changed now.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// There is nothing to do.
    #[error("no finding has a sysctl to set")]
    NothingToDo,
    /// Somebody else set it since the plan was made.
    #[error("{name} is {now:?} now, not {planned:?} as when the plan was made: look again")]
    Moved {
        /// Which.
        name: &'static str,
        /// Its value now.
        now: String,
        /// Its value in the plan.
        planned: String,
    },
    /// The revert file exists or cannot be written.
    #[error("revert file {}: {reason}; choose another name, or remove it once what it holds is not needed", path.display())]
    RevertFile {
        /// Which.
        path: PathBuf,
        /// Why.
        reason: io::Error,
    },
    /// The revert file is none.
    #[error("{}: {mistake}", path.display())]
    NoRevertFile {
        /// Which.
        path: PathBuf,
        /// Where and what.
        mistake: RevertError,
    },
    /// A sysctl could not be read or written; what had been set was set back.
    #[error("{0}; nothing is changed. Sysctls need root (or CAP_NET_ADMIN in a network namespace of one's own)")]
    Sysctl(SysctlError),
    /// A sysctl could not be written, nor all of the others set back.
    #[error("{first}; and {stuck} could not be set back: do so by hand from {}", revert_file.display())]
    HalfWay {
        /// What failed.
        first: SysctlError,
        /// What is still changed.
        stuck: String,
        /// Where the old values are.
        revert_file: PathBuf,
    },
}

/// Sets every sysctl of `plan`, all or none. `revert_file` must not exist yet.
///
/// # Errors
/// Nothing is changed then, unless the error says so.
pub fn apply(plan: &[PlannedChange], revert_file: &Path, _consent: Consent) -> Result<Applied, ApplyError> {
    if plan.is_empty() {
        return Err(ApplyError::NothingToDo);
    }
    for change in plan {
        let now = normal(&sysctl::read(change.name).map_err(ApplyError::Sysctl)?);
        if now != change.old {
            return Err(ApplyError::Moved { name: change.name, now, planned: change.old.clone() });
        }
    }
    write_new(revert_file, &revert_text(plan))?;
    for (done, change) in plan.iter().enumerate() {
        if let Err(error) = sysctl::write(change.name, &change.new) {
            return Err(undo(&plan[..done], error, revert_file));
        }
    }
    Ok(Applied { changed: plan.len(), revert_file: revert_file.to_owned() })
}

/// Sets back what `revert_file` holds, then removes it. Returns what was set.
///
/// # Errors
/// The file is none of ours, or a sysctl was refused; the file stays then.
pub fn revert(revert_file: &Path, _consent: Consent) -> Result<Vec<SysctlChange>, ApplyError> {
    let path = || revert_file.to_owned();
    let read = std::fs::read_to_string(revert_file);
    let text = read.map_err(|reason| ApplyError::RevertFile { path: path(), reason })?;
    let changes = parse_revert(&text).map_err(|mistake| ApplyError::NoRevertFile { path: path(), mistake })?;
    for change in &changes {
        sysctl::write(change.name, &change.value).map_err(ApplyError::Sysctl)?;
    }
    std::fs::remove_file(revert_file).map_err(|reason| ApplyError::RevertFile { path: path(), reason })?;
    Ok(changes)
}

fn undo(done: &[PlannedChange], first: SysctlError, revert_file: &Path) -> ApplyError {
    let still = |change: &&PlannedChange| sysctl::write(change.name, &change.old).is_err();
    let stuck: Vec<&str> = done.iter().filter(still).map(|change| change.name).collect();
    if stuck.is_empty() {
        let _nothing_to_revert = std::fs::remove_file(revert_file);
        return ApplyError::Sysctl(first);
    }
    ApplyError::HalfWay { first, stuck: stuck.join(", "), revert_file: revert_file.to_owned() }
}

/// Creates the file, and makes sure that it outlives a crash.
fn write_new(path: &Path, text: &str) -> Result<(), ApplyError> {
    let write = || {
        let mut file = std::fs::File::create_new(path)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()
    };
    write().map_err(|reason| ApplyError::RevertFile { path: path.to_owned(), reason })
}

/// The kernel separates numbers by tabs, the facts by blanks.
fn normal(value: &str) -> String {
    value.split_whitespace().collect::<Vec<_>>().join(" ")
}
