//! The decisions of the kernel about TIME_WAIT, timestamps and ports, by version; scenarios that put them to the test;
//! and a simulation of clients, gateway and server on top of them.
//!
//! Pure: no sockets, no clock. Time is handed in as `now`, counted from some start of the caller's.
//!
//! ```text
//!   decide/     one file per decision: (version, sysctls, state, segment or call, now) -> what happens, counters
//!   host/       the decisions put together into one host          scenario/   timelines, run against such a host
//!   simulate/   thousands to millions of clients, a gateway, a server, over minutes
//! ```
//! Every decision lists its kernel function, versions, source and certainty in `SOURCES`; [`decide::sources`] gives all.

pub mod counter;
pub mod decide;
pub mod host;
pub mod scenario;
pub mod segment;
pub mod seq;
pub mod simulate;
pub mod source;
pub mod sysctls;
pub mod version;

pub use counter::{Bumps, Counter, Counters};
pub use segment::{Flags, Segment, Timestamp};
pub use source::{Certainty, Source};
pub use sysctls::{SysctlError, Sysctls};
pub use version::{BadVersion, Version, VersionRange};
