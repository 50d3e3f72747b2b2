//! The character rules of HTTP: tokens, field values, targets, hosts, comma lists.

/// Whether `bytes` is a token (RFC 9110 5.6.2): a method or a field name.
pub fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().all(|&byte| is_token_byte(byte))
}

/// Whether `bytes` may stand as a field value (RFC 9110 5.5): no control byte but HTAB.
pub fn is_field_value(bytes: &[u8]) -> bool {
    bytes.iter().all(|&byte| is_value_byte(byte))
}

/// Whether `bytes` may stand as a request target: visible ASCII without a fragment (RFC 9112 3.2).
pub fn is_target(bytes: &[u8]) -> bool {
    // Folded without a branch so that it runs on whole vectors.
    let clean = bytes.iter().fold(true, |clean, &byte| clean & (byte > b' ') & (byte < 0x7f) & (byte != b'#'));
    clean && !bytes.is_empty()
}

/// Whether `bytes` is `host[:port]` (RFC 9110 7.2): a name, an IPv4 address, or an address in brackets. A comma, legal
/// in a reg-name, is refused: it is how two Host fields look after somebody has joined them. So is a percent sign: one
/// reader decodes it and the next does not, and names of the DNS hold none.
pub fn is_host(bytes: &[u8]) -> bool {
    let (name_ok, rest) = if let Some(literal) = bytes.strip_prefix(b"[") {
        let end = literal.iter().position(|&byte| byte == b']');
        end.map_or((false, &b""[..]), |end| (is_ip_literal(&literal[..end]), &literal[end + 1..]))
    } else {
        let end = bytes.iter().position(|&byte| !IS_OF_NAME[usize::from(byte)]).unwrap_or(bytes.len());
        (end > 0, &bytes[end..])
    };
    name_ok && is_port_suffix(rest)
}

/// Whether a token may hold `byte` (RFC 9110 5.6.2).
#[inline]
pub fn is_token_byte(byte: u8) -> bool {
    IS_TOKEN[usize::from(byte)]
}

/// Whether a field value may hold `byte` (RFC 9110 5.5).
#[inline]
pub fn is_value_byte(byte: u8) -> bool {
    byte == b'\t' || (byte >= b' ' && byte != 0x7f)
}

/// The non-empty members of a comma list, without the whitespace around them (RFC 9110 5.6.1).
pub fn list(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|&byte| byte == b',').map(trim).filter(|member| !member.is_empty())
}

fn trim(mut member: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = member {
        member = rest;
    }
    member
}

/// Looked up instead of compared with one after the other: heads consist of such bytes.
static IS_TOKEN: [bool; 256] = letters_digits_and(b"!#$%&'*+-.^_`|~");
static IS_OF_NAME: [bool; 256] = letters_digits_and(b"-._~!$&'()*+;=");

const fn letters_digits_and(others: &[u8]) -> [bool; 256] {
    let (mut table, mut byte) = ([false; 256], 0);
    while byte < 256 {
        table[byte] = (byte as u8).is_ascii_alphanumeric();
        byte += 1;
    }
    let mut at = 0;
    while at < others.len() {
        table[others[at] as usize] = true;
        at += 1;
    }
    table
}

fn is_ip_literal(literal: &[u8]) -> bool {
    let address = std::str::from_utf8(literal).unwrap_or("");
    address.parse::<std::net::Ipv6Addr>().is_ok()
}

/// Nothing, `:` alone, or `:` and a port number (RFC 3986 3.2.3).
fn is_port_suffix(suffix: &[u8]) -> bool {
    let Some(port) = suffix.strip_prefix(b":") else { return suffix.is_empty() };
    let number = port.iter().try_fold(0_u32, |number, byte| match byte {
        b'0'..=b'9' if number <= 65_535 => Some(number * 10 + u32::from(byte - b'0')),
        _ => None,
    });
    number.is_some_and(|number| number <= 65_535)
}
