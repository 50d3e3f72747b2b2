//! What a configuration can cost on this host, told without starting anything.

use crate::access::LINES_BYTES_MAX;
use crate::config::Config;
use crate::errors::SetupError;
use crate::rates::Rates;
use crate::run::bounds_of;
use crate::worker::ENCODERS_MAX;
use balancer_core::cost::{self, Cost, Shell};

/// With so many workers, or as many as it has by itself.
///
/// # Errors
/// A set whose own ports cannot be divided among so many workers.
pub fn cost(config: &Config, workers: Option<usize>) -> Result<Cost, SetupError> {
    let plan = config.plan(workers)?;
    let (files, bounds) = (sys::limits::file_limit().soft, bounds_of(&plan));
    let mut settings = plan.settings.clone();
    balancer_core::files::fit(&mut settings, files, plan.workers, &bounds);
    let shell = Shell {
        files,
        workers: plan.workers,
        bounds,
        buffers_max: plan.reactor.buffers_max,
        buffer_bytes: reactor::buf::BUF_BYTES,
        handshake_bytes: secure::HANDSHAKE_BYTES_MAX,
        pipe_bytes: reactor::PIPE_BYTES,
        encoders_max: ENCODERS_MAX,
        rate_bytes: Rates::bytes_of(&settings),
        // One that is filled, and one that is written.
        log_bytes: if config.access_log.is_some() { 2 * LINES_BYTES_MAX as u64 } else { 0 },
        sockets_bytes: sockets_bytes(),
    };
    Ok(cost::of(&settings, &shell))
}

/// The third number of `tcp_mem`, which is in pages.
fn sockets_bytes() -> Option<u64> {
    let text = sys::sysctl::read("net.ipv4.tcp_mem").ok()?;
    let pages: u64 = text.split_whitespace().nth(2)?.parse().ok()?;
    Some(pages.saturating_mul(sys::limits::page_bytes()))
}
