//! The terminal we print to.

use std::os::fd::RawFd;

/// Columns of the terminal behind standard output; `None` where it is none.
pub fn columns() -> Option<u16> {
    size(libc::STDOUT_FILENO).map(|size| size.ws_col).filter(|columns| *columns > 0)
}

/// Columns of the terminal behind standard error; `None` where it is none.
pub fn error_columns() -> Option<u16> {
    size(libc::STDERR_FILENO).map(|size| size.ws_col).filter(|columns| *columns > 0)
}

/// Rows of the terminal behind standard output; `None` where it is none.
pub fn rows() -> Option<u16> {
    size(libc::STDOUT_FILENO).map(|size| size.ws_row).filter(|rows| *rows > 0)
}

/// May we set up the terminal behind standard input? Not from the background of a shell, which would halt us (SIGTTOU), nor
/// where it is none.
pub fn is_foreground() -> bool {
    // SAFETY: plain system calls on numbers; what is no terminal is -1.
    unsafe { libc::tcgetpgrp(libc::STDIN_FILENO) == libc::getpgrp() }
}

fn size(fd: RawFd) -> Option<libc::winsize> {
    // SAFETY: `winsize` is plain data for which all zeroes is valid.
    let mut size: libc::winsize = unsafe { std::mem::zeroed() };
    // SAFETY: TIOCGWINSZ writes one `winsize`, which lives on our stack for the whole call.
    let result = unsafe { libc::ioctl(fd, libc::TIOCGWINSZ, &raw mut size) };
    (result == 0).then_some(size)
}
