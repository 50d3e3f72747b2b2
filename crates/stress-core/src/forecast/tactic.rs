//! Who chooses source ports, where that is left to us: the least invasive choice that fits the plan.

use super::facts::{PortFacts, Reuse};
use super::wish::Wish;
use crate::plan::{ClosePolicy, Plan, PortMode};
use units::counted;

/// Who chooses source ports, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tactic {
    /// Who.
    pub ports: PortMode,
    /// Why, in words; `None`: it was asked for.
    pub why: Option<String>,
}

impl Tactic {
    /// For `plan`, as far as it leaves that open. The kernel's choice comes first: it asks nothing of anybody. Our own is for
    /// plans that would empty the kernel's range, or make it search: until half of a range is taken it finds a port at once.
    pub fn of(plan: &Plan, facts: &PortFacts) -> Self {
        match plan.ports {
            _ if facts.socket_file => kernel("a socket file takes no port"),
            PortMode::Auto => choose(plan, facts),
            asked => Self { ports: asked, why: None },
        }
    }
}

fn kernel(why: impl Into<String>) -> Tactic {
    Tactic { ports: PortMode::Kernel, why: Some(why.into()) }
}

fn own(why: impl Into<String>) -> Tactic {
    Tactic { ports: PortMode::Own, why: Some(why.into()) }
}

fn choose(plan: &Plan, facts: &PortFacts) -> Tactic {
    let reuse = facts.reuse(PortMode::Own);
    match plan.close {
        _ if facts.beyond_kernel && facts.own.is_some() => {
            own("the kernel does not keep to source ports outside of net.ipv4.ip_local_port_range")
        }
        _ if plan.recycle => {
            kernel("sockets are used again, and a port of our own choice would stay bound to its socket")
        }
        ClosePolicy::Keep => kernel("connections are kept"),
        ClosePolicy::Wait => kernel("the server closes first, so that no port is left in TIME_WAIT here"),
        ClosePolicy::Rst => kernel("a reset leaves no port in TIME_WAIT"),
        ClosePolicy::Fin | ClosePolicy::Half => match fits(plan, facts) {
            Some(why) => kernel(why),
            None if facts.own.is_none() => kernel("there are no ports outside of net.ipv4.ip_local_port_range"),
            None if reuse != Reuse::AtOnce => kernel(not_at_once(facts)),
            None if crowded(plan, facts) => kernel("our own ports are fewer than the connections"),
            None => own("we close first, and ports in TIME_WAIT towards this target can be used again at once"),
        },
    }
}

/// Do the kernel's ports do, with half of them to spare? In words.
fn fits(plan: &Plan, facts: &PortFacts) -> Option<String> {
    let stock = facts.kernel?;
    let tuples = u64::from(stock.ports) * u64::from(facts.sources) * u64::from(facts.destinations);
    let half = (tuples / 2).saturating_sub(stock.taken.unwrap_or(0));
    let wish = Wish::of(plan);
    if let Some(in_all) = wish.in_all.filter(|in_all| *in_all <= half) {
        return Some(format!("{} are few for {}", counted(in_all, "connection"), counted(tuples, "port")));
    }
    let held = wish.per_s? * ports::TIME_WAIT_LONGEST.as_secs_f64();
    (held <= half as f64).then(|| format!("at this rate {held:.0} of {} wait at a time", counted(tuples, "port")))
}

fn crowded(plan: &Plan, facts: &PortFacts) -> bool {
    let tuples = |ports: u32| u64::from(ports) * u64::from(facts.sources) * u64::from(facts.destinations);
    facts.own.is_none_or(|own| tuples(own.ports) < u64::from(plan.connections))
}

fn not_at_once(facts: &PortFacts) -> &'static str {
    match facts.timestamps {
        None => {
            "whether the target negotiates TCP timestamps is unknown, and without them our own choice gains nothing"
        }
        _ => "no TCP timestamps are negotiated with the target, and without them our own choice gains nothing",
    }
}
