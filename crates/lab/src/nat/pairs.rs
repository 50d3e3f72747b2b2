//! From the gateway's journal to pairs: one 5-tuple, used by one inside end and then by another.

use core::net::SocketAddrV4;
use gateway_core::{DropReason, Fate, Record, Side};
use packet::Flags;
use std::collections::BTreeMap;
use std::time::Duration;

/// The first answer to the second user's SYN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// SYN-ACK.
    Accepted,
    /// An ACK: TIME_WAIT's.
    Challenged,
    /// RST.
    Refused,
    /// None.
    Silence,
}

/// A 5-tuple that was used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pair {
    /// Next sequence number the balancer expected of the first user.
    pub(crate) rcv_nxt: u32,
    /// TSval of the first user's last data or FIN.
    pub(crate) ts_recent: Option<u32>,
    /// Did the first connection leave TIME_WAIT on the balancer: both sides closed, the balancer first?
    pub(crate) left_time_wait: bool,
    /// When that segment passed.
    pub(crate) last_at: Duration,
    /// When the second user's SYN passed.
    pub(crate) syn_at: Duration,
    /// Its sequence number.
    pub(crate) syn_seq: u32,
    /// Its TSval.
    pub(crate) syn_tsval: Option<u32>,
    /// Its first answer.
    pub(crate) answer: Answer,
    /// From the second user's first SYN to a SYN-ACK.
    pub(crate) connected_after: Option<Duration>,
    /// Resets of the second user: carried, filtered.
    pub(crate) resets: (u64, u64),
}

/// Finds the pairs, in the order of their public ports.
pub(crate) fn find(records: &[Record]) -> Vec<Pair> {
    let mut by_tuple: BTreeMap<(u16, SocketAddrV4), Vec<&Record>> = BTreeMap::new();
    for record in records {
        by_tuple.entry((record.tuple.public_port, record.tuple.remote)).or_default().push(record);
    }
    by_tuple.values().filter_map(|records| pair(records)).collect()
}

fn pair(records: &[&Record]) -> Option<Pair> {
    let first_user = records.first()?.tuple.inside;
    let change = records.iter().position(|record| record.tuple.inside != first_user)?;
    let (first, second) = records.split_at(change);
    let last = first.iter().rev().find(|record| is_outward(record) && record.seq_len > 0)?;
    let syn = second.iter().find(|record| record.flags.is_opening())?;
    let answers = || second.iter().filter(|record| !is_outward(record));
    let syn_ack = answers().find(|record| record.flags.contains(Flags::SYN | Flags::ACK));
    let resets = |fate| {
        let reset = |record: &&&Record| is_outward(record) && record.flags.contains(Flags::RST) && record.fate == fate;
        second.iter().filter(reset).count() as u64
    };
    Some(Pair {
        rcv_nxt: last.seq.wrapping_add(last.seq_len),
        ts_recent: last.timestamps.map(|stamps| stamps.value),
        left_time_wait: left_time_wait(first),
        last_at: last.at,
        syn_at: syn.at,
        syn_seq: syn.seq,
        syn_tsval: syn.timestamps.map(|stamps| stamps.value),
        answer: answers().next().map_or(Answer::Silence, |record| answer(record)),
        connected_after: syn_ack.map(|record| record.at.saturating_sub(syn.at)),
        resets: (resets(Fate::Carried), resets(Fate::Dropped(DropReason::Filtered))),
    })
}

fn left_time_wait(connection: &[&Record]) -> bool {
    let closing = |record: &&&Record| record.flags.contains(Flags::FIN);
    let reset = connection.iter().any(|record| record.flags.contains(Flags::RST));
    !reset && connection.iter().find(closing).is_some_and(|record| !is_outward(record))
}

fn is_outward(record: &Record) -> bool {
    record.from != Side::Outside
}

fn answer(record: &Record) -> Answer {
    if record.flags.contains(Flags::RST) {
        Answer::Refused
    } else if record.flags.contains(Flags::SYN) {
        Answer::Accepted
    } else {
        Answer::Challenged
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use core::net::Ipv4Addr;
    use gateway_core::Tuple;
    use packet::Timestamps;

    const SERVER: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(10, 0, 0, 1), 80);
    const SYN_ACK: Flags = Flags(0x12);
    const FIN_ACK: Flags = Flags(0x11);

    /// `>` from inside, `<` from outside; user; time in ms; flags; sequence number; TSval.
    type Line = (char, u8, u64, Flags, u32, Option<u32>);

    const FIRST: [Line; 5] = [
        ('>', 1, 0, Flags::SYN, 1000, Some(50)),
        ('<', 1, 1, SYN_ACK, 7, Some(9)),
        ('<', 1, 2, FIN_ACK, 8, Some(9)),
        ('>', 1, 3, FIN_ACK, 1001, Some(53)),
        ('<', 1, 4, Flags::ACK, 9, Some(9)),
    ];

    fn record((direction, user, at_ms, flags, seq, tsval): Line) -> Record {
        let inside = SocketAddrV4::new(Ipv4Addr::new(10, 0, user, 2), 40_000);
        let filtered = flags == Flags::RST && user == 3;
        Record {
            at: Duration::from_millis(at_ms),
            from: if direction == '>' { Side::Inside(usize::from(user)) } else { Side::Outside },
            tuple: Tuple { link: usize::from(user), inside, public_port: 1, remote: SERVER },
            fate: if filtered { Fate::Dropped(DropReason::Filtered) } else { Fate::Carried },
            flags,
            seq,
            ack: 0,
            seq_len: u32::from(flags.contains(Flags::SYN)) + u32::from(flags.contains(Flags::FIN)),
            timestamps: tsval.map(|value| Timestamps { value, echo: 0 }),
        }
    }

    fn pairs_of(second: &[Line]) -> Vec<Pair> {
        let lines = FIRST.iter().chain(second);
        find(&lines.copied().map(record).collect::<Vec<_>>())
    }

    fn check(second: &[Line], answer: Answer, connected_after_ms: Option<u64>, resets: (u64, u64)) {
        let pairs = pairs_of(second);
        assert_eq!(pairs.len(), 1);
        assert_eq!((pairs[0].rcv_nxt, pairs[0].ts_recent), (1002, Some(53)));
        assert!(pairs[0].left_time_wait, "the balancer's FIN came first");
        assert_eq!(pairs[0].answer, answer, "{second:?}");
        assert_eq!(pairs[0].connected_after, connected_after_ms.map(Duration::from_millis), "{second:?}");
        assert_eq!(pairs[0].resets, resets, "{second:?}");
    }

    #[test]
    fn the_answer_to_the_second_syn_is_found() {
        let syn = |user, at| ('>', user, at, Flags::SYN, 5, Some(4));
        check(&[syn(2, 10), ('<', 2, 11, SYN_ACK, 1, None)], Answer::Accepted, Some(1), (0, 0));
        check(&[syn(2, 10), ('<', 2, 11, Flags::RST, 1, None)], Answer::Refused, None, (0, 0));
        check(&[syn(2, 10)], Answer::Silence, None, (0, 0));
        let challenge = ('<', 2, 11, Flags::ACK, 9, Some(9));
        let reset = ('>', 2, 12, Flags::RST, 1002, None);
        let again = [syn(2, 10), challenge, reset, syn(2, 20), ('<', 2, 21, SYN_ACK, 1, None)];
        check(&again, Answer::Challenged, Some(11), (1, 0));
        let filtered = [syn(3, 10), ('<', 3, 11, Flags::ACK, 9, None), ('>', 3, 12, Flags::RST, 1002, None)];
        check(&filtered, Answer::Challenged, None, (0, 1));
    }

    #[test]
    fn who_closes_first_keeps_time_wait() {
        let mut client_first = FIRST.map(record);
        client_first.swap(2, 3);
        let mut reset = FIRST.map(record);
        reset[4].flags = Flags::RST;
        for connection in [client_first, reset] {
            assert!(!left_time_wait(&connection.iter().collect::<Vec<_>>()), "{connection:?}");
        }
    }

    #[test]
    fn a_5_tuple_with_one_user_is_no_pair() {
        assert_eq!(pairs_of(&[]), []);
        assert_eq!(find(&[]), []);
    }
}
