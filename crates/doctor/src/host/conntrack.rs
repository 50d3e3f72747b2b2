//! Connection tracking: its size by sysctl, its losses by `/proc/net/stat/nf_conntrack`.

use doctor_core::facts::{ConntrackFacts, Sysctls};

/// Losses, summed over the cores.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Stat {
    drop: u64,
    early_drop: u64,
    insert_failed: u64,
}

impl Stat {
    /// All zero where there is no such file.
    pub(super) fn read() -> Self {
        let text = std::fs::read_to_string("/proc/thread-self/net/stat/nf_conntrack");
        text.map(|text| Self::parse(&text)).unwrap_or_default()
    }

    /// A line of names, then one line of hexadecimal numbers per core.
    fn parse(text: &str) -> Self {
        let mut lines = text.lines();
        let names: Vec<&str> = lines.next().unwrap_or_default().split_whitespace().collect();
        let mut sum = Self::default();
        for line in lines {
            for (name, number) in names.iter().zip(line.split_whitespace()) {
                let number = u64::from_str_radix(number, 16).unwrap_or(0);
                match *name {
                    "drop" => sum.drop += number,
                    "early_drop" => sum.early_drop += number,
                    "insert_failed" => sum.insert_failed += number,
                    _ => {}
                }
            }
        }
        sum
    }
}

/// `None` where this namespace has no table.
pub(super) fn facts(sysctls: &Sysctls, before: &Stat, after: &Stat) -> Option<ConntrackFacts> {
    let lost = |stat: &Stat| stat.drop + stat.early_drop;
    Some(ConntrackFacts {
        count: sysctls.number("net.netfilter.nf_conntrack_count")?,
        max: sysctls.number("net.netfilter.nf_conntrack_max")?,
        dropped: after.drop,
        insert_failed: after.insert_failed,
        early_dropped: after.early_drop,
        dropped_grown: lost(after).saturating_sub(lost(before)),
        insert_failed_grown: after.insert_failed.saturating_sub(before.insert_failed),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "entries  clashres found new invalid ignore delete chainlength insert insert_failed drop early_drop icmp_error\n\
                        0000000a  00000000 00000000 00000000 00000006 00000000 00000000 00000000 00000000 00000010 00000002 00000001 00000000\n\
                        0000000a  00000000 00000000 00000000 00000006 00000000 00000000 00000000 00000000 00000001 00000003 00000000 00000000\n";

    #[test]
    fn cores_are_summed() {
        assert_eq!(Stat::parse(TEXT), Stat { drop: 5, early_drop: 1, insert_failed: 17 });
        assert_eq!(Stat::parse(""), Stat::default());
    }

    #[test]
    fn losses_grow_and_absence_is_said() {
        let mut sysctls = Sysctls::default();
        assert_eq!(facts(&sysctls, &Stat::default(), &Stat::default()), None);
        sysctls.set("net.netfilter.nf_conntrack_count", "7");
        sysctls.set("net.netfilter.nf_conntrack_max", "100");
        let seen = facts(&sysctls, &Stat::default(), &Stat::parse(TEXT)).expect("a table");
        assert_eq!((seen.count, seen.max, seen.dropped_grown, seen.insert_failed_grown), (7, 100, 6, 17));
    }
}
