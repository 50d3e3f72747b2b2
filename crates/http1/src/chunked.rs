//! The chunked coding (RFC 9112 7.1): a state machine over single framing bytes and whole runs of data.
//!
//! ```text
//! Size -> (SizeSpace) -> (Extension) -> SizeLf -> Data -> DataCr -> DataLf -> Size ...
//!                                         | size 0
//!                                         v
//!         TrailerStart -> TrailerName -> TrailerValue -> TrailerLf -> TrailerStart ... -> EndLf -> Done
//! ```
//!
//! Extensions, and trailers that must not come after the body, are for nobody: they are read, and left out of what is
//! passed on. Nothing else changes, so passing on is leaving out.

use http::{Limits, is_token_byte, is_value_byte};

use crate::body::{Passed, Piece, take_up_to};
use crate::error::Error;
use crate::trailer::{NameMatch, Verdict};

/// Hexadecimal digits of the longest size: leading zeroes may stand before the greatest one.
const SIZE_DIGITS_MAX: u8 = 16;

/// Bytes of the longest size line without an extension.
const SIZE_LINE_BYTES_MAX: u32 = SIZE_DIGITS_MAX as u32 + 2;

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
    /// What becomes of the trailer at hand.
    trailer: Verdict,
    /// Trailers are passed on.
    trailers: bool,
    /// White space behind a size is let pass.
    lenient: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Size,
    SizeSpace,
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

/// What becomes of one byte of framing.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Kept,
    LeftOut,
    /// It is known later: the name of a trailer, as long as it may be a forbidden one.
    Held,
    /// It is kept, and so is what was held.
    Released,
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
            trailer: Verdict::Open,
            trailers: limits.trailers,
            lenient: limits.reading.is_lenient(),
        }
    }

    pub(crate) fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// One run of data with the framing before and behind it.
    pub(crate) fn decode(&mut self, bytes: &[u8]) -> Result<Piece, Error> {
        let start = self.take_framing(bytes, false).map_err(|(_, fault)| fault)?;
        let end = start + self.take_data(bytes.len() - start);
        // A fault behind the data is left for the next call: what came before it is good.
        let behind = self.take_framing(&bytes[end..], false).unwrap_or_else(|(good, _)| good);
        Ok(Piece { consumed: end + behind, data: start..end, done: self.is_done() })
    }

    /// Everything up to the end of the body, or to what is not passed on as it is.
    pub(crate) fn pass(&mut self, bytes: &[u8]) -> Result<Passed, Error> {
        let (mut len, mut content) = (0, 0);
        loop {
            len += self.take_framing(&bytes[len..], true).map_err(|(_, fault)| fault)?;
            let run = self.take_data(bytes.len() - len);
            (len, content) = (len + run, content + run);
            let done = self.is_done();
            if done || len == bytes.len() {
                return Ok(Passed { len, content, done, clean: true });
            }
            if self.leaves_out(bytes[len]) {
                return Ok(Passed { len, content, done, clean: false });
            }
        }
    }

    /// Everything up to the end of the body; hands what is passed on to `keep`, piece by piece.
    pub(crate) fn clean(&mut self, bytes: &[u8], keep: &mut dyn FnMut(&[u8])) -> Result<Passed, Error> {
        // A name that began in an earlier read, and where one began in this one.
        let (mut earlier, mut from) = (self.held_earlier(), 0);
        let (mut at, mut content) = (0, 0);
        while at < bytes.len() && !self.is_done() {
            let run = self.take_data(bytes.len() - at);
            if run > 0 {
                keep(&bytes[at..at + run]);
                (at, content) = (at + run, content + run);
                continue;
            }
            let (before, settled) = (self.state, self.trailer);
            self.state = self.step(bytes[at])?;
            if before == State::TrailerStart {
                (earlier, from) = (b"", at);
            }
            match self.fate(before, settled) {
                Fate::Kept => keep(&bytes[at..=at]),
                Fate::LeftOut | Fate::Held => {}
                Fate::Released => {
                    keep(earlier);
                    keep(&bytes[from..=at]);
                }
            }
            at += 1;
        }
        Ok(Passed { len: at, content, done: self.is_done(), clean: true })
    }

    /// What an earlier read has held back.
    fn held_earlier(&self) -> &'static [u8] {
        match (self.state, self.trailer) {
            (State::TrailerName, Verdict::Open) => self.trailer_name.seen(),
            _ => b"",
        }
    }

    /// What becomes of the byte that has led here from `before`, when the trailer at hand was judged so.
    fn fate(&self, before: State, settled: Verdict) -> Fate {
        let as_judged = |verdict| if verdict == Verdict::Dropped { Fate::LeftOut } else { Fate::Kept };
        match before {
            State::Size | State::SizeSpace | State::Extension => match self.state {
                State::SizeSpace | State::Extension => Fate::LeftOut,
                _ => Fate::Kept,
            },
            State::TrailerStart if self.state == State::EndLf => Fate::Kept,
            State::TrailerName if settled != Verdict::Open => as_judged(settled),
            State::TrailerStart | State::TrailerName => match self.trailer {
                Verdict::Open => Fate::Held,
                Verdict::Passed => Fate::Released,
                Verdict::Dropped => Fate::LeftOut,
            },
            State::TrailerValue | State::TrailerLf => as_judged(self.trailer),
            _ => Fate::Kept,
        }
    }

    /// Bytes of framing before the next data. On a fault: the good bytes before it, and the state as it was there.
    /// `passing` stops before what is not passed on.
    #[inline]
    fn take_framing(&mut self, bytes: &[u8], passing: bool) -> Result<usize, (usize, Error)> {
        let plain = self.take_plain(bytes);
        for (at, &byte) in bytes.iter().enumerate().skip(plain) {
            if matches!(self.state, State::Data | State::Done) || (passing && self.leaves_out(byte)) {
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

    /// The usual framing at once, if all of it is here: the end of a chunk, and the size of the next without an extension.
    #[inline]
    fn take_plain(&mut self, bytes: &[u8]) -> usize {
        let (start, line) = match (self.state, bytes) {
            (State::DataCr, [b'\r', b'\n', line @ ..]) => (2, line),
            (State::Size, line) if self.digits == 0 => (0, line),
            _ => return 0,
        };
        let (mut size, mut at) = (0_u64, 0);
        while let Some(digit) = line.get(at).and_then(|&byte| char::from(byte).to_digit(16)) {
            size = size << 4 | u64::from(digit);
            at += 1;
        }
        let whole = line.get(at..at + 2) == Some(b"\r\n");
        // Fifteen digits are neither too many nor too large.
        if !whole || at == 0 || at >= usize::from(SIZE_DIGITS_MAX) || self.line_max < SIZE_LINE_BYTES_MAX {
            return 0;
        }
        (self.left, self.digits) = (size, 0);
        self.state = self.after_size_line();
        start + at + 2
    }

    /// Bytes of data that come next for certain.
    pub(crate) fn data_ahead(&self) -> u64 {
        if self.state == State::Data { self.left } else { 0 }
    }

    pub(crate) fn take_data(&mut self, len: usize) -> usize {
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
            State::Size | State::SizeSpace | State::Extension | State::SizeLf => self.step_size_line(byte),
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
            (State::Size | State::SizeSpace | State::Extension, b'\r') => Ok(State::SizeLf),
            (State::Size | State::SizeSpace, b';') => Ok(State::Extension),
            (State::Size | State::SizeSpace, b' ' | b'\t') if self.lenient && self.digits > 0 => Ok(State::SizeSpace),
            (State::Size, _) => self.push_digit(byte),
            (State::SizeSpace, _) => Err(Error::ChunkSize),
            (State::Extension, _) if is_value_byte(byte) => Ok(State::Extension),
            (State::Extension, _) => Err(Error::ChunkExtension),
            (_, b'\n') => Ok(self.after_size_line()),
            _ => Err(Error::BareCr),
        }
    }

    /// No sign, no `0x`: hexadecimal digits only, below 2^63, so that no reader takes it for a negative number.
    fn push_digit(&mut self, byte: u8) -> Result<State, Error> {
        let digit = char::from(byte).to_digit(16).ok_or(Error::ChunkSize)?;
        if self.digits == SIZE_DIGITS_MAX {
            return Err(Error::ChunkSize);
        }
        if self.left >> 59 != 0 {
            return Err(Error::ChunkTooLarge);
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
                self.trailer_name = if self.trailers { NameMatch::START } else { NameMatch::UNWANTED };
                self.push_trailer_name(byte)
            }
            (State::TrailerName, b':') => {
                self.trailer = self.trailer_name.end();
                Ok(State::TrailerValue)
            }
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
        self.trailer = self.trailer_name.push(byte);
        Ok(State::TrailerName)
    }

    /// Is `byte` where something begins, or goes on, that is not passed on as it is?
    fn leaves_out(&self, byte: u8) -> bool {
        match self.state {
            State::Size => self.digits > 0 && (byte == b';' || (self.lenient && matches!(byte, b' ' | b'\t'))),
            State::SizeSpace | State::Extension | State::TrailerStart => byte != b'\r',
            State::TrailerName | State::TrailerValue | State::TrailerLf => true,
            _ => false,
        }
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
