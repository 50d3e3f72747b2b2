//! One pass over the fields of a head: everything framing, persistence and routing need to know.

use http::{BodyKind, CONNECTION_OPTIONS_MAX, Header, Name, Version, list};

use crate::dialect::{Dialect, Dialects};
use crate::error::Error;

/// Members of `Connection` in one head, empty ones included: a reasonable number of these is to be ignored (RFC 9110
/// 5.6.1.2), and any more is there to cost us time.
const CONNECTION_MEMBERS_MAX: usize = 64;

/// What the fields of one head say.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Fields<'b> {
    pub(crate) host: Option<&'b [u8]>,
    pub(crate) content_length: Option<u64>,
    pub(crate) upgrade: Option<&'b [u8]>,
    /// Options of `Connection` that name other fields.
    pub(crate) options: usize,
    pub(crate) chunked: bool,
    pub(crate) close: bool,
    pub(crate) keep_alive: bool,
    pub(crate) expect_continue: bool,
    /// The peer takes trailers (`TE: trailers`).
    pub(crate) trailers: bool,
    /// The way of the message so far was recorded (`Via`).
    pub(crate) via: bool,
    /// It says when it was made (`Date`).
    pub(crate) dated: bool,
    /// What a lenient reader has let pass.
    pub(crate) dialects: Dialects,
    option_upgrade: bool,
    upgrade_h2c: bool,
    lenient: bool,
    /// Members of `Connection`, empty ones included.
    members: usize,
    transfer_codings: usize,
}

impl<'b> Fields<'b> {
    /// Reads `headers`; refuses what is malformed or repeated in the fields that frame or route.
    #[inline]
    pub(crate) fn read(headers: &[Header<'b>]) -> Result<Self, Error> {
        let mut fields = Self::default();
        for header in headers {
            match Name::of(header.name) {
                Name::Other => {}
                name => fields.take(name, header.value)?,
            }
        }
        fields.settle_transfer_encoding()
    }

    /// The same for a response of an older dialect: what can be understood in one way only is let pass, and noted.
    #[cold]
    pub(crate) fn read_leniently(headers: &[Header<'b>], version: Version) -> Result<Self, Error> {
        let mut fields = Self { lenient: true, ..Self::default() };
        for header in headers {
            fields.take(Name::of(header.name), header.value)?;
        }
        let mut fields = fields.settle_transfer_encoding()?;
        if fields.transfer_codings > 0 {
            // RFC 9112 6.1: the coding counts, and whoever sent both may not be able to tell where its messages end.
            fields.dialects.note_if(fields.content_length.take().is_some(), Dialect::LengthBesideCoding);
            fields.dialects.note_if(version == Version::Http10, Dialect::ChunkedInHttp10);
        }
        let doubtful = [Dialect::LengthBesideCoding, Dialect::ChunkedInHttp10, Dialect::Identity];
        fields.close |= doubtful.into_iter().any(|dialect| fields.dialects.has(dialect));
        Ok(fields)
    }

    fn take(&mut self, name: Name, value: &'b [u8]) -> Result<(), Error> {
        match name {
            Name::Host if self.host.is_some() => return Err(Error::HostRepeated),
            Name::Host => self.host = Some(value),
            Name::ContentLength if self.lenient => self.take_length_leniently(value)?,
            Name::ContentLength if self.content_length.is_some() => return Err(Error::ContentLengthRepeated),
            Name::ContentLength => self.content_length = Some(content_length(value)?),
            Name::TransferEncoding => self.take_transfer_encoding(value)?,
            Name::Connection => self.take_connection(value)?,
            Name::Upgrade => self.take_upgrade(value),
            Name::Expect => self.expect_continue |= value.eq_ignore_ascii_case(b"100-continue"),
            Name::Via => self.via = true,
            Name::Date => self.dated = true,
            Name::Te => self.trailers |= list(value).any(|member| member.eq_ignore_ascii_case(b"trailers")),
            _ => {}
        }
        Ok(())
    }

    /// RFC 9112 6.3, item 5: a length that was repeated in one list or several fields counts as one.
    fn take_length_leniently(&mut self, value: &[u8]) -> Result<(), Error> {
        for member in value.split(|&byte| byte == b',') {
            let length = content_length(member.trim_ascii())?;
            match self.content_length.replace(length) {
                Some(before) if before == length => self.dialects.note(Dialect::EqualLengths),
                Some(_) => return Err(Error::ContentLengthRepeated),
                None => {}
            }
        }
        Ok(())
    }

    /// `chunked` may stand once and last (RFC 9112 6.1). Whether it is the only one is settled at the end.
    fn take_transfer_encoding(&mut self, value: &[u8]) -> Result<(), Error> {
        let mut members = 0;
        for member in value.split(|&byte| byte == b',') {
            let member = member.trim_ascii();
            if self.chunked || member.is_empty() {
                return Err(Error::TransferEncodingInvalid);
            }
            if self.lenient && member.eq_ignore_ascii_case(b"identity") {
                self.dialects.note(Dialect::Identity);
                continue;
            }
            self.chunked = member.eq_ignore_ascii_case(b"chunked");
            members += 1;
        }
        self.transfer_codings += members;
        Ok(())
    }

    fn settle_transfer_encoding(self) -> Result<Self, Error> {
        match (self.transfer_codings, self.chunked) {
            (0, _) | (1, true) => Ok(self),
            (_, true) => Err(Error::TransferEncodingUnsupported),
            (_, false) => Err(Error::TransferEncodingInvalid),
        }
    }

    fn take_connection(&mut self, value: &[u8]) -> Result<(), Error> {
        for option in value.split(|&byte| byte == b',').map(<[u8]>::trim_ascii) {
            self.members += 1;
            if self.members > CONNECTION_MEMBERS_MAX {
                return Err(Error::TooManyConnectionOptions);
            }
            let is = |known: &str| option.eq_ignore_ascii_case(known.as_bytes());
            match option.len() {
                5 if is("close") => self.close = true,
                10 if is("keep-alive") => self.keep_alive = true,
                7 if is("upgrade") => self.option_upgrade = true,
                2 if is("te") => {}
                0 => {}
                _ => self.options += 1,
            }
        }
        if self.options > CONNECTION_OPTIONS_MAX { Err(Error::TooManyConnectionOptions) } else { Ok(()) }
    }

    fn take_upgrade(&mut self, value: &'b [u8]) {
        self.upgrade_h2c |= list(value).any(is_http2);
        self.upgrade = self.upgrade.or(Some(value));
    }

    /// Whether the connection outlives the message, as far as the head says (RFC 9112 9.3).
    pub(crate) fn persists(&self, version: Version) -> bool {
        match version {
            Version::Http11 => !self.close,
            Version::Http10 => self.keep_alive && !self.close,
        }
    }

    /// The protocols asked for or switched to (RFC 9110 7.8). `h2c` is never taken up: RFC 9113 3.1 has retired it,
    /// and behind a proxy it is a tunnel past every rule.
    pub(crate) fn upgrade_in(&self, version: Version) -> Option<&'b [u8]> {
        let counts = version == Version::Http11 && self.option_upgrade && !self.upgrade_h2c;
        self.upgrade.filter(|value| counts && !value.is_empty())
    }

    /// The framing the fields declare, if any (RFC 9112 6.3, items 3 to 6).
    pub(crate) fn framing(&self, version: Version) -> Result<Option<BodyKind>, Error> {
        match (self.transfer_codings, self.content_length) {
            (0, length) => Ok(length.map(BodyKind::Length)),
            (_, Some(_)) => Err(Error::LengthAndTransferEncoding),
            (_, None) if version == Version::Http10 && !self.lenient => Err(Error::TransferEncodingInHttp10),
            (_, None) => Ok(Some(BodyKind::Chunked)),
        }
    }
}

/// A protocol that is HTTP/2 or later, by whatever name: `h2c`, `h2c-14`, `H2`, `HTTP/2.0`.
fn is_http2(protocol: &[u8]) -> bool {
    let begins = |name: &[u8]| protocol.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name));
    begins(b"h2") || begins(b"h3") || (begins(b"http") && !begins(b"http/1."))
}

/// Digits only: no sign, no list, no whitespace, below 2^63, so that no reader takes it for a negative number.
fn content_length(value: &[u8]) -> Result<u64, Error> {
    if value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
        return Err(Error::ContentLengthInvalid);
    }
    let number =
        value.iter().try_fold(0_i64, |number, byte| number.checked_mul(10)?.checked_add(i64::from(byte - b'0')));
    number.map(i64::unsigned_abs).ok_or(Error::ContentLengthTooLarge)
}
