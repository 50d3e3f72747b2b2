//! Durations as a log of HdrHistogram (interval log 1.3, histograms V2 compressed): what its tools read and draw.

use crate::Recorder;
use core::time::Duration;
use hdrhistogram::serialization::V2DeflateSerializer;
use hdrhistogram::serialization::interval_log::IntervalLogWriterBuilder;

/// Values are nanoseconds; the column of maxima is in milliseconds, as is usual.
const NS_PER_MS: f64 = 1e6;

impl Recorder {
    /// One interval that began so many seconds after 1970 and lasted so long. `comments` stand in front, a line each.
    pub fn hdr_log(&self, started_unix_s: u64, lasted: Duration, comments: &[String]) -> String {
        let (mut log, mut serializer) = (Vec::new(), V2DeflateSerializer::new());
        let mut head = IntervalLogWriterBuilder::new();
        // Line breaks would end the comment.
        comments.iter().for_each(|comment| _ = head.add_comment(&comment.replace(['\n', '\r'], " ")));
        head.add_comment(&format!("[StartTime: {started_unix_s}.000 (seconds since epoch)]"));
        head.with_max_value_divisor(NS_PER_MS);
        let mut writer = head.begin_log_with(&mut log, &mut serializer).expect("memory takes every write");
        writer.write_histogram(self.histogram(), Duration::ZERO, lasted, None).expect("its bounds are constants");
        String::from_utf8(log).expect("a log is text")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hdrhistogram::Histogram;
    use hdrhistogram::serialization::Deserializer;
    use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};

    #[test]
    fn what_is_written_is_read_back() {
        let mut recorder = Recorder::new();
        (1..=1000).for_each(|us| recorder.record(Duration::from_micros(us)));
        let log = recorder.hdr_log(
            1_764_115_200,
            Duration::from_secs(2),
            &["GET http://a/\nnever a line of its own".to_owned()],
        );
        assert!(log.contains("#[StartTime: 1764115200.000 (seconds since epoch)]"), "{log}");
        let entries: Vec<_> =
            IntervalLogIterator::new(log.as_bytes()).map(|entry| entry.expect("a good log")).collect();
        let intervals: Vec<_> = entries
            .iter()
            .filter_map(|entry| match entry {
                LogEntry::Interval(interval) => Some(interval),
                _ => None,
            })
            .collect();
        let [interval] = intervals[..] else { panic!("one interval: {log}") };
        assert_eq!(interval.duration(), Duration::from_secs(2));
        assert!((interval.max() - 1.0).abs() < 0.001, "{log}");
        let bytes = {
            use base64::Engine;
            base64::engine::general_purpose::STANDARD.decode(interval.encoded_histogram()).expect("Base64")
        };
        let read: Histogram<u64> = Deserializer::new().deserialize(&mut &bytes[..]).expect("V2");
        assert_eq!((read.len(), read.value_at_quantile(0.5)), (1000, recorder.histogram().value_at_quantile(0.5)));
    }
}
