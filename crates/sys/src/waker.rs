//! Wakes an event loop from another thread, by an eventfd.

use crate::Errno;
use rustix::event::{EventfdFlags, eventfd};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

/// A handle that wakes one event loop; clone it freely.
#[derive(Clone, Debug)]
pub struct Waker(Arc<OwnedFd>);

impl Waker {
    /// Errors: EMFILE, ENFILE.
    pub fn new() -> Result<Self, Errno> {
        eventfd(0, EventfdFlags::NONBLOCK | EventfdFlags::CLOEXEC).map(|fd| Self(Arc::new(fd)))
    }

    /// Wakes the loop. A loop that is already woken stays so: EAGAIN (counter full) means the same.
    pub fn wake(&self) {
        let _already_awake = rustix::io::write(self.0.as_ref(), &1u64.to_ne_bytes());
    }

    /// Takes the wake-up, so that the next wait sleeps again.
    pub fn clear(&self) {
        let _nothing_there = rustix::io::read(self.0.as_ref(), &mut [0u8; 8]);
    }
}

impl AsFd for Waker {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
