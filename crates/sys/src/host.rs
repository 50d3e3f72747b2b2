//! The machine we run on.

/// Its name, as `uname -n` shows it.
pub fn name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_host_has_a_name() {
        let known = std::fs::read_to_string("/proc/sys/kernel/hostname").expect("every Linux has it");
        assert_eq!(super::name(), known.trim());
    }
}
