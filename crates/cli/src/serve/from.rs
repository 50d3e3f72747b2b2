//! `quintet serve --from`: another balancer's configuration as one of ours.

use crate::failure::{Outcome, Result};
use crate::output::{Output, complain};
use anyhow::anyhow;
use balancer::Config;
use std::path::Path;
use translate::{Language, Weight, translate};

/// Writes the translation to standard output, and what there is to know about it to standard error.
pub(super) fn run(path: &Path) -> Result {
    let text = config_file::read_text(path).map_err(|_| anyhow!("{}: it cannot be read as text", path.display()))?;
    let name = path.display().to_string();
    let language = Language::of(&text);
    let translation = translate(&name, language, &text).map_err(|why| anyhow!("{name}, read as {language}: {why}"))?;
    Output::People.say(&translation.toml)?;
    for note in &translation.notes {
        let weight = if note.weight == Weight::Missing { "not translated: " } else { "" };
        complain(format!("{name}: {weight}{note}"));
    }
    // What it names, such as certificates, may be on another host.
    if let Err(error) = Config::parse(&name, &translation.toml) {
        complain(format!("before it can be used, of the translation:\n{error}"));
    }
    Ok(if translation.is_whole() { Outcome::AsHoped } else { Outcome::Bad })
}
