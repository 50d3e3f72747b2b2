//! Ports of sets that choose them themselves: from outside of the kernel's range, unless the configuration says otherwise.

use crate::errors::SetupError;
use crate::errors::Warning;
use balancer_core::{BackendSetSettings, PortChoice, Settings, shortfalls};
use ports::{HostPorts, NoOwnPorts, PortList, PortRange};

/// How a person names ports of another choice.
const WISH: &str = "port_range";

/// The ports of sets without a range of their own. `None` where this host has none to spare and no set needs any.
///
/// # Errors
/// There are none, and a set needs some.
pub(crate) fn own_ports(settings: &Settings) -> Result<Option<PortList>, SetupError> {
    // Where the range cannot be read it is most likely Linux's default.
    let host = reactor::host_ports().unwrap_or_default();
    let needs = |set: &&BackendSetSettings| set.ports.choice == PortChoice::Own && set.ports.range.is_none();
    match settings.backend_sets.iter().find(needs) {
        Some(set) => of_host(&set.name, &host).map(Some),
        None => Ok(host.own(WISH).ok()),
    }
}

/// The ports of a host like that for the set `name`.
pub(crate) fn of_host(name: &str, host: &HostPorts) -> Result<PortList, SetupError> {
    host.own(WISH).map_err(|reason: NoOwnPorts| SetupError::NoOwnPorts { set: name.to_owned(), reason })
}

/// Sets whose configured range takes ports from the other programs of this host, and limits that the ports cannot give.
pub fn port_warnings(settings: &Settings) -> Vec<Warning> {
    let Ok(host) = reactor::host_ports() else { return Vec::new() };
    let contested = settings.backend_sets.iter().filter_map(|set| contested(set, &host));
    let short = shortfalls(settings, host.ephemeral.len()).into_iter().map(Warning::Shortfall);
    let sampled = settings.backend_sets.iter().flat_map(|set| {
        set.ports.sampled.iter().map(|network| Warning::Sampled { set: set.name.clone(), network: network.clone() })
    });
    contested.chain(short).chain(sampled).collect()
}

fn contested(set: &BackendSetSettings, host: &HostPorts) -> Option<Warning> {
    let (low, high) = set.ports.range.filter(|_| set.ports.choice == PortChoice::Own)?;
    let count = host.contested(PortRange::new(low, high).ok()?);
    let ephemeral = (host.ephemeral.low(), host.ephemeral.high());
    (count > 0).then(|| Warning::ContestedPorts { set: set.name.clone(), count, ephemeral })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_the_kernel_chooses_from_too_is_warned_of() {
        let warned = |choice, range| {
            let mut set = BackendSetSettings::new("app", Vec::new());
            (set.ports.choice, set.ports.range) = (choice, range);
            contested(&set, &HostPorts::default()).map(|warning| warning.to_string())
        };
        assert_eq!(warned(PortChoice::Own, None), None);
        assert_eq!(warned(PortChoice::Own, Some((10_000, 32_767))), None);
        // Bounds for the kernel's choice take nothing from anybody.
        assert_eq!(warned(PortChoice::Kernel, Some((33_000, 33_999))), None);
        let text = warned(PortChoice::Own, Some((32_000, 33_767))).expect("1,000 are the kernel's");
        assert!(text.contains("1000 ports") && text.contains("32768-60999"), "{text}");
    }

    #[test]
    fn a_host_without_ports_to_spare_is_told_apart() {
        let full = HostPorts { ephemeral: PortRange::new(1024, 65_535).expect("good"), ..HostPorts::default() };
        let error = of_host("app", &full).expect_err("none is left").to_string();
        assert!(error.starts_with("backend set \"app\": no port is left") && error.contains("port_range"), "{error}");
    }
}
