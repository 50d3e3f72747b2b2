//! What must hold of whatever a client says first. Shared with the fuzz target.

use balancer_core::hello::{AskedName, Unmatched, asked_name};

/// Told more and more of it, the reader waits and then says one thing for good: that of the whole.
pub(crate) fn check_prefixes(said: &[u8]) -> Result<Option<AskedName>, Unmatched> {
    let whole = asked_name(said);
    let mut answered = None;
    for len in 0..=said.len() {
        match (asked_name(&said[..len]), answered) {
            (Ok(None), None) => {}
            (answer, None) => answered = Some(answer),
            (answer, Some(before)) => assert_eq!(answer, before, "another answer after {len} bytes"),
        }
    }
    assert_eq!(answered.unwrap_or(Ok(None)), whole);
    whole
}
