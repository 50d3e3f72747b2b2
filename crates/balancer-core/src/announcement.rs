//! The header of the PROXY protocol as it comes in, version 1 or 2: whom a proxy speaks for. [`crate::proxy_header`] writes it.
//!
//! Read to the letter of <https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt>: what a proxy may not send is refused.

use ports::Unannounced;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Bytes of a header of version 2 at most, with everything that is added to it (names, certificates, ids of networks): that
/// is passed over.
pub const BINARY_BYTES_MAX: usize = 4096;
/// The longest line of version 1, its end included.
const TEXT_BYTES_MAX: usize = 107;

const TEXT_BEGINS: &[u8] = b"PROXY ";
const BINARY_BEGINS: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
/// What stands before the addresses of version 2: those twelve bytes, version and command, family, length.
const FIXED_BYTES: usize = 16;

/// What a header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Announcement {
    /// Whose connection it is, and where that came in; `None` where the proxy speaks for itself (a check of its), does not
    /// know, or knows only something that is no address here: a socket file.
    pub ends: Option<(SocketAddr, SocketAddr)>,
    /// Bytes of the header: what is behind them is for whoever comes next.
    pub len: usize,
}

/// Reads a header from the first bytes of a connection; `None`: not all of it is here. More bytes change no verdict.
///
/// # Errors
/// There is none, or it breaks the protocol.
pub fn announcement(bytes: &[u8]) -> Result<Option<Announcement>, Unannounced> {
    let begins = |how: &[u8]| bytes.iter().zip(how).all(|(one, other)| one == other);
    match (begins(TEXT_BEGINS), begins(BINARY_BEGINS)) {
        (false, false) => Err(Unannounced::NoHeader),
        (true, _) if bytes.len() >= TEXT_BEGINS.len() => read_text(bytes),
        (_, true) if bytes.len() >= FIXED_BYTES => read_binary(bytes),
        _ => Ok(None),
    }
}

fn read_text(bytes: &[u8]) -> Result<Option<Announcement>, Unannounced> {
    let line = &bytes[..bytes.len().min(TEXT_BYTES_MAX)];
    let Some(end) = line.iter().position(|byte| *byte == b'\n') else {
        return if bytes.len() < TEXT_BYTES_MAX { Ok(None) } else { Err(Unannounced::TooLong) };
    };
    let said = line[TEXT_BEGINS.len()..end].strip_suffix(b"\r").ok_or(Unannounced::Malformed)?;
    let ends = text_ends(said).ok_or(Unannounced::Malformed)?;
    Ok(Some(Announcement { ends, len: end + 1 }))
}

/// `None`: it breaks the protocol.
fn text_ends(said: &[u8]) -> Option<Option<(SocketAddr, SocketAddr)>> {
    let mut words = std::str::from_utf8(said).ok()?.split(' ');
    let family = words.next()?;
    let address = |word: &str| match family {
        "TCP4" => word.parse::<Ipv4Addr>().ok().map(IpAddr::V4),
        _ => word.parse::<Ipv6Addr>().ok().map(IpAddr::V6),
    };
    match family {
        // Whatever is behind it is for nobody.
        "UNKNOWN" => return Some(None),
        "TCP4" | "TCP6" => {}
        _ => return None,
    }
    let (from, to) = (address(words.next()?)?, address(words.next()?)?);
    let (from_port, to_port) = (port(words.next()?)?, port(words.next()?)?);
    words.next().is_none().then_some(Some((end(from, from_port), end(to, to_port))))
}

/// Digits alone: a number of Rust may have a sign.
fn port(word: &str) -> Option<u16> {
    word.bytes().all(|byte| byte.is_ascii_digit()).then(|| word.parse().ok()).flatten()
}

/// IPv4 that came through a socket of both families is IPv4.
fn end(address: IpAddr, port: u16) -> SocketAddr {
    SocketAddr::new(address.to_canonical(), port)
}

fn read_binary(bytes: &[u8]) -> Result<Option<Announcement>, Unannounced> {
    let (command, family) = (bytes[12], bytes[13]);
    let said = usize::from(u16::from_be_bytes([bytes[14], bytes[15]]));
    let len = FIXED_BYTES + said;
    if len > BINARY_BYTES_MAX {
        return Err(Unannounced::TooLong);
    }
    // A check of the proxy's own: whatever it says of addresses is for nobody.
    let is_own = match command {
        0x20 => true,
        0x21 => false,
        _ => return Err(Unannounced::Malformed),
    };
    let needed = match family {
        0x00 => 0,
        0x11 | 0x12 => 12,
        0x21 | 0x22 => 36,
        0x31 | 0x32 => 216,
        // Of a connection of its own the proxy may say what it likes.
        _ if is_own => 0,
        _ => return Err(Unannounced::Malformed),
    };
    if !is_own && said < needed {
        return Err(Unannounced::Malformed);
    }
    let Some(whole) = bytes.get(FIXED_BYTES..len) else { return Ok(None) };
    let ends = if is_own { None } else { binary_ends(family, whole) };
    Ok(Some(Announcement { ends, len }))
}

/// Of datagrams and socket files nothing is known that would be a client's address on a stream.
fn binary_ends(family: u8, said: &[u8]) -> Option<(SocketAddr, SocketAddr)> {
    let port = |at: usize| Some(u16::from_be_bytes(*said.get(at..)?.first_chunk()?));
    let v4 = |at: usize| Some(IpAddr::from(*said.get(at..)?.first_chunk::<4>()?));
    let v6 = |at: usize| Some(IpAddr::from(*said.get(at..)?.first_chunk::<16>()?));
    match family {
        0x11 => Some((end(v4(0)?, port(8)?), end(v4(4)?, port(10)?))),
        0x21 => Some((end(v6(0)?, port(32)?), end(v6(16)?, port(34)?))),
        _ => None,
    }
}
