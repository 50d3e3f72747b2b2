//! Any bytes as another balancer's configuration: no panic, and what is translated at all is a configuration of ours. The first
//! byte says whose it is.
#![no_main]

#[path = "../../crates/cli/tests/commands/any_translation.rs"]
mod any_translation;

use translate::Language;

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let Some((choice, bytes)) = input.split_first() else { return };
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let language = if *choice == b'h' { Language::Haproxy } else { Language::Nginx };
    any_translation::translates(language, text).unwrap_or_else(|why| panic!("{why}"));
});
