//! Versions.

/// The version of a message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[allow(missing_docs)] // the names say it
pub enum Version {
    Http10,
    #[default]
    Http11,
}
