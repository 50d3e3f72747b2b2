//! A temporary folder for one test.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// A folder that goes with its owner, and with it all that stands in it.
#[derive(Debug)]
pub struct Folder(PathBuf);

impl Folder {
    /// An empty one that nobody else uses.
    ///
    /// # Panics
    /// When none can be made.
    #[expect(clippy::new_without_default, reason = "it makes something outside of the program")]
    pub fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("quintet-test-{}-{number}", std::process::id()));
        // One of a killed process that had the same id may still stand there.
        let _there_is_none = std::fs::remove_dir_all(&path);
        std::fs::create_dir(&path).expect("a folder for the test");
        Self(path)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The path of a file in it, which may not exist yet, as text.
    ///
    /// # Panics
    /// When the temporary folder of this host has a name that is no text.
    pub fn place(&self, name: &str) -> String {
        self.0.join(name).to_str().expect("a temporary folder whose name is text").to_owned()
    }

    /// Writes a file; where it is. Whole and in one step, as editors do it: nobody reads half of it.
    ///
    /// # Panics
    /// When it cannot be written.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let (new, path) = (self.0.join(format!("{name}.new")), self.0.join(name));
        std::fs::write(&new, content).and_then(|()| std::fs::rename(&new, &path)).expect("a file for the test");
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _leftovers_are_only_untidy = std::fs::remove_dir_all(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_goes_with_its_owner_and_all_that_is_in_it() {
        let (one, other) = (Folder::new(), Folder::new());
        assert_ne!(one.path(), other.path());
        let file = one.write("file", "text");
        assert_eq!(file.to_str(), Some(one.place("file").as_str()));
        one.write("file", "another");
        assert_eq!(std::fs::read_to_string(&file).expect("written"), "another");
        assert_eq!(std::fs::read_dir(one.path()).expect("there").count(), 1);
        drop(one);
        assert!(!file.exists() && other.path().is_dir());
    }
}
