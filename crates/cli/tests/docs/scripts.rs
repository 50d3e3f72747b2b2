//! Blocks of the pages that say `sh run` are run: those of one page one behind the other, in a network of their own and a folder with the
//! examples in it. Each command must end well; what a page says may end otherwise has its own `||`.

use crate::{pages, root};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use testkit::Folder;

/// Of a page: a lab, some loads, a doctor who watches.
const SCRIPT_MAX: Duration = Duration::from_secs(300);

/// Servers that a page starts in the background end with it.
const BEGIN: &str =
    "set -euo pipefail\ntrap 'kill $(jobs -p) 2>/dev/null || true; wait || true' EXIT\nip link set lo up\n";

#[test]
fn what_pages_say_can_be_typed() {
    for program in ["unshare", "ip", "curl"] {
        if testkit::installed(program).is_none() {
            return;
        }
    }
    let alone = Command::new("unshare").args(["--map-root-user", "--net", "true"]).output().expect("it is installed");
    if !alone.status.success() {
        return testkit::skip("no network of its own can be had (user namespaces)");
    }
    let scripts: Vec<_> = pages().into_iter().filter(|(_, page)| !page.script().is_empty()).collect();
    assert!(scripts.len() >= 9, "the pages with commands are gone: {}", scripts.len());
    let runs: Vec<_> = scripts
        .iter()
        .map(|(path, page)| {
            let (path, script) = (path.clone(), page.script().to_owned());
            std::thread::spawn(move || run(&path, &script))
        })
        .collect();
    let problems: Vec<String> =
        runs.into_iter().filter_map(|run| run.join().expect("it says what is wrong").err()).collect();
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

/// Everything that it printed, where it did not end well.
fn run(page: &Path, script: &str) -> Result<(), String> {
    let folder = Folder::new();
    let examples = root().join("examples").canonicalize().expect("examples");
    std::os::unix::fs::symlink(examples, folder.path().join("examples")).expect("a link");
    let file = folder.write("page.sh", format!("{BEGIN}{script}"));
    let log = folder.write("page.log", "");
    let out = || Stdio::from(std::fs::OpenOptions::new().append(true).open(&log).expect("made"));
    let programs = Path::new(env!("CARGO_BIN_EXE_quintet")).parent().expect("a folder");
    let path = format!("{}:{}", programs.display(), std::env::var("PATH").unwrap_or_default());
    let mut child = Command::new("unshare")
        .args(["--map-root-user", "--net", "--pid", "--fork", "--kill-child", "bash"])
        .arg(&file)
        .current_dir(folder.path())
        .env("PATH", path)
        .stdin(Stdio::null())
        .stdout(out())
        .stderr(out())
        .process_group(0)
        .spawn()
        .expect("it is installed");
    let until = Instant::now() + SCRIPT_MAX;
    let end = loop {
        match child.try_wait().expect("a child") {
            Some(status) if status.success() => return Ok(()),
            Some(status) => break status.to_string(),
            None if Instant::now() > until => {
                let _ends_with_all_below_it = child.kill();
                let _no_zombie = child.wait();
                break format!("it was not over after {SCRIPT_MAX:?}");
            }
            None => std::thread::sleep(Duration::from_millis(20)),
        }
    };
    let said = std::fs::read_to_string(&log).unwrap_or_default();
    Err(format!("{}: {end}\n{said}", page.display()))
}
