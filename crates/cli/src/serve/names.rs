//! `quintet serve --check`: what the names of servers lead to, or that nobody looked.

use crate::failure::{Outcome, Result};
use crate::output::Output;
use balancer::Config;
use control::Look;
use units::counted;

pub(super) fn tell(config: &Config, resolve: bool) -> Result {
    let names = config.members.len() as u64;
    if names == 0 {
        return Ok(Outcome::AsHoped);
    }
    if !resolve {
        let advice = "--resolve looks what they lead to";
        Output::People.say(format!("{} not looked up: {advice}", counted(names, "name")))?;
        return Ok(Outcome::AsHoped);
    }
    let looks = control::look_up(config)?;
    looks.iter().try_for_each(|look| Output::People.say(in_words(look)))?;
    let all = looks.iter().all(|look| look.servers.is_ok());
    Ok(if all { Outcome::AsHoped } else { Outcome::Bad })
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
