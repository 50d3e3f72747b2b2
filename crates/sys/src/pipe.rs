//! Pipes, for bytes on their way from one socket to another: pages change hands, and nothing is copied.

use rustix::io::Errno;
use rustix::pipe::{PipeFlags, SpliceFlags, fcntl_setpipe_size, pipe_with, splice};
use std::os::fd::{AsFd, OwnedFd};

const FLAGS: SpliceFlags = SpliceFlags::MOVE.union(SpliceFlags::NONBLOCK);

/// A pipe that only this process knows.
#[derive(Debug)]
pub struct Pipe {
    read: OwnedFd,
    write: OwnedFd,
    bytes_max: usize,
}

impl Pipe {
    /// One that holds up to `bytes_max` in as many pages.
    ///
    /// Errors: EMFILE, ENFILE; EPERM where the user's pipes have as many pages as they may (`fs.pipe-user-pages-soft`), or
    /// `bytes_max` is more than one pipe may have (`fs.pipe-max-size`).
    pub fn new(bytes_max: usize) -> Result<Self, Errno> {
        let (read, write) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)?;
        fcntl_setpipe_size(&write, bytes_max)?;
        Ok(Self { read, write, bytes_max })
    }

    /// Moves what a socket has received into the pipe, which must be empty. 0 is the peer's FIN, or urgent data behind which it
    /// lies; EAGAIN nothing yet, or urgent data.
    pub fn fill(&self, from: impl AsFd) -> Result<usize, Errno> {
        splice(from, None, &self.write, None, self.bytes_max, FLAGS)
    }

    /// Moves `len` bytes, or a part of them, from the pipe to a socket. A process that does not ignore SIGPIPE would get one
    /// where the peer is gone: Rust's runtime ignores it from the start.
    pub fn drain(&self, to: impl AsFd, len: usize) -> Result<usize, Errno> {
        splice(&self.read, None, to, None, len, FLAGS)
    }
}
