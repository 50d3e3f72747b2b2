//! What an experiment is: data, read by the runner and by the judge.
//!
//! Amounts are relative to the size of the client's port range, so that `--ports N` scales them all.

use crate::nat::scene::NatScene;
use crate::topology::Role;
use balancer_core::policy::ClientClose;
use named::named;
use stress_core::{ClosePolicy, PortMode};

/// One claim and how it is put to the test.
#[derive(Clone, Copy, Debug)]
pub struct Experiment {
    /// As typed on the command line.
    pub name: &'static str,
    /// What should be true.
    pub claim: &'static str,
    /// Where the guide says so, or where we go beyond it.
    pub guide: &'static str,
    /// How it is tested.
    pub method: Method,
}

/// Kinds of experiments.
#[derive(Clone, Copy, Debug)]
pub enum Method {
    /// The tester drives the balancer; tables, counters and errnos are compared with what is expected.
    Traffic(Traffic),
    /// `connect()` is timed while the port range fills with TIME_WAIT.
    Cliff,
    /// Two clients behind a NAT gateway use the same 5-tuples.
    Nat(NatScene),
    /// `tcp_tw_recycle`, which only the model still has.
    Recycle,
}

/// A scene and what happens in it.
#[derive(Clone, Copy, Debug)]
pub struct Traffic {
    /// Sysctls per role, set before anything runs.
    pub settings: &'static [Setting],
    /// The balancer's close policy towards clients.
    pub balancer_close: ClientClose,
    /// What the tester does, one after the other.
    pub phases: &'static [Phase],
}

/// One sysctl of one role.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// Whose.
    pub role: Role,
    /// As the kernel spells it.
    pub name: &'static str,
    /// Its value.
    pub value: Value,
    /// Does the claim depend on it? Without a namespace of its own the host must have this value
    /// already; other settings are left out there and named.
    pub essential: bool,
}

/// What a sysctl is set to.
#[derive(Clone, Copy, Debug)]
pub enum Value {
    /// This number.
    Number(u64),
    /// [`Scale::reuse_delay_ms`].
    ReuseDelay,
}

/// One run of the tester, with what must be seen after it.
#[derive(Clone, Copy, Debug)]
pub struct Phase {
    /// What passes before.
    pub before: Pause,
    /// Who ends a connection.
    pub close: ClosePolicy,
    /// Send `Connection: close` where the close policy would not?
    pub ask_for_close: bool,
    /// Who chooses source ports.
    pub ports: PortMode,
    /// Connections at the same time.
    pub connections: u32,
    /// Requests, failed ones included.
    pub requests: Amount,
    /// The judgement is worth something only if the phase is over before `tcp_tw_reuse_delay`.
    pub within_reuse_delay: bool,
    /// What must be seen.
    pub expect: &'static [Expect],
}

/// What passes before a phase.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pause {
    /// Nothing.
    None,
    /// `tcp_tw_reuse_delay` and a little more, so that every TIME_WAIT entry is older.
    ReuseDelay,
}

/// A number that may depend on the port range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Amount {
    /// As it stands.
    Number(u64),
    /// So many per cent of the ports, rounded down.
    PortsPercent(u64),
}

impl Amount {
    /// All the ports.
    pub(crate) const PORTS: Self = Self::PortsPercent(100);

    /// The number, for a range of this size.
    pub fn value(self, scale: Scale) -> u64 {
        match self {
            Self::Number(number) => number,
            Self::PortsPercent(percent) => u64::from(scale.ports) * percent / 100,
        }
    }
}

/// Something that is observed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fact {
    /// Connects the tester tried.
    Tried,
    /// Connects that stood.
    Succeeded,
    /// Complete responses.
    Responses,
    /// Requests that failed, connects included.
    Failed,
    /// Failures with this errno.
    Errno(&'static str),
    /// Entries in TIME_WAIT on the client, towards the balancer.
    ClientTimeWait,
    /// Entries in TIME_WAIT on the balancer, towards clients.
    BalancerTimeWait,
    /// Growth of a counter of the client's namespace.
    ClientCounter(&'static str),
    /// Growth of a counter of the balancer's namespace.
    BalancerCounter(&'static str),
}

impl Fact {
    /// How it is named in tables.
    pub fn label(self) -> String {
        match self {
            Self::Tried => "tried".into(),
            Self::Succeeded => "succeeded".into(),
            Self::Responses => "responses".into(),
            Self::Failed => "failed".into(),
            Self::Errno(name) => name.into(),
            Self::ClientTimeWait => "client TIME_WAIT".into(),
            Self::BalancerTimeWait => "balancer TIME_WAIT".into(),
            Self::ClientCounter(name) => format!("client {name}"),
            Self::BalancerCounter(name) => format!("balancer {name}"),
        }
    }
}

named! {
    /// How a fact compares with an amount.
    pub enum Relation {
        /// Equal.
        Exactly = "=",
        /// Equal or more.
        AtLeast = ">=",
        /// Equal or less.
        AtMost = "<=",
    }
}

impl Relation {
    /// Does it hold?
    pub(crate) fn holds(self, seen: u64, amount: u64) -> bool {
        match self {
            Self::Exactly => seen == amount,
            Self::AtLeast => seen >= amount,
            Self::AtMost => seen <= amount,
        }
    }
}

/// One thing that must be seen.
#[derive(Clone, Copy, Debug)]
pub struct Expect {
    /// What.
    pub fact: Fact,
    /// Compared how.
    pub relation: Relation,
    /// With what.
    pub amount: Amount,
}

/// The sizes of one run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scale {
    /// Ports the client may use.
    pub ports: u16,
    /// `net.ipv4.tcp_tw_reuse_delay` of the client, in milliseconds.
    pub reuse_delay_ms: u64,
}

impl Scale {
    /// For so many ports: a delay that is longer than it takes to use them up. Near exhaustion
    /// `connect()` scans the whole range, 0.1 to 0.3 us a port (Linux 6.18).
    pub(crate) fn for_ports(ports: u16) -> Self {
        let reuse_delay_ms = (2000 + 2 * u64::from(ports)).min(60_000);
        Self { ports, reuse_delay_ms }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(amount: Amount, ports: u16, expect: u64) {
        assert_eq!(amount.value(Scale::for_ports(ports)), expect, "{amount:?} of {ports}");
    }

    #[test]
    fn amounts_follow_the_ports() {
        check(Amount::Number(7), 1000, 7);
        check(Amount::PORTS, 300, 300);
        check(Amount::PortsPercent(2000), 300, 6000);
        check(Amount::PortsPercent(125), 10, 12);
    }

    #[test]
    fn the_delay_stays_in_the_kernels_range() {
        assert_eq!(Scale::for_ports(300).reuse_delay_ms, 2600);
        assert_eq!(Scale::for_ports(u16::MAX).reuse_delay_ms, 60_000);
    }

    #[test]
    fn relations_compare() {
        assert!(Relation::Exactly.holds(3, 3) && !Relation::Exactly.holds(4, 3));
        assert!(Relation::AtLeast.holds(4, 3) && !Relation::AtLeast.holds(2, 3));
        assert!(Relation::AtMost.holds(2, 3) && !Relation::AtMost.holds(4, 3));
    }
}
