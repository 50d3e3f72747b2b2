//! The layer with applications on it, over a simulated network: `house` plays tester, balancer and origins with TLS and
//! without, seed by seed; `edges` has two applications that only listen, moved by hand, and peers with a TLS of their own.

mod answers;
mod edges;
mod house;
mod pki;
mod scene;
mod tape;
