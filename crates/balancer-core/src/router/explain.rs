//! Why a request goes where it goes: each route asked by itself, without the compiled table. Tests hold that against this.

use super::conditions::{Condition, Conditions, Host, HostPattern, PathPattern};
use super::{AmbiguousPath, Router, Scratch, matched_path};
use http::{Header, RequestFacts};
use std::cmp::Reverse;

/// Why a route does not fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Misfit {
    /// It is for other hosts.
    Host,
    /// It is for other paths.
    Path,
    /// It asks for something else.
    Further(Condition),
}

/// How a route stands to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// The request goes by it.
    Taken,
    /// It does not fit.
    Misfit(Misfit),
    /// It fits, but so does the taken one, which is...
    Behind(Because),
}

/// What puts one route before another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Because {
    /// More exact about the host.
    Host,
    /// More exact about the path, or a pattern that stands first.
    Path,
    /// One that asks for more.
    Further,
    /// First in the file.
    Order,
}

/// The place of a route in the order of precedence, for a host and a path: the smallest comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Rank {
    host: (u8, Reverse<usize>),
    path: (u8, Reverse<usize>, usize),
    further: Reverse<usize>,
    order: usize,
}

impl Rank {
    pub(super) fn of(asks: &Conditions, order: usize, host: Option<&HostPattern>, path: Option<&PathPattern>) -> Self {
        let host = match host {
            Some(HostPattern::Exact(_)) => (0, Reverse(0)),
            Some(HostPattern::Below(name)) => (1, Reverse(name.len())),
            None => (2, Reverse(0)),
        };
        let path = match path {
            Some(PathPattern::Exact(_)) => (0, Reverse(0), 0),
            Some(PathPattern::Pattern(_)) => (1, Reverse(0), order),
            Some(PathPattern::Prefix(prefix)) => (2, Reverse(prefix.len()), 0),
            None => (3, Reverse(0), 0),
        };
        Self { host, path, further: Reverse(asks.further.len()), order }
    }

    fn before(&self, other: &Self) -> Because {
        match () {
            () if self.host != other.host => Because::Host,
            () if self.path != other.path => Because::Path,
            () if self.further != other.further => Because::Further,
            () => Because::Order,
        }
    }
}

impl Router {
    /// How every route stands to a request, in the order of the file. Where none is taken, the request goes by what holds
    /// otherwise.
    ///
    /// # Errors
    /// Servers would read its path differently.
    pub fn explain(
        &self,
        request: &RequestFacts<'_>,
        headers: &[Header<'_>],
        scratch: &mut Scratch,
    ) -> Result<Vec<Standing>, AmbiguousPath> {
        let host = Host::of(request);
        let (path, _) = matched_path(request.target, &mut scratch.path)?;
        let ask = |(order, asks): (usize, &Conditions)| asks.rank(order, host.as_bytes(), path, request, headers);
        let asked: Vec<Result<Rank, Misfit>> = self.conditions().iter().enumerate().map(ask).collect();
        let first = asked.iter().filter_map(|asked| asked.as_ref().ok()).min().copied();
        let standing = |asked: Result<Rank, Misfit>| match (asked, first) {
            (Err(misfit), _) => Standing::Misfit(misfit),
            (Ok(rank), Some(first)) if rank != first => Standing::Behind(first.before(&rank)),
            (Ok(_), _) => Standing::Taken,
        };
        Ok(asked.into_iter().map(standing).collect())
    }
}

impl Conditions {
    /// Its place among those that fit, by the best host and path it has for the request.
    fn rank(
        &self,
        order: usize,
        host: &[u8],
        path: &[u8],
        request: &RequestFacts<'_>,
        headers: &[Header<'_>],
    ) -> Result<Rank, Misfit> {
        let hosts = self.hosts.iter().map(Some).chain(self.hosts.is_empty().then_some(None));
        let hosts = hosts.filter(|pattern| pattern.is_none_or(|pattern| pattern.fits(host)));
        let paths = self.paths.iter().map(Some).chain(self.paths.is_empty().then_some(None));
        let paths = paths.filter(|pattern| pattern.is_none_or(|pattern| pattern.fits(path)));
        let host = hosts.min_by_key(|host| Rank::of(self, order, *host, None)).ok_or(Misfit::Host)?;
        let path = paths.min_by_key(|path| Rank::of(self, order, None, *path)).ok_or(Misfit::Path)?;
        match self.further.iter().find(|one| !one.fits(request, headers)) {
            Some(condition) => Err(Misfit::Further(condition.clone())),
            None => Ok(Rank::of(self, order, host, path)),
        }
    }
}
