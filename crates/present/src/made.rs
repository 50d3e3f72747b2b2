//! Where, when and by what a result was made.

use std::fmt;

/// What stands at the end of every page, so that it can be told from others when it is found again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Made {
    /// The host's name.
    pub host: String,
    /// Seconds since 1970, as the host's clock says.
    pub unix_s: u64,
    /// The program's version.
    pub version: &'static str,
}

impl fmt::Display for Made {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, version, .. } = self;
        write!(f, "quintet {version} on {host}, {}", utc(self.unix_s))
    }
}

/// `2025-11-26 00:00 UTC`.
pub(crate) fn utc(unix_s: u64) -> String {
    let ((year, month, day), minutes) = (date(unix_s / 86_400), unix_s / 60 % 1440);
    format!("{year:04}-{month:02}-{day:02} {:02}:{:02} UTC", minutes / 60, minutes % 60)
}

/// Year, month and day of a day since 1970, in the Gregorian calendar: years begin with March, so that the day that comes
/// and goes is the last.
fn date(day: u64) -> (u64, u64, u64) {
    const DAYS_OF_400_YEARS: u64 = 146_097;
    let day = day + 719_468;
    let (era, day) = (day / DAYS_OF_400_YEARS, day % DAYS_OF_400_YEARS);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (month, next) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    (era * 400 + year + next, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        let check = |unix_s, expect: &str| {
            let made = Made { host: "here".to_owned(), unix_s, version: "1" };
            assert_eq!(made.to_string(), format!("quintet 1 on here, {expect} UTC"));
        };
        check(0, "1970-01-01 00:00");
        check(951_782_400, "2000-02-29 00:00");
        check(1_709_251_199, "2024-02-29 23:59");
        check(1_709_251_200, "2024-03-01 00:00");
        check(1_798_761_599, "2026-12-31 23:59");
        check(4_107_542_400, "2100-03-01 00:00");
    }
}
