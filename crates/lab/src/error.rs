//! What can keep the lab from running, each with its way out.

use crate::catalogue::catalogue;
use std::io;
use std::path::PathBuf;
use sys::link::LinkError;
use sys::netns::Forbidden;
use sys::sock_diag::DiagError;
use sys::sysctl::SysctlError;

/// The lab, or one experiment, could not be run.
#[derive(Debug, thiserror::Error)]
pub enum LabError {
    /// No experiment of that name.
    #[error("there is no experiment {0:?}; {way_out}", way_out = way_out(.0))]
    Unknown(String),
    /// `--ports` out of range.
    #[error("{ports} ports are too {many}: use {min} to {max}", many = if ports < min { "few" } else { "many" })]
    Ports {
        /// As asked.
        ports: u16,
        /// Fewest.
        min: u16,
        /// Most.
        max: u16,
    },
    /// What the gateway carried cannot be written.
    #[error("{}: the capture cannot be written there: {reason}; give another folder with --pcap", path.display())]
    Pcap {
        /// Where.
        path: PathBuf,
        /// Why.
        reason: io::Error,
    },
    /// No private namespaces.
    #[error("{0}")]
    Forbidden(Forbidden),
    /// Links or addresses could not be made.
    #[error("{0}")]
    Link(LinkError),
    /// A sysctl could not be set or read.
    #[error("{0}")]
    Sysctl(SysctlError),
    /// The tables could not be read.
    #[error("{0}")]
    Diag(DiagError),
    /// The counters could not be read.
    #[error("the counters of /proc/net cannot be read: {0}; is /proc mounted?")]
    Counters(io::Error),
    /// No thread could be started inside a namespace.
    #[error("no thread could be started for the {role}: {reason}")]
    Thread {
        /// Whose.
        role: &'static str,
        /// Why.
        reason: io::Error,
    },
    /// A part of the scene did not start or ended badly.
    #[error("the {role} could not run: {reason}")]
    Part {
        /// Which.
        role: &'static str,
        /// Its own words.
        reason: String,
    },
    /// The host has another value than the claim depends on.
    #[error(
        "it needs {setting} ({there} here), which the lab never changes on a host, and no namespace can be made: {why}"
    )]
    HostValue {
        /// The sysctl with the value needed, and whose it is.
        setting: String,
        /// The host's value.
        there: u64,
        /// Why there are no namespaces.
        why: Forbidden,
    },
    /// The scene was needed in private namespaces, and there are none.
    #[error("{0}")]
    NotIsolated(String),
}

impl LabError {
    /// In few words, for a list of what was left out.
    pub(crate) fn brief(&self) -> String {
        match self {
            Self::HostValue { setting, there, .. } => format!("{setting} ({there} here)"),
            other => other.to_string(),
        }
    }
}

fn way_out(name: &str) -> String {
    let names = || catalogue().iter().map(|experiment| experiment.name);
    match named::nearest(name, names()) {
        Some(meant) => format!("did you mean {meant}? `quintet lab --list` tells them all"),
        None => format!("there are: {}", names().collect::<Vec<_>>().join(", ")),
    }
}
