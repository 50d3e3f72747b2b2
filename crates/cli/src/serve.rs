//! `quintet serve`.

mod from;
mod keys;
mod names;
mod ports;

use crate::failure::{Outcome, Result, SAME_WISH};
use crate::output::{self, Output};
use crate::{terminal, values};
use ::origin::OriginPlan;
use anyhow::{Context, anyhow};
use balancer::Config;
use control::Control;
use present::Present;
use present::serve::Totals;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use sys::signal::{Signal, Signals};
use units::counted;

const EXAMPLES: &str = "\
Examples:
  quintet serve                                  two embedded origins behind 127.0.0.1:8080
  quintet serve --config quintet.toml --check    read the configuration, say what is wrong with it, end
  quintet serve --config quintet.toml --check --resolve   and what the names of servers lead to
  quintet serve --config quintet.toml
  quintet serve --config quintet.toml --explain 'GET https://example.org/api' -H 'X-Beta: 1'
                                                 which route that request goes by, and why; 'tls://example.org:443' asks
                                                 about a connection of a tcp listener
  quintet serve --keys                           every key, its default and what it means; --keys listener.limits
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

SIGTERM, SIGQUIT and Ctrl-C drain: nobody new comes in, requests in flight may finish; a second one ends at once.
SIGHUP reads the configuration again: a good one is worked by without a connection lost, a bad one changes nothing.
SIGUSR1 prints the counters, what is spent of the ports towards each server, and the last messages that were refused.";

/// What to do instead of a hand-over.
const NO_HAND_OVER: &str = "handing over to another binary is not supported yet, nothing was changed: SIGTERM drains this \
     process, SIGHUP reads its configuration again";

const LISTEN_DEFAULT: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 8080);

/// How often it is looked for what should be warned of.
const LOOK_EVERY: Duration = Duration::from_secs(10);
/// How often a drain is looked at.
const DRAIN_TICK: Duration = Duration::from_millis(20);

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
    /// Write the final counters as JSON.
    #[arg(long, value_name = "FILE|-")]
    json: Option<String>,
}

pub(crate) fn run(args: &ServeArgs) -> Result {
    if let Some(outcome) = about_files(args)? {
        return Ok(outcome);
    }
    let config = args.config.as_deref().map(load).transpose()?;
    check_workers(args.workers)?;
    if let (Some(question), Some(config)) = (&args.explain, &config) {
        return explain(question, &args.headers, config);
    }
    if let (true, Some(config), Some(path)) = (args.check, &config, &args.config) {
        config.plan(args.workers).map_err(|why| anyhow!("{}: {why}", path.display()))?;
        Output::People.say(format!("{}: good: {}", path.display(), config.summary()))?;
        complain_of(&balancer::port_warnings(&config.settings));
        complain_of(&balancer::certificate_warnings(&config.settings));
        return names::tell(config, args.resolve);
    }
    let mut output = Output::open(args.json.as_deref())?;
    // Before any thread: they inherit the blocked signals, and this one waits for them.
    let signals = Signals::block_for_server()?;
    let files = sys::limits::raise_file_limit().soft;
    let embedded = if config.is_none() { start_origins()? } else { Vec::new() };
    let config = config.unwrap_or_else(|| {
        let servers: Vec<_> = embedded.iter().map(::origin::Handle::address).collect();
        Config::embedded(args.listen.unwrap_or(LISTEN_DEFAULT), &servers)
    });
    let mut control = control::start(&config, args.config.as_deref(), args.workers)?;
    let admin = admin::start(config.admin.as_ref(), control.remote())?;
    complain_of(&control.warnings());
    greet(&output, &control, !embedded.is_empty());
    output.say_or_complain(room_in_words(files, control.clients_max(), &config));
    admin.greeting().into_iter().for_each(|greeting| output.say_or_complain(greeting));
    let news = tell_news(&mut control);
    let counters = serve(&signals, control, &output);
    // Nothing new comes once the control plane has ended; what it told is told.
    let _all_is_told = news.map(JoinHandle::join);
    output.show(&Totals(&counters))?;
    Ok(Outcome::AsHoped)
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

/// What the limit of open files leaves.
fn room_in_words(files: u64, clients: usize, config: &Config) -> String {
    let asked: usize = config.settings.listeners.iter().map(|listener| listener.limits.connections_max).sum();
    let room = format!("{files} files may be open: room for {clients} clients at once, each with a server connection");
    match clients < asked {
        true => format!("{room}; connections_max asks for {asked}: raise the hard limit (ulimit -Hn, LimitNOFILE=)"),
        false => room,
    }
}

fn complain_of(warnings: &[balancer::Warning]) {
    warnings.iter().for_each(|warning| output::complain(format!("quintet: warning: {warning}")));
}

/// Mistakes are shown as wide and as colourful as the terminal likes.
fn load(path: &Path) -> anyhow::Result<Config> {
    let (width, colour) = (terminal::error_width(), terminal::error_colour());
    Config::load(path).map_err(|error| anyhow!("{}", error.render(width, colour)))
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
fn tell_news(control: &mut Control) -> Option<JoinHandle<()>> {
    let news = control.take_news()?;
    let tell = move || news.iter().for_each(|event| output::complain(format!("quintet: {event}")));
    Some(std::thread::spawn(tell))
}

fn greet(output: &Output, control: &Control, embedded: bool) {
    let workers = counted(control.workers() as u64, "worker");
    for place in control.places() {
        output.say_or_complain(format!("listening on {place} with {workers}"));
    }
    if let (true, Some(address)) = (embedded, control.addresses().first()) {
        output.say_or_complain("two embedded origins answer; try:");
        output.say_or_complain(format!("  curl -i http://{address}/           (again and again: they take turns)"));
        output.say_or_complain(format!("  curl -i http://{address}/bytes/100000"));
        output.say_or_complain(format!("  quintet stress -z 5s --close wait http://{address}/"));
    }
}

/// Does what signals ask for until one asks for the end, then drains.
fn serve(signals: &Signals, control: Control, output: &Output) -> balancer_core::Counters {
    let mut ports = ports::Ports::of(&control);
    loop {
        match signals.wait(LOOK_EVERY) {
            Some(Signal::Interrupt | Signal::Terminate | Signal::Quit) => break,
            // What comes of it is news.
            Some(Signal::Hangup) => drop(control.remote().reload_file()),
            Some(Signal::User1) => {
                let report = control.report();
                output.say_or_complain(Totals(&report.total()).text(terminal::width()));
                ports.tell(&control, &report, output);
                tell_refused(&report, output);
            }
            Some(Signal::User2) => output::complain(format!("quintet: SIGUSR2: {NO_HAND_OVER}")),
            None => {}
        }
        ports.warn(&control);
    }
    let report = control.report();
    ports.tell(&control, &report, output);
    tell_refused(&report, output);
    drain(signals, control, output)
}

/// A second signal cuts it short.
fn drain(signals: &Signals, control: Control, output: &Output) -> balancer_core::Counters {
    let config = control.remote().config();
    output.say_or_complain(drain_in_words(config.drain_grace, config.drain));
    std::thread::scope(|scope| {
        let draining = scope.spawn(|| control.drain());
        let since = Instant::now();
        while !draining.is_finished() {
            let ends = matches!(signals.wait(DRAIN_TICK), Some(Signal::Interrupt | Signal::Terminate | Signal::Quit));
            if ends && since.elapsed() > SAME_WISH {
                output.say_or_complain("ended at once");
                std::process::exit(0);
            }
        }
        draining.join().unwrap_or_default()
    })
}

/// The last messages that were refused: of each worker so few are remembered that these lines cannot be too many.
fn tell_refused(report: &balancer_core::Report, output: &Output) {
    report.refused.iter().for_each(|refusal| output.say_or_complain(refusal.to_string()));
}

fn drain_in_words(grace: Duration, patience: Duration) -> String {
    let still = match grace.is_zero() {
        true => String::new(),
        false => format!("accepting for {} s more, then ", grace.as_secs_f64()),
    };
    match patience {
        units::OFF => format!("{still}draining, for as long as requests in flight take"),
        _ => format!("{still}draining, for {} s at most", patience.as_secs_f64()),
    }
}
