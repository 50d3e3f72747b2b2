//! What must hold of whatever is given to the translators. Shared with the fuzz target.

use balancer::Config;
use balancer::config::keys::TOP;
use config_file::{ConfigError, Kind, Mistake};
use translate::{FILES, LISTS, Language, NAMES, Taken, translate};

/// Keys that name files, and users: those of another host are not here.
const OF_FILES: [&str; 9] =
    ["certificate", "key", "ca", "client_ca", "users_file", "user", "group", "access_log", "file"];

/// What it comes to, if anything, is a configuration of ours, but for the files it names.
pub(crate) fn translates(language: Language, text: &str) -> Result<bool, String> {
    let Ok(translation) = translate("any", language, text, &taken, &hash) else { return Ok(false) };
    let toml = &translation.toml;
    let Err(error) = Config::parse("/nowhere/the-translation.toml", toml) else { return Ok(true) };
    let ConfigError::Mistakes { mistakes, .. } = &error else { return Err(error.to_string()) };
    let is_of_a_file = |at: usize| {
        let from = toml[..at].rfind('\n').map_or(0, |end| end + 1);
        let line = toml[from..].lines().next().unwrap_or_default();
        OF_FILES.iter().any(|key| line.contains(&format!("{key} = ")))
    };
    // A circle of theirs is one of ours, and refused.
    let is_theirs =
        |mistake: &Mistake| is_of_a_file(mistake.span.start) || mistake.title.ends_with("is this balancer itself");
    match mistakes.iter().all(is_theirs) {
        true => Ok(true),
        false => Err(format!("{text}\n-----\n{toml}\n-----\n{error}")),
    }
}

/// Of any password: making one takes long, by design.
fn hash(_password: &str) -> Option<String> {
    Some("$2y$05$qgoRo98xnbelXPIXPCqrF.Exn9KVItpAaHsmpDhLzCjIc/WsrvqNi".to_owned())
}

fn taken(path: &str) -> Taken {
    match TOP.find(path).map(|key| &key.kind) {
        Some(&Kind::Number { min, max }) => Taken::Within(min as u64, max as u64),
        Some(_) => Taken::Yes,
        None if [FILES, LISTS, NAMES].contains(&path) => Taken::Yes,
        None => Taken::No,
    }
}
