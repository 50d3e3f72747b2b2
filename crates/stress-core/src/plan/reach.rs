//! Where connections go, when not to where the URL says: by another host, by given addresses, by a proxy.

use core::net::{IpAddr, SocketAddr};
use http::url::{Url, UrlError};
use ports::{NoUnixPath, UnixPath};

/// Names of one run that lead elsewhere.
const DETOURS_MAX: usize = 1000;

/// As given by a person.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReachDraft {
    /// `HOST:PORT:ADDR[,ADDR]`, as curl's `--resolve`.
    pub resolve: Vec<String>,
    /// `HOST:PORT:OTHER:PORT`, as curl's `--connect-to`; what is left out means any, or the same.
    pub connect_to: Vec<String>,
    /// `http://HOST:PORT` of a proxy.
    pub proxy: Option<String>,
    /// The proxy is asked for a tunnel also where the URL is no `https`.
    pub proxy_tunnel: bool,
    /// The value of Proxy-Authorization.
    pub proxy_authorization: Option<String>,
    /// A socket file that connections go to, whatever the URL says.
    pub unix_socket: Option<String>,
}

/// Checked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reach {
    resolve: Vec<Known>,
    detours: Vec<Detour>,
    /// The proxy that is asked for the URL.
    pub proxy: Option<Url>,
    /// It is asked for a tunnel.
    pub tunnels: bool,
    /// The value of Proxy-Authorization.
    pub proxy_authorization: Option<String>,
    /// The socket file that connections go to, whatever the URL says.
    pub unix_socket: Option<UnixPath>,
}

/// Addresses of a host and port.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Known {
    host: String,
    port: u16,
    addresses: Vec<IpAddr>,
}

/// From a host and port, or from any, to others.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Detour {
    from: (Option<String>, Option<u16>),
    to: (Option<String>, Option<u16>),
}

/// Where connections go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// To whatever addresses this host has.
    Name(String, u16),
    /// To these.
    Addresses(Vec<SocketAddr>),
    /// To this file of this host.
    Socket(UnixPath),
}

/// What cannot be meant.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReachMistake {
    /// Not of that form.
    #[error("--resolve {0:?}: write HOST:PORT:ADDRESS, more addresses behind commas, IPv6 in brackets")]
    Resolve(String),
    /// Not of that form.
    #[error(
        "--connect-to {0:?}: write HOST:PORT:OTHER_HOST:OTHER_PORT, IPv6 in brackets; an empty part is any, or the same"
    )]
    ConnectTo(String),
    /// No URL.
    #[error("--proxy {0:?}: {1}")]
    Proxy(String, UrlError),
    /// TLS towards the proxy.
    #[error("--proxy {0:?}: proxies are spoken to in the clear: write http://HOST:PORT")]
    SecureProxy(String),
    /// Nobody to be asked for a tunnel, or told who asks.
    #[error("{0} is for a proxy: give one with --proxy, or leave it out")]
    NoProxy(&'static str),
    /// Both say where to connect to.
    #[error("--proxy and --connect-to both say where connections go: choose one")]
    Both,
    /// No path of a socket file.
    #[error("--unix-socket {0:?}: {1}")]
    Socket(String, NoUnixPath),
    /// Another way beside it.
    #[error("--unix-socket says where connections go: leave {0} out")]
    SocketAlone(&'static str),
    /// Too many.
    #[error("at most {DETOURS_MAX} of --resolve and --connect-to are supported")]
    TooMany,
}

impl ReachDraft {
    /// Checks it for a run against `url`.
    ///
    /// # Errors
    /// Something that cannot be meant.
    pub fn check(self, url: &Url) -> Result<Reach, ReachMistake> {
        if self.resolve.len().max(self.connect_to.len()) > DETOURS_MAX {
            return Err(ReachMistake::TooMany);
        }
        let wrong = |text: &String| ReachMistake::Resolve(text.clone());
        let resolve = self.resolve.iter().map(|text| known(text).ok_or_else(|| wrong(text)));
        let wrong = |text: &String| ReachMistake::ConnectTo(text.clone());
        let detours = self.connect_to.iter().map(|text| detour(text).ok_or_else(|| wrong(text)));
        let is_proxied = self.proxy.is_some();
        let without = [(self.proxy_tunnel, "--proxytunnel"), (self.proxy_authorization.is_some(), "--proxy-user")];
        if let Some((_, flag)) = without.into_iter().find(|(is_given, _)| *is_given && !is_proxied) {
            return Err(ReachMistake::NoProxy(flag));
        }
        let reach = Reach {
            resolve: resolve.collect::<Result<_, _>>()?,
            detours: detours.collect::<Result<_, _>>()?,
            proxy: self.proxy.map(proxy).transpose()?,
            tunnels: self.proxy_tunnel || url.is_secure() && is_proxied,
            proxy_authorization: self.proxy_authorization,
            unix_socket: self.unix_socket.map(socket_file).transpose()?,
        };
        if reach.unix_socket.is_some() {
            let others = [
                (reach.proxy.is_some(), "--proxy"),
                (!reach.detours.is_empty(), "--connect-to"),
                (!reach.resolve.is_empty(), "--resolve"),
            ];
            let other = others.into_iter().find(|(is_given, _)| *is_given);
            return other.map_or(Ok(reach), |(_, flag)| Err(ReachMistake::SocketAlone(flag)));
        }
        match &reach.proxy {
            Some(_) if !reach.detours.is_empty() => Err(ReachMistake::Both),
            _ => Ok(reach),
        }
    }
}

impl Reach {
    /// What a proxy is asked for a tunnel to `url`, where it is (RFC 9110 section 9.3.6).
    pub fn tunnel_head(&self, url: &Url) -> Option<Vec<u8>> {
        let host = url.host_to_reach();
        let host = if host.contains(':') { format!("[{host}]") } else { host };
        let (to, agent) = (format!("{host}:{}", url.port()), crate::template::AGENT);
        let who = self.proxy_authorization.as_ref().map(|who| format!("Proxy-Authorization: {who}\r\n"));
        let who = who.unwrap_or_default();
        let head = format!("CONNECT {to} HTTP/1.1\r\nHost: {to}\r\nUser-Agent: {agent}\r\n{who}\r\n");
        self.tunnels.then(|| head.into_bytes())
    }

    /// Where connections for `url` go.
    pub fn place(&self, url: &Url) -> Place {
        if let Some(path) = self.unix_socket {
            return Place::Socket(path);
        }
        let at = self.proxy.as_ref().unwrap_or(url);
        let (mut host, mut port) = (at.host_to_reach(), at.port());
        if let Some(detour) = self.detours.iter().find(|detour| detour.is_from(&host, port)) {
            host = detour.to.0.clone().unwrap_or(host);
            port = detour.to.1.unwrap_or(port);
        }
        let known = self.resolve.iter().find(|known| known.host.eq_ignore_ascii_case(&host) && known.port == port);
        match known {
            Some(known) => Place::Addresses(known.addresses.iter().map(|ip| SocketAddr::new(*ip, port)).collect()),
            None => Place::Name(host, port),
        }
    }
}

impl Detour {
    fn is_from(&self, host: &str, port: u16) -> bool {
        let (from_host, from_port) = &self.from;
        from_host.as_ref().is_none_or(|from| from.eq_ignore_ascii_case(host))
            && from_port.is_none_or(|from| from == port)
    }
}

fn proxy(text: String) -> Result<Url, ReachMistake> {
    match Url::parse(&text) {
        Err(why) => Err(ReachMistake::Proxy(text, why)),
        Ok(url) if url.is_secure() => Err(ReachMistake::SecureProxy(text)),
        Ok(url) => Ok(url),
    }
}

fn socket_file(path: String) -> Result<UnixPath, ReachMistake> {
    UnixPath::new(&path).map_err(|why| ReachMistake::Socket(path, why))
}

/// Curl marks entries that expire with a `+`; here none does.
fn known(text: &str) -> Option<Known> {
    let (host, rest) = host_of(text.strip_prefix('+').unwrap_or(text))?;
    let (port, addresses) = rest.split_once(':')?;
    let address = |text: &str| text.trim().trim_start_matches('[').trim_end_matches(']').parse().ok();
    let addresses = addresses.split(',').map(address).collect::<Option<Vec<_>>>()?;
    Some(Known { host: host.filter(|host| !host.is_empty())?, port: port_of(port)??, addresses })
}

fn detour(text: &str) -> Option<Detour> {
    let (from, rest) = host_of(text)?;
    let (port, rest) = rest.split_once(':')?;
    let (to, to_port) = host_of(rest)?;
    Some(Detour { from: (from, port_of(port)?), to: (to, port_of(to_port)?) })
}

/// A host, or none where it is left out, and what stands behind its colon.
fn host_of(text: &str) -> Option<(Option<String>, &str)> {
    let (host, rest) = match text.strip_prefix('[') {
        Some(inner) => {
            let (host, after) = inner.split_once(']')?;
            host.split('%').next()?.parse::<core::net::Ipv6Addr>().ok()?;
            (host, after.strip_prefix(':')?)
        }
        None => text.split_once(':')?,
    };
    Some(((!host.is_empty()).then(|| host.to_owned()), rest))
}

/// A port, or none where it is left out.
fn port_of(text: &str) -> Option<Option<u16>> {
    match text {
        "" => Some(None),
        text => text.parse().ok().filter(|port| *port != 0).map(Some),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(draft: ReachDraft, url: &str) -> Result<Place, ReachMistake> {
        let url = Url::parse(url).expect("a URL");
        draft.check(&url).map(|reach| reach.place(&url))
    }

    fn resolve(texts: &[&str]) -> ReachDraft {
        ReachDraft { resolve: texts.iter().map(ToString::to_string).collect(), ..ReachDraft::default() }
    }

    fn connect_to(texts: &[&str]) -> ReachDraft {
        ReachDraft { connect_to: texts.iter().map(ToString::to_string).collect(), ..ReachDraft::default() }
    }

    #[track_caller]
    fn check(draft: ReachDraft, url: &str, expect: &str) {
        let shown = match place(draft, url).unwrap_or_else(|why| panic!("{why}")) {
            Place::Name(host, port) => format!("{host} {port}"),
            Place::Socket(path) => path.as_str().to_owned(),
            Place::Addresses(all) => all.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "),
        };
        assert_eq!(shown, expect, "{url}");
    }

    #[test]
    fn names_lead_where_it_was_said() {
        check(ReachDraft::default(), "http://a/", "a 80");
        check(resolve(&["A:80:10.0.0.1,[::1]"]), "http://a/", "10.0.0.1:80 [::1]:80");
        check(resolve(&["a:443:10.0.0.1"]), "http://a/", "a 80");
        check(resolve(&["+a:443:::1"]), "https://a/", "[::1]:443");
        check(connect_to(&["a:80:b:81"]), "http://a/", "b 81");
        check(connect_to(&["a:80:[fe80::1%eth0]:81"]), "http://a/", "fe80::1%eth0 81");
        check(ReachDraft::default(), "http://[fe80::1%25eth0]/", "fe80::1%eth0 80");
        check(connect_to(&["::b:"]), "http://a:9/", "b 9");
        check(connect_to(&["x:80:y:1", "a::[::1]:81"]), "http://a/", "::1 81");
        check(connect_to(&["a:81:b:82"]), "http://a/", "a 80");
        let both = ReachDraft { resolve: vec!["b:81:10.0.0.9".into()], ..connect_to(&["a:80:b:81"]) };
        check(both, "http://a/", "10.0.0.9:81");
        let proxy = ReachDraft { proxy: Some("proxy:3128".into()), ..resolve(&["proxy:3128:10.0.0.7"]) };
        check(proxy, "http://a/", "10.0.0.7:3128");
    }

    #[test]
    fn a_proxy_is_asked_for_a_tunnel_where_it_takes_one() {
        let head = |proxy_tunnel, url: &str| {
            let draft = ReachDraft {
                proxy: Some("p:3128".into()),
                proxy_tunnel,
                proxy_authorization: Some("Basic eDp5".into()),
                ..ReachDraft::default()
            };
            let url = Url::parse(url).expect("a URL");
            let head = draft.check(&url).expect("good").tunnel_head(&url);
            head.map(|head| String::from_utf8(head).expect("text"))
        };
        assert_eq!(head(false, "http://a/"), None);
        let secure = head(false, "https://a/").expect("a tunnel");
        assert!(secure.starts_with("CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\nUser-Agent: quintet/"), "{secure}");
        assert!(secure.ends_with("\r\nProxy-Authorization: Basic eDp5\r\n\r\n"), "{secure}");
        let plain = head(true, "http://[::1]:81/").expect("a tunnel");
        assert!(plain.starts_with("CONNECT [::1]:81 HTTP/1.1\r\nHost: [::1]:81\r\n"), "{plain}");
    }

    #[test]
    fn what_leads_nowhere_is_named() {
        for bad in ["", "a", "a:80", "a:80:", "a:80:b", ":80:10.0.0.1", "a::10.0.0.1", "a:0:10.0.0.1", "a:80:10.0.0.1,"]
        {
            assert!(matches!(place(resolve(&[bad]), "http://a/"), Err(ReachMistake::Resolve(_))), "{bad}");
        }
        for bad in ["", "a:80", "a:80:b", "a:80:b:c", "[x]:80:b:81", "a:80:b:0", "a:80:[::1]"] {
            assert!(matches!(place(connect_to(&[bad]), "http://a/"), Err(ReachMistake::ConnectTo(_))), "{bad}");
        }
        let proxy = |text: &str| ReachDraft { proxy: Some(text.into()), ..ReachDraft::default() };
        assert!(matches!(place(proxy("socks5://a"), "http://a/"), Err(ReachMistake::Proxy(..))));
        assert!(matches!(place(proxy("https://p"), "http://a/"), Err(ReachMistake::SecureProxy(_))));
        let alone = ReachDraft { proxy_tunnel: true, ..ReachDraft::default() };
        assert_eq!(place(alone, "http://a/"), Err(ReachMistake::NoProxy("--proxytunnel")));
        let socket = |path: &str| ReachDraft { unix_socket: Some(path.into()), ..ReachDraft::default() };
        check(socket("/run/x"), "http://a/", "/run/x");
        let relative = ReachMistake::Socket("x".into(), NoUnixPath::Relative);
        assert_eq!(place(socket("x"), "http://a/"), Err(relative));
        let beside = ReachDraft { unix_socket: Some("/x".into()), ..resolve(&["a:80:10.0.0.1"]) };
        assert_eq!(place(beside, "http://a/"), Err(ReachMistake::SocketAlone("--resolve")));
        let both = ReachDraft { proxy: Some("p".into()), ..connect_to(&["a:80:b:81"]) };
        assert_eq!(place(both, "http://a/"), Err(ReachMistake::Both));
    }
}
