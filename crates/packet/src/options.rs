//! TCP options.

use crate::malformed::Malformed;

const END: u8 = 0;
const NOP: u8 = 1;
const MSS: u8 = 2;
const WINDOW_SCALE: u8 = 3;
const SACK_PERMITTED: u8 = 4;
const TIMESTAMPS: u8 = 8;

/// The timestamps option (RFC 7323, 3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timestamps {
    /// The sender's clock, TSval.
    pub value: u32,
    /// The peer's clock as last seen, TSecr.
    pub echo: u32,
}

/// The options we know.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Largest segment the sender takes, in bytes (RFC 9293, 3.7.1).
    pub mss: Option<u16>,
    /// Shift of the window field (RFC 7323, 2.2).
    pub window_scale: Option<u8>,
    /// Selective acknowledgements are understood (RFC 2018).
    pub sack_permitted: bool,
    /// Timestamps.
    pub timestamps: Option<Timestamps>,
}

impl Options {
    /// Reads the option bytes of a header. Unknown options are skipped.
    ///
    /// # Errors
    /// An option that reaches beyond the header.
    pub fn parse(mut bytes: &[u8]) -> Result<Self, Malformed> {
        let mut options = Self::default();
        loop {
            let (kind, len) = match *bytes {
                [] | [END, ..] => return Ok(options),
                [NOP, ..] => (NOP, 1),
                [kind, len, ..] if len >= 2 && usize::from(len) <= bytes.len() => (kind, usize::from(len)),
                _ => return Err(Malformed::Length("TCP option")),
            };
            options.take(kind, &bytes[..len]);
            bytes = &bytes[len..];
        }
    }

    fn take(&mut self, kind: u8, option: &[u8]) {
        match (kind, option) {
            (MSS, [_, _, high, low]) => self.mss = Some(u16::from_be_bytes([*high, *low])),
            (WINDOW_SCALE, [_, _, shift]) => self.window_scale = Some(*shift),
            (SACK_PERMITTED, [_, _]) => self.sack_permitted = true,
            (TIMESTAMPS, [_, _, v0, v1, v2, v3, e0, e1, e2, e3]) => {
                let value = u32::from_be_bytes([*v0, *v1, *v2, *v3]);
                let echo = u32::from_be_bytes([*e0, *e1, *e2, *e3]);
                self.timestamps = Some(Timestamps { value, echo });
            }
            _ => {}
        }
    }

    /// The option bytes, padded to a multiple of four.
    pub(crate) fn to_bytes(self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(40);
        if let Some(mss) = self.mss {
            bytes.extend_from_slice(&[MSS, 4]);
            bytes.extend_from_slice(&mss.to_be_bytes());
        }
        if self.sack_permitted {
            bytes.extend_from_slice(&[SACK_PERMITTED, 2]);
        }
        if let Some(Timestamps { value, echo }) = self.timestamps {
            bytes.extend_from_slice(&[TIMESTAMPS, 10]);
            bytes.extend_from_slice(&value.to_be_bytes());
            bytes.extend_from_slice(&echo.to_be_bytes());
        }
        if let Some(shift) = self.window_scale {
            bytes.extend_from_slice(&[WINDOW_SCALE, 3, shift]);
        }
        bytes.resize(bytes.len().next_multiple_of(4), NOP);
        bytes
    }
}
