//! What the model says about the second SYN of a pair.

use super::pairs::{Answer, Pair};
use tcp_model::decide::TIME_WAIT_LEN;
use tcp_model::decide::time_wait::{Recent, Substate, TimeWait, Verdict};
use tcp_model::segment::Segment;
use tcp_model::sysctls::Sysctls;
use tcp_model::version::Version;

/// The first answer that a balancer of this kernel must give.
pub(crate) fn answer(version: Version, pair: &Pair) -> Answer {
    if !pair.left_time_wait {
        return Answer::Accepted;
    }
    // The first user's FIN had a timestamp exactly if timestamps had been negotiated.
    let recent = pair.ts_recent.map(|val| Recent { val, at: pair.last_at });
    let mut time_wait = TimeWait {
        substate: Substate::TimeWait,
        rcv_nxt: pair.rcv_nxt,
        // What it sent itself decides the new ISN, not whether there is one.
        snd_nxt: 0,
        rcv_wnd: 0,
        recent,
        since: pair.last_at,
        expires: pair.last_at + TIME_WAIT_LEN,
        after_fin: TIME_WAIT_LEN,
        last_ack: None,
    };
    let syn = Segment::syn(pair.syn_seq);
    let syn = pair.syn_tsval.map_or(syn, |tsval| syn.stamped(tsval, 0));
    match time_wait.handle_segment(version, &Sysctls::defaults(version), &syn, pair.syn_at).verdict {
        Verdict::TakenOver { .. } => Answer::Accepted,
        Verdict::Stays(tcp_model::decide::time_wait::Answer::Ack) => Answer::Challenged,
        Verdict::Ends(tcp_model::decide::time_wait::Answer::Reset) => Answer::Refused,
        Verdict::Stays(_) | Verdict::Ends(_) => Answer::Silence,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn check(rcv_nxt: u32, ts_recent: Option<u32>, syn_seq: u32, syn_tsval: Option<u32>, expect: Answer) {
        let pair = Pair {
            rcv_nxt,
            ts_recent,
            left_time_wait: true,
            last_at: Duration::from_secs(1),
            syn_at: Duration::from_secs(2),
            syn_seq,
            syn_tsval,
            answer: Answer::Silence,
            connected_after: None,
            resets: (0, 0),
        };
        let version: Version = "6.18".parse().expect("a version");
        assert_eq!(answer(version, &pair), expect, "{pair:?}");
        assert_eq!(answer(version, &Pair { left_time_wait: false, ..pair }), Answer::Accepted);
    }

    #[test]
    fn the_rows_of_kernel_1b() {
        check(1000, Some(50), 900, Some(51), Answer::Accepted);
        check(1000, Some(50), 1001, Some(50), Answer::Accepted);
        check(1000, Some(50), 900, Some(50), Answer::Challenged);
        check(1000, Some(50), 1001, Some(49), Answer::Challenged);
        check(1000, None, 1001, Some(49), Answer::Accepted);
        check(1000, None, 1000, Some(99), Answer::Challenged);
        check(0xffff_fff0, None, 5, None, Answer::Accepted);
    }
}
