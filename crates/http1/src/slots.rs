//! The scratch space for one head.

use std::mem::MaybeUninit;

use http::{HEADERS_CAP, Header};

/// Scratch for the fields of one head, on the caller's stack; costs nothing until filled.
pub struct HeadSlots<'b>([MaybeUninit<Header<'b>>; HEADERS_CAP]);

impl<'b> HeadSlots<'b> {
    /// Empty slots. Make new ones for every head: they borrow from its bytes.
    #[inline]
    pub const fn new() -> Self {
        Self([const { MaybeUninit::uninit() }; HEADERS_CAP])
    }

    #[inline]
    pub(crate) fn first(&mut self, count: usize) -> &mut [MaybeUninit<Header<'b>>] {
        &mut self.0[..count.min(HEADERS_CAP)]
    }
}

impl Default for HeadSlots<'_> {
    fn default() -> Self {
        Self::new()
    }
}
