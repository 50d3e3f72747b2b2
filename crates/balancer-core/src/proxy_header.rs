//! The header of the PROXY protocol, by which a server learns who the client is: the first bytes of a connection.

use core::fmt::Write;
use named::named;
use std::net::{IpAddr, SocketAddr};

named! {
    /// Which header connections to servers begin with (`proxy_protocol = "..."` of a backend set).
    pub enum ProxyHeader {
        /// A line of text.
        V1 = "v1",
        /// In binary.
        V2 = "v2",
    }
}

/// What every header of version 2 begins with.
const V2_BEGINS: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";
/// Version 2, a connection of somebody else.
const V2_PROXY: u8 = 0x21;
const STREAM_V4: u8 = 0x11;
const STREAM_V6: u8 = 0x21;

/// Bytes of a header at most: the longest line of version 1.
const BYTES_MAX: usize = 107;

/// A header as bytes.
#[derive(Clone, Copy, Debug)]
pub struct HeaderBytes {
    bytes: [u8; BYTES_MAX],
    len: usize,
}

impl HeaderBytes {
    fn push(&mut self, bytes: &[u8]) {
        self.bytes[self.len..self.len + bytes.len()].copy_from_slice(bytes);
        self.len += bytes.len();
    }

    /// The bytes.
    pub fn as_slice(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

impl Write for HeaderBytes {
    fn write_str(&mut self, text: &str) -> core::fmt::Result {
        self.push(text.as_bytes());
        Ok(())
    }
}

impl ProxyHeader {
    /// What a connection of `client`, who connected to `here`, begins with. Without `here` there is nothing to tell but
    /// that: it came through a socket file.
    pub fn write(self, client: SocketAddr, here: Option<SocketAddr>) -> HeaderBytes {
        let mut out = HeaderBytes { bytes: [0; BYTES_MAX], len: 0 };
        let ends = here.map(|here| of_one_family(client, here));
        match self {
            Self::V1 => write_text(ends, &mut out),
            Self::V2 => write_binary(ends, &mut out),
        }
        out
    }
}

/// IPv4 that came through a socket of both families is IPv4.
fn of_one_family(client: SocketAddr, here: SocketAddr) -> [SocketAddr; 2] {
    [client, here].map(|end| SocketAddr::new(end.ip().to_canonical(), end.port()))
}

fn write_text(ends: Option<[SocketAddr; 2]>, out: &mut HeaderBytes) {
    let written = match ends {
        Some([client, here]) => {
            let family = if client.is_ipv4() && here.is_ipv4() { "TCP4" } else { "TCP6" };
            let (from, to, from_port, to_port) = (client.ip(), here.ip(), client.port(), here.port());
            write!(out, "PROXY {family} {from} {to} {from_port} {to_port}\r\n")
        }
        None => out.write_str("PROXY UNKNOWN\r\n"),
    };
    debug_assert!(written.is_ok(), "there is room for the longest");
}

fn write_binary(ends: Option<[SocketAddr; 2]>, out: &mut HeaderBytes) {
    out.push(&V2_BEGINS);
    out.push(&[V2_PROXY]);
    match ends {
        None => out.push(&[0, 0, 0]),
        Some([client, here]) => match (client.ip(), here.ip()) {
            (IpAddr::V4(from), IpAddr::V4(to)) => {
                out.push(&[STREAM_V4, 0, 12]);
                [from, to].iter().for_each(|address| out.push(&address.octets()));
                push_ports(client, here, out);
            }
            ends => {
                out.push(&[STREAM_V6, 0, 36]);
                [ends.0, ends.1].iter().for_each(|address| out.push(&v6(*address)));
                push_ports(client, here, out);
            }
        },
    }
}

fn push_ports(client: SocketAddr, here: SocketAddr, out: &mut HeaderBytes) {
    [client, here].iter().for_each(|end| out.push(&end.port().to_be_bytes()));
}

fn v6(address: IpAddr) -> [u8; 16] {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().octets(),
        IpAddr::V6(address) => address.octets(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> SocketAddr {
        text.parse().expect("an address")
    }

    fn text(client: &str, here: Option<&str>) -> String {
        String::from_utf8(ProxyHeader::V1.write(at(client), here.map(at)).as_slice().to_vec()).expect("text")
    }

    #[test]
    fn the_line_of_version_1() {
        assert_eq!(text("192.0.2.7:40000", Some("10.0.0.1:443")), "PROXY TCP4 192.0.2.7 10.0.0.1 40000 443\r\n");
        assert_eq!(text("[2001:db8::7]:1", Some("[::1]:65535")), "PROXY TCP6 2001:db8::7 ::1 1 65535\r\n");
        let mapped = text("[::ffff:192.0.2.7]:40000", Some("[::ffff:10.0.0.1]:443"));
        assert_eq!(mapped, "PROXY TCP4 192.0.2.7 10.0.0.1 40000 443\r\n");
        assert_eq!(text("127.0.0.1:0", None), "PROXY UNKNOWN\r\n");
        let longest = "[1111:1111:1111:1111:1111:1111:1111:1111]:65535";
        assert!(text(longest, Some(longest)).len() <= BYTES_MAX);
    }

    #[test]
    fn the_bytes_of_version_2() {
        let write = |client, here: Option<&str>| ProxyHeader::V2.write(at(client), here.map(at)).as_slice().to_vec();
        let v4 = write("192.0.2.7:40000", Some("10.0.0.1:443"));
        assert_eq!(v4[..16], *b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c");
        assert_eq!(v4[16..], [192, 0, 2, 7, 10, 0, 0, 1, 0x9c, 0x40, 0x01, 0xbb]);
        let v6 = write("[2001:db8::7]:1", Some("10.0.0.1:2"));
        assert_eq!((v6.len(), v6[13], v6[15]), (52, 0x21, 36));
        assert_eq!(v6[32..48], [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 0, 1]);
        assert_eq!(write("127.0.0.1:0", None)[12..], [0x21, 0, 0, 0]);
    }
}
