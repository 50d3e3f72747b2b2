//! Which public port a new flow gets.

use core::ops::RangeInclusive;
use seed::Rng;
use tcp_model::decide::nat::{Choice, Holder, Policy, linux_choice_within};

/// What a chooser may ask and remembers.
pub(crate) struct Chooser {
    low: u16,
    count: u32,
    /// Sequential: offset of the next port.
    next: u32,
    rng: Rng,
}

impl Chooser {
    pub(crate) fn new(ports: RangeInclusive<u16>, seed: u64) -> Self {
        let count = u32::from(*ports.end()) - u32::from(*ports.start()) + 1;
        Self { low: *ports.start(), count, next: 0, rng: Rng::new(seed) }
    }

    /// Chooses for a SYN. `holder` tells what holds a port towards its destination, `last_used` when the port
    /// was last in use, in any unit that grows.
    pub(crate) fn choose(
        &mut self,
        policy: Policy,
        inside_port: u16,
        syn_seq: u32,
        holder: impl FnMut(u16) -> Holder,
        last_used: impl Fn(u16) -> u64,
    ) -> Option<Choice> {
        let found = match policy {
            Policy::Preserve => self.upwards(self.offset_of(inside_port).unwrap_or(0), holder),
            Policy::Sequential => {
                let found = self.upwards(self.next, holder);
                self.next = found.and_then(|port| self.offset_of(port)).map_or(self.next, |at| (at + 1) % self.count);
                found
            }
            Policy::Random => {
                let start = self.rng.range(0, u64::from(self.count)) as u32;
                self.upwards(start, holder)
            }
            Policy::Lru => self.longest_unused(holder, last_used),
            Policy::LinuxOld | Policy::LinuxNew => {
                let kept = self.offset_of(inside_port).map(|_| inside_port);
                let random = || self.rng.next_u64() as u32;
                let range = (self.low, self.low + (self.count - 1) as u16);
                return linux_choice_within(policy, range, kept, syn_seq, random, holder);
            }
        };
        found.map(|port| Choice { port, evicted: false })
    }

    fn upwards(&self, start: u32, mut holder: impl FnMut(u16) -> Holder) -> Option<u16> {
        (0..self.count).map(|step| self.port(start + step)).find(|port| holder(*port) == Holder::Free)
    }

    fn longest_unused(&self, mut holder: impl FnMut(u16) -> Holder, last_used: impl Fn(u16) -> u64) -> Option<u16> {
        let mut ports: Vec<u16> = (0..self.count).map(|offset| self.port(offset)).collect();
        ports.sort_by_key(|port| last_used(*port));
        ports.into_iter().find(|port| holder(*port) == Holder::Free)
    }

    fn port(&self, offset: u32) -> u16 {
        self.low + (offset % self.count) as u16
    }

    fn offset_of(&self, port: u16) -> Option<u32> {
        u32::from(port).checked_sub(u32::from(self.low)).filter(|offset| *offset < self.count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOW: u16 = 100;
    const SYN_SEQ: u32 = 500;

    fn choose(policy: Policy, inside: u16, standing: &str) -> Option<u16> {
        let standing: Vec<Holder> = standing.chars().map(holder_of).collect();
        let mut chooser = Chooser::new(LOW..=LOW + standing.len() as u16 - 1, 1);
        // The middle ones were used longest ago.
        let used = |port: u16| u64::from(port.abs_diff(LOW + standing.len() as u16 / 2));
        let choice = chooser.choose(policy, inside, SYN_SEQ, |port| standing[usize::from(port - LOW)], used);
        choice.map(|choice| choice.port)
    }

    fn holder_of(letter: char) -> Holder {
        match letter {
            '.' => Holder::Free,
            'o' => Holder::Closed { isn: SYN_SEQ - 1 },
            _ => Holder::Live,
        }
    }

    #[test]
    fn each_policy_has_its_way() {
        let cases = [
            (Policy::Preserve, 102, ".....", Some(102)),
            (Policy::Preserve, 102, "..#o.", Some(104)),
            (Policy::Preserve, 104, ".###o", Some(100)),
            (Policy::Preserve, 9, "#....", Some(101)),
            (Policy::Preserve, 9, "#o#o#", None),
            (Policy::Sequential, 102, ".....", Some(100)),
            (Policy::Random, 102, "###.#", Some(103)),
            (Policy::Lru, 100, ".....", Some(102)),
            (Policy::Lru, 100, "..#.#", Some(101)),
            (Policy::LinuxOld, 102, ".....", Some(102)),
            (Policy::LinuxOld, 102, "##o##", None),
            (Policy::LinuxOld, 9, "##.##", Some(102)),
            (Policy::LinuxNew, 102, "##o##", Some(102)),
            (Policy::LinuxNew, 102, "#####", None),
        ];
        for (policy, inside, standing, expect) in cases {
            assert_eq!(choose(policy, inside, standing), expect, "{policy} {inside} {standing}");
        }
    }

    #[test]
    fn sequential_goes_round() {
        let mut chooser = Chooser::new(7..=9, 0);
        let mut next = || chooser.choose(Policy::Sequential, 1, SYN_SEQ, |_| Holder::Free, |_| 0);
        let ports = [next(), next(), next(), next()].map(|choice| choice.map(|choice| choice.port));
        assert_eq!(ports, [Some(7), Some(8), Some(9), Some(7)]);
    }

    #[test]
    fn random_covers_the_whole_range() {
        let mut chooser = Chooser::new(1..=u16::MAX, 3);
        let mut draw = || chooser.choose(Policy::Random, 1, SYN_SEQ, |_| Holder::Free, |_| 0);
        let drawn: Vec<u16> = (0..1000).filter_map(|_| draw()).map(|choice| choice.port).collect();
        let low = drawn.iter().filter(|port| **port < 32_768).count();
        assert!(drawn.len() == 1000 && (400..600).contains(&low), "{low}");
    }
}
