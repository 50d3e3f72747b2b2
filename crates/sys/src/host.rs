//! The machine we run on.

use std::time::Duration;

/// Its name, as `uname -n` shows it.
pub fn name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// The release of its kernel, as `uname -r` shows it.
pub fn kernel() -> String {
    rustix::system::uname().release().to_string_lossy().into_owned()
}

/// What CLOCK_MONOTONIC shows: the time since the machine was started, pauses left out. Other programs read the same.
pub fn since_boot() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` lives on our stack for the whole call, which fills it. Not by rustix, see `thread::own_cpu_time`.
    let result = unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut time) };
    debug_assert_eq!(result, 0, "every kernel has this clock");
    Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_clock_goes_on() {
        let before = super::since_boot();
        assert!(!before.is_zero() && super::since_boot() >= before);
    }

    #[test]
    fn the_kernel_has_a_release() {
        let known = std::fs::read_to_string("/proc/sys/kernel/osrelease").expect("every Linux has it");
        assert_eq!(super::kernel(), known.trim());
    }

    #[test]
    fn the_host_has_a_name() {
        let known = std::fs::read_to_string("/proc/sys/kernel/hostname").expect("every Linux has it");
        assert_eq!(super::name(), known.trim());
    }
}
