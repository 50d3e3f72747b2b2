//! Of `[[backend_set]]`: which server a request goes to.

use balancer_core::Balance;
use config_file::{Key, Kind};

pub(super) const BALANCE: Key = Key::new(
    "balance",
    Kind::choice::<Balance>(),
    "which server is next. `\"round-robin\"`: all in turn, smoothly by weight; `\"least-connections\"`: the one with the \
     fewest requests and tunnels under way for its weight, over all workers",
)
.or("\"round-robin\"");
