//! What the process itself costs, from `/proc/self`.

use serde::{Deserialize, Serialize};

/// Figures of this process, as Prometheus names them for every program.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Process {
    /// User and system time.
    pub cpu_s: f64,
    /// Memory that is resident.
    pub resident_bytes: u64,
    /// Address space.
    pub virtual_bytes: u64,
    /// Threads.
    pub threads: u64,
    /// Files that are open.
    pub open_files: u64,
    /// Files that may be open.
    pub files_max: u64,
}

/// As they are now; what cannot be read is 0.
pub(crate) fn look() -> Process {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let open = std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count);
    Process {
        // The directory is one of them while it is read.
        open_files: (open as u64).saturating_sub(1),
        files_max: sys::limits::file_limit().soft,
        ..of_stat(&stat, sys::limits::page_bytes(), sys::limits::ticks_per_second())
    }
}

/// `/proc/PID/stat` (proc_pid_stat(5)): fields from the third on stand behind the name, which may hold anything.
fn of_stat(stat: &str, page_bytes: u64, ticks_per_s: u64) -> Process {
    let rest = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let fields: Vec<u64> = rest.split_whitespace().map(|field| field.parse().unwrap_or(0)).collect();
    let field = |number: usize| fields.get(number - 3).copied().unwrap_or(0);
    Process {
        cpu_s: (field(14) + field(15)) as f64 / ticks_per_s.max(1) as f64,
        threads: field(20),
        virtual_bytes: field(23),
        resident_bytes: field(24) * page_bytes,
        ..Process::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_counted_from_behind_the_name() {
        let stat =
            "7 (a) b (c) S 1 7 7 0 -1 4194304 90 0 0 0 150 50 0 0 20 0 5 0 1234 8192000 300 18446744073709551615 1";
        let process = of_stat(stat, 4096, 100);
        assert_eq!(process.cpu_s, 2.0);
        assert_eq!((process.threads, process.virtual_bytes, process.resident_bytes), (5, 8_192_000, 300 * 4096));
        assert_eq!(of_stat("", 4096, 100), Process::default());
    }

    #[test]
    fn this_process_has_memory_threads_and_files() {
        let process = look();
        assert!(process.resident_bytes > 100_000 && process.virtual_bytes >= process.resident_bytes, "{process:?}");
        assert!(
            process.threads >= 1 && process.open_files >= 3 && process.files_max >= process.open_files,
            "{process:?}"
        );
    }
}
