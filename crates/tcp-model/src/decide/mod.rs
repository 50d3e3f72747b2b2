//! One file per decision, each a pure function of version, sysctls, state, input and `now`.

pub mod client;
pub mod clock;
pub mod close;
pub mod isn;
pub mod nat;
pub mod port_choice;
pub mod recycle;
pub mod reuse;
pub mod syn;
pub mod time_wait;

use crate::source::Source;

/// How long TIME_WAIT lasts: a constant of the kernel (TCP_TIMEWAIT_LEN).
pub const TIME_WAIT_LEN: core::time::Duration = core::time::Duration::from_secs(60);

/// Every decision's origin, one row or more per file.
pub fn sources() -> impl Iterator<Item = &'static Source> {
    [
        client::SOURCES,
        clock::SOURCES,
        close::SOURCES,
        isn::SOURCES,
        nat::SOURCES,
        port_choice::SOURCES,
        recycle::SOURCES,
        reuse::SOURCES,
        syn::SOURCES,
        time_wait::SOURCES,
    ]
    .into_iter()
    .flatten()
}
