//! Which flags a stress test against a probed target should use.

use crate::facts::HostFacts;
use crate::target::{ClosedBy, Probe, TargetFacts};
use named::named;
use serde::Serialize;

named! {
    /// `--close` of the tester.
    pub enum CloseTactic {
        /// Ask for close, wait for the server's FIN.
        Wait = "wait",
        /// Close first.
        Fin = "fin",
        /// Reset after the whole response.
        Rst = "rst",
    }
}

named! {
    /// `--ports` of the tester.
    pub enum PortTactic {
        /// `connect()` chooses.
        Kernel = "kernel",
        /// Explicit bind + SO_REUSEADDR, oldest port first.
        Own = "own",
    }
}

/// How to open one connection per request without running out of ports. Serialises to `advice` of `doctor --json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Tactic {
    /// Who closes.
    pub close: CloseTactic,
    /// Who chooses ports.
    pub ports: PortTactic,
    /// Why so.
    pub why: String,
}

impl Tactic {
    /// The flags.
    pub fn flags(&self) -> String {
        format!("--close {} --ports {}", self.close.name(), self.ports.name())
    }
}

/// Mildest first: let the target close; else close first from ports that can be taken over at once; else reset.
pub(crate) fn for_target(host: &HostFacts, target: &TargetFacts) -> Tactic {
    let (close, ports, why) = match target.closed_by(Probe::ConnectionClose) {
        Some(ClosedBy::ServerFin) => (
            CloseTactic::Wait,
            PortTactic::Kernel,
            "the target closes first when asked to: TIME_WAIT stays there and costs no port here",
        ),
        Some(ClosedBy::Rst) => (
            CloseTactic::Wait,
            PortTactic::Kernel,
            "the target resets when asked to close: no TIME_WAIT on either side",
        ),
        _ if target.is_reusable_at_once() => (
            CloseTactic::Fin,
            PortTactic::Own,
            "the target waits for us to close, and timestamps let a port in TIME_WAIT be taken over at once",
        ),
        _ if !host.timestamps() => (
            CloseTactic::Rst,
            PortTactic::Kernel,
            "the target waits for us to close, and timestamps are off on this host",
        ),
        _ => (
            CloseTactic::Rst,
            PortTactic::Kernel,
            "the target waits for us to close and a port in TIME_WAIT towards it cannot be taken over: only a reset after \
             the whole response leaves none",
        ),
    };
    Tactic { close, ports, why: why.to_owned() }
}
