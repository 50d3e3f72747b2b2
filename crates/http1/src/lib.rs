//! HTTP/1.0 and HTTP/1.1 framing for both roles: bytes in, heads and body pieces out, heads written back.
//!
//! Pure: no sockets, no clock, no allocation. A caller keeps the received bytes, asks for a head, then feeds what
//! follows to a [`BodyDecoder`]. Framing is strict (RFC 9112): what two readers could understand differently is
//! refused with an [`Error`] that names the section, never repaired.
//!
//! ```
//! use http1::{BodyDecoder, BodyKind, HeadSlots, Limits, parse_request};
//!
//! let bytes = b"POST /jobs HTTP/1.1\r\nHost: example.net\r\nContent-Length: 2\r\n\r\nok";
//! let limits = Limits::default();
//! let mut slots = HeadSlots::new();
//! let head = parse_request(bytes, &limits, &mut slots).unwrap().expect("a complete head");
//! assert_eq!((head.path(), head.body), ("/jobs", BodyKind::Length(2)));
//!
//! let mut body = BodyDecoder::new(head.body, &limits);
//! let piece = body.decode(&bytes[head.len..]).unwrap();
//! assert!(piece.done && piece.consumed == 2);
//! ```

mod body;
mod chunked;
mod error;
mod fields;
pub mod forward;
mod head;
mod limits;
mod name;
mod request;
mod response;
mod scan;
mod target;
mod text;
mod trailer;
mod write;

pub use body::{BodyDecoder, BodyKind, Passed, Piece};
pub use chunked::ChunkLine;
pub use error::{Error, TooLong};
pub use head::{Header, Version};
pub use limits::{HEADERS_CAP, HeadSlots, Limits};
pub use name::Method;
pub use request::{RequestHead, parse_request};
pub use response::{ResponseHead, parse_response};
pub use scan::HeadScan;
pub use text::{is_field_value, is_host, is_target, is_token};
pub use write::HeadWriter;
