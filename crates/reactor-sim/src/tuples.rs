//! Which 4-tuples a simulated host uses, and which it may use again: the kernel's rules of
//! `__inet_check_established` and `tcp_twsk_unique` (Linux 6.14 and later).

use super::host::HostConfig;
use seed::Rng;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

/// `net.ipv4.tcp_tw_reuse_delay`.
const REUSE_DELAY: Duration = Duration::from_secs(1);

/// Our side, then the peer's.
pub(super) type Tuple = (SocketAddr, SocketAddr);

#[derive(Clone, Copy, Debug)]
enum Use {
    Live,
    TimeWait { since: Duration, until: Duration, timestamps: bool },
}

/// The 4-tuples of one host.
#[derive(Default)]
pub(super) struct Tuples(BTreeMap<Tuple, Use>);

impl Tuples {
    pub(super) fn occupy(&mut self, tuple: Tuple) {
        self.0.insert(tuple, Use::Live);
    }

    pub(super) fn release(&mut self, tuple: Tuple) {
        self.0.remove(&tuple);
    }

    /// The connection ended and leaves a TIME_WAIT entry.
    pub(super) fn linger(&mut self, tuple: Tuple, now: Duration, wait: Duration, timestamps: bool) {
        self.0.insert(tuple, Use::TimeWait { since: now, until: now + wait, timestamps });
    }

    pub(super) fn is_live(&self, tuple: Tuple) -> bool {
        matches!(self.0.get(&tuple), Some(Use::Live))
    }

    /// Entries in TIME_WAIT at `now`.
    pub(super) fn time_waits(&self, now: Duration) -> usize {
        let waits = |state: &&Use| matches!(state, Use::TimeWait { until, .. } if *until > now);
        self.0.values().filter(waits).count()
    }

    /// May an explicitly bound socket take `tuple`? (No sysctl and no delay stand in its way.)
    pub(super) fn is_free_for_bound(&self, tuple: Tuple, now: Duration) -> bool {
        match self.0.get(&tuple) {
            None => true,
            Some(Use::Live) => false,
            Some(Use::TimeWait { until, timestamps, .. }) => *until <= now || *timestamps,
        }
    }

    fn is_free_for_kernel(&self, tuple: Tuple, now: Duration, tw_reuse: bool) -> bool {
        match self.0.get(&tuple) {
            None => true,
            Some(Use::Live) => false,
            Some(Use::TimeWait { since, until, timestamps }) => {
                *until <= now || (tw_reuse && *timestamps && now >= *since + REUSE_DELAY)
            }
        }
    }

    /// The kernel's choice of a port within `range`, from a random start.
    pub(super) fn choose_port(
        &self,
        local: SocketAddr,
        remote: SocketAddr,
        range: (u16, u16),
        now: Duration,
        config: &HostConfig,
        rng: &mut Rng,
    ) -> Option<SocketAddr> {
        let (low, count) = (u64::from(range.0), u64::from(range.1).checked_sub(range.0.into())? + 1);
        let start = rng.range(0, count);
        (0..count)
            .map(|step| (low + (start + step) % count) as u16)
            .map(|port| SocketAddr::new(local.ip(), port))
            .find(|source| self.is_free_for_kernel((*source, remote), now, config.tw_reuse))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEC: Duration = Duration::from_secs(1);

    fn tuple(port: u16) -> Tuple {
        (SocketAddr::from(([10, 0, 0, 1], port)), SocketAddr::from(([10, 0, 0, 2], 80)))
    }

    /// One tuple in TIME_WAIT since second 10: may it be taken at `now`?
    fn check(timestamps: bool, tw_reuse: bool, now_s: u32, kernel: bool, bound: bool) {
        let mut tuples = Tuples::default();
        tuples.linger(tuple(5000), SEC * 10, SEC * 60, timestamps);
        let config = HostConfig { tw_reuse, ..HostConfig::default() };
        let (local, remote) = tuple(0);
        let now = SEC * now_s;
        let mut rng = Rng::new(1);
        let chosen = tuples.choose_port(local, remote, (5000, 5000), now, &config, &mut rng);
        let what = format!("timestamps {timestamps} tw_reuse {tw_reuse} at {now_s} s");
        assert_eq!(chosen.is_some(), kernel, "kernel's choice, {what}");
        assert_eq!(tuples.is_free_for_bound(tuple(5000), now), bound, "own choice, {what}");
    }

    #[test]
    fn time_wait_is_left_by_age_timestamps_or_an_own_bind() {
        check(false, false, 69, false, false);
        check(false, false, 70, true, true);
        check(true, false, 11, false, true);
        check(true, true, 10, false, true);
        check(true, true, 11, true, true);
        check(false, true, 11, false, false);
    }

    #[test]
    fn a_range_is_used_up_to_its_last_port() {
        let mut tuples = Tuples::default();
        let (local, remote) = tuple(0);
        let (config, mut rng) = (HostConfig::default(), Rng::new(5));
        let mut choose = |tuples: &Tuples| tuples.choose_port(local, remote, (100, 109), SEC, &config, &mut rng);
        for _ in 0..10 {
            let source = choose(&tuples).expect("a port is free");
            tuples.occupy((source, remote));
        }
        assert_eq!(choose(&tuples), None);
        tuples.release((SocketAddr::new(local.ip(), 104), remote));
        assert_eq!(choose(&tuples).map(|source| source.port()), Some(104));
    }
}
