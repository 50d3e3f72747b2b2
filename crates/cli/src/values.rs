//! Values as people type them: `10k` requests, `30s`, `200ms`.

use clap::builder::{PossibleValuesParser, TypedValueParser};
use named::Named;
use std::net::SocketAddr;
use std::time::Duration;
use stress_core::Rate;
use stress_core::pace::PER_S_MAX;

/// A member of a closed set, by its name.
pub(crate) fn named<T: Named + Send + Sync>() -> impl TypedValueParser<Value = T> {
    let names = PossibleValuesParser::new(T::ALL.iter().map(|member| member.name()));
    // Others are refused before.
    names.try_map(|name| T::from_name(&name).ok_or("no such name"))
}

/// `500`, `10k`, `2m` (million).
pub(crate) fn count(text: &str) -> Result<u64, String> {
    let is_negative = text.strip_prefix('-').is_some_and(|rest| units::count(rest).is_ok());
    units::count(text).map_err(|error| match is_negative {
        true => format!("{text} is below zero: write 500, 10k or 2m"),
        false => error.to_string(),
    })
}

/// `500`, `10k`, `500/s`, `30/m`, `1000/h`: requests in a second, or in the time that is said.
pub(crate) fn rate(text: &str) -> Result<Rate, String> {
    let (number, unit) = text.split_once('/').unwrap_or((text, "s"));
    let period = match unit {
        "s" => Some(1),
        "m" => Some(60),
        "h" => Some(3600),
        _ => None,
    };
    let rate = period.zip(units::count(number).ok()).map(|(s, count)| Rate::new(count, Duration::from_secs(s)));
    match rate {
        Some(Some(rate)) => Ok(rate),
        Some(None) => Err(format!("{text} is out of range: from 1 to {PER_S_MAX} in a second")),
        None => Err(format!(
            "{text:?} is not a rate: write 500, 10k (a second), 30/m or 1000/h (ab's -q and -r are not needed: leave them out)"
        )),
    }
}

/// `5`, `2-20`: how many, or from how many to how many.
pub(crate) fn bounds(text: &str) -> Result<(u32, u32), String> {
    let (low, high) = text.split_once('-').unwrap_or((text, text));
    match (at_least_one(low)?, at_least_one(high)?) {
        (low, high) if low > high => Err(format!("{text}: {low} is more than {high}: write them the other way round")),
        bounds => Ok(bounds),
    }
}

/// As [`count`], of any size of number.
pub(crate) fn number<T: TryFrom<u64>>(text: &str) -> Result<T, String> {
    T::try_from(count(text)?).map_err(|_| format!("{text:?} is too large"))
}

/// As [`count`], for numbers of connections and threads.
pub(crate) fn small_count(text: &str) -> Result<u32, String> {
    number(text)
}

/// As [`small_count`], but not 0.
pub(crate) fn at_least_one(text: &str) -> Result<u32, String> {
    match small_count(text)? {
        0 => Err("0 is too few: at least 1".to_owned()),
        value => Ok(value),
    }
}

/// `250ms`, `30s`, `5m`, `1h`; a bare number is seconds.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let bare = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let text = if bare { format!("{text}s") } else { text.to_owned() };
    config_file::parse_duration(&text).ok_or_else(|| format!("{text:?} is not a time: write 250ms, 30s, 5m or 1h"))
}

/// As [`duration`], or nothing at all: `0`.
pub(crate) fn duration_or_zero(text: &str) -> Result<Duration, String> {
    if matches!(text, "0" | "0s" | "0ms") { Ok(Duration::ZERO) } else { duration(text) }
}

/// As [`duration_or_zero`], in seconds, without fractions.
pub(crate) fn whole_seconds(text: &str) -> Result<u64, String> {
    let time = duration_or_zero(text)?;
    if time.subsec_millis() > 0 {
        Err(format!("{text:?} is not a number of whole seconds"))
    } else {
        Ok(time.as_secs())
    }
}

/// `NAME=VALUE`.
pub(crate) fn assignment(text: &str) -> Result<(String, String), String> {
    let parts = text.split_once('=').map(|(name, value)| (name.trim(), value.trim()));
    match parts {
        Some((name, value)) if !name.is_empty() && !value.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err(format!("{text:?} is not NAME=VALUE: write tcp_tw_recycle=1")),
    }
}

/// Where to listen.
pub(crate) fn listen_address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| "not an IP address with a port: write 127.0.0.1:8080 or [::1]:8080".to_owned())
}

/// `LOW-HIGH`.
pub(crate) fn port_range(text: &str) -> Result<(u16, u16), String> {
    let numbers =
        text.split_once('-').and_then(|(low, high)| Some((low.trim().parse().ok()?, high.trim().parse().ok()?)));
    numbers.ok_or_else(|| format!("{text:?} is not a port range: write 20000-29999"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_as_people_type_them() {
        let check = |text: &str, expect: Option<u64>| {
            assert_eq!(duration(text).ok(), expect.map(Duration::from_millis), "{text:?}");
        };
        check("30s", Some(30_000));
        check("250ms", Some(250));
        check("5", Some(5_000));
        check("2m", Some(120_000));
        check("", None);
        check("soon", None);
        check("-1s", None);
    }

    #[test]
    fn whole_seconds_and_nothing() {
        let check = |text: &str, expect: Option<u64>| assert_eq!(whole_seconds(text).ok(), expect, "{text:?}");
        check("0", Some(0));
        check("2m", Some(120));
        check("1000ms", Some(1));
        check("1500ms", None);
        check("soon", None);
    }

    #[test]
    fn assignments() {
        let check = |text: &str, expect: Option<(&str, &str)>| {
            let pair = assignment(text).ok();
            assert_eq!(pair.as_ref().map(|(name, value)| (name.as_str(), value.as_str())), expect, "{text:?}");
        };
        check("tcp_tw_recycle=1", Some(("tcp_tw_recycle", "1")));
        check("ip_local_port_range = 1024 65535", Some(("ip_local_port_range", "1024 65535")));
        check("tcp_tw_recycle", None);
        check("=1", None);
        check("x=", None);
    }

    #[test]
    fn addresses_to_listen_on() {
        let check = |text: &str, good: bool| assert_eq!(listen_address(text).is_ok(), good, "{text:?}");
        check("127.0.0.1:8080", true);
        check("[::1]:0", true);
        check("::1", false);
        check("127.0.0.1", false);
        check(":8080", false);
        check("localhost:8080", false);
    }

    #[test]
    fn numbers_as_people_type_them() {
        let check = |text: &str, expect: Result<u16, &str>| match (number::<u16>(text), expect) {
            (Ok(value), Ok(expect)) => assert_eq!(value, expect),
            (Err(error), Err(words)) => assert!(error.contains(words), "{text}: {error}"),
            (result, _) => panic!("{text}: {result:?}"),
        };
        check("2k", Ok(2000));
        check("-5", Err("-5 is below zero"));
        check("70k", Err("too large"));
        check("-x", Err("not a number"));
    }

    #[test]
    fn port_ranges() {
        assert_eq!(port_range("20000-29999"), Ok((20_000, 29_999)));
        assert!(port_range("20000").is_err() && port_range("1-70000").is_err());
    }
}
