//! The scratch space for one head.

use std::mem::MaybeUninit;

use http::{HEADERS_CAP, Header};

/// Scratch for the fields of one head, on the caller's stack; costs nothing until filled.
pub struct HeadSlots<'b> {
    first: [MaybeUninit<Header<'b>>; HEADERS_CAP],
    /// For a second look at a head that the strict parser has refused.
    again: Option<[Header<'b>; HEADERS_CAP]>,
}

impl<'b> HeadSlots<'b> {
    /// Empty slots. Make new ones for every head: they borrow from its bytes.
    #[inline]
    pub const fn new() -> Self {
        Self { first: [const { MaybeUninit::uninit() }; HEADERS_CAP], again: None }
    }

    /// Slots for the first look, and for one more.
    #[inline]
    pub(crate) fn parts(&mut self, count: usize) -> (&mut [MaybeUninit<Header<'b>>], Again<'_, 'b>) {
        let count = count.min(HEADERS_CAP);
        (&mut self.first[..count], Again { slots: &mut self.again, count })
    }
}

impl Default for HeadSlots<'_> {
    fn default() -> Self {
        Self::new()
    }
}

/// Slots for a second look, made when it is taken.
pub(crate) struct Again<'s, 'b> {
    slots: &'s mut Option<[Header<'b>; HEADERS_CAP]>,
    count: usize,
}

impl<'s, 'b> Again<'s, 'b> {
    #[cold]
    pub(crate) fn slots(self) -> &'s mut [Header<'b>] {
        &mut self.slots.insert([httparse::EMPTY_HEADER; HEADERS_CAP])[..self.count]
    }
}
