//! The names of a running scenario: what was last seen on each flow, and what `let` kept.

use super::types::{FlowKey, PeerSegment, Value};
use crate::segment::{Segment, Timestamp};
use std::collections::BTreeMap;

/// A value by a name that nothing has set.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} is not set yet; a step before must have seen it or kept it by `let`")]
pub struct Unset(Value);

/// What was last seen of one side of a flow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct FlowValues {
    /// Sequence number of its last SYN.
    pub isn: u32,
    /// Sequence number behind its last SYN, data or FIN.
    pub(crate) nxt: u32,
    /// Its last TSval.
    pub ts: u32,
}

impl FlowValues {
    fn saw(&mut self, segment: &Segment) {
        if segment.flags.rst {
            return;
        }
        if segment.flags.syn {
            self.isn = segment.seq;
        }
        if segment.end_seq() != segment.seq {
            self.nxt = segment.end_seq();
        }
        if let Some(timestamp) = segment.timestamp {
            self.ts = timestamp.val;
        }
    }

    fn named(&self, field: &str) -> Option<u32> {
        match field {
            "isn" => Some(self.isn),
            "nxt" => Some(self.nxt),
            "ts" => Some(self.ts),
            _ => None,
        }
    }
}

/// Every name of a running scenario. A runner tells it what passed and asks it for numbers.
#[derive(Clone, Debug, Default)]
pub struct Names {
    flows: BTreeMap<FlowKey, [FlowValues; 2]>,
    kept: BTreeMap<String, u32>,
}

impl Names {
    /// The host sent `segment`.
    pub fn host_sent(&mut self, flow: FlowKey, segment: &Segment) {
        self.flows.entry(flow).or_default()[0].saw(segment);
    }

    /// The peer sent `segment`.
    pub fn peer_sent(&mut self, flow: FlowKey, segment: &Segment) {
        self.flows.entry(flow).or_default()[1].saw(segment);
    }

    /// Keeps a number under a name.
    pub fn keep(&mut self, name: &str, value: u32) {
        self.kept.insert(name.to_owned(), value);
    }

    /// The number that `value` stands for on `flow`; `None` for a name that nothing has set.
    pub fn value(&self, flow: FlowKey, value: &Value) -> Option<u32> {
        match value {
            Value::Number(number) => Some(*number),
            Value::Named(name, offset) => self.named(flow, name).map(|base| base.wrapping_add(*offset as u32)),
        }
    }

    fn named(&self, flow: FlowKey, name: &str) -> Option<u32> {
        let [host, peer] = self.flows.get(&flow).copied().unwrap_or_default();
        match name.split_once('.') {
            Some(("host", field)) => host.named(field),
            Some(("peer", field)) => peer.named(field),
            _ => self.kept.get(name).copied(),
        }
    }

    /// The segment that a step asks the peer to send.
    ///
    /// # Errors
    /// It names a value that nothing has set.
    pub fn build(&self, spec: &PeerSegment) -> Result<Segment, Unset> {
        let number = |value: &Value| self.value(spec.flow, value).ok_or_else(|| Unset(value.clone()));
        let timestamp = match &spec.timestamp {
            Some((val, ecr)) => Some(Timestamp { val: number(val)?, ecr: number(ecr)? }),
            None => None,
        };
        let ack = if spec.flags.ack { number(&spec.ack)? } else { 0 };
        Ok(Segment { flags: spec.flags, seq: number(&spec.seq)?, ack, len: spec.len, timestamp })
    }
}
