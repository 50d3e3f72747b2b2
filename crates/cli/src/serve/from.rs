//! `quintet serve --from`: another balancer's configuration as one of ours.

use crate::failure::Outcome;
use crate::output::{Output, complain};
use anyhow::anyhow;
use balancer::Config;
use balancer::config::keys::TOP;
use config_file::{ConfigError, Kind};
use std::path::Path;
use translate::{FILES, LISTS, Language, NAMES, Taken, Weight, translate};

/// Writes the translation to standard output, and what there is to know about it to standard error.
pub(super) fn run(path: &Path) -> anyhow::Result<Outcome> {
    let name = path.display().to_string();
    let text = config_file::read_text(path).map_err(|error| match error {
        ConfigError::Unreadable { why, .. } => {
            anyhow!("{name}: {why}; name the haproxy.cfg or nginx.conf to translate")
        }
        other => anyhow!("{other}"),
    })?;
    let neither = || {
        anyhow!(
            "{name}: this is neither an haproxy.cfg (sections such as `frontend`) nor an nginx.conf (directives that end in \
             `;`, such as `server {{ ... }}`): name the file to translate"
        )
    };
    let language = Language::of(&text).ok_or_else(neither)?;
    let translation = translate(&name, language, &text, &takes, &balancer::hash_password)
        .map_err(|why| anyhow!("{name}, read as {language}: {why}"))?;
    Output::People.say(&translation.toml)?;
    for note in &translation.notes {
        let weight = if note.weight == Weight::Missing { "not translated: " } else { "" };
        complain(format!("{name}: {weight}{note}"));
    }
    // What it names, such as certificates, may be on another host.
    if let Err(error) = Config::parse(&format!("the translation of {name}"), &translation.toml) {
        complain(format!("before it can be used:\n{error}"));
    }
    Ok(if translation.is_whole() { Outcome::AsHoped } else { Outcome::Bad })
}

/// Does this balancer take that setting? It is asked, so that no translation says what it does not understand.
fn takes(setting: &str) -> Taken {
    let set = "[[backend_set]]\nname = \"a\"\nservers = [\"192.0.2.1:80\"]\n";
    let listener = |bind: &str, more: &str| {
        let text = format!("[[listener]]\nname = \"a\"\nbackends = \"a\"\nbind = {bind}\n{more}\n{set}");
        if Config::parse("a question", &text).is_ok() { Taken::Yes } else { Taken::No }
    };
    match setting {
        LISTS => listener("[\"127.0.0.1:80\", \"127.0.0.1:81\"]", ""),
        FILES => listener("\"unix:/run/q.sock\"", ""),
        NAMES => {
            let route = "protocol = \"tcp\"\n[[listener.route]]\nhost = \"a\"\nbackends = \"a\"";
            listener("\"127.0.0.1:80\"", route)
        }
        path => match TOP.find(path).map(|key| &key.kind) {
            Some(&Kind::Number { min, max }) => Taken::Within(min as u64, max as u64),
            Some(_) => Taken::Yes,
            None => Taken::No,
        },
    }
}
