//! A worker's share of the local ports.

use crate::errors::SetupError;
use balancer_core::{BackendSetSettings, PortChoice, PortSettings};
use ports::{HostPorts, PortList, PortRange, PortSet, SourceSet};

/// Which worker of how many: each gets its own slice of the local ports.
#[derive(Clone, Debug)]
pub struct WorkerShare {
    /// 0 for the first worker.
    pub index: u32,
    /// At least 1.
    pub count: u32,
    /// For sets that choose ports themselves without a range of their own; `None`: as on a host with Linux's defaults.
    pub own_ports: Option<PortList>,
    /// Ports the kernel chooses from.
    pub kernel_ports: u32,
    /// What comes by chance comes from here.
    pub seed: u64,
}

impl WorkerShare {
    /// The only worker, on a host with Linux's default port range.
    pub const ALONE: Self = Self { index: 0, count: 1, own_ports: None, kernel_ports: 28_232, seed: 0 };
}

/// Where connections of a set may start, all workers together.
pub(super) fn source_set(settings: &BackendSetSettings, own: Option<&PortList>) -> Result<SourceSet, SetupError> {
    let PortSettings { choice, sources, range, .. } = &settings.ports;
    let failed = |reason| SetupError::Ports { set: settings.name.clone(), reason };
    let range = range.map(|(low, high)| PortRange::new(low, high)).transpose().map_err(failed)?;
    if *choice == PortChoice::Kernel {
        return Ok(SourceSet::Kernel { addresses: sources.clone(), range });
    }
    let ports = match (range, own) {
        (Some(range), _) => range.into(),
        (None, Some(own)) => own.clone(),
        (None, None) => crate::own_ports::of_host(&settings.name, &HostPorts::default())?,
    };
    Ok(SourceSet::Own(if sources.is_empty() {
        PortSet::any_address(ports)
    } else {
        PortSet::new(sources.clone(), ports).map_err(failed)?
    }))
}
