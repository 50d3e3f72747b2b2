//! Writes heads into a buffer the caller owns: no allocation, no panic; too little room is an error.

use crate::body::BodyKind;
use crate::error::TooLong;

/// Writes one head into a buffer: the start line, fields, [`HeadWriter::end`].
///
/// Names and values must be clean ([`crate::is_token`], [`crate::is_field_value`]); what has been parsed always is.
#[derive(Debug)]
pub struct HeadWriter<'a> {
    buf: &'a mut [u8],
    len: usize,
}

impl<'a> HeadWriter<'a> {
    /// Starts at the start of `buf`.
    pub fn new(buf: &'a mut [u8]) -> Self {
        Self { buf, len: 0 }
    }

    /// `GET /path HTTP/1.1`
    #[inline]
    pub fn request_line(&mut self, method: &str, target: &str) -> Result<(), TooLong> {
        self.put([method.as_bytes(), b" ", target.as_bytes(), b" HTTP/1.1\r\n"])
    }

    /// `HTTP/1.1 200 OK`. The version is always ours (RFC 9110 2.5), whatever the client speaks.
    #[inline]
    pub fn status_line(&mut self, status: u16, reason: &str) -> Result<(), TooLong> {
        debug_assert!((100..1000).contains(&status), "a status has three digits, {status} has not");
        let digit = |unit: u16| b'0' + (status / unit % 10) as u8;
        let line = [b'H', b'T', b'T', b'P', b'/', b'1', b'.', b'1', b' ', digit(100), digit(10), digit(1), b' '];
        self.put([&line, reason.as_bytes(), b"\r\n"])
    }

    /// `name: value`
    #[inline]
    pub fn header(&mut self, name: &str, value: &[u8]) -> Result<(), TooLong> {
        debug_assert!(crate::is_token(name.as_bytes()) && crate::is_field_value(value), "a field that is not clean");
        self.put([name.as_bytes(), b": ", value, b"\r\n"])
    }

    /// `name: 42`
    pub fn header_u64(&mut self, name: &str, value: u64) -> Result<(), TooLong> {
        let mut digits = [0; 20];
        self.header(name, decimal(value, &mut digits))
    }

    /// The one field that frames this body, if it needs one.
    pub fn framing(&mut self, body: BodyKind) -> Result<(), TooLong> {
        match body {
            BodyKind::Length(len) => self.header_u64("Content-Length", len),
            BodyKind::Chunked => self.put([b"Transfer-Encoding: chunked\r\n"]),
            BodyKind::Empty | BodyKind::UntilClose | BodyKind::Tunnel => Ok(()),
        }
    }

    /// The empty line. Returns the bytes of the whole head.
    pub fn end(&mut self) -> Result<usize, TooLong> {
        self.put([b"\r\n"])?;
        Ok(self.len)
    }

    /// Bytes written so far.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether nothing has been written yet.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Writes all parts or none: one check of the room for the whole line.
    #[inline]
    pub(crate) fn put<const N: usize>(&mut self, parts: [&[u8]; N]) -> Result<(), TooLong> {
        let total: usize = parts.iter().map(|part| part.len()).sum();
        let mut room = self.buf.get_mut(self.len..).filter(|room| room.len() >= total).ok_or(TooLong)?;
        for part in parts {
            let (here, rest) = room.split_at_mut(part.len());
            here.copy_from_slice(part);
            room = rest;
        }
        self.len += total;
        Ok(())
    }
}

/// `value` in decimal, at the end of `digits`.
fn decimal(value: u64, digits: &mut [u8; 20]) -> &[u8] {
    let (mut at, mut rest) = (digits.len(), value);
    while at == digits.len() || rest > 0 {
        at -= 1;
        digits[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    &digits[at..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_written_or_refused_as_a_whole() {
        let write = |buf: &mut [u8]| {
            let mut writer = HeadWriter::new(buf);
            writer.status_line(204, "No Content")?;
            writer.header("Server", b"x")?;
            writer.header_u64("Age", u64::MAX)?;
            writer.end()
        };
        let expect = b"HTTP/1.1 204 No Content\r\nServer: x\r\nAge: 18446744073709551615\r\n\r\n";
        let mut buf = [0; 128];
        assert_eq!(write(&mut buf), Ok(expect.len()));
        assert_eq!(&buf[..expect.len()], expect);
        for room in 0..expect.len() {
            assert_eq!(write(&mut buf[..room]), Err(TooLong), "in {room} bytes");
        }
    }
}
