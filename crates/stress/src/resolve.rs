//! The target's name to one address.

use crate::StressError;
use std::net::SocketAddr;
use stress_core::Plan;

/// The address to connect to: the first one the resolver names, of the family of the plan's source
/// addresses where it has any.
pub fn resolve(plan: &Plan) -> Result<SocketAddr, StressError> {
    let all = sys::resolve::resolve(plan.url.host(), plan.url.port())?;
    let fits = |target: &SocketAddr| {
        plan.sources.is_empty() || plan.sources.iter().any(|source| source.is_ipv4() == target.is_ipv4())
    };
    let target = all.iter().copied().find(fits);
    target.ok_or_else(|| StressError::Family { target: all[0].ip() })
}
