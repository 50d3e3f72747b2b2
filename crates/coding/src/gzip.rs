//! gzip (RFC 1952): a header, deflate, a check sum and the length.

use crate::{End, Exhausted, room_for};
use flate2::{Compress, Compression, Crc, FlushCompress, Status};

/// Where nothing is gained any more for pages and JSON, at twice the speed of the usual level.
const LEVEL: u32 = 4;
/// Deflate, no flags, no time, no hints, system unknown.
const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];

pub(crate) struct Gzip {
    deflate: Compress,
    sum: Crc,
    begun: bool,
}

impl Gzip {
    pub(crate) fn new() -> Self {
        Self { deflate: Compress::new(Compression::new(LEVEL), false), sum: Crc::new(), begun: false }
    }

    pub(crate) fn reset(&mut self) {
        self.deflate.reset();
        (self.sum, self.begun) = (Crc::new(), false);
    }

    pub(crate) fn run(&mut self, data: &[u8], end: End, out: &mut Vec<u8>) -> Result<(), Exhausted> {
        if !std::mem::replace(&mut self.begun, true) {
            out.extend_from_slice(&HEADER);
        }
        self.sum.update(data);
        let flush = if end == End::Finish { FlushCompress::Finish } else { FlushCompress::Sync };
        let (mut at, mut room) = (0, room_for(data.len()));
        loop {
            out.reserve(room);
            let before = self.deflate.total_in();
            let status = self.deflate.compress_vec(&data[at..], out, flush).map_err(|_| Exhausted)?;
            at += (self.deflate.total_in() - before) as usize;
            // Room that is left says that nothing waits any more.
            let is_out = at == data.len() && out.len() < out.capacity();
            if status == Status::StreamEnd || end == End::Flush && is_out {
                break;
            }
            room = 1024;
        }
        if end == End::Finish {
            out.extend_from_slice(&self.sum.sum().to_le_bytes());
            out.extend_from_slice(&self.sum.amount().to_le_bytes());
        }
        Ok(())
    }
}
