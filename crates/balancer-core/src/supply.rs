//! How many local ports a set has towards a server: decided here alone, for whoever warns of it at the start, works by it, or shows
//! what is spent of it.

use crate::settings::{PortChoice, PortSettings};
use ports::{Address, Budget, HostPorts, PortList, PortRange};

/// What this host has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PortSupply {
    host: HostPorts,
    /// Ports that sets choose themselves without a range of their own.
    own: u32,
}

impl PortSupply {
    /// Of a host; `own`: what is left outside of the kernel's range, where anything is.
    pub fn new(host: HostPorts, own: Option<&PortList>) -> Self {
        Self { host, own: own.map_or(0, PortList::len) }
    }

    /// Ports that the kernel chooses from for sets that say nothing.
    pub fn kernel(&self) -> u32 {
        self.host.chosen_from(None)
    }

    /// Ports of each source address.
    pub fn ports(&self, set: &PortSettings) -> u32 {
        match (set.choice, range_of(set)) {
            (PortChoice::Kernel, range) => self.host.chosen_from(range),
            (PortChoice::Own, Some(range)) => range.len(),
            (PortChoice::Own, None) => self.own,
        }
    }

    /// A range that was asked for, and the kernel's own one, where that chooses and does not keep to it.
    pub(crate) fn unheeded(&self, set: &PortSettings) -> Option<(PortRange, PortRange)> {
        let asked = range_of(set).filter(|range| !self.host.keeps_to(*range))?;
        (set.choice == PortChoice::Kernel).then_some((asked, self.host.ephemeral))
    }

    /// Towards one server. Each connection that ends by a FIN of ours keeps its port for 60 s of TIME_WAIT: where the kernel or our
    /// allocator takes it over earlier, there is more, which depends on the server and is not counted on.
    pub fn budget(&self, set: &PortSettings, server: &Address) -> Budget {
        let is_ipv4 = server.ip().is_none_or(|server| server.is_ipv4());
        let sources = set.sources.iter().filter(|source| source.is_ipv4() == is_ipv4).count();
        Budget { sources: sources.max(1) as u32, ..Budget::of_ports(self.ports(set)) }
    }

    /// Where these ports come from.
    pub fn in_words(&self, set: &PortSettings) -> String {
        let ports = self.ports(set);
        match (set.choice, set.range) {
            (PortChoice::Own, Some((low, high))) => format!("{ports} ports of port_range {low}-{high}"),
            (PortChoice::Own, None) => format!("{ports} ports outside of ip_local_port_range {}", self.host.ephemeral),
            (PortChoice::Kernel, range) => {
                let reserved = self.host.reserved_among();
                let within = range.map_or(String::new(), |(low, high)| format!(" within port_range {low}-{high}"));
                let less = if reserved > 0 { format!(" without {reserved} reserved ones") } else { String::new() };
                format!("{ports} ports of ip_local_port_range {}{less}{within}", self.host.ephemeral)
            }
        }
    }
}

fn range_of(set: &PortSettings) -> Option<PortRange> {
    set.range.and_then(|(low, high)| PortRange::new(low, high).ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::BackendSetSettings;
    use std::net::SocketAddr;

    #[test]
    fn a_set_has_the_ports_that_it_chooses_from() {
        let range = |low, high| PortRange::new(low, high).expect("a range");
        let host = HostPorts { reserved: vec![range(40_000, 40_009), range(60_990, 61_010)], ..HostPorts::default() };
        let own = host.own("port_range").expect("some are left");
        let supply = PortSupply::new(host, Some(&own));
        let ephemeral = "ip_local_port_range 32768-60999";
        for (choice, range, ports, words) in [
            (PortChoice::Kernel, None, 28_212, format!("28212 ports of {ephemeral} without 20 reserved ones")),
            (
                PortChoice::Kernel,
                Some((40_000, 40_019)),
                10,
                format!("10 ports of {ephemeral} without 20 reserved ones within port_range 40000-40019"),
            ),
            (PortChoice::Own, None, own.len(), format!("{} ports outside of {ephemeral}", own.len())),
            (PortChoice::Own, Some((10_000, 10_099)), 100, "100 ports of port_range 10000-10099".to_owned()),
        ] {
            let mut set = BackendSetSettings::new("app", Vec::new()).ports;
            (set.choice, set.range) = (choice, range);
            assert_eq!((supply.ports(&set), supply.in_words(&set)), (ports, words));
        }
    }

    #[test]
    fn sources_of_the_other_family_lead_nowhere() {
        let mut set = BackendSetSettings::new("app", Vec::new()).ports;
        set.sources = ["10.0.0.1", "10.0.0.2", "fd00::1"].map(|source| source.parse().expect("an address")).to_vec();
        let supply = PortSupply::new(HostPorts::default(), None);
        let sources = |server: &str| {
            let server: SocketAddr = server.parse().expect("an address");
            supply.budget(&set, &server.into()).sources
        };
        assert_eq!((sources("10.0.0.9:80"), sources("[fd00::9]:80")), (2, 1));
    }
}
