//! The whole scene as a discrete-event simulation: clients, a NAT gateway, a server or balancer, each with the
//! decisions of its kernel. Same plan and seed, same result.
//!
//! ```text
//!   client i ──SYN──▶ gateway ──SYN──▶ server             arrivals: evenly spread gaps around 1/rate
//!     port by its     public port        TIME_WAIT? recycle?      each connection lives `life`, then one side
//!     kernel          by policy          else accepted            closes first, or resets
//!        ◀── challenge ACK: RST, SYN again (client.rs) ──
//!        ◀── silence: SYN again by the timer ──
//! ```
//! Left out: queues of the listener, loss on the way, data. A segment's way takes half of the round trip; the
//! gateway and the server decide at the instant the SYN is sent.

mod client_ports;
mod engine;
mod gateway;
mod guide;
mod output;
mod plan;
mod random;
mod server;
mod sweep;
mod tally;

pub use engine::simulate;
pub use guide::{Finding, Judgement, guide};
pub use output::{Cause, ConnectTimes, Output, Point, Syns};
pub use plan::{Closes, Nat, Plan, PlanError, RawPlan};
pub use sweep::{Cell, Variant, sweep};
pub use tally::POINTS_MAX;
