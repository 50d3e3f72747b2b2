//! `quintet serve`.

mod events;
mod from;
mod hand_over;
mod keys;
mod names;
mod ports;
mod service;
mod steer;
mod watch;

use crate::failure::{Failure, Outcome, Result};
use crate::output::{self, Output};
use crate::{terminal, values};
use ::origin::OriginPlan;
use anyhow::{Context, anyhow};
use balancer::{Config, LogTarget};
use balancer_core::events::Level;
use control::{Control, Heritage};
use events::Events;
use hand_over::Taken;
use present::serve::{Costs, Totals};
use reactor::Listening;
use service::{Manager, Watchdog};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use steer::Helm;
use sys::signal::Signals;
use units::counted;
use watch::Watch;

const EXAMPLES: &str = "\
Examples:
  quintet serve                                  two embedded origins behind 127.0.0.1:8080
  quintet serve --config quintet.toml --check    read the configuration, say what is wrong with it, end
  quintet serve --config quintet.toml --check --resolve   and what the names of servers lead to
  quintet serve --config quintet.toml
  quintet serve --config quintet.toml --explain 'GET https://example.org/api' -H 'X-Beta: 1'
                                                 which route that request goes by, and why; 'tls://example.org:443' asks
                                                 about a connection of a tcp listener
  quintet serve --config quintet.toml --explain-limits
                                                 what it can cost in memory and files, at most
  quintet serve --keys                           every key, its default and what it means; --keys listener.limits
  quintet serve --config quintet.toml --install-unit > /etc/systemd/system/quintet.service
  quintet serve --schema > quintet.schema.json   for editors that complete and check
  quintet serve --from haproxy.cfg > q.toml      or nginx.conf; what could not be translated is listed by line (exit code 1)

The smallest configuration:
  [[listener]]
  name = \"web\"
  bind = \"127.0.0.1:8080\"
  protocol = \"http\"
  backends = \"app\"
  close = \"balancer-first\"          # or \"client-first\", \"reset-when-safe\"

  [[backend_set]]
  name = \"app\"
  servers = [\"127.0.0.1:9001\", { address = \"127.0.0.1:9002\", weight = 2 }]

SIGTERM, SIGQUIT and Ctrl-C drain: nobody new comes in, requests in flight may finish; a second one cuts them off. Exit code 1,
and the last line, say that somebody was cut off.
SIGHUP reads the configuration again: a good one is worked by without a connection lost, a bad one changes nothing.
SIGUSR2 starts the program as it is on disk by now and hands over to it: no client is refused, and one that does not start
changes nothing.
SIGUSR1 prints the counters, what is spent of the ports towards each server, and the last messages that were refused.";

const LISTEN_DEFAULT: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 8080);

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ServeArgs {
    /// Configuration file (TOML). Without one: two embedded origins.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Only check the configuration.
    #[arg(long, requires = "config")]
    check: bool,
    /// With --check: look up the names of servers too, and say what they lead to.
    #[arg(long, requires = "check")]
    resolve: bool,
    /// Say which route a request goes by, and why: `GET https://example.org/path`; or a connection of a tcp listener:
    /// `tls://example.org:443`. Nothing is started.
    #[arg(long, value_name = "REQUEST", requires = "config", conflicts_with = "check")]
    explain: Option<String>,
    /// Say what this configuration can cost in memory and files, at most. Nothing is started.
    #[arg(long, requires = "config", conflicts_with_all = ["check", "explain"])]
    explain_limits: bool,
    /// With --explain: a field of the request; more than one may be given.
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE", requires = "explain")]
    headers: Vec<String>,
    /// Tell every key of the configuration, or those of one section (`listener.limits`).
    #[arg(long, value_name = "SECTION", num_args = 0..=1, default_missing_value = "", conflicts_with_all = ["config", "schema"])]
    keys: Option<String>,
    /// Write a JSON Schema of the configuration, for editors.
    #[arg(long, conflicts_with = "config")]
    schema: bool,
    /// Translate an haproxy.cfg or nginx.conf: our configuration to standard output, what is not in it to standard error.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["config", "keys", "schema"])]
    from: Option<PathBuf>,
    /// Address and port to listen on, without a configuration [default: 127.0.0.1:8080].
    #[arg(long, value_name = "ADDR", conflicts_with = "config", value_parser = values::listen_address)]
    listen: Option<SocketAddr>,
    /// Data-path threads [default: one per core, or as configured].
    #[arg(long, value_name = "N", value_parser = values::number::<usize>)]
    workers: Option<usize>,
    /// Print a unit for systemd, with what this configuration needs.
    #[arg(long, conflicts_with_all = ["check", "explain", "explain_limits", "keys", "schema", "from"])]
    install_unit: bool,
    /// Write the final counters (or what --explain-limits says) as JSON.
    #[arg(long, value_name = "FILE|-")]
    json: Option<String>,
}

pub(crate) fn run(args: &ServeArgs) -> Result {
    if !hand_over::is_awaited() {
        return begin(args);
    }
    // Beside what the process before tells: with the time of it, as there.
    begin(args).map_err(|failure| Failure { has_time: true, ..failure })
}

fn begin(args: &ServeArgs) -> Result {
    if let Some(outcome) = about_files(args)? {
        return Ok(outcome);
    }
    let watch = Watch::of(args.config.as_deref());
    let config = args.config.as_deref().map(load).transpose()?;
    check_workers(args.workers)?;
    if args.install_unit {
        Output::People.say(service::unit::text(args.config.as_deref().zip(config.as_ref())))?;
        return Ok(Outcome::AsHoped);
    }
    if let (Some(question), Some(config)) = (&args.explain, &config) {
        return explain(question, &args.headers, config);
    }
    if let (true, Some(config), Some(path)) = (args.explain_limits, &config, &args.config) {
        sys::limits::raise_file_limit();
        let cost = balancer::cost(config, args.workers).map_err(|why| anyhow!("{}: {why}", path.display()))?;
        Output::open(args.json.as_deref())?.show(&Costs(&cost))?;
        return Ok(Outcome::AsHoped);
    }
    if let (true, Some(config), Some(path)) = (args.check, &config, &args.config) {
        config.plan(args.workers).map_err(|why| anyhow!("{}: {why}", path.display()))?;
        complain_of(&balancer::foreseen::warnings(&config.settings));
        complain_of(&balancer::foreseen::barred_later(config, Some(path)));
        return names::tell(path, config, args.resolve);
    }
    serve(args, config, watch)
}

fn serve(args: &ServeArgs, config: Option<Config>, watch: Watch) -> Result {
    let mut output = Output::open(args.json.as_deref())?;
    // Before any thread: they inherit the blocked signals, and this one waits for them.
    let signals = Signals::block_for_server()?;
    let files = sys::limits::raise_file_limit().soft;
    let embedded = if config.is_none() { start_origins()? } else { Vec::new() };
    let config = config.unwrap_or_else(|| {
        let servers: Vec<_> = embedded.iter().map(::origin::Handle::address).collect();
        Config::embedded(args.listen.unwrap_or(LISTEN_DEFAULT), &servers)
    });
    let before = Before::take(&config)?;
    before.taken.iter().for_each(|_| output.succeed());
    // Bound before a worker accepts: what fails after that would cut its clients off.
    let listens = || config.admin.as_ref().map(admin::listen).transpose();
    let at_admin = before.admin.map_or_else(listens, |taken| Ok(Some(taken)))?;
    let waits = |what| output::complain(format!("quintet: {what}"));
    let (file, heritage) = (args.config.as_deref(), before.heritage);
    let mut control = control::start_with(&config, file, args.workers, heritage, waits)?;
    before.taken.iter().for_each(|taken| control.remote().note_taken_over(taken.hand_overs()));
    let admin = admin::start_with(config.admin.as_ref(), control.remote(), at_admin)?;
    let barred = balancer::foreseen::barred_later(&config, file);
    // Everything is bound and read.
    become_who(&config)?;
    let (mut output, events) = beside_the_log(output, &config);
    warn(&control, files, &config, &barred, events);
    greet(&output, &control, !embedded.is_empty(), events);
    admin.greeting().into_iter().for_each(|greeting| events.say(&output, "admin", &greeting));
    let news = tell_news(&mut control, events);
    let manager = Arc::new(Manager::of_environment());
    let watchdog = Watchdog::start(&manager, control.remote());
    say_ready(before.taken, &manager, &config);
    let (signals, out) = (&signals, &output);
    let counters = Helm { signals, output: out, events, control, admin, manager, watchdog, watch }.run();
    // Nothing new comes once the control plane has ended; what it told is told.
    let _all_is_told = news.map(JoinHandle::join);
    output.show(&Totals(&counters))?;
    let Some(cut) = steer::cut_in_words(&counters) else { return Ok(Outcome::AsHoped) };
    output.say_or_complain(cut);
    Ok(Outcome::Bad)
}

/// Where it is told what happens: an access log on standard output has it for itself.
fn beside_the_log(output: Output, config: &Config) -> (Output, Events) {
    let log_on_stdout = config.access_log.as_ref().is_some_and(|log| log.to == LogTarget::Stdout);
    let output = match output {
        Output::People if log_on_stdout => Output::PeopleAside,
        output => output,
    };
    (output, Events::new(config.event_log, log_on_stdout))
}

/// What there is already when this process starts.
#[derive(Default)]
struct Before {
    heritage: Heritage,
    admin: Option<Listening>,
    taken: Option<Taken>,
}

impl Before {
    /// Of a process that hands over, or made by a service manager.
    fn take(config: &Config) -> anyhow::Result<Self> {
        if let Some(mut taken) = hand_over::take()? {
            let (heritage, admin) = (taken.take_heritage(), taken.take_admin(config.admin.as_ref()));
            return Ok(Self { heritage, admin, taken: Some(taken) });
        }
        let (heritage, admin) = service::sockets::take(config)?.unwrap_or_default();
        Ok(Self { heritage, admin, taken: None })
    }
}

/// Where the configuration says so.
fn become_who(config: &Config) -> anyhow::Result<()> {
    match config.identity.filter(|who| *who != sys::privileges::identity()) {
        None => Ok(()),
        Some(who) => sys::privileges::become_for_good(who).map_err(|errno| {
            anyhow!("cannot become user {}, group {}: {errno}; start as root, or leave out `user`", who.user, who.group)
        }),
    }
}

/// To whoever waits for it.
fn say_ready(taken: Option<Taken>, manager: &Manager, config: &Config) {
    let is_heard = taken.map(Taken::say_ready);
    if is_heard == Some(false) {
        output::complain("quintet: the process that handed over has gone before it heard that this one serves");
    }
    // Who hands over says it in this process's name: it is still the one that is listened to.
    if is_heard != Some(true) {
        manager.ready(&config.summary());
    }
}

/// Which way a request goes.
fn explain(question: &str, headers: &[String], config: &Config) -> Result {
    let question = balancer::Question::parse(question, headers).map_err(|why| anyhow!("--explain: {why}"))?;
    let told = balancer::explain(&config.settings, &question).map_err(|why| anyhow!("--explain: {why}"))?;
    Output::People.say(told.join("\n"))?;
    Ok(Outcome::AsHoped)
}

/// What is asked of configurations, nothing being served.
fn about_files(args: &ServeArgs) -> anyhow::Result<Option<Outcome>> {
    if let Some(path) = &args.from {
        return from::run(path).map(Some);
    }
    let Some(text) = keys::asked(args.keys.as_deref(), args.schema)? else { return Ok(None) };
    Output::People.say(text)?;
    Ok(Some(Outcome::AsHoped))
}

/// What it goes on without, what a reload will fail by, and too few open files for what was asked for.
fn warn(control: &Control, files: u64, config: &Config, unreadable: &[balancer::Warning], events: Events) {
    events.warn_of("warning", &control.warnings());
    events.warn_of("warning", unreadable);
    let short = balancer_core::files::shortage_in_words(files, &config.settings, &control.settings());
    short.iter().for_each(|short| events.warn(Level::Warning, "open-files", &format!("warning: {short}")));
}

fn complain_of(warnings: &[balancer::Warning]) {
    warnings.iter().for_each(|warning| output::complain(format!("quintet: warning: {warning}")));
}

/// Mistakes are shown as wide and as colourful as the terminal likes.
pub(crate) fn load(path: &Path) -> anyhow::Result<Config> {
    Config::load(path).map_err(|error| anyhow!("{}", shown(&error)))
}

pub(crate) fn shown(error: &balancer::ConfigError) -> String {
    error.render(terminal::error_width(), terminal::error_colour())
}

fn check_workers(workers: Option<usize>) -> anyhow::Result<()> {
    match workers {
        Some(count) if !(1..=balancer::config::WORKERS_MAX).contains(&count) => {
            Err(anyhow!("--workers {count}: use 1 to {}", balancer::config::WORKERS_MAX))
        }
        _ => Ok(()),
    }
}

fn start_origins() -> anyhow::Result<Vec<::origin::Handle>> {
    let any: SocketAddr = SocketAddr::from(([127, 0, 0, 1], 0));
    let start = |name: &str| ::origin::start(OriginPlan { name: name.to_owned(), ..OriginPlan::new(any) });
    ["one", "two"].iter().map(|name| start(name).context("starting an embedded origin")).collect()
}

/// What changes by itself, a line each, until the end.
fn tell_news(control: &mut Control, events: Events) -> Option<JoinHandle<()>> {
    let news = control.take_news()?;
    let tell = move || news.iter().for_each(|event| events.tell(&event));
    Some(std::thread::spawn(tell))
}

fn greet(output: &Output, control: &Control, embedded: bool, events: Events) {
    let workers = counted(control.workers() as u64, "worker");
    for place in control.places() {
        events.say(output, "listening", &format!("listening on {place} with {workers}"));
    }
    if let (true, Some(address)) = (embedded, control.addresses().first()) {
        output.say_or_complain("two embedded origins answer; try:");
        output.say_or_complain(format!("  curl -i http://{address}/           (again and again: they take turns)"));
        output.say_or_complain(format!("  curl -i http://{address}/bytes/100000"));
        output.say_or_complain(format!("  quintet stress -z 5s --close wait http://{address}/"));
    }
}
