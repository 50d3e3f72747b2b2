//! Heads (and bodies) that were refused, and connections that did not say well whom they speak for: which rule, whose, how they
//! began. The last few are remembered.

use core::fmt;
use core::time::Duration;
use ports::{Address, HandshakeFailure, Unannounced};
use std::collections::VecDeque;
use std::net::SocketAddr;

/// First bytes that are remembered of what was refused.
const FIRST_BYTES_MAX: usize = 64;

/// Refusals that are remembered of each worker.
const REMEMBERED_MAX: usize = 16;

/// Whose message was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// A client's request.
    Request {
        /// The client.
        from: SocketAddr,
        /// The listener.
        at: Address,
    },
    /// A server's response.
    Response {
        /// The server.
        from: Address,
    },
    /// What should have been the header of the PROXY protocol.
    Announcement {
        /// Whoever connected.
        from: SocketAddr,
        /// The listener; `None`: at a socket file.
        at: Option<SocketAddr>,
    },
    /// What should have been a TLS handshake.
    Handshake {
        /// The client.
        from: SocketAddr,
        /// The listener; `None`: at a socket file.
        at: Option<SocketAddr>,
    },
}

/// Why one was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// The rule it breaks, or the limit it is over.
    Rule(http1::Error),
    /// It does not say, or may not say, whom it speaks for.
    Unannounced(Unannounced),
    /// Its connection could not be secured.
    Unsecured(HandshakeFailure),
}

impl Why {
    /// As counters call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Rule(rule) => rule.name(),
            Self::Unannounced(why) => why.name(),
            Self::Unsecured(why) => why.name(),
        }
    }
}

/// One message that was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// When, by the clock of the workers.
    pub at: Duration,
    /// Whose it was.
    pub who: Refused,
    /// What is held against it.
    pub why: Why,
    /// The limit, where it can be set.
    pub limit: Option<usize>,
    first: [u8; FIRST_BYTES_MAX],
    first_len: u8,
}

impl Refusal {
    /// `bytes` begin with what was refused; its first are remembered. `limits` are those it was read by.
    pub fn new(at: Duration, who: Refused, rule: http1::Error, limits: &http::Limits, bytes: &[u8]) -> Self {
        let limit = match rule {
            http1::Error::HeadTooLong | http1::Error::UriTooLong => Some(limits.head_bytes_max),
            http1::Error::TooManyHeaders => Some(limits.headers_max),
            http1::Error::ChunkLineTooLong => Some(limits.chunk_line_bytes_max),
            http1::Error::TrailersTooLong => Some(limits.trailer_bytes_max),
            _ => None,
        };
        Self { limit, ..Self::of(at, who, Why::Rule(rule), bytes) }
    }

    /// A connection that was closed because of what came, or did not come, in the place of a header of the PROXY protocol.
    pub fn unannounced(at: Duration, who: Refused, why: Unannounced, bytes: &[u8]) -> Self {
        Self::of(at, who, Why::Unannounced(why), bytes)
    }

    /// A connection that was closed because its TLS handshake failed.
    pub fn unsecured(at: Duration, who: Refused, why: HandshakeFailure) -> Self {
        Self::of(at, who, Why::Unsecured(why), &[])
    }

    fn of(at: Duration, who: Refused, why: Why, bytes: &[u8]) -> Self {
        let mut first = [0; FIRST_BYTES_MAX];
        let len = bytes.len().min(FIRST_BYTES_MAX);
        first[..len].copy_from_slice(&bytes[..len]);
        Self { at, who, why, limit: None, first, first_len: len as u8 }
    }

    fn first_bytes(&self) -> &[u8] {
        &self.first[..usize::from(self.first_len)]
    }
}

/// One line: `request of 192.0.2.7:40000 to 192.0.2.1:80 refused (head_over_limit, 32 KiB): ...; it begins "GET / HTTP"`.
impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.who {
            Refused::Request { from, at } => write!(f, "request of {from} to {at}")?,
            Refused::Response { from } => write!(f, "response of {from}")?,
            Refused::Announcement { from, at: Some(at) } => write!(f, "connection of {from} to {at}")?,
            Refused::Handshake { from, at: Some(at) } => write!(f, "TLS connection of {from} to {at}")?,
            Refused::Announcement { at: None, .. } => write!(f, "connection to a socket file")?,
            Refused::Handshake { at: None, .. } => write!(f, "TLS connection to a socket file")?,
        }
        let words: &dyn fmt::Display = match &self.why {
            Why::Rule(rule) => rule,
            Why::Unannounced(why) => &in_words(*why),
            Why::Unsecured(why) => &unsecured_in_words(*why),
        };
        write!(f, " refused ({}", self.why.name())?;
        match self.limit {
            Some(limit) if limit >= 1024 && limit % 1024 == 0 => write!(f, ", {} KiB", limit / 1024)?,
            Some(limit) => write!(f, ", {limit}")?,
            None => {}
        }
        write!(f, "): {words}")?;
        match self.why {
            // Of whom nothing was asked nothing was read.
            Why::Unannounced(_) | Why::Unsecured(_) if self.first_len == 0 => Ok(()),
            _ => write!(f, "; it begins \"{}\"", self.first_bytes().escape_ascii()),
        }
    }
}

fn in_words(why: Unannounced) -> &'static str {
    match why {
        Unannounced::NotTrusted => "it is none of `trusted_proxies`, who alone get in where `proxy_protocol` is on",
        Unannounced::NoHeader => "it does not begin with a header of the PROXY protocol",
        Unannounced::Malformed => "its header breaks the PROXY protocol",
        Unannounced::TooLong => "its header of the PROXY protocol is longer than one may be",
        Unannounced::TimedOut => "its header of the PROXY protocol did not come in time",
        Unannounced::PeerLeft => "it left within its header of the PROXY protocol",
        Unannounced::Crowded => "too many others have not said either whom they speak for",
        Unannounced::Closing => "the listener closed before it had said whom it speaks for",
    }
}

fn unsecured_in_words(why: HandshakeFailure) -> &'static str {
    match why {
        HandshakeFailure::NotTls => "it does not speak TLS",
        HandshakeFailure::PlainHttp => "it speaks plain HTTP, and this is https",
        HandshakeFailure::NoCommonVersion => "it speaks no version of TLS that is allowed here (`versions`)",
        HandshakeFailure::NoCommonSuite => "it knows no cipher suite, group or signature that is spoken here",
        HandshakeFailure::NoCommonProtocol => "it asks for a protocol that is not spoken here (ALPN)",
        HandshakeFailure::UnknownName => "it asks for a name that no certificate here is for",
        HandshakeFailure::NoCertificate => "it shows no certificate, and has to (`client_certificate`)",
        HandshakeFailure::BadCertificate => "its certificate is not to be trusted here",
        HandshakeFailure::CertificateTime => "its certificate has expired, or is not valid yet",
        HandshakeFailure::PeerAlert => "it gave up the handshake: it does not trust our certificate, most likely",
        HandshakeFailure::Malformed => "what it says breaks the protocol of TLS",
        HandshakeFailure::TooLong => "its handshake is longer than one may be",
        HandshakeFailure::TimedOut => "its handshake took too long",
        HandshakeFailure::PeerLeft => "it left in the middle of its handshake",
        HandshakeFailure::Crowded => "too many other handshakes were under way",
        HandshakeFailure::Shortage => "no buffer was left for it, or the listener closed",
    }
}

/// The last refusals of one worker: however many there are, so few are remembered.
#[derive(Clone, Debug, Default)]
pub struct Refusals(VecDeque<Refusal>);

impl Refusals {
    /// Remembers one, and forgets the oldest beyond the bound.
    pub fn note(&mut self, refusal: Refusal) {
        if self.0.len() == REMEMBERED_MAX {
            self.0.pop_front();
        }
        self.0.push_back(refusal);
    }

    /// Those remembered, oldest first.
    pub fn remembered(&self) -> impl Iterator<Item = &Refusal> {
        self.0.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(rule: http1::Error, bytes: &[u8]) -> Refusal {
        let (from, at) =
            (SocketAddr::from(([192, 0, 2, 7], 40000)), Address::from(SocketAddr::from(([192, 0, 2, 1], 80))));
        Refusal::new(Duration::ZERO, Refused::Request { from, at }, rule, &http::Limits::default(), bytes)
    }

    #[test]
    fn a_refusal_says_which_rule_whose_and_how_it_began() {
        let tls = refusal(http1::Error::TlsHello, b"\x16\x03\x01\"\r\n");
        assert_eq!(
            tls.to_string(),
            "request of 192.0.2.7:40000 to 192.0.2.1:80 refused (tls_hello): a TLS hello: plain HTTP is spoken here, no \
             https; it begins \"\\x16\\x03\\x01\\\"\\r\\n\""
        );
        let long = refusal(http1::Error::HeadTooLong, &[b'x'; 40_000]);
        let text = long.to_string();
        assert!(text.contains("(head_over_limit, 32 KiB)") && text.len() < 300, "{text}");
        assert!(refusal(http1::Error::TooManyHeaders, b"").to_string().contains("(fields_over_limit, 128)"));
    }

    #[test]
    fn so_does_one_of_a_connection_that_nobody_announced() {
        let from = SocketAddr::from(([192, 0, 2, 7], 40000));
        let told = |at, why, bytes: &[u8]| {
            Refusal::unannounced(Duration::ZERO, Refused::Announcement { from, at }, why, bytes).to_string()
        };
        let at = Some(SocketAddr::from(([192, 0, 2, 1], 443)));
        assert_eq!(
            told(at, Unannounced::NoHeader, b"\x16\x03\x01"),
            "connection of 192.0.2.7:40000 to 192.0.2.1:443 refused (no_header): it does not begin with a header of the PROXY \
             protocol; it begins \"\\x16\\x03\\x01\""
        );
        let stranger = told(None, Unannounced::NotTrusted, b"");
        assert!(stranger.starts_with("connection to a socket file refused (not_trusted): it is none of"), "{stranger}");
        assert!(!stranger.contains("begins"), "{stranger}");
    }

    #[test]
    fn so_does_one_of_a_connection_that_could_not_be_secured() {
        let from = SocketAddr::from(([192, 0, 2, 7], 40000));
        let at = Some(SocketAddr::from(([192, 0, 2, 1], 443)));
        let of = |at, why| Refusal::unsecured(Duration::ZERO, Refused::Handshake { from, at }, why).to_string();
        assert_eq!(
            of(at, HandshakeFailure::PlainHttp),
            "TLS connection of 192.0.2.7:40000 to 192.0.2.1:443 refused (plain_http): it speaks plain HTTP, and this is https"
        );
        for why in HandshakeFailure::ALL {
            assert!(of(None, why).starts_with(&format!("TLS connection to a socket file refused ({}): ", why.name())));
        }
    }

    #[test]
    fn only_the_last_are_remembered() {
        let mut refusals = Refusals::default();
        for at in 0..1000_u64 {
            refusals.note(Refusal { at: Duration::from_secs(at), ..refusal(http1::Error::BareLf, b"x") });
        }
        let seconds: Vec<u64> = refusals.remembered().map(|one| one.at.as_secs()).collect();
        assert_eq!(seconds, (1000 - REMEMBERED_MAX as u64..1000).collect::<Vec<_>>());
    }
}
