//! `quintet serve --check`: that a configuration is good, and what the names of its servers lead to, or that nobody looked.

use crate::failure::{Outcome, Result};
use crate::output::Output;
use balancer::Config;
use balancer_core::names::AtStart;
use control::Look;
use std::path::Path;
use units::counted;

/// Good is what a start would take: a name that leads nowhere is a failure where a start needs it, and a word where it is optional.
pub(super) fn tell(path: &Path, config: &Config, resolve: bool) -> Result {
    let names = config.members.len() as u64;
    let looks = if resolve && names > 0 { control::look_up(config)? } else { Vec::new() };
    let nobody = |at_start: AtStart| {
        looks.iter().filter(move |look| look.servers.is_err() && look.at_start == at_start).count() as u64
    };
    let (missing, absent) = (nobody(AtStart::Required), nobody(AtStart::Optional));
    let verdict = match (missing, absent) {
        (0, 0) => "good".to_owned(),
        (0, absent) => format!("good, without {} that {} nowhere and may", counted(absent, "name"), lead(absent)),
        (missing, _) => format!("a start fails: {} {} nowhere", counted(missing, "name"), lead(missing)),
    };
    Output::People.say(format!("{}: {verdict}: {}", path.display(), config.summary()))?;
    looks.iter().try_for_each(|look| Output::People.say(in_words(look)))?;
    if names > 0 && !resolve {
        let advice = "--resolve looks what they lead to";
        Output::People.say(format!("{} not looked up: {advice}", counted(names, "name")))?;
    }
    Ok(if missing == 0 { Outcome::AsHoped } else { Outcome::Bad })
}

fn lead(names: u64) -> &'static str {
    if names == 1 { "leads" } else { "lead" }
}

fn in_words(look: &Look) -> String {
    match &look.servers {
        Ok(servers) => {
            let servers: Vec<_> = servers.iter().map(ToString::to_string).collect();
            format!("  {}: {}", look.name, servers.join(", "))
        }
        Err(why) => format!("  {}: nobody: {why}", look.name),
    }
}
