//! Who forbids private namespaces, and the way out.

use rustix::io::Errno;
use std::io;

/// Why no private namespace could be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Forbidden {
    /// The process has more than one thread; `unshare(CLONE_NEWUSER)` wants one (`unshare(2)`).
    #[error(
        "private namespaces must be made while the process has one thread; \
         make them before any other thread starts"
    )]
    ManyThreads,
    /// A limit on the number of namespaces is reached or is 0 (ENOSPC).
    #[error(
        "the number of namespaces is limited: {sysctl}={value}; raise it with \
         `sysctl -w {sysctl}=10000` as root, or run as root"
    )]
    Limit {
        /// The sysctl that sets it.
        sysctl: &'static str,
        /// Its value.
        value: String,
    },
    /// Debian's and Arch's switch `kernel.unprivileged_userns_clone` is 0.
    #[error(
        "user namespaces are for root only: kernel.unprivileged_userns_clone=0; set it to 1 \
         as root, or run as root"
    )]
    UnprivilegedOff,
    /// AppArmor takes the capabilities away inside unprivileged user namespaces (Ubuntu 23.10 and later).
    #[error(
        "AppArmor takes the capabilities away inside user namespaces: \
         kernel.apparmor_restrict_unprivileged_userns=1; set it to 0 as root, or run as root"
    )]
    AppArmor,
    /// A seccomp filter is active and the call came back with EPERM (a container's default profile).
    #[error(
        "a seccomp filter forbids namespaces (a container's default profile does); start the \
         container with `--security-opt seccomp=unconfined`, or with CAP_SYS_ADMIN"
    )]
    Seccomp,
    /// Nobody asked for namespaces.
    #[error("private namespaces were not asked for")]
    NotAsked,
    /// The kernel was built without network or user namespaces (EINVAL).
    #[error("this kernel has no network or user namespaces; it needs CONFIG_NET_NS and CONFIG_USER_NS")]
    NotBuiltIn,
    /// Refused for a reason this process cannot see.
    #[error(
        "{step} was refused: {}; run as root, or outside of the container or chroot",
        io::Error::from_raw_os_error(*.errno)
    )]
    Refused {
        /// The step that was refused.
        step: &'static str,
        /// Linux errno.
        errno: i32,
    },
}

impl Forbidden {
    /// Finds out who refused `step`.
    pub(super) fn explain(step: &'static str, errno: Errno) -> Self {
        match errno {
            Errno::NOSPC => exhausted_limit(),
            Errno::INVAL => Self::NotBuiltIn,
            Errno::PERM | Errno::ACCESS => explain_permission(step, errno),
            other => Self::Refused { step, errno: other.raw_os_error() },
        }
    }

    /// An errno that [`Forbidden::explain`] turns back into the same reason.
    pub(super) fn errno(&self) -> i32 {
        match self {
            Self::Limit { .. } => libc::ENOSPC,
            Self::NotBuiltIn => libc::EINVAL,
            Self::Refused { errno, .. } if *errno != 0 => *errno,
            _ => libc::EPERM,
        }
    }
}

fn explain_permission(step: &'static str, errno: Errno) -> Forbidden {
    if reads("/proc/sys/kernel/unprivileged_userns_clone", "0") {
        Forbidden::UnprivilegedOff
    } else if reads("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1") {
        Forbidden::AppArmor
    } else if status_field("Seccomp:").is_some_and(|mode| mode == "2") {
        Forbidden::Seccomp
    } else {
        Forbidden::Refused { step, errno: errno.raw_os_error() }
    }
}

fn exhausted_limit() -> Forbidden {
    let value = |name: &str| std::fs::read_to_string(format!("/proc/sys/user/{name}")).unwrap_or_default();
    let users = value("max_user_namespaces").trim().to_owned();
    if users == "0" {
        return Forbidden::Limit { sysctl: "user.max_user_namespaces", value: users };
    }
    let nets = value("max_net_namespaces").trim().to_owned();
    Forbidden::Limit { sysctl: "user.max_net_namespaces", value: nets }
}

fn reads(path: &str, expected: &str) -> bool {
    std::fs::read_to_string(path).is_ok_and(|text| text.trim() == expected)
}

pub(super) fn status_field(field: &str) -> Option<String> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(field))?;
    Some(line.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(why: Forbidden, names: &str, way_out: &str) {
        let text = why.to_string();
        assert!(text.contains(names), "{text:?} should name {names:?}");
        assert!(text.contains(way_out), "{text:?} should offer {way_out:?}");
    }

    #[test]
    fn every_refusal_names_the_thing_and_the_way_out() {
        let limit = Forbidden::Limit { sysctl: "user.max_user_namespaces", value: "0".into() };
        check(limit, "user.max_user_namespaces=0", "sysctl -w");
        check(Forbidden::UnprivilegedOff, "kernel.unprivileged_userns_clone", "run as root");
        check(Forbidden::AppArmor, "kernel.apparmor_restrict_unprivileged_userns", "set it to 0");
        check(Forbidden::Seccomp, "seccomp", "--security-opt");
        check(Forbidden::NotBuiltIn, "CONFIG_NET_NS", "needs");
        check(Forbidden::ManyThreads, "one thread", "before any other thread");
        let refused = Forbidden::Refused { step: "unshare(CLONE_NEWNET)", errno: libc::EPERM };
        check(refused, "unshare(CLONE_NEWNET)", "run as root");
    }
}
