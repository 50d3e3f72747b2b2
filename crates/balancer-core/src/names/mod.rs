//! Servers by name: which questions are to be asked of the name system and when, what the answers come to, and who the
//! servers of a set therefore are.
//!
//! ```text
//!   Members (as written) -> Questions -> [asked by the control plane] -> Answers -> Watch (one per question)
//!                                                                                     '-> servers of each member
//! ```
//! What an answer means for addresses that are known already:
//!
//! | answer | means |
//! |---|---|
//! | records | these and no others, from now on |
//! | no such name, no such record | believed when it is said three times in a row; until then what was known counts |
//! | any error, or no answer | nothing is known, so what was known counts, for as long as it takes |
//!
//! Each question has its own state: that the AAAA records cannot be had says nothing of the A records.

mod book;
mod member;
#[cfg(test)]
mod tests;
mod watch;

pub use book::{Book, Change, Nowhere};
pub use member::{AtStart, Families, HostError, Member, ResolveRules, Whom, host_name};
pub use watch::{Answer, Record, Target};

use std::fmt;
use std::sync::Arc;

/// What is asked of the name system.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Question {
    /// The IPv4 addresses of a host.
    V4(Arc<str>),
    /// Its IPv6 addresses.
    V6(Arc<str>),
    /// The hosts and ports of a service.
    Service(Arc<str>),
}

impl Question {
    /// The name it is about.
    pub fn name(&self) -> &Arc<str> {
        let (Self::V4(name) | Self::V6(name) | Self::Service(name)) = self;
        name
    }
}

impl fmt::Display for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self {
            Self::V4(_) => "A",
            Self::V6(_) => "AAAA",
            Self::Service(_) => "SRV",
        };
        write!(f, "{kind} of {}", self.name())
    }
}
