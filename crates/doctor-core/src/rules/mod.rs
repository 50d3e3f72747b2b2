//! Every rule, one table per subject. Causes stand before symptoms.

mod balancer;
mod buckets;
mod conntrack;
mod cures;
mod elsewhere;
mod files;
mod handshake;
mod leaks;
mod listen;
mod local;
mod past;
mod ports;
mod rate;
mod resets;
mod reuse;
mod target_close;
mod target_path;
mod timestamps;

use crate::rule::Rule;

static GROUPS: [&[Rule]; 16] = [
    local::RULES,
    ports::RULES,
    rate::RULES,
    reuse::RULES,
    timestamps::RULES,
    buckets::RULES,
    listen::RULES,
    conntrack::RULES,
    files::RULES,
    leaks::RULES,
    handshake::RULES,
    resets::RULES,
    target_path::RULES,
    target_close::RULES,
    balancer::RULES,
    past::RULES,
];

/// Every rule there is.
pub fn all() -> impl Iterator<Item = &'static Rule> {
    GROUPS.iter().flat_map(|group| group.iter())
}
