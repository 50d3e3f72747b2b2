//! Writes heads into a buffer the caller owns: no allocation, no panic; too little room is an error.

use http::{BodyKind, FieldSink, Hop, RequestStart, TooLong};

/// Writes one head into a buffer, as HTTP/1.1: the version is always ours (RFC 9110 2.5), whatever the peer speaks.
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

    /// Writes all parts or none: one check of the room for the whole line.
    #[inline]
    fn put<const N: usize>(&mut self, parts: [&[u8]; N]) -> Result<(), TooLong> {
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

    /// `Connection` with its options, or nothing when there are none.
    fn put_connection(&mut self, options: [Option<&str>; 3]) -> Result<(), TooLong> {
        let mut before = "Connection: ";
        for option in options.into_iter().flatten() {
            self.put([before.as_bytes(), option.as_bytes()])?;
            before = ", ";
        }
        if before == ", " { self.put([b"\r\n"]) } else { Ok(()) }
    }
}

impl FieldSink for HeadWriter<'_> {
    /// `GET /path HTTP/1.1`, and Host. RFC 9110 7.2: first, as everybody expects it.
    #[inline]
    fn request(&mut self, start: &RequestStart<'_>) -> Result<(), TooLong> {
        let [before, rest] = start.path;
        self.put([start.method.as_bytes(), b" ", before.as_bytes(), rest.as_bytes(), b" HTTP/1.1\r\n"])?;
        self.field("Host", start.authority)
    }

    /// `HTTP/1.1 200 OK`
    #[inline]
    fn response(&mut self, status: u16, reason: &str) -> Result<(), TooLong> {
        debug_assert!((100..1000).contains(&status), "a status has three digits, {status} has not");
        let digit = |unit: u16| b'0' + (status / unit % 10) as u8;
        let line = [b'H', b'T', b'T', b'P', b'/', b'1', b'.', b'1', b' ', digit(100), digit(10), digit(1), b' '];
        self.put([&line, reason.as_bytes(), b"\r\n"])
    }

    /// `name: value`
    #[inline]
    fn field(&mut self, name: &str, value: &[u8]) -> Result<(), TooLong> {
        debug_assert!(http::is_token(name.as_bytes()) && http::is_field_value(value), "a field that is not clean");
        self.put([name.as_bytes(), b": ", value, b"\r\n"])
    }

    #[inline]
    fn list<'v>(
        &mut self,
        name: &str,
        received: impl Iterator<Item = &'v [u8]> + Clone,
        last: &[u8],
    ) -> Result<(), TooLong> {
        self.put([name.as_bytes(), b": "])?;
        for value in received {
            self.put([value, b", "])?;
        }
        self.put([last, b"\r\n"])
    }

    fn lines<'v>(&mut self, name: &str, lines: impl Iterator<Item = &'v [u8]>) -> Result<(), TooLong> {
        self.put([name.as_bytes(), b":"])?;
        for line in lines {
            self.put([b" ", line])?;
        }
        self.put([b"\r\n"])
    }

    fn pieces<'v>(&mut self, name: &str, value: impl Iterator<Item = &'v [u8]>) -> Result<(), TooLong> {
        self.put([name.as_bytes(), b": "])?;
        for piece in value {
            debug_assert!(http::is_field_value(piece), "a value that is not clean");
            self.put([piece])?;
        }
        self.put([b"\r\n"])
    }

    /// `Content-Length: 42` or `Transfer-Encoding: chunked`.
    fn framing(&mut self, body: BodyKind) -> Result<(), TooLong> {
        match body {
            BodyKind::Length(len) => self.field_u64("Content-Length", len),
            BodyKind::Chunked => self.put([b"Transfer-Encoding: chunked\r\n"]),
            BodyKind::Empty | BodyKind::UntilClose | BodyKind::Tunnel => Ok(()),
        }
    }

    #[inline]
    fn hop(&mut self, hop: &Hop<'_>) -> Result<(), TooLong> {
        if *hop == Hop::default() {
            return Ok(());
        }
        if let Some(protocols) = hop.upgrade {
            self.field("Upgrade", protocols)?;
        }
        if hop.takes_trailers {
            self.put([b"TE: trailers\r\n"])?;
        }
        self.put_connection([hop.persistence, hop.upgrade.map(|_| "upgrade"), hop.takes_trailers.then_some("TE")])
    }

    /// The empty line.
    fn end(&mut self) -> Result<usize, TooLong> {
        self.put([b"\r\n"])?;
        Ok(self.len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_written_or_refused_as_a_whole() {
        let write = |buf: &mut [u8]| {
            let mut writer = HeadWriter::new(buf);
            writer.response(204, "No Content")?;
            writer.field("Server", b"x")?;
            writer.field_u64("Age", u64::MAX)?;
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
