//! The bytes of `/bytes` and `/chunked`: each follows from its offset, so that any part of an answer can be checked
//! on its own, and a part that got lost, doubled or moved is seen.

/// The byte at `offset`. Printable, and its period (a prime, above any buffer's size) hides no shift by whole buffers.
pub fn byte_at(offset: u64) -> u8 {
    const PERIOD: u64 = 65_521;
    let place = offset % PERIOD;
    b'a' + ((place ^ (place >> 5)) % 26) as u8
}

/// Fills `out` with the bytes from `offset` on.
pub fn fill(offset: u64, out: &mut [u8]) {
    for (at, byte) in out.iter_mut().enumerate() {
        *byte = byte_at(offset + at as u64);
    }
}

/// The first place where `bytes`, taken from `offset` on, are not what they should be.
pub fn first_difference(offset: u64, bytes: &[u8]) -> Option<u64> {
    let wrong = |(at, byte): (usize, &u8)| (byte_at(offset + at as u64) != *byte).then_some(offset + at as u64);
    bytes.iter().enumerate().find_map(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_part_is_the_same_wherever_it_is_cut() {
        let mut whole = vec![0; 200_000];
        fill(0, &mut whole);
        for (from, to) in [(0, 1), (1, 70_000), (65_520, 65_530), (131_000, 200_000)] {
            let mut part = vec![0; to - from];
            fill(from as u64, &mut part);
            assert!(part == whole[from..to], "{from}..{to}");
            assert_eq!(first_difference(from as u64, &part), None);
        }
    }

    #[test]
    fn a_shift_by_a_buffer_is_seen() {
        for shift in [1, 26, 1024, 4096, 16_384, 65_536] {
            let mut moved = vec![0; 64];
            fill(shift, &mut moved);
            assert!(first_difference(0, &moved).is_some(), "shift {shift}");
        }
    }
}
