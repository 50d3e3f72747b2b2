//! Stream sockets of files (AF_UNIX): non-blocking, close-on-exec; and the files.

use crate::Errno;
use crate::privileges::Identity;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::{self, AddressFamily, SocketAddrUnix, SocketFlags, SocketType};
use std::ffi::CString;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::Path;

const FLAGS: SocketFlags = SocketFlags::NONBLOCK.union(SocketFlags::CLOEXEC);

/// A new socket. Errors: EMFILE, ENFILE, ENOBUFS.
pub fn stream() -> Result<OwnedFd, Errno> {
    net::socket_with(AddressFamily::UNIX, SocketType::STREAM, FLAGS, None)
}

/// Makes the file `path`. Errors: EADDRINUSE where there is one already, ENOENT, EACCES.
pub fn bind(fd: impl AsFd, path: &str) -> Result<(), Errno> {
    net::bind(fd, &SocketAddrUnix::new(path)?)
}

/// Connects: it stands at once or not at all. Errors: ENOENT, ECONNREFUSED, EACCES; EAGAIN where the accept queue is full.
pub fn connect(fd: impl AsFd, path: &str) -> Result<(), Errno> {
    net::connect(fd, &SocketAddrUnix::new(path)?)
}

/// The file at which a socket is bound; `None`: it has no name, or none in the file system.
pub fn path(fd: impl AsFd) -> Option<String> {
    let address = SocketAddrUnix::try_from(net::getsockname(fd).ok()?).ok()?;
    address.path().and_then(|path| path.to_str().ok().map(str::to_owned))
}

/// Does a connection wait to be accepted?
pub fn has_waiting(listener: &impl AsFd) -> Result<bool, Errno> {
    let mut fds = [PollFd::new(listener, PollFlags::IN)];
    poll(&mut fds, Some(&Timespec { tv_sec: 0, tv_nsec: 0 }))?;
    Ok(fds[0].revents().contains(PollFlags::IN))
}

/// Which file a path means, whatever takes that name later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileId {
    device: u64,
    inode: u64,
}

/// The socket file at `path`; `None` where there is none, or something else.
pub fn file_id(path: &str) -> Option<FileId> {
    let data = std::fs::symlink_metadata(path).ok()?;
    data.file_type().is_socket().then(|| FileId { device: data.dev(), inode: data.ino() })
}

/// Is it a socket file that a process has left behind? Nobody answers at one.
pub fn is_left_behind(path: &str) -> bool {
    let refused = || stream().and_then(|fd| connect(fd, path)) == Err(Errno::CONNREFUSED);
    file_id(path).is_some() && refused()
}

/// Removes the file, if it is still that one.
pub fn remove(path: &str, file: FileId) -> std::io::Result<()> {
    match file_id(path) == Some(file) {
        true => std::fs::remove_file(path),
        false => Ok(()),
    }
}

/// Who may connect: the permissions of the file, and whose it is.
pub fn set_rights(path: &str, mode: Option<u32>, user: Option<u32>, group: Option<u32>) -> Result<(), Errno> {
    let failed = |error: std::io::Error| Errno::from_io_error(&error).unwrap_or(Errno::IO);
    if user.is_some() || group.is_some() {
        std::os::unix::fs::chown(path, user, group).map_err(failed)?;
    }
    match mode {
        Some(mode) => std::fs::set_permissions(Path::new(path), std::fs::Permissions::from_mode(mode)).map_err(failed),
        None => Ok(()),
    }
}

/// Bytes for what a name service tells of one entry.
const ENTRY_BYTES_MAX: usize = 64 * 1024;

/// The number of a user, as the system's name services know it; `None`: there is none of that name.
pub fn user_id(name: &str) -> std::io::Result<Option<u32>> {
    Ok(user(name)?.map(|who| who.user))
}

/// A user, and the group it is in before others.
pub fn user(name: &str) -> std::io::Result<Option<Identity>> {
    let name = CString::new(name)?;
    let mut entry = MaybeUninit::<libc::passwd>::uninit();
    let (mut found, mut bytes) = (std::ptr::null_mut(), vec![0; ENTRY_BYTES_MAX]);
    // SAFETY: `name` ends with NUL; `entry`, `bytes` (of the length told) and `found` live for the whole call.
    let error =
        unsafe { libc::getpwnam_r(name.as_ptr(), entry.as_mut_ptr(), bytes.as_mut_ptr(), bytes.len(), &raw mut found) };
    if error != 0 {
        return Err(std::io::Error::from_raw_os_error(error));
    }
    // SAFETY: what is found is `entry`, which was filled then, and lives.
    Ok(unsafe { found.as_ref() }.map(|entry| Identity { user: entry.pw_uid, group: entry.pw_gid }))
}

/// The number of a group, as [`user_id`].
pub fn group_id(name: &str) -> std::io::Result<Option<u32>> {
    let name = CString::new(name)?;
    let mut entry = MaybeUninit::<libc::group>::uninit();
    let (mut found, mut bytes) = (std::ptr::null_mut(), vec![0; ENTRY_BYTES_MAX]);
    // SAFETY: `name` ends with NUL; `entry`, `bytes` (of the length told) and `found` live for the whole call.
    let error =
        unsafe { libc::getgrnam_r(name.as_ptr(), entry.as_mut_ptr(), bytes.as_mut_ptr(), bytes.len(), &raw mut found) };
    if error != 0 {
        return Err(std::io::Error::from_raw_os_error(error));
    }
    // SAFETY: what is found is `entry`, which was filled then, and lives.
    Ok(unsafe { found.as_ref() }.map(|entry| entry.gr_gid))
}

#[cfg(test)]
mod tests {
    use super::*;
    use testkit::Folder;

    #[test]
    fn a_file_is_left_behind_when_nobody_listens() {
        let folder = Folder::new();
        let path = folder.place("socket");
        assert!(!is_left_behind(&path), "there is none");
        let listener = std::os::unix::net::UnixListener::bind(&path).expect("a socket");
        let file = file_id(&path).expect("a socket file");
        assert!(!is_left_behind(&path), "somebody listens");
        assert_eq!(has_waiting(&listener), Ok(true), "the look was a connection");
        drop(listener.accept());
        assert_eq!(has_waiting(&listener), Ok(false));
        drop(listener);
        assert!(is_left_behind(&path));
        set_rights(&path, Some(0o600), None, None).expect("ours");
        assert_eq!(std::fs::metadata(&path).expect("there").mode() & 0o777, 0o600);
        remove(&path, file).expect("ours");
        assert_eq!(file_id(&path), None);
    }

    #[test]
    fn users_and_groups_have_numbers() {
        assert_eq!((user_id("root").expect("asked"), group_id("root").expect("asked")), (Some(0), Some(0)));
        assert_eq!(user_id("nobody-of-that-name").expect("asked"), None);
        assert_eq!(group_id("nobody-of-that-name").expect("asked"), None);
        assert!(user_id("a\0b").is_err());
    }

    #[test]
    fn what_is_no_socket_stays() {
        let folder = Folder::new();
        folder.write("file", "text");
        let path = folder.place("file");
        assert!(!is_left_behind(&path));
        assert_eq!(file_id(&path), None);
        remove(&path, FileId { device: 0, inode: 0 }).expect("nothing to do");
        assert_eq!(std::fs::read_to_string(&path).expect("still there"), "text");
    }
}
