//! Numbers and addresses as lines write them. A line has a dozen of each: they are written without the machinery that can
//! write anything in any width.

use core::time::Duration;
use http::forward::AddressText;
use ports::Address;
use std::io::Write;
use std::net::SocketAddr;

/// In decimal.
pub(super) fn number(value: u64, out: &mut Vec<u8>) {
    match value {
        0..10 => out.push(b'0' + value as u8),
        _ => out.extend_from_slice(http::decimal(value, &mut [0; 20])),
    }
}

/// The last three digits, with zeros before them.
pub(super) fn three_digits(value: u64, out: &mut Vec<u8>) {
    let [ten, one] = http::two_digits((value % 100) as usize);
    out.extend_from_slice(&[b'0' + (value / 100 % 10) as u8, ten, one]);
}

/// In milliseconds, to the microsecond: `31.234`.
pub(super) fn millis(time: Duration, out: &mut Vec<u8>) {
    let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
    number(micros / 1000, out);
    out.push(b'.');
    three_digits(micros % 1000, out);
}

/// `192.0.2.7:40000`, `[2001:db8::7]:40000`.
pub(super) fn socket(address: SocketAddr, out: &mut Vec<u8>) {
    match address {
        SocketAddr::V4(v4) => {
            out.extend_from_slice(AddressText::new((*v4.ip()).into()).as_bytes());
            out.push(b':');
            number(v4.port().into(), out);
        }
        SocketAddr::V6(v6) => write!(out, "{v6}").expect("memory takes it"),
    }
}

/// That of a server. A path of a socket file may hold anything: it is to be escaped.
pub(super) fn server(address: Address, out: &mut Vec<u8>, escape: impl Fn(&[u8], &mut Vec<u8>)) {
    match address {
        Address::Ip(address) => socket(address, out),
        unix @ Address::Unix(_) => escape(unix.to_string().as_bytes(), out),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl Fn(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn times_are_told_to_the_microsecond() {
        let check = |micros, expect| assert_eq!(written(|out| millis(Duration::from_micros(micros), out)), expect);
        check(0, "0.000");
        check(7, "0.007");
        check(31_234, "31.234");
        check(1_000_000, "1000.000");
        check(u64::MAX, "18446744073709551.615");
    }

    #[test]
    fn addresses_are_written_as_everybody_writes_them() {
        for text in ["0.0.0.0:0", "192.0.2.7:40000", "[::1]:80", "[::ffff:192.0.2.7]:65535", "[fe80::1%3]:8080"] {
            let address: SocketAddr = text.parse().expect("an address");
            assert_eq!(written(|out| socket(address, out)), text);
        }
        let unix = Address::Unix(ports::UnixPath::new("/run/a\"b").expect("a path"));
        assert_eq!(written(|out| server(unix, out, super::super::escape::json)), "unix:/run/a\\\"b");
    }
}
