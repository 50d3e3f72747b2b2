//! Recognises, byte by byte and without a buffer, trailer fields that must not come after the body (RFC 9110 6.5.1).

/// Fields that frame or route a message, or belong to one connection. At most eight: one bit each.
const FORBIDDEN: [&str; 8] =
    ["transfer-encoding", "content-length", "host", "connection", "upgrade", "te", "trailer", "x-forwarded-for"];

/// Which forbidden names the bytes of a name still agree with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NameMatch {
    candidates: u8,
    len: u8,
}

impl NameMatch {
    /// Before the first byte.
    pub(crate) const START: Self = Self { candidates: u8::MAX, len: 0 };

    /// The name goes on with `byte`.
    pub(crate) fn push(&mut self, byte: u8) {
        for (bit, name) in FORBIDDEN.iter().enumerate() {
            if name.as_bytes().get(usize::from(self.len)) != Some(&byte.to_ascii_lowercase()) {
                self.candidates &= !(1 << bit);
            }
        }
        self.len = self.len.saturating_add(1);
    }

    /// Whether the name, complete now, is a forbidden one.
    pub(crate) fn is_forbidden(self) -> bool {
        let complete =
            |(bit, name): (usize, &&str)| self.candidates & (1 << bit) != 0 && name.len() == usize::from(self.len);
        FORBIDDEN.iter().enumerate().any(complete)
    }
}
