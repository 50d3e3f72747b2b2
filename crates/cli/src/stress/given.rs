//! Files that flags and plans name, and standard input. Never more of them than can be used: they may have no end.

use anyhow::{Context, Result, ensure};
use std::io::{self, Read};
use std::path::Path;

/// All bytes of a file, so many at most.
pub(super) fn file(path: &Path, bytes_max: usize) -> Result<Vec<u8>> {
    within(bytes_max, sys::file::read(path, bytes_max + 1))
}

/// The same, where `-` is standard input.
pub(super) fn file_or_input(name: &str, bytes_max: usize) -> Result<Vec<u8>> {
    if name != "-" {
        return file(Path::new(name), bytes_max);
    }
    let mut bytes = Vec::new();
    within(bytes_max, io::stdin().take(bytes_max as u64 + 1).read_to_end(&mut bytes).map(|_| bytes))
}

fn within(bytes_max: usize, read: io::Result<Vec<u8>>) -> Result<Vec<u8>> {
    let bytes = read.context("cannot read this file")?;
    ensure!(bytes.len() <= bytes_max, "more than {bytes_max} bytes; give a smaller file");
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_whole_or_refused() {
        let folder = testkit::Folder::new();
        let path = folder.write("ten", "0123456789");
        let said =
            |path: &Path, bytes_max| file(path, bytes_max).map(|bytes| bytes.len()).map_err(|why| format!("{why:#}"));
        assert_eq!([said(&path, 11), said(&path, 10)], [Ok(10), Ok(10)]);
        assert_eq!(said(&path, 9), Err("more than 9 bytes; give a smaller file".to_owned()));
        assert_eq!(said(Path::new("/dev/zero"), 100), Err("more than 100 bytes; give a smaller file".to_owned()));
        let missing = said(&folder.path().join("none"), 9).expect_err("not there");
        assert!(missing.starts_with("cannot read this file: "), "{missing}");
    }
}
