//! The balancer's shell: one [`Worker`] per core over a reactor each, steered by a [`Handle`].
//!
//! The worker is an [`reactor::App`]: the same code runs on the kernel and in the simulation.

mod access;
mod board;
mod boards;
mod circles;
pub mod config;
mod cost;
mod crew;
mod doors;
mod errors;
mod explain;
mod flight;
pub mod foreseen;
mod former;
mod glance;
mod guests;
mod line;
pub mod orders;
mod own_ports;
mod passwords;
mod purse;
mod rates;
mod room;
mod run;
mod shelf;
mod sources;
mod spending;
mod staff;
mod stand;
mod timestamps;
mod tls;
mod worker;

pub use access::{AccessLog, Failed, FailureTeller, LogError, LogFormat, LogTarget, Logging, SyslogForm, SyslogPlace};
pub use boards::{Boards, Seen};
pub use config::{AdminSettings, Config, ConfigError, Token};
pub use cost::cost;
pub use doors::Inherited;
pub use errors::{ApplyError, SetupError, StartError, Warning};
pub use explain::{Question, QuestionError, explain};
pub use glance::{Glance, Listens};
pub use passwords::hash_password;
pub use run::{Handle, Inheritance, Next, Parting, Plan, start, start_with};
pub use secure::TicketKey;
pub use shelf::Shelf;
pub use spending::PortWatch;
pub use stand::{Layers, Stand};
pub use timestamps::TimestampsError;
pub use tls::{InUse, SecureError, TicketKeys, certificate_warnings};
pub use worker::{Worker, WorkerShare};
