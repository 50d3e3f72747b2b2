//! Why there is no rule, and the way out.

use crate::Errno;
/// Why nf_tables did not do it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NftError {
    /// CAP_NET_ADMIN is missing in this network namespace (EPERM).
    #[error(
        "nf_tables: not permitted; it needs CAP_NET_ADMIN in this network namespace: run as root, give the \
         program the capability (`setcap cap_net_admin+ep FILE`, systemd `AmbientCapabilities=CAP_NET_ADMIN`), \
         or the container (`--cap-add NET_ADMIN`)"
    )]
    NoPermission,
    /// The kernel was built without nf_tables, or its module cannot be loaded.
    #[error(
        "this kernel has no nf_tables ({}); it needs CONFIG_NF_TABLES and CONFIG_NF_TABLES_INET, or \
         `modprobe nf_tables`",
        reason(*.errno)
    )]
    NoNfTables {
        /// Linux errno.
        errno: Errno,
    },
    /// The kernel has nf_tables, but not this part of it.
    #[error("nf_tables of this kernel ({running}) has no {what}; Linux {since} and later have it")]
    KernelTooOld {
        /// What is missing.
        what: &'static str,
        /// First Linux version that has it.
        since: &'static str,
        /// What runs here.
        running: String,
    },
    /// Another answer of the kernel.
    #[error(
        "nf_tables: {step} failed: {}; `nft list ruleset` as root shows what is there",
        reason(*.errno)
    )]
    Refused {
        /// At which step.
        step: &'static str,
        /// Linux errno.
        errno: Errno,
    },
}

impl NftError {
    pub(super) fn refused(step: &'static str, errno: Errno) -> Self {
        match errno {
            Errno::PERM => Self::NoPermission,
            _ => Self::Refused { step, errno },
        }
    }

    pub(super) fn of_socket(errno: Errno) -> Self {
        match errno {
            Errno::PROTONOSUPPORT | Errno::AFNOSUPPORT => Self::NoNfTables { errno },
            _ => Self::refused("opening a netlink socket", errno),
        }
    }

    /// Of the first question: `nfnetlink_rcv_msg` answers EINVAL where nobody serves the subsystem.
    pub(super) fn of_question(errno: Errno) -> Self {
        match errno {
            Errno::INVAL | Errno::OPNOTSUPP => Self::NoNfTables { errno },
            _ => Self::refused("asking it", errno),
        }
    }

    /// EINVAL or EOPNOTSUPP is the answer to an unknown flag (`nf_tables_newtable`).
    pub(super) fn of_table(errno: Errno) -> Self {
        match errno {
            Errno::INVAL | Errno::OPNOTSUPP => Self::too_old("tables that end with their owner", "5.12"),
            Errno::AFNOSUPPORT => Self::NoNfTables { errno },
            _ => Self::refused("making its table", errno),
        }
    }

    /// ENOENT is the answer to an unknown chain type or family (`nft_chain_parse_hook`).
    pub(super) fn of_chain(errno: Errno) -> Self {
        match errno {
            Errno::NOENT | Errno::OPNOTSUPP | Errno::AFNOSUPPORT => Self::NoNfTables { errno },
            _ => Self::refused("making its chain", errno),
        }
    }

    /// EOPNOTSUPP is `nft_exthdr_select_ops` without the removal of options, ENOENT an unknown expression.
    pub(super) fn of_rule(errno: Errno) -> Self {
        match errno {
            Errno::OPNOTSUPP | Errno::NOENT => Self::too_old("`reset tcp option`", "5.18"),
            _ => Self::refused("making its rule", errno),
        }
    }

    fn too_old(what: &'static str, since: &'static str) -> Self {
        let running = rustix::system::uname().release().to_string_lossy().into_owned();
        Self::KernelTooOld { what, since, running }
    }
}

fn reason(errno: Errno) -> std::io::Error {
    std::io::Error::from(errno)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(error: NftError, names: &str, way_out: &str) {
        let text = error.to_string();
        assert!(text.contains(names), "{text:?} should name {names:?}");
        assert!(text.contains(way_out), "{text:?} should offer {way_out:?}");
    }

    #[test]
    fn every_refusal_names_the_thing_and_the_way_out() {
        check(NftError::of_question(Errno::PERM), "not permitted", "CAP_NET_ADMIN");
        check(NftError::of_table(Errno::PERM), "not permitted", "CAP_NET_ADMIN");
        check(NftError::of_socket(Errno::PROTONOSUPPORT), "no nf_tables", "modprobe");
        check(NftError::of_question(Errno::INVAL), "no nf_tables", "CONFIG_NF_TABLES");
        check(NftError::of_table(Errno::INVAL), "owner", "Linux 5.12");
        check(NftError::of_chain(Errno::NOENT), "no nf_tables", "CONFIG_NF_TABLES");
        check(NftError::of_rule(Errno::OPNOTSUPP), "`reset tcp option`", "Linux 5.18");
        check(NftError::of_rule(Errno::NOMEM), "making its rule", "nft list ruleset");
    }

    #[test]
    fn the_running_kernel_is_named() {
        let NftError::KernelTooOld { running, .. } = NftError::of_rule(Errno::OPNOTSUPP) else { panic!("too old") };
        let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").expect("/proc");
        assert_eq!(running, release.trim());
    }
}
