//! `quintet serve` under a service manager: what it is told, what it hands over, and a unit for it. The protocols are
//! datagrams and variables: a library would be as long as this.

mod notify;
pub(super) mod sockets;
pub(super) mod unit;
mod watchdog;

pub(super) use notify::Manager;
pub(super) use watchdog::Watchdog;
