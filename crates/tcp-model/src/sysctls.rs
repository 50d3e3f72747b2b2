//! The host's settings the decisions look at, with each version's defaults and its rules for setting them.

use crate::version::{Version, VersionRange};
use core::fmt;

/// Ranges of reserved ports kept apart.
pub const RESERVED_RANGES_MAX: usize = 8;

/// Sysctls below `net.ipv4`, and `net.core.somaxconn`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sysctls {
    /// 0 never, 1 with a random offset (since 4.10), 2 without one.
    pub tcp_timestamps: u8,
    /// 0 never, 1 always, 2 on loopback only (since 4.19).
    pub tcp_tw_reuse: u8,
    /// Milliseconds in TIME_WAIT before reuse (since 6.14).
    pub tcp_tw_reuse_delay_ms: u32,
    /// Removed in 4.12.
    pub tcp_tw_recycle: bool,
    /// Ignore RST in TIME_WAIT.
    pub tcp_rfc1337: bool,
    /// Seconds an orphan stays in FIN_WAIT2.
    pub tcp_fin_timeout_s: u32,
    /// Mini-sockets at most. The kernel derives the default from memory; here it is that of a host with 16 GB or more.
    pub tcp_max_tw_buckets: u32,
    /// First and last ephemeral port.
    pub ip_local_port_range: (u16, u16),
    /// Ephemeral ports that are not chosen: first and last of each range, the unused ones empty (1, 0).
    pub ip_local_reserved_ports: [(u16, u16); RESERVED_RANGES_MAX],
    /// Milliseconds between two ACKs to segments out of window (since 4.0).
    pub tcp_invalid_ratelimit_ms: u32,
    /// 0 never, 1 when the queue is full, 2 always (since 3.12).
    pub tcp_syncookies: u8,
    /// Half-open connections per listener before drops begin without cookies.
    pub tcp_max_syn_backlog: u32,
    /// Upper limit of a listener's backlog.
    pub somaxconn: u32,
    /// SYNs sent again before a connect fails (not counting the linear ones).
    pub tcp_syn_retries: u8,
    /// SYNs sent again at the first interval before it begins to double (since 6.5).
    pub tcp_syn_linear_timeouts: u8,
    /// RST instead of silence when the accept queue is full.
    pub tcp_abort_on_overflow: bool,
}

impl Sysctls {
    /// What `version` starts with.
    pub const fn defaults(version: Version) -> Self {
        Self {
            tcp_timestamps: 1,
            tcp_tw_reuse: if version.at_least(4, 19) { 2 } else { 0 },
            tcp_tw_reuse_delay_ms: 1000,
            tcp_tw_recycle: false,
            tcp_rfc1337: false,
            tcp_fin_timeout_s: 60,
            tcp_max_tw_buckets: 262_144,
            ip_local_port_range: if version.at_least(4, 2) { (32_768, 60_999) } else { (32_768, 61_000) },
            ip_local_reserved_ports: [(1, 0); RESERVED_RANGES_MAX],
            tcp_invalid_ratelimit_ms: 500,
            tcp_syncookies: 1,
            tcp_max_syn_backlog: 4096,
            somaxconn: if version.at_least(5, 4) { 4096 } else { 128 },
            tcp_syn_retries: if version.at_least(3, 7) { 6 } else { 5 },
            tcp_syn_linear_timeouts: if version.at_least(6, 5) { 4 } else { 0 },
            tcp_abort_on_overflow: false,
        }
    }

    /// The sysctls that can be set, in the kernel's spelling.
    pub(crate) const NAMES: [&'static str; 16] = [
        "tcp_timestamps",
        "tcp_tw_reuse",
        "tcp_tw_reuse_delay",
        "tcp_tw_recycle",
        "tcp_rfc1337",
        "tcp_fin_timeout",
        "tcp_max_tw_buckets",
        "ip_local_port_range",
        "ip_local_reserved_ports",
        "tcp_invalid_ratelimit",
        "tcp_syncookies",
        "tcp_max_syn_backlog",
        "somaxconn",
        "tcp_syn_retries",
        "tcp_syn_linear_timeouts",
        "tcp_abort_on_overflow",
    ];

    /// Sets one by its name (with or without `net.ipv4.` or `net.core.`), by the rules of `version`.
    pub fn set(&mut self, version: Version, name: &str, value: &str) -> Result<(), SysctlError> {
        let name = name.trim_start_matches("net.ipv4.").trim_start_matches("net.core.");
        check_exists(version, name)?;
        let bad =
            |wanted| SysctlError { name: name.to_owned(), problem: Problem::Value { value: value.to_owned(), wanted } };
        let number = |low, high, wanted| in_range(value, low, high).ok_or_else(|| bad(wanted));
        match name {
            "tcp_timestamps" if version.at_least(4, 10) => self.tcp_timestamps = number(0, 2, "0, 1 or 2")? as u8,
            "tcp_timestamps" => self.tcp_timestamps = number(0, 1, "0 or 1")? as u8,
            "tcp_tw_reuse" if version.at_least(4, 19) => self.tcp_tw_reuse = number(0, 2, "0, 1 or 2")? as u8,
            "tcp_tw_reuse" => self.tcp_tw_reuse = number(0, 1, "0 or 1")? as u8,
            "tcp_tw_reuse_delay" => self.tcp_tw_reuse_delay_ms = number(1, 60_000, "1 to 60000 milliseconds")?,
            "tcp_tw_recycle" => self.tcp_tw_recycle = number(0, 1, "0 or 1")? == 1,
            "tcp_rfc1337" => self.tcp_rfc1337 = number(0, 1, "0 or 1")? == 1,
            "tcp_fin_timeout" => self.tcp_fin_timeout_s = number(1, 86_400, "seconds, 1 to 86400")?,
            "tcp_max_tw_buckets" => self.tcp_max_tw_buckets = number(0, i32::MAX as u32, "a number of sockets")?,
            "ip_local_port_range" => {
                self.ip_local_port_range = range(value, ' ').ok_or_else(|| bad("two ports, the lower first"))?
            }
            "ip_local_reserved_ports" => {
                self.ip_local_reserved_ports =
                    ranges(value).ok_or_else(|| bad("up to 8 ports or ranges like 8080,9000-9100"))?;
            }
            "tcp_invalid_ratelimit" => self.tcp_invalid_ratelimit_ms = number(0, i32::MAX as u32, "milliseconds")?,
            "tcp_syncookies" => self.tcp_syncookies = number(0, 2, "0, 1 or 2")? as u8,
            "tcp_max_syn_backlog" => self.tcp_max_syn_backlog = number(1, i32::MAX as u32, "a number of connections")?,
            "somaxconn" => self.somaxconn = number(0, 65_535, "a number of connections")?,
            "tcp_syn_retries" => self.tcp_syn_retries = number(1, 127, "1 to 127")? as u8,
            "tcp_syn_linear_timeouts" => self.tcp_syn_linear_timeouts = number(0, 127, "0 to 127")? as u8,
            _ => self.tcp_abort_on_overflow = number(0, 1, "0 or 1")? == 1,
        }
        Ok(())
    }

    /// May the kernel choose `port` for a connect?
    pub(crate) fn is_reserved(&self, port: u16) -> bool {
        self.ip_local_reserved_ports.iter().any(|&(low, high)| (low..=high).contains(&port))
    }

    /// Ephemeral ports that can be chosen.
    pub(crate) fn ephemeral_ports(&self) -> u32 {
        let (low, high) = self.ip_local_port_range;
        (low..=high).filter(|&port| !self.is_reserved(port)).count() as u32
    }
}

/// The sysctls that not every version knows.
const LIMITED: [(&str, VersionRange, &str); 5] = [
    ("tcp_tw_recycle", VersionRange::up_to(Version::new(4, 11)), "it was removed in 4.12 (4396e46187ca)"),
    ("tcp_tw_reuse_delay", VersionRange::from(Version::new(6, 14)), "it exists since 6.14 (19ce8cd30465)"),
    ("tcp_invalid_ratelimit", VersionRange::from(Version::new(4, 0)), "it exists since 4.0 (032ee4236954)"),
    ("tcp_syn_linear_timeouts", VersionRange::from(Version::new(6, 5)), "it exists since 6.5 (ccce324dabfe)"),
    ("ip_local_reserved_ports", VersionRange::from(Version::old(35)), "it exists since 2.6.35"),
];

fn check_exists(version: Version, name: &str) -> Result<(), SysctlError> {
    let error = |problem| Err(SysctlError { name: name.to_owned(), problem });
    if !Sysctls::NAMES.contains(&name) {
        return error(Problem::Unknown);
    }
    match LIMITED.into_iter().find(|row| row.0 == name && !row.1.contains(version)) {
        Some((.., why)) => error(Problem::NotIn { version, why }),
        None => Ok(()),
    }
}

fn in_range(value: &str, low: u32, high: u32) -> Option<u32> {
    value.trim().parse().ok().filter(|number| (low..=high).contains(number))
}

fn range(value: &str, between: char) -> Option<(u16, u16)> {
    let mut ports = value.split([between, '\t']).filter(|part| !part.is_empty()).map(|part| part.parse::<u16>().ok());
    match (ports.next()??, ports.next()??, ports.next()) {
        (low, high, None) if 0 < low && low <= high => Some((low, high)),
        _ => None,
    }
}

fn ranges(value: &str) -> Option<[(u16, u16); RESERVED_RANGES_MAX]> {
    let mut out = [(1, 0); RESERVED_RANGES_MAX];
    for (index, part) in value.split(',').map(str::trim).filter(|part| !part.is_empty()).enumerate() {
        let single = || part.parse().ok().map(|port| (port, port));
        *out.get_mut(index)? = if part.contains('-') { range(part, '-') } else { single() }?;
    }
    Some(out)
}

/// Why a sysctl could not be set.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct SysctlError {
    name: String,
    problem: Problem,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Problem {
    Unknown,
    NotIn { version: Version, why: &'static str },
    Value { value: String, wanted: &'static str },
}

impl fmt::Display for SysctlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.problem {
            Problem::Unknown => {
                write!(f, "the model knows no sysctl {:?}; it knows {}", self.name, Sysctls::NAMES.join(", "))
            }
            Problem::NotIn { version, why } => write!(f, "Linux {version} has no {}: {why}", self.name),
            Problem::Value { value, wanted } => write!(f, "{} cannot be {value:?}; it takes {wanted}", self.name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(version: &str, name: &str, value: &str) -> Result<Sysctls, String> {
        let version = version.parse().expect("a version of the table");
        let mut sysctls = Sysctls::defaults(version);
        sysctls.set(version, name, value).map_err(|error| error.to_string())?;
        Ok(sysctls)
    }

    #[test]
    fn versions_have_their_own_sysctls() {
        for (version, name, value, ok) in [
            ("4.11", "tcp_tw_recycle", "1", true),
            ("4.12", "tcp_tw_recycle", "1", false),
            ("4.14", "tcp_tw_reuse", "2", false),
            ("4.19", "net.ipv4.tcp_tw_reuse", "2", true),
            ("6.13", "tcp_tw_reuse_delay", "1", false),
            ("6.14", "tcp_tw_reuse_delay", "1", true),
            ("6.14", "tcp_tw_reuse_delay", "0", false),
            ("4.9", "tcp_timestamps", "2", false),
            ("4.10", "tcp_timestamps", "2", true),
            ("6.18", "tcp_tw_resuse", "1", false),
            ("6.18", "ip_local_port_range", "2 1", false),
            ("6.18", "ip_local_port_range", "1024\t65535", true),
            ("6.18", "tcp_rfc1337", "yes", false),
        ] {
            assert_eq!(set(version, name, value).is_ok(), ok, "{version} {name}={value}");
        }
    }

    #[test]
    fn errors_name_the_thing_and_the_way_out() {
        let error = |version, name, value| set(version, name, value).expect_err("a bad setting was taken");
        assert_eq!(
            error("6.18", "tcp_tw_recycle", "1"),
            "Linux 6.18 has no tcp_tw_recycle: it was removed in 4.12 (4396e46187ca)"
        );
        assert_eq!(error("6.18", "tcp_timestamps", "3"), "tcp_timestamps cannot be \"3\"; it takes 0, 1 or 2");
        assert!(
            error("6.18", "tcp_tw_resuse", "1")
                .starts_with("the model knows no sysctl \"tcp_tw_resuse\"; it knows tcp_timestamps")
        );
    }

    #[test]
    fn reserved_ports_are_left_out() {
        let mut sysctls = set("6.18", "ip_local_reserved_ports", "40000-40009,50000").expect("valid");
        assert_eq!(sysctls.ephemeral_ports(), 28_232 - 11);
        sysctls.ip_local_port_range = (40_005, 40_010);
        assert_eq!(sysctls.ephemeral_ports(), 1);
        assert!(sysctls.is_reserved(50_000) && !sysctls.is_reserved(50_001));
    }
}
