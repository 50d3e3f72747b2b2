//! The beginning of a TLS connection, read just far enough to learn which name its client asks for. It is read where it
//! lies, nothing is taken away: whoever the connection goes to sees all of it.
//!
//! ```text
//!   record   22 | 3 x | length | ..........        one handshake message in one record or several (RFC 8446 section 5.1)
//!   message  1 | length | version random session ciphers compression | extensions
//!   extension   0 | length | list | 0 | length | name          (RFC 6066 section 3)
//! ```
//!
//! What stands behind the name is not looked at, so that a hello of several segments need not be waited for.

use named::named;

/// Bytes that are looked at for a name. Hellos with keys against quantum computers are of about 2 KiB.
pub const HELLO_BYTES_MAX: usize = 16 * 1024;
/// Bytes of a name (RFC 1035 section 2.3.4).
const NAME_BYTES_MAX: usize = 255;
/// Bytes of a record, without its head (RFC 8446 section 5.1).
const RECORD_BYTES_MAX: usize = 1 << 14;
const RECORD_HEAD: usize = 5;
const HANDSHAKE: u8 = 22;
const MAJOR_VERSION: u8 = 3;
const CLIENT_HELLO: u8 = 1;
const SERVER_NAME: u16 = 0;
const HOST_NAME: u8 = 0;

named! {
    /// Why a connection goes by no route of a listener that goes by names.
    pub enum Unmatched {
        /// It does not begin with a ClientHello.
        NotTls = "not_tls",
        /// Its client asks for no name, or for none that is one.
        NoName = "no_name",
        /// No route is for the name that it asks for.
        UnknownName = "unknown_name",
        /// No name within [`HELLO_BYTES_MAX`].
        TooLong = "too_long",
        /// Nothing was said within the time for a head.
        Silent = "silent",
    }
}

/// The name a client asks for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct AskedName {
    bytes: [u8; NAME_BYTES_MAX],
    len: u8,
}

impl AskedName {
    /// As it was sent: in any case, perhaps with a dot at its end.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }

    /// Letters, digits and what stands between them: an address or a port is none.
    fn is_name(&self) -> bool {
        self.as_bytes().iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
    }
}

impl std::fmt::Debug for AskedName {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{:?}", String::from_utf8_lossy(self.as_bytes()))
    }
}

/// Looks for the name in what a client has said so far. `None`: it is not there yet, and may still come.
///
/// # Errors
/// There is none, whatever may follow.
pub fn asked_name(said: &[u8]) -> Result<Option<AskedName>, Unmatched> {
    match (Hello { rest: said, in_record: 0, left: usize::MAX }).name() {
        Ok(name) => Ok(Some(name)),
        Err(Stop::More) if said.len() >= HELLO_BYTES_MAX => Err(Unmatched::TooLong),
        Err(Stop::More) => Ok(None),
        Err(Stop::Never(why)) => Err(why),
    }
}

/// Why reading stops before there is a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stop {
    More,
    Never(Unmatched),
}

const BROKEN: Stop = Stop::Never(Unmatched::NotTls);
const NAMELESS: Stop = Stop::Never(Unmatched::NoName);

/// A message, read through the records it is cut into.
struct Hello<'b> {
    rest: &'b [u8],
    /// Bytes of this record that were not read yet.
    in_record: usize,
    /// Bytes of the message, or of the part of it that is being read.
    left: usize,
}

impl Hello<'_> {
    fn name(&mut self) -> Result<AskedName, Stop> {
        if self.byte()? != CLIENT_HELLO {
            return Err(BROKEN);
        }
        let len = usize::from(self.byte()?) << 16 | self.number()?;
        if len > HELLO_BYTES_MAX {
            return Err(Stop::Never(Unmatched::TooLong));
        }
        self.left = len;
        if self.number()? >> 8 != usize::from(MAJOR_VERSION) {
            return Err(BROKEN);
        }
        self.skip(32)?; // random
        let session = self.byte()?;
        self.skip(usize::from(session))?;
        let ciphers = self.number()?;
        self.skip(ciphers)?;
        let compressions = self.byte()?;
        self.skip(usize::from(compressions))?;
        if self.left == 0 {
            return Err(NAMELESS); // as clients of TLS 1.0 may
        }
        match self.number()? == self.left {
            true => self.name_in_extensions(),
            false => Err(BROKEN),
        }
    }

    fn name_in_extensions(&mut self) -> Result<AskedName, Stop> {
        while self.left > 0 {
            let (kind, len) = (self.number()?, self.number()?);
            if kind == usize::from(SERVER_NAME) {
                return self.name_in_list(len);
            }
            self.skip(len)?;
        }
        Err(NAMELESS)
    }

    /// A list of names, of which only hosts are known, and one at most.
    fn name_in_list(&mut self, len: usize) -> Result<AskedName, Stop> {
        let known = len.checked_sub(2).filter(|_| len <= self.left).ok_or(BROKEN)?;
        if self.number()? != known {
            return Err(BROKEN);
        }
        self.left = known;
        while self.left > 0 {
            let (kind, len) = (self.byte()?, self.number()?);
            if kind == HOST_NAME {
                return self.take_name(len);
            }
            self.skip(len)?;
        }
        Err(NAMELESS)
    }

    fn take_name(&mut self, len: usize) -> Result<AskedName, Stop> {
        let mut name = AskedName { bytes: [0; NAME_BYTES_MAX], len: 0 };
        if len == 0 || len > NAME_BYTES_MAX.min(self.left) {
            return Err(BROKEN);
        }
        for at in 0..len {
            name.bytes[at] = self.byte()?;
        }
        name.len = len as u8;
        if name.is_name() { Ok(name) } else { Err(NAMELESS) }
    }

    fn byte(&mut self) -> Result<u8, Stop> {
        self.left = self.left.checked_sub(1).ok_or(BROKEN)?;
        self.open_record()?;
        let (first, rest) = self.rest.split_first().ok_or(Stop::More)?;
        (self.rest, self.in_record) = (rest, self.in_record - 1);
        Ok(*first)
    }

    /// Of two bytes.
    fn number(&mut self) -> Result<usize, Stop> {
        Ok(usize::from(self.byte()?) << 8 | usize::from(self.byte()?))
    }

    fn skip(&mut self, mut len: usize) -> Result<(), Stop> {
        self.left = self.left.checked_sub(len).ok_or(BROKEN)?;
        while len > 0 {
            self.open_record()?;
            let step = len.min(self.in_record).min(self.rest.len());
            if step == 0 {
                return Err(Stop::More);
            }
            (self.rest, self.in_record, len) = (&self.rest[step..], self.in_record - step, len - step);
        }
        Ok(())
    }

    /// Where a record has ended the next one begins. What is there of its head must be right.
    fn open_record(&mut self) -> Result<(), Stop> {
        if self.in_record > 0 {
            return Ok(());
        }
        let fits = self.rest.iter().zip([HANDSHAKE, MAJOR_VERSION]).all(|(byte, known)| *byte == known);
        if !fits {
            return Err(BROKEN);
        }
        let Some((head, rest)) = self.rest.split_at_checked(RECORD_HEAD) else { return Err(Stop::More) };
        let len = usize::from(head[3]) << 8 | usize::from(head[4]);
        if len == 0 || len > RECORD_BYTES_MAX {
            return Err(BROKEN);
        }
        (self.rest, self.in_record) = (rest, len);
        Ok(())
    }
}
