//! What a configuration says of servers by name.

use super::Question;
use crate::settings::ServerSettings;
use core::fmt;
use core::time::Duration;
use named::named;
use std::sync::Arc;

/// Longest name of a host (RFC 1035, section 2.3.4).
const NAME_MAX: usize = 253;
const LABEL_MAX: usize = 63;

/// An entry of `servers` that is a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Number of its backend set.
    pub set: usize,
    /// Whom it names.
    pub whom: Whom,
    /// What all its servers have in common; the address in it is nobody's.
    pub like: ServerSettings,
    /// How it is looked up.
    pub rules: ResolveRules,
}

/// Whom an entry names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Whom {
    /// Every address of this host.
    Host {
        /// Its name, in lower case.
        name: Arc<str>,
        /// Where the servers listen.
        port: u16,
    },
    /// Every address of every target of this service (SRV).
    Service {
        /// Such as `_http._tcp.app.internal`, in lower case.
        name: Arc<str>,
    },
}

impl Whom {
    /// The name that is looked up.
    pub fn name(&self) -> &Arc<str> {
        let (Self::Host { name, .. } | Self::Service { name }) = self;
        name
    }
}

impl fmt::Display for Whom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host { name, port } => write!(f, "{name}:{port}"),
            Self::Service { name } => f.write_str(name),
        }
    }
}

/// How the names of a set are looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResolveRules {
    /// Longest time between two looks; records may ask for the next one earlier.
    pub longest: Duration,
    /// What becomes of a start at which a name leads nowhere.
    pub at_start: AtStart,
    /// Which addresses are servers.
    pub families: Families,
}

impl Default for ResolveRules {
    fn default() -> Self {
        Self { longest: Duration::from_secs(30), at_start: AtStart::default(), families: Families::default() }
    }
}

named! {
    /// What becomes of a start at which a name leads nowhere (`resolve_at_start = "..."` of a backend set).
    #[derive(Default)]
    pub enum AtStart {
        /// Nothing starts.
        #[default]
        Required = "required",
        /// The balancer starts without those servers, and goes on looking.
        Optional = "optional",
    }
}

named! {
    /// Which addresses of a name are servers (`resolve_families = "..."` of a backend set).
    #[derive(Default)]
    pub enum Families {
        /// All.
        #[default]
        Both = "both",
        /// Those of IPv4.
        Ipv4 = "ipv4",
        /// Those of IPv6.
        Ipv6 = "ipv6",
    }
}

impl Families {
    /// What is asked of a host.
    pub(super) fn questions(self, host: &Arc<str>) -> impl Iterator<Item = Question> + use<> {
        let v4 = (self != Self::Ipv6).then(|| Question::V4(Arc::clone(host)));
        let v6 = (self != Self::Ipv4).then(|| Question::V6(Arc::clone(host)));
        v4.into_iter().chain(v6)
    }
}

/// Why a text is no name of a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HostError {
    /// Nothing, or a part of it.
    #[error("a part of the name is empty")]
    Empty,
    /// More than the name system carries.
    #[error("a name has {NAME_MAX} bytes at most, and {LABEL_MAX} between two dots")]
    TooLong,
    /// Other characters.
    #[error("a name has letters, digits, `-`, `_` and dots; what is beyond ASCII is written as `xn--...`")]
    Character,
    /// It would be taken for an IP address by some.
    #[error("a name that ends in a number is no name, and this is no IP address either")]
    Number,
}

/// The name of a host in lower case, one dot at its end (which says that it is complete) included.
///
/// # Errors
/// It is none.
pub fn host_name(text: &str) -> Result<Arc<str>, HostError> {
    let labels = text.strip_suffix('.').unwrap_or(text);
    if labels.len() > NAME_MAX || labels.split('.').any(|label| label.len() > LABEL_MAX) {
        return Err(HostError::TooLong);
    }
    if labels.split('.').any(str::is_empty) {
        return Err(HostError::Empty);
    }
    if !labels.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte)) {
        return Err(HostError::Character);
    }
    let last = labels.rsplit('.').next().unwrap_or_default();
    if last.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(HostError::Number);
    }
    Ok(text.to_ascii_lowercase().into())
}
