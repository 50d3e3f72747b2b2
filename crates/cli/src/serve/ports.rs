//! What `quintet serve` tells of ports towards servers: what is spent, and pools that do nothing.

use super::events::Events;
use crate::output::{Output, complain};
use balancer::PortWatch;
use balancer_core::events::Level;
use balancer_core::{Report, inert_pools};
use control::Control;
use std::collections::HashSet;

/// Tells of ports, each inert pool once.
pub(super) struct Ports {
    watch: PortWatch,
    told: HashSet<String>,
}

impl Ports {
    pub(super) fn of(control: &Control) -> Self {
        Self { watch: control.port_watch(), told: HashSet::new() }
    }

    /// What is spent, and every pool that is inert.
    pub(super) fn tell(&mut self, control: &Control, report: &Report, output: &Output) {
        match self.watch.look(&control.settings(), report) {
            Ok((rows, more)) => {
                rows.iter().for_each(|row| output.say_or_complain(format!("ports: {row}")));
                if more > 0 {
                    output.say_or_complain(format!("ports: {more} more, of which more are free"));
                }
            }
            Err(error) => complain(format!("quintet: {error}")),
        }
        inert_pools(&control.settings(), report).iter().for_each(|pool| output.say_or_complain(pool.to_string()));
    }

    /// Warns of pools that have become inert.
    pub(super) fn warn(&mut self, control: &Control, events: Events) {
        for pool in inert_pools(&control.settings(), &control.report()) {
            if self.told.insert(pool.set.clone()) {
                events.warn_all(control, Level::Warning, "inert-pool", &format!("warning: {pool}"));
            }
        }
    }
}
