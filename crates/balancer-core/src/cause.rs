//! What failed at a server, for those who ask why it gets no requests.

use core::fmt;
use ports::FaultKind;

/// How an attempt failed, as far as that says something of its server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// There was no connection to it.
    Connect(FaultKind),
    /// It closed before it answered.
    Closed,
    /// Its connection broke before it answered.
    Broken(FaultKind),
    /// It did not answer in time.
    Silent,
    /// Its answer was no HTTP.
    Malformed(http1::Error),
    /// It answered with an error, which counts here.
    Status(u16),
}

/// Half a sentence, such as "connection refused" or "it answered 503".
impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connect(FaultKind::TimedOut) => f.write_str("it took no connection in time"),
            Self::Connect(FaultKind::Reset) => f.write_str("connection reset as it was opened"),
            Self::Connect(kind) => f.write_str(kind.name()),
            Self::Closed => f.write_str("it closed the connection before it answered"),
            Self::Broken(kind) => write!(f, "{} before it answered", kind.name()),
            Self::Silent => f.write_str("no answer in time"),
            Self::Malformed(rule) => write!(f, "malformed answer: {rule}"),
            Self::Status(status) => write!(f, "it answered {status}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_is_half_a_sentence() {
        let told = [
            (Cause::Connect(FaultKind::Refused), "connection refused"),
            (Cause::Connect(FaultKind::TimedOut), "it took no connection in time"),
            (Cause::Connect(FaultKind::Unreachable), "no route to the target"),
            (Cause::Connect(FaultKind::Reset), "connection reset as it was opened"),
            (Cause::Closed, "it closed the connection before it answered"),
            (Cause::Broken(FaultKind::Reset), "connection reset before it answered"),
            (Cause::Silent, "no answer in time"),
            (Cause::Status(503), "it answered 503"),
        ];
        for (cause, words) in told {
            assert_eq!(cause.to_string(), words);
        }
        let malformed = Cause::Malformed(http1::Error::StatusLine).to_string();
        assert!(malformed.starts_with("malformed answer: ") && !malformed.contains("refused"), "{malformed}");
    }
}
