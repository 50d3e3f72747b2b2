//! Upgraded connections: bytes both ways, each direction ending by itself.

use crate::script::Act::*;
use crate::script::{Act, TIGHT, play, play_with};
use crate::wire::End::*;
use std::time::Duration;
use sys::sock_diag::{End, Filter, SockDiag, States, TcpState};
use testkit::eventually;

const ASKS: &str = "GET /ws HTTP/1.1\nHost: a\nConnection: Upgrade\nUpgrade: websocket\nSec-WebSocket-Key: x\n\n";
const ASKED: &str =
    "GET /ws HTTP/1.1\nHost: a\nSec-WebSocket-Key: x\n[path]\nUpgrade: websocket\nConnection: upgrade\n\n";
const AGREES: &str =
    "HTTP/1.1 101 Switching Protocols\nSec-WebSocket-Accept: y\nUpgrade: websocket\nConnection: upgrade\n\n";

/// The handshake, then these.
fn check(acts: &[Act<'_>]) {
    let shake = [ClientSends(ASKS), OriginSees(ASKED), OriginSends(AGREES), ClientSees(AGREES)];
    let counters = play(&[&shake[..], acts].concat());
    assert_eq!((counters.tunnels, counters.requests, counters.failed_total()), (1, 1, 0));
}

#[test]
fn bytes_flow_both_ways_untouched() {
    let large = "0123456789".repeat(20_000);
    check(&[
        ClientSends("up"),
        OriginSees("up"),
        OriginSends("down"),
        ClientSees("down"),
        OriginSends("GET / HTTP/1.1\n\n\0\u{1}"),
        ClientSees("GET / HTTP/1.1\n\n\0\u{1}"),
        ClientSends(&large),
        OriginSees(&large),
        OriginSends(&large),
        ClientSees(&large),
    ]);
}

#[test]
fn either_side_may_end_its_direction_first() {
    check(&[
        ClientSends("last words"),
        ClientHalfCloses,
        OriginSees("last words"),
        OriginSeesEnd(Eof),
        OriginSends("still here"),
        ClientSees("still here"),
        OriginHalfCloses,
        ClientSeesEnd(Eof),
    ]);
    check(&[
        OriginSends("last words"),
        OriginHalfCloses,
        ClientSees("last words"),
        ClientSeesEnd(Eof),
        ClientSends("still here"),
        OriginSees("still here"),
        ClientHalfCloses,
        OriginSeesEnd(Eof),
    ]);
}

#[test]
fn the_end_of_one_side_for_good_is_the_end_of_both() {
    check(&[OriginCloses, ClientSeesEnd(Eof), ClientSends("x"), Pause(Duration::from_millis(20))]);
    check(&[ClientCloses, OriginSeesEnd(Eof), OriginSends("x"), Pause(Duration::from_millis(20)), OriginSends("y")]);
    check(&[ClientResets, OriginSeesEnd(Reset)]);
}

#[test]
fn what_is_sent_with_the_handshake_is_not_lost() {
    let counters = play(&[
        ClientSends(&format!("{ASKS}early up")),
        OriginSees(ASKED),
        OriginSends(&format!("{AGREES}early down")),
        ClientSees(&format!("{AGREES}early down")),
        OriginSees("early up"),
        OriginSends("more"),
        ClientSees("more"),
    ]);
    assert_eq!(counters.tunnels, 1);
}

#[test]
fn a_server_that_does_not_agree_just_answers() {
    let answer = "HTTP/1.1 200 OK\nContent-Length: 2\n\nno";
    let get = "GET /a HTTP/1.1\nHost: a\n\n";
    let acts = [
        ClientSends(ASKS),
        OriginSees(ASKED),
        OriginSends(answer),
        ClientSees(answer),
        ClientSends(get),
        OriginSees("GET /a HTTP/1.1\nHost: a\n[path]\n\n"),
        OriginSends(answer),
        ClientSees(answer),
    ];
    assert_eq!(play(&acts).tunnels, 0);
}

#[test]
fn a_switch_nobody_asked_for_is_nonsense() {
    let counters = play(&[
        ClientSends("GET /a HTTP/1.1\nHost: a\n\n"),
        OriginSees("GET /a HTTP/1.1\nHost: a\n[path]\n\n"),
        OriginSends(AGREES),
        ClientSeesStatus(502),
        OriginSeesEnd(Reset),
    ]);
    assert_eq!(counters.refused_responses.count(http1::Error::SwitchNotAsked), 1);
}

/// RFC 9110 7.8: only to one of those that were asked for, whichever else the server may speak.
#[test]
fn a_switch_to_another_protocol_than_was_asked_for_is_nonsense() {
    for fields in
        ["Upgrade: h2c\nConnection: upgrade\n", "Upgrade: websocket, x\nConnection: upgrade\n", "Upgrade: \n", ""]
    {
        let counters = play(&[
            ClientSends(ASKS),
            OriginSees(ASKED),
            OriginSends(&format!("HTTP/1.1 101 Switching Protocols\n{fields}\n")),
            ClientSeesStatus(502),
            OriginSeesEnd(Reset),
        ]);
        assert_eq!(
            (counters.refused_responses.count(http1::Error::SwitchNotAsked), counters.tunnels),
            (1, 0),
            "{fields}"
        );
    }
    let asks = ASKS.replace("Upgrade: websocket", "Upgrade: x/1, WebSocket");
    let asked = ASKED.replace("Upgrade: websocket", "Upgrade: x/1, WebSocket");
    let counters = play(&[ClientSends(&asks), OriginSees(&asked), OriginSends(AGREES), ClientSees(AGREES)]);
    assert_eq!(counters.tunnels, 1);
}

#[test]
fn a_silent_tunnel_is_closed_after_its_own_time_out() {
    let tight = |settings: &mut balancer_core::Settings| settings.listeners[0].timeouts.tunnel = TIGHT;
    let shake = [ClientSends(ASKS), OriginSees(ASKED), OriginSends(AGREES), ClientSees(AGREES), Pause(TIGHT / 4)];
    // Whichever side was heard last, the time starts with that.
    for heard in [[ClientSends("alive"), OriginSees("alive")], [OriginSends("alive"), ClientSees("alive")]] {
        let ends = [ClientSeesEnd(Eof), NoSoonerThan(TIGHT), OriginSeesEnd(Reset)];
        let counters = play_with(tight, &[&shake[..], &heard, &ends].concat());
        assert_eq!(counters.client_reasons[balancer_core::CloseReason::Idle as usize], 1, "{heard:?}");
    }
}

/// Time-outs of requests mean nothing to it, nor does that between two of them.
#[test]
fn a_silent_tunnel_outlives_every_other_time_out() {
    const SHORT: Duration = Duration::from_millis(150);
    let short = |settings: &mut balancer_core::Settings| {
        let times = &mut settings.listeners[0].timeouts;
        (times.idle, times.body) = (SHORT, SHORT);
        settings.backend_sets[0].timeouts.body = SHORT;
    };
    let shake = [ClientSends(ASKS), OriginSees(ASKED), OriginSends(AGREES), ClientSees(AGREES), Pause(3 * SHORT)];
    let still_there = [ClientSends("up"), OriginSees("up"), OriginSends("down"), ClientSees("down")];
    play_with(short, &[&shake[..], &still_there].concat());
}

/// A client that had nothing to say beyond its request: its FIN belongs to the tunnel all the same.
#[test]
fn a_fin_before_the_switch_is_passed_on() {
    play(&[
        ClientSends(ASKS),
        ClientHalfCloses,
        OriginSees(ASKED),
        Pause(Duration::from_millis(150)),
        OriginSends(AGREES),
        ClientSees(AGREES),
        OriginSeesEnd(Eof),
        OriginSends("down"),
        ClientSees("down"),
        OriginHalfCloses,
        ClientSeesEnd(Eof),
    ]);
}

/// Does the kernel ask this end of a silent connection whether its peer is there?
fn is_asked(local: std::net::SocketAddr, remote: std::net::SocketAddr) -> bool {
    const KEEP_ALIVE: u8 = 2;
    let filter =
        Filter { states: States::of(&[TcpState::Established]), local: End::Exact(local), remote: End::Exact(remote) };
    let mut asked = false;
    let look = SockDiag::open().expect("sock_diag").for_each(&filter, |socket| {
        asked = socket.timer == KEEP_ALIVE && socket.expires_ms > 10_000;
    });
    look.expect("sock_diag");
    asked
}

/// A peer that vanished without a word would be waited for as long as it may be silent, which may be for ever.
#[test]
fn the_kernel_watches_the_peers_of_what_may_be_silent_for_long() {
    use crate::stage::Stage;
    let check = |change: fn(&mut balancer_core::Settings), upgrade: bool, expect: bool| {
        let stage = Stage::new(change);
        let mut client = stage.client();
        client.sends(if upgrade { ASKS } else { "GET /a HTTP/1.1\nHost: a\n\n" });
        let mut server = stage.server();
        server.reads_head();
        server.sends(if upgrade { AGREES } else { "HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n" });
        client.reads_head();
        for wire in [&client, &server] {
            let (there, here) =
                (wire.stream().local_addr().expect("bound"), wire.stream().peer_addr().expect("connected"));
            if expect {
                eventually("the kernel watches", || is_asked(here, there));
            } else {
                assert!(!is_asked(here, there), "{here} {there}");
            }
        }
    };
    check(|_| {}, false, false);
    check(|_| {}, true, true);
    check(|settings| settings.backend_sets[0].timeouts.body = units::OFF, false, true);
    let off = |settings: &mut balancer_core::Settings| {
        settings.listeners[0].timeouts.idle = units::OFF;
        settings.backend_sets[0].timeouts.response = units::OFF;
    };
    check(off, false, true);
}
