//! The terminal we print to.

/// Columns of the terminal behind standard output; `None` where it is none.
pub fn columns() -> Option<u16> {
    size().map(|size| size.ws_col).filter(|columns| *columns > 0)
}

/// Rows of the terminal behind standard output; `None` where it is none.
pub fn rows() -> Option<u16> {
    size().map(|size| size.ws_row).filter(|rows| *rows > 0)
}

fn size() -> Option<libc::winsize> {
    // SAFETY: `winsize` is plain data for which all zeroes is valid.
    let mut size: libc::winsize = unsafe { std::mem::zeroed() };
    // SAFETY: TIOCGWINSZ writes one `winsize`, which lives on our stack for the whole call.
    let result = unsafe { libc::ioctl(libc::STDOUT_FILENO, libc::TIOCGWINSZ, &raw mut size) };
    (result == 0).then_some(size)
}
