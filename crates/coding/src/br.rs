//! br (RFC 7932), at a level that is as quick as gzip's.

use crate::{End, Exhausted, room_for};
use brotli::enc::StandardAlloc;
use brotli::enc::encode::{BrotliEncoderOperation, BrotliEncoderParameter, BrotliEncoderStateStruct};

const LEVEL: u32 = 4;
/// Bytes it looks back, as a power of two: 256 KiB.
const WINDOW_LOG: u32 = 18;
/// Bytes that are handed out at once.
const STEP: usize = 4096;

pub(crate) struct Brotli(Box<BrotliEncoderStateStruct<StandardAlloc>>);

impl Brotli {
    pub(crate) fn new() -> Self {
        let mut state = BrotliEncoderStateStruct::new(StandardAlloc::default());
        state.set_parameter(BrotliEncoderParameter::BROTLI_PARAM_QUALITY, LEVEL);
        state.set_parameter(BrotliEncoderParameter::BROTLI_PARAM_LGWIN, WINDOW_LOG);
        Self(Box::new(state))
    }

    /// There is no other way to begin anew.
    pub(crate) fn reset(&mut self) {
        *self = Self::new();
    }

    pub(crate) fn run(&mut self, data: &[u8], end: End, out: &mut Vec<u8>) -> Result<(), Exhausted> {
        let operation = match end {
            End::Flush => BrotliEncoderOperation::BROTLI_OPERATION_FLUSH,
            End::Finish => BrotliEncoderOperation::BROTLI_OPERATION_FINISH,
        };
        out.reserve(room_for(data.len()));
        let (mut left, mut at, mut step) = (data.len(), 0, [0; STEP]);
        loop {
            let (mut room, mut len) = (STEP, 0);
            let went_on = self.0.compress_stream(
                operation,
                &mut left,
                data,
                &mut at,
                &mut room,
                &mut step,
                &mut len,
                &mut None,
                &mut |_, _, _, _| (),
            );
            out.extend_from_slice(&step[..len]);
            if !went_on {
                return Err(Exhausted);
            }
            let is_over = end == End::Flush || self.0.is_finished();
            if left == 0 && !self.0.has_more_output() && is_over {
                return Ok(());
            }
        }
    }
}
