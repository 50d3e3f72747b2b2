//! The stress tester's decisions, without a socket: what was asked for, what a connection does next,
//! how its end is counted, and what a run says in the end.
//!
//! ```text
//! PlanDraft -> Plan -> (shell drives one Life per connection) -> Tally per thread -> Report
//! ```

pub mod arrivals;
pub mod backoff;
pub mod by_hand;
pub mod by_request;
pub mod client;
pub mod course;
pub mod crowd;
pub mod error_kind;
pub mod forecast;
pub mod form;
pub mod judgement;
pub mod kernel;
pub mod life;
pub mod load;
pub mod moment;
pub mod pace;
pub mod plan;
pub mod report;
pub mod script;
pub mod search;
pub mod snapshot;
pub mod step;
pub mod tally;
mod template;
pub mod threshold;
pub mod verdict;

pub use by_hand::{Asked, ByHand, Dial, Scale, Turn};
pub use by_request::ByRequest;
pub use client::Astray;
pub use course::{Course, CourseError, Phase};
pub use crowd::{Crowd, CrowdError, CrowdPhase};
pub use error_kind::{ErrorKind, proxy_refused};
pub use forecast::Forecast;
pub use judgement::{Judgement, Limiter};
pub use kernel::{KernelCounter, KernelCounts};
pub use life::{Life, Rules};
pub use load::{Load, LoadDraft, LoadError};
pub use moment::{Moment, SeriesPoint};
pub use pace::{Pace, Part, Rate, Spread};
pub use plan::{ClosePolicy, Plan, PlanDraft, PlanError, PortMode};
pub use ports::parse_sources;
pub use report::{Report, TimeWaitOurs};
pub use script::{Order, Picker, RequestDraft, Script, ScriptDraft};
pub use snapshot::Snapshot;
pub use step::{CloseBy, Failure, HeadsRead, Next, Oddity, Outcome, Step, Unmet, dialect_meaning};
pub use tally::{Redirects, Tally};
pub use template::Ends;
pub use threshold::{Figures, Judged, Threshold, ThresholdError};
pub use verdict::Verdict;
