//! An allocator that ends the program with a message where memory is refused, in place of an abort with a backtrace.

use std::alloc::{GlobalAlloc, Layout, System};

/// The system's allocator. Install it as `#[global_allocator]` of a program.
#[derive(Clone, Copy, Debug)]
pub struct OrEnd {
    /// Before the number of bytes that were refused.
    pub before: &'static str,
    /// Behind it, with the way out.
    pub behind: &'static str,
    /// Exit code.
    pub code: i32,
}

impl OrEnd {
    fn checked(&self, memory: *mut u8, bytes: usize) -> *mut u8 {
        if memory.is_null() { self.end(bytes) } else { memory }
    }

    /// Allocates nothing: there is nothing to be had.
    #[cold]
    fn end(&self, bytes: usize) -> ! {
        let mut digits = [0; 20];
        for part in [self.before.as_bytes(), decimal(bytes as u64, &mut digits), self.behind.as_bytes()] {
            let _nobody_reads = rustix::io::write(std::io::stderr(), part);
        }
        // SAFETY: ends the process at once; no destructor and no exit handler runs, which could ask for memory again.
        unsafe { libc::_exit(self.code) }
    }
}

fn decimal(mut number: u64, into: &mut [u8; 20]) -> &[u8] {
    let mut at = into.len();
    loop {
        at -= 1;
        into[at] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            return &into[at..];
        }
    }
}

// SAFETY: every call goes to `System` unchanged, which keeps the contract of `GlobalAlloc`; where that gives null the
// process ends, which neither allocates nor unwinds.
unsafe impl GlobalAlloc for OrEnd {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller keeps the contract of `alloc`, which is that of `System::alloc`.
        self.checked(unsafe { System.alloc(layout) }, layout.size())
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller keeps the contract of `alloc_zeroed`, which is that of `System::alloc_zeroed`.
        self.checked(unsafe { System.alloc_zeroed(layout) }, layout.size())
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: `memory` came from `System` with this `layout`, for all of ours do; the caller vouches for `size`.
        self.checked(unsafe { System.realloc(memory, layout, size) }, size)
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: `memory` came from `System` with this `layout`, for all of ours do.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_need_no_memory() {
        let check = |number: u64| assert_eq!(decimal(number, &mut [0; 20]), number.to_string().as_bytes());
        [0, 7, 1234, u64::MAX].into_iter().for_each(check);
    }
}
