//! Any bytes as a response head: no panic, and what is accepted keeps its promises.
#![no_main]

use http1::{BodyKind, HeadSlots, Limits, Method, parse_response};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    for method in [Method::Get, Method::Head, Method::Connect] {
        let limits = Limits::default();
        let mut slots = HeadSlots::new();
        let Ok(Some(head)) = parse_response(bytes, &limits, &mut slots, method) else { continue };
        assert!(head.len <= bytes.len() && bytes[..head.len].ends_with(b"\r\n\r\n"));
        assert!((100..1000).contains(&head.status) && http1::is_field_value(head.reason.as_bytes()));
        assert!(!head.keep_alive || !matches!(head.body, BodyKind::UntilClose | BodyKind::Tunnel));
        assert!(!head.is_interim() || head.body == BodyKind::Empty || method == Method::Connect);
        assert!(
            head.headers
                .iter()
                .all(|field| http1::is_token(field.name.as_bytes()) && http1::is_field_value(field.value))
        );
    }
});
