//! Older dialects that a lenient reader has met.

macro_rules! dialects {
    ($( $(#[$about:meta])* $dialect:ident = $name:literal, )+) => {
        /// A way in which a response departs from the letter of the RFCs and can still be understood in one way only.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Dialect {
            $( $(#[$about])* $dialect, )+
        }

        impl Dialect {
            /// All of them.
            pub const ALL: [Self; [$($name),+].len()] = [$(Self::$dialect),+];

            /// As counters and reports call it.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$dialect => $name,)+
                }
            }
        }
    };
}

dialects! {
    /// An empty line behind an interim response.
    EmptyLine = "empty_line_after_interim",
    /// A line of the head ends in LF alone (RFC 9112 2.2).
    BareLf = "bare_lf",
    /// A field line that goes on in the next line (RFC 9112 5.2).
    ObsFold = "folded_line",
    /// Whitespace before the colon of a field (RFC 9112 5.1).
    SpaceBeforeColon = "space_before_colon",
    /// HTTP/1.2 to HTTP/1.9, read as HTTP/1.1 (RFC 9110 2.5).
    NewerVersion = "newer_version",
    /// Content-Length more than once, always the same (RFC 9112 6.3).
    EqualLengths = "equal_lengths",
    /// Content-Length beside Transfer-Encoding, which counts; the connection is not used again (RFC 9112 6.1).
    LengthBesideCoding = "length_beside_coding",
    /// `Transfer-Encoding: identity`, which RFC 7230 has done away with; the connection is not used again.
    Identity = "identity_coding",
    /// Chunks in HTTP/1.0; the connection is not used again (RFC 9112 6.1).
    ChunkedInHttp10 = "chunked_in_http10",
}

/// Those that were met in one head.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dialects(u16);

impl Dialects {
    /// Whether it was met.
    pub fn has(self, dialect: Dialect) -> bool {
        self.0 & (1 << dialect as u16) != 0
    }

    /// Whether none was: the head keeps to the letter.
    #[inline]
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Each that was met.
    pub fn iter(self) -> impl Iterator<Item = Dialect> {
        Dialect::ALL.into_iter().filter(move |dialect| self.has(*dialect))
    }

    pub(crate) fn note(&mut self, dialect: Dialect) {
        self.0 |= 1 << dialect as u16;
    }

    /// These and the others.
    pub fn with(self, others: Self) -> Self {
        Self(self.0 | others.0)
    }

    pub(crate) fn note_if(&mut self, is: bool, dialect: Dialect) {
        if is {
            self.note(dialect);
        }
    }
}
