//! Quantities as people write them, in files, scenarios and on the command line: `250ms`, `1.5s`, `10k`.

use core::time::Duration;

/// A time-out that never comes: what `off` means. A deadline is `now.saturating_add(time_out)`, which then is as far.
pub const OFF: Duration = Duration::MAX;

/// So many of something, as people say it: `1 thread`, `2 threads`.
pub fn counted(count: u64, what: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {what}{plural}")
}

/// A number with its digits in threes: `1,234,567`.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Why a text is no quantity.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnitError {
    /// Not a time.
    #[error("{0:?} is not a time: write 250ms, 30s, 5m or 1h")]
    Time(String),
    /// Not a number.
    #[error("{0:?} is not a number: write 500, 10k or 2m")]
    Count(String),
}

/// A number, with or without a fraction, and its unit: `us`, `ms`, `s`, `m` or `h`.
///
/// # Errors
/// Another shape, or more than a [`Duration`] can hold.
pub fn duration(text: &str) -> Result<Duration, UnitError> {
    let wrong = || UnitError::Time(text.to_owned());
    let digits = text.bytes().take_while(|byte| byte.is_ascii_digit() || *byte == b'.').count();
    let (number, unit) = text.split_at(digits);
    let ns_each: u64 = match unit {
        "us" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60 * 1_000_000_000,
        "h" => 3600 * 1_000_000_000,
        _ => return Err(wrong()),
    };
    let (whole, fraction) = number.split_once('.').map_or((number, None), |(whole, fraction)| (whole, Some(fraction)));
    let whole: u64 = whole.parse().map_err(|_| wrong())?;
    let fraction_ns = fraction.map_or(Some(0), |digits| fraction_of(digits, ns_each)).ok_or_else(wrong)?;
    let ns = u128::from(whole) * u128::from(ns_each) + u128::from(fraction_ns);
    let secs = u64::try_from(ns / 1_000_000_000).map_err(|_| wrong())?;
    Ok(Duration::new(secs, (ns % 1_000_000_000) as u32))
}

/// `0.DIGITS` of `each`, exactly as far as whole nanoseconds go.
fn fraction_of(digits: &str, each: u64) -> Option<u64> {
    /// Beyond these a fraction of an hour is less than a nanosecond.
    const DIGITS_MAX: usize = 13;
    if digits.is_empty() || digits.len() > DIGITS_MAX {
        return None;
    }
    let value: u128 = digits.parse().ok()?;
    u64::try_from(value * u128::from(each) / 10u128.pow(digits.len() as u32)).ok()
}

/// `500`, `10k`, `1.5k`, `2m` (million).
///
/// # Errors
/// Another shape, or more than 10^15.
pub fn count(text: &str) -> Result<u64, UnitError> {
    const COUNT_MAX: f64 = 1e15;
    let wrong = || UnitError::Count(text.to_owned());
    let (digits, factor) = match text.strip_suffix(['k', 'K']) {
        Some(digits) => (digits, 1_000.0),
        None => text.strip_suffix(['m', 'M']).map_or((text, 1.0), |digits| (digits, 1_000_000.0)),
    };
    if factor == 1.0 {
        return digits.parse().map_err(|_| wrong());
    }
    let value: f64 = digits.parse().map_err(|_| wrong())?;
    let product = (value * factor).round();
    if (0.0..=COUNT_MAX).contains(&product) { Ok(product as u64) } else { Err(wrong()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_as_people_type_them() {
        let check = |text: &str, expect_us: Option<u64>| {
            assert_eq!(duration(text).ok(), expect_us.map(Duration::from_micros), "{text:?}");
        };
        check("250ms", Some(250_000));
        check("30s", Some(30_000_000));
        check("2m", Some(120_000_000));
        check("1h", Some(3_600_000_000));
        check("0s", Some(0));
        check("0.5s", Some(500_000));
        check("1.5ms", Some(1_500));
        check("59.8s", Some(59_800_000));
        check("7us", Some(7));
        for wrong in ["", "5", "s", "soon", "-1s", ".5s", "5.s", "1.2.3s", "1e3s", "5 s", "99999999999999999999h"] {
            check(wrong, None);
        }
    }

    #[test]
    fn numbers_as_people_type_them() {
        let check = |text: &str, expect: Option<u64>| assert_eq!(count(text).ok(), expect, "{text:?}");
        check("0", Some(0));
        check("500", Some(500));
        check("10k", Some(10_000));
        check("1.5k", Some(1_500));
        check("2m", Some(2_000_000));
        for wrong in ["-1", "-1k", "k", "10 k", "1e99m", "NaNk"] {
            check(wrong, None);
        }
    }

    #[test]
    fn one_is_no_plural() {
        assert_eq!([0, 1, 2].map(|n| counted(n, "thread")), ["0 threads", "1 thread", "2 threads"]);
    }
}
