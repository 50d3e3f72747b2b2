//! Messages of nf_tables: headers and nested attributes (`include/uapi/linux/netfilter/{nfnetlink,nf_tables}.h`).
//! Numbers inside attributes are big-endian.

use crate::netlink::{HEADER_LEN, align4, u16_at};

/// Length of `struct nfgenmsg`.
pub(super) const GENERIC_LEN: usize = 4;
const ATTRIBUTE_LEN: usize = 4;
const NESTED: u16 = 0x8000;
/// NLA_TYPE_MASK: without the flags "nested" and "network byte order".
const KIND_MASK: u16 = 0x3fff;

const REQUEST: u16 = 0x1;
const ACK: u16 = 0x4;
const DUMP: u16 = 0x300;
const CREATE_NEW: u16 = 0x400 | 0x200;

/// NFNL_SUBSYS_NFTABLES.
const SUBSYSTEM: u16 = 10;
pub(super) const BATCH_BEGIN: u16 = 16;
pub(super) const BATCH_END: u16 = 17;
pub(super) const NEWTABLE: u16 = SUBSYSTEM << 8;
pub(super) const GETTABLE: u16 = SUBSYSTEM << 8 | 1;
pub(super) const NEWCHAIN: u16 = SUBSYSTEM << 8 | 3;
pub(super) const NEWRULE: u16 = SUBSYSTEM << 8 | 6;
pub(super) const GETRULE: u16 = SUBSYSTEM << 8 | 7;
pub(super) const GETGEN: u16 = SUBSYSTEM << 8 | 16;

pub(super) const FAMILY_ANY: u8 = 0;
pub(super) const FAMILY_INET: u8 = 1;
pub(super) const FAMILY_IPV4: u8 = 2;
pub(super) const FAMILY_IPV6: u8 = 10;

pub(super) const TABLE_NAME: u16 = 1;
pub(super) const TABLE_FLAGS: u16 = 2;
pub(super) const TABLE_F_OWNER: u32 = 2;

pub(super) const CHAIN_TABLE: u16 = 1;
pub(super) const CHAIN_NAME: u16 = 3;
pub(super) const CHAIN_HOOK: u16 = 4;
pub(super) const CHAIN_TYPE: u16 = 7;
pub(super) const HOOK_NUMBER: u16 = 1;
pub(super) const HOOK_PRIORITY: u16 = 2;
/// NF_INET_LOCAL_IN.
pub(super) const HOOK_LOCAL_IN: u32 = 1;
/// NF_INET_POST_ROUTING.
pub(super) const HOOK_POST_ROUTING: u32 = 4;

pub(super) const RULE_TABLE: u16 = 1;
pub(super) const RULE_CHAIN: u16 = 2;
pub(super) const RULE_EXPRESSIONS: u16 = 4;

/// Attributes being written.
#[derive(Debug, Default)]
pub(super) struct Attributes {
    bytes: Vec<u8>,
}

impl Attributes {
    #[cfg(test)]
    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(super) fn bytes(&mut self, kind: u16, value: &[u8]) -> &mut Self {
        let length = u16::try_from(ATTRIBUTE_LEN + value.len()).expect("our attributes are short");
        self.bytes.extend(length.to_ne_bytes());
        self.bytes.extend(kind.to_ne_bytes());
        self.bytes.extend(value);
        self.bytes.resize(align4(self.bytes.len()), 0);
        self
    }

    pub(super) fn u32(&mut self, kind: u16, value: u32) -> &mut Self {
        self.bytes(kind, &value.to_be_bytes())
    }

    /// With its NUL.
    pub(super) fn text(&mut self, kind: u16, value: &str) -> &mut Self {
        self.bytes(kind, &[value.as_bytes(), &[0]].concat())
    }

    pub(super) fn nested(&mut self, kind: u16, write: impl FnOnce(&mut Self)) -> &mut Self {
        let mut inner = Self::default();
        write(&mut inner);
        self.bytes(kind | NESTED, &inner.bytes)
    }
}

/// One message: its attributes are written by way of [`std::ops::DerefMut`].
#[derive(Debug)]
pub(super) struct Message {
    kind: u16,
    flags: u16,
    sequence: u32,
    /// Family, version, and the resource (big-endian) of `struct nfgenmsg`.
    generic: [u8; GENERIC_LEN],
    attributes: Attributes,
}

impl Message {
    fn new(kind: u16, flags: u16, sequence: u32, family: u8, resource: u16) -> Self {
        let [high, low] = resource.to_be_bytes();
        let generic = [family, 0, high, low];
        Self { kind, flags: REQUEST | flags, sequence, generic, attributes: Attributes::default() }
    }

    /// Makes something that must not be there yet.
    pub(super) fn create(kind: u16, family: u8, sequence: u32) -> Self {
        Self::new(kind, ACK | CREATE_NEW, sequence, family, 0)
    }

    /// Asks for one thing.
    pub(super) fn acknowledged(kind: u16, family: u8, sequence: u32) -> Self {
        Self::new(kind, ACK, sequence, family, 0)
    }

    /// Asks for all there are.
    pub(super) fn dump(kind: u16, family: u8, sequence: u32) -> Self {
        Self::new(kind, DUMP, sequence, family, 0)
    }

    /// Opens or closes a transaction.
    pub(super) fn batch(kind: u16, sequence: u32) -> Self {
        Self::new(kind, 0, sequence, FAMILY_ANY, SUBSYSTEM)
    }

    pub(super) fn finish(self) -> Vec<u8> {
        let length = (HEADER_LEN + GENERIC_LEN + self.attributes.bytes.len()) as u32;
        let mut out = Vec::with_capacity(length as usize);
        out.extend(length.to_ne_bytes());
        out.extend(self.kind.to_ne_bytes());
        out.extend(self.flags.to_ne_bytes());
        out.extend(self.sequence.to_ne_bytes());
        out.extend(0u32.to_ne_bytes());
        out.extend(self.generic);
        out.extend(self.attributes.bytes);
        out
    }
}

impl std::ops::Deref for Message {
    type Target = Attributes;

    fn deref(&self) -> &Attributes {
        &self.attributes
    }
}

impl std::ops::DerefMut for Message {
    fn deref_mut(&mut self) -> &mut Attributes {
        &mut self.attributes
    }
}

/// Kind and value of each attribute; ends at the first that does not fit.
pub(super) fn attributes(mut bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let header = bytes.get(..ATTRIBUTE_LEN)?;
        let (length, kind) = (usize::from(u16_at(header, 0)), u16_at(header, 2) & KIND_MASK);
        let value = bytes.get(ATTRIBUTE_LEN..length)?;
        bytes = bytes.get(align4(length)..).unwrap_or_default();
        Some((kind, value))
    })
}

/// A name without its NUL.
pub(super) fn text(value: &[u8]) -> String {
    String::from_utf8_lossy(value.split(|byte| *byte == 0).next().unwrap_or_default()).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(bytes: &[u8], expect: &[(u16, &[u8])]) {
        assert_eq!(attributes(bytes).collect::<Vec<_>>(), expect, "{bytes:?}");
    }

    #[test]
    fn what_is_written_is_read_back() {
        let mut list = Attributes::default();
        list.text(1, "abcd").nested(2, |inner| {
            inner.u32(3, 7);
        });
        assert_eq!(list.bytes.len() % 4, 0, "padded");
        let read: Vec<_> = attributes(&list.bytes).collect();
        assert_eq!(read[0], (1, b"abcd\0".as_slice()));
        assert_eq!((text(read[0].1).as_str(), read[1].0), ("abcd", 2));
        check(read[1].1, &[(3, &[0, 0, 0, 7])]);
    }

    #[test]
    fn lengths_that_lie_end_the_walk() {
        check(&[], &[]);
        check(&[8, 0, 1], &[]);
        check(&9u16.to_ne_bytes().into_iter().chain([1, 0, 1, 2, 3, 4]).collect::<Vec<_>>(), &[]);
        check(&3u16.to_ne_bytes().into_iter().chain([1, 0, 1, 2, 3, 4]).collect::<Vec<_>>(), &[]);
    }

    #[test]
    fn a_message_says_how_long_it_is() {
        let mut message = Message::batch(BATCH_BEGIN, 9);
        message.u32(1, 2);
        let bytes = message.finish();
        assert_eq!(crate::netlink::u32_at(&bytes, 0) as usize, bytes.len());
        assert_eq!(&bytes[HEADER_LEN..HEADER_LEN + GENERIC_LEN], [0, 0, 0, 10], "the resource is big-endian");
    }
}
