//! The stress tester on the reactor: `stress-core` decides, this crate connects, sends and receives.
//!
//! [`run()`] does a whole run on threads of its own. [`Tester`] is one thread's share of it, an
//! [`reactor::App`] that runs over any reactor, the simulated one included.

mod error;
mod facts;
mod live;
mod orders;
mod preflight;
mod request;
mod requests;
mod resolve;
mod run;
mod stand;
mod stop;
mod tester;
mod time_wait;
mod tls;
mod tunnel;
mod urls;
mod watch;

pub use error::StressError;
pub use orders::{Counts, Order, Told};
pub use preflight::Preflight;
pub use requests::{RequestPool, Requests, Turns};
pub use resolve::{Resolved, resolve};
pub use run::{prepare, run, run_prepared};
pub use stop::StopFlag;
pub use tester::{Share, Tester};
pub use tls::TlsError;
pub use urls::{URLS_BYTES_MAX, UrlList, parse_urls};
