//! Messages with open files in them, between two processes of this host (SCM_RIGHTS). What arrives is whole, or does not.

use crate::Errno;
use rustix::net::{
    self, AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, SocketFlags, SocketType, sockopt,
};
use std::io::{IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, FromRawFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Files in one message; the kernel takes 253 (`SCM_MAX_FD`).
const FILES_MAX: usize = 128;
/// Bytes of one message.
pub const BYTES_MAX: usize = 64 * 1024;

/// One message.
#[derive(Debug)]
pub struct Parcel {
    /// What it says.
    pub bytes: Vec<u8>,
    /// Files that came with it; they close with exec(2).
    pub files: Vec<OwnedFd>,
}

/// Both ends of a wire for such messages.
pub fn pair() -> Result<(OwnedFd, OwnedFd), Errno> {
    net::socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)
}

/// Is it the end of such a wire?
pub fn is_wire(fd: impl AsFd) -> bool {
    sockopt::socket_type(fd) == Ok(SocketType::SEQPACKET)
}

/// How long a message is waited for, and may take to be taken: EAGAIN after that.
pub fn set_patience(wire: impl AsFd, patience: Duration) -> Result<(), Errno> {
    for way in [sockopt::Timeout::Recv, sockopt::Timeout::Send] {
        sockopt::set_socket_timeout(&wire, way, Some(patience))?;
    }
    Ok(())
}

/// Sends a message. Errors: EPIPE where the other end is gone, EAGAIN when patience is over, EMSGSIZE.
pub fn send(wire: impl AsFd, bytes: &[u8], files: &[BorrowedFd<'_>]) -> Result<(), Errno> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(FILES_MAX))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    let fits = files.is_empty() || ancillary.push(SendAncillaryMessage::ScmRights(files));
    if !fits || bytes.len() > BYTES_MAX {
        return Err(Errno::MSGSIZE);
    }
    net::sendmsg(wire, &[IoSlice::new(bytes)], &mut ancillary, SendFlags::NOSIGNAL).map(|_| ())
}

/// The next message; `None`: the other end is gone. Errors: EAGAIN when patience is over, EMSGSIZE where a part is missing.
pub fn receive(wire: impl AsFd) -> Result<Option<Parcel>, Errno> {
    let mut bytes = vec![0; BYTES_MAX];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(FILES_MAX))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let told = net::recvmsg(wire, &mut [IoSliceMut::new(&mut bytes)], &mut ancillary, RecvFlags::CMSG_CLOEXEC)?;
    let mut files = Vec::new();
    for message in ancillary.drain() {
        if let RecvAncillaryMessage::ScmRights(some) = message {
            files.extend(some);
        }
    }
    if told.flags.intersects(ReturnFlags::TRUNC | ReturnFlags::CTRUNC) {
        return Err(Errno::MSGSIZE);
    }
    bytes.truncate(told.bytes);
    Ok((told.bytes > 0).then_some(Parcel { bytes, files }))
}

/// Takes what stands at standard input, and leaves `/dev/null` there.
pub fn take_stdin() -> Result<OwnedFd, Errno> {
    let taken = rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stdin(), 3)?;
    let null = std::fs::File::open("/dev/null").map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))?;
    rustix::stdio::dup2_stdin(&null)?;
    Ok(taken)
}

/// The first descriptor that a service manager passes (`SD_LISTEN_FDS_START`).
const PASSED_FROM: i32 = 3;

/// The files that this process was started with beside the standard streams, once; they close with exec(2) from then on.
///
/// Errors: EBADF where there are not so many, EBUSY the second time.
pub fn passed_files(count: usize) -> Result<Vec<OwnedFd>, Errno> {
    static TAKEN: AtomicBool = AtomicBool::new(false);
    let end = i32::try_from(count).ok().and_then(|count| PASSED_FROM.checked_add(count)).ok_or(Errno::BADF)?;
    let is_open = |number: i32| {
        // SAFETY: a plain system call on a number; whether that is open is what is asked.
        unsafe { libc::fcntl(number, libc::F_GETFD) >= 0 }
    };
    if !(PASSED_FROM..end).all(is_open) {
        return Err(Errno::BADF);
    }
    if TAKEN.swap(true, Ordering::AcqRel) {
        return Err(Errno::BUSY);
    }
    let take = |number| {
        // SAFETY: it is open; by the protocol it is this process's alone, and `TAKEN` has it owned once.
        let file = unsafe { OwnedFd::from_raw_fd(number) };
        rustix::io::fcntl_setfd(&file, rustix::io::FdFlags::CLOEXEC).map(|()| file)
    };
    (PASSED_FROM..end).map(take).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};

    #[test]
    fn files_go_from_one_end_to_the_other() {
        let (here, there) = pair().expect("a pair");
        assert!(is_wire(&here) && !is_wire(std::net::TcpListener::bind("127.0.0.1:0").expect("a port")));
        let (mut writer, reader) = std::os::unix::net::UnixStream::pair().expect("a pair");
        send(&here, b"take this", &[reader.as_fd(), here.as_fd()]).expect("sent");
        send(&here, b"and that", &[]).expect("sent");
        drop(reader);
        let parcel = receive(&there).expect("received").expect("a message");
        assert_eq!((parcel.bytes.as_slice(), parcel.files.len()), (&b"take this"[..], 2));
        let mut taken = std::os::unix::net::UnixStream::from(parcel.files.into_iter().next().expect("the first"));
        writer.write_all(b"x").expect("sent");
        assert_eq!(taken.read(&mut [0; 2]).expect("read"), 1);
        assert_eq!(receive(&there).expect("received").expect("a message").bytes, b"and that");
        assert_eq!(send(&here, &vec![0; BYTES_MAX + 1], &[]), Err(Errno::MSGSIZE));
        set_patience(&there, Duration::from_millis(1)).expect("set");
        assert_eq!(receive(&there).err(), Some(Errno::AGAIN));
        drop(here);
        assert!(receive(&there).expect("the end").is_none());
        assert_eq!(send(&there, b"x", &[]), Err(Errno::PIPE));
    }
}
