//! Network sysctls of the calling thread's namespace.
//!
//! `/proc/sys/net` shows whoever opens it its own namespace (`net_ctl_root.lookup`), so a thread that
//! has entered a [`crate::netns::Namespace`] reads and writes that namespace's values.

use std::fmt;
use std::io;

/// A sysctl that could not be read or written.
#[derive(Debug, thiserror::Error)]
pub struct SysctlError {
    /// The sysctl, as the kernel spells it: `net.ipv4.tcp_tw_reuse`.
    pub name: String,
    /// The value that should have been written.
    pub value: Option<String>,
    /// The kernel's reason.
    pub reason: io::Error,
}

impl SysctlError {
    /// The running kernel does not know it (too old, or built without).
    pub fn is_unknown(&self) -> bool {
        self.reason.kind() == io::ErrorKind::NotFound
    }
}

impl fmt::Display for SysctlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, value, reason } = self;
        match value {
            _ if self.is_unknown() => write!(f, "this kernel has no sysctl {name}"),
            Some(value) => write!(f, "sysctl {name}={value} was refused: {reason}"),
            None => write!(f, "sysctl {name} cannot be read: {reason}"),
        }
    }
}

/// Reads `name` (`net.ipv4.tcp_tw_reuse`), without the newline.
///
/// # Errors
/// Unknown to this kernel, or `/proc` is not there.
pub fn read(name: &str) -> Result<String, SysctlError> {
    let text = std::fs::read_to_string(path(name));
    match text {
        Ok(text) => Ok(text.trim().to_owned()),
        Err(reason) => Err(SysctlError { name: name.to_owned(), value: None, reason }),
    }
}

/// Reads `name` as one number.
///
/// # Errors
/// As [`read`], and where it is not a number.
pub fn read_u64(name: &str) -> Result<u64, SysctlError> {
    let text = read(name)?;
    text.parse().map_err(|_| {
        let reason = io::Error::new(io::ErrorKind::InvalidData, format!("{text:?} is not a number"));
        SysctlError { name: name.to_owned(), value: None, reason }
    })
}

/// Reads the ports the kernel chooses from (`net.ipv4.ip_local_port_range`, for IPv6 too), inclusive.
///
/// # Errors
/// As [`read`], and where it is not two ports.
pub fn local_port_range() -> Result<(u16, u16), SysctlError> {
    const NAME: &str = "net.ipv4.ip_local_port_range";
    let text = read(NAME)?;
    let ports: Vec<u16> = text.split_whitespace().filter_map(|port| port.parse().ok()).collect();
    match ports[..] {
        [low, high] => Ok((low, high)),
        _ => {
            let reason = io::Error::new(io::ErrorKind::InvalidData, format!("{text:?} is not two ports"));
            Err(SysctlError { name: NAME.to_owned(), value: None, reason })
        }
    }
}

/// Reads the ports that are kept out of the kernel's choice (`net.ipv4.ip_local_reserved_ports`): ranges, inclusive.
///
/// # Errors
/// As [`read`], and where it is no list of ports.
pub fn reserved_ports() -> Result<Vec<(u16, u16)>, SysctlError> {
    const NAME: &str = "net.ipv4.ip_local_reserved_ports";
    let text = read(NAME)?;
    parse_ranges(&text).ok_or_else(|| {
        let reason = io::Error::new(io::ErrorKind::InvalidData, format!("{text:?} is not a list of ports"));
        SysctlError { name: NAME.to_owned(), value: None, reason }
    })
}

/// `8080,9000-9010`; empty where none is reserved.
fn parse_ranges(text: &str) -> Option<Vec<(u16, u16)>> {
    let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
    let range = |part: &str| {
        let (low, high) = part.split_once('-').unwrap_or((part, part));
        Some((low.parse().ok()?, high.parse().ok()?))
    };
    parts.map(range).collect()
}

/// Writes `name`.
///
/// # Errors
/// Unknown to this kernel, not permitted, or a value the kernel refuses.
pub fn write(name: &str, value: &str) -> Result<(), SysctlError> {
    std::fs::write(path(name), value).map_err(|reason| SysctlError {
        name: name.to_owned(),
        value: Some(value.to_owned()),
        reason,
    })
}

fn path(name: &str) -> String {
    format!("/proc/sys/{}", name.replace('.', "/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_sysctl_is_named() {
        let error = read("net.ipv4.tcp_tw_resuse").expect_err("the guide's spelling");
        assert!(error.is_unknown());
        assert_eq!(error.to_string(), "this kernel has no sysctl net.ipv4.tcp_tw_resuse");
    }

    #[test]
    fn the_port_range_has_an_order() {
        let (low, high) = local_port_range().expect("every Linux has one");
        assert!(low <= high, "{low} {high}");
    }

    #[test]
    fn reserved_ports_are_ranges() {
        assert_eq!(parse_ranges(""), Some(vec![]));
        assert_eq!(parse_ranges("8080,9000-9010\n"), Some(vec![(8080, 8080), (9000, 9010)]));
        assert_eq!(parse_ranges("8080,many"), None);
        reserved_ports().expect("every Linux has a list, if an empty one");
    }

    #[test]
    fn text_is_not_a_number() {
        let error = read_u64("net.ipv4.tcp_congestion_control").expect_err("a name");
        assert!(error.to_string().contains("net.ipv4.tcp_congestion_control"), "{error}");
    }
}
