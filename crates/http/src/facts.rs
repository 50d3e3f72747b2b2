//! What a request is routed by.

use std::net::IpAddr;

use crate::method::Method;
use crate::target::Target;
use crate::template::host_name;
use crate::version::Version;

/// What is known of a request when its server is chosen. Small, borrowed from the received bytes, made without allocation
/// by [`crate::RequestHead::facts`].
#[derive(Clone, Copy, Debug)]
pub struct RequestFacts<'b> {
    /// The method, if it is a known one.
    pub method: Method,
    /// The method as it was received.
    pub method_name: &'b str,
    /// The version of the client.
    pub version: Version,
    /// `host[:port]` the request is for; HTTP/1.0 may lack it.
    pub host: Option<&'b [u8]>,
    /// What is asked for.
    pub target: Target<'b>,
    /// Whether it came over an encrypted connection.
    pub is_secure: bool,
    /// The address of the client.
    pub client: IpAddr,
}

impl<'b> RequestFacts<'b> {
    /// The path without the query, as the origin server sees it.
    pub fn path(&self) -> &'b str {
        self.target.path()
    }

    /// What follows the first question mark.
    pub fn query(&self) -> Option<&'b str> {
        self.target.query()
    }

    /// The host without its port: a name, or an address, an IPv6 one in its brackets.
    pub fn host_name(&self) -> Option<&'b [u8]> {
        self.host.map(host_name)
    }
}

#[cfg(test)]
mod tests {
    use crate::RequestHead;

    #[test]
    fn the_host_without_its_port() {
        let check = |host: &str, expect: &str| {
            let head = RequestHead { host: Some(host.as_bytes()), ..RequestHead::default() };
            let facts = head.facts([127, 0, 0, 1].into(), true);
            assert_eq!(facts.host_name(), Some(expect.as_bytes()), "{host}");
            assert!(facts.is_secure);
        };
        check("a.example", "a.example");
        check("a.example:80", "a.example");
        check("a:", "a");
        check("[::1]", "[::1]");
        check("[2001:db8::1]:8080", "[2001:db8::1]");
    }

    #[test]
    fn an_old_client_may_name_no_host() {
        let facts = RequestHead::default().facts([127, 0, 0, 1].into(), false);
        assert_eq!((facts.host_name(), facts.path(), facts.query()), (None, "/", None));
    }
}
