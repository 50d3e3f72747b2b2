//! Heads as a proxy passes them on (RFC 9110 7.6): hop-by-hop fields dropped, framing told anew, the path recorded.
//!
//! One pass over the fields, length-first comparisons, no allocation; written to any framing's [`crate::FieldSink`].

mod address;
mod request;
mod response;
mod rules;

pub use address::AddressText;
pub use request::{Forwarded, RequestEdits, Tells, passages, write_forwarded_request};
pub use response::{ResponseEdits, write_forwarded_response};
pub use rules::{FieldRules, Layers, Message, NO_RULES, RuleError, write as write_ruled};

use httparse::Header;

use crate::limits::CONNECTION_OPTIONS_MAX;
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

/// The fields that `Connection` names, which then belong to one hop (RFC 9110 7.6.1). Collected once per head, so that a
/// long list costs no more than its bytes.
struct HopFields<'b> {
    names: [&'b [u8]; CONNECTION_OPTIONS_MAX],
    count: usize,
}

impl<'b> HopFields<'b> {
    /// `None` where `Connection` names none, which `count`, made when the head was read, tells.
    #[inline]
    fn of(count: usize, headers: &[Header<'b>]) -> Option<Self> {
        (count > 0).then(|| Self::collect(headers))
    }

    #[cold]
    fn collect(headers: &[Header<'b>]) -> Self {
        let mut fields = Self { names: [b""; CONNECTION_OPTIONS_MAX], count: 0 };
        let values =
            headers.iter().filter(|header| Name::of(header.name) == Name::Connection).map(|header| header.value);
        for (place, name) in fields.names.iter_mut().zip(values.flat_map(list).filter(|name| !is_known_option(name))) {
            *place = name;
            fields.count += 1;
        }
        fields
    }

    #[cold]
    fn name(&self, name: &str) -> bool {
        self.names[..self.count].iter().any(|named| named.eq_ignore_ascii_case(name.as_bytes()))
    }
}

/// Options that name no field of their own kind: they are not counted when a head is read.
fn is_known_option(option: &[u8]) -> bool {
    [&b"close"[..], b"keep-alive", b"upgrade", b"te"].iter().any(|known| option.eq_ignore_ascii_case(known))
}
