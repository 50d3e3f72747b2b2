//! Connections to servers: which are kept, and where ours begin.

use crate::policy::{Reuse, ServerClose};
use named::named;
use std::net::IpAddr;
use std::time::Duration;

/// Connections kept for re-use, per server and worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolSettings {
    /// Idle connections kept; 0 closes after every response.
    pub idle_max: usize,
    /// How long one may idle.
    pub idle_timeout: Duration,
    /// How one is retired.
    pub close: ServerClose,
    /// Which requests may travel on one.
    pub reuse: Reuse,
}

impl PoolSettings {
    /// Idle connections that may be kept.
    pub fn room(&self) -> usize {
        if self.reuse == Reuse::Never { 0 } else { self.idle_max }
    }
}

impl Default for PoolSettings {
    fn default() -> Self {
        Self {
            idle_max: 256,
            idle_timeout: Duration::from_secs(50),
            close: ServerClose::default(),
            reuse: Reuse::default(),
        }
    }
}

named! {
    /// Who chooses the local port towards servers.
    #[derive(Default)]
    pub enum PortChoice {
        /// The kernel, in `connect()`.
        #[default]
        Kernel = "kernel",
        /// Our allocator: oldest port first, explicit bind + SO_REUSEADDR.
        Own = "own",
    }
}

/// Our side of the connections to servers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PortSettings {
    /// Who chooses.
    pub choice: PortChoice,
    /// Source addresses, used in turn; empty: the kernel's choice.
    pub sources: Vec<IpAddr>,
    /// Ports, inclusive; `None`: the kernel chooses from `ip_local_port_range`, our allocator from outside of it.
    pub range: Option<(u16, u16)>,
    /// Networks of which only [`ports::SAMPLE`] addresses are among the sources.
    pub sampled: Vec<String>,
    /// What was found of the sources, at the start and at every change since.
    pub here: SourcesHere,
}

impl PortSettings {
    /// Does the file say the same? Whether a source is here at the moment is nothing that it says.
    pub fn says_the_same(&self, other: &Self) -> bool {
        let said = |ports: &Self| Self { here: SourcesHere::default(), ..ports.clone() };
        said(self) == said(other)
    }
}

/// What was found of source addresses when they were last looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SourcesHere {
    /// Some are addresses that no interface has, of a prefix that is routed here.
    pub routed: bool,
    /// These are not of this host at present: connections from them fail here, at once.
    pub away: Vec<IpAddr>,
}

impl SourcesHere {
    /// May a connection start from `source` although no interface has it?
    #[inline]
    pub fn is_routed(&self, source: Option<IpAddr>) -> bool {
        self.routed && (self.away.is_empty() || source.is_none_or(|source| !self.away.contains(&source)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_found_is_nothing_that_the_file_says() {
        let away: IpAddr = [10, 0, 0, 9].into();
        let said = PortSettings { sources: vec![away, [10, 0, 0, 8].into()], ..PortSettings::default() };
        let here = SourcesHere { routed: true, away: vec![away] };
        assert!(PortSettings { here: here.clone(), ..said.clone() }.says_the_same(&said));
        assert!(!PortSettings { sources: vec![away], ..said.clone() }.says_the_same(&said));
        assert!(!here.is_routed(Some(away)), "it is away: nothing may leave from there");
        assert!(here.is_routed(Some(said.sources[1])) && !said.here.is_routed(Some(said.sources[1])));
    }
}
