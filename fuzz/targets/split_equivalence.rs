//! Any bytes in any reads: the same messages, the same data, the same error as in one piece. The first byte chooses the
//! role and how many bytes after it are the sizes of the reads.
#![no_main]

#[path = "../../crates/http1/tests/common/transcript.rs"]
mod transcript;

use http::Method;
use transcript::{Role, read};

const ROLES: [Role; 6] = [
    Role::Requests,
    Role::Responses(Method::Get),
    Role::Responses(Method::Head),
    Role::Responses(Method::Connect),
    Role::LenientResponses(Method::Get),
    Role::LenientResponses(Method::Head),
];

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let Some((&choice, rest)) = input.split_first() else { return };
    let role = ROLES[usize::from(choice) % ROLES.len()];
    let Some((sizes, bytes)) = rest.split_at_checked(1 + usize::from(choice >> 4)) else { return };
    let reads: Vec<usize> = sizes.iter().map(|&size| usize::from(size)).collect();
    assert_eq!(read(bytes, &[bytes.len()], role), read(bytes, &reads, role), "in reads of {reads:?}");
});
