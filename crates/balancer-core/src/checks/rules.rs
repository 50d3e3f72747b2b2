//! How the servers of a set are checked.

use core::ops::RangeInclusive;
use core::time::Duration;
use named::named;

/// How the servers of a set are checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckRules {
    /// What is asked.
    pub kind: CheckKind,
    /// The port that is asked; `None`: that of the server.
    pub port: Option<u16>,
    /// Between two checks; a tenth more or less, by chance.
    pub interval: Duration,
    /// The same while a server is down.
    pub interval_down: Duration,
    /// For a whole check.
    pub timeout: Duration,
    /// Good checks in a row that bring a server up.
    pub rise: u32,
    /// Bad checks in a row that bring it down.
    pub fall: u32,
}

impl CheckRules {
    /// With the defaults.
    pub fn new(kind: CheckKind) -> Self {
        Self {
            kind,
            port: None,
            interval: Duration::from_secs(2),
            interval_down: Duration::from_secs(1),
            timeout: Duration::from_secs(2),
            rise: 2,
            fall: 3,
        }
    }
}

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CheckKind {
    /// Whether it takes connections.
    Tcp,
    /// What it answers.
    Http(HttpCheck),
}

/// A request, and which answers are good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpCheck {
    /// What is done with the path.
    pub method: CheckMethod,
    /// Path and query.
    pub path: String,
    /// `Host`; `None`: the server's name, or address.
    pub host: Option<String>,
    /// Statuses that are good.
    pub statuses: Vec<RangeInclusive<u16>>,
    /// What has to stand in the body.
    pub body: Option<String>,
}

impl HttpCheck {
    /// With the defaults: GET, and any status from 200 to 399.
    pub fn new(path: &str) -> Self {
        let (method, statuses) = (CheckMethod::default(), vec![200..=399]);
        Self { method, path: path.to_owned(), host: None, statuses, body: None }
    }

    /// Is this status good?
    pub fn takes(&self, status: u16) -> bool {
        self.statuses.iter().any(|good| good.contains(&status))
    }
}

named! {
    /// How a check asks (`method = "..."`).
    #[derive(Default)]
    pub enum CheckMethod {
        /// For the body, too.
        #[default]
        Get = "GET",
        /// For the head only.
        Head = "HEAD",
        /// For what can be done.
        Options = "OPTIONS",
    }
}
