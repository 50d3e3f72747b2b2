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

/// The calling thread gives way to others of this process and of others, by so much more than it did (19 at most, in all).
pub fn give_way(by: u8) {
    // SAFETY: it has no memory in it. Of Linux's threads each has a value of its own (sched(7)), and it may always be raised.
    let _new_value = unsafe { libc::nice(by.into()) };
}

/// Timers of the calling thread end when they are due, not up to 50 us later with others (PR_SET_TIMERSLACK).
pub fn be_punctual() {
    let _as_before = rustix::thread::set_current_timer_slack(std::num::NonZeroU64::new(1));
}

/// CPU time the calling thread used since its start (CLOCK_THREAD_CPUTIME_ID): also what the kernel did on its behalf, and
/// nothing of what others did meanwhile.
pub fn own_cpu_time() -> Duration {
    cpu_clock(libc::CLOCK_THREAD_CPUTIME_ID)
}

/// The same of all threads of this process, those that have ended included (CLOCK_PROCESS_CPUTIME_ID).
pub fn process_cpu_time() -> Duration {
    cpu_clock(libc::CLOCK_PROCESS_CPUTIME_ID)
}

fn cpu_clock(clock: libc::clockid_t) -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` lives on our stack for the whole call, which fills it. Not by rustix: it looks for the vDSO by itself,
    // and dies where a tool has taken it away (valgrind).
    let result = unsafe { libc::clock_gettime(clock, &raw mut time) };
    debug_assert_eq!(result, 0, "every kernel has this clock");
    // A clock of the kernel is never negative.
    Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// How long the calling thread ran, and how long it could have run but had no CPU, since its start. `None` where the
/// kernel does not tell (CONFIG_SCHED_INFO).
pub fn own_run_and_wait() -> Option<Duration> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    let mut numbers = text.split_whitespace().map(|number| number.parse::<u64>().ok());
    Some(Duration::from_nanos(numbers.next()?? + numbers.next()??))
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

#[cfg(test)]
mod tests {
    /// `nice` of the calling thread (proc_pid_stat(5), field 19).
    fn nice() -> i32 {
        let stat = std::fs::read_to_string("/proc/thread-self/stat").expect("of this thread");
        let behind_name = stat.rsplit_once(')').expect("a name").1;
        behind_name.split_whitespace().nth(16).and_then(|field| field.parse().ok()).expect("a number")
    }

    #[test]
    fn one_thread_gives_way_and_others_do_not() {
        let before = nice();
        let there = std::thread::spawn(|| {
            super::give_way(3);
            nice()
        });
        assert_eq!((there.join().expect("it ran"), nice()), ((before + 3).min(19), before));
    }

    use super::*;

    #[test]
    fn work_is_counted_and_sleep_is_not() {
        let (cpu, busy) = (own_cpu_time(), own_run_and_wait());
        std::thread::sleep(Duration::from_millis(20));
        let slept = own_cpu_time() - cpu;
        while own_cpu_time() - cpu < Duration::from_millis(20) {}
        assert!(slept < Duration::from_millis(20), "{slept:?}");
        // Both count the same work, the second in ticks of the scheduler.
        if let (Some(before), Some(after)) = (busy, own_run_and_wait()) {
            assert!(after > before, "{before:?} {after:?}");
        }
    }
}
