//! `quintet ctl`: the running balancer, from the terminal.

use crate::failure::{Outcome, Result};
use crate::output::{Output, complain};
use crate::serve;
use admin::{Client, Overview};
use anyhow::{Context, anyhow, bail};
use balancer::Config;
use clap::{Parser, Subcommand};
use ports::{Address, UnixPath};
use present::ctl::{Listeners, Ports, Running, Servers, Status};
use serde_json::{Value, json};
use std::io::Write;
use std::path::{Path, PathBuf};

/// Where a packaged balancer has its admin listener.
const AT_DEFAULT: &str = "unix:/run/quintet/admin.sock";

const EXAMPLES: &str = "\
Examples:
  quintet ctl status                       what is well and what is not
  quintet ctl servers app                  the servers of the set app
  quintet ctl ports                        ports towards servers, and how long they last
  quintet ctl drain app/10.0.0.7:80        no new request goes there; undrain brings it back
  quintet ctl drain listener web           it accepts nobody any more; undrain opens it again
  quintet ctl disable app/10.0.0.7:80      nothing goes there, checks neither; enable brings it back
  quintet ctl weight app/10.0.0.7:80 10    until reset, or the end of the process
  quintet ctl reload                       read the configuration file again
  quintet ctl events                       what happens, until Ctrl-C

The admin listener is named by --at, by the [admin] of the file of --config, by QUINTET_ADMIN, or it is
unix:/run/quintet/admin.sock. Exit code 1: the balancer refuses; 2: nobody answers.";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct CtlArgs {
    /// The admin listener: `unix:PATH`, or an address and port.
    #[arg(long, global = true, value_name = "ADDRESS", value_parser = address)]
    at: Option<Address>,
    /// The configuration of the running balancer, for its `[admin]`.
    #[arg(long, short = 'c', global = true, value_name = "FILE", conflicts_with = "at")]
    config: Option<PathBuf>,
    /// A file with the token that changes take over TCP.
    #[arg(long, global = true, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Write the answer as JSON.
    #[arg(long, global = true, value_name = "FILE|-")]
    json: Option<String>,
    #[command(subcommand)]
    wish: Wish,
}

#[derive(Debug, Subcommand)]
enum Wish {
    /// Everything in brief.
    Status,
    /// The servers: state, weight, requests, connections, who closes first.
    Servers {
        /// Of this set; of all where none is named.
        set: Option<String>,
    },
    /// The listeners: where they listen, requests, failures, clients.
    Listeners,
    /// The configuration that is worked by, secrets hidden, and what operators said.
    Config,
    /// Ports towards servers: live, in TIME_WAIT, free, and how long they last.
    Ports,
    /// Send no new request to a server, those under way are finished; or have a listener accept nobody any more, after
    /// `drain_grace`.
    Drain(Whom),
    /// Send requests to it again; or have it accept again.
    Undrain(Whom),
    /// Send nothing to a server, and do not check it; what is under way is finished.
    Disable(Which),
    /// Send requests to it and check it again.
    Enable(Which),
    /// Give it another weight.
    Weight {
        #[command(flatten)]
        which: Which,
        /// 0 to 1000.
        #[arg(value_parser = weight, allow_negative_numbers = true)]
        weight: u32,
    },
    /// Forget what was said of it: the configuration counts.
    Reset(Which),
    /// Read the configuration file again.
    Reload,
    /// Tell what happens, until Ctrl-C.
    Events,
}

#[derive(Debug, Parser)]
struct Whom {
    /// A server by its set and its address, `app/10.0.0.7:80`; or the word `listener` and a listener's name.
    #[arg(value_name = "SET/SERVER|listener NAME", num_args = 1..=2, required = true)]
    whom: Vec<String>,
}

#[derive(Debug, Parser)]
struct Which {
    /// A server by its set and its address: `app/10.0.0.7:80`.
    #[arg(value_name = "SET/SERVER")]
    server: String,
}

pub(crate) fn run(args: &CtlArgs) -> Result {
    let client = client(args)?;
    let mut output = Output::open(args.json.as_deref())?;
    match &args.wish {
        Wish::Status => output.show(&Status(&client.overview()?))?,
        Wish::Servers { set } => output.show(&Servers(&of_set(client.overview()?, set.as_deref())?.backend_sets))?,
        Wish::Listeners => output.show(&Listeners(&client.overview()?.listeners))?,
        Wish::Config => output.show(&Running(&client.config()?))?,
        Wish::Ports => output.show(&Ports(&client.overview()?.ports))?,
        Wish::Drain(whom) => return order_either(&client, whom, "drain", &mut output),
        Wish::Undrain(whom) => return order_either(&client, whom, "undrain", &mut output),
        Wish::Disable(which) => return order(&client, &which.server, "disable", String::new(), &mut output),
        Wish::Enable(which) => return order(&client, &which.server, "enable", String::new(), &mut output),
        Wish::Reset(which) => return order(&client, &which.server, "reset", String::new(), &mut output),
        Wish::Weight { which, weight } => {
            return order(&client, &which.server, "weight", weight.to_string(), &mut output);
        }
        Wish::Reload => return tell(client.reload(), &mut output),
        Wish::Events => follow(&client, &output)?,
    }
    Ok(Outcome::AsHoped)
}

fn client(args: &CtlArgs) -> anyhow::Result<Client> {
    let (at, its_token) = match (&args.at, &args.config) {
        (Some(at), _) => (*at, None),
        (None, Some(file)) => of_config(file)?,
        (None, None) => (at_by_default()?, None),
    };
    let shown = args.token_file.as_deref().map(token_of).transpose()?.or(its_token);
    Ok(Client::new(at, shown))
}

/// What `--token-file` holds.
pub(crate) fn token_of(file: &Path) -> anyhow::Result<String> {
    let text = std::fs::read_to_string(file).with_context(|| format!("--token-file {}", file.display()))?;
    let token = text.trim();
    if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        bail!("--token-file {}: this is no token, which is one word of printable characters", file.display());
    }
    Ok(token.to_owned())
}

/// Where the balancer of this file is asked, and with which token.
fn of_config(file: &Path) -> anyhow::Result<(Address, Option<String>)> {
    // Whatever is wrong with the rest of it: that may be why somebody asks.
    let admin = Config::load_admin(file).map_err(|error| anyhow!("{}", serve::shown(&error)))?;
    let Some(admin) = admin else {
        bail!(
            "{} has no [admin]: such a balancer cannot be asked; write\n\n[admin]\nbind = \"{AT_DEFAULT}\"",
            file.display()
        )
    };
    let token = admin.token.map(|token| String::from_utf8_lossy(token.bytes()).into_owned());
    Ok((admin.bind.address, token))
}

fn at_by_default() -> anyhow::Result<Address> {
    match std::env::var("QUINTET_ADMIN") {
        Ok(text) => address(&text).map_err(|why| anyhow!("QUINTET_ADMIN: {why}")),
        Err(_) => address(AT_DEFAULT).map_err(|why| anyhow!(why)),
    }
}

/// Where an admin listener is.
pub(crate) fn address(text: &str) -> std::result::Result<Address, String> {
    if let Some(path) = text.strip_prefix(Address::UNIX) {
        return UnixPath::new(path).map(Address::Unix).map_err(|error| error.to_string());
    }
    let bare = text.strip_prefix("http://").unwrap_or(text).trim_end_matches('/');
    bare.parse().map(Address::Ip).map_err(|_| format!("{text:?} is no address: write 127.0.0.1:9080 or unix:/path"))
}

/// What is too large for a weight the balancer says.
fn weight(text: &str) -> std::result::Result<u32, String> {
    text.parse().map_err(|_| "a weight is a whole number from 0 to 1000, such as 10".to_owned())
}

/// Only this set, where one is named.
fn of_set(mut overview: Overview, set: Option<&str>) -> anyhow::Result<Overview> {
    let Some(set) = set else { return Ok(overview) };
    let names: Vec<String> = overview.backend_sets.iter().map(|one| one.name.clone()).collect();
    overview.backend_sets.retain(|one| one.name == set);
    if overview.backend_sets.is_empty() {
        bail!("there is no backend set {set}; there are: {}", names.join(", "));
    }
    Ok(overview)
}

/// What is said of a server, or of a listener.
fn order_either(client: &Client, whom: &Whom, order_word: &str, output: &mut Output) -> Result {
    match whom.whom.as_slice() {
        [kind, name] if kind == "listener" => {
            tell(client.order_listener(name, order_word).map(|()| json!({ "ok": true })), output)
        }
        [server] if server.contains('/') => order(client, server, order_word, String::new(), output),
        words => Err(anyhow!(
            "{:?} names no server and no listener: write SET/SERVER, such as app/10.0.0.7:80, or `listener NAME`",
            words.join(" ")
        )
        .into()),
    }
}

fn order(client: &Client, which: &str, order: &str, body: String, output: &mut Output) -> Result {
    let Some((set, server)) = which.split_once('/') else {
        return Err(anyhow!("{which:?} names no server: write SET/SERVER, such as app/10.0.0.7:80").into());
    };
    tell(client.order_server(set, server, order, body).map(|()| json!({ "ok": true })), output)
}

/// What the balancer says of an order.
fn tell(answer: std::result::Result<Value, admin::AskError>, output: &mut Output) -> Result {
    match answer {
        Ok(answer) => {
            output.say(done_in_words(&answer))?;
            output.write_json(&answer)?;
            Ok(Outcome::AsHoped)
        }
        Err(admin::AskError::Refused(why)) => {
            complain(format!("quintet: {why}"));
            output.write_json(&json!({ "error": why }))?;
            Ok(Outcome::Bad)
        }
        Err(error) => Err(error.into()),
    }
}

/// What came of it, and what is to be known besides.
fn done_in_words(answer: &Value) -> String {
    let mut lines = vec![answer["summary"].as_str().map_or_else(|| "done".to_owned(), |what| format!("done: {what}"))];
    for (list, words) in [
        ("opened", "listening on"),
        ("closed", "no longer listening on"),
        ("waits", "from the next start on:"),
        ("warnings", "warning:"),
    ] {
        let all = answer[list].as_array().into_iter().flatten().filter_map(Value::as_str);
        lines.extend(all.map(|one| format!("  {words} {one}")));
    }
    lines.join("\n")
}

/// Until nobody listens any more, on either side.
fn follow(client: &Client, output: &Output) -> anyhow::Result<()> {
    let mut reader_left = false;
    client.follow(|name, event| {
        if name == "news" {
            let line = match output {
                Output::People => {
                    [&event["time"], &event["text"]].map(|part| part.as_str().unwrap_or_default()).join(" ")
                }
                _ => event.to_string(),
            };
            reader_left = writeln!(std::io::stdout(), "{line}").is_err();
        }
        name != "ending" && !reader_left
    })?;
    Ok(())
}
