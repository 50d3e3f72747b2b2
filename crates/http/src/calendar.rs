//! Days of the Gregorian calendar as days since 1970, and back.

/// Months as messages and logs name them.
pub(crate) const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// The month of this name, from 1, however it is written.
pub fn month(name: &str) -> Option<u64> {
    MONTHS.iter().position(|month| month.eq_ignore_ascii_case(name)).map(|at| at as u64 + 1)
}

/// Days from the start of 1970 to a day of a year up to 9999, month and day from 1; `None` where there is no such day, or it is
/// before 1970.
pub fn days_since_1970(year: u64, month: u64, day: u64) -> Option<u64> {
    if !(1970..=9999).contains(&year) || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    // As below, years begin in March.
    let of_march = if month <= 2 { year - 1 } else { year };
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let days = (of_march * 365 + of_march / 4 - of_march / 100 + of_march / 400 + of_year).checked_sub(719_468)?;
    // A day that its month has not is one of the next month.
    (civil(days) == (year, month - 1, day)).then_some(days)
}

/// Year, month from 0 and day from 1 of the Gregorian calendar, so many days after the start of 1970. Years are counted from
/// the first of March, so that the leap day is their last; 400 of them have 146,097 days.
pub(crate) fn civil(days: u64) -> (u64, u64, u64) {
    let since_year_0 = days + 719_468;
    let (era, day) = (since_year_0 / 146_097, since_year_0 % 146_097);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let in_month = day - (153 * month + 2) / 5 + 1;
    let after_new_year = u64::from(month >= 10);
    (era * 400 + year + after_new_year, (month + 2) % 12, in_month)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every day of 8,030 years, there and back.
    #[test]
    fn every_day_is_found_again() {
        for days in 0..2_932_897 {
            let (year, month, day) = civil(days);
            assert_eq!(days_since_1970(year, month + 1, day), Some(days), "{year}-{}-{day}", month + 1);
        }
        assert_eq!(civil(2_932_896), (9999, 11, 31));
    }

    #[test]
    fn what_is_no_day_is_none() {
        for (year, month, day) in [
            (2023, 2, 29),
            (1900, 2, 29),
            (2100, 2, 29),
            (2024, 4, 31),
            (2024, 0, 1),
            (2024, 13, 1),
            (2024, 1, 0),
            (1969, 12, 31),
        ] {
            assert_eq!(days_since_1970(year, month, day), None, "{year}-{month}-{day}");
        }
        assert_eq!(days_since_1970(2024, 2, 29), Some(19_782));
        assert_eq!((month("feb"), month("Dec"), month("Foo")), (Some(2), Some(12), None));
    }
}
