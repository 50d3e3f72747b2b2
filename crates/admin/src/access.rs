//! Who may ask, and who may change things.
//!
//! A socket file lets in whom the file's rights let in. Over TCP whoever is on this host may read; what changes anything,
//! and everything that comes from other hosts, needs the token. A page in a browser of this host is not this host's
//! user: it shows no token, and where it has made a name of its own lead here (DNS rebinding), `Host` betrays it.

use control::By;
use core::net::IpAddr;

/// Where a request came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// A socket file.
    File,
    /// An address that only this host reaches.
    Loopback,
    /// Any other.
    Network,
}

/// What a request is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wish {
    /// Whether we are well, or a part of the page: it tells nothing else.
    Public,
    Read,
    Change,
}

/// The other end of a connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Peer {
    /// Over TCP.
    pub(crate) ip: Option<IpAddr>,
    /// At a socket file: what the kernel says of the process.
    pub(crate) uid: Option<u32>,
    pub(crate) pid: Option<u32>,
}

impl Peer {
    /// As whose its orders are told, where they may be given.
    pub(crate) fn by(self, way: Way) -> By {
        match way {
            Way::File => By::Socket { uid: self.uid, pid: self.pid },
            Way::Loopback | Way::Network => By::Token { from: self.ip },
        }
    }
}

/// What is known of who asks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asker<'a> {
    pub(crate) way: Way,
    /// Whether it showed the token; `None`: it showed nothing.
    pub(crate) token: Option<bool>,
    /// The field of that name, without a port.
    pub(crate) host: Option<&'a str>,
    /// Does a browser say that another site's page sent it?
    pub(crate) cross_site: bool,
}

/// Why a request is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// It takes the token, and none was shown, or another.
    Unauthorized,
    /// It takes a token, and there is none.
    NoToken,
    /// Another site's page sent it.
    CrossSite,
    /// It came by a name that is not ours.
    ForeignHost,
}

impl Refusal {
    pub(crate) fn status(self) -> u16 {
        match self {
            Self::Unauthorized => 401,
            Self::NoToken | Self::CrossSite | Self::ForeignHost => 403,
        }
    }

    /// For people: what to do.
    pub(crate) fn advice(self) -> &'static str {
        match self {
            Self::Unauthorized => "this takes the token of `token_file`: Authorization: Bearer TOKEN",
            Self::NoToken => {
                "over TCP nothing is changed without a token: name a `token_file` in [admin], or bind it to a socket file"
            }
            Self::CrossSite => "a page of another site may not ask",
            Self::ForeignHost => "ask by address, or as localhost",
        }
    }
}

/// May it? `has_token`: one is configured.
pub(crate) fn check(asker: &Asker<'_>, wish: Wish, has_token: bool) -> Result<(), Refusal> {
    if asker.way == Way::File || wish == Wish::Public {
        return Ok(());
    }
    if asker.cross_site {
        return Err(Refusal::CrossSite);
    }
    match (asker.token, has_token) {
        (Some(true), true) => return Ok(()),
        (Some(_), true) => return Err(Refusal::Unauthorized),
        _ => {}
    }
    if asker.way == Way::Loopback && !asker.host.is_none_or(is_ours) {
        return Err(Refusal::ForeignHost);
    }
    match (asker.way, wish) {
        (Way::Loopback, Wish::Read) => Ok(()),
        (Way::Loopback, _) if !has_token => Err(Refusal::NoToken),
        _ => Err(Refusal::Unauthorized),
    }
}

/// An address needs nobody's name; `localhost` is nobody else's.
fn is_ours(host: &str) -> bool {
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    host.eq_ignore_ascii_case("localhost") || bare.parse::<IpAddr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_may_what() {
        use Refusal::*;
        use Way::*;
        let check = |way, token, has_token, expect: [Result<(), Refusal>; 3]| {
            let asker = Asker { way, token, host: Some("127.0.0.1"), cross_site: false };
            for (wish, expect) in [Wish::Public, Wish::Read, Wish::Change].into_iter().zip(expect) {
                assert_eq!(check(&asker, wish, has_token), expect, "{asker:?} {wish:?}, a token: {has_token}");
            }
        };
        check(File, None, false, [Ok(()), Ok(()), Ok(())]);
        check(File, None, true, [Ok(()), Ok(()), Ok(())]);
        check(Loopback, None, false, [Ok(()), Ok(()), Err(NoToken)]);
        check(Loopback, Some(false), false, [Ok(()), Ok(()), Err(NoToken)]);
        check(Loopback, None, true, [Ok(()), Ok(()), Err(Unauthorized)]);
        check(Loopback, Some(false), true, [Ok(()), Err(Unauthorized), Err(Unauthorized)]);
        check(Loopback, Some(true), true, [Ok(()), Ok(()), Ok(())]);
        check(Network, None, true, [Ok(()), Err(Unauthorized), Err(Unauthorized)]);
        check(Network, Some(false), true, [Ok(()), Err(Unauthorized), Err(Unauthorized)]);
        check(Network, Some(true), true, [Ok(()), Ok(()), Ok(())]);
        check(Network, None, false, [Ok(()), Err(Unauthorized), Err(Unauthorized)]);
    }

    #[test]
    fn pages_of_other_sites_learn_nothing() {
        let asker = |host, cross_site| Asker { way: Way::Loopback, token: None, host, cross_site };
        for host in ["localhost", "LocalHost", "127.0.0.1", "[::1]"] {
            assert_eq!(check(&asker(Some(host), false), Wish::Read, false), Ok(()), "{host}");
            assert_eq!(check(&asker(Some(host), true), Wish::Read, false), Err(Refusal::CrossSite), "{host}");
        }
        assert_eq!(check(&asker(None, false), Wish::Read, false), Ok(()), "no browser leaves it out");
        for host in ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example", "", "[::1"] {
            assert_eq!(check(&asker(Some(host), false), Wish::Read, false), Err(Refusal::ForeignHost), "{host}");
        }
    }
}
