//! The name in a ClientHello: wherever it stands, however it comes, and whatever comes in its stead.

#[path = "../common/prefixes.rs"]
mod prefixes;

use balancer_core::hello::{HELLO_BYTES_MAX, Unmatched, asked_name};
use prefixes::check_prefixes;
use seed::Rng;
use testkit::{Replay, sweep};

/// A length of `N` bytes, and what it is of.
fn sized<const N: usize>(content: &[u8]) -> Vec<u8> {
    [&content.len().to_be_bytes()[8 - N..], content].concat()
}

fn extension(kind: u16, content: &[u8]) -> Vec<u8> {
    [&kind.to_be_bytes()[..], &sized::<2>(content)].concat()
}

fn server_name(name: &[u8]) -> Vec<u8> {
    extension(0, &sized::<2>(&[&[0][..], &sized::<2>(name)].concat()))
}

/// A message with these extensions; `None`: it ends before them.
fn message(extensions: Option<&[u8]>) -> Vec<u8> {
    let mut body = [&[3, 3][..], &[7; 32], &sized::<1>(&[9; 32]), &sized::<2>(&[0x13, 1, 0x13, 2]), &[1, 0]].concat();
    body.extend(extensions.map(sized::<2>).unwrap_or_default());
    [&[1][..], &sized::<3>(&body)].concat()
}

/// In records of so many bytes.
fn records(message: &[u8], bytes: usize) -> Vec<u8> {
    message.chunks(bytes).flat_map(|chunk| [&[22, 3, 1][..], &sized::<2>(chunk)].concat()).collect()
}

/// As most clients send it: something before the name and something behind it.
fn usual(name: &[u8]) -> Vec<u8> {
    message(Some(&[extension(0x0a0a, &[]), server_name(name), extension(43, &[2, 3, 4])].concat()))
}

#[track_caller]
fn check(said: &[u8], expect: Result<Option<&str>, Unmatched>) {
    let found = check_prefixes(said);
    let text =
        found.as_ref().map(|name| name.as_ref().map(|name| std::str::from_utf8(name.as_bytes()).expect("ASCII")));
    assert_eq!(text.map_err(|why| *why), expect);
}

#[test]
fn the_name_is_found_however_it_is_cut() {
    let hello = usual(b"a.example.org");
    for bytes in [1, 2, 3, 7, 50, 100, 16_384] {
        check(&records(&hello, bytes), Ok(Some("a.example.org")));
    }
    let more = [records(&hello, 16_384), vec![20, 3, 3, 0, 1, 1]].concat();
    check(&more, Ok(Some("a.example.org")));
    check(&records(&usual(b"EXAMPLE.org."), 99), Ok(Some("EXAMPLE.org.")));
    check(&records(&usual(&[b'x'; 255]), 99), Ok(Some("x".repeat(255).as_str())));
}

#[test]
fn it_is_known_before_the_hello_is_whole() {
    let long = [server_name(b"a.example"), extension(51, &[5; 12_000])].concat();
    let hello = records(&message(Some(&long)), 16_384);
    assert!(asked_name(&hello[..120]).expect("good so far").is_some());
    let last = [extension(51, &[5; 12_000]), server_name(b"a.example")].concat();
    check(&records(&message(Some(&last)), 4_000), Ok(Some("a.example")));
}

#[test]
fn who_asks_for_no_name_is_told_from_who_speaks_no_tls() {
    use Unmatched::*;
    let in_one = |extensions: &[u8]| records(&message(Some(extensions)), 16_384);
    check(&records(&message(None), 99), Err(NoName));
    check(&in_one(&[]), Err(NoName));
    check(&in_one(&extension(43, &[2, 3, 4])), Err(NoName));
    for name in [&b"10.0.0.1:443"[..], b"[::1]", b"a b", b"a\0b", b"caf\xc3\xa9.example", b"*.example"] {
        check(&in_one(&server_name(name)), Err(NoName));
    }
    check(&in_one(&extension(0, &sized::<2>(&[&[1][..], &sized::<2>(b"x")].concat()))), Err(NoName));
    for other in ["GET / HTTP/1.1\r\n\r\n", "SSH-2.0-x\r\n", "PROXY TCP4 ", "\u{16}x", "\0"] {
        check(other.as_bytes(), Err(NotTls));
    }
    check(b"", Ok(None));
    check(&[22, 3, 1], Ok(None));
}

#[test]
fn lengths_that_cannot_be_are_refused() {
    use Unmatched::*;
    let hello = records(&usual(b"a.example"), 16_384);
    check(&[22, 3, 1, 0, 0], Err(NotTls)); // an empty record
    check(&[22, 3, 1, 0x40, 1], Err(NotTls)); // one that is too long
    check(&[22, 2, 0], Err(NotTls));
    check(&records(&[2, 0, 0, 1, 0], 99), Err(NotTls)); // a ServerHello
    check(&records(&[1, 0, 0x40, 1], 99), Err(TooLong));
    check(&records(&[1, 0, 0, 1, 3, 3], 99), Err(NotTls)); // shorter than its version
    check(&records(&[1, 0, 0, 2, 2, 0], 99), Err(NotTls)); // SSL 2.0
    let mut other = hello.clone();
    other[RECORD_AND_MESSAGE_HEAD + 2 + 32] = 255; // a session that ends behind the message
    check(&other, Err(NotTls));
    // A list of names, and a name, that are longer than what holds them, shorter, and empty.
    for (at, off) in [(3, 1), (3, -1), (5, 1), (5, -1), (8, 1), (8, -9)] {
        let mut name = server_name(b"a.example");
        name[at] = name[at].wrapping_add_signed(off);
        check(&records(&message(Some(&name)), 99), Err(NotTls));
    }
    check(&records(&message(Some(&extension(0, &[]))), 99), Err(NotTls));
    check(&records(&message(Some(&extension(0, &[0]))), 99), Err(NotTls));
    check(&records(&usual(&[b'x'; 256]), 99), Err(NotTls));
    let endless = records(&message(Some(&extension(51, &[5; 16_000]))), 3);
    assert_eq!(asked_name(&endless[..HELLO_BYTES_MAX]), Err(TooLong));
    assert_eq!(asked_name(&endless[..HELLO_BYTES_MAX - 1]), Ok(None));
}

const RECORD_AND_MESSAGE_HEAD: usize = 5 + 4;

/// Seeds of the fuzz target and hellos of our own, damaged: nothing panics, and no answer is ever taken back.
#[test]
fn whatever_comes_is_answered_once() {
    let replay =
        Replay { package: "balancer-core", target: "--test decisions", test: "whatever_comes_is_answered_once" };
    sweep(replay, 200, |seed| {
        let mut rng = Rng::new(seed);
        let mut said = records(&usual(b"www.example.org"), 1 + rng.index(300));
        for _ in 0..rng.index(6) {
            let at = rng.index(said.len());
            match rng.index(3) {
                0 => said[at] = rng.next_u64() as u8,
                1 => said.truncate(at + 1),
                _ => said.splice(at..at, [0, 0, 3].into_iter().take(1 + rng.index(3))).for_each(drop),
            }
        }
        check_prefixes(&said).map(drop).or(Ok::<(), String>(()))
    });
    for seed in std::fs::read_dir("../../fuzz/seeds/client_hello").expect("the seeds are there") {
        let path = seed.expect("a seed").path();
        let said = std::fs::read(&path).expect("it can be read");
        let found = check_prefixes(&said);
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        assert_eq!(matches!(found, Ok(Some(_))), name.starts_with("named"), "{name}: {found:?}");
    }
}
