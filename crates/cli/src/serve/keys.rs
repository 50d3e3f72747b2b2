//! `quintet serve --keys` and `--schema`: the configuration, told by what reads it.

use crate::terminal;
use anyhow::anyhow;
use balancer::config::keys::TOP;
use config_file::{Table, nearest};

/// Where it is explained what a line cannot tell.
const PAGE: &str = "docs/configuration.md";

/// What was asked for, if anything of it was.
pub(super) fn asked(section: Option<&str>, schema: bool) -> anyhow::Result<Option<String>> {
    if schema {
        let schema = TOP.schema("the configuration of quintet serve");
        return Ok(Some(serde_json::to_string_pretty(&schema)?));
    }
    section.map(|section| told(section, terminal::width())).transpose()
}

/// All sections, or the one of that name with those within it.
fn told(section: &str, width: usize) -> anyhow::Result<String> {
    let wanted = section.trim_matches(['[', ']']);
    let all: Vec<&Table> = TOP.all().into_iter().filter(|table| table.name != TOP.name).collect();
    let within = format!("{wanted}.");
    let of = |table: &&&Table| wanted.is_empty() || table.name == wanted || table.name.starts_with(&within);
    let texts: Vec<String> = all.iter().filter(of).map(|table| table.text(width, PAGE)).collect();
    if texts.is_empty() {
        let names = || all.iter().map(|table| table.name);
        let help = match nearest(wanted, names()) {
            Some(meant) => format!("did you mean {meant}?"),
            None => format!("there are: {}", names().collect::<Vec<_>>().join(", ")),
        };
        return Err(anyhow!("--keys {section}: there is no such section; {help}"));
    }
    Ok(texts.join("\n"))
}
