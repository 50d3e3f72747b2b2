//! HTTP/1.0 and HTTP/1.1 framing for both roles: bytes in, heads and body pieces out, heads written back.
//!
//! Pure: no sockets, no clock, no allocation. A caller keeps the received bytes, asks for a head, then feeds what
//! follows to a [`BodyDecoder`]. Framing is strict (RFC 9112): what two readers could understand differently is
//! refused with an [`Error`] that names the section, never repaired. Older dialects of servers are read where the caller
//! asks for it ([`http::Reading`]), and written to the letter. What a head means is told by the types of `http`.
//!
//! ```
//! use http::{BodyKind, Limits};
//! use http1::{BodyDecoder, HeadSlots, parse_request};
//!
//! let bytes = b"POST /jobs HTTP/1.1\r\nHost: example.net\r\nContent-Length: 2\r\n\r\nok";
//! let limits = Limits::default();
//! let mut slots = HeadSlots::new();
//! let request = parse_request(bytes, &limits, &mut slots).unwrap().expect("a complete head");
//! assert_eq!((request.head.path(), request.head.body), ("/jobs", BodyKind::Length(2)));
//!
//! let mut body = BodyDecoder::new(request.head.body, &limits);
//! let piece = body.decode(&bytes[request.len..]).unwrap();
//! assert!(piece.done && piece.consumed == 2);
//! ```

mod body;
mod chunked;
mod dialect;
mod error;
mod fields;
mod head;
mod lenient;
mod request;
mod response;
mod scan;
mod slots;
mod trailer;
mod write;

pub use body::{BodyDecoder, Passed, Piece};
pub use chunked::ChunkLine;
pub use dialect::{Dialect, Dialects};
pub use error::Error;
pub use head::Parsed;
pub use request::parse_request;
pub use response::parse_response;
pub use scan::HeadScan;
pub use slots::HeadSlots;
pub use write::HeadWriter;
