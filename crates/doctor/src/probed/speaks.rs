//! What a port speaks that does not answer as HTTP does.

use super::answer::Answer;
use super::line::From;
use super::prober::Prober;
use doctor_core::target::{Response, Speaks};
use std::time::Instant;

/// A TLS 1.2 hello as small as servers take it: whatever they think of it, they answer by a handshake or by an alert.
const HELLO: [u8; 82] = *b"\x16\x03\x01\x00\x4d\x01\x00\x00\x49\x03\x03\
    quintet-doctor: what do you talk\x00\x00\x08\xc0\x2f\xc0\x2b\x00\x9c\x00\x2f\x01\x00\
    \x00\x18\x00\x0a\x00\x06\x00\x04\x00\x1d\x00\x17\x00\x0d\x00\x0a\x00\x08\x04\x01\x04\x03\x08\x04\x05\x01";

/// Asked only of a port that gave no good answer; `answer` is what it gave to a request.
pub(super) fn find_out(prober: &mut Prober<'_>, answer: &Answer) -> Option<Speaks> {
    let suspect = answer.status == Some(BAD_REQUEST) || answer.response != Response::Whole && answer.status.is_none();
    if !suspect {
        return None;
    }
    Speaks::of(&answer.first).or_else(|| after_hello(prober).filter(|speaks| *speaks == Speaks::Tls))
}

/// nginx and Go answer plain HTTP on a TLS port so.
const BAD_REQUEST: u16 = 400;

fn after_hello(prober: &mut Prober<'_>) -> Option<Speaks> {
    let patience = prober.patience().response;
    let mut line = prober.open(From::Anywhere).ok()?;
    line.write(&HELLO, patience);
    let mut first = [0; 16];
    let count = line.read(&mut first, Instant::now() + patience).ok()?;
    Speaks::of(&first[..count])
}

#[cfg(test)]
mod tests {
    use super::HELLO;

    #[test]
    fn the_hello_says_how_long_it_is() {
        let length = |at: usize| usize::from(HELLO[at]) << 8 | usize::from(HELLO[at + 1]);
        assert_eq!(length(3), HELLO.len() - 5, "the record");
        assert_eq!(length(7), HELLO.len() - 9, "the message");
        let (random, suites) = (11 + 32, 11 + 32 + 1);
        assert_eq!((HELLO[random], length(suites)), (0, 8), "no session; four cipher suites");
        assert_eq!(length(suites + 2 + 8 + 2), HELLO.len() - (suites + 2 + 8 + 2 + 2), "the extensions");
    }
}
