//! Whether a file is what it was when it was read.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Which file stands at a path, and since when it says what it says; `None`: there is none.
pub type FileStamp = Option<(u64, u64, u64, i64, i64)>;

/// Of the file at this path. Links are followed: what they lead to counts.
pub fn stamp(path: &Path) -> FileStamp {
    let data = std::fs::metadata(path).ok()?;
    Some((data.dev(), data.ino(), data.len(), data.ctime(), data.ctime_nsec()))
}
