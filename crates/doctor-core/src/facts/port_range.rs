//! The ports `connect()` may choose from.

use super::sysctls::Sysctls;

/// `ip_local_port_range` without what is reserved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortFacts {
    /// First port, inclusive.
    pub low: u16,
    /// Last port, inclusive.
    pub high: u16,
    /// `ip_local_reserved_ports`, each pair inclusive, as far as they lie inside.
    pub reserved: Vec<(u16, u16)>,
}

impl Default for PortFacts {
    /// Linux's own: 32768 to 60999, nothing reserved.
    fn default() -> Self {
        Self { low: 32768, high: 60999, reserved: Vec::new() }
    }
}

impl PortFacts {
    /// From the two sysctls; the kernel's default where they cannot be read.
    pub fn from_sysctls(sysctls: &Sysctls) -> Self {
        let range = sysctls.numbers("net.ipv4.ip_local_port_range");
        let mut facts = match range[..] {
            [low, high] if low <= high && high <= 65535 => {
                Self { low: low as u16, high: high as u16, reserved: vec![] }
            }
            _ => Self::default(),
        };
        let reserved = parse_reserved(sysctls.text("net.ipv4.ip_local_reserved_ports").unwrap_or_default());
        let inside = reserved.into_iter().filter(|(low, high)| *high >= facts.low && *low <= facts.high);
        facts.reserved = inside.map(|(low, high)| (low.max(facts.low), high.min(facts.high))).collect();
        facts
    }

    /// Ports in the range.
    pub(crate) fn in_range(&self) -> u32 {
        u32::from(self.high - self.low) + 1
    }

    /// Ports of the range that are reserved.
    pub fn reserved_count(&self) -> u32 {
        self.reserved.iter().map(|(low, high)| u32::from(high - low) + 1).sum()
    }

    /// Ports that `connect()` may really choose.
    pub(crate) fn usable(&self) -> u32 {
        self.in_range().saturating_sub(self.reserved_count())
    }

    /// Would `connect()` choose this one?
    pub fn contains(&self, port: u16) -> bool {
        let reserved = self.reserved.iter().any(|(low, high)| (*low..=*high).contains(&port));
        (self.low..=self.high).contains(&port) && !reserved
    }
}

/// `8080,9000-9100`: the kernel prints them sorted, without overlap.
fn parse_reserved(text: &str) -> Vec<(u16, u16)> {
    let parse = |item: &str| {
        let (low, high) = item.split_once('-').unwrap_or((item, item));
        Some((low.trim().parse().ok()?, high.trim().parse().ok()?))
    };
    text.split(',').filter_map(parse).filter(|(low, high)| low <= high).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(range: &str, reserved: &str, expect: (u32, u32)) {
        let mut sysctls = Sysctls::default();
        sysctls.set("net.ipv4.ip_local_port_range", range);
        sysctls.set("net.ipv4.ip_local_reserved_ports", reserved);
        let ports = PortFacts::from_sysctls(&sysctls);
        assert_eq!((ports.in_range(), ports.usable()), expect, "{range} {reserved}");
    }

    #[test]
    fn reserved_ports_count_where_they_lie_inside() {
        check("32768\t60999", "", (28_232, 28_232));
        check("1024 65535", "", (64_512, 64_512));
        check("1000 1009", "1000,1002-1003,2000-3000", (10, 7));
        check("1000 1009", "1-60000", (10, 0));
        check("nonsense", "8080", (28_232, 28_232));
    }
}
