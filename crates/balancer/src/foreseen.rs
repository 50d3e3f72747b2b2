//! What is told of a configuration before it is worked by: what a start on this host would say of it, and what a reload will fail by.

use crate::config::Config;
use crate::errors::Warning;
use crate::own_ports::{own_ports, port_warnings};
use crate::{sources, tls};
use balancer_core::{Settings, unused_sets};
use ports::Address;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use sys::privileges::Identity;

/// What may be done with a file, as bits of its mode for others.
const READ: u32 = 0o4;
const WRITE: u32 = 0o2;
const ENTER: u32 = 0o1;

/// Everything that a start would warn of or, on this host, fail by: who checks a configuration may do so elsewhere.
pub fn warnings(settings: &Settings) -> Vec<Warning> {
    let own = own_ports(settings).ok().flatten();
    let unused = unused_sets(settings).map(Warning::Vain);
    let of_ports = port_warnings(settings, own.as_ref());
    sources::foreseen(settings)
        .into_iter()
        .chain(of_ports)
        .chain(tls::certificate_warnings(settings))
        .chain(unused)
        .collect()
}

/// What the user will not be able to do who the process is by then: read the files again that are read now, with every change of
/// the configuration; take away socket files at the end. Nothing where it stays who it is.
pub fn barred_later(config: &Config, file: Option<&Path>) -> Vec<Warning> {
    let Some(who) = config.identity.filter(|who| *who != sys::privileges::identity() && who.user != 0) else {
        return Vec::new();
    };
    let mut barred = unreadable(config, file, who);
    barred.extend(socket_files(config).filter_map(|path| stays(path, who)));
    barred
}

fn unreadable(config: &Config, file: Option<&Path>, who: Identity) -> Vec<Warning> {
    let mut paths: Vec<PathBuf> = file.map(Path::to_path_buf).into_iter().chain(tls::files(&config.settings)).collect();
    let mut seen = std::collections::HashSet::new();
    paths.retain(|path| seen.insert(path.clone()));
    let barred = paths.into_iter().filter_map(|path| Some((barred_at(&path, who)?, path)));
    barred.map(|(at, path)| Warning::UnreadableLater { path, at, user: who.user, group: who.group }).collect()
}

fn socket_files(config: &Config) -> impl Iterator<Item = &Path> {
    let binds = config.settings.listeners.iter().flat_map(|listener| &listener.binds);
    let all = binds.chain(config.admin.iter().map(|admin| &admin.bind));
    all.filter_map(|bind| match &bind.address {
        Address::Unix(path) => Some(Path::new(path.as_str())),
        Address::Ip(_) => None,
    })
}

/// A file is taken away by whoever may write to its folder.
fn stays(path: &Path, who: Identity) -> Option<Warning> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let barred = !may(&std::fs::metadata(folder).ok()?, WRITE | ENTER, who);
    let (path, folder, user) = (path.to_path_buf(), folder.to_path_buf(), who.user);
    barred.then_some(Warning::SocketFileStays { path, folder, user })
}

/// Where on the way to this file its reader is stopped, by the modes of what is there: a folder, or the file itself. `None`: it gets
/// there, or nobody knows.
fn barred_at(path: &Path, who: Identity) -> Option<PathBuf> {
    let path = path.canonicalize().ok()?;
    let mut way: Vec<&Path> = path.ancestors().collect();
    way.reverse();
    let stops = |at: &&&Path| {
        let wanted = if **at == path { READ } else { ENTER };
        std::fs::metadata(at).is_ok_and(|there| !may(&there, wanted, who))
    };
    way.iter().find(stops).map(|at| at.to_path_buf())
}

/// As the kernel decides by mode: the owner's bits, else the group's, else those of others.
fn may(there: &std::fs::Metadata, wanted: u32, who: Identity) -> bool {
    let shift = match (there.uid() == who.user, there.gid() == who.group) {
        (true, _) => 6,
        (_, true) => 3,
        _ => 0,
    };
    there.mode() >> shift & wanted == wanted
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;
    use testkit::Folder;

    #[test]
    fn a_socket_file_stays_where_its_folder_is_anothers() {
        let folder = Folder::new();
        let here = std::fs::metadata(folder.path()).expect("it is there");
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).expect("it is ours");
        let owner = Identity { user: here.uid(), group: here.gid() };
        let other = Identity { user: here.uid() + 1, ..owner };
        let path = folder.path().join("admin.sock");
        assert!(stays(&path, owner).is_none());
        let said = stays(&path, other).expect("it stays").to_string();
        assert!(said.contains("admin.sock stays at the end") && said.contains("chown"), "{said}");
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o775)).expect("it is ours");
        assert!(stays(&path, other).is_none(), "by its group");
        assert!(stays(&folder.path().join("none/admin.sock"), other).is_none(), "nobody knows");
    }

    #[test]
    fn a_reader_is_stopped_by_a_folder_or_by_the_file() {
        let folder = Folder::new();
        let file = folder.write("site.key", "secret").canonicalize().expect("it is there");
        let here = std::fs::metadata(&file).expect("it is there");
        let mode = |path: &Path, mode| {
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("it is ours");
        };
        let other = Identity { user: here.uid() + 1, group: here.gid() + 1 };
        let fellow = Identity { group: here.gid(), ..other };
        let owner = Identity { user: here.uid(), group: here.gid() };
        let inner = file.parent().expect("a folder").to_path_buf();
        if let Some(at) = inner.parent().and_then(|above| barred_at(&above.join("."), other)) {
            return testkit::skip(format!("others do not get into {}", at.display()));
        }
        for (folder_mode, file_mode, who, expect) in [
            (0o755, 0o644, other, None),
            (0o755, 0o640, other, Some(&file)),
            (0o755, 0o640, fellow, None),
            (0o755, 0o600, fellow, Some(&file)),
            (0o755, 0o400, owner, None),
            (0o750, 0o644, other, Some(&inner)),
            (0o750, 0o644, fellow, None),
        ] {
            mode(&inner, folder_mode);
            mode(&file, file_mode);
            assert_eq!(barred_at(&file, who).as_ref(), expect, "{folder_mode:o} {file_mode:o} {who:?}");
        }
        assert_eq!(barred_at(Path::new("/no/such/file"), other), None);
    }
}
