use super::*;
use crate::segment::Flags;

const NOW: Duration = Duration::from_secs(1000);
const RCV: u32 = 5000;
const SND: u32 = 9000;
const TS: u32 = 700;

fn tw(stamped: bool) -> TimeWait {
    TimeWait {
        substate: Substate::TimeWait,
        rcv_nxt: RCV,
        snd_nxt: SND,
        rcv_wnd: 1000,
        recent: stamped.then_some(Recent { val: TS, at: NOW }),
        since: NOW,
        expires: NOW + TIME_WAIT_LEN,
        after_fin: TIME_WAIT_LEN,
        last_ack: None,
    }
}

fn fin_wait_2(stamped: bool) -> TimeWait {
    TimeWait { substate: Substate::FinWait2, ..tw(stamped) }
}

fn seg(flags: Flags, ahead: i64, tsval: Option<i64>) -> Segment {
    let segment = Segment::new(flags, (i64::from(RCV) + ahead) as u32, SND);
    tsval.map_or(segment, |ts| segment.stamped((i64::from(TS) + ts) as u32, 0))
}

const ACK: Verdict = Verdict::Stays(Answer::Ack);
const QUIET: Verdict = Verdict::Stays(Answer::Silence);
const KILLED: Verdict = Verdict::Ends(Answer::Silence);
const RESET: Verdict = Verdict::Ends(Answer::Reset);
const TAKEN: Verdict = Verdict::TakenOver { isn: SND + 65_537 };

/// After ten seconds: verdict, and whether the 60 s start again.
#[track_caller]
fn check(version: &str, mut tw: TimeWait, rfc1337: bool, segment: Segment, expect: (Verdict, bool)) -> Outcome {
    let version: Version = version.parse().expect("a version");
    let sysctls = Sysctls { tcp_rfc1337: rfc1337, ..Sysctls::defaults(version) };
    let now = NOW + Duration::from_secs(10);
    let outcome = tw.handle_segment(version, &sysctls, &segment, now);
    assert_eq!((outcome.verdict, tw.expires == now + TIME_WAIT_LEN), expect, "{version}: {segment}");
    outcome
}

#[test]
fn time_wait_with_timestamps() {
    for (flags, ahead, ts, expect) in [
        (Flags::SYN, -100, Some(1), (TAKEN, false)),
        (Flags::SYN, 100, Some(0), (TAKEN, false)),
        (Flags::SYN, -100, Some(0), (ACK, false)),
        (Flags::SYN, 0, Some(0), (ACK, false)),
        (Flags::SYN, 100, Some(-1), (ACK, true)),
        (Flags::SYN, 100, None, (TAKEN, false)),
        (Flags::SYN, -100, None, (ACK, false)),
        (Flags::SYN_ACK, 100, Some(5), (ACK, true)),
        (Flags::ACK, 0, Some(3), (QUIET, true)),
        (Flags::ACK, 9, Some(3), (ACK, true)),
        (Flags::FIN_ACK, -1, Some(3), (ACK, true)),
        (Flags::RST, 0, Some(0), (KILLED, false)),
        (Flags::RST, 0, None, (KILLED, false)),
        (Flags::RST, 0, Some(-1), (QUIET, false)),
        (Flags::RST, 1, Some(1), (QUIET, false)),
    ] {
        for version in ["2.6.32", "3.10", "4.9", "6.18"] {
            check(version, tw(true), false, seg(flags, ahead, ts), expect);
        }
    }
}

#[test]
fn time_wait_without_timestamps() {
    for (flags, ahead, ts, expect) in [
        (Flags::SYN, 1, None, (TAKEN, false)),
        (Flags::SYN, 0, None, (ACK, false)),
        (Flags::SYN, -1, None, (ACK, false)),
        (Flags::SYN, -1, Some(-500), (ACK, false)),
        (Flags::SYN, 1, Some(-500), (TAKEN, false)),
        (Flags::RST, 0, None, (KILLED, false)),
    ] {
        check("6.18", tw(false), false, seg(flags, ahead, ts), expect);
    }
}

#[test]
fn rfc1337_holds_the_time_wait_against_rst() {
    check("4.14", tw(true), true, seg(Flags::RST, 0, None), (QUIET, true));
    check("6.18", tw(true), true, seg(Flags::RST, 0, None), (QUIET, false));
    check("6.18", tw(true), true, seg(Flags::ACK, 0, Some(1)), (QUIET, true));
}

#[test]
fn segments_in_fin_wait_2() {
    for (flags, ahead, ts, expect) in [
        (Flags::FIN_ACK, 0, Some(1), (ACK, true)),
        (Flags::FIN_ACK, 5, Some(1), (RESET, false)),
        (Flags::RST, 0, Some(1), (KILLED, false)),
        (Flags::RST, 0, Some(-1), (ACK, false)),
        (Flags::SYN, 0, Some(1), (RESET, false)),
        (Flags::SYN, 5000, Some(1), (ACK, false)),
        (Flags::SYN, -1, Some(1), (ACK, false)),
        (Flags::ACK, 0, Some(1), (QUIET, false)),
        (Flags::FIN, 0, Some(1), (QUIET, false)),
        (Flags::ACK, 1000, Some(1), (QUIET, false)),
        (Flags::FIN_ACK, 0, Some(-1), (ACK, false)),
    ] {
        check("6.18", fin_wait_2(true), false, seg(flags, ahead, ts), expect);
    }
    let data = seg(Flags::ACK, 0, Some(1)).with_len(10);
    check("6.18", fin_wait_2(true), false, data, (RESET, false));
}

#[test]
fn a_fin_turns_fin_wait_2_into_time_wait() {
    let version = Version::new(6, 18);
    let mut tw = fin_wait_2(true);
    tw.handle_segment(version, &Sysctls::defaults(version), &seg(Flags::FIN_ACK, 0, Some(9)), NOW);
    assert_eq!(
        (tw.substate, tw.rcv_nxt, tw.recent),
        (Substate::TimeWait, RCV + 1, Some(Recent { val: TS + 9, at: NOW }))
    );
    assert_eq!(tw.ack(33), Segment::new(Flags::ACK, SND, RCV + 1).stamped(33, TS + 9));
}

#[test]
fn acks_are_limited_since_4_0() {
    for (version, expect) in [("3.10", [ACK, ACK, ACK]), ("6.18", [ACK, QUIET, ACK])] {
        let version: Version = version.parse().expect("a version");
        let sysctls = Sysctls::defaults(version);
        let mut tw = tw(true);
        let old = seg(Flags::SYN, 100, Some(-1));
        let at = [0, 499, 500].map(Duration::from_millis);
        assert_eq!(at.map(|ms| tw.handle_segment(version, &sysctls, &old, NOW + ms).verdict), expect, "{version}");
    }
}

#[test]
fn counters_by_version() {
    let old = seg(Flags::SYN, 100, Some(-1));
    for (version, counter) in
        [("2.6.32", Counter::PawsEstab), ("6.15", Counter::PawsEstab), ("6.16", Counter::PawsTimewait)]
    {
        assert_eq!(check(version, tw(true), false, old, (ACK, true)).bumps, Bumps::of(counter), "{version}");
    }
    assert_eq!(check("6.18", tw(false), false, seg(Flags::SYN, -1, None), (ACK, false)).bumps, Bumps::NONE);
}

#[test]
fn paws_forgets() {
    for (version, after_s, forgotten) in [
        ("6.6", 2200, false),
        ("6.7", 2146, false),
        ("6.7", 2147, true),
        ("4.19", 24 * 86_400 - 1, false),
        ("4.19", 24 * 86_400, true),
    ] {
        let version: Version = version.parse().expect("a version");
        let old = tw(true).is_old(version, Some(TS - 1), false, NOW + Duration::from_secs(after_s));
        assert_eq!(old, !forgotten, "{version} after {after_s} s");
    }
    let zero = TimeWait { recent: Some(Recent { val: 0, at: NOW }), ..tw(true) };
    assert!(zero.is_old(Version::old(32), Some(u32::MAX), false, NOW));
    assert!(!zero.is_old(Version::new(3, 13), Some(u32::MAX), false, NOW));
    assert!(!tw(true).is_old(Version::new(6, 18), Some(TS - 1), true, NOW + Duration::from_secs(60)));
}

#[test]
fn the_isn_of_a_takeover_is_never_zero() {
    assert_eq!(TimeWait { snd_nxt: u32::MAX - 65_536, ..tw(true) }.takeover_isn(), 1);
}
