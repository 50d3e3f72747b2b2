//! The fields that frame, route or belong to one hop, told apart from all others.

/// A field name, as far as this implementation treats it in its own way. `Connection` cannot make a proxy drop any of
/// these but [`Name::Other`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // the names say it
pub enum Name {
    Connection,
    ContentLength,
    Expect,
    Host,
    KeepAlive,
    ProxyConnection,
    Te,
    Trailer,
    TransferEncoding,
    Upgrade,
    Via,
    XForwardedFor,
    XForwardedProto,
    Other,
}

impl Name {
    /// The name, in any case. Length first: most fields are told apart without looking at a letter.
    #[inline]
    pub fn of(name: &str) -> Self {
        let is = |known: &str| is_same(name.as_bytes(), known.as_bytes());
        match name.len() {
            2 if is("te") => Self::Te,
            3 if is("via") => Self::Via,
            4 if is("host") => Self::Host,
            6 if is("expect") => Self::Expect,
            7 if is("upgrade") => Self::Upgrade,
            7 if is("trailer") => Self::Trailer,
            10 if is("connection") => Self::Connection,
            10 if is("keep-alive") => Self::KeepAlive,
            14 if is("content-length") => Self::ContentLength,
            15 if is("x-forwarded-for") => Self::XForwardedFor,
            16 if is("proxy-connection") => Self::ProxyConnection,
            17 if is("transfer-encoding") => Self::TransferEncoding,
            17 if is("x-forwarded-proto") => Self::XForwardedProto,
            _ => Self::Other,
        }
    }
}

/// Is `name`, a token as long as `known`, this lower-case name? By words of eight bytes: bit 5 tells lower case from
/// upper in letters, is set in `-` and digits, and no other token byte becomes one of them by it.
#[inline]
fn is_same(name: &[u8], known: &[u8]) -> bool {
    const LOWER: u64 = u64::from_ne_bytes([0x20; 8]);
    let word = |bytes: &[u8; 8]| u64::from_ne_bytes(*bytes);
    match (name.last_chunk::<8>(), known.last_chunk::<8>()) {
        (Some(end), Some(known_end)) => {
            let mut whole = name.chunks_exact(8).zip(known.chunks_exact(8));
            let same = |(a, b): (&[u8], &[u8])| match (a.first_chunk(), b.first_chunk()) {
                (Some(a), Some(b)) => word(a) | LOWER == word(b),
                _ => false,
            };
            word(end) | LOWER == word(known_end) && whole.all(same)
        }
        _ => name.iter().zip(known).all(|(a, b)| a | 0x20 == *b),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: [(&str, Name); 13] = [
        ("Connection", Name::Connection),
        ("Content-Length", Name::ContentLength),
        ("Expect", Name::Expect),
        ("Host", Name::Host),
        ("Keep-Alive", Name::KeepAlive),
        ("Proxy-Connection", Name::ProxyConnection),
        ("TE", Name::Te),
        ("Trailer", Name::Trailer),
        ("Transfer-Encoding", Name::TransferEncoding),
        ("Upgrade", Name::Upgrade),
        ("Via", Name::Via),
        ("X-Forwarded-For", Name::XForwardedFor),
        ("X-Forwarded-Proto", Name::XForwardedProto),
    ];

    #[test]
    fn a_name_is_known_in_any_case() {
        for (name, expect) in KNOWN {
            for written in [name.to_owned(), name.to_lowercase(), name.to_uppercase()] {
                assert_eq!(Name::of(&written), expect, "{written}");
            }
        }
    }

    /// Every byte a token may have, in every place of every name: only its own letter, in either case, will do.
    #[test]
    fn one_other_byte_makes_it_another_name() {
        for (name, expect) in KNOWN {
            for at in 0..name.len() {
                for byte in (0x21..0x7f).filter(|byte| crate::is_token_byte(*byte)) {
                    let mut bytes = name.as_bytes().to_vec();
                    bytes[at] = byte;
                    let written = String::from_utf8(bytes).expect("ASCII");
                    let same = written.eq_ignore_ascii_case(name);
                    assert_eq!(Name::of(&written) == expect, same, "{written}");
                }
            }
        }
    }
}
