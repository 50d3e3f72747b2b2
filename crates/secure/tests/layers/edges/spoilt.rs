//! Handshakes that somebody has tampered with: whatever comes, nobody panics, nobody waits for ever, and nobody is let in
//! by it.

use super::*;
use seed::Rng;
use testkit::{Replay, sweep};

/// A client without a layer that sends what it is told, byte for byte.
fn play(seed: u64) -> Result<(), String> {
    let mut rng = Rng::new(seed);
    let version = *rng.pick(&Version::ALL);
    let (_, server) = only(version);
    let mut bench = Bench::with(None, Some(server), 64);
    bench.connect(Outgoing::default());
    bench.pass(SOON);
    let mut bytes = hello(&mut rng);
    for _ in 0..rng.range(1, 6) {
        spoil(&mut bytes, &mut rng);
    }
    let pieces = rng.range(1, 4) as usize;
    for piece in bytes.chunks(bytes.len() / pieces + 1) {
        if piece.len() <= reactor::buf::BUF_BYTES {
            bench.client.send_bytes(piece, After::Keep);
            bench.pass(Duration::from_millis(3));
        }
    }
    bench.client.recv();
    bench.pass(secure::HANDSHAKE_MAX + Duration::from_secs(3));
    let heard = bench.server.heard();
    if !heard.is_empty() {
        return Err(format!("the application hears of it: {heard}"));
    }
    let (counts, ear) = (bench.server.handshakes(), bench.server.ear());
    if (ear.arrived, ear.departed) != (1, 1) {
        return Err(format!("{} came and {} went", ear.arrived, ear.departed));
    }
    let failed: u64 = counts.failed.iter().sum();
    bench.client.close(Close::Discard);
    bench.pass(SOON);
    bench.finish();
    if failed == 1 && counts.done == 0 { Ok(()) } else { Err(format!("not one failure: {counts:?}")) }
}

/// What a client of rustls says first.
fn hello(rng: &mut Rng) -> Vec<u8> {
    let provider = std::sync::Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config =
        builder.expect("versions").with_root_certificates(rustls::RootCertStore::empty()).with_no_client_auth();
    let name = "door.example".try_into().expect("a name");
    let mut client = rustls::ClientConnection::new(std::sync::Arc::new(config), name).expect("a client");
    let mut bytes = Vec::new();
    client.write_tls(&mut bytes).expect("a vector takes all");
    // Sometimes more follows that belongs to no handshake.
    if rng.chance(0.3) {
        bytes.extend(rng.bytes(200));
    }
    bytes
}

fn spoil(bytes: &mut Vec<u8>, rng: &mut Rng) {
    let at = rng.index(bytes.len().max(1));
    match rng.range(0, 5) {
        0 if !bytes.is_empty() => bytes[at] ^= 1 << rng.range(0, 8),
        1 if !bytes.is_empty() => drop(bytes.remove(at)),
        2 => bytes.insert(at, rng.range(0, 256) as u8),
        3 => bytes.truncate(at.max(1)),
        _ => {
            let again = bytes[at.min(bytes.len())..].to_vec();
            bytes.extend(again);
        }
    }
}

#[test]
fn a_hello_that_was_tampered_with_lets_nobody_in() {
    let replay =
        Replay { package: "secure", target: "--test layers", test: "a_hello_that_was_tampered_with_lets_nobody_in" };
    sweep(replay, 300, play);
}
