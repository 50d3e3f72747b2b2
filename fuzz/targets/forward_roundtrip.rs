//! Any bytes as a head to forward: what goes out parses again, as one message, with the same meaning and one framing. The
//! first byte chooses the circumstances.
#![no_main]

#[path = "../../crates/http1/tests/common/roundtrip.rs"]
mod roundtrip;

use http::forward::Connection;
use http::{Method, Version};

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let Some((&choice, bytes)) = input.split_first() else { return };
    let connection = [Connection::KeepAlive, Connection::Close, Connection::Upgrade][usize::from(choice) % 3];
    let method = if choice & 64 == 0 { Method::Get } else { Method::Head };
    let version = if choice & 128 == 0 { Version::Http11 } else { Version::Http10 };
    roundtrip::check_request(bytes, connection);
    roundtrip::check_response(bytes, method, version, connection);
});
