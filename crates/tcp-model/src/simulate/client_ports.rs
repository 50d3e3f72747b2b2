//! The ephemeral ports of every client: a few as a list, many as a bitmap, so that a million idle clients cost little
//! and one busy client is quick.

use super::random::FastMap;
use crate::decide::clock::mix;
use crate::decide::port_choice::{self, Occupant, Order};
use crate::sysctls::Sysctls;
use crate::version::Version;
use core::time::Duration;

/// Ports held before a list becomes a bitmap.
const LISTED_MAX: usize = 16;

/// The kernel draws a new random start every 10 s (EPHEMERAL_PORT_SHUFFLE_PERIOD).
const SHUFFLED_EVERY_S: u64 = 10;

/// Ports of every client.
#[derive(Clone, Debug)]
pub(super) struct ClientPorts {
    order: Order,
    sysctls: Sysctls,
    range: (u16, u16),
    clients: Vec<Client>,
    bitmaps: FastMap<Box<Bitmap>>,
    most_held: u32,
}

#[derive(Clone, Debug, Default)]
struct Client {
    held: Vec<u16>,
    perturbation: u32,
}

impl ClientPorts {
    pub(super) fn new(version: Version, sysctls: Sysctls, clients: u32) -> Self {
        let range = port_choice::range(version, &sysctls, None);
        let order = Order::of(version, false);
        let clients = vec![Client::default(); clients as usize];
        Self { order, sysctls, range, clients, bitmaps: FastMap::default(), most_held: 0 }
    }

    /// A port for the next connect of `client`.
    pub(super) fn take(&mut self, client: u32, secret: u64, now: Duration) -> Option<u16> {
        let hash = mix(secret ^ (now.as_secs() / SHUFFLED_EVERY_S)) as u32;
        let own = &self.clients[client as usize];
        let offset = own.perturbation.wrapping_add(hash);
        let (port, advance) = match self.bitmaps.get(&u64::from(client)) {
            Some(bitmap) => bitmap.search(self.order, offset).map(|index| (self.range.0 + index, 2))?,
            None => {
                let held = |port| if own.held.contains(&port) { Occupant::ThisTuple } else { Occupant::Nobody };
                let choice = port_choice::search(self.order, &self.sysctls, self.range, offset, held).ok()?;
                (choice.port, choice.advance)
            }
        };
        let own = &mut self.clients[client as usize];
        own.perturbation = own.perturbation.wrapping_add(advance + (hash >> 29) * 2);
        self.hold(client, port);
        Some(port)
    }

    fn hold(&mut self, client: u32, port: u16) {
        if let Some(bitmap) = self.bitmaps.get_mut(&u64::from(client)) {
            bitmap.set(port - self.range.0, true);
            self.most_held = self.most_held.max(bitmap.held);
            return;
        }
        let own = &mut self.clients[client as usize];
        own.held.push(port);
        self.most_held = self.most_held.max(own.held.len() as u32);
        if own.held.len() > LISTED_MAX {
            let mut bitmap = Bitmap::new(self.range, &self.sysctls);
            own.held.drain(..).for_each(|port| bitmap.set(port - self.range.0, true));
            self.bitmaps.insert(u64::from(client), Box::new(bitmap));
        }
    }

    /// `client` can use `port` again.
    pub(super) fn release(&mut self, client: u32, port: u16) {
        match self.bitmaps.get_mut(&u64::from(client)) {
            Some(bitmap) => bitmap.set(port - self.range.0, false),
            None => self.clients[client as usize].held.retain(|held| *held != port),
        }
    }

    /// Free ports of the client that has the fewest.
    pub(super) fn fewest_free(&self) -> u64 {
        // Lists matter only as long as no client has a bitmap: sixteen ports are nothing in a usual range.
        let busiest = self.bitmaps.values().map(|bitmap| bitmap.held).max();
        let held = busiest.unwrap_or_else(|| self.most_held.min(LISTED_MAX as u32));
        u64::from(self.sysctls.ephemeral_ports()).saturating_sub(u64::from(held))
    }
}

/// Ports of a range as two bitmaps, one for each parity, so that the kernel's search is a search for a zero bit.
#[derive(Clone, Debug)]
struct Bitmap {
    parities: [Vec<u64>; 2],
    ports: u32,
    held: u32,
}

impl Bitmap {
    /// Reserved ports, and bits behind the end, are set for good.
    fn new((low, high): (u16, u16), sysctls: &Sysctls) -> Self {
        let ports = u32::from(high - low) + 1;
        let words = ports.div_ceil(128) as usize;
        let mut bitmap = Self { parities: [vec![0; words], vec![0; words]], ports, held: 0 };
        let end = (words * 128) as u32;
        (0..end)
            .filter(|index| *index >= ports || sysctls.is_reserved(low + *index as u16))
            .for_each(|index| bitmap.put(index, true));
        bitmap
    }

    fn put(&mut self, index: u32, held: bool) {
        let (word, bit) = ((index / 2 / 64) as usize, index / 2 % 64);
        let word = &mut self.parities[(index % 2) as usize][word];
        *word = if held { *word | 1 << bit } else { *word & !(1 << bit) };
    }

    fn set(&mut self, index: u16, held: bool) {
        self.put(u32::from(index), held);
        self.held = if held { self.held + 1 } else { self.held.saturating_sub(1) };
    }

    /// The first free port from `offset` on, in the kernel's order; in one pass both parities compete.
    fn search(&self, order: Order, offset: u32) -> Option<u16> {
        let start = offset % self.ports;
        let first = self.next_zero(0, start / 2);
        if order == Order::ParityFirst && first.is_some() {
            return first;
        }
        let second = self.next_zero(1, start / 2);
        let distance = |index: &u16| (u32::from(*index) + self.ports - start) % self.ports;
        first.into_iter().chain(second).min_by_key(distance)
    }

    fn next_zero(&self, parity: usize, from: u32) -> Option<u16> {
        let words = &self.parities[parity];
        let (start, bit) = ((from / 64) as usize, from % 64);
        let masked = |index: usize, mask: u64| {
            let free = !words[index] & mask;
            (free != 0).then(|| ((index as u32 * 64 + free.trailing_zeros()) * 2) as u16 + parity as u16)
        };
        masked(start, u64::MAX << bit)
            .or_else(|| (start + 1..words.len()).chain(0..start).find_map(|index| masked(index, u64::MAX)))
            .or_else(|| masked(start, !(u64::MAX << bit)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn sysctls(version: Version, range: &str) -> Sysctls {
        let mut sysctls = Sysctls::defaults(version);
        sysctls.set(version, "ip_local_port_range", range).expect("a valid range");
        sysctls.set(version, "ip_local_reserved_ports", "40003").expect("a valid port");
        sysctls
    }

    #[test]
    fn every_port_is_handed_out_once() {
        for version in ["3.10", "6.18"].map(|text| text.parse().expect("a version")) {
            for (range, count) in [("40000 40009", 9), ("40000 40199", 199), ("40001 40127", 126)] {
                let mut ports = ClientPorts::new(version, sysctls(version, range), 2);
                let taken: Vec<u16> = core::iter::from_fn(|| ports.take(1, 7, Duration::ZERO)).collect();
                let distinct: BTreeSet<u16> = taken.iter().copied().collect();
                assert_eq!((taken.len(), distinct.len()), (count, count), "{version} {range}");
                assert!(!distinct.contains(&40_003));
                assert_eq!(ports.fewest_free(), if count > LISTED_MAX { 0 } else { 9 - count as u64 });
                ports.release(1, 40_005);
                assert_eq!(ports.take(1, 7, Duration::ZERO), Some(40_005));
                assert!(ports.take(0, 9, Duration::ZERO).is_some(), "another client has ports of its own");
            }
        }
    }

    #[test]
    fn a_bitmap_keeps_the_kernels_order() {
        let version = Version::new(6, 18);
        let mut ports = ClientPorts::new(version, sysctls(version, "40000 40999"), 1);
        let taken: Vec<u16> = (0..500).filter_map(|_| ports.take(0, 7, Duration::ZERO)).collect();
        assert!(taken.iter().all(|port| port % 2 == 0), "odd ports before the even ones were used up");
        assert!(ports.take(0, 7, Duration::ZERO).is_some_and(|port| port % 2 == 1));
    }
}
