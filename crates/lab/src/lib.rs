//! The lab: the guide's scene on the running kernel, claim by claim.
//!
//! Client, balancer and server get private network namespaces; the real tester drives the real
//! balancer; the kernel's own tables and counters say what came of it. An [`Experiment`] is data, a
//! [`Verdict`] is a comparison of figures: nothing is judged that was not observed.
//!
//! ```text
//! catalogue -> stage (namespaces or loopback) -> traffic / cliff / nat -> observe -> verdict -> Outcome
//! ```

pub mod catalogue;
pub mod cliff;
pub mod cliff_verdict;
pub mod error;
pub mod experiment;
pub mod gateway;
pub mod nat;
pub mod observe;
pub mod outcome;
mod parts;
pub mod run;
pub mod scenario;
pub mod stage;
pub mod topology;
pub mod traffic;
pub mod verdict;

pub use catalogue::catalogue;
pub use error::LabError;
pub use experiment::Experiment;
pub use outcome::{Outcome, Point, Seen, Series, Verdict};
pub use run::{Isolation, Options, PORTS_DEFAULT, PORTS_MAX, PORTS_MIN, Progress, run, select};
pub use topology::{Role, Topology};
