//! Heads as a proxy passes them on (RFC 9110 7.6): hop-by-hop fields dropped, framing told anew, the path recorded.
//!
//! One pass over the fields, length-first comparisons, no allocation; written to any framing's [`crate::FieldSink`].

mod address;
mod request;
mod response;

pub use request::{RequestEdits, write_forwarded_request};
pub use response::{ResponseEdits, write_forwarded_response};

use httparse::Header;

use crate::name::Name;
use crate::text::list;

/// What the forwarded message says about its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Connection {
    /// It stays open.
    KeepAlive,
    /// It closes after this message.
    Close,
    /// It changes its protocol, as the message asks or agrees.
    Upgrade,
}

/// Whether `Connection` names this field, which then belongs to one hop (RFC 9110 7.6.1).
#[cold]
fn is_named_by_connection(headers: &[Header<'_>], name: &str) -> bool {
    headers
        .iter()
        .filter(|header| Name::of(header.name) == Name::Connection)
        .any(|header| list(header.value).any(|option| option.eq_ignore_ascii_case(name.as_bytes())))
}
