//! `proxy_pass`: to whom, and with which path.

/// Where a request is passed on to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    /// By TLS.
    pub(crate) tls: bool,
    /// The name of an upstream, or an address.
    pub(crate) host: String,
    /// As `$proxy_host` says it.
    pub(crate) proxy_host: String,
    /// What the path of the location becomes.
    pub(crate) uri: Option<String>,
}

impl Target {
    /// `http://app`, `https://10.0.0.1:8443/base/`, `http://unix:/run/app.sock:/base/`.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let (scheme, rest) = text.split_once("://").ok_or("only http:// and https:// have counterparts")?;
        let tls = match scheme {
            "http" => false,
            "https" => true,
            _ => return Err("only http:// and https:// have counterparts".to_owned()),
        };
        // The request's own URI is passed on without being said.
        let rest = rest.strip_suffix("$request_uri").or(rest.strip_suffix("$uri$is_args$args")).unwrap_or(rest);
        if rest.contains('$') {
            return Err("a server named by a variable".to_owned());
        }
        if let Some(path) = rest.strip_prefix("unix:") {
            let (path, uri) = path.split_once(':').map_or((path, None), |(path, uri)| (path, Some(uri.to_owned())));
            return Ok(Self { tls, host: format!("unix:{path}"), proxy_host: "localhost".to_owned(), uri });
        }
        let (host, uri) = rest.find('/').map_or((rest, None), |at| (&rest[..at], Some(rest[at..].to_owned())));
        Ok(Self { tls, host: host.to_owned(), proxy_host: host.to_owned(), uri })
    }
}

/// An address with its port, as ours; without one it is that of the scheme.
pub(crate) fn address(text: &str, tls: bool) -> String {
    let has_port =
        text.rsplit_once(':').is_some_and(|(host, port)| !host.ends_with(':') && port.parse::<u16>().is_ok());
    let is_whole = text.starts_with("unix:") || (has_port && (!text.starts_with('[') || text.contains("]:")));
    if is_whole { text.to_owned() } else { format!("{text}:{}", if tls { 443 } else { 80 }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets() {
        let target = |tls, host: &str, proxy_host: &str, uri: Option<&str>| {
            Ok(Target { tls, host: host.to_owned(), proxy_host: proxy_host.to_owned(), uri: uri.map(str::to_owned) })
        };
        for (text, expect) in [
            ("http://app", target(false, "app", "app", None)),
            ("http://app/", target(false, "app", "app", Some("/"))),
            ("https://10.0.0.1:8443/v1/", target(true, "10.0.0.1:8443", "10.0.0.1:8443", Some("/v1/"))),
            ("http://unix:/run/a.sock:/b/", target(false, "unix:/run/a.sock", "localhost", Some("/b/"))),
            ("http://app$request_uri", target(false, "app", "app", None)),
            ("http://$backend", Err("a server named by a variable".to_owned())),
            ("grpc://app", Err("only http:// and https:// have counterparts".to_owned())),
        ] {
            assert_eq!(Target::parse(text), expect, "{text}");
        }
        for (text, tls, expect) in [
            ("a", false, "a:80"),
            ("a", true, "a:443"),
            ("a:1", true, "a:1"),
            ("[::1]", false, "[::1]:80"),
            ("[::1]:9", false, "[::1]:9"),
        ] {
            assert_eq!(address(text, tls), expect);
        }
    }
}
