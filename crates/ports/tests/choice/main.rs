//! Which port is next, and from where.

mod allocator;
mod sources;
