//! Files that a configuration names: read when it is, from the folder in which it stands.

use super::rate::Zones;
use crate::shelf::Shelf;
use config_file::{Mistake, Value, value};
use std::path::Path;

/// Where a configuration stands, what was read there of certificates, and the zones in which its limits count.
pub(super) struct Folder<'f> {
    pub(super) path: &'f Path,
    pub(super) shelf: &'f Shelf,
    pub(super) zones: &'f Zones,
}

/// The bytes of a file of at most so many.
pub(super) fn read(
    written: &Value<'_>,
    folder: &Path,
    bytes_max: usize,
    mistakes: &mut Vec<Mistake>,
) -> Option<Vec<u8>> {
    let path = folder.join(value::text(written, mistakes)?);
    let mistake = match sys::file::read(&path, bytes_max + 1) {
        Ok(bytes) if bytes.len() <= bytes_max => return Some(bytes),
        Ok(_) => {
            let title = format!("\"{}\" has more than {} KiB", path.display(), bytes_max / 1024);
            Mistake::new(written.span(), title, "this file").help("serve large files from a server")
        }
        Err(error) => {
            let title = format!("cannot read \"{}\": {error}", path.display());
            Mistake::new(written.span(), title, "this file")
                .help("a path is taken from the folder of the configuration, unless it begins with `/`")
        }
    };
    mistakes.push(mistake);
    None
}
