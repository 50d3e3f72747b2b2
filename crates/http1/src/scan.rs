//! Decides when a growing head is worth parsing again, so that a peer who drips single bytes costs linear time.

use http::Limits;

/// Below this many bytes a retry is not scheduled by size alone.
const RETRY_BYTES_MIN: usize = 64;

/// Remembers how far a head has been looked at. One per message; [`HeadScan::default`] starts it.
///
/// The first call always says yes, so that the usual head, complete in one read, is never scanned twice. After that it
/// says yes when an empty line has arrived, when the limit is reached, and when the bytes have doubled (so that
/// nonsense is found early).
#[derive(Clone, Copy, Debug, Default)]
pub struct HeadScan {
    scanned: usize,
    retry_at: usize,
}

impl HeadScan {
    /// Whether to parse `bytes`, everything received of this head so far. Call it each time bytes were added, and only
    /// then; `bytes` must start with those of the call before.
    pub fn worth_parsing(&mut self, bytes: &[u8], limits: &Limits) -> bool {
        if bytes.len() >= self.retry_at.min(limits.head_bytes_max) {
            self.retry_at = (bytes.len() * 2).max(RETRY_BYTES_MIN);
            self.scanned = bytes.len();
            return true;
        }
        // An empty line may begin in bytes seen before: LF CR | LF.
        let from = self.scanned.saturating_sub(2);
        self.scanned = bytes.len();
        has_empty_line(&bytes[from..])
    }
}

/// LF LF counts: the parser shall refuse it now rather than wait for a time-out.
fn has_empty_line(bytes: &[u8]) -> bool {
    let mut rest = bytes;
    while let Some(at) = rest.iter().position(|&byte| byte == b'\n') {
        rest = &rest[at + 1..];
        if rest.starts_with(b"\n") || rest.starts_with(b"\r\n") {
            return true;
        }
    }
    false
}
