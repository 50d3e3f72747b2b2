//! The decisions of the kernel about TIME_WAIT, timestamps and ports, by version.
