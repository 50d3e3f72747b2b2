//! Who this process is, and less of it: the numbers of its user and group, and what it may do beside others.

use crate::Errno;
use crate::sockopt::last_errno;

/// A user and a group, by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The user.
    pub user: u32,
    /// The group.
    pub group: u32,
}

/// Whose this process is in force.
pub fn identity() -> Identity {
    Identity { user: rustix::process::geteuid().as_raw(), group: rustix::process::getegid().as_raw() }
}

/// Becomes somebody else for good, all threads: no other group is kept, no way back, and no capability where root was
/// left. Nobody else of that user may look into the memory (the kernel's `dumpable` is 0 from then on): keys that only root
/// could read are in it.
///
/// Errors: EPERM where this process may not (CAP_SETUID, CAP_SETGID).
pub fn become_for_good(who: Identity) -> Result<(), Errno> {
    check(|| {
        // SAFETY: the list has one group, and lives during the call.
        unsafe { libc::setgroups(1, &raw const who.group) }
    })?;
    check(|| {
        // SAFETY: plain numbers; the C library has all threads do it.
        unsafe { libc::setresgid(who.group, who.group, who.group) }
    })?;
    check(|| {
        // SAFETY: as above. Where root was left, the kernel takes all capabilities away.
        unsafe { libc::setresuid(who.user, who.user, who.user) }
    })
}

fn check(call: impl FnOnce() -> libc::c_int) -> Result<(), Errno> {
    if call() == 0 { Ok(()) } else { Err(last_errno()) }
}
