//! An epoll instance whose events carry a number of the caller's.

use crate::Errno;
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::time::Timespec;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::time::Duration;

/// Events taken per wait.
const EVENTS_MAX: usize = 256;

/// What to be told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interest {
    /// Level-triggered: readable (listeners, wakers).
    Level,
    /// Edge-triggered: readable, peer's FIN.
    Read,
    /// Edge-triggered: also writable.
    ReadWrite,
}

impl Interest {
    fn flags(self) -> EventFlags {
        match self {
            Self::Level => EventFlags::IN,
            Self::Read => EventFlags::IN | EventFlags::RDHUP | EventFlags::ET,
            Self::ReadWrite => EventFlags::IN | EventFlags::RDHUP | EventFlags::OUT | EventFlags::ET,
        }
    }
}

/// One event.
#[derive(Clone, Copy, Debug)]
pub struct Ready {
    /// The number given when the file was added.
    pub token: u64,
    /// Bytes, a FIN or an error can be read.
    pub readable: bool,
    /// The peer sent FIN.
    pub peer_fin: bool,
    /// Can be written.
    pub writable: bool,
    /// Error or hang-up: every operation will say which.
    pub broken: bool,
}

/// An epoll file with its event buffer.
pub struct Epoll {
    fd: OwnedFd,
    events: Vec<epoll::Event>,
    /// The kernel may have `epoll_pwait2`.
    is_precise: bool,
}

impl Epoll {
    /// Errors: EMFILE, ENFILE, ENOMEM.
    pub fn new() -> Result<Self, Errno> {
        let fd = epoll::create(CreateFlags::CLOEXEC)?;
        Ok(Self { fd, events: Vec::with_capacity(EVENTS_MAX), is_precise: true })
    }

    /// Adds a file. Errors: ENOSPC (`fs.epoll.max_user_watches`), ENOMEM.
    pub fn add(&self, file: impl AsFd, token: u64, interest: Interest) -> Result<(), Errno> {
        epoll::add(&self.fd, file, EventData::new_u64(token), interest.flags())
    }

    /// Changes what a file is watched for.
    pub fn modify(&self, file: impl AsFd, token: u64, interest: Interest) -> Result<(), Errno> {
        epoll::modify(&self.fd, file, EventData::new_u64(token), interest.flags())
    }

    /// Stops watching a file. Closing the file does so too.
    pub fn delete(&self, file: impl AsFd) -> Result<(), Errno> {
        epoll::delete(&self.fd, file)
    }

    /// Waits for events up to `timeout` (`None`: for ever), which before Linux 5.11 is rounded up to whole milliseconds. An
    /// interrupted wait is an empty one.
    pub fn wait(&mut self, timeout: Option<Duration>) -> Result<(), Errno> {
        self.events.clear();
        let waited = match timeout {
            Some(time) if self.is_precise && time.subsec_nanos() % 1_000_000 != 0 => self.wait_precisely(time),
            timeout => self.wait_roughly(timeout),
        };
        match waited {
            Ok(()) | Err(Errno::INTR) => Ok(()),
            Err(Errno::NOSYS) if self.is_precise => {
                self.is_precise = false;
                self.wait(timeout)
            }
            Err(errno) => Err(errno),
        }
    }

    fn wait_roughly(&mut self, timeout: Option<Duration>) -> Result<(), Errno> {
        let timeout =
            timeout.map(|time| Timespec { tv_sec: time.as_secs() as i64, tv_nsec: i64::from(time.subsec_nanos()) });
        epoll::wait(&self.fd, rustix::buffer::spare_capacity(&mut self.events), timeout.as_ref()).map(|_| ())
    }

    /// `epoll_pwait2`, to the nanosecond.
    fn wait_precisely(&mut self, time: Duration) -> Result<(), Errno> {
        let room = self.events.spare_capacity_mut();
        let time = libc::timespec { tv_sec: time.as_secs() as libc::time_t, tv_nsec: time.subsec_nanos().into() };
        let no_signals = std::ptr::null::<libc::sigset_t>();
        // SAFETY: the kernel writes at most `room.len()` events of its own layout, which is that of `epoll::Event`, into memory
        // that is ours, and reads a time that outlives the call.
        let count = unsafe {
            libc::syscall(
                libc::SYS_epoll_pwait2,
                self.fd.as_raw_fd(),
                room.as_mut_ptr(),
                room.len() as libc::c_int,
                &raw const time,
                no_signals,
                0_usize,
            )
        };
        let count = usize::try_from(count).map_err(|_| crate::sockopt::last_errno())?;
        // SAFETY: so many were written, from the beginning of an empty vector's room.
        unsafe { self.events.set_len(count) };
        Ok(())
    }

    /// Events of the last wait.
    pub fn len(&self) -> usize {
        self.events.len()
    }

    /// Did the last wait bring nothing?
    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// An event of the last wait.
    pub fn event(&self, index: usize) -> Ready {
        let event = self.events[index];
        let flags = event.flags;
        Ready {
            token: event.data.u64(),
            readable: flags.contains(EventFlags::IN),
            peer_fin: flags.contains(EventFlags::RDHUP),
            writable: flags.contains(EventFlags::OUT),
            broken: flags.intersects(EventFlags::ERR | EventFlags::HUP),
        }
    }
}
