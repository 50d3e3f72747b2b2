//! The verdict about the header of the PROXY protocol, with every beginning of the bytes asked before: shared with the fuzzer.

use balancer_core::announcement::{Announcement, announcement};
use ports::Unannounced;

/// What comes of these bytes.
///
/// # Panics
/// When a beginning of them led to another verdict, or the header is longer than what came.
pub(crate) fn check_prefixes(said: &[u8]) -> Result<Option<Announcement>, Unannounced> {
    let verdict = announcement(said);
    for len in 0..said.len() {
        let early = announcement(&said[..len]);
        assert!(early == Ok(None) || early == verdict, "{len} of {} bytes: {early:?}, then {verdict:?}", said.len());
        if let Ok(Some(found)) = early {
            assert!(found.len <= len, "a header of {} in {len} bytes", found.len);
            break;
        }
    }
    verdict
}
