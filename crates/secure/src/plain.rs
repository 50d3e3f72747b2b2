//! What comes where TLS should begin, and the answer to a request of plain HTTP: in the clear, for its client understands
//! nothing else.

use ports::HandshakeFailure;

/// The longest method that is looked for.
const METHOD_BYTES_MAX: usize = 20;

/// What somebody gets who has asked in plain HTTP.
pub(crate) const ANSWER: &str = "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\n\
                                 Content-Length: 79\r\nConnection: close\r\n\r\n\
                                 this port speaks https, and the request came in plain http: ask by https://...\n";

/// What bytes are that are no record. Whoever meant to speak HTTP is counted apart: there is something to be set right.
pub(crate) fn what_else(bytes: &[u8], first: bool) -> HandshakeFailure {
    match (first, is_http(bytes)) {
        (true, true) => HandshakeFailure::PlainHttp,
        (true, false) => HandshakeFailure::NotTls,
        (false, _) => HandshakeFailure::Malformed,
    }
}

/// A request begins with a method, a response with its version. `PROXY` is none: that is told to whoever forgot to expect it.
fn is_http(bytes: &[u8]) -> bool {
    let letters = bytes.iter().take(METHOD_BYTES_MAX).take_while(|byte| byte.is_ascii_uppercase()).count();
    let method = letters > 0 && bytes.get(letters).is_none_or(|next| *next == b' ') && !bytes.starts_with(b"PROXY ");
    method || bytes.starts_with(b"HTTP/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_told_from_other_things() {
        let check = |bytes: &str, expect| assert_eq!(is_http(bytes.as_bytes()), expect, "{bytes:?}");
        for http in ["GET / HTTP/1.1\r\n", "G", "OPTIO", "PRI * HTTP/2.0\r\n", "HTTP/1.1 400 Bad Request"] {
            check(http, true);
        }
        for other in ["", "SSH-2.0-x", "PROXY TCP4 ", "get / ", "\u{16}", "EHLO\r\n", "A?", "AAAAAAAAAAAAAAAAAAAAAAAAA"]
        {
            check(other, false);
        }
    }

    #[test]
    fn the_answer_is_as_long_as_it_says() {
        let (head, body) = ANSWER.split_once("\r\n\r\n").expect("a head and a body");
        assert!(head.contains(&format!("Content-Length: {}", body.len())) && body.contains("this port speaks https"));
    }
}
