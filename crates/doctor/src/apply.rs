//! Sets the sysctls of a plan, on consent only, and takes them back.
//!
//! The revert file is written before the first sysctl; what fails half-way is undone.

use doctor_core::changes::{PlannedChange, REVERT_BYTES_MAX, RevertError, SysctlChange, parse_revert, revert_text};
use std::io::{self, Write};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
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
    /// The revert file cannot be read.
    #[error("revert file {}: {reason}; name the file that --apply spoke of", path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        reason: io::Error,
    },
    /// A sysctl could not be set back.
    #[error("{first}; {done} sysctls before it are set back, {} stays: run it again as root", path.display())]
    RevertedInPart {
        /// What failed.
        first: SysctlError,
        /// How many went well before.
        done: usize,
        /// The file.
        path: PathBuf,
    },
    /// All is set back, but the file is still there.
    #[error("what {} holds is set back, but the file cannot be removed: {reason}; remove it by hand", path.display())]
    NotRemoved {
        /// Which.
        path: PathBuf,
        /// Why.
        reason: io::Error,
    },
    /// What is named is no file that `--apply` could have written.
    #[error("{}: {what}, which --apply never writes; nothing is changed, and it stays as it is", path.display())]
    NoFile {
        /// Which.
        path: PathBuf,
        /// What it is.
        what: &'static str,
    },
    /// The revert file is none.
    #[error("{}: {mistake}; nothing is changed, and the file stays as it is", path.display())]
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
    let unreadable = |reason| ApplyError::Unreadable { path: revert_file.to_owned(), reason };
    let file = Identity::of(revert_file).map_err(unreadable)?;
    if let Some(what) = file.is_not_ours {
        return Err(ApplyError::NoFile { path: revert_file.to_owned(), what });
    }
    let bytes = sys::file::read(revert_file, REVERT_BYTES_MAX).map_err(unreadable)?;
    let changes = parse_revert(&String::from_utf8_lossy(&bytes))
        .map_err(|mistake| ApplyError::NoRevertFile { path: revert_file.to_owned(), mistake })?;
    for (done, change) in changes.iter().enumerate() {
        sysctl::write(change.name, &change.value).map_err(|first| ApplyError::RevertedInPart {
            first,
            done,
            path: revert_file.to_owned(),
        })?;
    }
    // Somebody may have put another file in its place: that one is not ours.
    if Identity::of(revert_file).is_ok_and(|now| now == file) {
        std::fs::remove_file(revert_file)
            .map_err(|reason| ApplyError::NotRemoved { path: revert_file.to_owned(), reason })?;
    }
    Ok(changes)
}

/// Which file a name means, the last link not followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Identity {
    number: (u64, u64),
    /// What it is, where that is no file.
    is_not_ours: Option<&'static str>,
}

impl Identity {
    fn of(path: &Path) -> io::Result<Self> {
        let about = path.symlink_metadata()?;
        let kind = about.file_type();
        let is_not_ours = match () {
            () if kind.is_file() => None,
            () if kind.is_symlink() => Some("a symbolic link"),
            () if kind.is_dir() => Some("a folder"),
            () if kind.is_fifo() => Some("a pipe"),
            () => Some("a device or socket"),
        };
        Ok(Self { number: (about.dev(), about.ino()), is_not_ours })
    }
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
    let failed = |reason| ApplyError::RevertFile { path: path.to_owned(), reason };
    let mut file = std::fs::File::create_new(path).map_err(failed)?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(|reason| {
        // Half a file takes nothing back; it was made just now.
        let _stays_where_it_must = std::fs::remove_file(path);
        failed(reason)
    })
}

/// The kernel separates numbers by tabs, the facts by blanks.
fn normal(value: &str) -> String {
    value.split_whitespace().collect::<Vec<_>>().join(" ")
}
