//! The life of a port, without a socket: which 4-tuple to use next, why a connection failed, who
//! closed it first, and how many connections per second a set of ports can pay for.
//!
//! Pure: no sockets, no clock, no threads. `now` is a [`core::time::Duration`] since any fixed start.

pub mod address;
pub mod allocator;
pub mod budget;
pub mod closing;
mod destination;
pub mod fault;
pub mod handshake;
pub mod list;
pub mod own;
mod queue;
pub mod set;
mod source_list;
pub mod sources;
pub mod spending;
mod strain;

pub use address::{Address, NoUnixPath, UnixPath};
pub use allocator::{DestinationId, Lease, NoPort, PortAllocator, PortCounts, PortEnd, TooManyDestinations};
pub use budget::{Budget, BudgetVerdict, TIME_WAIT_LONGEST};
pub use closing::{ClosedFirst, ClosingTally};
pub use fault::{Blame, Fault, FaultKind};
pub use handshake::{Announcements, ClientCertificate, HandshakeFailure, Handshakes, TlsVersion, Unannounced};
pub use list::PortList;
pub use own::{HostPorts, NoOwnPorts};
pub use set::{PortRange, PortSet, SetError};
pub use source_list::{SAMPLE, SourcesError, expand_sources, is_sampled, parse_sources};
pub use sources::{Source, SourceSet, Sources, Start, Target, Tries};
pub use spending::Spending;
pub use strain::Strain;
