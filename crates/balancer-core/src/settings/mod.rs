//! What the balancer is told to do: checked, so that it cannot be wrong.

mod backend_set;
mod connections;
mod listener;
mod requests;
mod server;

pub use backend_set::{BackendSetSettings, Capacity, ResponseLimits, ResponseReading, ServerTimeouts};
pub use connections::{PoolSettings, PortChoice, PortSettings, SourcesHere};
pub use listener::{Bind, ClientTimeouts, ListenerLimits, ListenerSettings, Protocol};
pub use requests::{ForwardedPolicy, RequestIds, RequestRules, Twins, WayField};
pub use server::{SERVERS_MAX, ServerSettings, WEIGHT_MAX};

/// Everything a core needs to know. Listeners name backend sets by index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Where clients come in.
    pub listeners: Vec<ListenerSettings>,
    /// Where requests go.
    pub backend_sets: Vec<BackendSetSettings>,
}
