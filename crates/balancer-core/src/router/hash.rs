//! The hash of the tables that routes are compiled into. What is in them comes from the configuration: nobody can choose it so
//! that it meets in one place, so a quick hash will do.

use std::hash::{BuildHasherDefault, Hasher};

/// Makes [`Quick`] ones.
pub(super) type BuildQuick = BuildHasherDefault<Quick>;

/// Words of eight bytes, each multiplied into what was there.
#[derive(Debug, Default)]
pub(super) struct Quick(u64);

impl Quick {
    /// Both halves of the product: each bit of the word reaches them.
    #[inline]
    fn add(&mut self, word: u64) {
        const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
        let product = u128::from(self.0 ^ word ^ ODD) * u128::from(ODD.rotate_left(31));
        self.0 = product as u64 ^ (product >> 64) as u64;
    }
}

impl Hasher for Quick {
    /// What is shorter than a word is read twice where it overlaps; its length goes into the hash beside it.
    #[inline]
    fn write(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks();
        words.iter().for_each(|word| self.add(u64::from_le_bytes(*word)));
        let half = |bytes: &[u8; 4]| u64::from(u32::from_le_bytes(*bytes));
        match (rest, rest.first_chunk(), rest.last_chunk()) {
            ([], ..) => {}
            (_, Some(first), Some(last)) => self.add(half(first) << 32 | half(last)),
            _ => self.add(rest.iter().fold(0, |word, byte| word << 8 | u64::from(*byte))),
        }
    }

    #[inline]
    fn write_usize(&mut self, number: usize) {
        self.add(number as u64);
    }

    #[inline]
    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;
    use std::hash::BuildHasher;

    /// Names as configurations have them: all hashes differ, in the bits that choose a place and in those that tell its
    /// neighbours apart.
    #[test]
    fn names_spread() {
        let hash = |name: &String| BuildQuick::default().hash_one(name.as_bytes());
        let names: Vec<String> =
            (0..4096).flat_map(|n| [format!("host-{n}.example"), format!("{n}"), "a".repeat(n % 64)]).collect();
        let names: HashSet<String> = names.into_iter().collect();
        let distinct = |part: fn(u64) -> u64| names.iter().map(|name| part(hash(name))).collect::<HashSet<_>>().len();
        assert_eq!(distinct(|hash| hash), names.len());
        assert!(distinct(|hash| hash & 0xffff) > names.len() * 8 / 10, "{} places", distinct(|hash| hash & 0xffff));
        assert_eq!(distinct(|hash| hash >> 57), 128);
    }
}
