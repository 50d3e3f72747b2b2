//! zstd (RFC 8878), with a window that every browser takes and that costs little here.

use crate::{End, Exhausted, room_for};
use zstd::stream::raw::{CParameter, Encoder as Frame, InBuffer, Operation, OutBuffer};

const LEVEL: i32 = 3;
/// Bytes it looks back, as a power of two: 256 KiB.
const WINDOW_LOG: u32 = 18;

pub(crate) struct Zstd(Option<Frame<'static>>);

impl Zstd {
    pub(crate) fn new() -> Self {
        Self(fresh())
    }

    pub(crate) fn reset(&mut self) {
        if self.0.as_mut().is_none_or(|encoder| encoder.reinit().is_err()) {
            self.0 = fresh();
        }
    }

    pub(crate) fn run(&mut self, data: &[u8], end: End, out: &mut Vec<u8>) -> Result<(), Exhausted> {
        let encoder = self.0.as_mut().ok_or(Exhausted)?;
        let mut input = InBuffer::around(data);
        let mut room = room_for(data.len());
        while input.pos() < data.len() {
            step(out, room, |output| encoder.run(&mut input, output))?;
            room = 1024;
        }
        loop {
            let rest = step(out, room, |output| match end {
                End::Flush => encoder.flush(output),
                End::Finish => encoder.finish(output, true),
            })?;
            if rest == 0 {
                return Ok(());
            }
            room = rest;
        }
    }
}

fn fresh() -> Option<Frame<'static>> {
    let mut encoder = Frame::new(LEVEL).ok()?;
    encoder.set_parameter(CParameter::WindowLog(WINDOW_LOG)).ok()?;
    Some(encoder)
}

fn step(
    out: &mut Vec<u8>,
    room: usize,
    run: impl FnOnce(&mut OutBuffer<'_, Vec<u8>>) -> std::io::Result<usize>,
) -> Result<usize, Exhausted> {
    out.reserve(room);
    let from = out.len();
    run(&mut OutBuffer::around_pos(out, from)).map_err(|_| Exhausted)
}
