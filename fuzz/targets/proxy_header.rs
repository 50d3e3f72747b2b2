//! Any bytes as the first of a proxy: no panic, and no verdict about the header is ever taken back.
#![no_main]

#[path = "../../crates/balancer-core/tests/common/announced.rs"]
mod announced;

libfuzzer_sys::fuzz_target!(|said: &[u8]| {
    let _verdict = announced::check_prefixes(&said[..said.len().min(8192)]);
});
