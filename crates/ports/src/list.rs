//! Ports to hand out: ranges in ascending order, with whatever must be left out between them.

use crate::set::{PortRange, SetError};
use core::fmt;

/// Ranges named before a list is cut short in text.
const SHOWN_MAX: usize = 3;

/// At least one port, each once, in ascending order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortList {
    /// Ascending; no two overlap.
    ranges: Vec<PortRange>,
    /// Of each range: how many ports lie before it.
    before: Vec<u32>,
    len: u32,
}

impl PortList {
    /// Of ranges in any order, overlapping or not; `None` of none.
    pub fn new(mut ranges: Vec<PortRange>) -> Option<Self> {
        ranges.sort_unstable_by_key(|range| (range.low(), range.high()));
        let mut joined: Vec<PortRange> = Vec::with_capacity(ranges.len());
        for range in ranges {
            match joined.last_mut() {
                Some(last) if range.low() <= last.high() => *last = last.up_to(range.high()),
                _ => joined.push(range),
            }
        }
        Self::of_ascending(joined)
    }

    fn of_ascending(ranges: Vec<PortRange>) -> Option<Self> {
        let mut len = 0;
        let count = |range: &PortRange| {
            let before = len;
            len += range.len();
            before
        };
        let before = ranges.iter().map(count).collect();
        (len > 0).then_some(Self { ranges, before, len })
    }

    /// Number of ports; never 0.
    #[allow(clippy::len_without_is_empty)] // a list is never empty
    pub fn len(&self) -> u32 {
        self.len
    }

    /// The port at `index`, counted from 0.
    ///
    /// # Panics
    /// When there are not so many.
    pub fn at(&self, index: u32) -> u16 {
        assert!(index < self.len, "port {index} of {}", self.len);
        let range = self.before.partition_point(|before| *before <= index) - 1;
        // A range holds at most 65,535 ports.
        self.ranges[range].low() + (index - self.before[range]) as u16
    }

    /// The ranges, ascending.
    pub fn ranges(&self) -> &[PortRange] {
        &self.ranges
    }

    /// Lowest and highest port.
    pub fn ends(&self) -> (u16, u16) {
        (self.ranges[0].low(), self.ranges[self.ranges.len() - 1].high())
    }

    /// All but the ports of `others`; `None` when nothing is left.
    pub fn without(&self, others: &[PortRange]) -> Option<Self> {
        let mut left = self.ranges.clone();
        for other in others {
            left = left.into_iter().flat_map(|range| range.without(*other)).collect();
        }
        Self::of_ascending(left)
    }

    /// `parts` lists that share no port and miss none, as equal as can be.
    pub fn split(&self, parts: u32) -> Result<Vec<Self>, SetError> {
        if parts == 0 || parts > self.len {
            return Err(SetError::TooFewPorts { ports: self.len, parts });
        }
        let start = |part: u32| (u64::from(self.len) * u64::from(part) / u64::from(parts)) as u32;
        Ok((0..parts).filter_map(|part| self.slice(start(part), start(part + 1))).collect())
    }

    /// The ports from index `from` on, before index `to`.
    fn slice(&self, from: u32, to: u32) -> Option<Self> {
        let of = |(range, before): (&PortRange, &u32)| {
            let (first, end) = (from.max(*before), to.min(before + range.len()));
            let port = |index: u32| range.low() + (index - before) as u16;
            (first < end).then(|| PortRange::new(port(first), port(end - 1)).ok()).flatten()
        };
        Self::of_ascending(self.ranges.iter().zip(&self.before).filter_map(of).collect())
    }
}

impl From<PortRange> for PortList {
    fn from(range: PortRange) -> Self {
        Self { ranges: vec![range], before: vec![0], len: range.len() }
    }
}

impl fmt::Display for PortList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, range) in self.ranges.iter().take(SHOWN_MAX).enumerate() {
            write!(f, "{}{range}", if at > 0 { ", " } else { "" })?;
        }
        if self.ranges.len() > SHOWN_MAX {
            let more = self.ranges.len() - SHOWN_MAX;
            write!(f, " and {more} more up to {}", self.ends().1)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(ranges: &[(u16, u16)]) -> PortList {
        let range = |(low, high): &(u16, u16)| PortRange::new(*low, *high).expect("a good range");
        PortList::new(ranges.iter().map(range).collect()).expect("not empty")
    }

    fn all(list: &PortList) -> Vec<u16> {
        (0..list.len()).map(|index| list.at(index)).collect()
    }

    #[test]
    fn every_port_is_there_once_and_in_order() {
        assert_eq!(all(&list(&[(30, 32), (5, 5), (31, 34), (10, 11)])), [5, 10, 11, 30, 31, 32, 33, 34]);
        assert_eq!(list(&[(1, 65535)]).len(), 65_535);
        assert_eq!(list(&[(1, 65535)]).at(65_534), 65_535);
        assert_eq!(PortList::new(Vec::new()), None);
    }

    #[test]
    fn what_is_left_out_leaves_a_hole() {
        let check = |whole: &[(u16, u16)], out: &[(u16, u16)], expect: &[u16]| {
            let out: Vec<_> = out.iter().map(|(low, high)| PortRange::new(*low, *high).expect("good")).collect();
            let left = list(whole).without(&out).map_or(Vec::new(), |left| all(&left));
            assert_eq!(left, expect, "{whole:?} without {out:?}");
        };
        check(&[(10, 14)], &[(12, 12)], &[10, 11, 13, 14]);
        check(&[(10, 14)], &[(1, 10), (14, 20)], &[11, 12, 13]);
        check(&[(10, 12), (20, 22)], &[(11, 21)], &[10, 22]);
        check(&[(10, 12)], &[(1, 9), (13, 20)], &[10, 11, 12]);
        check(&[(10, 12)], &[(10, 12)], &[]);
        check(&[(1, 3), (65_534, 65_535)], &[(1, 1), (65_535, 65_535)], &[2, 3, 65_534]);
    }

    #[test]
    fn a_split_loses_no_port_and_shares_none() {
        let whole = list(&[(5, 5), (10, 11), (30, 34), (65_535, 65_535)]);
        for parts in 1..=whole.len() {
            let lists = whole.split(parts).expect("as many ports as parts");
            assert_eq!(lists.iter().flat_map(all).collect::<Vec<_>>(), all(&whole), "{parts} parts");
            assert_eq!(lists.len(), parts as usize);
        }
        assert_eq!(whole.split(10), Err(SetError::TooFewPorts { ports: 9, parts: 10 }));
        assert_eq!(whole.split(0), Err(SetError::TooFewPorts { ports: 9, parts: 0 }));
    }

    #[test]
    fn a_long_list_is_named_by_its_beginning() {
        assert_eq!(list(&[(10, 12), (20, 22)]).to_string(), "10-12, 20-22");
        let long: Vec<_> = (1..=9).map(|n| (n * 10, n * 10 + 1)).collect();
        assert_eq!(list(&long).to_string(), "10-11, 20-21, 30-31 and 6 more up to 91");
    }
}
