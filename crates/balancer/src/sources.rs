//! Are the source addresses of the sets those of this host? Asked at the start, by a check, and whenever the settings change.

use crate::errors::{StartError, Warning};
use balancer_core::{BackendSetSettings, PortSettings, Settings};
use std::io::Error;
use std::net::IpAddr;
use std::time::{Duration, Instant};
use sys::socket::{Standing, check_source};

/// How long is waited for all of them: one that is away may take a second. Those that are left are taken for what they were.
const PATIENCE: Duration = Duration::from_secs(2);

/// Before anything starts or changes: a connect would only say that no port is left. A source that was worked with `before`
/// and is away now is told; whatever else changes does not wait for it.
///
/// # Errors
/// A source that is new is not an address of this host.
pub(crate) fn check(settings: &mut Settings, before: &[BackendSetSettings]) -> Result<Vec<Warning>, StartError> {
    let until = Instant::now() + PATIENCE;
    let mut warnings = Vec::new();
    for set in &mut settings.backend_sets {
        let known = before.iter().find(|known| known.name == set.name).map(|known| &known.ports);
        warnings.extend(check_set(set, known, until)?);
    }
    Ok(warnings)
}

/// Sources that a start on this host would refuse: where a configuration is only checked, the host may be another one.
pub(crate) fn foreseen(settings: &Settings) -> Vec<Warning> {
    let (mut settings, until) = (settings.clone(), Instant::now() + PATIENCE);
    let refused = settings.backend_sets.iter_mut().filter_map(|set| check_set(set, None, until).err());
    refused.map(|why| Warning::StartWouldFail { why: why.to_string() }).collect()
}

fn check_set(
    set: &mut BackendSetSettings,
    known: Option<&PortSettings>,
    until: Instant,
) -> Result<Option<Warning>, StartError> {
    set.ports.here = Default::default();
    let mut first = None;
    for source in &set.ports.sources {
        let known = known.filter(|known| known.sources.contains(source));
        match standing(*source, known.filter(|_| Instant::now() > until)) {
            Ok(standing) => set.ports.here.routed |= standing == Standing::Routed,
            Err(reason) if known.is_some() => {
                set.ports.here.away.push(*source);
                first.get_or_insert(reason.to_string());
            }
            Err(reason) => {
                return Err(StartError::SourceNotHere { set: set.name.clone(), source_ip: *source, reason });
            }
        }
    }
    let away = set.ports.here.away.clone();
    Ok(first.map(|reason| Warning::SourcesAway { set: set.name.clone(), away, reason }))
}

/// How it is one of this host: by asking, or as it was.
fn standing(source: IpAddr, as_before: Option<&PortSettings>) -> Result<Standing, Error> {
    match as_before.map(|ports| &ports.here) {
        None => check_source(source),
        Some(here) if here.away.contains(&source) => Err(Error::other("it was away a moment ago")),
        Some(here) if here.routed => Ok(Standing::Routed),
        Some(_) => Ok(Standing::Own),
    }
}
