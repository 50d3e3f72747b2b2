//! A client's initial sequence number: a hash of the 4-tuple plus a clock of 64 ns.

use super::clock::{Flow, mix};
use crate::source::{Certainty, Source};
use crate::version::VersionRange;
use core::time::Duration;

/// Where this is from.
pub(crate) const SOURCES: &[Source] = &[Source {
    decision: "ISN = hash(4-tuple, secret) + nanoseconds / 64",
    function: "secure_tcp_seq, seq_scale",
    versions: VersionRange::ALL,
    reference: "RFC 6528; source of 6.18. Up to 3.0 the hash had 24 bits and a new key every 5 minutes, which is left out",
    certainty: Certainty::Read,
}];

/// Sequence numbers per second that the clock adds: 15.6 million.
pub(crate) const PER_SECOND: u32 = 15_625_000;

/// The ISN of `flow` at `now`.
pub fn isn(secret: u64, flow: Flow, now: Duration) -> u32 {
    let addresses = u64::from(flow.source) << 32 | u64::from(flow.destination);
    let ports = u64::from(flow.source_port) << 16 | u64::from(flow.destination_port);
    let hash = mix(mix(secret.rotate_left(17) ^ mix(addresses)) ^ ports);
    (hash as u32).wrapping_add(clock(now))
}

/// The clock's part: wraps every 275 s.
pub fn clock(now: Duration) -> u32 {
    (now.as_secs().wrapping_mul(u64::from(PER_SECOND)) as u32).wrapping_add(now.subsec_nanos() >> 6)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FLOW: Flow = Flow { source: 1, destination: 2, source_port: 40_000, destination_port: 80 };

    #[test]
    fn one_flow_moves_with_the_clock() {
        let at = |ms| isn(5, FLOW, Duration::from_millis(ms));
        assert_eq!(at(1000).wrapping_sub(at(0)), PER_SECOND);
        assert_eq!(at(61_500).wrapping_sub(at(60_000)), PER_SECOND * 3 / 2);
        let wrap = u64::from(u32::MAX) * 1000 / u64::from(PER_SECOND);
        assert!((274_000..276_000).contains(&wrap), "wraps after {wrap} ms");
    }

    #[test]
    fn another_flow_or_host_starts_anywhere() {
        let reference = isn(5, FLOW, Duration::ZERO);
        let ahead = |value: u32| (value.wrapping_sub(reference) as i32) > 0;
        let ports =
            (0..10_000).filter(|&port| ahead(isn(5, Flow { source_port: port, ..FLOW }, Duration::ZERO))).count();
        let hosts = (0..10_000).filter(|&secret| ahead(isn(secret, FLOW, Duration::ZERO))).count();
        for share in [ports, hosts] {
            assert!((4700..5300).contains(&share), "{share} of 10000 are ahead");
        }
    }
}
