//! The two failures behind NAT.

use super::{Claim, Judgement, hasty_nat, percent, run, sysctl};
use crate::simulate::output::Cause;
use crate::simulate::plan::RawPlan;

pub(super) const CLAIMS: &[Claim] = &[
    Claim {
        name: "recycle-behind-nat",
        claim: "With tcp_timestamps and tcp_tw_recycle, SYNs of one source address must bring rising timestamps within 60 s, or they are dropped",
        test: recycle_behind_nat,
    },
    Claim {
        name: "time-wait-behind-nat",
        claim: "When a NAT gateway reuses a 5-tuple that is in TIME_WAIT, a SYN with an older timestamp is dropped",
        test: time_wait_behind_nat,
    },
    Claim {
        name: "timestamps-off-cures-reuse",
        claim: "The balancer turns timestamps off, so that reuse by NAT gateways does no harm",
        test: timestamps_off,
    },
    Claim {
        name: "both-cannot-be-enabled",
        claim: "tcp_timestamps and tcp_tw_recycle cannot be enabled simultaneously",
        test: both_enabled,
    },
    Claim {
        name: "rising-timestamps-are-needed",
        claim: "The timestamps of one source address must be incremental, whoever closes",
        test: who_closes,
    },
];

fn recycling(kernel: &str) -> RawPlan {
    RawPlan {
        kernel: kernel.to_owned(),
        client_kernel: "3.10".to_owned(),
        server_sysctls: sysctl("tcp_tw_recycle", "1"),
        nat: "linux-6.4".to_owned(),
        clients: 200,
        rate: 50,
        ..RawPlan::default()
    }
}

fn recycle_behind_nat() -> (Judgement, String) {
    let (old, late) = (run(&recycling("2.6.32")), run(&recycling("4.11")));
    let gone = recycling("4.12").check().is_err();
    let drops = |output: &crate::simulate::Output| output.cause(Cause::RecycleOlderTimestamp);
    let why = format!(
        "200 hosts behind one address: {} of all SYNs are dropped without an answer on 2.6.32 and {} on 4.11, {} and {} connects time out \
         or come late; 4.12 has no tcp_tw_recycle",
        percent(drops(&old), old.syns.sent),
        percent(drops(&late), late.syns.sent),
        old.connect_times.delayed() + old.syns.failed,
        late.connect_times.delayed() + late.syns.failed,
    );
    (Judgement::TrueUpTo("4.11").if_shown(drops(&old) > 0 && drops(&late) > 0 && gone), why)
}

fn time_wait_behind_nat() -> (Judgement, String) {
    let before = run(&RawPlan { client_kernel: "5.6".to_owned(), ..hasty_nat("6.18") });
    let since = run(&hasty_nat("6.18"));
    let strict = run(&RawPlan { server_sysctls: sysctl("tcp_rfc1337", "1"), duration_s: 240, ..hasty_nat("6.18") });
    let filtered = run(&RawPlan { nat_drops_resets: true, duration_s: 240, ..hasty_nat("6.18") });
    let worst = |output: &crate::simulate::Output| output.connect_times.max().unwrap_or_default().as_millis();
    let why = format!(
        "Of {} connects {} meet TIME_WAIT with an older timestamp. The SYN is not dropped: it gets an ACK, the client an RST out, and the SYN \
         again succeeds: at most {} ms in all (clients before 5.7: {} ms), and {} fail. With tcp_rfc1337=1 {} fail, with a gateway that drops \
         the RST {}",
        since.connects,
        since.cause(Cause::TimeWaitOlderTimestamp),
        worst(&since),
        worst(&before),
        since.syns.failed,
        strict.syns.failed,
        filtered.syns.failed,
    );
    let challenged_only = since.syns.challenged > 0 && since.syns.failed == 0 && strict.syns.failed > 0;
    (Judgement::Imprecise.unless_true(challenged_only), why)
}

fn timestamps_off() -> (Judgement, String) {
    let on = run(&hasty_nat("6.18"));
    let off = run(&RawPlan { server_sysctls: sysctl("tcp_timestamps", "0"), ..hasty_nat("6.18") });
    let share =
        |output: &crate::simulate::Output| percent(output.syns.challenged, output.syns.challenged + output.taken_over);
    let why = format!(
        "Of the SYNs that meet TIME_WAIT {} are rejected with timestamps and {} without: then the initial sequence number decides, and that of \
         another host is behind as often as ahead",
        share(&on),
        share(&off),
    );
    (Judgement::False.unless_true(off.syns.challenged > 0), why)
}

fn both_enabled() -> (Judgement, String) {
    let behind_nat = run(&recycling("3.10"));
    let alone = run(&RawPlan { nat: "none".to_owned(), ..recycling("3.10") });
    let why = format!(
        "They can: with an address for each host {} of {} SYNs are dropped on 3.10, behind one address {}. A server that faces NAT must not",
        alone.syns.dropped_silently, alone.syns.sent, behind_nat.syns.dropped_silently,
    );
    (Judgement::Imprecise.unless_true(alone.syns.dropped_silently == 0), why)
}

fn who_closes() -> (Judgement, String) {
    let server = run(&recycling("3.10"));
    let client = run(&RawPlan { closes: "client".to_owned(), ..recycling("3.10") });
    let why = format!(
        "A server remembers the timestamps of connections that it closed first: {} SYNs dropped; where clients close first {}",
        server.syns.dropped_silently, client.syns.dropped_silently,
    );
    (Judgement::Imprecise.unless_true(client.syns.dropped_silently == 0), why)
}
