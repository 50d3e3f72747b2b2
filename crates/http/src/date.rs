//! The date of a message (RFC 9110 5.6.7), written without a clock of our own: somebody tells the time.

use crate::calendar::{MONTHS, civil};
use crate::two_digits;

const DAYS: [&[u8; 3]; 7] = [b"Thu", b"Fri", b"Sat", b"Sun", b"Mon", b"Tue", b"Wed"];
const DAY_SECONDS: u64 = 24 * 60 * 60;

/// The value of `Date`: `Sun, 06 Nov 1994 08:49:37 GMT`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Date([u8; 29]);

impl Date {
    /// The start of 1970.
    pub const EPOCH: Self = Self(*b"Thu, 01 Jan 1970 00:00:00 GMT");

    /// So many seconds after the start of 1970, up to the end of the year 9999.
    pub fn at(unix_seconds: u64) -> Self {
        let (days, second) = (unix_seconds / DAY_SECONDS, unix_seconds % DAY_SECONDS);
        let (year, month, day) = civil(days);
        let mut text = Self::EPOCH.0;
        text[..3].copy_from_slice(DAYS[(days % 7) as usize]);
        text[8..11].copy_from_slice(MONTHS[month as usize].as_bytes());
        let mut put = |at: usize, number: u64| text[at..at + 2].copy_from_slice(&two_digits(number as usize));
        put(5, day);
        put(12, year / 100);
        put(14, year % 100);
        put(17, second / 3600);
        put(20, second / 60 % 60);
        put(23, second % 60);
        Self(text)
    }

    /// The text.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        for (seconds, expect) in [
            (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
            (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"),
            (951_782_399, "Mon, 28 Feb 2000 23:59:59 GMT"),
            (951_782_400, "Tue, 29 Feb 2000 00:00:00 GMT"),
            (1_078_012_800, "Sun, 29 Feb 2004 00:00:00 GMT"),
            (1_767_225_599, "Wed, 31 Dec 2025 23:59:59 GMT"),
            (4_107_542_400, "Mon, 01 Mar 2100 00:00:00 GMT"),
            (253_402_300_799, "Fri, 31 Dec 9999 23:59:59 GMT"),
        ] {
            assert_eq!(std::str::from_utf8(Date::at(seconds).as_bytes()), Ok(expect), "{seconds}");
        }
    }
}
