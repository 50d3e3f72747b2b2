//! Completions and pages of the manual: read by the shells and the readers they are for.

use crate::program::told;
use std::path::Path;
use std::process::Command;
use testkit::Folder;

fn completions(folder: &Folder, shell: &str, file: &str) -> String {
    let (code, script, err) = told(&["completions", shell]);
    assert_eq!(code, Some(0), "{err}");
    folder.write(file, script).to_string_lossy().into_owned()
}

/// What a command says; it must end well and complain of nothing.
#[track_caller]
fn said(command: &mut Command) -> String {
    let output = command.output().expect("started");
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && err.trim().is_empty(), "{command:?}: {out}{err}");
    out.into_owned()
}

#[track_caller]
fn offers(offered: &str, words: &[&str]) {
    let lines: Vec<&str> = offered.split_whitespace().collect();
    words.iter().for_each(|word| assert!(lines.contains(word), "no {word} in {offered}"));
}

#[test]
fn bash_completes_commands_flags_and_values() {
    let Some(bash) = testkit::installed("bash") else { return };
    let folder = Folder::new();
    let script = completions(&folder, "bash", "quintet.bash");
    let ask = |line: &str| {
        let last = line.split(' ').count() - 1;
        let text = format!(
            "set -u; source {script}; complete -p quintet >/dev/null\n\
             COMP_WORDS=({line}); [ {last} -lt ${{#COMP_WORDS[@]}} ] || COMP_WORDS+=('')\n\
             COMP_CWORD={last}; COMP_LINE='{line}'; COMPREPLY=()\n\
             _quintet quintet \"${{COMP_WORDS[{last}]}}\" \"${{COMP_WORDS[{last}-1]}}\"\n\
             printf '%s\\n' \"${{COMPREPLY[@]}}\""
        );
        said(Command::new(&bash).args(["--norc", "-c", &text]))
    };
    offers(&ask("quintet s"), &["serve", "stress", "simulate"]);
    offers(&ask("quintet serve --"), &["--config", "--check", "--install-unit"]);
    offers(&ask("quintet ctl "), &["status", "drain", "reload"]);
    offers(&ask("quintet stress --close "), &["keep", "wait", "fin", "rst"]);
}

#[test]
fn fish_completes_commands_and_values() {
    let Some(fish) = testkit::installed("fish") else { return };
    let folder = Folder::new();
    let script = completions(&folder, "fish", "quintet.fish");
    let ask = |line: &str| {
        let text = format!("source {script}; complete -C '{line}'");
        said(Command::new(&fish).args(["--no-config", "-c", &text]).env("HOME", folder.path()))
    };
    offers(&ask("quintet s"), &["serve", "stress", "simulate"]);
    offers(&ask("quintet stress --close "), &["keep", "wait", "fin", "rst"]);
}

/// Loaded as it is by its completion system, and defined then.
#[test]
fn zsh_takes_its_completions() {
    let Some(zsh) = testkit::installed("zsh") else { return };
    let folder = Folder::new();
    completions(&folder, "zsh", "_quintet");
    let path = folder.path().display();
    let text = format!(
        "fpath=({path} $fpath); autoload -Uz compinit; compinit -u -d {path}/dump; print ${{_comps[quintet]}}\n\
         autoload +X _quintet && print loaded"
    );
    let shown = said(Command::new(&zsh).args(["-f", "-c", &text]).env("HOME", folder.path()));
    assert_eq!(shown.lines().collect::<Vec<_>>(), ["_quintet", "loaded"]);
    said(Command::new(&zsh).args(["-f", "-n"]).arg(folder.path().join("_quintet")));
}

/// One page each, and each is one that readers of such pages understand.
#[test]
fn every_command_has_its_page() {
    let folder = Folder::new();
    let (code, _, err) = told(&["man", "--all", &folder.place("man1")]);
    assert_eq!(code, Some(0), "{err}");
    let at = folder.path().join("man1");
    for name in
        ["quintet", "quintet-serve", "quintet-ctl", "quintet-ctl-drain", "quintet-doctor-explain", "quintet-man"]
    {
        assert!(at.join(format!("{name}.1")).is_file(), "no page {name}");
    }
    let (_, alone, _) = told(&["man", "ctl", "drain"]);
    assert_eq!(alone, std::fs::read_to_string(at.join("quintet-ctl-drain.1")).expect("written"), "the same page");
    let pages: Vec<_> = std::fs::read_dir(&at).expect("made").map(|entry| entry.expect("read").path()).collect();
    assert!(pages.len() >= 20, "{pages:?}");
    if let Some(mandoc) = testkit::installed("mandoc") {
        pages.iter().for_each(|page| understood(&mandoc, page));
    }
    if let Some(man) = testkit::installed("man") {
        let page = at.join("quintet-serve.1");
        let text =
            said(Command::new(man).args(["-l", "-E", "UTF-8"]).arg(page).env("MANWIDTH", "110").env("PAGER", "cat"));
        assert!(text.contains("SYNOPSIS") && text.contains("--install-unit"), "{text}");
        assert!(text.contains("\n         quintet serve --config quintet.toml --check "), "lines of examples: {text}");
    }
}

/// Where it finds two blank lines for one it may say so.
#[track_caller]
fn understood(mandoc: &Path, page: &Path) {
    let output = Command::new(mandoc).args(["-T", "lint", "-W", "error"]).arg(page).output().expect("started");
    let found = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && found.is_empty(), "{found}");
}

#[test]
fn what_has_no_page_is_told() {
    let (code, _, err) = told(&["man", "servce"]);
    assert!(code == Some(2) && err.contains("there are: lab, serve, ctl"), "{err}");
    let (code, _, err) = told(&["man", "origin", "x"]);
    assert!(code == Some(2) && err.contains("origin has no such command; there are: no commands"), "{err}");
}
