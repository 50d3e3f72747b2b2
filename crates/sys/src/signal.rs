//! Signals as something to wait for instead of handlers.

use crate::{Errno, sockopt::last_errno};
use std::time::Duration;

/// The signals a program of ours reacts to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// Ctrl-C.
    Interrupt,
    /// Polite end: drain.
    Terminate,
    /// Show the counters.
    User1,
    /// As [`Signal::Terminate`], as other servers have it.
    Quit,
    /// Reload, in the habit of servers; or the terminal has gone.
    Hangup,
    /// A new program takes over, in the habit of servers.
    User2,
}

impl Signal {
    const ALL: [(Self, libc::c_int); 6] = [
        (Self::Interrupt, libc::SIGINT),
        (Self::Terminate, libc::SIGTERM),
        (Self::User1, libc::SIGUSR1),
        (Self::Quit, libc::SIGQUIT),
        (Self::Hangup, libc::SIGHUP),
        (Self::User2, libc::SIGUSR2),
    ];
    /// Those that every command of ours reacts to.
    const USUAL: usize = 3;
}

/// Signals blocked for this thread and all threads it starts afterwards, to be waited for by one.
#[derive(Debug)]
pub struct Signals(libc::sigset_t);

impl Signals {
    /// Blocks SIGINT, SIGTERM and SIGUSR1. Call before any other thread is started: threads inherit it.
    pub fn block() -> Result<Self, Errno> {
        Self::block_these(&Signal::ALL[..Signal::USUAL])
    }

    /// The same for a server, which also has SIGQUIT, SIGHUP and SIGUSR2 sent to it by habit and must not die of them.
    pub fn block_for_server() -> Result<Self, Errno> {
        Self::block_these(&Signal::ALL)
    }

    fn block_these(signals: &[(Signal, libc::c_int)]) -> Result<Self, Errno> {
        // SAFETY: `sigset_t` is plain data; sigemptyset initialises it and sigaddset takes valid numbers.
        let set = unsafe {
            let mut set: libc::sigset_t = std::mem::zeroed();
            libc::sigemptyset(&raw mut set);
            for (_, number) in signals {
                libc::sigaddset(&raw mut set, *number);
            }
            set
        };
        // SAFETY: `set` is initialised; the old mask is not asked for.
        let result = unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, &raw const set, std::ptr::null_mut()) };
        if result == 0 { Ok(Self(set)) } else { Err(Errno::from_raw_os_error(result)) }
    }

    /// Waits for a signal, up to `timeout`; `None` when none came.
    pub fn wait(&self, timeout: Duration) -> Option<Signal> {
        let time = libc::timespec { tv_sec: timeout.as_secs() as i64, tv_nsec: i64::from(timeout.subsec_nanos()) };
        // SAFETY: set and time are initialised and live during the call; no siginfo is asked for.
        let number = unsafe { libc::sigtimedwait(&raw const self.0, std::ptr::null_mut(), &raw const time) };
        Signal::ALL.iter().find(|(_, known)| *known == number).map(|(signal, _)| *signal)
    }
}

/// Sends `signal` to a process that the caller started.
pub fn send(pid: u32, signal: Signal) -> Result<(), Errno> {
    let number = Signal::ALL.iter().find(|(known, _)| *known == signal).map_or(libc::SIGTERM, |(_, n)| *n);
    send_number(pid, number)
}

/// Ends a process that the caller started, whatever it is doing (SIGKILL).
pub fn kill(pid: u32) -> Result<(), Errno> {
    send_number(pid, libc::SIGKILL)
}

/// Halts a process that the caller started, until it may go on (SIGSTOP).
pub fn halt(pid: u32) -> Result<(), Errno> {
    send_number(pid, libc::SIGSTOP)
}

/// Lets a process that was halted go on (SIGCONT).
pub fn go_on(pid: u32) -> Result<(), Errno> {
    send_number(pid, libc::SIGCONT)
}

/// Halts this process as Ctrl-Z does (SIGTSTP), until its shell lets it go on.
pub fn suspend() {
    // SAFETY: plain system call on a number. It goes to the calling thread, so that it is over only when we go on.
    let _ignored_without_a_shell = unsafe { libc::raise(libc::SIGTSTP) };
}

fn send_number(pid: u32, number: libc::c_int) -> Result<(), Errno> {
    let pid = i32::try_from(pid).map_err(|_| Errno::INVAL)?;
    // SAFETY: plain system call on numbers.
    let result = unsafe { libc::kill(pid, number) };
    if result == 0 { Ok(()) } else { Err(last_errno()) }
}
