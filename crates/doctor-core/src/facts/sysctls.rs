//! Sysctls as they were read: text by name, typed on demand.

use std::collections::BTreeMap;

/// Every sysctl a rule may ask for; the shell reads these and no other.
pub const NAMES: [&str; 26] = [
    "net.ipv4.ip_local_port_range",
    "net.ipv4.ip_local_reserved_ports",
    "net.ipv4.tcp_tw_reuse",
    "net.ipv4.tcp_tw_reuse_delay",
    "net.ipv4.tcp_tw_recycle",
    "net.ipv4.tcp_timestamps",
    "net.ipv4.tcp_sack",
    "net.ipv4.tcp_window_scaling",
    "net.ipv4.tcp_fin_timeout",
    "net.ipv4.tcp_max_tw_buckets",
    "net.ipv4.tcp_rfc1337",
    "net.ipv4.tcp_syncookies",
    "net.ipv4.tcp_max_syn_backlog",
    "net.ipv4.tcp_syn_retries",
    "net.ipv4.tcp_synack_retries",
    "net.ipv4.tcp_abort_on_overflow",
    "net.ipv4.tcp_max_orphans",
    "net.ipv4.tcp_mem",
    "net.core.somaxconn",
    "net.netfilter.nf_conntrack_count",
    "net.netfilter.nf_conntrack_max",
    "net.netfilter.nf_conntrack_buckets",
    "net.netfilter.nf_conntrack_tcp_timeout_time_wait",
    "fs.file-nr",
    "fs.file-max",
    "fs.nr_open",
];

/// Values by name. What is missing is unknown to the kernel or hidden from this process.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sysctls {
    values: BTreeMap<String, String>,
}

impl Sysctls {
    /// Notes one.
    pub fn set(&mut self, name: &str, value: &str) {
        self.values.insert(name.to_owned(), value.split_whitespace().collect::<Vec<_>>().join(" "));
    }

    /// Forgets one, as on a kernel that does not have it.
    pub fn remove(&mut self, name: &str) {
        self.values.remove(name);
    }

    /// As text, blanks made single.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str)
    }

    /// As a number.
    pub fn number(&self, name: &str) -> Option<u64> {
        self.text(name)?.parse().ok()
    }

    /// As numbers between blanks.
    pub fn numbers(&self, name: &str) -> Vec<u64> {
        let words = self.text(name).unwrap_or_default().split(' ');
        words.filter_map(|word| word.parse().ok()).collect()
    }

    /// Is it there and this number?
    pub(crate) fn is(&self, name: &str, value: u64) -> bool {
        self.number(name) == Some(value)
    }

    /// Names and values, in the order of names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.values.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}
