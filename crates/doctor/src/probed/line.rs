//! One TCP connection of a probe: opened with a deadline, then read and written with deadlines.

use ports::Fault;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};
use sys::epoll::{Epoll, Interest};
use sys::tcp_info::{TcpDetails, TcpState, tcp_details, tcp_info};
use sys::{Errno, socket, sockopt};

/// Longest single wait inside the kernel; a deadline is looked at after each.
const SLICE_MIN: Duration = Duration::from_millis(1);

/// Where a connect starts from.
#[derive(Clone, Copy, Debug)]
pub(super) enum From {
    /// The kernel chooses.
    Anywhere,
    /// Exactly this address and port, with SO_REUSEADDR; port 0: one that the kernel picks at bind.
    Exactly(SocketAddr),
}

/// How a stream ended, seen from here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Fin,
    Rst,
    /// It had not ended when patience did.
    Patience,
}

/// An established connection.
pub(super) struct Line {
    stream: TcpStream,
    /// How long the connect took.
    pub(super) connect_time: Duration,
    /// What TCP_INFO said right after it.
    pub(super) details: TcpDetails,
    /// A write met the peer's reset. The error is reported once by the kernel, so it is kept here.
    reset_seen: bool,
}

impl Line {
    /// Connects within `patience`.
    pub(super) fn open(to: SocketAddr, from: From, patience: Duration) -> Result<Self, Fault> {
        let fault = |errno: Errno| Fault::from_errno(errno.raw_os_error());
        let fd = socket::tcp_for(&to).map_err(fault)?;
        sockopt::set_no_delay(&fd, true).map_err(fault)?;
        if let From::Exactly(local) = from {
            socket::bind_exact(&fd, &local).map_err(fault)?;
        }
        let began = Instant::now();
        if !socket::connect(&fd, &to).map_err(fault)? {
            wait_until_connected(&fd, began + patience).map_err(fault)?;
        }
        let connect_time = began.elapsed();
        let details = tcp_details(&fd).map_err(fault)?;
        let stream = TcpStream::from(fd);
        stream.set_nonblocking(false).map_err(|error| Fault::from_errno(error.raw_os_error().unwrap_or(0)))?;
        Ok(Self { stream, connect_time, details, reset_seen: false })
    }

    /// Our end.
    pub(super) fn local(&self) -> Option<SocketAddr> {
        self.stream.local_addr().ok()
    }

    /// Writes what goes within `patience`. A peer that has closed or reads no more is not an error here: what it
    /// says, and how it ends, is read afterwards.
    pub(super) fn write(&mut self, bytes: &[u8], patience: Duration) {
        let _only_a_wish = self.stream.set_write_timeout(Some(patience.max(SLICE_MIN)));
        if let Err(error) = self.stream.write_all(bytes) {
            // EPIPE means that the FIN came before the reset, and a read will show that FIN.
            self.reset_seen |= error.kind() == io::ErrorKind::ConnectionReset;
        }
    }

    /// Reads some bytes before `until`: how many, or how the stream ended.
    pub(super) fn read(&mut self, into: &mut [u8], until: Instant) -> Result<usize, End> {
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(End::Patience);
            }
            let _only_a_wish = self.stream.set_read_timeout(Some(left.max(SLICE_MIN)));
            return match self.stream.read(into) {
                Ok(0) if self.reset_seen => Err(End::Rst),
                Ok(0) => Err(End::Fin),
                Ok(count) => Ok(count),
                Err(error) => match error.kind() {
                    io::ErrorKind::Interrupted => continue,
                    io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => Err(End::Patience),
                    _ => Err(End::Rst),
                },
            };
        }
    }

    /// Throws away what comes until the stream ends, at most `patience` and `bytes_max`.
    pub(super) fn drain(&mut self, patience: Duration, bytes_max: usize) -> End {
        let until = Instant::now() + patience;
        let mut scratch = [0; 4096];
        let mut seen = 0;
        while seen < bytes_max {
            match self.read(&mut scratch, until) {
                Ok(count) => seen += count,
                Err(end) => return end,
            }
        }
        End::Patience
    }

    /// Has a reset come, whatever came before it? (State CLOSE without a close of ours.)
    pub(super) fn was_reset(&self) -> bool {
        tcp_info(&self.stream).is_ok_and(|info| info.state == TcpState::CLOSE)
    }

    /// Sends our FIN.
    pub(super) fn close_first(&self) {
        let _already_gone = self.stream.shutdown(Shutdown::Write);
    }
}

fn wait_until_connected(fd: &OwnedFd, until: Instant) -> Result<(), Errno> {
    let mut epoll = Epoll::new()?;
    epoll.add(fd, 0, Interest::ReadWrite)?;
    loop {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(Errno::TIMEDOUT);
        }
        epoll.wait(Some(left))?;
        for at in 0..epoll.len() {
            let ready = epoll.event(at);
            if ready.writable || ready.broken {
                return sockopt::take_error(fd);
            }
        }
    }
}
