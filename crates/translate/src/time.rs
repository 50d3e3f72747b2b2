//! Times of others in our words.

use std::time::Duration;

/// Longest time-out of ours.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

/// A time as HAProxy has it: a number, milliseconds where no unit stands.
pub(crate) fn of_haproxy(text: &str) -> Option<Duration> {
    parts(text, 1_000)
}

/// A time as nginx has it: numbers with units, seconds where none stands.
pub(crate) fn of_nginx(text: &str) -> Option<Duration> {
    parts(text, 1_000_000)
}

/// As our file has it: `"off"` for no time at all, a day at most, at least a millisecond.
pub(crate) fn ours(time: Duration) -> String {
    let ms = time.min(LONGEST).as_millis();
    match ms {
        _ if time.is_zero() => "off".to_owned(),
        0 => "1ms".to_owned(),
        _ if ms.is_multiple_of(3_600_000) => format!("{}h", ms / 3_600_000),
        _ if ms.is_multiple_of(60_000) => format!("{}m", ms / 60_000),
        _ if ms.is_multiple_of(1_000) => format!("{}s", ms / 1_000),
        _ => format!("{ms}ms"),
    }
}

/// Is it longer than ours can be?
pub(crate) fn is_too_long(time: Duration) -> bool {
    time > LONGEST
}

fn parts(text: &str, bare_us: u64) -> Option<Duration> {
    let mut rest = text.trim();
    let mut total = Duration::ZERO;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (number, unit) = rest.split_at(digits);
        let number: u64 = number.parse().ok()?;
        let letters = unit.bytes().take_while(u8::is_ascii_alphabetic).count();
        let (unit, more) = unit.split_at(letters);
        let each_us: u64 = match unit {
            "" => bare_us,
            "us" => 1,
            "ms" => 1_000,
            "s" => 1_000_000,
            "m" => 60_000_000,
            "h" => 3_600_000_000,
            "d" => 86_400_000_000,
            "w" => 7 * 86_400_000_000,
            "M" => 30 * 86_400_000_000,
            "y" => 365 * 86_400_000_000,
            _ => return None,
        };
        total = total.checked_add(Duration::from_micros(number.checked_mul(each_us)?))?;
        rest = more.trim_start();
    }
    Some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_others() {
        for (text, haproxy, nginx) in [
            ("5000", Some("5s"), Some("5000s")),
            ("10s", Some("10s"), Some("10s")),
            ("1m", Some("1m"), Some("1m")),
            ("1h 30m", Some("90m"), Some("90m")),
            ("1d", Some("24h"), Some("24h")),
            ("0", Some("off"), Some("off")),
            ("10us", Some("1ms"), Some("1ms")),
            ("x", None, None),
            ("", None, None),
            ("99999999999999999999s", None, None),
            ("5000000h", Some("24h"), Some("24h")),
        ] {
            assert_eq!(of_haproxy(text).map(ours).as_deref(), haproxy, "{text}");
            assert_eq!(of_nginx(text).map(ours).as_deref(), nginx, "{text}");
        }
    }
}
