//! Threads, cores, and the CPU time they used.

use rustix::thread::{CpuSet, sched_setaffinity};
use std::time::Duration;

/// Cores this process may use.
pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Pins the calling thread to one core.
pub fn pin_to_core(core: usize) -> Result<(), crate::Errno> {
    let mut set = CpuSet::new();
    set.set(core);
    sched_setaffinity(None, &set)
}

/// CPU time a process used since its start, all threads, from `/proc/PID/task/*/schedstat`
/// (nanosecond resolution, user and system together). `None` when it cannot be read.
pub fn cpu_time(pid: u32) -> Option<Duration> {
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).ok()?;
    let mut total_ns = 0u64;
    for task in tasks.flatten() {
        let text = std::fs::read_to_string(task.path().join("schedstat")).ok()?;
        total_ns += text.split_whitespace().next()?.parse::<u64>().ok()?;
    }
    Some(Duration::from_nanos(total_ns))
}

/// CPU time (user and system) of all children that ended and were waited for.
pub fn ended_children_cpu_time() -> Result<Duration, crate::Errno> {
    // SAFETY: `rusage` is plain data for which all zeroes is valid.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: `usage` lives on our stack for the whole call, which fills it.
    let result = unsafe { libc::getrusage(libc::RUSAGE_CHILDREN, &raw mut usage) };
    let time = |at: libc::timeval| Duration::new(at.tv_sec as u64, at.tv_usec as u32 * 1000);
    if result == 0 { Ok(time(usage.ru_utime) + time(usage.ru_stime)) } else { Err(crate::sockopt::last_errno()) }
}
