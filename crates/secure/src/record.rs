//! TLS records as bytes: one direction's keys, sealing and opening (RFC 8446 section 5, RFC 5246 section 6.2, RFC 5288,
//! RFC 7905).
//!
//! ```text
//! TLS 1.3:           [ header 5 |                    payload | type 1 | tag 16 ]
//! 1.2 AES-GCM:       [ header 5 | explicit nonce 8 | payload | tag 16 ]
//! 1.2 ChaCha20:      [ header 5 |                    payload | tag 16 ]
//! ```
//! Sealed straight from where the application's bytes lie into a buffer of ours, opened where they were received.

use aws_lc_rs::aead::{AES_128_GCM, AES_256_GCM, Aad, Algorithm, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use reactor::Buf;
use rustls::{ConnectionTrafficSecrets, ProtocolVersion};
use std::ops::Range;

/// Bytes of a record's header.
pub(crate) const HEADER_BYTES: usize = 5;
/// Payload of one record.
pub(crate) const PAYLOAD_BYTES_MAX: usize = 1 << 14;
/// A sealed record behind its header, padding included (RFC 8446 section 5.2). The suites of TLS 1.2 we speak add less.
pub(crate) const SEALED_BYTES_MAX: usize = PAYLOAD_BYTES_MAX + 256;
const TAG_BYTES: usize = 16;
const NONCE_BYTES: usize = 12;
/// The part of the nonce that AES-GCM in TLS 1.2 sends along.
const EXPLICIT_BYTES: usize = 8;
/// What one of our own records adds to its payload at most.
pub(crate) const OVERHEAD_BYTES_MAX: usize = HEADER_BYTES + EXPLICIT_BYTES + TAG_BYTES;
/// Records under one key of AES-GCM from which on a new one is due: a third of what RFC 8446 section 5.5 allows.
pub(crate) const RECORDS_PER_KEY: u64 = 1 << 23;
/// Records under a key that no other can follow (TLS 1.2). RFC 9325 section 4.4 asks for the same bound there.
pub(crate) const RECORDS_PER_KEY_MAX: u64 = 1 << 24;

/// What a record carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    ChangeCipherSpec = 20,
    Alert = 21,
    Handshake = 22,
    Data = 23,
}

impl Kind {
    fn of(byte: u8) -> Option<Self> {
        [Self::ChangeCipherSpec, Self::Alert, Self::Handshake, Self::Data].into_iter().find(|kind| *kind as u8 == byte)
    }
}

/// What is wrong with what the peer has sent: nothing behind it can be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Damage {
    /// No TLS record.
    Header,
    /// A record longer than one may be.
    Overflow,
    /// A record that was not sealed by the peer.
    Mac,
    /// A message that has no place here.
    Unexpected,
    /// A message that cannot be read.
    Decode,
    /// Many records in a row that say nothing.
    Idle,
    /// The peer gives up by this alert.
    Alert(u8),
}

impl Damage {
    /// How the peer is told (RFC 8446 section 6.2); one that has given up itself is told nothing.
    pub(crate) fn alert(self) -> Option<u8> {
        match self {
            Self::Header | Self::Unexpected | Self::Idle => Some(10),
            Self::Overflow => Some(22),
            Self::Mac => Some(20),
            Self::Decode => Some(50),
            Self::Alert(_) => None,
        }
    }
}

/// The clear part of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) kind: Kind,
    pub(crate) body_len: usize,
}

impl Header {
    /// The header at the start of `bytes`; `None` while it is not all there.
    pub(crate) fn parse(bytes: &[u8], body_bytes_max: usize) -> Result<Option<Self>, Damage> {
        let Some(&[kind, major, _minor, high, low]) = bytes.first_chunk::<HEADER_BYTES>() else {
            // What cannot become a header any more is refused before it is whole.
            let wrong = bytes.first().is_some_and(|kind| Kind::of(*kind).is_none());
            return if wrong || bytes.get(1).is_some_and(|major| *major != 3) { Err(Damage::Header) } else { Ok(None) };
        };
        let kind = Kind::of(kind).filter(|_| major == 3).ok_or(Damage::Header)?;
        let body_len = usize::from(u16::from_be_bytes([high, low]));
        if body_len > body_bytes_max {
            return Err(Damage::Overflow);
        }
        Ok(Some(Self { kind, body_len }))
    }

    /// Length with the header.
    pub(crate) fn record_len(&self) -> usize {
        HEADER_BYTES + self.body_len
    }
}

/// A record that was opened, as it lies in its buffer: its header, which nobody needs any more, says where its payload is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Opened {
    /// Bytes before the payload.
    pub(crate) before: usize,
    pub(crate) payload: usize,
    /// Bytes behind it.
    pub(crate) behind: usize,
}

impl Opened {
    /// Writes down where the payload of `record` is. One without any (`payload` empty) is to be skipped.
    pub(crate) fn mark(record: &mut [u8], payload: Range<usize>) {
        let (len, total) = (payload.len() as u16, record.len() as u16);
        let [high, low] = len.to_be_bytes();
        let [total_high, total_low] = total.to_be_bytes();
        record[..HEADER_BYTES].copy_from_slice(&[payload.start as u8, high, low, total_high, total_low]);
    }

    /// Reads it again.
    pub(crate) fn read(bytes: &[u8]) -> Self {
        let [before, high, low, total_high, total_low] = *bytes.first_chunk().expect("a record that was opened");
        let (before, payload) = (usize::from(before), usize::from(u16::from_be_bytes([high, low])));
        let total = usize::from(u16::from_be_bytes([total_high, total_low]));
        Self { before, payload, behind: total - before - payload }
    }
}

/// How the suite lays out its records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Tls13,
    Gcm12,
    ChaCha12,
}

/// The keys of one direction. Each record is numbered, so that none can be left out, doubled or moved.
pub(crate) struct Protection {
    key: LessSafeKey,
    iv: [u8; NONCE_BYTES],
    sequence: u64,
    form: Form,
}

impl Protection {
    /// From what the handshake has agreed on; `None` for a suite we do not know.
    pub(crate) fn new(version: ProtocolVersion, sequence: u64, secrets: &ConnectionTrafficSecrets) -> Option<Self> {
        let (algorithm, key, iv): (&'static Algorithm, _, _) = match secrets {
            ConnectionTrafficSecrets::Aes128Gcm { key, iv } => (&AES_128_GCM, key, iv),
            ConnectionTrafficSecrets::Aes256Gcm { key, iv } => (&AES_256_GCM, key, iv),
            ConnectionTrafficSecrets::Chacha20Poly1305 { key, iv } => (&CHACHA20_POLY1305, key, iv),
            _ => return None,
        };
        let form = match (version, secrets) {
            (ProtocolVersion::TLSv1_3, _) => Form::Tls13,
            (_, ConnectionTrafficSecrets::Chacha20Poly1305 { .. }) => Form::ChaCha12,
            _ => Form::Gcm12,
        };
        let key = LessSafeKey::new(UnboundKey::new(algorithm, key.as_ref()).ok()?);
        Some(Self { key, iv: iv.as_ref().try_into().ok()?, sequence, form })
    }

    /// Is a new key due?
    pub(crate) fn is_worn(&self) -> bool {
        self.form == Form::Tls13 && self.sequence >= RECORDS_PER_KEY
    }

    /// May nothing be sealed with it but the end? ChaCha20-Poly1305 knows no such bound.
    pub(crate) fn is_spent(&self) -> bool {
        self.form == Form::Gcm12 && self.sequence >= RECORDS_PER_KEY_MAX
    }

    /// As if it had sealed or opened so many records.
    #[cfg(test)]
    pub(crate) fn number_from(&mut self, sequence: u64) {
        self.sequence = sequence;
    }

    fn nonce(&self) -> [u8; NONCE_BYTES] {
        let mut nonce = self.iv;
        let (_, counted) = nonce.split_at_mut(NONCE_BYTES - 8);
        counted.iter_mut().zip(self.sequence.to_be_bytes()).for_each(|(byte, number)| *byte ^= number);
        nonce
    }

    /// What is sealed along with a payload but not sent (TLS 1.2).
    fn aad12(&self, kind: Kind, payload_len: usize) -> Aad<[u8; 13]> {
        let mut aad = [0; 13];
        aad[..8].copy_from_slice(&self.sequence.to_be_bytes());
        let [high, low] = (payload_len as u16).to_be_bytes();
        aad[8..].copy_from_slice(&[kind as u8, 3, 3, high, low]);
        Aad::from(aad)
    }

    /// Appends a record with `runs`, up to [`PAYLOAD_BYTES_MAX`] together, to `buf`, which must have room for it. One run is
    /// sealed from where it lies; two are put together first.
    pub(crate) fn seal(&mut self, kind: Kind, runs: [&[u8]; 2], buf: &mut Buf) {
        let len = runs[0].len() + runs[1].len();
        let (explicit, inner): (usize, &[u8]) = match self.form {
            Form::Tls13 => (0, &[kind as u8]),
            Form::Gcm12 => (EXPLICIT_BYTES, &[]),
            Form::ChaCha12 => (0, &[]),
        };
        let body_len = explicit + len + inner.len() + TAG_BYTES;
        let room = buf.spare().expect("a buffer of our own is not shared");
        let (header, body) = room[..HEADER_BYTES + body_len].split_at_mut(HEADER_BYTES);
        let outer = if self.form == Form::Tls13 { Kind::Data } else { kind };
        let [high, low] = (body_len as u16).to_be_bytes();
        header.copy_from_slice(&[outer as u8, 3, 3, high, low]);
        let nonce = self.nonce();
        body[..explicit].copy_from_slice(&nonce[NONCE_BYTES - EXPLICIT_BYTES..][..explicit]);
        let (text, rest) = body[explicit..].split_at_mut(len);
        let nonce = Nonce::assume_unique_for_key(nonce);
        let sealed = match self.form {
            Form::Tls13 => {
                let aad: [u8; HEADER_BYTES] = header.try_into().expect("five bytes");
                seal_runs(&self.key, nonce, Aad::from(aad), runs, text, inner, rest)
            }
            Form::Gcm12 | Form::ChaCha12 => seal_runs(&self.key, nonce, self.aad12(kind, len), runs, text, inner, rest),
        };
        // It fails for wrong lengths only, and these are ours.
        sealed.expect("lengths that fit");
        self.sequence += 1;
        buf.commit(HEADER_BYTES + body_len);
    }

    /// Opens a whole record where it lies; says what it is and where in `record` its payload lies now.
    pub(crate) fn open(&mut self, header: Header, record: &mut [u8]) -> Result<(Kind, Range<usize>), Damage> {
        let before = HEADER_BYTES + if self.form == Form::Gcm12 { EXPLICIT_BYTES } else { 0 };
        let payload_len = record.len().checked_sub(before + TAG_BYTES).ok_or(Damage::Decode)?;
        let nonce = match self.form {
            Form::Gcm12 => {
                let mut nonce = self.iv;
                nonce[NONCE_BYTES - EXPLICIT_BYTES..].copy_from_slice(&record[HEADER_BYTES..before]);
                nonce
            }
            Form::Tls13 | Form::ChaCha12 => self.nonce(),
        };
        let nonce = Nonce::assume_unique_for_key(nonce);
        let (head, sealed) = record.split_at_mut(before);
        let opened = match self.form {
            Form::Tls13 if header.kind != Kind::Data => return Err(Damage::Unexpected),
            Form::Tls13 => {
                let aad: [u8; HEADER_BYTES] = (&*head).try_into().expect("five bytes");
                self.key.open_in_place(nonce, Aad::from(aad), sealed)
            }
            Form::Gcm12 | Form::ChaCha12 => self.key.open_in_place(nonce, self.aad12(header.kind, payload_len), sealed),
        };
        let text = opened.map_err(|_| Damage::Mac)?;
        self.sequence += 1;
        let (kind, len) = match self.form {
            Form::Tls13 => inner_kind(text)?,
            Form::Gcm12 | Form::ChaCha12 => (header.kind, text.len()),
        };
        if len > PAYLOAD_BYTES_MAX {
            return Err(Damage::Overflow);
        }
        Ok((kind, before..before + len))
    }
}

/// TLS 1.3 hides what a record is behind its payload, and zeros behind that.
fn inner_kind(text: &[u8]) -> Result<(Kind, usize), Damage> {
    let at = text.iter().rposition(|byte| *byte != 0).ok_or(Damage::Unexpected)?;
    Ok((Kind::of(text[at]).ok_or(Damage::Unexpected)?, at))
}

fn seal_runs<A: AsRef<[u8]>>(
    key: &LessSafeKey,
    nonce: Nonce,
    aad: Aad<A>,
    [first, second]: [&[u8]; 2],
    text: &mut [u8],
    inner: &[u8],
    rest: &mut [u8],
) -> Result<(), aws_lc_rs::error::Unspecified> {
    if second.is_empty() {
        return key.seal_out_of_place_scatter(nonce, aad, first, text, inner, rest);
    }
    text[..first.len()].copy_from_slice(first);
    text[first.len()..].copy_from_slice(second);
    key.seal_in_place_scatter(nonce, aad, text, inner, rest)
}
