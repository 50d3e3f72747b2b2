//! A client with a TLS of its own (rustls, records included) against the layer: what it reads of ours, and what it breaks.

use super::*;
use ports::ClosedFirst;
use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, ClientConnection, RootCertStore};
use secure::FIN_WAIT_MAX;
use std::io::{Read, Write};
use std::sync::Arc;

/// What a record of TLS 1.3 adds, and one with a KeyUpdate.
const RECORD_BYTES: usize = 22;
const KEY_UPDATE_BYTES: usize = RECORD_BYTES + 5;

/// A plain client that does TLS by hand with a server on a layer.
struct ByHand {
    bench: Bench,
    tls: ClientConnection,
    /// Bytes of the server that were taken in.
    seen: usize,
}

fn client_config(authority: &Authority) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from(authority.der.clone())).expect("an authority");
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().expect("versions");
    builder.with_root_certificates(roots).with_no_client_auth()
}

impl ByHand {
    fn new(version: Version) -> Self {
        let authority = Authority::new();
        let rules = ServerRules { versions: vec![version], ..authority.server(&["door.example"]) };
        let bench = Bench::with(None, Some(rules), 64);
        let name = "door.example".try_into().expect("a name");
        let tls = ClientConnection::new(Arc::new(client_config(&authority)), name).expect("a client");
        let mut by_hand = Self { bench, tls, seen: 0 };
        by_hand.bench.connect(Outgoing::default());
        check(&mut by_hand.bench, "connected", "");
        while by_hand.tls.is_handshaking() {
            by_hand.send(After::Keep);
            by_hand.read().expect("a handshake that goes well");
        }
        by_hand.send(After::Keep);
        by_hand.bench.pass(SOON);
        assert_eq!(by_hand.bench.server.heard(), "accepted");
        by_hand.bench.server.recv();
        by_hand
    }

    /// What the client has to say, in one run.
    fn say(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        while self.tls.wants_write() {
            self.tls.write_tls(&mut bytes).expect("a vector takes all");
        }
        bytes
    }

    fn send(&mut self, after: After) {
        let bytes = self.say();
        self.send_bytes(&bytes, after);
    }

    fn send_bytes(&mut self, bytes: &[u8], after: After) {
        if bytes.is_empty() && after == After::Keep {
            return;
        }
        self.bench.client.send_bytes(bytes, after);
        self.bench.pass(SOON);
        self.bench.client.heard();
    }

    /// Takes in what the server has sent.
    fn read(&mut self) -> Result<Vec<u8>, rustls::Error> {
        self.bench.client.recv();
        self.bench.pass(SOON);
        self.bench.client.heard();
        let received = self.bench.client.ear().received.clone();
        let mut news = &received[self.seen..];
        self.seen = received.len();
        let mut text = Vec::new();
        while !news.is_empty() {
            self.tls.read_tls(&mut news).expect("bytes");
            self.tls.process_new_packets()?;
            let _all_there_is = self.tls.reader().read_to_end(&mut text);
        }
        Ok(text)
    }

    fn seal(&mut self, text: &[u8]) -> Vec<u8> {
        self.tls.writer().write_all(text).expect("room");
        self.say()
    }

    fn close_notify(&mut self) -> Vec<u8> {
        self.tls.send_close_notify();
        self.say()
    }

    fn finish(mut self) {
        self.bench.server.close(Close::Discard);
        self.bench.pass(SOON);
        self.bench.client.close(Close::Discard);
        self.bench.finish();
    }
}

#[test]
fn both_read_what_the_other_seals() {
    for version in Version::ALL {
        let mut by_hand = ByHand::new(version);
        for len in [1, 19, 5000] {
            let bytes = by_hand.seal(&vec![b'q'; len]);
            by_hand.send_bytes(&bytes, After::Keep);
            let heard = by_hand.bench.server.heard();
            assert_eq!(heard, if len < 20 { "q".repeat(len) } else { format!("{len} bytes") }, "{version:?}");
            by_hand.bench.server.send(len, After::Keep);
            assert_eq!(by_hand.read().expect("sealed well").len(), len, "{version:?}");
            by_hand.bench.server.heard();
            by_hand.bench.server.recv();
        }
        by_hand.finish();
    }
}

#[test]
fn a_new_key_is_followed_and_answered() {
    let mut by_hand = ByHand::new(Version::Tls13);
    for round in 0..40 {
        by_hand.tls.refresh_traffic_keys().expect("TLS 1.3");
        let bytes = by_hand.seal(b"ask");
        by_hand.send_bytes(&bytes, After::Keep);
        assert_eq!(by_hand.bench.server.heard(), "ask", "round {round}");
        by_hand.bench.server.send(6, After::Keep);
        // Asked for a new key of ours, we say so before the next record, and go over to it.
        let sent = by_hand.bench.server.sends_below().last().map(|(len, _)| *len);
        // (The first record takes the tickets along.)
        assert!(round == 0 || sent == Some(KEY_UPDATE_BYTES + RECORD_BYTES + 6), "round {round}: {sent:?}");
        assert_eq!(by_hand.read().expect("sealed well"), b"xxxxxx", "round {round}");
        by_hand.bench.server.heard();
        by_hand.bench.server.recv();
    }
    by_hand.finish();
}

#[test]
fn new_keys_without_end_are_no_conversation() {
    let mut by_hand = ByHand::new(Version::Tls13);
    let mut bytes = Vec::new();
    for _ in 0..40 {
        by_hand.tls.refresh_traffic_keys().expect("TLS 1.3");
        bytes.extend(by_hand.say());
    }
    by_hand.send_bytes(&bytes, After::Keep);
    assert_eq!((by_hand.bench.server.heard().as_str(), by_hand.bench.server.handshakes().damaged), ("spoilt", 1));
    by_hand.finish();
}

/// Sends what `spoil` makes, then FIN; what the application hears in two recvs.
fn hears(version: Version, spoil: impl FnOnce(&mut ByHand) -> Vec<u8>) -> String {
    let mut by_hand = ByHand::new(version);
    let bytes = spoil(&mut by_hand);
    by_hand.send_bytes(&bytes, After::Close);
    let mut heard = by_hand.bench.server.heard();
    if heard == "hello" {
        by_hand.bench.server.recv();
        by_hand.bench.pass(SOON);
        heard = format!("{heard}, {}", by_hand.bench.server.heard());
    }
    by_hand.bench.server.close(Close::Discard);
    by_hand.bench.finish();
    heard
}

#[test]
fn only_a_close_notify_is_an_end() {
    for version in Version::ALL {
        let hello = |peer: &mut ByHand| peer.seal(b"hello");
        assert_eq!(hears(version, |peer| [hello(peer), peer.close_notify()].concat()), "hello, end");
        assert_eq!(hears(version, hello), "hello, cut off");
        assert_eq!(hears(version, |peer| hello(peer)[..17].to_vec()), "cut off");
        assert_eq!(hears(version, |_| Vec::new()), "cut off");
    }
}

#[test]
fn what_was_not_sealed_so_is_not_handed_up() {
    let flip = |mut bytes: Vec<u8>, at: usize| {
        bytes[at] ^= 1;
        bytes
    };
    for version in Version::ALL {
        for at in [5, 10, 20] {
            assert_eq!(hears(version, |peer| flip(peer.seal(b"hello"), at)), "spoilt");
        }
        assert_eq!(
            hears(version, |peer| [peer.seal(b"hello"), flip(peer.seal(b"hello"), 9)].concat()),
            "hello, spoilt"
        );
        assert_eq!(hears(version, |_| b"GET / HTTP/1.1\r\n\r\n".to_vec()), "spoilt");
        let twice = |bytes: Vec<u8>| [&bytes[..], &bytes].concat();
        assert_eq!(hears(version, |peer| twice(peer.seal(b"hello"))), "hello, spoilt");
        assert_eq!(hears(version, |_| vec![23, 3, 3, 0x45, 0, 1, 2, 3]), "spoilt", "longer than a record may be");
        assert_eq!(hears(version, |_| vec![23, 3, 3, 0, 3, 1, 2, 3]), "spoilt", "shorter than a tag");
        assert_eq!(hears(version, |_| vec![20, 3, 3, 0, 1, 1]), "spoilt", "out of place");
    }
}

/// Whoever breaks the protocol is told how.
#[test]
fn a_spoilt_record_is_answered_by_an_alert() {
    let mut by_hand = ByHand::new(Version::Tls13);
    let mut bytes = by_hand.seal(b"hello");
    bytes[9] ^= 1;
    by_hand.send_bytes(&bytes, After::Keep);
    assert_eq!(by_hand.bench.server.heard(), "spoilt");
    let told = by_hand.read().expect_err("an alert");
    assert_eq!(told, rustls::Error::AlertReceived(rustls::AlertDescription::BadRecordMac));
    by_hand.finish();
}

/// Nothing is sent behind a fatal alert, ours or theirs.
#[test]
fn nothing_follows_a_fatal_alert() {
    let spoilt = |peer: &mut ByHand| {
        let mut bytes = peer.seal(b"hello");
        bytes[9] ^= 1;
        bytes
    };
    let alert = |peer: &mut ByHand| {
        peer.tls.read_tls(&mut &[23, 3, 3, 0, 20].into_iter().chain([7; 20]).collect::<Vec<u8>>()[..]).expect("bytes");
        peer.tls.process_new_packets().expect_err("nothing that we have sealed");
        peer.say()
    };
    for (version, gives_up) in
        Version::ALL.into_iter().flat_map(|version| [(version, spoilt as fn(&mut ByHand) -> _), (version, alert)])
    {
        let mut by_hand = ByHand::new(version);
        let bytes = gives_up(&mut by_hand);
        by_hand.send_bytes(&bytes, After::Keep);
        assert_eq!(by_hand.bench.server.heard(), "spoilt");
        by_hand.bench.client.recv();
        by_hand.bench.pass(SOON);
        let received = by_hand.bench.client.ear().received.len();
        for after in [After::Keep, After::Close] {
            by_hand.bench.server.send(5, after);
            by_hand.bench.pass(SOON);
            assert_eq!(by_hand.bench.server.heard(), "not sent: spoilt", "{version:?}");
        }
        assert_eq!(by_hand.bench.client.ear().received.len(), received, "{version:?}");
        by_hand.finish();
    }
}

/// What was on its way when the stream was found to be spoilt is whole, and the alert comes behind it.
#[test]
fn an_alert_waits_for_what_is_on_its_way() {
    let mut by_hand = ByHand::new(Version::Tls13);
    for _ in 0..3 {
        by_hand.bench.server.send(16_000, After::Keep);
        by_hand.bench.pass(SOON);
    }
    assert_eq!(by_hand.bench.server.heard(), "sent, sent");
    let mut bytes = by_hand.seal(b"hello");
    bytes[9] ^= 1;
    by_hand.bench.client.send_bytes(&bytes, After::Keep);
    by_hand.bench.pass(SOON);
    by_hand.bench.client.heard();
    assert_eq!(by_hand.bench.server.heard(), "spoilt");
    let told = (0..100).find_map(|_| by_hand.read().err());
    assert_eq!(told, Some(rustls::Error::AlertReceived(rustls::AlertDescription::BadRecordMac)));
    assert_eq!(by_hand.bench.server.heard(), "sent");
    by_hand.finish();
}

/// A close-notify whose FIN does not come is an end, too, but not at once: the FIN may be on its way, and whoever waits
/// for it does not pay.
#[test]
fn an_end_waits_for_its_fin_but_not_for_ever() {
    let mut by_hand = ByHand::new(Version::Tls13);
    let bytes = by_hand.close_notify();
    by_hand.send_bytes(&bytes, After::Keep);
    by_hand.bench.pass(FIN_WAIT_MAX - SOON * 2);
    assert_eq!(by_hand.bench.server.heard(), "");
    by_hand.bench.pass(SOON);
    check(&mut by_hand.bench, "", "end");
    assert_eq!(by_hand.bench.server.close(Close::Fin), CloseOutcome::Closed(Some(ClosedFirst::OurFin)));
    by_hand.bench.pass(SOON);
    by_hand.bench.client.close(Close::Discard);
    by_hand.bench.finish();
}

/// The FIN comes after all, when its end was told already: nothing was cut off.
#[test]
fn a_fin_that_comes_late_is_no_cut() {
    let mut by_hand = ByHand::new(Version::Tls13);
    let bytes = by_hand.close_notify();
    by_hand.send_bytes(&bytes, After::Keep);
    by_hand.bench.pass(FIN_WAIT_MAX);
    assert_eq!(by_hand.bench.server.heard(), "end");
    by_hand.bench.client.act(|conn, io| io.shutdown_write(conn));
    by_hand.bench.pass(SOON);
    by_hand.bench.server.recv();
    check(&mut by_hand.bench, "", "end");
    assert_eq!(by_hand.bench.server.probe(), Probe::PeerFin);
    assert_eq!(by_hand.bench.server.close(Close::Fin), CloseOutcome::Closed(Some(ClosedFirst::PeerFin)));
    assert_eq!(by_hand.bench.server.handshakes().cut_off, 0);
    by_hand.bench.client.close(Close::Discard);
    by_hand.bench.finish();
}

#[test]
fn a_hello_in_many_pieces_is_one_hello() {
    let authority = Authority::new();
    let mut bench = Bench::with(None, Some(authority.server(&["door.example"])), 64);
    let name = "door.example".try_into().expect("a name");
    let mut tls = ClientConnection::new(Arc::new(client_config(&authority)), name).expect("a client");
    let mut hello = Vec::new();
    tls.write_tls(&mut hello).expect("a vector takes all");
    // The message in three records, each byte in a segment of its own.
    let (message, mut bytes) = (&hello[5..], Vec::new());
    for part in message.chunks(message.len() / 3 + 1) {
        bytes.extend([22, 3, 1, (part.len() >> 8) as u8, part.len() as u8]);
        bytes.extend(part);
    }
    bench.connect(Outgoing::default());
    check(&mut bench, "connected", "");
    for byte in bytes.chunks(7) {
        bench.client.send_bytes(byte, After::Keep);
        bench.pass(Duration::from_millis(2));
    }
    bench.client.heard();
    bench.client.recv();
    bench.pass(SOON);
    assert_eq!(&bench.client.ear().received[..3], [22, 3, 3], "a hello of the server");
    bench.client.close(Close::Discard);
    bench.pass(SOON);
    bench.finish();
}

#[test]
fn a_fin_in_time_makes_the_peer_the_first_closer() {
    let mut by_hand = ByHand::new(Version::Tls13);
    let bytes = by_hand.close_notify();
    by_hand.send_bytes(&bytes, After::Keep);
    let mut bench = by_hand.bench;
    bench.client.act(|conn, io| io.shutdown_write(conn));
    check(&mut bench, "", "end");
    assert_eq!(bench.server.close(Close::Fin), CloseOutcome::Closed(Some(ClosedFirst::PeerFin)));
    bench.client.recv();
    bench.pass(SOON);
    assert!(bench.client.heard().ends_with("end"));
    bench.client.close(Close::Fin);
    assert_eq!((bench.client.io.time_waits(), bench.server.io.time_waits()), (1, 0));
    bench.finish();
}

/// Sends `bytes` in segments of `piece`, then FIN; what the application hears, recv by recv.
fn hears_in_pieces(mut by_hand: ByHand, bytes: &[u8], piece: usize) -> String {
    for part in bytes.chunks(piece) {
        by_hand.send_bytes(part, After::Keep);
    }
    by_hand.bench.client.act(|conn, io| io.shutdown_write(conn));
    by_hand.bench.pass(SOON);
    let mut heard = by_hand.bench.server.heard();
    while !["end", "cut off", "spoilt"].iter().any(|end| heard.ends_with(end)) {
        by_hand.bench.server.recv();
        by_hand.bench.pass(SOON);
        let more = by_hand.bench.server.heard();
        assert!(!more.is_empty(), "stuck behind {heard}");
        heard = format!("[{heard}]{more}");
    }
    by_hand.finish();
    heard
}

#[test]
fn records_come_out_one_by_one_however_they_are_cut() {
    let check = |version, close, spoil: fn(&mut Vec<u8>), expect: &str| {
        for piece in [1, 3, 13, 1000] {
            let mut by_hand = ByHand::new(version);
            let mut bytes = [by_hand.seal(b"abc"), by_hand.seal(b"de")].concat();
            bytes.extend(if close { by_hand.close_notify() } else { Vec::new() });
            spoil(&mut bytes);
            assert_eq!(hears_in_pieces(by_hand, &bytes, piece), expect, "{version:?} in pieces of {piece}");
        }
    };
    for version in Version::ALL {
        check(version, true, |_| {}, "[[abc]de]end");
        check(version, false, |_| {}, "[[abc]de]cut off");
        check(version, true, |bytes| bytes.truncate(40), "[abc]cut off");
        check(version, true, |bytes| bytes[45] ^= 1, "[abc]spoilt");
        check(version, true, |bytes| bytes.extend(b"anything"), "[[abc]de]end");
    }
}

#[test]
fn a_reset_behind_the_end_takes_nothing_away() {
    let mut by_hand = ByHand::new(Version::Tls13);
    let bytes = [by_hand.seal(b"abc"), by_hand.close_notify()].concat();
    by_hand.send_bytes(&bytes, After::Keep);
    by_hand.bench.client.close(Close::Reset);
    by_hand.bench.pass(SOON);
    assert_eq!(by_hand.bench.server.heard(), "abc");
    by_hand.bench.server.recv();
    check(&mut by_hand.bench, "", "end");
    by_hand.bench.server.close(Close::Discard);
    by_hand.bench.finish();
}

#[test]
fn bytes_are_appended_to_a_partial_buffer_as_far_as_it_has_room() {
    let mut by_hand = ByHand::new(Version::Tls13);
    let first = by_hand.seal(b"x");
    by_hand.send_bytes(&first, After::Keep);
    assert_eq!(by_hand.bench.server.heard(), "x");
    let full = by_hand.bench.server.act(|conn, io| {
        let mut partial = io.take_buf().expect("within the bound");
        let full = partial.spare_len();
        partial.append(&vec![b'-'; full - 2]).expect("it fits");
        io.recv(conn, Some(partial));
        full
    });
    let bytes = by_hand.seal(b"abc");
    by_hand.send_bytes(&bytes, After::Keep);
    assert_eq!(by_hand.bench.server.heard(), format!("{full} bytes"));
    assert!(by_hand.bench.server.ear().received.ends_with(b"--ab"));
    by_hand.bench.server.recv();
    check(&mut by_hand.bench, "", "c");
    by_hand.finish();
}
