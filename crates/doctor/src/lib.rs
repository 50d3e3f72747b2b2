//! The doctor's shell: reads the facts of this host, probes a balancer from outside, applies sysctls on
//! consent. What the facts mean is decided in `doctor-core`.
//!
//! ```no_run
//! use doctor::{HostPlan, Patience};
//! let host = doctor::gather(&HostPlan::default());
//! let target = doctor::probe("http://10.0.0.1:8080/", &Patience::default())?;
//! let diagnosis = doctor_core::diagnose(host, Some(target), doctor_core::Question::default());
//! println!("{}", diagnosis.verdict());
//! # Ok::<(), doctor::TargetError>(())
//! ```

pub mod apply;
mod host;
mod probed;
mod watch;

pub use apply::{Applied, ApplyError, Consent, apply, revert};
pub use host::{HostPlan, NoSuchProcess, check_process, gather};
pub use probed::{Patience, TargetError, probe};
pub use watch::{Snapshot, Watch};
