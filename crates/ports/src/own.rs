//! Which ports may be of our own choice without harm to anybody else on the host.
//!
//! A port that is bound explicitly inside `ip_local_port_range` is passed over by every other `connect()` of the host,
//! wherever it goes, for as long as its bucket lives: 60 s of TIME_WAIT after the last connection (`inet_hash_connect`
//! skips buckets of bind() users). Whoever binds the whole range starves all other programs. So our ports come from outside of
//! it, and not from those that are reserved or listened on.

use crate::list::PortList;
use crate::set::PortRange;

/// Ports below are those of well-known services that may yet start here: they are used only where there are too few others.
pub(crate) const FIRST_CHOICE: u16 = 10_000;
/// So many ports above [`FIRST_CHOICE`] are enough.
pub(crate) const ENOUGH: u32 = 4096;
/// Linux's default for `ip_local_port_range`.
pub(crate) const EPHEMERAL_DEFAULT: (u16, u16) = (32_768, 60_999);
/// Linux's default for `ip_unprivileged_port_start`.
pub(crate) const UNPRIVILEGED_DEFAULT: u16 = 1024;

/// What a host says about its ports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostPorts {
    /// `net.ipv4.ip_local_port_range`: those the kernel chooses from.
    pub ephemeral: PortRange,
    /// `net.ipv4.ip_unprivileged_port_start`: lower ones need a privilege.
    pub unprivileged: u16,
    /// `net.ipv4.ip_local_reserved_ports`.
    pub reserved: Vec<PortRange>,
    /// Those somebody listens on.
    pub listening: Vec<PortRange>,
}

/// Every port outside of the kernel's range is spoken for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "no port is left outside of net.ipv4.ip_local_port_range ({0}): make that range narrower, or name ports of it with \
     {wish}; they are then lost to every other program of this host for as long as they are used and 60 s longer", wish = .1
)]
pub struct NoOwnPorts(PortRange, &'static str);

impl Default for HostPorts {
    /// As Linux is where nobody changed anything and nobody listens.
    fn default() -> Self {
        let ephemeral = PortRange::DEFAULT_EPHEMERAL;
        Self { ephemeral, unprivileged: UNPRIVILEGED_DEFAULT, reserved: Vec::new(), listening: Vec::new() }
    }
}

impl HostPorts {
    /// Ports of our own choice; `wish` is how a person names others: `--port-range`.
    ///
    /// # Errors
    /// There is none.
    pub fn own(&self, wish: &'static str) -> Result<PortList, NoOwnPorts> {
        let lowest = self.unprivileged.max(1);
        let high = self.outside(lowest.max(FIRST_CHOICE));
        let found = if high.as_ref().is_some_and(|ports| ports.len() >= ENOUGH) { high } else { self.outside(lowest) };
        found.ok_or(NoOwnPorts(self.ephemeral, wish))
    }

    /// How many ports of `range` the kernel chooses from, too.
    pub fn contested(&self, range: PortRange) -> u32 {
        let (low, high) = (range.low().max(self.ephemeral.low()), range.high().min(self.ephemeral.high()));
        PortRange::new(low, high).map_or(0, PortRange::len)
    }

    /// Does the kernel keep to `range` where it chooses? Not to an end outside of its own: see [`HostPorts::chosen_from`].
    pub fn keeps_to(&self, range: PortRange) -> bool {
        self.contested(range) == range.len()
    }

    /// How many ports the kernel chooses from, within `bounds` where a socket has some (`IP_LOCAL_PORT_RANGE`): an end outside of
    /// the host's range is that of the host (`inet_sk_get_local_port_range`), and reserved ports are passed over.
    pub fn chosen_from(&self, bounds: Option<PortRange>) -> u32 {
        let (low, high) = (self.ephemeral.low(), self.ephemeral.high());
        let inside = |port: u16, otherwise| if (low..=high).contains(&port) { port } else { otherwise };
        let ends = bounds.map_or((low, high), |bounds| (inside(bounds.low(), low), inside(bounds.high(), high)));
        let range = PortRange::new(ends.0, ends.1).unwrap_or(self.ephemeral);
        PortList::from(range).without(&self.reserved).map_or(0, |list| list.len())
    }

    /// How many ports of the kernel's range are reserved.
    pub fn reserved_among(&self) -> u32 {
        self.ephemeral.len() - self.chosen_from(None)
    }

    fn outside(&self, lowest: u16) -> Option<PortList> {
        let whole = PortList::from(PortRange::new(lowest, u16::MAX).ok()?);
        whole.without(&[self.ephemeral])?.without(&self.reserved)?.without(&self.listening)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(low: u16, high: u16) -> PortRange {
        PortRange::new(low, high).expect("a good range")
    }

    #[track_caller]
    fn check(host: &HostPorts, expect: Result<&str, &str>) {
        let seen = host.own("--port-range").map(|list| list.to_string()).map_err(|why| why.to_string());
        match (seen, expect) {
            (Ok(seen), Ok(expect)) => assert_eq!(seen, expect),
            (Err(seen), Err(part)) => assert!(seen.contains(part), "{seen}"),
            (seen, expect) => panic!("{seen:?}, not {expect:?}"),
        }
    }

    #[test]
    fn own_ports_are_nobody_elses() {
        let plain = HostPorts::default();
        check(&plain, Ok("10000-32767, 61000-65535"));
        let busy = HostPorts {
            reserved: vec![range(20_000, 20_999)],
            listening: vec![range(61_000, 61_000)],
            ..plain.clone()
        };
        check(&busy, Ok("10000-19999, 21000-32767, 61001-65535"));
        // Widened upwards: what is above 10,000 and outside is too little, so services' ports are used as well.
        check(&HostPorts { ephemeral: range(10_240, 65_535), ..plain.clone() }, Ok("1024-10239"));
        check(&HostPorts { ephemeral: range(10_240, 65_535), unprivileged: 80, ..plain.clone() }, Ok("80-10239"));
        check(
            &HostPorts { ephemeral: range(1024, 65_535), ..plain.clone() },
            Err("(1024-65535): make that range narrower"),
        );
        check(
            &HostPorts { unprivileged: 0, ephemeral: range(1, 65_535), ..plain },
            Err("name ports of it with --port-range"),
        );
    }

    #[test]
    fn the_kernel_chooses_within_its_range_and_passes_reserved_ports_over() {
        let host = HostPorts { reserved: vec![range(32_700, 32_777), range(50_000, 50_000)], ..HostPorts::default() };
        let chosen = |bounds: Option<(u16, u16)>| host.chosen_from(bounds.map(|(low, high)| range(low, high)));
        assert_eq!((chosen(None), host.reserved_among()), (28_221, 11));
        assert_eq!(chosen(Some((40_000, 40_099))), 100);
        assert_eq!(chosen(Some((49_999, 50_001))), 2);
        assert_eq!(chosen(Some((1000, 32_787))), 10, "a lower end outside counts as the host's");
        assert_eq!(chosen(Some((1000, 2000))), 28_221, "bounds outside count for nothing");
        assert_eq!(HostPorts { reserved: vec![host.ephemeral], ..host.clone() }.chosen_from(None), 0);
    }

    #[test]
    fn what_the_kernel_chooses_from_too_is_counted() {
        let host = HostPorts::default();
        let check = |low, high, count| assert_eq!(host.contested(range(low, high)), count, "{low}-{high}");
        check(10_000, 32_767, 0);
        check(32_768, 60_999, 28_232);
        check(32_000, 32_768, 1);
        check(60_999, 65_535, 1);
        check(61_000, 65_535, 0);
        check(1, 65_535, 28_232);
    }
}
