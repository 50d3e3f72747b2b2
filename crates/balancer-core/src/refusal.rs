//! Heads (and bodies) that were refused: which rule, whose, how they began. The last few are remembered.

use core::fmt;
use core::time::Duration;
use ports::Address;
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
}

/// One message that was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// When, by the clock of the workers.
    pub at: Duration,
    /// Whose it was.
    pub who: Refused,
    /// The rule it breaks, or the limit it is over.
    pub rule: http1::Error,
    /// The limit, where it can be set.
    pub limit: Option<usize>,
    first: [u8; FIRST_BYTES_MAX],
    first_len: u8,
}

impl Refusal {
    /// `bytes` begin with what was refused; its first are remembered. `limits` are those it was read by.
    pub fn new(at: Duration, who: Refused, rule: http1::Error, limits: &http::Limits, bytes: &[u8]) -> Self {
        let mut first = [0; FIRST_BYTES_MAX];
        let len = bytes.len().min(FIRST_BYTES_MAX);
        first[..len].copy_from_slice(&bytes[..len]);
        let limit = match rule {
            http1::Error::HeadTooLong | http1::Error::UriTooLong => Some(limits.head_bytes_max),
            http1::Error::TooManyHeaders => Some(limits.headers_max),
            http1::Error::ChunkLineTooLong => Some(limits.chunk_line_bytes_max),
            http1::Error::TrailersTooLong => Some(limits.trailer_bytes_max),
            _ => None,
        };
        Self { at, who, rule, limit, first, first_len: len as u8 }
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
        }
        write!(f, " refused ({}", self.rule.name())?;
        match self.limit {
            Some(limit) if limit >= 1024 && limit % 1024 == 0 => write!(f, ", {} KiB", limit / 1024)?,
            Some(limit) => write!(f, ", {limit}")?,
            None => {}
        }
        write!(f, "): {}; it begins \"{}\"", self.rule, self.first_bytes().escape_ascii())
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
    fn only_the_last_are_remembered() {
        let mut refusals = Refusals::default();
        for at in 0..1000_u64 {
            refusals.note(Refusal { at: Duration::from_secs(at), ..refusal(http1::Error::BareLf, b"x") });
        }
        let seconds: Vec<u64> = refusals.remembered().map(|one| one.at.as_secs()).collect();
        assert_eq!(seconds, (1000 - REMEMBERED_MAX as u64..1000).collect::<Vec<_>>());
    }
}
