//! Moments as lines write them, in UTC.

use core::time::Duration;
use http::Date;

/// `2026-11-26T08:49:37.123456Z` (RFC 3339), of a time since the start of 1970.
pub(super) fn rfc3339(at: Duration, out: &mut Vec<u8>) {
    let date = Date::at(at.as_secs());
    let (text, mut moment) = (date.as_bytes(), *b"1970-01-01T00:00:00.000000Z");
    moment[..4].copy_from_slice(&text[12..16]);
    moment[5..7].copy_from_slice(&two_digits(month(&text[8..11])));
    moment[8..10].copy_from_slice(&text[5..7]);
    moment[11..19].copy_from_slice(&text[17..25]);
    let mut rest = at.subsec_micros();
    for digit in moment[20..26].iter_mut().rev() {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    out.extend_from_slice(&moment);
}

/// `26/Nov/2026:08:49:37 +0000`, as Apache writes it.
pub(super) fn common(at: Duration, out: &mut Vec<u8>) {
    let date = Date::at(at.as_secs());
    let text = date.as_bytes();
    out.extend_from_slice(&text[5..7]);
    out.push(b'/');
    out.extend_from_slice(&text[8..11]);
    out.push(b'/');
    out.extend_from_slice(&text[12..16]);
    out.push(b':');
    out.extend_from_slice(&text[17..25]);
    out.extend_from_slice(b" +0000");
}

/// `Nov 26 08:49:37`, as RFC 3164 wants it: a day of one digit has a space before it.
pub(super) fn rfc3164(at: Duration, out: &mut Vec<u8>) {
    let date = Date::at(at.as_secs());
    let text = date.as_bytes();
    out.extend_from_slice(&text[8..11]);
    out.push(b' ');
    out.push(if text[5] == b'0' { b' ' } else { text[5] });
    out.push(text[6]);
    out.push(b' ');
    out.extend_from_slice(&text[17..25]);
}

fn two_digits(number: usize) -> [u8; 2] {
    [b'0' + (number / 10 % 10) as u8, b'0' + (number % 10) as u8]
}

/// From 1, of a name such as `Nov`.
fn month(name: &[u8]) -> usize {
    const NAMES: &[u8; 36] = b"JanFebMarAprMayJunJulAugSepOctNovDec";
    NAMES.chunks_exact(3).position(|known| known == name).map_or(1, |at| at + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_written_to_the_microsecond() {
        let check = |at: Duration, expect: &str| {
            let mut out = Vec::new();
            rfc3339(at, &mut out);
            assert_eq!(String::from_utf8_lossy(&out), expect);
        };
        check(Duration::ZERO, "1970-01-01T00:00:00.000000Z");
        check(Duration::new(1_709_210_096, 7_000), "2024-02-29T12:34:56.000007Z");
        check(Duration::new(1_764_156_577, 999_999_999), "2025-11-26T11:29:37.999999Z");
    }
}
