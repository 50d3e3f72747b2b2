//! A NAT gateway (NAT44, TCP only): frames in, frames out, and a journal of what passed.
//!
//! No sockets and no clock: `now` is the time since some start, every choice by chance comes from one
//! seed. The same frames at the same times give the same frames out.
//!
//! ```text
//!   Side::Inside(0) --+
//!   Side::Inside(1) --+-- filter -- table (one public address) -- weather -- Side::Outside
//! ```

mod channel;
mod choose;
mod drops;
mod flow;
mod gateway;
mod journal;
mod pcap;
mod settings;
mod station;
mod table;

pub use channel::Weather;
pub use drops::{Counters, DropReason};
pub use flow::{FlowState, Timeouts, Tuple};
pub use gateway::{Gateway, Outgoing};
pub use journal::{Fate, Journal, RECORDS_MAX, Record};
pub use pcap::Capture;
pub use settings::{FLOWS_MAX, Filter, Link, SettingError, Settings, Side};
pub use tcp_model::decide::nat::Policy as PortPolicy;
