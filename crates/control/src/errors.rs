//! Why nothing was started, or changed.

use balancer::{ConfigError, SetupError, StartError};

/// Why nothing was started.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// Names lead nowhere; all of them, one line each.
    #[error("{0}")]
    Nowhere(String),
    /// The configuration cannot be worked with.
    #[error(transparent)]
    Setup(#[from] SetupError),
    /// The balancer does not start.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The thread of the control plane cannot run.
    #[error("the control plane cannot run: {0}")]
    Thread(std::io::Error),
    /// Somebody beside the workers cannot go by it.
    #[error("{0}")]
    Fellow(String),
}

/// Why a configuration is not worked by; everything is as it was.
#[derive(Debug, thiserror::Error)]
pub enum ReloadError {
    /// It has mistakes, or cannot be read.
    #[error("{}", .0.render(100, false))]
    File(ConfigError),
    /// It cannot be worked by.
    #[error(transparent)]
    Refused(#[from] ControlError),
    /// Nobody said where it is.
    #[error("there is no configuration file to be read again (--config)")]
    NoFile,
    /// One at a time.
    #[error("another configuration is being loaded: wait until it is, and try again")]
    Busy,
    /// A panic in the control plane, which goes on.
    #[error("{0}")]
    Broken(String),
    /// There is nothing left to change.
    #[error("the balancer is ending")]
    Ending,
}
