//! The target's name to one address.

use crate::StressError;
use std::net::{SocketAddr, ToSocketAddrs};
use stress_core::Plan;

/// The address to connect to: the first one the resolver names, of the family of the plan's source
/// addresses where it has any.
pub fn resolve(plan: &Plan) -> Result<SocketAddr, StressError> {
    let host = plan.url.host();
    let fail = |reason: String| StressError::Resolve { host: host.to_owned(), reason };
    let found = (host, plan.url.port()).to_socket_addrs().map_err(|error| fail(error.to_string()))?;
    let all: Vec<SocketAddr> = found.collect();
    let first = *all.first().ok_or_else(|| fail("it has no address".to_owned()))?;
    let fits = |target: &&SocketAddr| plan.sources.iter().any(|source| source.is_ipv4() == target.is_ipv4());
    if plan.sources.is_empty() {
        return Ok(first);
    }
    all.iter().find(fits).copied().ok_or(StressError::Family { target: first.ip() })
}
