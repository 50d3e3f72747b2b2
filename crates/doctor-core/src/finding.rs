//! What the doctor says: a finding, how sure it is, and its cures.

use crate::beliefs::Belief;
use crate::changes::SysctlChange;
use core::fmt;
use named::named;
use serde::Serialize;

named! {
    /// How bad a finding is.
    #[derive(PartialOrd, Ord)]
    pub enum Severity {
        /// Worth knowing; nothing is broken.
        Note = "note",
        /// Will break, or costs much already.
        Warning = "warning",
        /// Connects fail, or are about to.
        Error = "error",
    }
}

named! {
    /// How sure a finding is.
    pub enum Certainty {
        /// Counted or read off; nothing is inferred.
        Measured = "measured",
        /// Follows from the kernel's rules and what was read.
        Derived = "derived",
        /// Fits what was seen; something else could look the same.
        Likely = "likely",
    }
}

named! {
    /// What a cure touches, mildest first.
    #[derive(PartialOrd, Ord)]
    pub enum Invasiveness {
        /// A flag or setting of the program that opens the connections.
        ClientSetting = "client-setting",
        /// A setting of the balancer or server that takes them.
        ServerSetting = "server-setting",
        /// A limit or sysctl of one host.
        HostSetting = "host-setting",
        /// More addresses, other routes or gateways.
        Topology = "topology",
        /// Loses data or protection: while the house burns.
        Emergency = "emergency",
    }
}

/// How one program of others is told to do it. Serialises to an entry of `elsewhere` of a cure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Elsewhere {
    /// Which program, or library.
    pub program: &'static str,
    /// Its setting.
    pub setting: &'static str,
}

/// One way out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Cure {
    /// In words.
    pub what: String,
    /// The exact command or setting; empty where there is none to type.
    pub command: String,
    /// What it touches.
    pub invasiveness: Invasiveness,
    /// The same for programs that people have already.
    #[serde(skip_serializing_if = "<[Elsewhere]>::is_empty")]
    pub elsewhere: &'static [Elsewhere],
    /// The sysctl it sets, where it is one that `--apply` may set.
    #[serde(skip)]
    pub change: Option<SysctlChange>,
}

impl Cure {
    /// A cure that is typed or configured by a person.
    pub(crate) fn by_hand(invasiveness: Invasiveness, what: impl Into<String>, command: impl Into<String>) -> Self {
        Self { what: what.into(), command: command.into(), invasiveness, elsewhere: &[], change: None }
    }

    /// The same, with how other programs are told to.
    pub(crate) fn elsewhere(self, elsewhere: &'static [Elsewhere]) -> Self {
        Self { elsewhere, ..self }
    }

    /// A sysctl to set.
    pub fn sysctl(what: impl Into<String>, name: &'static str, value: impl Into<String>) -> Self {
        let change = SysctlChange { name, value: value.into() };
        let command = change.command();
        let invasiveness = Invasiveness::HostSetting;
        Self { what: what.into(), command, invasiveness, elsewhere: &[], change: Some(change) }
    }
}

/// Something the doctor found. Serialises to a finding of `doctor --json`.
#[derive(Clone, Debug, Serialize)]
pub struct Finding {
    /// Stable name, for `doctor explain ID` and for scripts.
    pub id: &'static str,
    /// How bad.
    pub severity: Severity,
    /// One line.
    pub title: &'static str,
    /// The figures it rests on.
    pub evidence: String,
    /// How sure.
    pub certainty: Certainty,
    /// Ways out, mildest first.
    pub cures: Vec<Cure>,
    /// What people wrongly do instead.
    pub wrong_cures: &'static [&'static Belief],
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.severity.name(), self.id, self.title)
    }
}
