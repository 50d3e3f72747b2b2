//! Receive buffers: of one size, recycled, shared by count so that what was received can be sent on
//! without a copy. What does not fit into one (a head of unusual length) moves to a larger one, which counts as many and
//! is not kept.
//!
//! ```text
//! slab:  [ consumed | bytes of this Buf | free tail ]
//!                   ^start              ^end
//! ```

use std::cell::RefCell;
use std::fmt;
use std::ops::{Deref, Range};
use std::rc::{Rc, Weak};

/// Size of a buffer, in bytes. One usual head fits into one, and one whole TLS record: 5 bytes of
/// header and up to 2^14 + 256 of ciphertext (RFC 8446 section 5.2), 16,645 together. What is left over has room for a
/// last short record behind it, so that a close alert leaves in the segment of the last bytes.
pub const BUF_BYTES: usize = 17 * 1024;

/// Size of the largest buffer that one may grow to: a head of 256 KiB, and what is added to it on its way.
pub const BUF_BYTES_MAX: usize = 16 * BUF_BYTES;

const _: () = assert!(BUF_BYTES >= 5 + (1 << 14) + 256 + 64, "a buffer holds a whole TLS record and an alert");

/// A bounded stock of buffers for one thread. Cloning gives another handle to the same stock.
#[derive(Clone)]
pub struct BufPool(Rc<Stock>);

struct Stock {
    free: RefCell<Vec<Rc<Slab>>>,
    made: std::cell::Cell<usize>,
    count_max: usize,
}

/// The bytes of a buffer, and the stock they return to, if that is still there.
struct Slab {
    bytes: Box<[u8]>,
    stock: Weak<Stock>,
}

impl BufPool {
    /// A stock that makes at most `count_max` buffers of [`BUF_BYTES`], the first time each is needed.
    pub fn new(count_max: usize) -> Self {
        Self(Rc::new(Stock { free: RefCell::new(Vec::new()), made: std::cell::Cell::new(0), count_max }))
    }

    /// An empty buffer, or `None` when all `count_max` are in use.
    pub fn take(&self) -> Option<Buf> {
        let slab = match self.0.free.borrow_mut().pop() {
            Some(slab) => slab,
            None if self.0.made.get() < self.0.count_max => {
                self.0.made.set(self.0.made.get() + 1);
                self.made(BUF_BYTES)
            }
            None => return None,
        };
        Some(Buf { slab, start: 0, end: 0 })
    }

    fn made(&self, bytes: usize) -> Rc<Slab> {
        Rc::new(Slab { bytes: vec![0; bytes].into_boxed_slice(), stock: Rc::downgrade(&self.0) })
    }

    /// An empty buffer with room for so many bytes; `None` when the stock does not have it, or nobody has one so large.
    fn take_room(&self, bytes: usize) -> Option<Buf> {
        if bytes <= BUF_BYTES {
            return self.take();
        }
        let (stock, units) = (&self.0, bytes.div_ceil(BUF_BYTES).next_power_of_two());
        let mut free = stock.free.borrow_mut();
        while stock.made.get() + units > stock.count_max && free.pop().is_some() {
            stock.made.set(stock.made.get() - 1);
        }
        let made = stock.made.get() + units;
        if units * BUF_BYTES > BUF_BYTES_MAX || made > stock.count_max {
            return None;
        }
        stock.made.set(made);
        Some(Buf { slab: self.made(units * BUF_BYTES), start: 0, end: 0 })
    }

    /// For backends, how [`Reactor::recv`](crate::Reactor::recv) finds its buffer: `partial` where it has room, or can be
    /// given room by moving its bytes; a fresh one where there is none.
    ///
    /// # Errors
    /// Without a free buffer, or with one that is full and as large as can be, `partial` comes back untouched.
    pub fn room_after(&self, partial: Option<Buf>) -> Result<Buf, Option<Buf>> {
        match partial {
            None => self.take().ok_or(None),
            Some(partial) => partial.with_room().map_err(Some),
        }
    }

    /// Is less than a quarter of the stock left?
    pub(crate) fn is_scarce(&self) -> bool {
        self.in_use() * 4 > self.0.count_max * 3
    }

    /// Buffers in use now.
    pub fn in_use(&self) -> usize {
        self.0.made.get() - self.0.free.borrow().len()
    }
}

impl Stock {
    /// A slab that nobody uses any more: one of the usual size is kept.
    fn put_back(&self, slab: &Rc<Slab>) {
        if slab.bytes.len() == BUF_BYTES {
            self.free.borrow_mut().push(Rc::clone(slab));
        } else {
            self.made.set(self.made.get() - slab.bytes.len() / BUF_BYTES);
        }
    }
}

/// A run of received (or written) bytes. Clones share the bytes; the slab returns to its pool with
/// the last of them.
pub struct Buf {
    slab: Rc<Slab>,
    /// Places in the slab, which is no longer than [`BUF_BYTES_MAX`].
    start: u32,
    end: u32,
}

const _: () = assert!(BUF_BYTES_MAX <= u32::MAX as usize, "places in a buffer are told in 32 bits");

impl Buf {
    fn range(&self) -> Range<usize> {
        self.start as usize..self.end as usize
    }

    /// All bytes of the slab, and where these are in it; `None` while they are shared.
    fn slab_mut(&mut self) -> Option<(&mut [u8], Range<usize>)> {
        let range = self.range();
        Rc::get_mut(&mut self.slab).map(|slab| (&mut slab.bytes[..], range))
    }

    /// Splits off the first `len` bytes; `self` keeps the rest (and the free tail).
    ///
    /// # Panics
    /// When `len` is beyond the end.
    pub fn split_to(&mut self, len: usize) -> Buf {
        assert!(len <= self.len(), "split beyond the end of a buffer");
        let mut front = self.clone();
        front.end = front.start + len as u32;
        self.start = front.end;
        front
    }

    /// Drops the first `len` bytes.
    pub fn advance(&mut self, len: usize) {
        assert!(len <= self.len(), "advance beyond the end of a buffer");
        self.start += len as u32;
    }

    /// Keeps only the first `len` bytes.
    pub fn truncate(&mut self, len: usize) {
        self.end = self.start + len.min(self.len()) as u32;
    }

    /// The part of these bytes at `range`, sharing the slab.
    pub fn slice(&self, range: Range<usize>) -> Buf {
        assert!(range.start <= range.end && range.end <= self.len(), "slice outside a buffer");
        let mut part = self.clone();
        part.end = part.start + range.end as u32;
        part.start += range.start as u32;
        part
    }

    /// Does nobody else share these bytes?
    pub(crate) fn is_unique(&self) -> bool {
        Rc::strong_count(&self.slab) == 1
    }

    /// These bytes to change in place, or `None` while they are shared: how a layer decrypts what was received without
    /// another buffer.
    pub fn unique_mut(&mut self) -> Option<&mut [u8]> {
        self.slab_mut().map(|(slab, range)| &mut slab[range])
    }

    /// The free tail to write into, or `None` while the bytes are shared. Follow with [`Buf::commit`].
    pub fn spare(&mut self) -> Option<&mut [u8]> {
        self.slab_mut().map(|(slab, range)| &mut slab[range.end..])
    }

    /// Says that `len` bytes of [`Buf::spare`] were written.
    pub fn commit(&mut self, len: usize) {
        assert!(len <= self.spare_len(), "commit beyond the end of a buffer");
        self.end += len as u32;
    }

    /// Bytes that can still be appended.
    pub fn spare_len(&self) -> usize {
        self.slab.bytes.len() - self.end as usize
    }

    /// Moves the bytes to the front of a slab so that the free tail is as long as it can be: in place
    /// where they are not shared, else into a fresh buffer. `None` when the pool has none.
    pub fn compact(mut self) -> Option<Buf> {
        if self.start == 0 && self.is_unique() {
            return Some(self);
        }
        if let Some((slab, range)) = self.slab_mut() {
            slab.copy_within(range, 0);
            (self.start, self.end) = (0, self.end - self.start);
            return Some(self);
        }
        self.moved(self.len())
    }

    /// A copy of these bytes in a buffer with room for so many.
    fn moved(&self, bytes: usize) -> Option<Buf> {
        let mut fresh = BufPool(self.slab.stock.upgrade()?).take_room(bytes)?;
        fresh.append(self).ok()?;
        Some(fresh)
    }

    /// These bytes with room for so many behind them: as they are, or in a larger buffer. `None` when there is none.
    pub fn with_spare(self, bytes: usize) -> Option<Buf> {
        if self.is_unique() && self.spare_len() >= bytes { Some(self) } else { self.moved(self.len() + bytes) }
    }

    /// These bytes with room behind them: as they are, moved within their slab, or moved to another one where they are
    /// shared or fill it.
    ///
    /// # Errors
    /// A full buffer of [`BUF_BYTES_MAX`], or none to move to: the bytes come back untouched.
    pub fn with_room(self) -> Result<Buf, Buf> {
        if self.len() == self.slab.bytes.len() || !self.is_unique() {
            return self.moved(self.len() + 1).ok_or(self);
        }
        if self.spare_len() > 0 { Ok(self) } else { Ok(self.compact().expect("bytes nobody shares move in place")) }
    }

    /// Appends `bytes`, or gives back how many would not fit (nothing is written then). Shared bytes
    /// count as full.
    pub fn append(&mut self, bytes: &[u8]) -> Result<(), usize> {
        let len = bytes.len();
        let room = self.spare().map_or(0, |spare| spare.len());
        if len > room {
            return Err(len - room);
        }
        if let Some(spare) = self.spare() {
            spare[..len].copy_from_slice(bytes);
        }
        self.commit(len);
        Ok(())
    }
}

impl Deref for Buf {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        &self.slab.bytes[self.range()]
    }
}

impl Clone for Buf {
    fn clone(&self) -> Self {
        Self { slab: self.slab.clone(), start: self.start, end: self.end }
    }
}

impl Drop for Buf {
    #[inline]
    fn drop(&mut self) {
        if self.is_unique() {
            self.give_back();
        }
    }
}

impl Buf {
    /// To the stock: what is dropped after that is one of two.
    fn give_back(&self) {
        if let Some(stock) = self.slab.stock.upgrade() {
            stock.put_back(&self.slab);
        }
    }
}

impl fmt::Debug for Buf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Buf({} bytes)", self.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(pool: &BufPool, len: usize) -> Buf {
        let mut buf = pool.take().expect("within the bound");
        buf.append(&vec![7; len]).expect("it fits");
        buf
    }

    /// Buffers are moved about: on their way through a reactor, a worker, a layer.
    #[test]
    fn a_buffer_is_two_words() {
        assert_eq!((size_of::<Buf>(), size_of::<Option<Buf>>()), (16, 16));
    }

    #[test]
    fn a_buffer_may_outlive_its_stock() {
        let pool = BufPool::new(2);
        let mut buf = filled(&pool, 10);
        drop(pool);
        buf.advance(9);
        assert_eq!((&buf[..], buf.clone().with_spare(2 * BUF_BYTES).is_none()), (&[7][..], true));
    }

    #[test]
    fn a_partial_buffer_is_never_lost_for_want_of_another() {
        let pool = BufPool::new(1);
        let kept = filled(&pool, 10);
        let shared = kept.clone();
        let back = pool.room_after(Some(shared)).expect_err("the only buffer is shared");
        assert_eq!(back.as_deref(), Some(&[7; 10][..]));
        drop(kept);
        assert_eq!(pool.room_after(back).map(|buf| buf.len()).ok(), Some(10));
        assert_eq!(pool.in_use(), 0);
    }

    #[test]
    fn bytes_change_in_place_only_where_nobody_shares_them() {
        let pool = BufPool::new(1);
        let mut buf = filled(&pool, 10);
        buf.advance(2);
        let part = buf.slice(0..3);
        assert!(buf.unique_mut().is_none(), "a part is shared");
        drop(part);
        buf.unique_mut().expect("nobody else has it")[7] = 9;
        assert_eq!(&buf[..], [7, 7, 7, 7, 7, 7, 7, 9]);
    }

    #[test]
    fn a_full_buffer_moves_to_a_larger_one_that_counts_as_many() {
        let pool = BufPool::new(24);
        let mut buf = filled(&pool, BUF_BYTES);
        for units in [2, 4, 8, 16] {
            buf = pool.room_after(Some(buf)).expect("within the bound");
            assert_eq!((buf.len() + buf.spare_len(), pool.in_use()), (units * BUF_BYTES, units));
            assert!(buf.iter().all(|byte| *byte == 7));
            let room = buf.spare_len();
            buf.append(&vec![7; room]).expect("it fits");
        }
        let buf = pool.room_after(Some(buf)).expect_err("as large as can be").expect("it comes back");
        assert_eq!(buf.len(), BUF_BYTES_MAX);
        // What waits unused makes room for it, and the bound holds.
        drop((0..8).map(|_| pool.take().expect("within the bound")).collect::<Vec<_>>());
        let small = pool.take().expect("one is free");
        assert!(small.with_spare(8 * BUF_BYTES).is_none(), "beyond the bound");
        drop(buf);
        assert_eq!(pool.in_use(), 0);
        assert_eq!(
            pool.take().and_then(|small| small.with_spare(4 * BUF_BYTES)).map(|buf| buf.spare_len()),
            Some(4 * BUF_BYTES)
        );
        assert_eq!(pool.in_use(), 0);
    }

    #[test]
    fn room_is_made_by_moving_bytes() {
        let pool = BufPool::new(2);
        let mut tail = filled(&pool, BUF_BYTES);
        assert!(pool.room_after(Some(tail.clone())).is_err(), "no larger one within the bound");
        tail.advance(BUF_BYTES - 3);
        let roomy = pool.room_after(Some(tail)).expect("its bytes can move");
        assert_eq!((roomy.len(), roomy.spare_len()), (3, BUF_BYTES - 3));
    }
}
