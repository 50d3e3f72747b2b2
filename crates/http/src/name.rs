//! The fields that frame, route or belong to one hop, told apart from all others.

/// A field name, as far as this implementation treats it in its own way. `Connection` cannot make a proxy drop any of
/// these but [`Name::Other`] and [`Name::Twin`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // the names say it
pub enum Name {
    Connection,
    ContentLength,
    Date,
    Expect,
    Forwarded,
    Host,
    /// `HTTP2-Settings`, which belongs to an upgrade that is never passed on (RFC 9113 3.1).
    Http2Settings,
    KeepAlive,
    MaxForwards,
    ProxyConnection,
    Te,
    Trailer,
    TransferEncoding,
    Upgrade,
    Via,
    XForwardedFor,
    XForwardedHost,
    XForwardedPort,
    XForwardedProto,
    XRealIp,
    /// Not one of those that a proxy writes itself or drops, but it becomes one where names are folded for CGI (RFC 3875
    /// 4.1.18), which PHP, WSGI and others do: `X_Forwarded_For`, `Content.Length`.
    Twin,
    Other,
}

/// Names whose twins would forge what a proxy says about the way of a request, or about the end of its body.
const WITH_TWINS: [&str; 7] = [
    "content-length",
    "transfer-encoding",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-port",
    "x-forwarded-proto",
    "x-real-ip",
];

impl Name {
    /// The name, in any case. Length first: most fields are told apart without looking at a letter.
    #[inline]
    pub fn of(name: &str) -> Self {
        let is = |known: &str| is_same(name.as_bytes(), known.as_bytes());
        match name.len() {
            2 if is("te") => Self::Te,
            3 if is("via") => Self::Via,
            4 if is("host") => Self::Host,
            4 if is("date") => Self::Date,
            6 if is("expect") => Self::Expect,
            7 if is("upgrade") => Self::Upgrade,
            7 if is("trailer") => Self::Trailer,
            9 if is("x-real-ip") => Self::XRealIp,
            9 if is("forwarded") => Self::Forwarded,
            10 if is("connection") => Self::Connection,
            10 if is("keep-alive") => Self::KeepAlive,
            12 if is("max-forwards") => Self::MaxForwards,
            14 if is("content-length") => Self::ContentLength,
            14 if is("http2-settings") => Self::Http2Settings,
            15 if is("x-forwarded-for") => Self::XForwardedFor,
            16 if is("proxy-connection") => Self::ProxyConnection,
            16 if is("x-forwarded-host") => Self::XForwardedHost,
            16 if is("x-forwarded-port") => Self::XForwardedPort,
            17 if is("transfer-encoding") => Self::TransferEncoding,
            17 if is("x-forwarded-proto") => Self::XForwardedProto,
            9 | 14..=17 if is_twin(name.as_bytes()) => Self::Twin,
            _ => Self::Other,
        }
    }
}

/// Do CGI and those who fold names as it does take `name` for `known`? In any case, and whatever stands for its dashes.
pub(crate) fn reads_as(name: &str, known: &str) -> bool {
    let same =
        |(a, b): (u8, u8)| a.eq_ignore_ascii_case(&b) || !a.is_ascii_alphanumeric() && !b.is_ascii_alphanumeric();
    name.len() == known.len() && name.bytes().zip(known.bytes()).all(same)
}

/// Does CGI make the same variable of it as of a name that has twins? Such names begin with three letters only.
#[inline]
fn is_twin(name: &[u8]) -> bool {
    matches!(name[0] | 0x20, b'c' | b't' | b'x') && is_folded(name)
}

/// RFC 3875 folds `-` to `_`; some gateways and PHP fold whatever is no letter and no digit.
#[cold]
fn is_folded(name: &[u8]) -> bool {
    let same = |(byte, known): (&u8, u8)| match known {
        b'-' => !byte.is_ascii_alphanumeric(),
        letter => byte | 0x20 == letter,
    };
    WITH_TWINS.iter().any(|known| known.len() == name.len() && name.iter().zip(known.bytes()).all(same))
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
        _ => is_same_short(name, known),
    }
}

/// The same of less than eight bytes: by words of four, which may overlap.
#[inline]
fn is_same_short(name: &[u8], known: &[u8]) -> bool {
    const LOWER: u32 = u32::from_ne_bytes([0x20; 4]);
    let word = |bytes: &[u8; 4]| u32::from_ne_bytes(*bytes);
    match (name.first_chunk(), name.last_chunk(), known.first_chunk(), known.last_chunk()) {
        (Some(start), Some(end), Some(known_start), Some(known_end)) => {
            word(start) | LOWER == word(known_start) && word(end) | LOWER == word(known_end)
        }
        _ => name.iter().zip(known).all(|(a, b)| a | 0x20 == *b),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: [(&str, Name); 20] = [
        ("Connection", Name::Connection),
        ("Content-Length", Name::ContentLength),
        ("Date", Name::Date),
        ("Expect", Name::Expect),
        ("Forwarded", Name::Forwarded),
        ("Host", Name::Host),
        ("HTTP2-Settings", Name::Http2Settings),
        ("Keep-Alive", Name::KeepAlive),
        ("Max-Forwards", Name::MaxForwards),
        ("Proxy-Connection", Name::ProxyConnection),
        ("TE", Name::Te),
        ("Trailer", Name::Trailer),
        ("Transfer-Encoding", Name::TransferEncoding),
        ("Upgrade", Name::Upgrade),
        ("Via", Name::Via),
        ("X-Forwarded-For", Name::XForwardedFor),
        ("X-Forwarded-Host", Name::XForwardedHost),
        ("X-Forwarded-Port", Name::XForwardedPort),
        ("X-Forwarded-Proto", Name::XForwardedProto),
        ("X-Real-IP", Name::XRealIp),
    ];

    #[test]
    fn a_name_is_known_in_any_case() {
        for (name, expect) in KNOWN {
            for written in [name.to_owned(), name.to_lowercase(), name.to_uppercase()] {
                assert_eq!(Name::of(&written), expect, "{written}");
            }
        }
    }

    /// Every byte a token may have, in every place of every name: only its own letter, in either case, will do; and where
    /// CGI would make the same of it, it is a twin.
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
                    let folds = !same && name.as_bytes()[at] == b'-' && !byte.is_ascii_alphanumeric();
                    let has_twins = WITH_TWINS.iter().any(|known| known.eq_ignore_ascii_case(name));
                    assert_eq!(Name::of(&written) == Name::Twin, folds && has_twins, "{written}");
                }
            }
        }
    }

    #[test]
    fn what_cgi_takes_for_another_name() {
        for name in ["X-User", "x_user", "X.USER"] {
            assert!(reads_as(name, "X-User"), "{name}");
        }
        for name in ["X-Users", "XAUser", "X-Use", ""] {
            assert!(!reads_as(name, "X-User"), "{name}");
        }
    }

    #[test]
    fn twins_in_all_spellings() {
        for twin in ["X_Forwarded_For", "x_forwarded-for", "X.FORWARDED~PROTO", "Content_Length", "Transfer+Encoding"] {
            assert_eq!(Name::of(twin), Name::Twin, "{twin}");
        }
        for other in ["X_Forwarded_Fox", "my_header", "Content_Type", "Accept_Encoding", "X-Forwarded_User"] {
            assert_eq!(Name::of(other), Name::Other, "{other}");
        }
    }
}
