//! What the pages name exists: links, headings, drawings, commands, flags, experiments, scenarios, tests, paths.

mod command;
mod page;
mod scripts;

use command::Binary;
use page::{Link, Page};
use std::path::{Path, PathBuf};

const SCENARIOS: &str = "crates/tcp-model/scenarios";
const DRAWINGS: &str = "docs/img";
/// Where paths in the pages begin.
const FOLDERS: [&str; 7] = ["crates/", "docs/", "examples/", "fuzz/", "xtask/", "bench/", ".ci/"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Each page with its path below the root.
fn pages() -> Vec<(PathBuf, Page)> {
    let mut paths: Vec<PathBuf> =
        ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md"].map(PathBuf::from).into();
    paths.extend(files("docs", "md"));
    let read = |path: PathBuf| {
        let text =
            std::fs::read_to_string(root().join(&path)).unwrap_or_else(|why| panic!("{}: {why}", path.display()));
        (path, Page::new(&text))
    };
    paths.into_iter().map(read).collect()
}

/// The files of a folder with this ending.
fn files(folder: &str, ending: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(root().join(folder)).unwrap_or_else(|why| panic!("{folder}: {why}"));
    let names = entries.map(|entry| entry.expect("read").file_name());
    let mut paths: Vec<PathBuf> = names.map(|name| Path::new(folder).join(name)).collect();
    paths.retain(|path| path.extension().is_some_and(|found| found == ending));
    paths.sort();
    paths
}

/// Applies a check to everything that the pages hold of one kind; fails with all problems at once.
fn check_all<T>(
    what: &str,
    at_least: usize,
    items: fn(&Page) -> Vec<T>,
    problem: impl Fn(&Path, &T) -> Option<String>,
) {
    let (mut seen, mut problems) = (0, Vec::new());
    for (path, page) in pages() {
        let items = items(&page);
        seen += items.len();
        let found = items.iter().filter_map(|item| problem(&path, item));
        problems.extend(found.map(|text| format!("{}: {text}", path.display())));
    }
    assert!(seen >= at_least, "{seen} {what} found, not even {at_least}: does the reader still work?");
    assert!(problems.is_empty(), "{} of {seen} {what}:\n{}", problems.len(), problems.join("\n"));
}

#[test]
fn links_lead_somewhere() {
    check_all("links", 80, Page::links, link_problem);
}

/// Links into the network are not followed.
fn link_problem(from: &Path, link: &Link) -> Option<String> {
    let (file, anchor) = link.target.split_once('#').unwrap_or((&link.target, ""));
    if file.contains("://") {
        return None;
    }
    let folder = from.parent().expect("below the root");
    let path = root().join(if file.is_empty() { from.to_path_buf() } else { folder.join(file) });
    if !path.exists() {
        return Some(format!("[{}]({}) leads nowhere", link.text, link.target));
    }
    let text = || std::fs::read_to_string(&path).unwrap_or_default();
    if !anchor.is_empty() && !Page::new(&text()).anchors().iter().any(|known| known == anchor) {
        return Some(format!("{} has no heading #{anchor}", link.target));
    }
    let named = link.text.trim_matches('`');
    let names_a_test = named.contains('_') && named.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    (names_a_test && file.ends_with(".rs") && !text().contains(&format!("fn {named}(")))
        .then(|| format!("{file} has no test {named}"))
}

#[test]
fn references_are_defined() {
    let undefined = |page: &Page| page.undefined_references();
    check_all("references", 0, undefined, |_, name| Some(format!("[{name}] is defined nowhere")));
}

#[test]
fn commands_flags_and_experiments_exist() {
    let binary = Binary::ask();
    check_all("pieces of code", 200, Page::code, |_, code| binary.problem(code));
}

#[test]
fn scenarios_and_paths_exist() {
    check_all("pieces of code", 200, Page::code, |_, code| path_problem(code));
}

/// A file's name, or a path below the root; with a star in it, any.
fn path_problem(code: &str) -> Option<String> {
    let path = match code.strip_suffix(".scn") {
        Some(_) if !code.contains('/') => Path::new(SCENARIOS).join(code),
        _ if FOLDERS.iter().any(|folder| code.starts_with(folder)) => PathBuf::from(code),
        _ => return None,
    };
    let path = if code.contains('*') { path.parent()?.to_path_buf() } else { path };
    // Recorded runs need not be there.
    let may_be_missing = code.starts_with("bench/");
    (!may_be_missing && !root().join(&path).exists()).then(|| format!("`{code}`: no such file"))
}

#[test]
fn cargo_commands_name_what_exists() {
    check_all("pieces of code", 200, Page::code, |_, code| cargo_problem(code));
}

fn cargo_problem(code: &str) -> Option<String> {
    let words: Vec<&str> = code.split_whitespace().skip_while(|word| *word != "cargo").collect();
    let after = |name: &str| words.iter().position(|word| *word == name).and_then(|at| words.get(at + 1)).copied();
    let exists = |path: String| root().join(path).exists();
    let chore = after("cargo").filter(|first| *first == "xtask").and_then(after);
    if let Some(chore) = chore.filter(|chore| !exists(format!("xtask/src/{chore}.rs"))) {
        let in_folder = exists(format!("xtask/src/{chore}/mod.rs"));
        return (!in_folder).then(|| format!("`{code}`: no chore {chore}"));
    }
    let package = after("-p")?;
    let folder = match package {
        "quintet" => "crates/cli".to_owned(),
        "xtask" => package.to_owned(),
        _ => format!("crates/{package}"),
    };
    if !exists(format!("{folder}/Cargo.toml")) {
        return Some(format!("`{code}`: no package {package}"));
    }
    let test = after("--test")?;
    let found = ["", "/main"].iter().any(|tail| exists(format!("{folder}/tests/{test}{tail}.rs")));
    (!found).then(|| format!("`{code}`: {package} has no test {test}"))
}

#[test]
fn every_drawing_is_shown_and_readable_on_light_and_dark() {
    let shown: Vec<String> = pages()
        .iter()
        .flat_map(|(_, page)| page.links())
        .map(|link| link.target)
        .filter(|to| to.ends_with(".svg"))
        .collect();
    for drawing in files(DRAWINGS, "svg") {
        let name = drawing.file_name().expect("a file").to_string_lossy().into_owned();
        assert!(shown.iter().any(|target| target.ends_with(&name)), "no page shows {name}");
        let text = std::fs::read_to_string(root().join(&drawing)).expect("readable");
        for part in ["<title", "<desc", "prefers-color-scheme: dark", "<text"] {
            assert!(text.contains(part), "{name} has no {part}");
        }
    }
}

#[test]
fn what_is_wrong_is_found() {
    let at = Path::new("docs/page.md");
    let link = |text: &str, target: &str| {
        link_problem(at, &Link { text: text.to_owned(), target: target.to_owned() }).unwrap_or_default()
    };
    assert_eq!(link("words", "lexicon.md#lexicon"), "");
    assert_eq!(link("words", "https://example.org/nothing"), "");
    assert!(link("words", "nothing.md").contains("leads nowhere"));
    assert!(link("words", "lexicon.md#nothing").contains("no heading"));
    assert!(link("`no_such_test`", "../crates/cli/tests/docs/main.rs").contains("no test"));
    assert_eq!(link("`what_is_wrong_is_found`", "../crates/cli/tests/docs/main.rs"), "");
    let wrong = |problem: Option<String>| problem.is_some();
    assert!(wrong(path_problem("nothing.scn")) && !wrong(path_problem("tw-older-timestamp.scn")));
    assert!(wrong(path_problem("crates/nothing")) && !wrong(path_problem("crates/cli/src/main.rs")));
    assert!(wrong(cargo_problem("cargo xtask nothing")) && !wrong(cargo_problem("cargo xtask deps")));
    assert!(
        wrong(cargo_problem("cargo test -p nothing"))
            && !wrong(cargo_problem("cargo test -p lab --test kernel scenarios"))
    );
    assert!(wrong(cargo_problem("cargo test -p quintet --test nothing")));
    assert!(wrong(cargo_problem("cargo test -p xtask --test nothing")));
}
