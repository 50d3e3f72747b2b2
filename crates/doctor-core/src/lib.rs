//! Why connects fail, or when they will: recorded facts in, findings out.
//!
//! Pure: no sockets, no clock, no threads. The shell (`doctor`) gathers [`HostFacts`] and
//! [`TargetFacts`], a running balancer tells [`BalancerFacts`]; [`diagnose`] runs every [`Rule`] over them.
//!
//! ```text
//! facts/   what a host looks like        rules/   one table per subject: facts -> finding
//! target   what probes of a target saw   beliefs  what people wrongly do instead
//! balancer what one of ours says of itself
//! top      bounded count of destinations changes  sysctls to set, and how to take that back
//! ```

pub mod balancer;
pub mod beliefs;
pub mod changes;
mod diagnosis;
pub mod explain;
pub mod facts;
pub mod finding;
pub mod outlook;
pub mod question;
pub mod rule;
mod rules;
pub mod tactic;
pub mod target;
pub mod top;

pub use balancer::BalancerFacts;
pub use diagnosis::{Diagnosis, Subjects, diagnose, diagnose_all};
pub use explain::explain;
pub use facts::HostFacts;
pub use finding::{Certainty, Cure, Elsewhere, Finding, Invasiveness, Severity};
pub use outlook::Outlook;
pub use question::Question;
pub use rule::{Case, Found, Rule};
pub use rules::all as all_rules;
pub use tactic::{CloseTactic, PortTactic, Tactic};
pub use target::TargetFacts;
