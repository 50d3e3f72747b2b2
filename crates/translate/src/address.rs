//! What people write where an address belongs: is it one?

use std::net::IpAddr;

/// An address with a port, a name with one, or a socket file.
pub(crate) fn is_server(text: &str) -> bool {
    if let Some(path) = text.strip_prefix("unix:") {
        return path.starts_with('/');
    }
    let Some((host, port)) = text.rsplit_once(':') else { return false };
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let is_host = bare.map_or_else(|| is_name(host), |host| host.parse::<IpAddr>().is_ok_and(|ip| ip.is_ipv6()));
    is_host && port.parse::<u16>().is_ok_and(|port| port > 0)
}

/// A name that can be looked up, or an IPv4 address.
pub(crate) fn is_name(host: &str) -> bool {
    let is_label = |label: &str| {
        let inner = label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
        (1..=63).contains(&label.len()) && inner && !label.starts_with('-') && !label.ends_with('-')
    };
    let last = host.rsplit('.').next().unwrap_or_default();
    let is_number = last.bytes().all(|byte| byte.is_ascii_digit());
    host.len() <= 253 && host.split('.').all(is_label) && (!is_number || host.parse::<IpAddr>().is_ok())
}

/// A name, `*.` and a name, or an address: what a route can ask for.
pub(crate) fn is_host(host: &str) -> bool {
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    bare.parse::<IpAddr>().is_ok() || is_name(host.strip_prefix("*.").unwrap_or(host))
}

/// An address, or a network by its length.
pub(crate) fn is_network(text: &str) -> bool {
    let (address, length) = text.split_once('/').map_or((text, None), |(address, length)| (address, Some(length)));
    let Ok(address) = address.parse::<IpAddr>() else { return false };
    let most = if address.is_ipv4() { 32 } else { 128 };
    length.is_none_or(|length| length.parse::<u8>().is_ok_and(|length| length <= most))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_what_is_none() {
        for (text, expect) in [
            ("10.0.0.1:80", true),
            ("[::1]:80", true),
            ("app_1.internal:8080", true),
            ("unix:/run/a.sock", true),
            (":80", false),
            ("2:80", false),
            ("a:0", false),
            ("*.a.org:80", false),
            ("::1:80", false),
            ("a", false),
        ] {
            assert_eq!(is_server(text), expect, "{text}");
        }
        for (text, expect) in [("10.0.0.0/8", true), ("::1", true), ("10.0.0.0/33", false), ("1", false)] {
            assert_eq!(is_network(text), expect, "{text}");
        }
        for (text, expect) in [("a.org", true), ("*.a.org", true), ("[::1]", true), ("a b", false), ("1.2", false)] {
            assert_eq!(is_host(text), expect, "{text}");
        }
    }
}
