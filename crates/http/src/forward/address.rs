//! An IP address as text, on the stack.

use std::fmt::Write;
use std::net::IpAddr;

/// The longest text of an IPv6 address without a zone: an IPv4-compatible one; and what stands around it in `Forwarded`.
const TEXT_BYTES_MAX: usize = 45 + r#"for="[]""#.len();

/// The text of one address.
#[derive(Clone, Copy, Debug)]
pub struct AddressText {
    bytes: [u8; TEXT_BYTES_MAX],
    len: usize,
}

impl AddressText {
    /// IPv4-mapped IPv6, as dual-stack listeners report IPv4 clients, is written as IPv4.
    pub fn new(address: IpAddr) -> Self {
        let mut text = Self { bytes: [0; TEXT_BYTES_MAX], len: 0 };
        match address.to_canonical() {
            IpAddr::V4(v4) => text.push_v4(v4.octets()),
            // The room fits the longest text, and writing into it has no other way to fail.
            IpAddr::V6(v6) => write!(text, "{v6}").unwrap_or_default(),
        }
        text
    }

    /// As an element of `Forwarded` (RFC 7239 section 6): `for=192.0.2.7`, `for="[2001:db8::1]"`.
    #[cold]
    pub(super) fn as_forwarded(&self) -> Self {
        let mut text = Self { bytes: [0; TEXT_BYTES_MAX], len: 0 };
        let (before, after) = if self.as_bytes().contains(&b':') { ("for=\"[", "]\"") } else { ("for=", "") };
        let address = std::str::from_utf8(self.as_bytes()).unwrap_or_default();
        // The room fits the longest text, as above.
        write!(text, "{before}{address}{after}").unwrap_or_default();
        text
    }

    /// What was written.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    /// By a table: it is on the path of every request. Each octet is written with its dot, over what the one before has
    /// written too much; the last dot is left out.
    fn push_v4(&mut self, octets: [u8; 4]) {
        let mut at = 0;
        for octet in octets {
            let [text @ .., len] = OCTETS[usize::from(octet)];
            self.bytes[at..at + 4].copy_from_slice(&text);
            at += usize::from(len);
        }
        self.len = at - 1;
    }
}

/// Each octet in decimal, a dot behind it, and the length of both.
static OCTETS: [[u8; 5]; 256] = {
    let (mut table, mut octet) = ([[0; 5]; 256], 0);
    while octet < 256 {
        let digits = [b'0' + (octet / 100) as u8, b'0' + (octet / 10 % 10) as u8, b'0' + (octet % 10) as u8];
        table[octet] = match octet {
            0..10 => [digits[2], b'.', 0, 0, 2],
            10..100 => [digits[1], digits[2], b'.', 0, 3],
            _ => [digits[0], digits[1], digits[2], b'.', 4],
        };
        octet += 1;
    }
    table
};

impl Write for AddressText {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        let room = self.bytes.get_mut(self.len..self.len + text.len()).ok_or(std::fmt::Error)?;
        room.copy_from_slice(text.as_bytes());
        self.len += text.len();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_written_as_the_standard_library_writes_them() {
        for text in ["0.0.0.0", "127.0.0.1", "10.20.199.255", "::", "::1", "2001:db8::8:800:200c:417a"] {
            assert_eq!(AddressText::new(text.parse().unwrap()).as_bytes(), text.as_bytes());
        }
        let longest = "1111:2222:3333:4444:5555:6666:7777:8888";
        assert_eq!(AddressText::new(longest.parse().unwrap()).as_bytes(), longest.as_bytes());
        for octet in 0..=255 {
            let address = std::net::Ipv4Addr::from([octet, 255, octet, octet]);
            assert_eq!(AddressText::new(address.into()).as_bytes(), address.to_string().as_bytes());
        }
        assert_eq!(AddressText::new("::ffff:192.0.2.7".parse().unwrap()).as_bytes(), b"192.0.2.7");
        let forwarded = AddressText::new(longest.parse().unwrap()).as_forwarded();
        assert_eq!(forwarded.as_bytes(), format!("for=\"[{longest}]\"").as_bytes());
        assert_eq!(AddressText::new([192, 0, 2, 7].into()).as_forwarded().as_bytes(), b"for=192.0.2.7");
    }
}
