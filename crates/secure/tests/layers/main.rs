//! Two applications that only listen, over TLS on a simulated network, moved by hand; and peers with a TLS of their own.

mod edges;
mod pki;
