//! Any bytes as a configuration: no panic, and every mistake has a place in the file.
#![no_main]

#[path = "../../crates/balancer/tests/config/every_mistake.rs"]
mod every_mistake;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    every_mistake::check(text).unwrap_or_else(|why| panic!("{why}"));
});
