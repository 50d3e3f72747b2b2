//! Of `[[backend_set]]`: which server a request goes to.

use super::super::backend::WEIGHT_MAX;
use balancer_core::Balance;
use config_file::{Key, Kind};

pub(super) const BALANCE: Key = Key::new(
    "balance",
    Kind::choice::<Balance>(),
    "which server is next. `\"round-robin\"`: all in turn, smoothly by weight; `\"least-connections\"`: the one with the \
     fewest requests and tunnels under way for its weight, over all workers; `\"random\"`: the better one of two that chance \
     names; `\"least-time\"`: the one that is likely to answer first, by its times to the first byte and what is under way; \
     `\"hash\"`: the same one for what requests have in common, see `hash`",
)
.or("\"round-robin\"");

pub(super) const HASH: Key = Key::new(
    "hash",
    Kind::Text("\"source\", \"path\", \"uri\", \"header:NAME\" or \"cookie:NAME\""),
    "with `balance = \"hash\"`: what requests to the same server have in common. Few go elsewhere when a server comes or \
     leaves, and all balancers with the same servers choose alike; a server that has a quarter more to do than its share is \
     passed over. Requests without such a field or cookie go round robin. A tcp connection has its source only",
)
.example("\"cookie:session\"");

pub(super) const SLOW_START: Key = Key::new(
    "slow_start",
    Kind::Time,
    "how long a server that is well again, or was added to a running set, takes to its full weight, from a tenth of it; \
     none: no time",
)
.example("\"30s\"");

pub(super) const WEIGHT: Key = Key::new(
    "weight",
    Kind::Number { min: 0, max: WEIGHT_MAX },
    "its share of the requests; 0: it takes nothing new, what is under way goes on",
)
.or("1");

pub(super) const BACKUP: Key =
    Key::new("backup", Kind::Switch, "it is asked only where no other server is well").or("false");
