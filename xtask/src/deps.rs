//! `cargo xtask deps`: dependencies point down only, and the pure crates stay pure.

use anyhow::{Context, bail};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

/// Layers from the ground up. A crate may depend on crates of lower layers only, and within a layer on those listed
/// before it. The last layer stands above everything, so that only `[dev-dependencies]` can name it.
const LAYERS: [(&str, &[&str]); 7] = [
    (
        "pure",
        &[
            "named",
            "units",
            "seed",
            "ports",
            "stats",
            "translate",
            "http",
            "http1",
            "packet",
            "tcp-model",
            "gateway-core",
            "balancer-core",
            "stress-core",
            "doctor-core",
        ],
    ),
    ("system", &["sys", "config-file", "coding", "reactor", "announced", "secure"]),
    ("shell", &["origin", "balancer", "stress", "doctor", "lab"]),
    ("control", &["control", "admin"]),
    ("presentation", &["present"]),
    ("top", &["quintet", "xtask"]),
    ("tests only", &["testkit", "reactor-sim"]),
];

/// What a pure crate must not know, directly or through others: the operating system, sockets, clocks, runtimes, formats.
/// `serde` alone is no format: a derived shape knows nothing of the system.
const IMPURE: &[&str] =
    &["libc", "rustix", "socket2", "mio", "tokio", "io-uring", "serde_json", "toml", "sys", "reactor", "rand"];

/// Words in a pure crate's sources that betray a clock, a thread or a socket.
const IMPURE_WORDS: &[&str] =
    &["std::net::Tcp", "std::net::Udp", "std::thread", "Instant::now", "SystemTime", "std::fs", "std::process"];

/// What each workspace crate is built from directly: normal and build dependencies, not those of its tests.
type Graph = BTreeMap<String, BTreeSet<String>>;

/// Checks everything; an error lists every breach.
pub(crate) fn run() -> anyhow::Result<()> {
    let graph = graph()?;
    let mut breaches = order_breaches(&graph);
    for pure in LAYERS[0].1.iter().filter(|name| graph.contains_key(**name)) {
        breaches.extend(impure_dependencies(pure)?);
        breaches.extend(words_in(&Path::new("crates").join(pure).join("src"), IMPURE_WORDS)?);
    }
    for folder in folders_without_unsafe(&graph) {
        breaches.extend(words_in(Path::new(&folder), &["unsafe {", "unsafe fn", "unsafe impl"])?);
    }
    if breaches.is_empty() {
        println!("dependencies: {} crates, all arrows point down; the pure crates are pure", graph.len());
        return Ok(());
    }
    bail!("{} breaches of the house's order:\n  {}", breaches.len(), breaches.join("\n  "))
}

fn folders_without_unsafe(graph: &Graph) -> Vec<String> {
    let crates = graph.keys().filter(|name| !["sys", "xtask"].contains(&name.as_str()));
    let folder = |name: &String| format!("crates/{}/src", if name == "quintet" { "cli" } else { name });
    crates.map(folder).chain(["xtask/src/bench".to_owned()]).collect()
}

/// Every dependency that points up or sideways.
fn order_breaches(graph: &Graph) -> Vec<String> {
    let order: Vec<&str> = LAYERS.iter().flat_map(|(_, crates)| crates.iter().copied()).collect();
    let rank = |name: &str| order.iter().position(|known| *known == name);
    let mut breaches = Vec::new();
    for (name, dependencies) in graph {
        let Some(here) = rank(name) else {
            breaches.push(format!("{name} has no place in the layers of xtask/src/deps.rs: give it one"));
            continue;
        };
        let ours = dependencies.iter().filter(|dependency| graph.contains_key(*dependency));
        for dependency in ours.filter(|dependency| rank(dependency).is_none_or(|there| there >= here)) {
            breaches.push(format!("{name} ({}) must not depend on {dependency} ({})", layer(name), layer(dependency)));
        }
    }
    breaches
}

fn layer(name: &str) -> &'static str {
    LAYERS.iter().find(|(_, crates)| crates.contains(&name)).map_or("no layer", |(layer, _)| layer)
}

/// Asks cargo for everything a pure crate is built from, development aside.
fn impure_dependencies(name: &str) -> anyhow::Result<Vec<String>> {
    let tree = cargo(&["tree", "--package", name, "--edges", "normal,build", "--prefix", "none", "--format", "{p}"])?;
    let names = tree.lines().filter_map(|line| line.split_whitespace().next());
    let impure: BTreeSet<_> = names.filter(|dependency| IMPURE.contains(dependency)).collect();
    Ok(impure.into_iter().map(|dependency| format!("{name} is pure and must not know {dependency}")).collect())
}

fn words_in(folder: &Path, words: &[&str]) -> anyhow::Result<Vec<String>> {
    let mut breaches = Vec::new();
    let Ok(entries) = std::fs::read_dir(folder) else { return Ok(breaches) };
    for entry in entries {
        let path = entry?.path();
        if path.is_dir() {
            breaches.extend(words_in(&path, words)?);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = std::fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
            let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
            let found: BTreeSet<_> =
                code.flat_map(|line| words.iter().filter(move |word| line.contains(**word))).collect();
            breaches.extend(found.into_iter().map(|word| format!("{} says `{word}`", path.display())));
        }
    }
    Ok(breaches)
}

/// Direct normal dependencies.
fn graph() -> anyhow::Result<Graph> {
    arrows(|dependency| dependency["kind"].is_null())
}

/// Folders of the crates that can see each library, directly or through others, tests included. The fuzz targets see all.
pub(crate) fn users() -> anyhow::Result<Graph> {
    let arrows = arrows(|_| true)?;
    let folder = |name: &str| if name == "quintet" { "cli".to_owned() } else { name.to_owned() };
    let mut users = Graph::new();
    for library in arrows.keys().filter(|name| !["quintet", "xtask"].contains(&name.as_str())) {
        let mut open = vec![library];
        let seen: &mut BTreeSet<String> = users.entry(folder(library)).or_default();
        seen.insert("fuzz".to_owned());
        while let Some(next) = open.pop() {
            let above = arrows.iter().filter(|(_, below)| below.contains(next)).map(|(name, _)| name);
            open.extend(above.filter(|name| *name != library && seen.insert(folder(name))));
        }
    }
    Ok(users)
}

fn arrows(counts: impl Fn(&serde_json::Value) -> bool) -> anyhow::Result<Graph> {
    let text = cargo(&["metadata", "--format-version", "1", "--no-deps"])?;
    let metadata: serde_json::Value = serde_json::from_str(&text).context("reading cargo metadata")?;
    let mut graph = Graph::new();
    for package in metadata["packages"].as_array().context("packages in cargo metadata")? {
        let name = package["name"].as_str().context("a package's name")?;
        let dependencies = package["dependencies"].as_array().context("a package's dependencies")?;
        let counted = dependencies.iter().filter(|dependency| counts(dependency));
        let names = counted.filter_map(|dependency| dependency["name"].as_str());
        graph.insert(name.to_owned(), names.map(str::to_owned).collect());
    }
    Ok(graph)
}

fn cargo(args: &[&str]) -> anyhow::Result<String> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let output = Command::new(cargo).args(args).output().context("starting cargo")?;
    if !output.status.success() {
        bail!("cargo {}: {}", args.join(" "), String::from_utf8_lossy(&output.stderr));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(arrows: &[(&str, &[&str])], expect: &[&str]) {
        let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let graph: Graph = arrows.iter().map(|(name, names)| ((*name).to_owned(), set(names))).collect();
        let breaches = order_breaches(&graph);
        assert_eq!(breaches.len(), expect.len(), "{breaches:?}");
        for (breach, words) in breaches.iter().zip(expect) {
            assert!(breach.contains(words), "{breach:?} should say {words:?}");
        }
    }

    #[test]
    fn arrows_point_down() {
        check(&[("ports", &[]), ("sys", &["libc"]), ("reactor", &["ports", "sys"])], &[]);
        check(&[("sys", &[]), ("http1", &["sys"])], &["http1 (pure) must not depend on sys (system)"]);
        check(&[("lab", &[]), ("stress", &["lab"])], &["stress (shell) must not depend on lab (shell)"]);
        check(&[("newcomer", &[])], &["newcomer has no place"]);
        let breach = "quintet (top) must not depend on testkit (tests only)";
        check(&[("testkit", &[]), ("quintet", &["testkit"])], &[breach]);
    }
}
