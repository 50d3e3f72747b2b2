//! Recognises, byte by byte and without a buffer, trailer fields that must not come after the body (RFC 9110 6.5.1).

/// Fields that frame or route a message, belong to one connection, say who somebody is, or record its way: nothing that may
/// arrive when all was decided. Sorted; what ends in `-` stands for all names that begin so.
const FORBIDDEN: [&str; 24] = [
    "authorization",
    "connection",
    "content-encoding",
    "content-length",
    "content-range",
    "content-type",
    "cookie",
    "expect",
    "forwarded",
    "host",
    "http2-settings",
    "keep-alive",
    "max-forwards",
    "proxy-",
    "range",
    "set-cookie",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "via",
    "www-authenticate",
    "x-forwarded-",
    "x-real-ip",
];

/// Which forbidden names the bytes of a name still agree with: a run of the sorted list.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NameMatch {
    low: u8,
    high: u8,
    len: u8,
    /// Something other than a dash stood where CGI makes the same of it: no name that begins so is passed on.
    folded: bool,
}

/// What becomes of a trailer, as far as its name has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It may still become a forbidden one.
    Open,
    /// It is none.
    Passed,
    /// It is one.
    Dropped,
}

impl NameMatch {
    /// Before the first byte.
    pub(crate) const START: Self = Self { low: 0, high: FORBIDDEN.len() as u8, len: 0, folded: false };

    /// Whatever its name, it is not passed on.
    pub(crate) const UNWANTED: Self = Self { low: 0, high: 0, len: 0, folded: true };

    /// The name goes on with `byte`.
    pub(crate) fn push(&mut self, byte: u8) -> Verdict {
        if self.verdict() != Verdict::Open {
            return self.verdict();
        }
        let at = usize::from(self.len);
        let is = |name: &str| match name.as_bytes().get(at) {
            Some(b'-') => !byte.is_ascii_alphanumeric(),
            known => known == Some(&byte.to_ascii_lowercase()),
        };
        let here = &FORBIDDEN[usize::from(self.low)..usize::from(self.high)];
        let skip = here.iter().position(|name| is(name)).unwrap_or(here.len());
        let count = here[skip..].iter().take_while(|name| is(name)).count();
        self.folded |= count > 0 && !byte.is_ascii_alphanumeric() && byte != b'-';
        self.low += skip as u8;
        self.high = self.low + count as u8;
        self.len = self.len.saturating_add(1);
        self.verdict()
    }

    /// The name is complete.
    pub(crate) fn end(&mut self) -> Verdict {
        let is_one = self.candidates().iter().any(|name| name.len() == usize::from(self.len));
        match self.verdict() {
            Verdict::Open if !is_one => Verdict::Passed,
            Verdict::Open => Verdict::Dropped,
            settled => settled,
        }
    }

    fn verdict(self) -> Verdict {
        let is_prefix = |name: &&str| name.ends_with('-') && name.len() <= usize::from(self.len);
        match self.candidates() {
            _ if self.folded => Verdict::Dropped,
            [] => Verdict::Passed,
            names if names.iter().any(is_prefix) => Verdict::Dropped,
            _ => Verdict::Open,
        }
    }

    /// What the name began with, while it could still become a forbidden one, in lower case.
    pub(crate) fn seen(self) -> &'static [u8] {
        self.candidates().first().map_or(b"", |name| &name.as_bytes()[..usize::from(self.len)])
    }

    fn candidates(self) -> &'static [&'static str] {
        &FORBIDDEN[usize::from(self.low)..usize::from(self.high)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(name: &str) -> Verdict {
        let mut seen = NameMatch::START;
        name.bytes().for_each(|byte| {
            seen.push(byte);
        });
        seen.end()
    }

    #[test]
    fn the_list_is_sorted_and_lower_case() {
        assert!(FORBIDDEN.is_sorted());
        assert!(FORBIDDEN.iter().all(|name| name.bytes().all(|byte| !byte.is_ascii_uppercase())));
    }

    #[test]
    fn forbidden_names_and_their_twins_are_dropped_and_no_others() {
        for name in FORBIDDEN {
            let (shown, longer) = (name.replace('-', "_"), format!("{name}x"));
            for forbidden in [name, &name.to_uppercase(), &shown] {
                assert_eq!(verdict(forbidden), Verdict::Dropped, "{forbidden}");
            }
            if !name.ends_with('-') {
                assert_eq!(verdict(&longer), Verdict::Passed, "{longer}");
                assert_eq!(verdict(&name[..name.len() - 1]), Verdict::Passed, "all but the last of {name}");
            }
        }
        for name in ["X-Forwarded-For", "Proxy-Authorization", "proxy_connection", "x.forwarded.user"] {
            assert_eq!(verdict(name), Verdict::Dropped, "{name}");
        }
        // What begins as a twin may have been held back under another spelling: it is not passed on, whatever follows.
        assert_eq!(verdict("content_md5"), Verdict::Dropped);
        for name in ["ETag", "Digest", "Server-Timing", "grpc-status", "X-Sum", "Content-MD5", "X-Real-Ipad", "a"] {
            assert_eq!(verdict(name), Verdict::Passed, "{name}");
        }
    }
}
