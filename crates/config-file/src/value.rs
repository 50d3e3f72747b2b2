//! Single values: strings, numbers in a range, times with their unit, choices, addresses.

use crate::mistake::Mistake;
use crate::section::{Placed, Value, wrong_type};
use named::nearest;
use std::fmt::Display;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::str::FromStr;
use std::time::Duration;

/// Longest time-out.
const TIME_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// A time as settings have it: `500ms`, `30s`, `5m`, `1h`, in whole milliseconds, more than 0 and at most a day.
pub fn parse_duration(text: &str) -> Option<Duration> {
    let time = units::duration(text).ok()?;
    let is_whole = !text.contains('.') && !text.ends_with("us");
    (is_whole && !time.is_zero() && time <= TIME_MAX).then_some(time)
}

/// A string.
pub fn text<'a>(value: &'a Value<'_>, mistakes: &mut Vec<Mistake>) -> Option<&'a str> {
    let text = value.get_ref().as_str();
    if text.is_none() {
        mistakes.push(wrong_type(value, "a string"));
    }
    text
}

/// A string, a whole number, or true or false, as text.
pub fn plain(value: &Value<'_>, mistakes: &mut Vec<Mistake>) -> Option<Placed<String>> {
    let inner = value.get_ref();
    let integer = || {
        let integer = inner.as_integer()?;
        Some(i128::from_str_radix(integer.as_str(), integer.radix()).ok()?.to_string())
    };
    let switch = || Some(inner.as_bool()?.to_string());
    let text = inner.as_str().map(str::to_owned).or_else(integer).or_else(switch);
    if text.is_none() {
        mistakes.push(wrong_type(value, "a string or a whole number"));
    }
    text.map(|text| Placed { value: text, span: value.span() })
}

/// A whole number from `min` to `max`.
pub fn number(key: &str, value: &Value<'_>, min: usize, max: usize, mistakes: &mut Vec<Mistake>) -> Option<usize> {
    let Some(integer) = value.get_ref().as_integer() else {
        mistakes.push(wrong_type(value, "a whole number"));
        return None;
    };
    let number = i128::from_str_radix(integer.as_str(), integer.radix()).ok();
    let fits = number.and_then(|number| usize::try_from(number).ok()).filter(|number| (min..=max).contains(number));
    if fits.is_none() {
        let title = format!("`{key}` is out of range");
        mistakes.push(Mistake::new(value.span(), title, format!("must be {min} to {max}")));
    }
    fits
}

/// A time such as `"30s"`.
pub fn duration(key: &str, value: &Value<'_>, mistakes: &mut Vec<Mistake>) -> Option<Duration> {
    let text = value.get_ref().as_str();
    let time = text.and_then(parse_duration);
    if text.and_then(|text| units::duration(text).ok()).is_some_and(|time| time.is_zero()) {
        let title = format!("`{key}` is no time at all");
        mistakes.push(Mistake::new(value.span(), title, "not a time").help("write more than nothing, such as \"1s\""));
    } else if time.is_none() {
        let title = format!("`{key}` is not a time");
        let help = "write a whole number with its unit, such as \"500ms\", \"30s\", \"5m\" or \"1h\" (at most a day)";
        mistakes.push(Mistake::new(value.span(), title, "not a time").help(help));
    }
    time
}

/// A time such as `"30s"`, or `"off"`: [`units::OFF`].
pub fn duration_or_off(key: &str, value: &Value<'_>, mistakes: &mut Vec<Mistake>) -> Option<Duration> {
    if value.get_ref().as_str() == Some("off") {
        return Some(units::OFF);
    }
    let known = mistakes.len();
    let time = duration(key, value, mistakes);
    for mistake in &mut mistakes[known..] {
        let help = mistake.help.take().unwrap_or_default();
        mistake.help = Some(format!("{help}; or \"off\""));
    }
    time
}

/// A time of which this is why it cannot be `"off"`.
pub fn duration_never_off(key: &str, value: &Value<'_>, why: &str, mistakes: &mut Vec<Mistake>) -> Option<Duration> {
    if value.get_ref().as_str() != Some("off") {
        return duration(key, value, mistakes);
    }
    mistakes.push(Mistake::new(value.span(), format!("`{key}` cannot be off"), "must be a time").help(why));
    None
}

/// What stands beside a word that is none of those there are.
pub const UNKNOWN: &str = "unknown choice";

/// One of `names`.
pub fn choice<T: Copy>(
    key: &str,
    value: &Value<'_>,
    names: &[(&'static str, T)],
    mistakes: &mut Vec<Mistake>,
) -> Option<T> {
    let all = || names.iter().map(|(name, _)| format!("\"{name}\"")).collect::<Vec<_>>().join(", ");
    let Some(text) = value.get_ref().as_str() else {
        mistakes.push(wrong_type(value, "a string").help(format!("there are: {}", all())));
        return None;
    };
    let found = names.iter().find(|(name, _)| *name == text);
    if found.is_none() {
        let help = match nearest(text, names.iter().map(|(name, _)| *name)) {
            Some(meant) => format!("did you mean \"{meant}\"? There are: {}", all()),
            None => format!("there are: {}", all()),
        };
        let title = format!("`{key}` has no choice \"{text}\"");
        mistakes.push(Mistake::new(value.span(), title, UNKNOWN).help(help));
    }
    found.map(|(_, choice)| *choice)
}

/// An IP address with a port.
pub fn socket_address(value: &Value<'_>, mistakes: &mut Vec<Mistake>) -> Option<SocketAddr> {
    let text = text(value, mistakes)?;
    parsed(value, "an IP address with a port", mistakes, || address_advice(text))
}

fn parsed<T: FromStr<Err: Display>>(
    value: &Value<'_>,
    wanted: &str,
    mistakes: &mut Vec<Mistake>,
    advice: impl Fn() -> String,
) -> Option<T> {
    let text = value.get_ref().as_str()?;
    let parsed = text.parse().ok();
    if parsed.is_none() {
        let title = format!("\"{text}\" is not {wanted}");
        mistakes.push(Mistake::new(value.span(), title, format!("expected {wanted}")).help(advice()));
    }
    parsed
}

/// What would be right of an IPv6 address whose brackets are missing, or are not closed; `None` where that is not what is wrong.
pub fn bracket_advice(text: &str) -> Option<String> {
    if text.contains('%') {
        return Some("a zone is written as its number, which `ip link` shows: \"[fe80::1%2]:80\"".to_owned());
    }
    let is_ipv6 = |text: &str| text.parse::<Ipv6Addr>().is_ok();
    let bare = text.replace(['[', ']'], "");
    let with_port = bare.rsplit_once(':').filter(|(ip, port)| is_ipv6(ip) && port.parse::<u16>().is_ok());
    let brackets = text.matches(['[', ']']).count();
    match (brackets, with_port) {
        (0, Some((ip, port))) if is_ipv6(text) => {
            Some(format!("brackets are missing: \"[{ip}]:{port}\", or with a port behind it \"[{text}]:80\""))
        }
        (0, None) if is_ipv6(text) => Some(format!("brackets and the port are missing: \"[{text}]:80\"")),
        (0, Some((ip, port))) => Some(format!("brackets are missing: \"[{ip}]:{port}\"")),
        (1, Some((ip, port))) => Some(format!("a bracket is missing: \"[{ip}]:{port}\"")),
        (2, _) if text.starts_with('[') && text.ends_with(']') && is_ipv6(&bare) => {
            Some(format!("add the port: \"{text}:80\""))
        }
        _ => None,
    }
}

/// What would be right, guessed from what is there.
fn address_advice(text: &str) -> String {
    if let Some(advice) = bracket_advice(text) {
        return advice;
    }
    let is_port = |port: &str| port.parse::<u16>().is_ok();
    let of_port = |port: &str| {
        format!("name the address too: \"0.0.0.0:{port}\" for all, \"127.0.0.1:{port}\" for this host only")
    };
    match text.rsplit_once(':') {
        _ if text.parse::<IpAddr>().is_ok_and(|ip| ip.is_ipv4()) => format!("add the port: \"{text}:80\""),
        Some(("", port)) if is_port(port) => of_port(port),
        None if is_port(text) => of_port(text),
        Some(("localhost", port)) if is_port(port) => {
            format!("names are not looked up: write \"127.0.0.1:{port}\" or \"[::1]:{port}\"")
        }
        Some((_, port)) if !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()) && !is_port(port) => {
            format!("a port is a number up to {}", u16::MAX)
        }
        Some((_, port)) if is_port(port) => "names are not looked up: write the IP address".to_owned(),
        _ => "such as \"127.0.0.1:8080\" or \"[::1]:8080\"".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brackets_that_are_missing_are_told() {
        for (text, expect) in [
            ("[::1:80", Some("a bracket is missing: \"[::1]:80\"")),
            ("::1]:80", Some("a bracket is missing: \"[::1]:80\"")),
            ("::1", Some("brackets and the port are missing: \"[::1]:80\"")),
            (
                "fd00::1:80",
                Some("brackets are missing: \"[fd00::1]:80\", or with a port behind it \"[fd00::1:80]:80\""),
            ),
            ("fd00::1:8080x", None),
            ("fd00::1:65000", Some("brackets are missing: \"[fd00::1]:65000\"")),
            ("[::1]", Some("add the port: \"[::1]:80\"")),
            ("[::1]:80", None),
            ("10.0.0.1", None),
            ("[app]:80", None),
            ("[fe80::1%eth0]:80", Some("a zone is written as its number, which `ip link` shows: \"[fe80::1%2]:80\"")),
        ] {
            assert_eq!(bracket_advice(text).as_deref(), expect, "{text}");
        }
    }

    #[test]
    fn times() {
        for (text, expect_ms) in [
            ("500ms", Some(500)),
            ("30s", Some(30_000)),
            ("5m", Some(300_000)),
            ("24h", Some(86_400_000)),
            ("25h", None),
            ("0s", None),
            ("30", None),
            ("s", None),
            ("1.5s", None),
            ("-1s", None),
            ("99999999999999999999s", None),
            ("18446744073709551615h", None),
        ] {
            assert_eq!(parse_duration(text), expect_ms.map(Duration::from_millis), "{text}");
        }
    }
}
