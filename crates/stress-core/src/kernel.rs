//! What the kernel counted during a run. Its counters are of the whole network namespace: other programs' share is in them.

use named::named;

named! {
    /// Counters of the kernel that say something of a run.
    pub enum KernelCounter {
        /// SYNs sent again: nobody answered the first.
        SynRetransmits = "syn_retransmits",
        /// Segments sent again, SYNs included.
        Retransmits = "segments_retransmitted",
        /// Segments sent.
        Segments = "segments_sent",
        /// Resets sent.
        ResetsSent = "resets_sent",
        /// Connections that ended by a reset.
        ResetsMet = "connections_reset",
        /// Connects that failed.
        ConnectsFailed = "connects_failed",
        /// SYNs a listener of this host dropped.
        ListenDrops = "listen_drops",
        /// Of those, for want of room in its accept queue.
        ListenOverflows = "listen_overflows",
        /// Ports in TIME_WAIT that were taken over.
        TimeWaitRecycled = "time_wait_recycled",
        /// TIME_WAITs left out, because there were tcp_max_tw_buckets.
        TimeWaitOverflow = "time_wait_overflow",
    }
}

impl KernelCounter {
    /// As the kernel calls it, in `/proc/net/snmp` and `/proc/net/netstat`.
    pub fn source(self) -> &'static str {
        match self {
            Self::SynRetransmits => "TcpExt.TCPSynRetrans",
            Self::Retransmits => "Tcp.RetransSegs",
            Self::Segments => "Tcp.OutSegs",
            Self::ResetsSent => "Tcp.OutRsts",
            Self::ResetsMet => "Tcp.EstabResets",
            Self::ConnectsFailed => "Tcp.AttemptFails",
            Self::ListenDrops => "TcpExt.ListenDrops",
            Self::ListenOverflows => "TcpExt.ListenOverflows",
            Self::TimeWaitRecycled => "TcpExt.TWRecycled",
            Self::TimeWaitOverflow => "TcpExt.TCPTimeWaitOverflow",
        }
    }
}

/// Counters at one moment, or what came between two. What was not read is `None`, never 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KernelCounts([Option<u64>; KernelCounter::ALL.len()]);

impl KernelCounts {
    /// As `read` tells them by their names in the kernel.
    pub fn read(read: impl Fn(&str) -> Option<u64>) -> Self {
        Self(KernelCounter::ALL.map(|counter| read(counter.source())))
    }

    /// What came since `earlier`; `None` where either was not read.
    pub fn since(&self, earlier: &Self) -> Self {
        Self(KernelCounter::ALL.map(|counter| self.get(counter)?.checked_sub(earlier.get(counter)?)))
    }

    /// One of them.
    pub fn get(&self, counter: KernelCounter) -> Option<u64> {
        self.0[counter as usize]
    }

    /// One of them, where it was read and is not 0.
    pub(crate) fn nonzero(&self, counter: KernelCounter) -> Option<u64> {
        self.get(counter).filter(|count| *count > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_read_is_not_nothing() {
        let at = |syns: u64| {
            move |name: &str| match name {
                "TcpExt.TCPSynRetrans" => Some(syns),
                "Tcp.OutRsts" => Some(7),
                _ => None,
            }
        };
        let (before, after) = (KernelCounts::read(at(5)), KernelCounts::read(at(8)));
        let came = after.since(&before);
        assert_eq!(came.get(KernelCounter::SynRetransmits), Some(3));
        assert_eq!((came.get(KernelCounter::ResetsSent), came.nonzero(KernelCounter::ResetsSent)), (Some(0), None));
        assert_eq!(came.get(KernelCounter::ListenDrops), None);
        assert_eq!(after.since(&KernelCounts::default()), KernelCounts::default(), "the earlier one was not read");
    }
}
