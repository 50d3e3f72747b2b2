//! What HTTP messages mean, however they are framed: methods, fields, heads, who may see which field, and heads as a
//! proxy passes them on.
//!
//! Pure: no sockets, no clock; nothing is allocated but by [`url`] and where a configuration is read. A framing (`http1`) turns bytes into the views of
//! this crate and implements [`FieldSink`] to write them back; whoever only wants to know what was said needs neither.
//!
//! ```
//! use http::{BodyKind, Header, Method, RequestHead, Target, Version};
//!
//! let headers = [Header { name: "Host", value: b"example.net" }];
//! let head = RequestHead {
//!     method_name: "GET",
//!     target: Target::parse("/jobs?id=1", Method::Get).unwrap(),
//!     headers: &headers,
//!     host: Some(b"example.net"),
//!     ..RequestHead::default()
//! };
//! let facts = head.facts([192, 0, 2, 7].into(), false);
//! assert_eq!((facts.path(), facts.query(), facts.host), ("/jobs", Some("id=1"), Some(&b"example.net"[..])));
//! assert_eq!((head.method, head.version, head.body), (Method::Get, Version::Http11, BodyKind::Empty));
//! ```

mod body;
pub mod calendar;
mod coding;
mod date;
mod facts;
pub mod forward;
mod limits;
mod method;
mod name;
mod request;
mod response;
mod sink;
mod status;
mod strange;
mod target;
mod template;
mod text;
pub mod url;
mod version;

pub use body::BodyKind;
pub use coding::Coding;
pub use date::Date;
pub use facts::RequestFacts;
/// One field: `name` is a token, `value` has no whitespace around it and no control byte but HTAB. The type is the
/// parser's own, so that what it has filled in need not be copied.
pub use httparse::Header;
pub use limits::{CONNECTION_OPTIONS_MAX, HEADERS_CAP, Limits, Reading};
pub use method::Method;
pub use name::Name;
pub use request::RequestHead;
pub use response::ResponseHead;
pub use sink::{FieldSink, Hop, RequestStart, TooLong, decimal, two_digits};
pub use status::{is_interim, reason_phrase};
pub use target::{Target, TargetError};
pub use template::{Asked, GROUPS_MAX, Template, TemplateError, Values};
pub use text::{is_field_value, is_host, is_target, is_token, is_token_byte, is_value_byte, list};
pub use url::Url;
pub use version::Version;
