//! What is done when the process ends.

/// Has `work` called when the process ends in the orderly way: by a return from `main`, or by `exit()`. Not by a signal.
/// False where the C library keeps no more such calls.
pub fn at_exit(work: extern "C" fn()) -> bool {
    // SAFETY: `work` is a function of this program and so lives until its end; it takes nothing.
    unsafe { libc::atexit(work) == 0 }
}
