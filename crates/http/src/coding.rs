//! Content codings that a proxy may put on (RFC 9110 8.4.1), and which of them a client takes (12.5.3).

use crate::text::list;

/// A content coding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Coding {
    /// RFC 8878.
    Zstd,
    /// RFC 7932.
    Brotli,
    /// RFC 1952.
    Gzip,
}

impl Coding {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Zstd, Self::Brotli, Self::Gzip];

    /// As `Content-Encoding` calls it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Zstd => "zstd",
            Self::Brotli => "br",
            Self::Gzip => "gzip",
        }
    }

    /// Is it called so? Old clients say `x-gzip` (RFC 9110 8.4.1.3).
    fn is_called(self, name: &[u8]) -> bool {
        name.eq_ignore_ascii_case(self.name().as_bytes()) || self == Self::Gzip && name.eq_ignore_ascii_case(b"x-gzip")
    }

    /// Which of `offered` a client likes best by the values of its `Accept-Encoding`; among equals the first that is
    /// offered. `None`: it likes the body as it is better, or takes none of them.
    pub fn preferred<'v>(accepted: impl Iterator<Item = &'v [u8]> + Clone, offered: &[Self]) -> Option<Self> {
        let quality = |is: &dyn Fn(&[u8]) -> bool| {
            let members = accepted.clone().flat_map(list).map(member);
            members.filter(|(name, _)| is(name)).map(|(_, quality)| quality).max()
        };
        let any = quality(&|name| name == b"*");
        let identity = quality(&|name| name.eq_ignore_ascii_case(b"identity"));
        let of = |coding: Self| quality(&|name| coding.is_called(name)).or(any).unwrap_or(0);
        // `max_by_key` takes the last of equals.
        let best = offered.iter().rev().copied().max_by_key(|coding| of(*coding))?;
        (of(best) > 0 && of(best) >= identity.unwrap_or(0)).then_some(best)
    }
}

/// `name;q=0.5`: the name, and thousandths. A weight that is none counts as none at all.
fn member(member: &[u8]) -> (&[u8], u16) {
    let mut parts = member.split(|byte| *byte == b';').map(<[u8]>::trim_ascii);
    let name = parts.next().unwrap_or_default();
    let weight = parts.find_map(|part| part.strip_prefix(b"q=").or_else(|| part.strip_prefix(b"Q=")));
    (name, weight.map_or(1000, thousandths))
}

/// RFC 9110 12.4.2: `0`, `1`, and up to three digits behind a point.
fn thousandths(weight: &[u8]) -> u16 {
    let (whole, rest) = match weight {
        [b'0'] => (0, &b""[..]),
        [b'1'] => (1000, &b""[..]),
        [b'0', b'.', rest @ ..] if rest.len() <= 3 => (0, rest),
        [b'1', b'.', rest @ ..] if rest.len() <= 3 && rest.iter().all(|digit| *digit == b'0') => (1000, &b""[..]),
        _ => return 0,
    };
    let mut unit = 100;
    rest.iter().fold(whole, |sum, digit| {
        let add = if digit.is_ascii_digit() { u16::from(digit - b'0') * unit } else { 0 };
        unit /= 10;
        sum + add
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn which_coding_a_client_likes_best() {
        use Coding::*;
        let all = [Zstd, Brotli, Gzip];
        let check = |accepted: &[&str], offered: &[Coding], expect: Option<Coding>| {
            let values = accepted.iter().map(|value| value.as_bytes());
            assert_eq!(Coding::preferred(values, offered), expect, "{accepted:?} of {offered:?}");
        };
        check(&[], &all, None);
        check(&[""], &all, None);
        check(&["gzip, deflate, br, zstd"], &all, Some(Zstd));
        check(&["gzip, deflate, br"], &all, Some(Brotli));
        check(&["gzip"], &all, Some(Gzip));
        check(&["GZIP"], &all, Some(Gzip));
        check(&["x-gzip"], &all, Some(Gzip));
        check(&["gzip", "br"], &all, Some(Brotli));
        check(&["gzip, br"], &[Gzip, Brotli], Some(Gzip));
        check(&["gzip;q=0.9, br;q=0.8"], &all, Some(Gzip));
        check(&["gzip; q=0.1 , br;q=0.12"], &all, Some(Brotli));
        check(&["gzip;q=0"], &all, None);
        check(&["*"], &all, Some(Zstd));
        check(&["zstd;q=0, *"], &all, Some(Brotli));
        check(&["*;q=0"], &all, None);
        check(&["identity, gzip;q=0.5"], &all, None);
        check(&["identity;q=0.5, gzip;q=0.5"], &all, Some(Gzip));
        check(&["identity;q=0"], &all, None);
        check(&["deflate"], &all, None);
        check(&["gzip;q=1.001"], &all, None);
        check(&["gzip;q=high"], &all, None);
        check(&["gzip;q=0.0001"], &all, None);
        check(&["gzip;q=1.000"], &all, Some(Gzip));
        check(&["br"], &[Gzip], None);
        check(&["br"], &[], None);
    }
}
