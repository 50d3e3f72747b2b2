//! What is spent of the ports from one source address to one destination, and how long the rest lasts.

use crate::budget::{Budget, BudgetVerdict};
use core::fmt;
use core::net::{IpAddr, SocketAddr};
use core::time::Duration;

/// Ports from one address to one destination, as the kernel's table shows them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spending {
    /// Our address.
    pub source: IpAddr,
    /// The far end.
    pub destination: SocketAddr,
    /// Ports there are.
    pub ports: u32,
    /// Of those in use: by connections, whoever of this host has them.
    pub live: u64,
    /// By TIME_WAIT.
    pub waiting: u64,
    /// Connections opened per second, of late.
    pub rate_per_s: f64,
}

impl Spending {
    /// Ports that nothing holds.
    pub fn free(&self) -> u64 {
        self.budget().left()
    }

    /// What the rate of late leads to, if each connection leaves a TIME_WAIT here.
    pub fn verdict(&self) -> BudgetVerdict {
        self.budget().verdict(self.rate_per_s)
    }

    /// Until the last port is gone at the rate of late; `None`: that is not to come. What leaves no TIME_WAIT here is not
    /// paid for.
    pub fn exhausted_in(&self) -> Option<Duration> {
        match self.verdict() {
            BudgetVerdict::RunsOut { after, .. } if self.waiting > 0 => Some(after),
            _ => None,
        }
    }

    fn budget(&self) -> Budget {
        Budget { taken: self.live + self.waiting, ..Budget::of_ports(self.ports) }
    }
}

impl fmt::Display for Spending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} to {}: {} live, {} in TIME_WAIT, {} of {} free; {:.0} connections/s",
            self.source,
            self.destination,
            self.live,
            self.waiting,
            self.free(),
            self.ports,
            self.rate_per_s
        )?;
        match self.verdict() {
            // What leaves no TIME_WAIT is not paid for.
            _ if self.waiting == 0 => f.write_str(", none left in TIME_WAIT"),
            BudgetVerdict::Lasts { rate_per_s_max } => write!(f, " of {rate_per_s_max:.0} that the ports pay for"),
            BudgetVerdict::RunsOut { rate_per_s_max, after } => {
                let seconds = after.as_secs_f64();
                write!(f, " of {rate_per_s_max:.0} that the ports pay for: gone in about {seconds:.0} s")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_spent_is_told_with_what_it_leads_to() {
        let destination = "10.0.0.9:80".parse().expect("an address");
        let source = "10.0.0.2".parse().expect("an address");
        let none = Spending { source, destination, ports: 28_232, live: 0, waiting: 0, rate_per_s: 0.0 };
        let begin = "10.0.0.2 to 10.0.0.9:80: ";
        for (spending, expect) in [
            (none, "0 live, 0 in TIME_WAIT, 28232 of 28232 free; 0 connections/s, none left in TIME_WAIT"),
            (
                Spending { live: 10, waiting: 22, rate_per_s: 400.0, ..none },
                "10 live, 22 in TIME_WAIT, 28200 of 28232 free; 400 connections/s of 455 that the ports pay for",
            ),
            (
                Spending { live: 232, waiting: 18_000, rate_per_s: 1000.0, ..none },
                "232 live, 18000 in TIME_WAIT, 10000 of 28232 free; 1000 connections/s of 455 that the ports pay for: gone \
                 in about 10 s",
            ),
            (
                Spending { live: 300, waiting: 30_000, rate_per_s: 10.0, ..none },
                "300 live, 30000 in TIME_WAIT, 0 of 28232 free; 10 connections/s of 455 that the ports pay for: gone in \
                 about 0 s",
            ),
        ] {
            assert_eq!(spending.to_string(), format!("{begin}{expect}"));
        }
    }
}
