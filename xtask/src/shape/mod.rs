//! `cargo xtask shape`: functions fit a screen, the files of a folder do not call each other in a circle, and what is public
//! is used.

mod circles;
mod length;
mod public;
mod source;

use crate::deps;
use anyhow::bail;
use public::Names;
use source::Source;
use std::collections::BTreeMap;
use std::path::Path;

/// What is public although nobody outside of its crate uses it: file, name, reason.
const RIGHTLY_PUBLIC: &[(&str, &str, &str)] = &[
    (
        "crates/balancer-core/src/counters.rs",
        "ByRule",
        "the type of public counters, which are read through its methods",
    ),
    (
        "crates/reactor/src/buf.rs",
        "unique_mut",
        "a layer that decrypts changes bytes in place; tried in unit tests until there is one",
    ),
    ("crates/reactor-sim/src/sim_reactor.rs", "sibling", "several workers on one machine; used by unit tests so far"),
];

/// Checks everything; an error lists every breach.
pub(crate) fn run() -> anyhow::Result<()> {
    let sources = source::read_all()?;
    let mut breaches: Vec<String> =
        sources.iter().filter(|source| source.is_src()).flat_map(length::too_long).collect();
    breaches.extend(calls_in_circles(&sources));
    breaches.extend(unused(&sources)?);
    if breaches.is_empty() {
        println!(
            "shape: {} files; functions fit a screen, nothing calls in circles, what is public is used",
            sources.len()
        );
        return Ok(());
    }
    bail!("{} breaches of the house's shape:\n  {}", breaches.len(), breaches.join("\n  "))
}

fn calls_in_circles(sources: &[Source]) -> Vec<String> {
    let mut folders: BTreeMap<&Path, Vec<&Source>> = BTreeMap::new();
    for source in sources.iter().filter(|source| source.is_src()) {
        folders.entry(source.path.parent().unwrap_or(Path::new(""))).or_default().push(source);
    }
    let mut breaches = Vec::new();
    for (folder, sources) in folders {
        breaches.extend(circles::find(&sources).into_iter().map(|circle| format!("{}: {circle}", folder.display())));
    }
    breaches
}

fn unused(sources: &[Source]) -> anyhow::Result<Vec<String>> {
    let names: Vec<(&Source, Names)> = sources.iter().map(|source| (source, public::names_in(&source.text))).collect();
    let mut breaches = Vec::new();
    for (folder, users) in deps::users()? {
        let is_own = |source: &&Source| source.folder() == folder && source.is_src();
        let own: Vec<&Source> = sources.iter().filter(is_own).collect();
        // Its own tests and examples stand outside, too.
        let sees = |source: &Source| users.contains(source.folder()) || source.folder() == folder && !source.is_src();
        let said =
            names.iter().filter(|(source, _)| sees(source)).flat_map(|(_, names)| names.iter().cloned()).collect();
        let unused = public::unused(&own, &said).into_iter().filter(|(name, place)| !is_rightly_public(name, place));
        breaches.extend(unused.map(|(name, place)| format!("{place}: {name} is public, and used by nobody else")));
    }
    Ok(breaches)
}

fn is_rightly_public(name: &str, place: &str) -> bool {
    RIGHTLY_PUBLIC.iter().any(|(file, allowed, _reason)| *allowed == name && place.starts_with(file))
}
