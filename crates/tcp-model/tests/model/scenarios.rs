//! Every scenario, run on the model of every version it names.

use std::collections::BTreeSet;
use tcp_model::Version;
use tcp_model::scenario::{self, FILES};

#[test]
fn every_scenario_holds_for_every_version_it_names() {
    let scenarios = scenario::catalogue().unwrap_or_else(|error| panic!("{error}"));
    let mut failures = Vec::new();
    for scenario in &scenarios {
        let versions: Vec<Version> =
            Version::STUDIED.into_iter().filter(|version| scenario.holds_for(*version)).collect();
        assert!(!versions.is_empty(), "{} holds for none of the studied versions", scenario.name);
        // The first version that disagrees stands for all: their timelines are much alike.
        failures.extend(versions.into_iter().find_map(|version| scenario::run(scenario, version).err()));
    }
    let shown: Vec<String> = failures.iter().map(ToString::to_string).collect();
    assert!(failures.is_empty(), "{} of {} scenarios fail\n\n{}", failures.len(), scenarios.len(), shown.join("\n"));
}

#[test]
fn the_catalogue_is_the_folder() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let entries = std::fs::read_dir(&folder).expect("the folder is part of the crate");
    let there: BTreeSet<String> =
        entries.map(|entry| entry.expect("readable").file_name().to_string_lossy().into_owned()).collect();
    let listed: BTreeSet<String> = FILES.iter().map(|(file, _)| (*file).to_owned()).collect();
    assert_eq!(listed, there);
    assert!(listed.len() >= 60, "only {} scenarios", listed.len());
}
