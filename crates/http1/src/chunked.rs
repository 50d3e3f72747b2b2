//! The chunked coding (RFC 9112 7.1): a state machine over single framing bytes and whole runs of data.
//!
//! ```text
//! Size -> (Extension) -> SizeLf -> Data -> DataCr -> DataLf -> Size ...
//!                          | size 0
//!                          v
//!         TrailerStart -> TrailerName -> TrailerValue -> TrailerLf -> TrailerStart ... -> EndLf -> Done
//! ```

use http::{Limits, is_token_byte, is_value_byte};

use crate::body::{Piece, take_up_to};
use crate::error::Error;
use crate::trailer::NameMatch;

/// Hexadecimal digits of the greatest size.
const SIZE_DIGITS_MAX: u8 = 16;

#[derive(Clone, Debug)]
pub(crate) struct Chunked {
    /// Bytes left of the chunk at hand.
    left: u64,
    /// Bytes of the size line, or of all trailers, so far.
    used: u32,
    line_max: u32,
    trailers_max: u32,
    state: State,
    digits: u8,
    trailer_name: NameMatch,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Size,
    Extension,
    SizeLf,
    Data,
    DataCr,
    DataLf,
    TrailerStart,
    TrailerName,
    TrailerValue,
    TrailerLf,
    EndLf,
    Done,
}

impl Chunked {
    pub(crate) fn new(limits: &Limits) -> Self {
        let narrow = |limit: usize| u32::try_from(limit).unwrap_or(u32::MAX);
        Self {
            left: 0,
            used: 0,
            line_max: narrow(limits.chunk_line_bytes_max),
            trailers_max: narrow(limits.trailer_bytes_max),
            state: State::Size,
            digits: 0,
            trailer_name: NameMatch::START,
        }
    }

    pub(crate) fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// One run of data with the framing before and behind it.
    pub(crate) fn decode(&mut self, bytes: &[u8]) -> Result<Piece, Error> {
        let start = self.take_framing(bytes).map_err(|(_, fault)| fault)?;
        let end = start + self.take_data(bytes.len() - start);
        // A fault behind the data is left for the next call: what came before it is good.
        let behind = self.take_framing(&bytes[end..]).unwrap_or_else(|(good, _)| good);
        Ok(Piece { consumed: end + behind, data: start..end, done: self.is_done() })
    }

    /// Bytes of framing before the next data. On a fault: the good bytes before it, and the state as it was there.
    fn take_framing(&mut self, bytes: &[u8]) -> Result<usize, (usize, Error)> {
        for (at, &byte) in bytes.iter().enumerate() {
            if matches!(self.state, State::Data | State::Done) {
                return Ok(at);
            }
            let used = self.used;
            match self.step(byte) {
                Ok(state) => self.state = state,
                Err(fault) => {
                    self.used = used;
                    return Err((at, fault));
                }
            }
        }
        Ok(bytes.len())
    }

    fn take_data(&mut self, len: usize) -> usize {
        if self.state != State::Data {
            return 0;
        }
        let run = take_up_to(&mut self.left, len);
        if self.left == 0 {
            self.state = State::DataCr;
        }
        run
    }

    /// The state after one byte of framing.
    fn step(&mut self, byte: u8) -> Result<State, Error> {
        match self.state {
            State::Size | State::Extension | State::SizeLf => self.step_size_line(byte),
            State::DataCr => expect(byte, b'\r', State::DataLf, Error::ChunkEnd),
            State::DataLf => {
                (self.used, self.digits) = (0, 0);
                expect(byte, b'\n', State::Size, Error::ChunkEnd)
            }
            State::Data | State::Done => Ok(self.state),
            _ => self.step_trailers(byte),
        }
    }

    fn step_size_line(&mut self, byte: u8) -> Result<State, Error> {
        count(&mut self.used, self.line_max, Error::ChunkLineTooLong)?;
        match (self.state, byte) {
            (State::Size, b'\r' | b';') if self.digits == 0 => Err(Error::ChunkSize),
            (State::Size | State::Extension, b'\r') => Ok(State::SizeLf),
            (State::Size, b';') => Ok(State::Extension),
            (State::Size, _) => self.push_digit(byte),
            (State::Extension, _) if is_value_byte(byte) => Ok(State::Extension),
            (State::Extension, _) => Err(Error::ChunkExtension),
            (_, b'\n') => Ok(self.after_size_line()),
            _ => Err(Error::BareCr),
        }
    }

    /// No sign, no `0x`, no whitespace: hexadecimal digits only, so few that they cannot overflow.
    fn push_digit(&mut self, byte: u8) -> Result<State, Error> {
        let digit = char::from(byte).to_digit(16).ok_or(Error::ChunkSize)?;
        if self.digits == SIZE_DIGITS_MAX {
            return Err(Error::ChunkSize);
        }
        self.digits += 1;
        self.left = self.left << 4 | u64::from(digit);
        Ok(State::Size)
    }

    fn after_size_line(&mut self) -> State {
        self.used = 0;
        if self.left == 0 { State::TrailerStart } else { State::Data }
    }

    fn step_trailers(&mut self, byte: u8) -> Result<State, Error> {
        count(&mut self.used, self.trailers_max, Error::TrailersTooLong)?;
        match (self.state, byte) {
            (State::TrailerStart, b'\r') => Ok(State::EndLf),
            (State::TrailerStart, _) => {
                self.trailer_name = NameMatch::START;
                self.push_trailer_name(byte)
            }
            (State::TrailerName, b':') if self.trailer_name.is_forbidden() => Err(Error::TrailerForbidden),
            (State::TrailerName, b':') => Ok(State::TrailerValue),
            (State::TrailerName, _) => self.push_trailer_name(byte),
            (State::TrailerValue, b'\r') => Ok(State::TrailerLf),
            (State::TrailerValue, _) if is_value_byte(byte) => Ok(State::TrailerValue),
            (State::TrailerLf, b'\n') => Ok(State::TrailerStart),
            (State::EndLf, b'\n') => Ok(State::Done),
            _ => Err(Error::Trailer),
        }
    }

    fn push_trailer_name(&mut self, byte: u8) -> Result<State, Error> {
        if !is_token_byte(byte) {
            return Err(Error::Trailer);
        }
        self.trailer_name.push(byte);
        Ok(State::TrailerName)
    }
}

/// The line that opens a chunk: its size in hexadecimal and CRLF. A chunk of 0 is the last one; then an empty line
/// ends the body.
#[derive(Clone, Copy, Debug)]
pub struct ChunkLine {
    bytes: [u8; 18],
    start: usize,
}

impl ChunkLine {
    /// The line for a chunk of `size` bytes.
    pub fn new(size: u64) -> Self {
        let mut line = Self { bytes: *b"0000000000000000\r\n", start: 16 };
        let mut rest = size;
        while line.start == 16 || rest > 0 {
            line.start -= 1;
            line.bytes[line.start] = b"0123456789abcdef"[(rest & 15) as usize];
            rest >>= 4;
        }
        line
    }

    /// The bytes to send.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[self.start..]
    }
}

fn expect(byte: u8, wanted: u8, next: State, error: Error) -> Result<State, Error> {
    if byte == wanted { Ok(next) } else { Err(error) }
}

fn count(used: &mut u32, max: u32, error: Error) -> Result<(), Error> {
    if *used >= max {
        return Err(error);
    }
    *used += 1;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunk_lines() {
        for (size, expect) in
            [(0, "0\r\n"), (1, "1\r\n"), (16, "10\r\n"), (0xbeef, "beef\r\n"), (u64::MAX, "ffffffffffffffff\r\n")]
        {
            assert_eq!(ChunkLine::new(size).as_bytes(), expect.as_bytes(), "{size}");
        }
    }
}
