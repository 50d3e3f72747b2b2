//! The gateway's table: inside flows to public ports, entries that time out, the port policies.

use super::plan::Nat;
use super::random::{FastMap, Random};
use crate::decide::nat::{self, Holder, Policy};
use core::time::Duration;
use std::collections::VecDeque;

/// First public port that is handed out.
const FIRST: u16 = 1024;
/// Public ports of one address.
pub(super) const PORTS: u32 = 65_536 - FIRST as u32;
/// Ports looked at before an own policy (not Linux's) gives up.
const LOOKED_AT_MAX: u32 = 1024;

/// A public address and port: index times [`PORTS`] plus port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Public(pub(super) u32);

impl Public {
    fn new(address: u16, port: u16) -> Self {
        Self(u32::from(address) * PORTS + u32::from(port - FIRST))
    }

    pub(super) fn address(self) -> u16 {
        (self.0 / PORTS) as u16
    }

    pub(super) fn port(self) -> u16 {
        (self.0 % PORTS) as u16 + FIRST
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Held {
    #[default]
    Free,
    Live,
    Closed,
}

#[derive(Clone, Copy, Debug, Default)]
struct Entry {
    held: Held,
    isn: u32,
    inside: u64,
    expires: Duration,
}

/// The table.
#[derive(Clone, Debug)]
pub(super) struct Gateway {
    nat: Nat,
    entries: Vec<Entry>,
    inside: FastMap<Public>,
    /// Free ports, a bit each, by address: a full gateway is asked often.
    free_bits: Vec<FreePorts>,
    /// Entries by end, one queue for each of the two time-outs, so that both are in order.
    ending: [VecDeque<(Duration, Public)>; 2],
    /// Free ports by age, for [`Policy::Lru`].
    oldest: Vec<VecDeque<u16>>,
    rovers: Vec<u32>,
    free: u64,
    pub(super) evictions: u64,
}

/// How a connection ended, as the gateway sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// Both FINs, or nothing more was heard.
    Fin,
    /// By RST.
    Reset,
}

fn inside_key(client: u32, port: u16) -> u64 {
    u64::from(client) << 16 | u64::from(port)
}

impl Gateway {
    pub(super) fn new(nat: Nat) -> Self {
        let addresses = usize::from(nat.addresses);
        let all: VecDeque<u16> = if nat.policy == Policy::Lru { (FIRST..=u16::MAX).collect() } else { VecDeque::new() };
        Self {
            nat,
            entries: vec![Entry::default(); addresses * PORTS as usize],
            inside: FastMap::default(),
            free_bits: vec![FreePorts::default(); addresses],
            ending: [VecDeque::new(), VecDeque::new()],
            oldest: vec![all; addresses],
            rovers: vec![0; addresses],
            free: addresses as u64 * u64::from(PORTS),
            evictions: 0,
        }
    }

    pub(super) fn free(&self) -> u64 {
        self.free
    }

    /// A SYN from inside: its public port, an old one of the same inside flow first ended and then chosen anew.
    pub(super) fn open(
        &mut self,
        client: u32,
        port: u16,
        isn: u32,
        random: &mut Random,
        now: Duration,
    ) -> Option<Public> {
        self.expire(now);
        let inside = inside_key(client, port);
        if let Some(public) = self.inside.get(&inside).copied() {
            self.release(public);
        }
        // A client stays with one address, as gateways do so that servers see one.
        let address = (client % u32::from(self.nat.addresses)) as u16;
        let (port, evicted) = self.choose(address, port, isn, random)?;
        let public = Public::new(address, port);
        if evicted {
            self.evictions += 1;
            self.release(public);
        }
        self.free -= 1;
        self.free_bits[usize::from(address)].set(port, false);
        self.entries[public.0 as usize] = Entry { held: Held::Live, isn, inside, expires: Duration::MAX };
        self.inside.insert(inside, public);
        Some(public)
    }

    /// The connection on `public` ended; the entry stays for its time-out.
    pub(super) fn end(&mut self, public: Public, ended: Ended, now: Duration) {
        let (queue, time_out) = match ended {
            Ended::Fin => (0, self.nat.time_outs.time_wait),
            Ended::Reset => (1, self.nat.time_outs.close),
        };
        let entry = &mut self.entries[public.0 as usize];
        entry.held = Held::Closed;
        entry.expires = now + time_out;
        self.ending[queue].push_back((entry.expires, public));
    }

    fn expire(&mut self, now: Duration) {
        for queue in 0..self.ending.len() {
            while let Some((_, public)) = self.ending[queue].pop_front_if(|(at, _)| *at <= now) {
                let entry = self.entries[public.0 as usize];
                // Evicted and used again since: the queue's item is about the entry before.
                if entry.held == Held::Closed && entry.expires <= now {
                    self.release(public);
                }
            }
        }
    }

    fn release(&mut self, public: Public) {
        let entry = core::mem::take(&mut self.entries[public.0 as usize]);
        self.inside.remove(&entry.inside);
        self.free += 1;
        self.free_bits[usize::from(public.address())].set(public.port(), true);
        if self.nat.policy == Policy::Lru {
            self.oldest[usize::from(public.address())].push_back(public.port());
        }
    }

    fn holder(&self, address: u16, port: u16) -> Holder {
        if port < FIRST {
            return Holder::Live;
        }
        let entry = self.entries[Public::new(address, port).0 as usize];
        match entry.held {
            Held::Free => Holder::Free,
            Held::Live => Holder::Live,
            Held::Closed => Holder::Closed { isn: entry.isn },
        }
    }

    /// A port, and whether an old entry must give way for it.
    fn choose(&mut self, address: u16, port: u16, isn: u32, random: &mut Random) -> Option<(u16, bool)> {
        let place = usize::from(address);
        let first_free = |start| self.free_bits[place].first_from(start);
        match self.nat.policy {
            Policy::Preserve => first_free(u32::from(port.max(FIRST) - FIRST)).map(|port| (port, false)),
            Policy::Random => first_free(random.below(u64::from(PORTS)) as u32).map(|port| (port, false)),
            Policy::Sequential => {
                let port = first_free(self.rovers[place])?;
                self.rovers[place] = u32::from(port - FIRST) + 1;
                Some((port, false))
            }
            Policy::Lru => self.oldest[place].pop_front().map(|port| (port, false)),
            Policy::LinuxOld | Policy::LinuxNew => {
                let holder = |port| self.holder(address, port);
                let choice = nat::linux_choice(self.nat.policy, port, isn, false, || random.next() as u32, holder)?;
                Some((choice.port, choice.evicted))
            }
        }
    }
}

/// The free ports of one address.
#[derive(Clone, Debug)]
struct FreePorts(Vec<u64>);

impl Default for FreePorts {
    fn default() -> Self {
        Self(vec![u64::MAX; (PORTS / u64::BITS) as usize])
    }
}

impl FreePorts {
    fn set(&mut self, port: u16, free: bool) {
        let at = u32::from(port - FIRST);
        let (word, bit) = (&mut self.0[(at / 64) as usize], 1 << (at % 64));
        *word = if free { *word | bit } else { *word & !bit };
    }

    /// The first free port of the [`LOOKED_AT_MAX`] from `start` on.
    fn first_from(&self, start: u32) -> Option<u16> {
        let mut at = start % PORTS;
        let mut left = LOOKED_AT_MAX;
        while left > 0 {
            let here = (64 - at % 64).min(left);
            let free = (self.0[(at / 64) as usize] >> (at % 64)).trailing_zeros();
            if free < here {
                return Some((at + free) as u16 + FIRST);
            }
            left -= here;
            at = (at + here) % PORTS;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::nat::TimeOuts;
    use std::collections::BTreeSet;

    fn gateway(policy: Policy) -> Gateway {
        let time_outs = TimeOuts { time_wait: Duration::from_secs(5), close: Duration::from_secs(1) };
        Gateway::new(Nat { policy, addresses: 2, time_outs, drops_resets: false })
    }

    #[test]
    fn no_two_live_flows_share_a_public_port() {
        for policy in Policy::ALL {
            let mut gateway = gateway(policy);
            let mut random = Random::new(3);
            let mut live: BTreeSet<u32> = BTreeSet::new();
            for step in 0..30_000u32 {
                let now = Duration::from_millis(u64::from(step));
                let (client, port) = (random.below(500) as u32, 20_000 + random.below(40_000) as u16);
                if gateway.inside.get(&inside_key(client, port)).is_some_and(|public| live.contains(&public.0)) {
                    continue;
                }
                let public = gateway
                    .open(client, port, step, &mut random, now)
                    .unwrap_or_else(|| panic!("{policy} has no port at step {step}"));
                assert!(live.insert(public.0), "{policy} hands out {public:?} twice");
                if live.len() > 100 {
                    let ended = Public(live.pop_first().expect("there are more than 100"));
                    gateway.end(ended, if step % 3 == 0 { Ended::Reset } else { Ended::Fin }, now);
                }
            }
            let used = gateway.entries.iter().filter(|entry| entry.held != Held::Free).count() as u64;
            assert_eq!(gateway.free(), 2 * u64::from(PORTS) - used, "{policy}");
            assert_eq!(gateway.inside.len() as u64, used, "{policy}");
        }
    }

    #[test]
    fn the_first_free_port_is_found_within_reach() {
        let mut free = FreePorts::default();
        (FIRST..=u16::MAX).for_each(|port| free.set(port, false));
        assert_eq!(free.first_from(77), None);
        free.set(FIRST + 500, true);
        let check = |start, expect: Option<u16>| assert_eq!(free.first_from(start), expect, "from {start}");
        check(500, Some(FIRST + 500));
        check(501, None);
        check(0, Some(FIRST + 500));
        check(PORTS - LOOKED_AT_MAX + 500, None);
        check(PORTS - LOOKED_AT_MAX + 501, Some(FIRST + 500));
    }

    #[test]
    fn policies_choose_as_their_names_say() {
        for (policy, expect) in
            [(Policy::Preserve, [40_000, 40_001]), (Policy::Sequential, [1024, 1025]), (Policy::Lru, [1024, 1025])]
        {
            let mut gateway = gateway(policy);
            let mut open =
                |client| gateway.open(client, 40_000, 1, &mut Random::new(1), Duration::ZERO).map(Public::port);
            assert_eq!([open(0), open(2)], expect.map(Some), "{policy}");
        }
    }

    #[test]
    fn entries_last_as_long_as_their_time_out() {
        let mut gateway = gateway(Policy::Preserve);
        let mut open = |client, at_s| {
            let now = Duration::from_secs(at_s);
            let public = gateway.open(client, 40_000, 1, &mut Random::new(1), now).expect("ports abound");
            gateway.end(public, Ended::Fin, now);
            public.port()
        };
        assert_eq!([open(0, 0), open(2, 4), open(4, 5), open(6, 6)], [40_000, 40_001, 40_000, 40_002]);
        assert_eq!(open(4, 7), 40_000, "the same inside flow takes its entry over");
    }
}
