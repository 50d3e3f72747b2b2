//! Counts ports by destination in bounded memory, however many destinations there are.
//!
//! Misra and Gries' summary: when the table is full, everybody's credit falls until somebody has none
//! left. Of `n` ports counted in `k` places, no count is lower than the truth by more than `n / k`, and
//! each says by how much at most. The work stays linear: credit that falls has been counted before.

use crate::facts::DestinationUse;
use crate::facts::sockets::RATE_WINDOW_S;
use core::net::{IpAddr, SocketAddr};
use std::collections::HashMap;

/// (source, destination) pairs counted at once.
pub(crate) const PAIRS_MAX: usize = 4096;

/// TCP_TIMEWAIT_LEN, in ms.
const TIME_WAIT_MS: u64 = 60_000;

/// In what state a port is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Held {
    /// By an open or closing connection.
    Live,
    /// By a connect under way.
    SynSent {
        /// Its SYN had to be sent again.
        again: bool,
    },
    /// By FIN_WAIT2.
    FinWait2,
    /// By TIME_WAIT.
    TimeWait {
        /// Until it ends.
        left_ms: u64,
    },
}

/// The counts.
#[derive(Debug)]
pub struct TopDestinations {
    known: HashMap<(IpAddr, SocketAddr), DestinationUse>,
    pairs_max: usize,
    /// How far credit has fallen since the start.
    fallen: u64,
    forgotten: u64,
}

impl Default for TopDestinations {
    fn default() -> Self {
        Self::new(PAIRS_MAX)
    }
}

impl TopDestinations {
    /// Counts at most `pairs_max` pairs at once, at least 1.
    pub fn new(pairs_max: usize) -> Self {
        Self { known: HashMap::new(), pairs_max: pairs_max.max(1), fallen: 0, forgotten: 0 }
    }

    /// Counts one port of ours that is held towards `remote`.
    pub fn count(&mut self, local: SocketAddr, remote: SocketAddr, held: Held) {
        let source = local.ip();
        let key = (source, remote);
        if self.known.len() >= self.pairs_max && !self.known.contains_key(&key) {
            self.make_room();
        }
        let fallen = self.fallen;
        let fresh = || DestinationUse { undercount_max: fallen, ..DestinationUse::new(source, remote) };
        let known = self.known.entry(key).or_insert_with(fresh);
        known.widen(local.port());
        add(known, held);
    }

    /// The `keep` fullest, fullest first, and how many others there were at least.
    pub fn finish(self, keep: usize) -> (Vec<DestinationUse>, u64) {
        let mut all: Vec<DestinationUse> = self.known.into_values().collect();
        // Ties in a fixed order, so that two looks at one host show the same.
        all.sort_by_key(|known| (core::cmp::Reverse(known.taken()), known.remote, known.source));
        let left_out = self.forgotten + all.len().saturating_sub(keep) as u64;
        all.truncate(keep);
        (all, left_out)
    }

    fn make_room(&mut self) {
        let credit = |known: &DestinationUse, fallen: u64| known.taken() + known.undercount_max - fallen;
        let least = self.known.values().map(|known| credit(known, self.fallen)).min().unwrap_or(0);
        self.fallen += least;
        let before = self.known.len();
        self.known.retain(|_, known| credit(known, self.fallen) > 0);
        self.forgotten += (before - self.known.len()) as u64;
    }
}

fn add(to: &mut DestinationUse, held: Held) {
    match held {
        Held::Live => to.live += 1,
        Held::SynSent { again } => {
            to.syn_sent += 1;
            to.syn_resent += u64::from(again);
        }
        Held::FinWait2 => to.fin_wait2 += 1,
        Held::TimeWait { left_ms } => {
            let window_ms = RATE_WINDOW_S * 1000;
            to.time_wait += 1;
            to.young += u64::from(left_ms + window_ms > TIME_WAIT_MS);
            to.ending += u64::from(left_ms <= window_ms);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: SocketAddr = SocketAddr::new(IpAddr::V4(core::net::Ipv4Addr::new(10, 0, 0, 2)), 40_000);

    fn to(last: u16) -> SocketAddr {
        SocketAddr::from(([10, 0, 1, 1], last))
    }

    #[test]
    fn few_destinations_are_counted_exactly() {
        let mut top = TopDestinations::new(4);
        for _ in 0..10 {
            top.count(HERE, to(1), Held::TimeWait { left_ms: 59_000 });
        }
        top.count(HERE, to(2), Held::TimeWait { left_ms: 100 });
        top.count(HERE, to(2), Held::Live);
        top.count(HERE, to(2), Held::SynSent { again: true });
        let (seen, left_out) = top.finish(10);
        assert_eq!((seen.len(), left_out), (2, 0));
        assert_eq!((seen[0].remote, seen[0].time_wait, seen[0].young, seen[0].ending), (to(1), 10, 10, 0));
        assert_eq!((seen[1].taken(), seen[1].young, seen[1].ending, seen[1].syn_resent), (3, 0, 1, 1));
        assert_eq!(seen[1].ports_between, (40_000, 40_000));
        assert_eq!(seen[0].undercount_max, 0);
    }

    /// Every order in which one heavy destination hides among many: its count is off by what it says at most.
    #[test]
    fn a_heavy_destination_survives_many_light_ones() {
        for stride in 1..=7u16 {
            let mut top = TopDestinations::new(50);
            let mut heavy = 0u64;
            for step in 0..20_000u16 {
                if step % stride == 0 && heavy < 2_000 {
                    top.count(HERE, to(1), Held::Live);
                    heavy += 1;
                }
                top.count(HERE, to(2 + step), Held::Live);
            }
            let (seen, left_out) = top.finish(3);
            let first = seen[0];
            assert_eq!(first.remote, to(1), "stride {stride}");
            assert!(
                first.taken() <= heavy && first.taken() + first.undercount_max >= heavy,
                "stride {stride} {first:?}"
            );
            assert!(first.undercount_max <= 22_000 / 50, "stride {stride} {first:?}");
            assert!(left_out > 10_000);
        }
    }
}
