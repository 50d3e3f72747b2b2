//! From a path to what is asked for.

/// Longest delay, in milliseconds.
pub(crate) const DELAY_MS_MAX: u64 = 60_000;
/// Longest body, in bytes.
pub(crate) const BODY_BYTES_MAX: u64 = 1 << 40;

/// Longest row of redirects.
pub(crate) const REDIRECTS_MAX: u64 = 10_000;

/// What a path asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Route {
    /// The short hello.
    Hello,
    /// That many bytes, with Content-Length.
    Bytes(u64),
    /// That many bytes, chunked.
    Chunked(u64),
    /// An answer after so many milliseconds.
    Delay(u64),
    /// An answer with this final status.
    Status(u16),
    /// A redirect to the same with one less; of 0 the hello.
    Redirect(u16),
    /// The request's body.
    Echo,
    /// An answer, then close.
    Close,
    /// Nothing that is known here.
    Unknown,
    /// Known, but its number is none or out of range.
    BadNumber,
}

impl Route {
    /// Of a path without its query.
    pub(crate) fn of(path: &str) -> Self {
        let Some(path) = path.strip_prefix('/') else { return Self::Unknown };
        match path.split_once('/') {
            None if path.is_empty() => Self::Hello,
            None if path == "echo" => Self::Echo,
            None if path == "close" => Self::Close,
            None => Self::Unknown,
            Some((word, number)) => Self::with_number(word, number),
        }
    }

    /// What an answer leads on to.
    pub(crate) fn location(self) -> Option<u16> {
        match self {
            Self::Redirect(left) => left.checked_sub(1),
            _ => None,
        }
    }

    fn with_number(word: &str, number: &str) -> Self {
        let up_to = |max: u64| number.parse().ok().filter(|number| *number <= max);
        let route = match word {
            "bytes" => up_to(BODY_BYTES_MAX).map(Self::Bytes),
            "chunked" => up_to(BODY_BYTES_MAX).map(Self::Chunked),
            "delay" => up_to(DELAY_MS_MAX).map(Self::Delay),
            // Interim statuses are no answers (RFC 9110 section 15.2).
            "status" => up_to(599).filter(|code| *code >= 200).map(|code| Self::Status(code as u16)),
            "redirect" => up_to(REDIRECTS_MAX).map(|left| Self::Redirect(left as u16)),
            _ => return Self::Unknown,
        };
        route.unwrap_or(Self::BadNumber)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(path: &str, expect: Route) {
        assert_eq!(Route::of(path), expect, "{path}");
    }

    #[test]
    fn paths() {
        check("/", Route::Hello);
        check("/bytes/0", Route::Bytes(0));
        check("/bytes/1048576", Route::Bytes(1 << 20));
        check("/bytes/1099511627777", Route::BadNumber);
        check("/bytes/-1", Route::BadNumber);
        check("/bytes/", Route::BadNumber);
        check("/bytes", Route::Unknown);
        check("/chunked/7", Route::Chunked(7));
        check("/delay/60000", Route::Delay(60_000));
        check("/delay/60001", Route::BadNumber);
        check("/status/204", Route::Status(204));
        check("/status/101", Route::BadNumber);
        check("/status/600", Route::BadNumber);
        check("/redirect/2", Route::Redirect(2));
        check("/redirect/x", Route::BadNumber);
        check("/echo", Route::Echo);
        check("/close", Route::Close);
        check("/close/", Route::Unknown);
        check("*", Route::Unknown);
    }
}
