//! Linux versions: parsed, ordered, and ranges of them.
//!
//! A version is a series (`6.18`, or `2.6.32` before 3.0) and a patch level. Mainline and stable trees are meant;
//! a vendor's kernel carries backports that its number does not tell.

use core::fmt;
use core::str::FromStr;

/// A kernel version such as `6.18.17` or `2.6.32`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version {
    series: [u16; 3],
    patch: u16,
}

impl Version {
    /// Every version at which one of the decisions changes, and the long-term ones between.
    pub const STUDIED: [Self; 34] = [
        Self::old(32),
        Self::old(38),
        Self::new(3, 1),
        Self::new(3, 10),
        Self::new(3, 13),
        Self::new(3, 16),
        Self::new(3, 17),
        Self::new(4, 0),
        Self::new(4, 4),
        Self::new(4, 6),
        Self::new(4, 9),
        Self::new(4, 10),
        Self::new(4, 11),
        Self::new(4, 12),
        Self::new(4, 13),
        Self::new(4, 14),
        Self::new(4, 19),
        Self::new(5, 4),
        Self::new(5, 7),
        Self::new(5, 10),
        Self::new(5, 15),
        Self::new(6, 1),
        Self::new(6, 4),
        Self::new(6, 5),
        Self::new(6, 6),
        Self::new(6, 7),
        Self::new(6, 8),
        Self::new(6, 12),
        Self::new(6, 14),
        Self::new(6, 16),
        Self::new(6, 18),
        Self::new(6, 18).patched(17),
        Self::new(6, 19),
        Self::new(6, 19).patched(7),
    ];

    /// Version `major.minor` of 3.0 and later.
    pub const fn new(major: u16, minor: u16) -> Self {
        Self { series: [major, minor, 0], patch: 0 }
    }

    /// Version `2.6.release`.
    pub const fn old(release: u16) -> Self {
        Self { series: [2, 6, release], patch: 0 }
    }

    /// The same series at a patch level.
    pub(crate) const fn patched(self, patch: u16) -> Self {
        Self { patch, ..self }
    }

    /// Is this version `major.minor` or later?
    pub const fn at_least(self, major: u16, minor: u16) -> bool {
        let [own_major, own_minor, _] = self.series;
        own_major > major || (own_major == major && own_minor >= minor)
    }

    /// Do both belong to one series (`6.18` and `6.18.17`)?
    pub(crate) fn same_series(self, other: Self) -> bool {
        self.series == other.series
    }

    /// The patch level inside the series; 0 when none was named.
    pub(crate) const fn patch(self) -> u16 {
        self.patch
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [major, minor, release] = self.series;
        write!(f, "{major}.{minor}")?;
        if major < 3 {
            write!(f, ".{release}")?;
        }
        if self.patch > 0 {
            write!(f, ".{}", self.patch)?;
        }
        Ok(())
    }
}

/// Why a text is not a kernel version or a range of them.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not {wanted}")]
pub struct BadVersion {
    text: String,
    wanted: &'static str,
}

impl BadVersion {
    fn new(text: &str, wanted: &'static str) -> Self {
        Self { text: text.to_owned(), wanted }
    }
}

impl FromStr for Version {
    type Err = BadVersion;

    /// Reads `2.6.32`, `3.10`, `6.18.17`; what a distribution appends (`-754.el6`) is left aside.
    fn from_str(text: &str) -> Result<Self, BadVersion> {
        let bad = || BadVersion::new(text, "a kernel version; write it like 6.18, 6.18.17 or 2.6.32");
        let number = text.split(|c: char| c != '.' && !c.is_ascii_digit()).next().unwrap_or_default();
        let mut parts = [0u16; 4];
        let mut count = 0;
        for part in number.trim_end_matches('.').split('.') {
            *parts.get_mut(count).ok_or_else(bad)? = part.parse().map_err(|_| bad())?;
            count += 1;
        }
        let [major, minor, third, fourth] = parts;
        match (major, count) {
            (2, 3 | 4) if minor == 6 => Ok(Self::old(third).patched(fourth)),
            (3.., 2 | 3) => Ok(Self::new(major, minor).patched(third)),
            _ => Err(bad()),
        }
    }
}

/// Versions from one to another, both included. An end without a patch level includes its whole series.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VersionRange {
    from: Option<Version>,
    to: Option<Version>,
}

impl VersionRange {
    /// Every version.
    pub const ALL: Self = Self { from: None, to: None };

    /// From `version` on.
    pub const fn from(version: Version) -> Self {
        Self { from: Some(version), to: None }
    }

    /// Up to `version`.
    pub(crate) const fn up_to(version: Version) -> Self {
        Self { from: None, to: Some(version) }
    }

    /// From one to another.
    pub const fn between(from: Version, to: Version) -> Self {
        Self { from: Some(from), to: Some(to) }
    }

    /// Is `version` among them?
    pub fn contains(&self, version: Version) -> bool {
        let reached = self.from.is_none_or(|from| version >= from);
        let passed = |to: Version| version > to && !(to.patch == 0 && version.same_series(to));
        reached && !self.to.is_some_and(passed)
    }
}

impl fmt::Display for VersionRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.from, self.to) {
            (None, None) => f.write_str("all"),
            (Some(from), None) => write!(f, "{from}.."),
            (None, Some(to)) => write!(f, "..{to}"),
            (Some(from), Some(to)) if from == to => write!(f, "{from}"),
            (Some(from), Some(to)) => write!(f, "{from}..{to}"),
        }
    }
}

impl FromStr for VersionRange {
    type Err = BadVersion;

    /// Reads `all`, `6.18`, `6.16..`, `..4.11`, `3.17..4.11`.
    fn from_str(text: &str) -> Result<Self, BadVersion> {
        let end = |part: &str| (!part.is_empty()).then(|| part.parse()).transpose();
        let range = match text.split_once("..") {
            _ if text == "all" => return Ok(Self::ALL),
            Some((from, to)) => Self { from: end(from)?, to: end(to)? },
            None => Self { from: end(text)?, to: end(text)? },
        };
        match (range.from, range.to) {
            (None, None) => Err(BadVersion::new(text, "a range; write all, 6.18, 6.16.., ..4.11 or 3.17..4.11")),
            (Some(from), Some(to)) if from > to && !from.same_series(to) => {
                Err(BadVersion::new(text, "a range: its first version is later than its last"))
            }
            _ => Ok(range),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(text: &str) -> Version {
        text.parse().expect(text)
    }

    #[test]
    fn versions_are_read_and_shown() {
        let rows = [
            ("2.6.32", "2.6.32"),
            ("2.6.32-754.el6.x86_64", "2.6.32"),
            ("2.6.32.71", "2.6.32.71"),
            ("3.10", "3.10"),
            ("3.10.0-1160.el7", "3.10"),
            ("6.18.17", "6.18.17"),
            ("6.18.44-fc-v669", "6.18.44"),
            ("7.0-rc3", "7.0"),
        ];
        for (text, shown) in rows {
            assert_eq!(version(text).to_string(), shown);
        }
        for bad in ["", "6", "six", "2.4.37", "2.6", "6.18.1.2", "6..18", "6.99999999"] {
            assert!(bad.parse::<Version>().is_err(), "{bad} was taken for a version");
        }
    }

    #[test]
    fn versions_are_ordered() {
        let ordered =
            ["2.6.32", "2.6.32.5", "2.6.38", "3.10", "4.9", "4.10", "6.18", "6.18.16", "6.18.17", "6.19", "7.0"];
        assert!(ordered.map(version).is_sorted());
        assert!(Version::STUDIED.is_sorted());
    }

    #[test]
    fn ranges_contain_their_ends() {
        let rows: [(&str, &[&str], &[&str]); 7] = [
            ("all", &["2.6.32", "7.0"], &[]),
            ("..4.11", &["2.6.32", "4.11", "4.11.12"], &["4.12", "6.18"]),
            ("6.16..", &["6.16", "7.0"], &["6.15.9"]),
            ("3.17..4.11", &["3.17", "4.11.2"], &["3.16", "4.12"]),
            ("6.18.17..6.18", &["6.18.17", "6.18.44"], &["6.18.16", "6.19"]),
            ("4.11..6.18.16", &["6.18.16", "6.18"], &["6.18.17"]),
            ("6.18", &["6.18", "6.18.3"], &["6.17", "6.19"]),
        ];
        for (text, inside, outside) in rows {
            let range: VersionRange = text.parse().expect(text);
            inside.iter().for_each(|v| assert!(range.contains(version(v)), "{text} misses {v}"));
            outside.iter().for_each(|v| assert!(!range.contains(version(v)), "{text} includes {v}"));
            assert_eq!(range.to_string(), text);
        }
        for bad in ["", "..", "6.18..4.11", "x..", "all.."] {
            assert!(bad.parse::<VersionRange>().is_err(), "{bad} was taken for a range");
        }
    }
}
