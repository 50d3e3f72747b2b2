//! TLS on the kernel's sockets, with other people's programs at the other end.

mod clients;
pub(crate) mod pki;
pub(crate) mod servers;
