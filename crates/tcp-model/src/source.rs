//! Where a decision comes from: kernel function, versions, document, and how sure that is.

use crate::version::VersionRange;

/// How sure a decision is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Certainty {
    /// Remembered or concluded; not checked against source or a running kernel.
    Remembered,
    /// Read in a commit message or in documentation.
    Documented,
    /// Read in the kernel's source.
    Read,
    /// Tried on a running kernel.
    Tried,
}

/// The origin of one decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Source {
    /// What is decided, in a few words.
    pub decision: &'static str,
    /// The kernel's function.
    pub function: &'static str,
    /// The versions it holds for.
    pub versions: VersionRange,
    /// Commits and documents.
    pub reference: &'static str,
    /// How sure.
    pub certainty: Certainty,
}
