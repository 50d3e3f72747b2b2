//! The Internet checksum (RFC 1071) and its change in place (RFC 1624).

/// The checksum over `parts` as if they stood in a row; every part but the last has an even length.
///
/// Over data that includes its right checksum the result is 0.
pub(crate) fn checksum(parts: &[&[u8]]) -> u16 {
    !fold(parts.iter().map(|part| sum(part)).sum())
}

/// What `before`, a checksum, becomes when `old` bytes are replaced by `new` ones (RFC 1624, equation 3).
/// Both have the same, even length. A wrong checksum stays wrong.
pub(crate) fn checksum_changed(before: u16, old: &[u8], new: &[u8]) -> u16 {
    debug_assert!(old.len() == new.len() && old.len().is_multiple_of(2));
    let complement = |bytes: &[u8]| bytes.chunks_exact(2).map(|two| u64::from(!word(two))).sum::<u64>();
    !fold(u64::from(!before) + complement(old) + sum(new))
}

fn word(two: &[u8]) -> u16 {
    u16::from_be_bytes([two[0], two[1]])
}

fn sum(bytes: &[u8]) -> u64 {
    let chunks = bytes.chunks_exact(2);
    let odd = chunks.remainder().first().map_or(0, |last| u64::from(*last) << 8);
    chunks.map(|two| u64::from(word(two))).sum::<u64>() + odd
}

fn fold(mut sum: u64) -> u16 {
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    sum as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_rfc_1071() {
        assert_eq!(checksum(&[&[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7]]), !0xddf2);
        assert_eq!(checksum(&[&[0x00, 0x01], &[0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7]]), !0xddf2);
        assert_eq!(checksum(&[&[0xab]]), !0xab00);
    }

    #[test]
    fn the_example_of_rfc_1624() {
        // Where equation 2 gives 0xffff instead of 0x0000.
        assert_eq!(checksum_changed(0xdd2f, &[0x55, 0x55], &[0x32, 0x85]), 0x0000);
    }
}
