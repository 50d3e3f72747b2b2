//! One family of metrics: what it is called, its help, and its rows in the text format.

use balancer_core::{Counter, Timed};
use control::Past;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use std::fmt;
use std::time::UNIX_EPOCH;

/// In front of every name.
pub(super) const PREFIX: &str = "quintet_";

/// A family: what it is called, its kind, its help.
pub(super) struct Family<'a> {
    pub(super) name: &'a str,
    pub(super) kind: MetricType,
    pub(super) help: &'a str,
}

/// Labels with their values.
pub(super) type Labels<'a> = Vec<(&'static str, &'a str)>;

/// Changes of a kind, and what came of them.
pub(super) struct Changes {
    pub(super) name: &'static str,
    pub(super) what: &'static str,
}

impl Changes {
    pub(super) fn encode(
        &self,
        out: &mut DescriptorEncoder<'_>,
        rows: [(&'static str, Past); 2],
        is_well: bool,
    ) -> fmt::Result {
        let name = |end: &str| format!("{PREFIX}{}{end}", self.name);
        let rows = rows.map(|(outcome, past)| (vec![("outcome", outcome)], past));
        let family = Family { name: &name("s"), kind: MetricType::Counter, help: self.what };
        family.encode(out, rows.iter().map(|(labels, past)| (labels, past.count as f64)))?;
        let help = "When there was such a one last, in seconds since 1970.";
        let at = |past: Past| Some(past.last?.duration_since(UNIX_EPOCH).ok()?.as_secs_f64());
        let times = rows.iter().filter_map(|(labels, past)| Some((labels, at(*past)?)));
        gauge(&name("_time_seconds"), help).encode(out, times)?;
        let well = f64::from(u8::from(is_well));
        let help = "1 while the last one is worked by, or there was none; 0 after one that was refused, or failed.";
        gauge(&name("_well"), help).encode(out, std::iter::once((&Labels::new(), well)))
    }
}

/// What a family of times is called, and means.
pub(super) fn family_of_times(what: Timed) -> (&'static str, &'static str) {
    match what {
        Timed::Request => (
            "quintet_request_seconds",
            "Requests that are over, from their head to their end; of connections that are joined, until they are.",
        ),
        Timed::FirstByte => (
            "quintet_first_byte_seconds",
            "From a request on its way to the head of its response, of the server that answered.",
        ),
        Timed::Connect => ("quintet_connect_seconds", "Handshakes with servers that requests waited for."),
    }
}

/// What the family of a counter is called; those that only rise have `_total` behind it.
pub(super) fn family_of(counter: &Counter) -> String {
    format!("{PREFIX}{}", counter.name.replace('.', "_"))
}

pub(super) fn gauge<'a>(name: &'a str, help: &'a str) -> Family<'a> {
    Family { name, kind: MetricType::Gauge, help }
}

impl Family<'_> {
    /// Nothing at all where there are no rows.
    pub(super) fn encode<'r, 'l: 'r>(
        &self,
        out: &mut DescriptorEncoder<'_>,
        rows: impl Iterator<Item = (&'r Labels<'l>, f64)>,
    ) -> fmt::Result {
        let mut rows = rows.peekable();
        if rows.peek().is_none() {
            return Ok(());
        }
        let mut family = out.encode_descriptor(self.name, self.help, None, self.kind)?;
        for (labels, value) in rows {
            // A set of no labels would be written as `{}`.
            match labels.is_empty() {
                true => self.encode_value(&mut family, value)?,
                false => self.encode_value(&mut family.encode_family(&labels.as_slice())?, value)?,
            }
        }
        Ok(())
    }

    fn encode_value(&self, metric: &mut MetricEncoder<'_>, value: f64) -> fmt::Result {
        match self.kind {
            MetricType::Counter => metric.encode_counter::<NoLabelSet, _, f64>(&value, None),
            _ => metric.encode_gauge(&value),
        }
    }
}
