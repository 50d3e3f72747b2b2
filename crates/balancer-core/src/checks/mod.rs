//! Active checks: which server is to be asked how it is, and when; and what the answers come to.
//!
//! ```text
//!   unknown -- first good --> up   -- `fall` bad in a row  --> down      ours (no port, no file here): as before
//!      '------ first bad ---> down -- `rise` good in a row --> up
//! ```
//! A server that is down by its checks gets no requests at all ([`Standing::Down`](crate::Standing)); while nothing is known
//! of it, it does. What becomes of requests ([`crate::health`]) counts beside it, and each alone is enough to keep requests
//! away: an answered check does not end a pause that requests brought about, because the path that was checked may be fine
//! while others fail. A server that comes up again starts anew: what requests had found out before is forgotten.

mod course;
mod rota;
mod rules;
#[cfg(test)]
mod tests;

pub(crate) use course::Course;
pub use course::{Outcome, Turn};
pub use rota::{CheckId, Rota, Target};
pub use rules::{CheckKind, CheckMethod, CheckRules, HttpCheck};
