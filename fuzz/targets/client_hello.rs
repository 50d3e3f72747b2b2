//! Any bytes as what a client says first: no panic, and no answer about the name it asks for is ever taken back.
#![no_main]

#[path = "../../crates/balancer-core/tests/common/prefixes.rs"]
mod prefixes;

libfuzzer_sys::fuzz_target!(|said: &[u8]| {
    let _answer = prefixes::check_prefixes(&said[..said.len().min(4096)]);
});
