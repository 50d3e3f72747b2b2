//! What is written is read back; what is damaged is refused; what is rewritten stays valid.

use core::net::{Ipv4Addr, SocketAddrV4};
use packet::{
    Arp, Changed, Ethernet, Flags, Kind, Mac, Malformed, Operation, Options, Route, Segment, Timestamps,
    rewrite_ethernet, rewrite_tcp,
};

const ROUTE: Route = Route { source: Mac::local(1), destination: Mac::local(2) };
const LEFT: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(10, 77, 3, 2), 40_000);
const RIGHT: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(10, 77, 1, 1), 80);

const PLAIN: Options = Options { mss: None, window_scale: None, sack_permitted: false, timestamps: None };
const STAMPED: Options = Options { timestamps: Some(Timestamps { value: 0xfedc_ba98, echo: 7 }), ..PLAIN };
const ALL: Options = Options { mss: Some(1460), window_scale: Some(7), sack_permitted: true, ..STAMPED };

fn segment(flags: Flags, options: Options, payload: &[u8]) -> Segment<'_> {
    Segment { from: LEFT, to: RIGHT, seq: 0xffff_fffe, ack: 0x8000_0000, flags, window: 65_535, options, payload }
}

fn segments() -> Vec<(Segment<'static>, u32)> {
    vec![
        (segment(Flags::SYN, ALL, b""), 1),
        (segment(Flags::SYN | Flags::ACK, PLAIN, b""), 1),
        (segment(Flags::ACK, STAMPED, b"odd"), 3),
        (segment(Flags::ACK | Flags::PSH | Flags::FIN, PLAIN, b"even"), 5),
        (segment(Flags::RST, Options { window_scale: Some(0), ..PLAIN }, b""), 0),
    ]
}

#[test]
fn segments_are_read_back() {
    for (segment, seq_len) in segments() {
        let mut frame = segment.to_frame(ROUTE);
        let header = Ethernet::parse(&frame).expect("a frame");
        assert_eq!((header.source, header.destination, header.kind), (ROUTE.source, ROUTE.destination, Kind::Ipv4));
        assert_eq!(Segment::parse(&frame).as_ref(), Ok(&segment));
        assert_eq!(segment.seq_len(), seq_len, "{segment:?}");
        // Short frames are padded on a real Ethernet; the IPv4 length says where the packet ends.
        frame.resize(frame.len().max(60) + 3, 0xee);
        assert_eq!(Segment::parse(&frame), Ok(segment));
    }
}

#[test]
fn a_rewritten_segment_is_the_one_that_was_meant() {
    let public = SocketAddrV4::new(Ipv4Addr::new(198, 51, 100, 255), 1);
    let cases = [
        Changed { from: Some(public), to: None },
        Changed { from: None, to: Some(public) },
        Changed { from: Some(RIGHT), to: Some(LEFT) },
        Changed::default(),
    ];
    for changed in cases {
        for (segment, _) in segments() {
            let mut frame = segment.to_frame(ROUTE);
            rewrite_tcp(&mut frame, changed, 1).expect("TCP");
            rewrite_ethernet(&mut frame, Route { source: Mac::local(9), destination: Mac::local(8) });
            let from = changed.from.unwrap_or(LEFT);
            let to = changed.to.unwrap_or(RIGHT);
            assert_eq!(Segment::parse(&frame), Ok(Segment { from, to, ..segment }));
            assert_eq!(frame[Ethernet::LEN + 8], packet::TTL_DEFAULT - 1);
            assert_eq!(Ethernet::parse(&frame).map(|header| header.source), Ok(Mac::local(9)));
        }
    }
}

#[test]
fn every_flipped_bit_is_noticed() {
    let original = segment(Flags::ACK, STAMPED, b"hello").to_frame(ROUTE);
    for bit in Ethernet::LEN * 8..original.len() * 8 {
        let mut frame = original.clone();
        frame[bit / 8] ^= 1 << (bit % 8);
        assert!(Segment::parse(&frame).is_err(), "bit {bit}");
        // Rewriting must not repair it.
        if rewrite_tcp(&mut frame, Changed { from: Some(RIGHT), to: Some(LEFT) }, 1).is_ok() {
            assert!(Segment::parse(&frame).is_err(), "bit {bit}, rewritten");
        }
    }
}

#[test]
fn what_is_no_segment_says_why() {
    let whole = segment(Flags::ACK, PLAIN, b"").to_frame(ROUTE);
    let cases: [(usize, u8, Malformed); 6] = [
        (14, 0x65, Malformed::NotVersion4),
        (14, 0x44, Malformed::Length("IPv4")),
        (17, 200, Malformed::Length("IPv4")),
        (20, 0x20, Malformed::Fragment),
        (23, 17, Malformed::NotTcp(17)),
        (46, 0x40, Malformed::Length("TCP")),
    ];
    for (at, value, expect) in cases {
        let mut frame = whole.clone();
        frame[at] = value;
        assert_eq!(Segment::parse(&frame), Err(expect), "byte {at} = {value:#x}");
    }
    assert_eq!(Ethernet::parse(&whole[..13]), Err(Malformed::Truncated("Ethernet")));
    assert_eq!(Segment::parse(&whole[..33]), Err(Malformed::Truncated("IPv4")));
    for len in 0..whole.len() {
        assert!(Segment::parse(&whole[..len]).is_err(), "{len} bytes");
    }
}

#[test]
fn options_are_bounded_by_their_header() {
    let cases: [(&[u8], Result<Options, Malformed>); 6] = [
        (&[], Ok(PLAIN)),
        (&[0, 2, 4, 5, 180], Ok(PLAIN)),
        (&[1, 1, 1, 4, 2], Ok(Options { sack_permitted: true, ..PLAIN })),
        (&[254, 4, 1, 2, 2, 4, 5, 180], Ok(Options { mss: Some(1460), ..PLAIN })),
        (&[8, 10, 1], Err(Malformed::Length("TCP option"))),
        (&[8, 0], Err(Malformed::Length("TCP option"))),
    ];
    for (bytes, expect) in cases {
        assert_eq!(Options::parse(bytes), expect, "{bytes:?}");
    }
}

#[test]
fn arp_asks_and_is_answered() {
    let asker = (Mac::local(1), *LEFT.ip());
    let request = Arp::request(asker, *RIGHT.ip());
    let frame = request.to_frame();
    assert_eq!(
        Ethernet::parse(&frame).map(|header| (header.destination, header.kind)),
        Ok((Mac::BROADCAST, Kind::Arp))
    );
    assert_eq!(Arp::parse(&frame), Ok(request));
    let reply = request.reply(Mac::local(2));
    assert_eq!((reply.operation, reply.sender, reply.target), (Operation::Reply, (Mac::local(2), *RIGHT.ip()), asker));
    assert_eq!(Arp::parse(&reply.to_frame()), Ok(reply));
    let mut foreign = frame.clone();
    foreign[19] = 8;
    assert_eq!(Arp::parse(&foreign), Err(Malformed::ForeignArp));
    assert_eq!(Arp::parse(&frame[..41]), Err(Malformed::Truncated("ARP")));
}

#[test]
fn flags_have_names() {
    let cases = [
        (Flags::SYN | Flags::ACK, "syn-ack"),
        (Flags::FIN | Flags::PSH | Flags::ACK, "fin-psh-ack"),
        (Flags::RST, "rst"),
        (Flags(0), "none"),
    ];
    for (flags, expect) in cases {
        assert_eq!(flags.to_string(), expect);
    }
    assert!(Flags::SYN.is_opening() && !(Flags::SYN | Flags::ACK).is_opening());
}
