//! A set of statuses that tell of an error, 400 to 599, in as many bits.

use core::ops::RangeInclusive;

/// What may be in it.
const ALL: RangeInclusive<u16> = 400..=599;

/// Some statuses from 400 to 599.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statuses([u64; 4]);

impl Statuses {
    /// None at all.
    pub const NONE: Self = Self([0; 4]);
    /// What may be in one.
    pub const ALL: RangeInclusive<u16> = ALL;

    /// Is this one of them?
    #[inline]
    pub fn has(&self, status: u16) -> bool {
        ALL.contains(&status) && {
            let at = usize::from(status - ALL.start());
            self.0[at / 64] >> (at % 64) & 1 == 1
        }
    }

    /// Is it none at all?
    pub fn is_empty(&self) -> bool {
        *self == Self::NONE
    }
}

impl FromIterator<u16> for Statuses {
    /// Others than 400 to 599 are left out.
    fn from_iter<I: IntoIterator<Item = u16>>(statuses: I) -> Self {
        let mut set = Self::default();
        for status in statuses.into_iter().filter(|status| ALL.contains(status)) {
            let at = usize::from(status - ALL.start());
            set.0[at / 64] |= 1 << (at % 64);
        }
        set
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_put_in_is_in_it_and_nothing_else() {
        let some: Vec<u16> = vec![400, 404, 463, 464, 502, 503, 504, 599];
        let set: Statuses = some.iter().copied().collect();
        assert!((0..=999).all(|status| set.has(status) == some.contains(&status)));
        assert!(Statuses::default().is_empty() && !set.is_empty());
        assert!([200, 399, 600].into_iter().collect::<Statuses>().is_empty());
    }
}
