//! The file of the configuration, looked at from time to time (`watch` of `[global]`): another one in its place, such as a
//! ConfigMap swaps by a symbolic link, or other text in it.

use control::{FileStamp, stamp};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Looks are no closer together.
const EVERY_MIN: Duration = Duration::from_millis(100);

/// What was seen of the file.
pub(super) struct Watch {
    path: Option<PathBuf>,
    /// As it was taken up, or tried.
    known: FileStamp,
    /// As it was at the last look.
    last: FileStamp,
    due: Instant,
}

impl Watch {
    /// The file as it is now is known.
    pub(super) fn of(path: Option<&Path>) -> Self {
        let known = path.and_then(stamp);
        Self { path: path.map(Path::to_path_buf), known, last: known, due: Instant::now() }
    }

    /// When to look next; `None`: nobody wants it.
    pub(super) fn due(&self, every: Duration) -> Option<Instant> {
        (every != units::OFF && self.path.is_some()).then_some(self.due)
    }

    /// Is there something else to be read than what was taken up before? Two looks must have seen the same: whoever writes
    /// a file does not do it at once. One that is gone is about to come back. `read` is the file as somebody had it read, by
    /// a signal or an order.
    pub(super) fn poll_change(&mut self, every: Duration, read: FileStamp) -> bool {
        if self.due(every).is_none_or(|due| due > Instant::now()) {
            return false;
        }
        self.due = Instant::now() + every.max(EVERY_MIN);
        let now = self.path.as_deref().and_then(stamp);
        let is_steady = now.is_some() && now == self.last;
        self.last = now;
        let changed = is_steady && now != self.known;
        if changed {
            self.known = now;
        }
        changed && now != read
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use testkit::Folder;

    /// Looks until it says so, a few times at most.
    fn changes(watch: &mut Watch) -> bool {
        (0..4).any(|_| {
            watch.due = Instant::now();
            watch.poll_change(EVERY_MIN, None)
        })
    }

    #[test]
    fn a_file_that_changed_is_taken_up_once_it_is_steady() {
        let folder = Folder::new();
        let path = folder.write("q.toml", "one");
        let mut watch = Watch::of(Some(&path));
        assert!(!changes(&mut watch));
        folder.write("q.toml", "other");
        watch.due = Instant::now();
        assert!(!watch.poll_change(EVERY_MIN, None), "it may still be being written");
        assert!(changes(&mut watch) && !changes(&mut watch), "once");
        std::fs::remove_file(&path).expect("removed");
        assert!(!changes(&mut watch));
        assert_eq!(watch.due(units::OFF), None);
    }

    #[test]
    fn what_was_read_by_order_is_not_read_again() {
        let folder = Folder::new();
        let path = folder.write("q.toml", "one");
        let mut watch = Watch::of(Some(&path));
        folder.write("q.toml", "other");
        let read = stamp(&path);
        let mut changes = |read| {
            (0..4).any(|_| {
                watch.due = Instant::now();
                watch.poll_change(EVERY_MIN, read)
            })
        };
        assert!(!changes(read));
        folder.write("q.toml", "another");
        assert!(changes(read) && !changes(read));
    }

    /// As Kubernetes does it: the link of the folder is swapped, the file's own link stays.
    #[test]
    fn a_link_that_leads_elsewhere_is_a_change() {
        let folder = Folder::new();
        let link = |to: &str, name: &str| std::os::unix::fs::symlink(to, folder.path().join(name)).expect("a link");
        for version in ["v1", "v2"] {
            std::fs::create_dir(folder.path().join(version)).expect("a folder");
            std::fs::write(folder.path().join(version).join("q.toml"), "the same").expect("written");
        }
        link("v1", "..data");
        link("..data/q.toml", "q.toml");
        let mut watch = Watch::of(Some(&folder.path().join("q.toml")));
        assert!(!changes(&mut watch));
        link("v2", "..data_tmp");
        std::fs::rename(folder.path().join("..data_tmp"), folder.path().join("..data")).expect("swapped");
        assert!(changes(&mut watch) && !changes(&mut watch));
    }
}
