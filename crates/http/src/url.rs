//! The target's URL, taken apart.

mod join;

use core::fmt;

/// Longest URL accepted, in bytes: it has to fit into a request head.
pub const URL_BYTES_MAX: usize = 8 * 1024;

/// A checked `http` or `https` URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Url {
    secure: bool,
    host: String,
    /// Of which link an IPv6 address is one.
    zone: Option<String>,
    port: u16,
    path: String,
}

/// What is wrong with a URL.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    /// Another scheme, which is kept here.
    #[error("scheme {0:?} is not supported: use http:// or https://HOST[:PORT][/PATH]")]
    Scheme(String),
    /// No host.
    #[error("no host: use http://HOST[:PORT][/PATH]")]
    NoHost,
    /// Not a port from 1 to 65535.
    #[error("{0:?} is not a port: use a number from 1 to 65535")]
    Port(String),
    /// User name or password in it.
    #[error("a user name in the URL is not supported: use -H 'Authorization: ...'")]
    UserInfo,
    /// A character that no URL may hold, or a host that is none.
    #[error("{0:?} is not allowed in a URL: write it as %XX")]
    Character(char),
    /// `[` without `]`, or what is between them is no IPv6 address.
    #[error("brackets hold an IPv6 address, as in http://[::1]:8080/")]
    Brackets,
    /// `%` behind an address that is of no single link, or nothing behind it.
    #[error("a zone names the link of a link-local address (fe80::/10), as in http://[fe80::1%25eth0]/")]
    Zone,
    /// Longer than [`URL_BYTES_MAX`].
    #[error("{0} bytes are too long: at most {URL_BYTES_MAX} are supported")]
    TooLong(usize),
}

impl Url {
    /// Reads `http[s]://HOST[:PORT][/PATH][?QUERY]`; without a scheme it is `http`. A fragment is dropped: it
    /// is never sent (RFC 9110 section 7.1).
    pub fn parse(text: &str) -> Result<Self, UrlError> {
        if text.len() > URL_BYTES_MAX {
            return Err(UrlError::TooLong(text.len()));
        }
        if let Some(bad) = text.chars().find(|c| !c.is_ascii_graphic() || "\"<>\\^`{|}".contains(*c)) {
            return Err(UrlError::Character(bad));
        }
        let (secure, rest) = without_scheme(text)?;
        let rest = rest.split('#').next().unwrap_or_default();
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        let (host, zone, port) = authority_parts(authority)?;
        let (host, zone) = (host.to_owned(), zone.map(str::to_owned));
        let port = port.unwrap_or(own_port(secure));
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        Ok(Self { secure, host, zone, port, path })
    }

    fn scheme(&self) -> &'static str {
        if self.secure { "https" } else { "http" }
    }

    /// Is it `https`?
    pub fn is_secure(&self) -> bool {
        self.secure
    }

    /// Name or address, an IPv6 address without its brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The host as a resolver is asked for it: with its zone behind `%`, where it has one.
    pub fn host_to_reach(&self) -> String {
        self.zone.as_ref().map_or_else(|| self.host.clone(), |zone| format!("{}%{zone}", self.host))
    }

    /// Port; that of the scheme when the URL names none.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The path without its query.
    pub fn path_alone(&self) -> &str {
        self.path.split('?').next().unwrap_or_default()
    }

    /// Path and query: the request's target in origin-form (RFC 9112 section 3.2.1).
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The value of the Host field: the port is left out where it is the scheme's own (RFC 9110 section 7.2).
    ///
    /// A zone means something on this host alone, and is never sent (RFC 6874 section 4).
    pub fn host_field(&self) -> String {
        self.authority(&self.host)
    }

    fn authority(&self, host: &str) -> String {
        let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
        if self.port == own_port(self.secure) { host } else { format!("{host}:{}", self.port) }
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let zone = self.zone.as_ref().map(|zone| format!("{}%25{zone}", self.host));
        write!(f, "{}://{}{}", self.scheme(), self.authority(zone.as_ref().unwrap_or(&self.host)), self.path)
    }
}

fn own_port(secure: bool) -> u16 {
    if secure { 443 } else { 80 }
}

/// Is it secure, and what stands behind the scheme?
fn without_scheme(text: &str) -> Result<(bool, &str), UrlError> {
    match text.split_once("://") {
        None => Ok((false, text)),
        Some((scheme, rest)) => match scheme.to_ascii_lowercase().as_str() {
            "http" => Ok((false, rest)),
            "https" => Ok((true, rest)),
            // `host/path?to=http://x` has its "://" after the host.
            other if other.contains(['/', '?', '#']) => Ok((false, text)),
            _ => Err(UrlError::Scheme(scheme.to_owned())),
        },
    }
}

/// Host, zone and port.
type Authority<'a> = (&'a str, Option<&'a str>, Option<u16>);

fn authority_parts(authority: &str) -> Result<Authority<'_>, UrlError> {
    if authority.contains('@') {
        return Err(UrlError::UserInfo);
    }
    if let Some(rest) = authority.strip_prefix('[') {
        let (host, after) = rest.split_once(']').ok_or(UrlError::Brackets)?;
        let (host, zone) = host_and_zone(host)?;
        return match after.strip_prefix(':') {
            Some(port) => Ok((host, zone, Some(parse_port(port)?))),
            None if after.is_empty() => Ok((host, zone, None)),
            None => Err(UrlError::Brackets),
        };
    }
    let (host, port) = match authority.split_once(':') {
        Some((host, port)) => (host, Some(parse_port(port)?)),
        None => (authority, None),
    };
    match host.chars().find(|c| !c.is_ascii_alphanumeric() && !"-._~%".contains(*c)) {
        Some(bad) => Err(UrlError::Character(bad)),
        None if host.is_empty() => Err(UrlError::NoHost),
        None => Ok((host, None, port)),
    }
}

/// `fe80::1%25eth0` of RFC 6874 section 2, and `fe80::1%eth0`, as people and curl write it.
fn host_and_zone(text: &str) -> Result<(&str, Option<&str>), UrlError> {
    let (host, zone) = text.split_once('%').map_or((text, None), |(host, zone)| (host, Some(zone)));
    let address: core::net::Ipv6Addr = host.parse().map_err(|_| UrlError::Brackets)?;
    let Some(zone) = zone else { return Ok((host, None)) };
    let zone = zone.strip_prefix("25").filter(|zone| !zone.is_empty()).unwrap_or(zone);
    let is_name = !zone.is_empty() && zone.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte));
    if is_name && address.is_unicast_link_local() { Ok((host, Some(zone))) } else { Err(UrlError::Zone) }
}

fn parse_port(text: &str) -> Result<u16, UrlError> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let port = text.parse().ok().filter(|port| *port != 0 && digits);
    port.ok_or_else(|| UrlError::Port(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expect: Result<(&str, u16, &str, &str), UrlError>) {
        let url = Url::parse(text);
        let seen = url.as_ref().map(|url| (url.host(), url.port(), url.path(), url.host_field()));
        let expect = expect.map(|(host, port, path, field)| (host, port, path, field.to_owned()));
        assert_eq!(seen, expect.as_ref().map(|e| (e.0, e.1, e.2, e.3.clone())), "{text}");
    }

    #[test]
    fn urls_are_taken_apart() {
        check("http://example.org", Ok(("example.org", 80, "/", "example.org")));
        check("HTTP://example.org:80/a/b?c=d#e", Ok(("example.org", 80, "/a/b?c=d", "example.org")));
        check("localhost:8080/x", Ok(("localhost", 8080, "/x", "localhost:8080")));
        check("127.0.0.1:9?q", Ok(("127.0.0.1", 9, "/?q", "127.0.0.1:9")));
        check("http://[::1]:8080/", Ok(("::1", 8080, "/", "[::1]:8080")));
        check("http://[2001:db8::1]", Ok(("2001:db8::1", 80, "/", "[2001:db8::1]")));
        check("http://[fe80::1%25eth0]:8080/", Ok(("fe80::1", 8080, "/", "[fe80::1]:8080")));
        check("http://[fe80::1%eth0]/", Ok(("fe80::1", 80, "/", "[fe80::1]")));
        check("https://example.org", Ok(("example.org", 443, "/", "example.org")));
        check("https://example.org:80/", Ok(("example.org", 80, "/", "example.org:80")));
        check("http://example.org:443/", Ok(("example.org", 443, "/", "example.org:443")));
        let shown = |text: &str| Url::parse(text).map(|url| (url.is_secure(), url.to_string()));
        assert_eq!(shown("HTTPS://a:443/x"), Ok((true, "https://a/x".to_owned())));
        assert_eq!(shown("a:443/x"), Ok((false, "http://a:443/x".to_owned())));
        let zoned = |text: &str| Url::parse(text).map(|url| (url.host_to_reach(), url.to_string()));
        let of_link = ("fe80::1%eth0".to_owned(), "http://[fe80::1%25eth0]:81/x".to_owned());
        assert_eq!(zoned("http://[fe80::1%25eth0]:81/x"), Ok(of_link.clone()));
        assert_eq!(zoned("http://[fe80::1%eth0]:81/x"), Ok(of_link));
        assert_eq!(zoned("http://[fe80::1%25]/").map(|(host, _)| host), Ok("fe80::1%25".to_owned()));
        check("host/path?to=http://x", Ok(("host", 80, "/path?to=http://x", "host")));
    }

    #[test]
    fn what_is_no_http_url_is_named() {
        check("ftp://example.org", Err(UrlError::Scheme("ftp".into())));
        check("http://", Err(UrlError::NoHost));
        check("", Err(UrlError::NoHost));
        check("http://:80/", Err(UrlError::NoHost));
        check("http://a:0/", Err(UrlError::Port("0".into())));
        check("http://a:65536", Err(UrlError::Port("65536".into())));
        check("http://a:+80", Err(UrlError::Port("+80".into())));
        check("http://a:/", Err(UrlError::Port("".into())));
        check("http://me:pw@a/", Err(UrlError::UserInfo));
        check("http://a/b c", Err(UrlError::Character(' ')));
        check("http://a/\r\nX: y", Err(UrlError::Character('\r')));
        check("http://a/ä", Err(UrlError::Character('ä')));
        check("http://a_$/", Err(UrlError::Character('$')));
        check("http://[::1/", Err(UrlError::Brackets));
        check("http://[nonsense]/", Err(UrlError::Brackets));
        check("http://[::1]x/", Err(UrlError::Brackets));
        check("http://[::1%25lo]/", Err(UrlError::Zone));
        check("http://[fe80::1%]/", Err(UrlError::Zone));
        check("http://[fe80::1%25a%20b]/", Err(UrlError::Zone));
        check("http://[nonsense%25eth0]/", Err(UrlError::Brackets));
        check(&"a".repeat(9000), Err(UrlError::TooLong(9000)));
    }
}
