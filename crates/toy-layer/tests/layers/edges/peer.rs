//! A peer of our own making against a layer: it speaks the protocol by hand, and breaks it.

use super::*;
use ports::ClosedFirst;
use reactor::BufPool;
use toy_layer::FIN_WAIT_MAX;
use toy_layer::handshake::{Hello, Keys};
use toy_layer::record::{Cipher, Kind};

/// A client without a layer that has shaken hands with a server that has one, and its key.
fn shake_hands() -> (Bench, Cipher) {
    let mut bench = Bench::new((false, true), 64);
    bench.connect(Outgoing::default());
    check(&mut bench, "connected", "");
    let hello = Hello { nonce: 1, server_name: "by.hand".to_owned(), alpn: b"toy".to_vec() };
    let mut buf = BufPool::new(1).take().expect("the first");
    hello.seal(&mut buf);
    bench.client.recv();
    bench.client.send_bytes(&buf, After::Keep);
    check(&mut bench, "sent, 25 bytes", "accepted");
    let mut answer = BufPool::new(1).take().expect("the first");
    answer.append(&bench.client.ear().received).expect("it fits");
    let server = Hello::open(&mut answer).expect("a hello").expect("all of it");
    bench.server.recv();
    (bench, Keys::agree(1, server.nonce).client)
}

fn sealed(cipher: &mut Cipher, kind: Kind, payload: &[u8]) -> Vec<u8> {
    let mut buf = BufPool::new(1).take().expect("the first");
    cipher.seal(kind, payload.len(), &mut buf, |room| room.copy_from_slice(payload));
    buf.to_vec()
}

/// Says hello, then `bytes` and FIN; what the application hears in two recvs.
fn hears(spoil: impl FnOnce(&mut Cipher) -> Vec<u8>) -> String {
    let (mut bench, mut cipher) = shake_hands();
    let bytes = spoil(&mut cipher);
    bench.client.send_bytes(&bytes, After::Close);
    bench.pass(SOON);
    let mut heard = bench.server.heard();
    if heard == "hello" {
        bench.server.recv();
        bench.pass(SOON);
        heard = format!("{heard}, {}", bench.server.heard());
    }
    bench.server.close(Close::Discard);
    bench.finish();
    heard
}

#[test]
fn only_a_close_notify_is_an_end() {
    let hello = |cipher: &mut Cipher| sealed(cipher, Kind::Data, b"hello");
    let close = |cipher: &mut Cipher| sealed(cipher, Kind::Close, b"");
    assert_eq!(hears(|cipher| [hello(cipher), close(cipher)].concat()), "hello, end");
    assert_eq!(hears(|cipher| hello(cipher)), "hello, cut off");
    assert_eq!(hears(|cipher| hello(cipher)[..17].to_vec()), "cut off");
    assert_eq!(hears(|_| Vec::new()), "cut off");
}

#[test]
fn what_was_not_sealed_so_is_not_handed_up() {
    let hello = |cipher: &mut Cipher| sealed(cipher, Kind::Data, b"hello");
    let flip = |mut bytes: Vec<u8>| {
        bytes[7] ^= 1;
        bytes
    };
    assert_eq!(hears(|cipher| flip(hello(cipher))), "spoilt");
    assert_eq!(hears(|cipher| [hello(cipher), flip(hello(cipher))].concat()), "hello, spoilt");
    assert_eq!(hears(|_| b"GET / HTTP/1.1\r\n\r\n".to_vec()), "spoilt");
    assert_eq!(hears(|cipher| sealed(cipher, Kind::Handshake, b"again")), "spoilt");
    let twice = |bytes: Vec<u8>| [&bytes[..], &bytes].concat();
    assert_eq!(hears(|cipher| twice(hello(cipher))), "hello, spoilt");
}

/// A close-notify whose FIN does not come is an end, too, but not at once: the FIN may be on its way, and whoever waits
/// for it does not pay.
#[test]
fn an_end_waits_for_its_fin_but_not_for_ever() {
    let (mut bench, mut cipher) = shake_hands();
    bench.client.send_bytes(&sealed(&mut cipher, Kind::Close, b""), After::Keep);
    check(&mut bench, "sent", "");
    bench.pass(FIN_WAIT_MAX - SOON * 2);
    assert_eq!(bench.server.heard(), "");
    bench.pass(SOON);
    check(&mut bench, "", "end");
    assert_eq!(bench.server.close(Close::Fin), CloseOutcome::Closed(Some(ClosedFirst::OurFin)));
    bench.pass(SOON);
    bench.client.close(Close::Discard);
    bench.finish();
}

#[test]
fn a_fin_in_time_makes_the_peer_the_first_closer() {
    let (mut bench, mut cipher) = shake_hands();
    bench.client.send_bytes(&sealed(&mut cipher, Kind::Close, b""), After::Keep);
    check(&mut bench, "sent", "");
    bench.client.act(|conn, io| io.shutdown_write(conn));
    check(&mut bench, "", "end");
    assert_eq!(bench.server.close(Close::Fin), CloseOutcome::Closed(Some(ClosedFirst::PeerFin)));
    bench.client.recv();
    check(&mut bench, "end", "");
    bench.client.close(Close::Fin);
    assert_eq!((bench.client.io.time_waits(), bench.server.io.time_waits()), (1, 0));
    bench.finish();
}
