//! The header of the PROXY protocol as it comes in: both versions, every split of the bytes, and what is none.

#[path = "../common/announced.rs"]
mod announced;

use announced::check_prefixes;
use balancer_core::ProxyHeader;
use balancer_core::announcement::{BINARY_BYTES_MAX, announcement};
use ports::Unannounced;
use seed::Rng;
use std::net::{IpAddr, SocketAddr};
use testkit::{Replay, sweep};

const BEGINS: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
const V4: &[u8] = &[192, 0, 2, 7, 10, 0, 0, 1, 0x9c, 0x40, 0x01, 0xbb];

/// What a header says, as text; in front of other bytes it says the same.
#[track_caller]
fn check(header: &[u8], expect: &str) {
    let told = |verdict: Result<_, Unannounced>| match verdict {
        Ok(None) => "more".to_owned(),
        Ok(Some((None, _))) => "itself".to_owned(),
        Ok(Some((Some((from, to)), _))) => format!("{from} at {to}"),
        Err(why) => why.name().to_owned(),
    };
    let read = |bytes: &[u8]| check_prefixes(bytes).map(|found| found.map(|found| (found.ends, found.len)));
    let verdict = read(header);
    if let Ok(Some((_, len))) = verdict {
        assert_eq!(len, header.len(), "all of it");
        assert_eq!(read(&[header, b"GET / HTTP/1.1\r\n\r\n"].concat()), verdict, "and no more");
    }
    assert_eq!(told(verdict), expect, "{:?}", String::from_utf8_lossy(header));
}

/// A header of version 2.
fn binary(command: u8, family: u8, said: &[u8]) -> Vec<u8> {
    [BEGINS, &[command, family], &(said.len() as u16).to_be_bytes(), said].concat()
}

#[test]
fn a_line_of_version_1() {
    check(b"PROXY TCP4 192.0.2.7 10.0.0.1 40000 443\r\n", "192.0.2.7:40000 at 10.0.0.1:443");
    check(b"PROXY TCP6 2001:db8::7 ::1 0 65535\r\n", "[2001:db8::7]:0 at [::1]:65535");
    check(b"PROXY TCP6 ::ffff:192.0.2.7 ::ffff:10.0.0.1 1 2\r\n", "192.0.2.7:1 at 10.0.0.1:2");
    check(b"PROXY UNKNOWN\r\n", "itself");
    check(b"PROXY UNKNOWN anything at all 1 2 3\r\n", "itself");
    let longest = "1111:1111:1111:1111:1111:1111:1111:1111";
    let line = format!("PROXY UNKNOWN {longest} {longest} 65535 65535\r\n");
    assert_eq!(line.len(), 107);
    check(line.as_bytes(), "itself");
}

#[test]
fn a_line_that_breaks_the_protocol() {
    for line in [
        "PROXY TCP4 192.0.2.7 10.0.0.1 40000 443\n",
        "PROXY TCP4 192.0.2.7 10.0.0.1 40000\r\n",
        "PROXY TCP4 192.0.2.7 10.0.0.1 40000 443 1\r\n",
        "PROXY TCP4 192.0.2.7  10.0.0.1 40000 443\r\n",
        "PROXY TCP4 192.0.2.7 10.0.0.1 40000 443 \r\n",
        "PROXY TCP4 192.0.2.7 10.0.0.1 65536 443\r\n",
        "PROXY TCP4 192.0.2.7 10.0.0.1 +1 443\r\n",
        "PROXY TCP4 192.0.2.7 10.0.0.1  443\r\n",
        "PROXY TCP4 2001:db8::7 10.0.0.1 1 443\r\n",
        "PROXY TCP4 192.0.2.007 10.0.0.1 1 443\r\n",
        "PROXY TCP6 192.0.2.7 10.0.0.1 1 443\r\n",
        "PROXY TCP6 [::1] ::1 1 443\r\n",
        "PROXY TCP5 192.0.2.7 10.0.0.1 1 443\r\n",
        "PROXY tcp4 192.0.2.7 10.0.0.1 1 443\r\n",
        "PROXY \r\n",
        "PROXY UNKNOWN\n",
    ] {
        check(line.as_bytes(), "malformed");
    }
    check(b"PROXY TCP4 \xff \xff 1 2\r\n", "malformed");
    check(&[b"PROXY UNKNOWN ", &[b'x'; 92][..], b"\r\n"].concat(), "too_long");
    check(&[b"PROXY UNKNOWN ", &[b'x'; 91][..], b"\r\n"].concat(), "itself");
}

#[test]
fn a_header_of_version_2() {
    let v4 = "192.0.2.7:40000 at 10.0.0.1:443";
    check(&binary(0x21, 0x11, V4), v4);
    let v6 = [&[0x20, 1, 0xd, 0xb8][..], &[0; 11], &[7], &[0; 15], &[1], &[0, 1, 0, 2]].concat();
    check(&binary(0x21, 0x21, &v6), "[2001:db8::7]:1 at [::1]:2");
    let mapped = [&[0; 10][..], &[255, 255, 192, 0, 2, 7], &[0; 15], &[1], &[0, 1, 0, 2]].concat();
    check(&binary(0x21, 0x21, &mapped), "192.0.2.7:1 at [::1]:2");
    check(&binary(0x21, 0x11, &[V4, &[3, 0, 2, 9, 9]].concat()), v4);
    check(&binary(0x21, 0x11, &[V4, &[0xff; 4]].concat()), v4);
    check(&binary(0x21, 0x11, &[V4, &vec![4; BINARY_BYTES_MAX - 28]].concat()), v4);
}

#[test]
fn a_proxy_speaks_for_itself_or_for_nobody_with_an_address() {
    check(&binary(0x20, 0x00, &[]), "itself");
    check(&binary(0x20, 0x11, V4), "itself");
    check(&binary(0x20, 0x11, &[]), "itself");
    check(&binary(0x20, 0x13, V4), "itself");
    check(&binary(0x21, 0x00, &[]), "itself");
    check(&binary(0x21, 0x00, V4), "itself");
    check(&binary(0x21, 0x31, &[b'/'; 216]), "itself");
    check(&binary(0x21, 0x12, V4), "itself");
}

#[test]
fn a_header_of_version_2_that_breaks_the_protocol() {
    check(&binary(0x21, 0x11, &V4[..11]), "malformed");
    check(&binary(0x21, 0x21, &[0; 35]), "malformed");
    check(&binary(0x21, 0x31, &[b'/'; 215]), "malformed");
    for (command, family) in [(0x22, 0x11), (0x11, 0x11), (0x31, 0x11), (0x21, 0x41), (0x21, 0x13)] {
        check(&binary(command, family, &[0; 216]), "malformed");
    }
    check(&binary(0x21, 0x11, &vec![0; BINARY_BYTES_MAX - 15]), "too_long");
    check(&binary(0x20, 0x00, &vec![0; 65_535]), "too_long");
}

#[test]
fn what_is_no_header_is_known_by_its_first_bytes() {
    for bytes in
        ["GET / HTTP/1.1\r\n\r\n", "G", "POST", "PUT", "PROXYX", "PROXY\r\n", "\r\n\r\nGET", "\n", "\x16\x03\x01"]
    {
        check(bytes.as_bytes(), "no_header");
    }
    for bytes in
        ["", "P", "PROXY", "PROXY ", "PROXY TCP4 1", "\r\n", "\r\n\r\n\0\r\nQUIT\n", "\r\n\r\n\0\r\nQUIT\n\x21"]
    {
        check(bytes.as_bytes(), "more");
    }
    check(&binary(0x21, 0x11, V4)[..27], "more");
}

#[test]
fn what_is_written_is_read() {
    sweep(
        Replay { package: "balancer-core", target: "--test decisions", test: "what_is_written_is_read" },
        300,
        |seed| {
            let mut rng = Rng::new(seed);
            let v6 = rng.chance(0.5);
            let mut any = || {
                let ip = if v6 {
                    IpAddr::from(rng.next_u64().to_be_bytes().map(u16::from))
                } else {
                    IpAddr::from((rng.next_u64() as u32).to_be_bytes())
                };
                SocketAddr::new(ip, rng.next_u64() as u16)
            };
            let (client, here) = (any(), any());
            for version in ProxyHeader::ALL {
                let bytes = version.write(client, Some(here));
                let read = check_prefixes(bytes.as_slice()).map(|found| found.and_then(|found| found.ends));
                if read != Ok(Some((client, here))) {
                    return Err(format!("{client} at {here} by {}: {read:?}", version.name()));
                }
                let nobody =
                    check_prefixes(version.write(client, None).as_slice()).map(|found| found.map(|found| found.ends));
                if nobody != Ok(Some(None)) {
                    return Err(format!("of nobody by {}: {nobody:?}", version.name()));
                }
            }
            Ok(())
        },
    );
}

/// Headers with a few bytes changed, cut or added: no panic, one verdict.
#[test]
fn any_bytes_have_one_verdict() {
    sweep(
        Replay { package: "balancer-core", target: "--test decisions", test: "any_bytes_have_one_verdict" },
        2000,
        |seed| {
            let mut rng = Rng::new(seed);
            let line: &[u8] = b"PROXY TCP6 2001:db8::7 ::1 40000 443\r\nGET / HTTP/1.1\r\n";
            let mut bytes = match rng.range(0, 4) {
                0 => line.to_vec(),
                1 => binary(0x21, 0x11, &[V4, b"GET / "].concat()),
                2 => binary(0x21, 0x21, &rng.bytes(80)),
                _ => rng.bytes(120),
            };
            for _ in 0..rng.range(0, 4) {
                let at = rng.index(bytes.len());
                bytes[at] = rng.next_u64() as u8;
            }
            bytes.truncate(1 + rng.index(bytes.len()));
            let verdict = check_prefixes(&bytes);
            if verdict == Ok(None) && announcement(&[bytes, vec![0; 2 * BINARY_BYTES_MAX]].concat()) == Ok(None) {
                return Err("it would wait for ever");
            }
            Ok(())
        },
    );
}

#[test]
fn the_seeds_of_the_fuzzer_are_read() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/seeds/proxy_header");
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).expect("the seeds") {
        let path = entry.expect("a seed").path();
        let verdict = check_prefixes(&std::fs::read(&path).expect("bytes"));
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        assert_eq!(verdict.is_ok(), name != "none", "{name}: {verdict:?}");
        names.push(name);
    }
    assert!(names.len() >= 8, "{names:?}");
}
