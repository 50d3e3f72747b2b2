//! Records: a header with a length, a body under a keystream, a keyed checksum.
//!
//! ```text
//! | kind | magic (2) | length of the rest (2) | payload, at most 2^14 | tag (8) |
//! ```

use reactor::Buf;
use reactor::buf::BUF_BYTES;

/// Kind, magic and length.
pub(crate) const HEADER_BYTES: usize = 5;
/// The checksum behind the payload.
pub(crate) const TAG_BYTES: usize = 8;
/// Payload of one record, as in TLS.
pub const PAYLOAD_BYTES_MAX: usize = 1 << 14;
/// A record without payload: what a close-notify takes.
pub const EMPTY_BYTES: usize = HEADER_BYTES + TAG_BYTES;
const MAGIC: [u8; 2] = *b"TL";

const _: () = assert!(EMPTY_BYTES + PAYLOAD_BYTES_MAX + EMPTY_BYTES <= BUF_BYTES, "a full record and a close-notify");

/// What a record is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The sender will send no more.
    Close = 21,
    /// A message of the handshake.
    Handshake = 22,
    /// Bytes of the application.
    Data = 23,
}

/// Not a record, or not as it was sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Damaged {
    /// No header of ours.
    #[error("this is no record")]
    Header,
    /// Longer than any, or too short for its tag.
    #[error("a record of {0} bytes")]
    Length(usize),
    /// The tag does not fit the bytes.
    #[error("a record whose tag does not fit")]
    Tag,
}

/// A header that was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// What for.
    pub kind: Kind,
    /// Payload bytes.
    pub payload_len: usize,
}

impl Header {
    /// Reads the header at the start of `bytes`; `None` while it is not all there.
    ///
    /// # Errors
    /// What no sender of ours would write.
    pub fn parse(bytes: &[u8]) -> Result<Option<Self>, Damaged> {
        let Some(&[kind, magic_a, magic_b, high, low]) = bytes.first_chunk() else { return Ok(None) };
        let kind = [Kind::Close, Kind::Handshake, Kind::Data].into_iter().find(|known| *known as u8 == kind);
        let kind = kind.filter(|_| [magic_a, magic_b] == MAGIC).ok_or(Damaged::Header)?;
        let len = usize::from(u16::from_be_bytes([high, low]));
        let payload_len = len.checked_sub(TAG_BYTES).filter(|len| *len <= PAYLOAD_BYTES_MAX);
        Ok(Some(Self { kind, payload_len: payload_len.ok_or(Damaged::Length(len))? }))
    }

    /// Bytes of the whole record.
    pub(crate) fn record_len(&self) -> usize {
        HEADER_BYTES + self.payload_len + TAG_BYTES
    }
}

/// One direction's key, and the number of the next record: none can be left out, doubled or moved.
#[derive(Clone, Copy, Debug)]
pub struct Cipher {
    key: u64,
    sequence: u64,
}

impl Cipher {
    /// With a key that both sides know.
    pub fn new(key: u64) -> Self {
        Self { key, sequence: 0 }
    }

    /// Appends a record with the payload that `write` leaves in the room it is given, up to `len` bytes.
    /// `buf` must have room for it.
    pub fn seal(&mut self, kind: Kind, len: usize, buf: &mut Buf, write: impl FnOnce(&mut [u8])) {
        let end = HEADER_BYTES + len;
        let record = &mut buf.spare().expect("a buffer of our own is not shared")[..end + TAG_BYTES];
        let [high, low] = ((len + TAG_BYTES) as u16).to_be_bytes();
        record[..HEADER_BYTES].copy_from_slice(&[kind as u8, MAGIC[0], MAGIC[1], high, low]);
        let payload = &mut record[HEADER_BYTES..end];
        write(payload);
        let tag = self.tag(kind, payload);
        self.mask(payload);
        record[end..].copy_from_slice(&tag.to_be_bytes());
        self.sequence += 1;
        buf.commit(end + TAG_BYTES);
    }

    /// Opens the payload of a record where it lies; `body` is what follows the header.
    ///
    /// # Errors
    /// The tag does not fit; the bytes are worth nothing then.
    pub fn open(&mut self, kind: Kind, body: &mut [u8]) -> Result<(), Damaged> {
        let (payload, tag) = body.split_last_chunk_mut::<TAG_BYTES>().ok_or(Damaged::Length(0))?;
        self.mask(payload);
        if self.tag(kind, payload).to_be_bytes() != *tag {
            return Err(Damaged::Tag);
        }
        self.sequence += 1;
        Ok(())
    }

    fn mask(&self, payload: &mut [u8]) {
        let start = mix(self.key ^ self.sequence.rotate_left(32));
        for (block, bytes) in payload.chunks_mut(8).enumerate() {
            let word = mix(start.wrapping_add(block as u64)).to_le_bytes();
            bytes.iter_mut().zip(word).for_each(|(byte, mask)| *byte ^= mask);
        }
    }

    fn tag(&self, kind: Kind, payload: &[u8]) -> u64 {
        let mut tag = mix(self.key ^ mix(self.sequence) ^ (kind as u64) << 32 ^ payload.len() as u64);
        for bytes in payload.chunks(8) {
            let mut word = [0; 8];
            word[..bytes.len()].copy_from_slice(bytes);
            tag = mix(tag ^ u64::from_le_bytes(word));
        }
        tag
    }
}

/// Every bit of the result depends on every bit of `z` (the finish of splitmix64).
pub(crate) fn mix(z: u64) -> u64 {
    let z = z.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use reactor::BufPool;

    /// A record of `payload`, changed by `spoil`; opened with a key of the same sequence.
    fn check(payload: &[u8], spoil: impl FnOnce(&mut Vec<u8>), expect: Result<(), Damaged>) {
        let mut buf = BufPool::new(1).take().expect("the first");
        Cipher::new(5).seal(Kind::Data, payload.len(), &mut buf, |room| room.copy_from_slice(payload));
        let mut bytes = buf.to_vec();
        spoil(&mut bytes);
        let opened = Header::parse(&bytes).and_then(|header| {
            let header = header.expect("all of it is there");
            let body = &mut bytes[HEADER_BYTES..header.record_len()];
            Cipher::new(5).open(header.kind, body)?;
            assert_eq!(&body[..header.payload_len], payload);
            Ok(())
        });
        assert_eq!(opened, expect, "{} bytes", payload.len());
    }

    #[test]
    fn what_was_sealed_can_be_opened() {
        for len in [0, 1, 7, 8, 9, 1000, PAYLOAD_BYTES_MAX] {
            check(&vec![b'x'; len], |_| {}, Ok(()));
        }
    }

    #[test]
    fn every_change_is_seen() {
        for at in HEADER_BYTES..EMPTY_BYTES + 20 {
            check(&[7; 20], |bytes| bytes[at] ^= 1, Err(Damaged::Tag));
        }
        check(&[7; 20], |bytes| bytes[0] = Kind::Close as u8, Err(Damaged::Tag));
        check(&[7; 20], |bytes| bytes[0] = 99, Err(Damaged::Header));
        check(&[7; 20], |bytes| bytes[1] = b'x', Err(Damaged::Header));
        check(&[7; 20], |bytes| bytes[3] = 0xff, Err(Damaged::Length(0xff1c)));
        check(&[7; 20], |bytes| bytes[4] = 7, Err(Damaged::Length(7)));
    }

    #[test]
    fn a_record_that_comes_twice_is_seen() {
        let mut buf = BufPool::new(1).take().expect("the first");
        Cipher::new(5).seal(Kind::Data, 3, &mut buf, |room| room.copy_from_slice(b"abc"));
        let (mut once, mut twice) = (buf.to_vec(), buf.to_vec());
        let mut cipher = Cipher::new(5);
        assert_eq!(cipher.open(Kind::Data, &mut once[HEADER_BYTES..]), Ok(()));
        assert_eq!(cipher.open(Kind::Data, &mut twice[HEADER_BYTES..]), Err(Damaged::Tag));
    }
}
