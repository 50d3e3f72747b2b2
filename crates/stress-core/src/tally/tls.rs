//! What one thread counts of TLS.

use super::reasons::Reasons;
use core::time::Duration;
use stats::Recorder;

/// Handshakes that went well, and why others did not.
#[derive(Clone, Debug, Default)]
pub struct TlsTally {
    /// Time of each handshake, from when the connection stood.
    pub time: Recorder,
    /// Handshakes that took up an earlier session.
    pub resumed: u64,
    /// Version and cipher suite of the first.
    pub suite: Option<(&'static str, &'static str)>,
    reasons: Reasons,
}

impl TlsTally {
    /// A handshake is over.
    pub fn record(&mut self, took: Duration, resumed: bool, suite: Option<(&'static str, &'static str)>) {
        self.time.record(took);
        self.resumed += u64::from(resumed);
        self.suite = self.suite.or(suite);
    }

    /// What was held against the target, in words.
    pub fn record_reason(&mut self, why: &str) {
        self.reasons.count(why, 1);
    }

    /// What was held against it, as it was met first.
    pub fn reasons(&self) -> &[(String, u64)] {
        self.reasons.all()
    }

    pub(super) fn merge(&mut self, other: &Self) {
        self.time.merge(&other.time);
        self.resumed += other.resumed;
        self.suite = self.suite.or(other.suite);
        self.reasons.merge(&other.reasons);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn handshakes_of_threads_add_up_and_reasons_are_bounded() {
        let (mut all, mut other) = (TlsTally::default(), TlsTally::default());
        all.record(Duration::from_micros(100), false, Some(("TLSv1.3", "a")));
        other.record(Duration::from_micros(300), true, Some(("TLSv1.2", "b")));
        ["expired", "expired", "unknown"].iter().for_each(|why| other.record_reason(why));
        all.record_reason("expired");
        all.merge(&other);
        assert_eq!((all.time.count(), all.resumed, all.suite), (2, 1, Some(("TLSv1.3", "a"))));
        assert_eq!(all.reasons(), [("expired".to_owned(), 3), ("unknown".to_owned(), 1)]);
        (0..100).for_each(|n| all.record_reason(&n.to_string()));
        assert_eq!(all.reasons().len(), 8);
    }
}
