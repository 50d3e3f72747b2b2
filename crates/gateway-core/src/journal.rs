//! What the gateway saw, segment by segment.

use crate::drops::DropReason;
use crate::flow::Tuple;
use crate::settings::Side;
use core::time::Duration;
use packet::{Flags, Segment, Timestamps};

/// Records kept; later ones are only counted.
pub const RECORDS_MAX: usize = 1 << 17;

/// What became of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It was sent on its way.
    Carried,
    /// It was not.
    Dropped(DropReason),
}

/// One segment of a known flow, as it came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record {
    /// When.
    pub at: Duration,
    /// From which side.
    pub from: Side,
    /// Its flow.
    pub tuple: Tuple,
    /// What became of it.
    pub fate: Fate,
    /// Control bits.
    pub flags: Flags,
    /// Sequence number.
    pub seq: u32,
    /// Acknowledgement number.
    pub ack: u32,
    /// How far the sequence number moves on.
    pub seq_len: u32,
    /// Timestamps, where the segment has them.
    pub timestamps: Option<Timestamps>,
}

impl Record {
    pub(crate) fn new(at: Duration, from: Side, tuple: Tuple, fate: Fate, segment: &Segment<'_>) -> Self {
        Self {
            at,
            from,
            tuple,
            fate,
            flags: segment.flags,
            seq: segment.seq,
            ack: segment.ack,
            seq_len: segment.seq_len(),
            timestamps: segment.options.timestamps,
        }
    }
}

/// The records, oldest first.
#[derive(Clone, Debug, Default)]
pub struct Journal {
    records: Vec<Record>,
    /// Segments that found no room.
    pub left_out: u64,
}

impl Journal {
    /// The records, oldest first.
    pub fn records(&self) -> &[Record] {
        &self.records
    }

    pub(crate) fn push(&mut self, record: Record) {
        if self.records.len() < RECORDS_MAX {
            self.records.push(record);
        } else {
            self.left_out += 1;
        }
    }
}
