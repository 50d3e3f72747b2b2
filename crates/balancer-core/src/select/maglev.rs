//! A table that names a server for any key, evenly and by weight, and for nearly all keys the same one after another server has
//! come or gone (Eisenbud and others, Maglev, NSDI 2016, section 3.4). Who builds it from the same servers gets the same
//! table, whichever process or host that is.

use super::key::{hash, mix};

/// Sizes of tables, all of them primes: there are a hundred entries for each server, or as many as the largest has.
const SIZES: [usize; 4] = [1021, 8191, 65_537, 1_048_583];
const ENTRIES_PER_SERVER: usize = 100;

/// Which of the servers it was built from answers for a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Maglev {
    table: Box<[u32]>,
}

/// One server's way through the table: entries in the order in which it wants them.
struct Claim {
    server: u32,
    at: usize,
    skip: usize,
    weight: u64,
    taken: u64,
}

impl Maglev {
    /// From servers by what names each for good, and its weight; whoever weighs nothing gets no key. Their order does not
    /// matter, but is what [`Maglev::server`] counts by.
    pub fn build<'a>(servers: impl Iterator<Item = (&'a [u8], u32)>) -> Self {
        let mut claims: Vec<(&[u8], Claim)> = Vec::new();
        for (server, (name, weight)) in servers.enumerate().filter(|(_, (_, weight))| *weight > 0) {
            let claim = Claim { server: server as u32, at: 0, skip: 0, weight: weight.into(), taken: 0 };
            claims.push((name, claim));
        }
        claims.sort_by_key(|(name, _)| *name);
        let wanted = claims.len() * ENTRIES_PER_SERVER;
        let size = *SIZES.iter().find(|size| **size >= wanted).unwrap_or(&SIZES[SIZES.len() - 1]);
        let claims = claims.into_iter().map(|(name, claim)| Claim {
            at: (hash(name) % size as u64) as usize,
            skip: (mix(hash(name), 1) % (size as u64 - 1)) as usize + 1,
            ..claim
        });
        Self { table: fill(size, claims.collect()) }
    }

    /// The number of the server for a key; `None` where there is nobody.
    pub fn server(&self, key: u64) -> Option<usize> {
        let size = self.table.len() as u64;
        let entry = *self.table.get((key.checked_rem(size)?) as usize)?;
        Some(entry as usize)
    }
}

/// All take turns, the heaviest one in every round and the others by their weight; each takes the next entry it wants that
/// is still free.
fn fill(size: usize, mut claims: Vec<Claim>) -> Box<[u32]> {
    const FREE: u32 = u32::MAX;
    let Some(heaviest) = claims.iter().map(|claim| claim.weight).max() else { return Box::default() };
    let mut table = vec![FREE; size].into_boxed_slice();
    let mut left = size;
    for round in 1.. {
        for claim in &mut claims {
            if round * claim.weight < (claim.taken + 1) * heaviest {
                continue;
            }
            while table[claim.at] != FREE {
                claim.at = (claim.at + claim.skip) % size;
            }
            table[claim.at] = claim.server;
            claim.taken += 1;
            left -= 1;
            if left == 0 {
                return table;
            }
        }
    }
    table
}
