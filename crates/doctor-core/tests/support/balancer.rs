//! The `balancer.` lines of a case.

use super::pairs;
use doctor_core::balancer::{BalancerFacts, InertPool, PortUse, ServerUse, SetUse, Standing};

/// A balancer at which no rule finds anything.
pub(crate) fn good() -> BalancerFacts {
    BalancerFacts {
        at: "unix:/run/quintet/admin.sock".to_owned(),
        version: "0.1.0".to_owned(),
        uptime_s: 3600.0,
        open_files: 100,
        files_max: 20_000,
        ..BalancerFacts::default()
    }
}

/// `port = 10.0.0.1 to 10.0.0.7:80 ports 28232 live 10 time_wait 200 rate 5 gone_in 30`, `server = app/10.0.0.7:80 up opened 5`,
/// `inert-pool = app 1000 peer_left`, `files = 900/1000`.
pub(crate) fn read(balancer: &mut BalancerFacts, key: &str, value: &str) -> Option<()> {
    match key {
        "port" => balancer.ports.push(port(value)?),
        "server" => {
            let (name, rest) = value.split_once('/')?;
            set(balancer, name).servers.push(server(rest)?);
        }
        "inert-pool" => {
            let words: Vec<&str> = value.split(' ').collect();
            let [name, opened, why] = words[..] else { return None };
            set(balancer, name).inert_pool =
                Some(InertPool { opened: opened.parse().ok()?, why: Some(why.to_owned()) });
        }
        "files" => {
            let (open, max) = value.split_once('/')?;
            (balancer.open_files, balancer.files_max) = (open.parse().ok()?, max.parse().ok()?);
        }
        _ => return None,
    }
    Some(())
}

fn set<'a>(balancer: &'a mut BalancerFacts, name: &str) -> &'a mut SetUse {
    let at = balancer.sets.iter().position(|set| set.name == name).unwrap_or_else(|| {
        balancer.sets.push(SetUse { name: name.to_owned(), ..SetUse::default() });
        balancer.sets.len() - 1
    });
    &mut balancer.sets[at]
}

fn port(value: &str) -> Option<PortUse> {
    let (source, rest) = value.split_once(" to ")?;
    let (destination, rest) = rest.split_once(' ')?;
    let words = pairs(rest)?;
    let count = |name| words.get(name).copied().unwrap_or(0);
    let ports = count("ports");
    Some(PortUse {
        source: source.to_owned(),
        destination: destination.to_owned(),
        ports: ports as u32,
        live: count("live"),
        time_wait: count("time_wait"),
        free: ports - count("live") - count("time_wait"),
        rate_per_s: count("rate") as f64,
        rate_per_s_max: ports as f64 / 62.0,
        exhausted_in_s: words.get("gone_in").map(|seconds| *seconds as f64),
    })
}

fn server(value: &str) -> Option<ServerUse> {
    let mut words = value.splitn(3, ' ');
    let (address, standing) = (words.next()?, Standing::from_name(words.next()?)?);
    let counts = pairs(words.next().unwrap_or_default())?;
    let count = |name| counts.get(name).copied().unwrap_or(0);
    Some(ServerUse {
        standing,
        opened: count("opened"),
        reused: count("reused"),
        closed: count("closed"),
        left: count("left"),
        aborted: count("aborted"),
        our_fin: count("our_fin"),
        failed_here: count("failed_here"),
        ..ServerUse::new(address)
    })
}
