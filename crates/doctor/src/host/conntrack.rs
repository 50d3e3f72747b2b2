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
    /// `None` where there is no such file.
    pub(super) fn read() -> Option<Self> {
        std::fs::read_to_string("/proc/thread-self/net/stat/nf_conntrack").ok().map(|text| Self::parse(&text))
    }

    /// A line of names, then one line of hexadecimal numbers per core.
    fn parse(text: &str) -> Self {
        let mut lines = text.lines();
        let names: Vec<&str> = lines.next().unwrap_or_default().split_whitespace().collect();
        let mut sum = Self::default();
        for line in lines {
            for (name, number) in names.iter().zip(line.split_whitespace()) {
                let Ok(number) = u64::from_str_radix(number, 16) else { continue };
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
pub(super) fn facts(sysctls: &Sysctls, before: Option<&Stat>, after: Option<&Stat>) -> Option<ConntrackFacts> {
    let grown = |count: fn(&Stat) -> u64| match (before, after) {
        (Some(before), Some(after)) => count(after).saturating_sub(count(before)),
        _ => 0,
    };
    Some(ConntrackFacts {
        count: sysctls.number("net.netfilter.nf_conntrack_count")?,
        max: sysctls.number("net.netfilter.nf_conntrack_max")?,
        dropped: after.map(|stat| stat.drop),
        insert_failed: after.map(|stat| stat.insert_failed),
        early_dropped: after.map(|stat| stat.early_drop),
        dropped_grown: grown(|stat| stat.drop + stat.early_drop),
        insert_failed_grown: grown(|stat| stat.insert_failed),
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
        let (none_lost, lost) = (Stat::default(), Stat::parse(TEXT));
        assert_eq!(facts(&sysctls, Some(&none_lost), Some(&none_lost)), None);
        sysctls.set("net.netfilter.nf_conntrack_count", "7");
        sysctls.set("net.netfilter.nf_conntrack_max", "100");
        let seen = facts(&sysctls, Some(&none_lost), Some(&lost)).expect("a table");
        assert_eq!((seen.count, seen.max, seen.dropped_grown, seen.insert_failed_grown), (7, 100, 6, 17));
        assert_eq!((seen.dropped, seen.insert_failed), (Some(5), Some(17)));
        let hidden = facts(&sysctls, None, None).expect("a table whose losses are not shown");
        assert_eq!((hidden.count, hidden.dropped, hidden.insert_failed), (7, None, None));
    }
}
