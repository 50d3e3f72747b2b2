//! Any bytes as a response head: no panic, and what is accepted keeps its promises.
#![no_main]

use http::{BodyKind, Limits, Method};
use http1::{HeadSlots, Parsed, parse_response};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    for method in [Method::Get, Method::Head, Method::Connect] {
        let limits = Limits::default();
        let mut slots = HeadSlots::new();
        let parsed = parse_response(bytes, &limits, &mut slots, method);
        let Ok(Some(Parsed { head, len, keep_alive, .. })) = parsed else { continue };
        assert!(len <= bytes.len() && bytes[..len].ends_with(b"\r\n\r\n"));
        assert!((100..1000).contains(&head.status) && http::is_field_value(head.reason.as_bytes()));
        assert!(!keep_alive || !matches!(head.body, BodyKind::UntilClose | BodyKind::Tunnel));
        assert!(!head.is_interim() || head.body == BodyKind::Empty || method == Method::Connect);
        assert!(
            head.headers
                .iter()
                .all(|field| http::is_token(field.name.as_bytes()) && http::is_field_value(field.value))
        );
    }
});
