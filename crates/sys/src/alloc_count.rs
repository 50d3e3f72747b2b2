//! An allocator that counts, for tests that assert "nothing is allocated here".
//!
//! ```
//! use sys::alloc_count::{CountingAllocator, allocations_in};
//!
//! #[global_allocator]
//! static ALLOCATOR: CountingAllocator = CountingAllocator;
//!
//! assert_eq!(allocations_in(|| 2 + 2), (4, 0));
//! assert_eq!(allocations_in(|| Box::new(2)).1, 1);
//! ```

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

thread_local! {
    // Const and without a destructor: reading it never allocates, which an allocator must not do.
    static COUNT: Cell<u64> = const { Cell::new(0) };
}

/// The system's allocator, with a count per thread of every allocation and reallocation. Install it as
/// `#[global_allocator]` of a test.
#[derive(Clone, Copy, Debug, Default)]
pub struct CountingAllocator;

/// Runs `work` and returns its result with the allocations it made on this thread. Always 0 where
/// [`CountingAllocator`] is not the global allocator, so let a test also see it count something.
pub fn allocations_in<T>(work: impl FnOnce() -> T) -> (T, u64) {
    let before = COUNT.get();
    let result = work();
    (result, COUNT.get() - before)
}

// SAFETY: every call goes to `System` unchanged, which keeps the contract of `GlobalAlloc`; counting neither
// allocates nor unwinds.
unsafe impl GlobalAlloc for CountingAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.set(COUNT.get() + 1);
        // SAFETY: the caller keeps the contract of `alloc`, which is that of `System::alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        COUNT.set(COUNT.get() + 1);
        // SAFETY: the caller keeps the contract of `alloc_zeroed`, which is that of `System::alloc_zeroed`.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        COUNT.set(COUNT.get() + 1);
        // SAFETY: `memory` came from `System` with this `layout`, for all of ours do; the caller vouches for `size`.
        unsafe { System.realloc(memory, layout, size) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: `memory` came from `System` with this `layout`, for all of ours do.
        unsafe { System.dealloc(memory, layout) }
    }
}
