//! Ports of sets that choose them themselves: from outside of the kernel's range, unless the configuration says otherwise.

use crate::errors::SetupError;
use crate::errors::Warning;
use crate::spending::held_towards;
use balancer_core::{BackendSetSettings, PortChoice, PortSupply, Settings, Shortfall, shortfalls};
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

/// What this host has for sets, where `own` are the ports that they choose themselves.
pub(crate) fn supply(own: Option<&PortList>) -> PortSupply {
    PortSupply::new(reactor::host_ports().unwrap_or_default(), own)
}

/// Sets whose configured range takes ports from the other programs of this host, and limits that the ports cannot give; `own` as
/// [`own_ports`] has found them.
pub(crate) fn port_warnings(settings: &Settings, own: Option<&PortList>) -> Vec<Warning> {
    let Ok(host) = reactor::host_ports() else { return Vec::new() };
    let contested = settings.backend_sets.iter().filter_map(|set| contested(set, &host));
    let supply = PortSupply::new(host.clone(), own);
    let short = shortfalls(settings, &supply).into_iter().map(short);
    let sampled = settings.backend_sets.iter().flat_map(|set| {
        set.ports.sampled.iter().map(|network| Warning::Sampled { set: set.name.clone(), network: network.clone() })
    });
    contested.chain(short).chain(sampled).collect()
}

/// With what is held at this moment by whoever of this host.
fn short(shortfall: Shortfall) -> Warning {
    let held = shortfall.server().and_then(held_towards).unwrap_or_default();
    Warning::Shortfall { shortfall, held }
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
