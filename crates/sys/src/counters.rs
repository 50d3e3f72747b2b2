//! TCP counters of the calling thread's namespace: `/proc/net/{snmp,netstat,sockstat}`.
//!
//! Names are `Section.Name` as the kernel writes them: `TcpExt.TWRecycled`, `Tcp.ActiveOpens`,
//! `sockstat.TCP.tw` (a gauge that includes FIN_WAIT2 mini-sockets).

use std::collections::BTreeMap;
use std::io;

/// A snapshot of counters, or the difference of two.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    values: BTreeMap<String, u64>,
}

impl Counters {
    /// Reads them all.
    ///
    /// # Errors
    /// `/proc` is not mounted.
    pub fn read() -> io::Result<Self> {
        // /proc/net is the main thread's namespace; thread-self is ours.
        let file = |name: &str| std::fs::read_to_string(format!("/proc/thread-self/net/{name}"));
        let mut values = BTreeMap::new();
        parse_pairs(&file("snmp")?, &mut values);
        parse_pairs(&file("netstat")?, &mut values);
        parse_sockstat(&file("sockstat")?, &mut values);
        Ok(Self { values })
    }

    /// One counter; `None` where this kernel does not have it.
    pub fn get(&self, name: &str) -> Option<u64> {
        self.values.get(name).copied()
    }

    /// What was counted since `earlier`. Gauges that fell show 0.
    pub fn since(&self, earlier: &Self) -> Self {
        let grown = |(name, now): (&String, &u64)| {
            let before = earlier.get(name).unwrap_or(0);
            (name.clone(), now.saturating_sub(before))
        };
        Self { values: self.values.iter().map(grown).collect() }
    }

    /// Names and values, in the order of names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, u64)> {
        self.values.iter().map(|(name, value)| (name.as_str(), *value))
    }
}

/// Two lines per section: names, then values. A negative value (Tcp.MaxConn) is no counter.
fn parse_pairs(text: &str, values: &mut BTreeMap<String, u64>) {
    let mut lines = text.lines();
    while let (Some(names), Some(numbers)) = (lines.next(), lines.next()) {
        let (Some((section, names)), Some((_, numbers))) = (names.split_once(':'), numbers.split_once(':')) else {
            continue;
        };
        for (name, number) in names.split_whitespace().zip(numbers.split_whitespace()) {
            if let Ok(number) = number.parse() {
                values.insert(format!("{section}.{name}"), number);
            }
        }
    }
}

/// `TCP: inuse 5 orphan 0 tw 3 ...`
fn parse_sockstat(text: &str, values: &mut BTreeMap<String, u64>) {
    for (section, rest) in text.lines().filter_map(|line| line.split_once(':')) {
        let words: Vec<&str> = rest.split_whitespace().collect();
        for pair in words.chunks_exact(2) {
            if let Ok(number) = pair[1].parse() {
                values.insert(format!("sockstat.{section}.{}", pair[0]), number);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SNMP: &str = "Tcp: MaxConn ActiveOpens\nTcp: -1 42\n";
    const NETSTAT: &str = "TcpExt: TW TWRecycled\nTcpExt: 7 3\nIpExt: InOctets\nIpExt: 99\n";
    const SOCKSTAT: &str = "sockets: used 9\nTCP: inuse 5 orphan 0 tw 3 alloc 6 mem 1\n";

    fn sample() -> Counters {
        let mut values = BTreeMap::new();
        parse_pairs(SNMP, &mut values);
        parse_pairs(NETSTAT, &mut values);
        parse_sockstat(SOCKSTAT, &mut values);
        Counters { values }
    }

    fn check(name: &str, expect: Option<u64>) {
        assert_eq!(sample().get(name), expect, "{name}");
    }

    #[test]
    fn files_are_parsed() {
        check("Tcp.MaxConn", None);
        check("Tcp.ActiveOpens", Some(42));
        check("TcpExt.TWRecycled", Some(3));
        check("IpExt.InOctets", Some(99));
        check("sockstat.TCP.tw", Some(3));
        check("sockstat.TCP.nothing", None);
    }

    #[test]
    fn the_difference_counts_what_came_since() {
        let earlier = sample();
        let mut later = sample();
        later.values.insert("TcpExt.TW".into(), 10);
        later.values.insert("sockstat.TCP.tw".into(), 1);
        let since = later.since(&earlier);
        assert_eq!(since.get("TcpExt.TW"), Some(3));
        assert_eq!(since.get("Tcp.ActiveOpens"), Some(0));
        assert_eq!(since.get("sockstat.TCP.tw"), Some(0));
    }

    #[test]
    fn the_running_kernel_has_what_the_lab_needs() {
        let counters = Counters::read().expect("/proc is mounted");
        for name in ["TcpExt.TW", "TcpExt.TWRecycled", "TcpExt.TCPTimeWaitOverflow", "Tcp.ActiveOpens"] {
            assert!(counters.get(name).is_some(), "{name}");
        }
    }
}
