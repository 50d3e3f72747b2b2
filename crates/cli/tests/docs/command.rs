//! Commands as pages name them, checked against what the binary says of itself.

use std::cell::{OnceCell, RefCell};
use std::collections::BTreeMap;
use std::process::{Command, Output};

/// What there is, asked once.
pub(crate) struct Binary {
    commands: Vec<String>,
    experiments: Vec<String>,
    help: RefCell<BTreeMap<String, String>>,
    claims: OnceCell<Vec<String>>,
}

impl Binary {
    pub(crate) fn ask() -> Self {
        let help = ask(&["--help"]).expect("help");
        let listed = ask(&["lab", "--list"]).expect("a list");
        let first_word = |line: &str| line.split_whitespace().next().map(str::to_owned);
        let section = help.lines().skip_while(|line| *line != "Commands:").skip(1);
        Self {
            commands: section.take_while(|line| !line.is_empty()).filter_map(first_word).collect(),
            experiments: listed.lines().filter_map(first_word).collect(),
            help: RefCell::default(),
            claims: OnceCell::new(),
        }
    }

    /// What is wrong with this code, if it is a command of the binary's at all.
    pub(crate) fn problem(&self, code: &str) -> Option<String> {
        if let Some(claim) = code.strip_prefix("guide/").filter(|claim| !is_placeholder(claim)) {
            let known = self.claims.get_or_init(claims);
            return (!known.iter().any(|name| name == claim)).then(|| format!("`{code}`: no claim {claim}"));
        }
        let words = words(code)?;
        let (name, rest) = words.split_first()?;
        if is_placeholder(name) || name.starts_with('-') {
            return None;
        }
        if !self.commands.contains(name) {
            return Some(format!("`{code}`: no command {name}; there are {}", self.commands.join(", ")));
        }
        self.arguments_problem(name, rest).map(|why| format!("`{code}`: {why}"))
    }

    fn arguments_problem(&self, name: &str, arguments: &[String]) -> Option<String> {
        let help = self.help_of(name);
        let mut positional = Vec::new();
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            match argument.strip_prefix('-') {
                Some("" | "-") | None => positional.push(argument.as_str()),
                Some(_) => {
                    let (flag, value) =
                        argument.split_once('=').map_or((argument.as_str(), None), |(f, v)| (f, Some(v)));
                    match takes_value(&help, flag) {
                        None => return Some(format!("{name} has no flag {flag}")),
                        Some(true) if value.is_none() => drop(arguments.next()),
                        Some(_) => {}
                    }
                }
            }
        }
        self.positional_problem(name, &help, &positional)
    }

    fn positional_problem(&self, name: &str, help: &str, words: &[&str]) -> Option<String> {
        let named: Vec<&str> = words.iter().copied().filter(|word| !is_placeholder(word)).collect();
        let missing = |known: &[String]| named.iter().find(|word| !known.iter().any(|known| known == *word)).copied();
        match (name, named.as_slice()) {
            ("lab", _) => missing(&self.experiments).map(|word| format!("no experiment {word}")),
            ("help", _) => missing(&self.commands).map(|word| format!("no command {word}")),
            ("doctor", ["explain", ids @ ..]) => {
                let unknown = ids.iter().find(|id| ask(&["doctor", "explain", id]).is_none());
                unknown.map(|id| format!("no finding {id}"))
            }
            (_, [word, ..]) if !word.contains("://") && !mentions(help, word) => {
                Some(format!("the help of {name} does not mention {word}"))
            }
            _ => None,
        }
    }

    fn help_of(&self, name: &str) -> String {
        let known = self.help.borrow().get(name).cloned();
        known.unwrap_or_else(|| {
            let help = ask(&[name, "--help"]).unwrap_or_default();
            self.help.borrow_mut().insert(name.to_owned(), help.clone());
            help
        })
    }
}

/// The names of what `quintet simulate guide` judges. Its exit code says that the guide is imprecise.
fn claims() -> Vec<String> {
    let json = run(&["simulate", "guide", "--json", "-"]).stdout;
    let findings: serde_json::Value = serde_json::from_slice(&json).expect("JSON");
    let names = findings.as_array().expect("an array").iter();
    names.map(|finding| finding["name"].as_str().expect("a name").to_owned()).collect()
}

/// Standard output of a command that ends well.
fn ask(arguments: &[&str]) -> Option<String> {
    let output = run(arguments);
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

fn run(arguments: &[&str]) -> Output {
    testkit::run(Command::new(env!("CARGO_BIN_EXE_quintet")).args(arguments))
}

/// The words after `quintet`, up to a comment, a pipe or the end.
fn words(code: &str) -> Option<Vec<String>> {
    let code = code.trim().trim_start_matches("$ ");
    let rest = ["quintet ", "cargo run --release -- "].iter().find_map(|start| code.strip_prefix(start))?;
    let ends = |word: &&str| !matches!(*word, "|" | "||" | "#" | "&&" | ">" | "&");
    Some(rest.split_whitespace().take_while(ends).map(str::to_owned).collect())
}

/// NAME, URL, N, [URL], FILE|-: what the reader puts something of theirs in for.
fn is_placeholder(word: &str) -> bool {
    let bare = word.trim_matches(|c| "[]<>.|-".contains(c));
    bare.chars().all(|c| c.is_ascii_uppercase() || c == '_' || c == '|')
}

/// Does the flag exist, and does it take a value?
fn takes_value(help: &str, flag: &str) -> Option<bool> {
    let named = help.lines().map(str::trim_start).filter(|line| line.starts_with('-'));
    named.filter_map(|line| flags_of(line).find(|(name, _)| *name == flag)).map(|(_, value)| value).next()
}

/// The names in `-c, --connections <N>   how many`, and whether a value must follow; `--sweep[=<KERNELS>]` may have one.
fn flags_of(line: &str) -> impl Iterator<Item = (&str, bool)> {
    let (names, _) = line.split_once("  ").unwrap_or((line, ""));
    let value = names.contains('<') && !names.contains('[');
    names.split([' ', ',', '=', '[']).filter(|name| name.starts_with('-')).map(move |name| (name, value))
}

fn mentions(help: &str, word: &str) -> bool {
    help.split(|c: char| !(c.is_alphanumeric() || "-_.".contains(c))).any(|known| known == word)
}

#[track_caller]
fn check(code: &str, expect: Option<&str>) {
    let problem = Binary::ask().problem(code);
    match expect {
        None => assert_eq!(problem, None),
        Some(part) => assert!(problem.as_ref().is_some_and(|text| text.contains(part)), "{code}: {problem:?}"),
    }
}

#[test]
fn what_exists_is_no_problem() {
    check("quintet lab problem own-ports", None);
    check("$ quintet stress -n 100k --close fin http://10.0.0.5/", None);
    check("cargo run --release -- lab        # the problem and its cures", None);
    check("quintet lab --json - | jq .", None);
    check("quintet help COMMAND", None);
    check("quintet stress URL", None);
    check("quintet lab NAME", None);
    check("ss -tan", None);
    check("guide/paws-window", None);
    check("guide/NAME", None);
    check("quintet simulate --sweep --json -", None);
    check("quintet doctor explain ports.exhausted", None);
}

#[test]
fn what_does_not_exist_is_found() {
    check("quintet labs", Some("no command labs"));
    check("quintet lab problems", Some("no experiment problems"));
    check("quintet lab --port 3", Some("no flag --port"));
    check("quintet stress -n 3 --clos fin URL", Some("no flag --clos"));
    check("guide/paws-door", Some("no claim paws-door"));
    check("quintet doctor explain ports.gone", Some("no finding ports.gone"));
    check("quintet help labs", Some("no command labs"));
    check("quintet origin sweep", Some("does not mention sweep"));
}
