//! The guide's rules, put to single decisions.

use super::{Claim, Judgement};
use crate::decide::clock::Clock;
use crate::decide::recycle::{self, Peer};
use crate::decide::reuse::{self, Asker};
use crate::decide::time_wait::{Answer, Recent, Substate, TimeWait, Verdict, paws_memory};
use crate::decide::{TIME_WAIT_LEN, close};
use crate::segment::Segment;
use crate::sysctls::Sysctls;
use crate::version::Version;
use core::time::Duration;

pub(super) const CLAIMS: &[Claim] = &[
    Claim {
        name: "reclaiming-timeout",
        claim: "The reclaiming timeout of TIME_WAIT is 60 s by default",
        test: reclaiming_timeout,
    },
    Claim {
        name: "tcp-tw-resuse",
        claim: "tcp_tw_resuse reclaims connections that are in TIME_WAIT for more than 1 s",
        test: tw_reuse,
    },
    Claim {
        name: "only-with-timestamps",
        claim: "tcp_tw_recycle and tcp_tw_reuse only take effect when tcp_timestamps is enabled",
        test: only_with_timestamps,
    },
    Claim {
        name: "paws-window",
        claim: "TCP_PAWS_WINDOW=1: a SYN is dropped when the last timestamp is greater than its own",
        test: paws_window,
    },
    Claim {
        name: "time-wait-window",
        claim: "TIME_WAIT rejects a SYN when the last timestamp is greater than its own",
        test: time_wait_window,
    },
    Claim { name: "timestamp-tick", claim: "Timestamps are updated once per 1 ms by default in Linux", test: tick },
    Claim { name: "paws-memory", claim: "Old timestamps count for 24 days", test: memory },
    Claim {
        name: "explicit-bind",
        claim: "(Left out) bind() with SO_REUSEADDR before connect() takes a TIME_WAIT over at once",
        test: explicit_bind,
    },
];

const NOW: Duration = Duration::from_secs(10_000);
const OLD: Version = Version::old(32);
const NEW: Version = Version::new(6, 18);

fn time_wait(recent: Option<u32>) -> TimeWait {
    TimeWait {
        substate: Substate::TimeWait,
        rcv_nxt: 5000,
        snd_nxt: 9000,
        rcv_wnd: 1000,
        recent: recent.map(|val| Recent { val, at: NOW }),
        since: NOW,
        expires: NOW + TIME_WAIT_LEN,
        after_fin: TIME_WAIT_LEN,
        last_ack: None,
    }
}

fn reclaiming_timeout() -> (Judgement, String) {
    let lasts = |fin_timeout: u32| {
        let sysctls = Sysctls { tcp_fin_timeout_s: fin_timeout, ..Sysctls::defaults(NEW) };
        close::time_wait(NEW, &sysctls, true, recycle::RTO_MIN)
    };
    let (short, long) = (lasts(5), lasts(300));
    let why = format!(
        "It is a constant, no default: with tcp_fin_timeout=5 it lasts {} s, with 300 {} s",
        short.as_secs(),
        long.as_secs()
    );
    (Judgement::Imprecise.unless_true(short == TIME_WAIT_LEN && long == TIME_WAIT_LEN), why)
}

fn tw_reuse() -> (Judgement, String) {
    let misspelt = Sysctls::defaults(NEW).set(NEW, "tcp_tw_resuse", "1").is_err();
    let after = |version: Version| {
        let sysctls = Sysctls { tcp_tw_reuse: 1, ..Sysctls::defaults(version) };
        let free = |ms: &u64| {
            let asker = Asker { bound: false, loopback: false };
            let verdict =
                reuse::decide(version, &sysctls, &time_wait(Some(7)), asker, NOW + Duration::from_millis(*ms));
            matches!(verdict, reuse::Verdict::Reused { .. })
        };
        (0..10_000).find(free)
    };
    let why = format!(
        "The sysctl is tcp_tw_reuse. It lets connect() take the identical 4-tuple over, and nothing else; for a TIME_WAIT that began on a whole \
         second that is after {} ms on 2.6.32, {} ms on 5.10, {} ms on 6.18",
        after(OLD).unwrap_or_default(),
        after(Version::new(5, 10)).unwrap_or_default(),
        after(NEW).unwrap_or_default(),
    );
    (Judgement::Imprecise.unless_true(misspelt), why)
}

fn only_with_timestamps() -> (Judgement, String) {
    let sysctls = |version| Sysctls { tcp_tw_recycle: true, tcp_tw_reuse: 1, ..Sysctls::defaults(version) };
    let asker = Asker { bound: false, loopback: true };
    let without = reuse::decide(NEW, &sysctls(NEW), &time_wait(None), asker, NOW + TIME_WAIT_LEN / 2);
    let refused = without == reuse::Verdict::Refused(reuse::Refusal::NoTimestamps);
    let peer = Some(Peer { tsval: 100, stamp: NOW });
    let bare_syn =
        |version| recycle::handle_syn(version, &sysctls(version), peer, None, NOW) == recycle::Verdict::Passes;
    let punished = bare_syn(Version::new(3, 16)) && !bare_syn(Version::new(3, 17));
    let why = "What counts is whether that connection negotiated timestamps, not the sysctl; and from 3.17 to 4.11 tcp_tw_recycle drops SYNs \
               without timestamps from an address that has shown some"
        .to_owned();
    (Judgement::Imprecise.if_shown(refused && punished), why)
}

fn paws_window() -> (Judgement, String) {
    let sysctls = Sysctls { tcp_tw_recycle: true, ..Sysctls::defaults(OLD) };
    let passes = |behind: u32| {
        let peer = Some(Peer { tsval: 1000, stamp: NOW });
        recycle::handle_syn(OLD, &sysctls, peer, Some(1000 - behind), NOW) == recycle::Verdict::Passes
    };
    let most = (0..10).take_while(|behind| passes(*behind)).last();
    let why = format!(
        "The window is a tolerance: a SYN {} tick behind still passes, and the difference is signed, modulo 2^32",
        most.unwrap_or_default()
    );
    (Judgement::Imprecise.unless_true(most == Some(1)), why)
}

fn time_wait_window() -> (Judgement, String) {
    let answer = |tsval: u32| {
        let syn = Segment::syn(50_000).stamped(tsval, 0);
        time_wait(Some(1000)).handle_segment(OLD, &Sysctls::defaults(OLD), &syn, NOW).verdict
    };
    let strict = answer(999) == Verdict::Stays(Answer::Ack) && matches!(answer(1000), Verdict::TakenOver { .. });
    let why = "TIME_WAIT's own test has no tolerance: one tick behind is rejected, equal passes when the sequence number is higher".to_owned();
    (Judgement::True.if_shown(strict), why)
}

fn tick() -> (Judgement, String) {
    let ticks = |version: Version| Clock::new(version, &Sysctls::defaults(version), 250, Duration::ZERO, 1).ticks_per_s;
    let (old, new) = (ticks(OLD), ticks(NEW));
    let why = format!(
        "A kernel of 250 Hz ticks {old} times a second on 2.6.32 (jiffies, up to 4.12) and {new} times on 6.18"
    );
    (Judgement::Imprecise.unless_true(old != 1000 && new == 1000), why)
}

fn memory() -> (Judgement, String) {
    let (old, new) = (paws_memory(OLD).as_secs(), paws_memory(NEW).as_secs());
    let why = format!(
        "{} days up to 6.6, {} minutes since 6.7; in TIME_WAIT it is the 60 s that end first",
        old / 86_400,
        new / 60
    );
    (Judgement::TrueUpTo("6.6").unless_true(old == 24 * 86_400 && new < 3600), why)
}

fn explicit_bind() -> (Judgement, String) {
    let off = Sysctls { tcp_tw_reuse: 0, ..Sysctls::defaults(NEW) };
    let reused = |recent, bound| {
        let verdict = reuse::decide(NEW, &off, &time_wait(recent), Asker { bound, loopback: false }, NOW);
        matches!(verdict, reuse::Verdict::Reused { .. })
    };
    let shown = reused(Some(7), true) && !reused(None, true) && !reused(Some(7), false);
    let why = "With tcp_tw_reuse=0, without a delay and without root: connect() from a bound port asks only whether the old connection had \
               timestamps. The guide's balancer, which has none, closes this way out too"
        .to_owned();
    (Judgement::True.if_shown(shown), why)
}
