//! How connections begin.

use super::*;
use ports::HandshakeFailure;
use secure::HANDSHAKE_MAX;

#[test]
fn both_sides_know_what_was_agreed_on() {
    let mut bench = Bench::pair();
    let client = bench.client.act(|conn, io| io.session(conn).cloned()).expect("sealed");
    let server = bench.server.act(|conn, io| io.session(conn).cloned()).expect("sealed");
    assert!(client.secure && server.secure);
    assert_eq!((client.alpn.as_deref(), server.alpn.as_deref()), (Some(&b"http/1.1"[..]), Some(&b"http/1.1"[..])));
    bench.client.close(Close::Fin);
    bench.server.close(Close::Fin);
    bench.finish();

    let mut plain = Bench::new((false, false), 64);
    plain.connect(Outgoing::default());
    check(&mut plain, "connected", "accepted");
    assert_eq!(plain.client.act(|conn, io| io.session(conn).cloned()), None);
}

#[test]
fn first_bytes_follow_the_handshake() {
    let mut bench = Bench::new((true, true), 64);
    let mut first = bench.client.io.take_buf().expect("a buffer is free");
    first.append(b"first").expect("it fits");
    bench.connect(Outgoing::bytes(first));
    bench.pass(SOON);
    bench.server.recv();
    check(&mut bench, "connected, sent", "accepted, first");
    bench.client.close(Close::Fin);
    bench.server.close(Close::Fin);
    bench.finish();
}

/// A client that speaks plainly is turned away: the application hears that it came, and that it is gone.
#[test]
fn a_plain_client_is_turned_away() {
    let mut bench = Bench::new((false, true), 64);
    bench.connect(Outgoing::default());
    check(&mut bench, "connected", "");
    bench.client.recv();
    bench.client.send_bytes(b"GET / HTTP/1.1\r\n\r\n", After::Keep);
    bench.pass(SOON);
    bench.client.heard();
    let heard = String::from_utf8_lossy(&bench.client.ear().received).into_owned();
    assert!(heard.starts_with("HTTP/1.1 400 ") && heard.contains("this port speaks https"), "{heard}");
    bench.client.recv();
    check(&mut bench, "end", "");
    assert_eq!(bench.server.handshakes().failed_by(HandshakeFailure::PlainHttp), 1);
    assert_eq!((bench.server.ear().arrived, bench.server.ear().departed), (1, 1));
    bench.client.close(Close::Discard);
    bench.finish();
}

/// Who is kept out gets no handshake: nothing is counted of one, and nothing of what it says is read.
#[test]
fn who_is_kept_out_gets_no_handshake() {
    for (how, end) in [(Close::Reset, "connection reset (ECONNRESET)"), (Close::Discard, "end")] {
        let mut bench = Bench::new((false, true), 64);
        bench.server.ear().keeps_out = Some(how);
        bench.connect(Outgoing::default());
        bench.client.recv();
        check(&mut bench, &format!("connected, {end}"), "");
        assert_eq!((bench.server.ear().arrived, bench.server.ear().departed), (1, 0));
        assert_eq!(bench.server.handshakes(), ports::Handshakes::default());
        bench.client.close(Close::Discard);
        bench.finish();
    }
}

/// Nor does one go on whose place is wanted by somebody else.
#[test]
fn a_handshake_can_be_given_up() {
    let mut bench = Bench::new((false, true), 64);
    bench.connect(Outgoing::default());
    check(&mut bench, "connected", "");
    let conn = ConnId { index: 0, generation: 0 };
    let ended = bench.server.act_as(|_, io| (io.is_receiving(conn), io.close(conn, Close::Fin)));
    assert_eq!(ended, (true, CloseOutcome::Closed(Some(ports::ClosedFirst::OurFin))));
    bench.client.recv();
    check(&mut bench, "end", "");
    assert_eq!((bench.server.ear().departed, bench.server.handshakes()), (0, ports::Handshakes::default()));
    bench.client.close(Close::Discard);
    bench.finish();
}

/// One that says nothing gets its time.
#[test]
fn a_silent_client_is_turned_away_in_time() {
    let mut bench = Bench::new((false, true), 64);
    bench.connect(Outgoing::default());
    check(&mut bench, "connected", "");
    bench.client.recv();
    bench.pass(HANDSHAKE_MAX - SOON * 2);
    assert_eq!(bench.client.heard(), "");
    check(&mut bench, "", "");
    check(&mut bench, "end", "");
    bench.client.close(Close::Fin);
    bench.finish();
}

/// A server that never answers the hello; and one that leaves.
#[test]
fn a_connection_without_a_handshake_was_never_there() {
    let mut bench = Bench::new((true, false), 64);
    bench.connect(Outgoing::default());
    check(&mut bench, "", "accepted");
    bench.pass(HANDSHAKE_MAX);
    check(&mut bench, "not connected: timed out", "");
    bench.server.close(Close::Discard);

    bench.connect(Outgoing::default());
    check(&mut bench, "", "accepted");
    bench.server.close(Close::Discard);
    check(&mut bench, "not connected: connection reset (ECONNRESET)", "");
    bench.finish();
}

/// The application may lose its patience first.
#[test]
fn a_close_before_the_handshake_is_over_closes_what_never_stood() {
    let mut bench = Bench::new((true, false), 64);
    bench.connect(Outgoing::default());
    check(&mut bench, "", "accepted");
    assert_eq!(bench.client.close(Close::Fin), CloseOutcome::Closed(None));
    check(&mut bench, "", "");
    bench.server.close(Close::Discard);
    bench.finish();
}

#[test]
fn handshakes_end_with_their_listener() {
    let mut bench = Bench::new((false, true), 64);
    bench.connect(Outgoing::default());
    check(&mut bench, "connected", "");
    bench.server.act_as(|_, io| io.close_listener(reactor::ListenerId(0)));
    bench.client.recv();
    check(&mut bench, "end", "");
    bench.client.close(Close::Fin);
    bench.finish();
}

/// Records of one version are not those of the other; both are spoken by both of our sides.
#[test]
fn each_version_is_spoken_by_both_sides() {
    for version in Version::ALL {
        let (client, server) = only(version);
        let mut bench = Bench::pair_by(client, server, 64);
        bench.server.recv();
        bench.client.send(17_000, After::Keep);
        check(&mut bench, "sent", "16384 bytes");
        bench.server.recv();
        bench.client.recv();
        bench.server.send(5, After::Close);
        check(&mut bench, "xxxxx", "616 bytes, closed");
        bench.client.recv();
        check(&mut bench, "end", "");
        bench.client.close(Close::Fin);
        bench.finish();
    }
}

#[test]
fn a_client_that_comes_back_need_not_introduce_itself_again() {
    for version in Version::ALL {
        let (client, server) = only(version);
        let mut bench = Bench::pair_by(client, server, 64);
        let session = |bench: &mut Bench| bench.client.act(|conn, io| io.session(conn).cloned()).expect("sealed");
        let first = session(&mut bench);
        assert!(!first.resumed && !first.handshake.is_zero() && first.handshake < SOON, "{first:?}");
        for round in 1..4 {
            // Tickets come with the first bytes.
            bench.client.recv();
            bench.server.send(1, After::Close);
            check(&mut bench, "x", "closed");
            bench.client.close(Close::Fin);
            bench.pass(SOON);
            bench.meet();
            let counted = (bench.client.handshakes().resumed, bench.server.handshakes().resumed);
            assert_eq!(counted, (1, 1), "{version:?}, round {round}");
            assert!(session(&mut bench).resumed, "{version:?}, round {round}");
        }
        bench.client.close(Close::Fin);
        bench.server.close(Close::Fin);
        bench.finish();
    }
}

/// What both sides count, and what the client's application hears.
fn fails(client: ClientRules, server: ServerRules) -> (String, Option<HandshakeFailure>, Option<HandshakeFailure>) {
    let mut bench = Bench::with(Some(client), Some(server), 64);
    bench.connect(Outgoing::default());
    bench.pass(SOON * 2);
    let heard = bench.client.heard();
    if heard == "connected" {
        bench.client.close(Close::Discard);
    }
    let which = |counts: ports::Handshakes| {
        let at = counts.failed.iter().position(|count| *count > 0);
        at.map(|at| HandshakeFailure::ALL[at])
    };
    let (ours, theirs) = (which(bench.client.handshakes()), which(bench.server.handshakes()));
    if bench.server.heard() == "accepted" {
        bench.server.close(Close::Discard);
    }
    bench.finish();
    (heard, ours, theirs)
}

#[test]
fn handshakes_that_fail_are_counted_by_their_reasons() {
    use HandshakeFailure::{BadCertificate, NoCertificate, NoCommonProtocol, NoCommonVersion, PeerAlert};
    let failed = "not connected: TLS handshake failed".to_owned();
    let (client, server) = usual();
    let server = ServerRules { versions: vec![Version::Tls12], ..server };
    let client = ClientRules { versions: vec![Version::Tls13], ..client };
    assert_eq!(fails(client, server), (failed.clone(), Some(NoCommonVersion), Some(NoCommonVersion)));

    let (client, server) = usual();
    let client = ClientRules { protocols: vec![b"other".to_vec()], ..client };
    assert_eq!(fails(client, server), (failed, Some(PeerAlert), Some(NoCommonProtocol)));

    let refused = "not connected: certificate not accepted".to_owned();
    let ((client, _), (_, server)) = (usual(), usual());
    assert_eq!(fails(client, server), (refused.clone(), Some(BadCertificate), Some(PeerAlert)), "another authority");

    let authority = Authority::new();
    let (client, server) = (authority.client(), authority.server(&["elsewhere.example"]));
    assert_eq!(fails(client, server), (refused, Some(BadCertificate), Some(PeerAlert)), "another name");

    // Of TLS 1.3 the client has no way to know before it sends.
    let (client, server) = (authority.client(), authority.server(&["door.example"]));
    let server = ServerRules { client_certificate: secure::ClientCertificate::Required, ..server };
    assert_eq!(fails(client, server), ("connected".to_owned(), None, Some(NoCertificate)));
}

#[test]
fn a_client_may_show_who_it_is() {
    use secure::ClientCertificate::{Optional, Required};
    let authority = Authority::new();
    for (asked, shows) in [(Required, true), (Optional, true), (Optional, false)] {
        let certificate = shows.then(|| authority.certificate(&["alice"]));
        let client = ClientRules { certificate, ..authority.client() };
        let server = ServerRules { client_certificate: asked, ..authority.server(&["door.example"]) };
        let mut bench = Bench::pair_by(client, server, 64);
        let session = bench.server.act(|conn, io| io.session(conn).cloned()).expect("secured");
        assert_eq!(session.peer_name.as_deref(), shows.then_some("CN=alice"));
        bench.client.close(Close::Fin);
        bench.server.close(Close::Fin);
        bench.finish();
    }
}

/// A server that speaks plainly, and hears an alert.
#[test]
fn a_plain_server_is_not_connected_to() {
    let mut bench = Bench::new((true, false), 64);
    bench.connect(Outgoing::default());
    check(&mut bench, "", "accepted");
    bench.server.recv();
    bench.server.send_bytes(b"HTTP/1.1 400 Bad Request\r\n\r\n", After::Keep);
    bench.pass(SOON);
    assert_eq!(bench.client.heard(), "not connected: TLS handshake failed");
    assert_eq!(bench.client.handshakes().failed_by(HandshakeFailure::PlainHttp), 1);
    bench.server.recv();
    bench.pass(SOON);
    bench.server.recv();
    bench.pass(SOON);
    assert!(bench.server.heard().ends_with("end"));
    bench.server.close(Close::Discard);
    bench.finish();
}

/// Of more handshakes than there may be at once the oldest goes, and is counted.
#[test]
fn the_oldest_of_too_many_handshakes_goes_for_a_new_one() {
    const HANDSHAKES_MAX: usize = 4096;
    let mut bench = Bench::new((false, true), 64);
    let mut clients = Vec::new();
    for _ in 0..HANDSHAKES_MAX {
        bench.connect(Outgoing::default());
        clients.extend(bench.client.ear().conn);
        bench.pass(Duration::from_micros(100));
    }
    bench.pass(SOON);
    bench.client.heard();
    assert_eq!(bench.server.handshakes(), ports::Handshakes::default(), "so many may be");
    bench.client.act_as(|_, io| clients[..2].iter().for_each(|conn| io.recv(*conn, None)));
    bench.connect(Outgoing::default());
    clients.extend(bench.client.ear().conn);
    check(&mut bench, "connected, end", "");
    let counts = bench.server.handshakes();
    assert_eq!((counts.failed_by(HandshakeFailure::Crowded), counts.failed.iter().sum::<u64>()), (1, 1));
    assert_eq!(bench.client.act_as(|_, io| io.probe(clients[0])), Probe::PeerFin, "the oldest");
    bench.client.act_as(|_, io| clients.iter().map(|conn| io.close(*conn, Close::Discard)).count());
    bench.pass(SOON);
    bench.finish();
}

/// A listener that is to close waits for handshakes, but not for clients that have fallen silent.
#[test]
fn who_says_nothing_is_not_waited_for() {
    let mut bench = Bench::new((false, true), 64);
    let waiting = |bench: &mut Bench| bench.server.act_as(|_, io| io.waiting(reactor::ListenerId(0)));
    bench.connect(Outgoing::default());
    check(&mut bench, "connected", "");
    assert_eq!(waiting(&mut bench), Some(1));
    let silence = Duration::from_secs(1);
    bench.pass(silence);
    assert_eq!(waiting(&mut bench), Some(0), "it has said nothing");
    // The beginning of a hello.
    bench.client.send_bytes(&[22, 3, 1, 1, 0, 1], After::Keep);
    check(&mut bench, "sent", "");
    assert_eq!(waiting(&mut bench), Some(1));
    bench.pass(silence);
    assert_eq!(waiting(&mut bench), Some(0), "it says no more");
    bench.server.act_as(|_, io| io.close_listener(reactor::ListenerId(0)));
    bench.client.recv();
    bench.pass(SOON);
    assert_eq!(bench.server.handshakes().failed_by(HandshakeFailure::Shortage), 1);
    bench.client.close(Close::Discard);
    bench.finish();
}

/// What goes ahead of everything goes ahead of the hello, in the clear, and is told as sent even where nothing follows.
#[test]
fn bytes_ahead_go_before_the_hello() {
    const AHEAD: &[u8] = b"PROXY UNKNOWN\r\n";
    let connect = |bench: &mut Bench| {
        let connect = |io: &mut Above<'_, '_>| io.connect_behind(AHEAD, &ConnectPlan::to(door()), Outgoing::default());
        bench.client.act_as(|ear, io| ear.conn = connect(io).ok());
        bench.pass(SOON);
        bench.server.recv();
        bench.pass(SOON);
    };
    let mut bench = Bench::new((true, false), 64);
    connect(&mut bench);
    let received = std::mem::take(&mut bench.server.ear().received);
    assert_eq!((&received[..AHEAD.len()], &received[AHEAD.len()..][..2]), (AHEAD, &[22, 3][..]), "then the hello");
    bench.client.close(Close::Discard);
    bench.server.close(Close::Discard);
    bench.finish();

    let mut plain = Bench::new((false, false), 64);
    connect(&mut plain);
    assert_eq!((plain.client.heard().as_str(), &plain.server.ear().received[..]), ("connected, sent", AHEAD));
    plain.client.close(Close::Discard);
    plain.server.close(Close::Discard);
    plain.finish();
}
