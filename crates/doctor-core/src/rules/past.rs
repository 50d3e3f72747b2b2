//! What went wrong before anybody looked: counters that stand above zero and do not move.

use crate::finding::{Cure, Invasiveness, Severity};
use crate::rule::{Case, Found, Rule};

/// Counters that tell of losses, each with the finding that explains it.
const LOSSES: [(&str, &str); 5] = [
    ("TcpExt.ListenOverflows", "listen.overflow"),
    ("TcpExt.TCPReqQFullDrop", "listen.syn-queue"),
    ("TcpExt.TCPTimeWaitOverflow", "buckets.overflow"),
    ("TcpExt.PAWSTimewait", "timestamps.time-wait-rejects"),
    ("TcpExt.TCPAbortOnMemory", "memory.pressure"),
];

pub(super) static RULES: &[Rule] = &[Rule {
    id: "past.losses",
    title: "connections were lost or delayed here in the past; not now",
    story: "Counters of the kernel stand above zero but did not grow while the doctor looked. They count since the network \
namespace began, which is usually the boot, so they may be weeks old. To see whether it still happens, run the doctor while \
the load is on, or watch: `quintet doctor --watch`. The evidence names the finding that explains each counter.",
    wrong_cures: &[],
    look: losses,
}];

fn losses(case: &Case<'_>) -> Option<Found> {
    let counters = &case.host.counters;
    let stands = |(name, _): &&(&str, &str)| counters.total(name) > 0 && counters.grown(name) == 0;
    let shown = |(name, finding): &(&str, &str)| format!("{} (see {finding})", counters.shown(name));
    let mut seen: Vec<String> = LOSSES.iter().filter(stands).map(shown).collect();
    let table = case.host.conntrack.filter(|table| table.insert_failed_grown == 0);
    let failed = table.and_then(|table| table.insert_failed).filter(|failed| *failed > 0);
    seen.extend(failed.map(|failed| format!("insert_failed {failed} (see conntrack.insert-failed)")));
    (!seen.is_empty()).then(|| {
        let look =
            Cure::by_hand(Invasiveness::ClientSetting, "look again while the load is on", "quintet doctor --watch");
        Found::new(Severity::Note, seen.join(", ")).cure(look)
    })
}
