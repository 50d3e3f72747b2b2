//! Statuses: their phrases, and which of them are not the last word.

/// The phrases of RFC 9110 15 and RFC 6585, by status.
const PHRASES: &[(u16, &str)] = &[
    (100, "Continue"),
    (101, "Switching Protocols"),
    (200, "OK"),
    (201, "Created"),
    (202, "Accepted"),
    (203, "Non-Authoritative Information"),
    (204, "No Content"),
    (205, "Reset Content"),
    (206, "Partial Content"),
    (300, "Multiple Choices"),
    (301, "Moved Permanently"),
    (302, "Found"),
    (303, "See Other"),
    (304, "Not Modified"),
    (305, "Use Proxy"),
    (307, "Temporary Redirect"),
    (308, "Permanent Redirect"),
    (400, "Bad Request"),
    (401, "Unauthorized"),
    (402, "Payment Required"),
    (403, "Forbidden"),
    (404, "Not Found"),
    (405, "Method Not Allowed"),
    (406, "Not Acceptable"),
    (407, "Proxy Authentication Required"),
    (408, "Request Timeout"),
    (409, "Conflict"),
    (410, "Gone"),
    (411, "Length Required"),
    (412, "Precondition Failed"),
    (413, "Content Too Large"),
    (414, "URI Too Long"),
    (415, "Unsupported Media Type"),
    (416, "Range Not Satisfiable"),
    (417, "Expectation Failed"),
    (421, "Misdirected Request"),
    (422, "Unprocessable Content"),
    (426, "Upgrade Required"),
    (428, "Precondition Required"),
    (429, "Too Many Requests"),
    (431, "Request Header Fields Too Large"),
    (500, "Internal Server Error"),
    (501, "Not Implemented"),
    (502, "Bad Gateway"),
    (503, "Service Unavailable"),
    (504, "Gateway Timeout"),
    (505, "HTTP Version Not Supported"),
    (508, "Loop Detected"),
    (511, "Network Authentication Required"),
];

/// The standard reason phrase of a status, if it has one.
pub fn reason_phrase(status: u16) -> Option<&'static str> {
    PHRASES.binary_search_by_key(&status, |(code, _)| *code).ok().map(|at| PHRASES[at].1)
}

/// Whether another response to the same request follows: 1xx other than 101 (RFC 9110 15.2).
#[inline]
pub fn is_interim(status: u16) -> bool {
    (100..200).contains(&status) && status != 101
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phrases_are_found_by_status() {
        assert!(PHRASES.is_sorted_by(|a, b| a.0 < b.0), "the search relies on it");
        assert_eq!(
            (reason_phrase(100), reason_phrase(511)),
            (Some("Continue"), Some("Network Authentication Required"))
        );
        assert_eq!((reason_phrase(418), reason_phrase(0), reason_phrase(999)), (None, None, None));
    }
}
