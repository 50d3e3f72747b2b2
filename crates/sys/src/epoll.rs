//! An epoll instance whose events carry a number of the caller's.

use crate::Errno;
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::time::Timespec;
use std::os::fd::{AsFd, OwnedFd};
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
}

impl Epoll {
    /// Errors: EMFILE, ENFILE, ENOMEM.
    pub fn new() -> Result<Self, Errno> {
        let fd = epoll::create(CreateFlags::CLOEXEC)?;
        Ok(Self { fd, events: Vec::with_capacity(EVENTS_MAX) })
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

    /// Waits for events up to `timeout` (`None`: for ever). An interrupted wait is an empty one.
    pub fn wait(&mut self, timeout: Option<Duration>) -> Result<(), Errno> {
        self.events.clear();
        let timeout =
            timeout.map(|time| Timespec { tv_sec: time.as_secs() as i64, tv_nsec: i64::from(time.subsec_nanos()) });
        match epoll::wait(&self.fd, rustix::buffer::spare_capacity(&mut self.events), timeout.as_ref()) {
            Ok(_) | Err(Errno::INTR) => Ok(()),
            Err(errno) => Err(errno),
        }
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
