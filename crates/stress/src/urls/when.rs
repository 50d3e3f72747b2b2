//! Times as records write them, in microseconds since 1970.

use http::calendar::{days_since_1970, month};

/// `10/Oct/2000:13:55:36 -0700`.
pub(super) fn clf(text: &str) -> Option<i64> {
    let (date, zone) = text.split_once(' ')?;
    let mut parts = date.split(['/', ':']);
    let day = parts.next()?.parse().ok()?;
    let month = month(parts.next()?)?;
    let mut number = || parts.next()?.parse().ok();
    let (year, hour, minute, second) = (number()?, number()?, number()?, number()?);
    Some((seconds(year, month, day, hour, minute, second)? - offset(zone)?) * 1_000_000)
}

/// `2026-05-01T10:00:00.123Z`, `...+02:00`.
pub(super) fn rfc3339(text: &str) -> Option<i64> {
    let (date, rest) = text.split_once(['T', 't', ' '])?;
    let at = rest.find(['Z', 'z', '+', '-'])?;
    let (time, zone) = rest.split_at(at);
    let (time, fraction) = time.split_once('.').unwrap_or((time, ""));
    let mut parts = date.split('-').chain(time.split(':')).map(|part| part.parse().ok());
    let mut number = || parts.next()?;
    let (year, month, day) = (number()?, number()?, number()?);
    let seconds = seconds(year, month, day, number()?, number()?, number()?)?;
    let micros: String = fraction.chars().chain("000000".chars()).take(6).collect();
    let offset = if zone.eq_ignore_ascii_case("z") { 0 } else { offset(zone)? };
    Some((seconds - offset) * 1_000_000 + micros.parse::<i64>().ok()?)
}

/// `-0700` or `+02:00` in seconds.
fn offset(zone: &str) -> Option<i64> {
    let sign = match zone.as_bytes().first()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let digits = zone[1..].replace(':', "");
    let number: i64 = (digits.len() == 4).then(|| digits.parse().ok())??;
    Some(sign * (number / 100 * 3600 + number % 100 * 60))
}

fn seconds(year: u64, month: u64, day: u64, hour: u64, minute: u64, second: u64) -> Option<i64> {
    // A leap second is one.
    let is_time = hour < 24 && minute < 60 && second <= 60;
    let days = days_since_1970(year, month, day).filter(|_| is_time)?;
    i64::try_from(days * 86_400 + hour * 3600 + minute * 60 + second).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_logs_and_of_browsers() {
        for (text, expect) in [
            ("01/Jan/1970:00:00:00 +0000", Some(0)),
            ("10/Oct/2000:13:55:36 -0700", Some(971_211_336_000_000)),
            ("29/Feb/2024:23:59:59 +0530", Some(1_709_231_399_000_000)),
            ("31/Foo/2000:13:55:36 -0700", None),
            ("10/Oct/2000:13:55:36", None),
            ("10/Oct/2000:99:55:36 +0000", None),
            ("30/Feb/2000:10:55:36 +0000", None),
        ] {
            assert_eq!(clf(text), expect, "{text}");
        }
        for (text, expect) in [
            ("1970-01-01T00:00:01.5Z", Some(1_500_000)),
            ("2000-10-10T13:55:36.000123-07:00", Some(971_211_336_000_123)),
            ("2000-10-10T20:55:36Z", Some(971_211_336_000_000)),
            ("2000-10-10", None),
            ("2000-13-10T20:55:36Z", None),
        ] {
            assert_eq!(rfc3339(text), expect, "{text}");
        }
    }
}
