//! Moments as lines write them, in UTC.

use core::time::Duration;
use http::{Date, calendar, two_digits};

/// `2026-11-26T08:49:37.123456Z` (RFC 3339). Lines of one second differ in six digits: the rest is kept from one to the next.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    second: u64,
    text: [u8; 27],
}

impl Default for Moment {
    fn default() -> Self {
        Self { second: 0, text: *b"1970-01-01T00:00:00.000000Z" }
    }
}

impl Moment {
    /// The text of a time since the start of 1970.
    pub(super) fn at(&mut self, at: Duration) -> &[u8] {
        if at.as_secs() != self.second {
            self.turn_to(at.as_secs());
        }
        let micros = at.subsec_micros();
        for (place, two) in [(20, micros / 10_000), (22, micros / 100 % 100), (24, micros % 100)] {
            self.text[place..place + 2].copy_from_slice(&two_digits(two as usize));
        }
        &self.text
    }

    #[cold]
    fn turn_to(&mut self, second: u64) {
        let date = Date::at(second);
        let (text, moment) = (date.as_bytes(), &mut self.text);
        let month = core::str::from_utf8(&text[8..11]).ok().and_then(calendar::month);
        moment[..4].copy_from_slice(&text[12..16]);
        moment[5..7].copy_from_slice(&two_digits(month.unwrap_or(1) as usize));
        moment[8..10].copy_from_slice(&text[5..7]);
        moment[11..19].copy_from_slice(&text[17..25]);
        self.second = second;
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_written_to_the_microsecond_whatever_was_written_before() {
        let mut moment = Moment::default();
        let mut check = |at: Duration, expect: &str| {
            assert_eq!(String::from_utf8_lossy(Moment::default().at(at)), expect);
            assert_eq!(String::from_utf8_lossy(moment.at(at)), expect);
        };
        check(Duration::ZERO, "1970-01-01T00:00:00.000000Z");
        check(Duration::new(1_709_210_096, 7_000), "2024-02-29T12:34:56.000007Z");
        check(Duration::new(1_709_210_096, 123_456_789), "2024-02-29T12:34:56.123456Z");
        check(Duration::new(1_764_156_577, 999_999_999), "2025-11-26T11:29:37.999999Z");
        check(Duration::new(1_709_210_095, 0), "2024-02-29T12:34:55.000000Z");
    }
}
