//! Where an experiment plays: in private namespaces, or, where those are forbidden, on the loopback.

use crate::error::LabError;
use crate::experiment::{Scale, Setting, Value};
use crate::topology::{self, Role, Topology};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use stress_core::PortMode;
use sys::netns::Forbidden;
use sys::sysctl;

/// First port of the client's range in a namespace of its own.
pub(crate) const FIRST_PORT: u16 = 20_000;

/// The port the balancer listens on in a namespace of its own.
const BALANCER_PORT: u16 = 80;
const SERVER_PORT: u16 = 8080;

/// Enough TIME_WAIT entries for the largest range; a small machine's default may be fewer.
const MAX_TW_BUCKETS: &str = "262144";

/// A place to play.
#[derive(Debug)]
pub enum Stage {
    /// Three namespaces.
    Private(Topology),
    /// The host's loopback, its sysctls untouched.
    Loopback {
        /// Why there are no namespaces.
        why: Forbidden,
    },
}

impl Stage {
    /// Fresh namespaces with the client's port range set.
    ///
    /// # Errors
    /// They cannot be built or set.
    pub(crate) fn private(scale: Scale) -> Result<Self, LabError> {
        let topology = Topology::build()?;
        let (first, last) = client_ports(scale);
        topology.set(Role::Client, "net.ipv4.ip_local_port_range", &format!("{first} {last}"))?;
        for role in [Role::Client, Role::Balancer] {
            topology.set(role, "net.ipv4.tcp_max_tw_buckets", MAX_TW_BUCKETS)?;
        }
        Ok(Self::Private(topology))
    }

    /// Is every role alone in its namespace?
    pub(crate) fn is_private(&self) -> bool {
        matches!(self, Self::Private(_))
    }

    /// Runs `work` as a role: on a thread in its namespace.
    ///
    /// # Errors
    /// The thread could not be started.
    pub fn run<T: Send>(&self, role: Role, work: impl FnOnce() -> T + Send) -> Result<T, LabError> {
        match self {
            Self::Private(topology) => topology.run(role, work),
            Self::Loopback { .. } => Ok(work()),
        }
    }

    /// Where a role listens. On the loopback the address is this process's own and the kernel chooses the port, so that
    /// no two experiments share a 4-tuple, and what other programs have left there is not counted.
    pub fn listen_address(&self, role: Role) -> SocketAddr {
        let (ip, port) = match (self, role) {
            (Self::Loopback { .. }, _) => (own_loopback(), 0),
            (Self::Private(_), Role::Client) => (topology::CLIENT, 0),
            (Self::Private(_), Role::Balancer) => (topology::BALANCER, BALANCER_PORT),
            (Self::Private(_), Role::Server) => (topology::SERVER, SERVER_PORT),
        };
        SocketAddr::new(IpAddr::V4(ip), port)
    }

    /// Bounds for the client's ports, set per socket (IP_LOCAL_PORT_RANGE) where the sysctl is not ours. Own ports are
    /// those the kernel chooses from: claims compare the two, and in a namespace there is nobody to take them from.
    ///
    /// # Errors
    /// The host's range cannot be read or is smaller than asked for.
    pub fn port_range(&self, scale: Scale, ports: PortMode) -> Result<Option<(u16, u16)>, LabError> {
        if self.is_private() {
            return Ok((ports == PortMode::Own).then(|| client_ports(scale)));
        }
        // Bounds outside of the sysctl's are ignored by the kernel: stay within.
        let (low, high) = sysctl::local_port_range().map_err(LabError::Sysctl)?;
        match high - low >= scale.ports {
            true => Ok(Some((high - scale.ports + 1, high))),
            false => Err(LabError::NotIsolated(format!(
                "the host's ip_local_port_range has fewer than {} ports; use fewer with --ports",
                scale.ports
            ))),
        }
    }

    /// Makes the settings true, or finds that they are. Returns those that were left out.
    ///
    /// # Errors
    /// One that the claim depends on cannot be had.
    pub fn apply(&self, settings: &[Setting], scale: Scale) -> Result<Vec<String>, LabError> {
        let mut left_out = Vec::new();
        for setting in settings {
            let value = setting.value.number(scale);
            let applied = match self {
                Self::Private(topology) => topology.set(setting.role, setting.name, &value.to_string()),
                Self::Loopback { why } => check_host(setting, value, why),
            };
            match applied {
                Err(why) if setting.essential => return Err(why),
                Err(why) => left_out.push(why.brief()),
                Ok(()) => {}
            }
        }
        Ok(left_out)
    }
}

/// One address of 127.0.0.0/8 for each process: 22 bits, as many as process ids have.
fn own_loopback() -> Ipv4Addr {
    let [_, high, middle, low] = std::process::id().to_be_bytes();
    Ipv4Addr::new(127, 64 | (high & 63), middle, low)
}

impl Value {
    fn number(self, scale: Scale) -> u64 {
        match self {
            Self::Number(number) => number,
            Self::ReuseDelay => scale.reuse_delay_ms,
        }
    }
}

/// First and last port of a client in a namespace of its own.
fn client_ports(scale: Scale) -> (u16, u16) {
    (FIRST_PORT, FIRST_PORT + scale.ports - 1)
}

/// The scale of this stage: on the loopback the host's delay is what it is.
///
/// # Errors
/// The host's delay cannot be read.
pub(crate) fn host_scale(ports: u16) -> Result<Scale, LabError> {
    let delay = sysctl::read_u64("net.ipv4.tcp_tw_reuse_delay");
    match delay {
        Ok(reuse_delay_ms) => Ok(Scale { ports, reuse_delay_ms }),
        // Before Linux 6.14: "more than a second", at most two.
        Err(error) if error.is_unknown() => Ok(Scale { ports, reuse_delay_ms: 2000 }),
        Err(error) => Err(LabError::Sysctl(error)),
    }
}

fn check_host(setting: &Setting, wanted: u64, why: &Forbidden) -> Result<(), LabError> {
    let there = sysctl::read_u64(setting.name).map_err(LabError::Sysctl)?;
    if host_serves(setting.name, wanted, there) {
        return Ok(());
    }
    let setting = format!("{}={wanted} on the {}", setting.name, setting.role.name());
    Err(LabError::HostValue { setting, there, why: why.clone() })
}

/// On the loopback `tcp_tw_reuse=2` means 1 (`tcp_twsk_unique()`), and a delay is taken as it is.
fn host_serves(name: &str, wanted: u64, there: u64) -> bool {
    match name {
        "net.ipv4.tcp_tw_reuse" => wanted == there || (wanted == 1 && there == 2),
        "net.ipv4.tcp_tw_reuse_delay" => true,
        _ => wanted == there,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, wanted: u64, there: u64, expect: bool) {
        assert_eq!(host_serves(name, wanted, there), expect, "{name} wanted {wanted}, there {there}");
    }

    #[test]
    fn a_host_serves_where_it_has_the_value() {
        check("net.ipv4.tcp_tw_reuse", 1, 2, true);
        check("net.ipv4.tcp_tw_reuse", 0, 2, false);
        check("net.ipv4.tcp_tw_reuse", 0, 0, true);
        check("net.ipv4.tcp_tw_reuse_delay", 1000, 500, true);
        check("net.ipv4.tcp_timestamps", 0, 1, false);
    }

    #[test]
    fn what_the_host_lacks_is_named() {
        let setting = Setting {
            role: Role::Balancer,
            name: "net.ipv4.tcp_timestamps",
            value: Value::Number(77),
            essential: true,
        };
        let refused = check_host(&setting, 77, &Forbidden::Seccomp);
        let text = refused.expect_err("no host has 77").to_string();
        assert!(text.contains("tcp_timestamps=77 on the balancer") && text.contains("seccomp"), "{text}");
    }

    #[test]
    fn what_is_not_essential_is_left_out() {
        let setting = Setting {
            role: Role::Balancer,
            name: "net.ipv4.tcp_timestamps",
            value: Value::Number(77),
            essential: false,
        };
        let stage = Stage::Loopback { why: Forbidden::NotAsked };
        let scale = Scale::for_ports(100);
        assert_eq!(stage.apply(&[setting], scale).expect("left out").len(), 1);
        assert!(stage.apply(&[Setting { essential: true, ..setting }], scale).is_err());
    }
}
