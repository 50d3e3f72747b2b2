//! A reactor without a kernel: a virtual network with virtual time, driven by a seed. For tests only.
//!
//! ```text
//!   App      App      App          the very programs that run over epoll
//!    |        |        |
//! SimReactor SimReactor SimReactor   one per simulated host
//!    \________|________/
//!          SimNet                    connections, ports, TIME_WAIT, delays, resets, shortages
//! ```
//! The same seed gives the same run, to the last bit: what fails once can be replayed. What the kernel
//! decides (who holds TIME_WAIT, when a 4-tuple may be used again, when a close becomes a reset)
//! follows Linux 6.18; [`Weather`] says what goes wrong and how often.

mod doors;
mod drive;
mod flow;
mod host;
mod log;
mod net;
mod open;
mod ops;
mod sim_reactor;
mod tuples;
mod weather;
mod wire;

#[cfg(test)]
mod tests;

pub use drive::{Disorder, Goal, Limits, Player, run_until};
pub use host::HostConfig;
pub use sim_reactor::SimReactor;
pub use weather::{Injected, Weather};

use net::Net;
use seed::Rng;
use std::cell::RefCell;
use std::net::IpAddr;
use std::rc::Rc;
use std::time::Duration;

/// The simulated network. Clones are handles to the same one.
#[derive(Clone)]
pub struct SimNet(Rc<RefCell<Net>>);

impl SimNet {
    /// A network without hosts at time zero. `rng` decides everything that is left to chance.
    pub fn new(rng: Rng, weather: Weather) -> Self {
        Self(Rc::new(RefCell::new(Net::new(rng, weather))))
    }

    /// Adds a host that owns `addresses`, with one reactor on it.
    pub fn host(&self, addresses: &[IpAddr], config: HostConfig) -> SimReactor {
        let host = self.0.borrow_mut().add_host(addresses.to_vec(), config);
        SimReactor::new(self.0.clone(), host)
    }

    /// Virtual time since the start.
    pub fn now(&self) -> Duration {
        self.0.borrow().now
    }

    /// What the weather did so far.
    pub fn injected(&self) -> Injected {
        self.0.borrow().injected
    }

    /// A hash of everything that happened: equal for equal seeds and programs.
    pub fn log_hash(&self) -> u64 {
        self.0.borrow().log.hash()
    }

    /// What is open, and all that happened (as far as it is kept), as text for a person.
    pub fn story(&self) -> String {
        let net = self.0.borrow();
        net.describe() + &net.log.tail(usize::MAX)
    }

    /// Lets the network come to rest: every close runs to its end, `TIME_WAIT` aside.
    pub fn settle(&self) {
        let mut net = self.0.borrow_mut();
        net.close_abandoned();
        while let Some(at) = net.next_event_at() {
            net.advance_to(at);
        }
        net.hosts.iter_mut().for_each(host::Host::purge_ready);
    }

    /// What a run must not leave behind, checked at its end: rules broken on the way, connections or
    /// buffers still held. Call it after [`SimNet::settle`] and after the programs were dropped.
    pub fn check_clean(&self) -> Result<(), Disorder> {
        let net = self.0.borrow();
        let mut wrong = net.violations.clone();
        for (index, host) in net.hosts.iter().enumerate() {
            let (tenants, buffers) = (host.tenants(), host.buffers.in_use());
            if tenants > 0 {
                wrong.push(format!("host {index}: {tenants} connections were never closed"));
            }
            if buffers > 0 {
                wrong.push(format!("host {index}: {buffers} buffers are still held"));
            }
        }
        if !net.flows.is_empty() {
            wrong.push(format!("{} connections did not come to an end", net.flows.len()));
        }
        match wrong.is_empty() {
            true => Ok(()),
            false => Err(Disorder::new(wrong.join("\n"), net.dump())),
        }
    }
}
