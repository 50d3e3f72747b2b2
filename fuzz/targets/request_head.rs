//! Any bytes as a request head: no panic, and what is accepted keeps its promises.
#![no_main]

use http::{BodyKind, Limits, Version};
use http1::{HeadSlots, Parsed, parse_request};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let limits = Limits::default();
    let mut slots = HeadSlots::new();
    let Ok(Some(Parsed { head, len, .. })) = parse_request(bytes, &limits, &mut slots) else { return };
    assert!(len <= bytes.len() && bytes[..len].ends_with(b"\r\n\r\n"));
    assert!(http::is_target(head.target.as_str().as_bytes()) && http::is_token(head.method_name.as_bytes()));
    assert!(head.host.is_some_and(http::is_host) || (head.host.is_none() && head.version == Version::Http10));
    assert!(!matches!(head.body, BodyKind::UntilClose | BodyKind::Tunnel));
    assert!(
        head.headers.iter().all(|field| http::is_token(field.name.as_bytes()) && http::is_field_value(field.value))
    );
});
