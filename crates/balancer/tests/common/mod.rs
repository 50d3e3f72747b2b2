//! The other players of the simulated scene: clients and origins that do everything HTTP allows, and
//! some things it does not, and know byte by byte what must come of it.
//!
//! Nothing here uses the balancer's own HTTP code: what is checked must not check itself.

pub(crate) mod change;
pub(crate) mod client;
pub(crate) mod herald;
pub(crate) mod house;
pub(crate) mod origin;
pub(crate) mod plan;
pub(crate) mod scene;
pub(crate) mod script;
pub(crate) mod tls;
pub(crate) mod wire;
pub(crate) mod world;

use seed::Rng;

/// The body that belongs to `id`: both ends can compute it.
pub(crate) fn pattern(id: u64, len: usize) -> Vec<u8> {
    Rng::new(id).bytes(len)
}
