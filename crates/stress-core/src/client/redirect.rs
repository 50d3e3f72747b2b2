//! Which answers lead on, how the method changes, and why a way cannot be gone: RFC 9110 section 15.4.

use http::Method;
use named::named;

/// Redirects that are followed for one request where nobody says how many.
pub const FOLLOW_DEFAULT: u32 = 10;
/// That may be asked for.
pub const FOLLOW_MAX: u32 = 1000;

named! {
    /// Why a redirect was not followed.
    pub enum Astray {
        /// It was one too many for one request.
        TooMany = "too_many",
        /// It leads to no http or https URL.
        NoUrl = "no_url",
        /// The run has been led to as many other hosts as it may.
        TooManyHosts = "too_many_hosts",
        /// It leads to where a proxy would have to be asked for another tunnel.
        NoTunnel = "no_tunnel",
        /// The name of the host it leads to has no address.
        Unresolved = "unresolved",
    }
}

impl Astray {
    /// What it means, for people.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::TooMany => "led on more often than --follow says",
            Self::NoUrl => "led to what is no http or https URL",
            Self::TooManyHosts => "led to more different hosts than a run goes to",
            Self::NoTunnel => "led to where the proxy would have to be asked for another tunnel",
            Self::Unresolved => "led to a name that has no address",
        }
    }
}

/// Does an answer of this status lead on, where it says where to? 300 leaves the choice to a person, 304 and 305 lead nowhere.
pub(crate) fn leads_on(status: u16) -> bool {
    matches!(status, 301 | 302 | 303 | 307 | 308)
}

/// What changes with a redirect beside the URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Turn {
    /// The next request is a GET, without a body.
    pub becomes_get: bool,
    /// Another scheme, host or port: what says who asks stays behind (RFC 9110 section 15.4).
    pub changes_origin: bool,
}

/// After 303 everything but HEAD becomes a GET; after 301 and 302 a POST does, as all clients have it; after 307 and 308
/// nothing (RFC 9110 sections 15.4.2 to 15.4.9).
pub(super) fn becomes_get(status: u16, method: Method) -> bool {
    match status {
        303 => !matches!(method, Method::Get | Method::Head),
        301 | 302 => method == Method::Post,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_change_as_the_rfc_says() {
        use Method::{Get, Head, Other, Post, Put};
        for (status, become_gets) in
            [(301, &[Post][..]), (302, &[Post]), (303, &[Post, Put, Other]), (307, &[]), (308, &[])]
        {
            assert!(leads_on(status), "{status}");
            for method in [Get, Head, Post, Put, Other] {
                assert_eq!(becomes_get(status, method), become_gets.contains(&method), "{status} {method:?}");
            }
        }
        for status in [200, 201, 300, 304, 305, 306, 404] {
            assert!(!leads_on(status), "{status}");
        }
    }
}
