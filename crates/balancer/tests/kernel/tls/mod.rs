//! TLS on the kernel's sockets, with other people's programs at the other end.

mod clients;
mod house;
pub(crate) mod pki;
mod scanned;
pub(crate) mod servers;
mod tickets;
