//! The control plane: what goes on beside the requests. One thread with a runtime of its own looks up the names of
//! servers, checks servers, and has the workers go by what it finds; it never touches a request.
//!
//! ```text
//!   control thread -- one mailbox --> Plane (book of names) -- balancer::Handle::apply --> workers
//!     ^  ^  ^                           |
//!     |  |  '- orders of the owner      '-- events --> the binary, which tells people
//!     |  '- answers of the name system, outcomes of checks (a task each)   boards: who is down
//!     '- what became of an apply
//! ```
//! Decisions are `balancer_core::names`' and `balancer_core::checks`'; here they are carried out.

mod by;
mod errors;
mod event;
mod farewells;
mod fellow;
mod guard;
mod health;
mod names;
mod news;
mod orders;
mod plane;
mod probe;
mod reload;
mod remote;
mod resolver;
mod run;
mod stamp;
mod wire;

pub use by::By;
pub use errors::{ControlError, ReloadError};
pub use event::Event;
pub use fellow::{Commit, Fellow};
pub use news::{News, NewsDesk, Told, Watch, news};
pub use orders::NotOrdered;
pub use reload::{Change, HandOvers, Past, Reloaded, Reloading, Reloads};
pub use remote::Remote;
pub use run::{Control, Heritage, Look, look_up, start, start_with};
pub use stamp::{FileStamp, stamp};
