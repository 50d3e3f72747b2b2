//! The running kernel's version.

use core::fmt;

/// `6.18.44` of `6.18.44-generic`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KernelVersion {
    /// First number.
    pub major: u32,
    /// Second number.
    pub minor: u32,
    /// Third number; 0 where there is none.
    pub patch: u32,
}

impl KernelVersion {
    /// A version.
    pub const fn new(major: u32, minor: u32, patch: u32) -> Self {
        Self { major, minor, patch }
    }

    /// Reads the release as `uname` shows it; `None` when it does not begin with two numbers.
    pub fn parse(release: &str) -> Option<Self> {
        let numbers = release.split(|c: char| !c.is_ascii_digit() && c != '.').next()?;
        let mut parts = numbers.split('.').map(str::parse);
        let (major, minor) = (parts.next()?.ok()?, parts.next()?.ok()?);
        let patch = parts.next().and_then(Result::ok).unwrap_or(0);
        Some(Self { major, minor, patch })
    }

    /// `tcp_tw_recycle` exists: removed in 4.12 (4396e46187ca).
    pub(crate) fn has_recycle(self) -> bool {
        self < Self::new(4, 12, 0)
    }

    /// Timestamps start at a random offset for every 4-tuple again (165573e41f2f): 6.18.17, 6.19.7 and later.
    pub(crate) fn has_per_flow_timestamps(self) -> bool {
        match (self.major, self.minor) {
            (6, 18) => self.patch >= 17,
            (6, 19) => self.patch >= 7,
            _ => self >= Self::new(7, 0, 0),
        }
    }
}

impl fmt::Display for KernelVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(release: &str, expect: Option<(u32, u32, u32)>) {
        let expect = expect.map(|(major, minor, patch)| KernelVersion::new(major, minor, patch));
        assert_eq!(KernelVersion::parse(release), expect, "{release:?}");
    }

    #[test]
    fn releases_are_read() {
        check("6.18.44-generic", Some((6, 18, 44)));
        check("2.6.32-754.el6.x86_64", Some((2, 6, 32)));
        check("5.4", Some((5, 4, 0)));
        check("6.1.0-18-amd64", Some((6, 1, 0)));
        check("6.19-rc3", Some((6, 19, 0)));
        check("", None);
        check("Linux", None);
    }

    #[test]
    fn per_flow_offsets_came_back_in_stable_releases() {
        let per_flow = |release| KernelVersion::parse(release).expect("a release").has_per_flow_timestamps();
        assert!(!per_flow("6.12.90") && !per_flow("6.18.16") && per_flow("6.18.17"));
        assert!(!per_flow("6.19.6") && per_flow("6.19.7") && per_flow("7.0.0"));
    }
}
