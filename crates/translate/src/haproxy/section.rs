//! Sections, with what `defaults` give them.

use super::lex::Line;
use std::collections::BTreeMap;

/// A section.
#[derive(Clone, Debug)]
pub(crate) struct Section {
    /// `frontend`, `backend`, `listen`, ...
    pub(crate) kind: String,
    pub(crate) name: String,
    pub(crate) line: usize,
    /// Behind the name: the old way to bind.
    pub(crate) address: Option<String>,
    /// Those of its defaults, then its own.
    pub(crate) lines: Vec<Line>,
    /// How many of them are inherited.
    pub(crate) inherited: usize,
}

pub(super) const KINDS: [&str; 16] = [
    "global",
    "defaults",
    "frontend",
    "backend",
    "listen",
    "userlist",
    "peers",
    "resolvers",
    "mailers",
    "cache",
    "program",
    "ring",
    "http-errors",
    "fcgi-app",
    "log-forward",
    "crt-store",
];

impl Section {
    /// Lines of its own.
    pub(crate) fn own(&self) -> &[Line] {
        &self.lines[self.inherited..]
    }

    /// Does it speak HTTP? Without `mode`, TCP is meant.
    pub(crate) fn is_http(&self) -> bool {
        self.last("mode").is_some_and(|line| line.word(1) == "http")
    }

    /// The last line with this first word: the one that counts.
    pub(crate) fn last(&self, keyword: &str) -> Option<&Line> {
        self.lines.iter().rev().find(|line| line.word(0) == keyword)
    }

    /// Is this option on?
    pub(crate) fn option(&self, name: &str) -> Option<&Line> {
        let of = |line: &&Line| match line.word(0) {
            "no" => line.word(2) == name,
            word => word == "option" && line.word(1) == name,
        };
        self.lines.iter().rev().find(of).filter(|line| line.word(0) == "option")
    }

    /// The time-out of that name.
    pub(crate) fn timeout(&self, name: &str) -> Option<&Line> {
        self.lines.iter().rev().find(|line| line.word(0) == "timeout" && line.word(1) == name)
    }
}

/// All sections in their order; `defaults` among them, for what they say.
pub(crate) fn sections(lines: Vec<Line>) -> Vec<Section> {
    let mut sections: Vec<Section> = Vec::new();
    let mut named: BTreeMap<String, Vec<Line>> = BTreeMap::new();
    let mut latest: Vec<Line> = Vec::new();
    for line in lines {
        if !KINDS.contains(&line.word(0)) {
            if let Some(section) = sections.last_mut() {
                section.lines.push(line);
            }
            continue;
        }
        if let Some(done) = sections.last().filter(|section| section.kind == "defaults") {
            latest = done.lines.clone();
            named.insert(done.name.clone(), latest.clone());
        }
        sections.push(begun(&line, &latest, &named));
    }
    sections
}

fn begun(line: &Line, latest: &[Line], named: &BTreeMap<String, Vec<Line>>) -> Section {
    let kind = line.word(0).to_owned();
    let from = line.words.iter().position(|word| word == "from").map(|at| line.word(at + 1));
    let lines = match (kind.as_str(), from) {
        ("frontend" | "backend" | "listen" | "defaults", Some(from)) => named.get(from).cloned().unwrap_or_default(),
        ("frontend" | "backend" | "listen", None) => latest.to_vec(),
        _ => Vec::new(),
    };
    let address = Some(line.word(2)).filter(|word| kind == "listen" && word.contains(':')).map(str::to_owned);
    let name = if line.word(1).is_empty() { format!("{kind}-{}", line.number) } else { line.word(1).to_owned() };
    Section { kind, address, name, line: line.number, inherited: lines.len(), lines }
}
