//! `quintet stress`.

mod client;
mod connection;
mod course;
mod curl;
mod curl_options;
mod expect;
mod files;
mod given;
mod habits;
mod live;
mod load;
mod peers;
mod plan_file;
mod ports;
mod request;
mod scraped;
mod search;

use crate::failure::{Outcome, Result, SAME_WISH};
use crate::output::Output;
use crate::values;
use ::origin::OriginPlan;
use ::ports::Address;
use anyhow::{Context, anyhow, bail};
use balancer::Config;
use clap::Args;
use habits::Ours;
use live::{Screen, Show, Watched};
use plan_file::PlanFile;
use ports::PortArgs;
use present::stress::Finished;
use scraped::Scraped;
use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};
use stress::{Preflight, StopFlag};
use stress_core::{ClosePolicy, PlanDraft};
use sys::resolve::{Tried, try_all};
use sys::signal::{Signal, Signals};

const EXAMPLES: &str = "\
Examples:
  quintet stress                                       200 requests to an embedded balancer and origin
  quintet stress -c 100 -z 30s http://127.0.0.1:8080/
  quintet stress -n 100k --close wait URL              a connection per request; the server closes first
  quintet stress -n 100k --close fin URL               we close first, and do not run out of ports (--ports auto)
  quintet stress -R 5k -z 1m --close fin --preflight-only URL
                                                       will the ports last? without a request
  quintet stress -R 2000 -z 30s URL                    2,000 requests a second, however long responses take
  quintet stress -z 30s --threshold 'p99<50ms' --threshold 'errors<0.1%' URL
                                                       exit code 1 where one is not kept
  quintet stress --find-max --threshold 'p99<20ms' URL the highest rate that keeps it
  quintet stress --close wait --tls-full --cacert ca.pem https://app.example/   a full TLS handshake each
  quintet stress --ramp 100:5k -z 60s --warm-up 5s URL from 100 requests a second to 5,000, after 5 s in no figure
  quintet stress --plan examples/stress.toml URL       phases, several requests, scenarios: see docs/tester.md
  quintet stress --urls access.log --replay-pace=x10 URL  a log, ten times as fast as it was written
  quintet stress --json - URL | jq .closed_first
  quintet stress -c 20 -- curl -H 'Accept: text/html' URL   the request of a curl command line

Close policies:
  keep   connections are kept alive (default)
  wait   one request each, `Connection: close`, the server's FIN is waited for: no TIME_WAIT here
  fin    one request each, we close first: a port is gone for 60 s, unless --ports own may re-use it
  rst    one request each, reset after the complete response: no TIME_WAIT anywhere
  half   one request each, our FIN right behind it, the response read all the same: a port is gone for 60 s

Flags of hey, wrk, ab, oha, h2load and bombardier are understood where they mean one thing (-host, -disable-keepalive, \
-k, --latency), and refused with what to write instead where they do not (-t, -D, -d 30s).

Exit codes: 0 every request got its response, and thresholds were kept; 1 not, or this host was the limit; 2 wrong usage, \
or this host cannot do it.";

/// How long the look at the target before a run may take.
const PROBE_TIMEOUT: Duration = Duration::from_secs(2);

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct StressArgs {
    #[arg(help = "Target, http[s]://HOST[:PORT][/PATH]. Without one: an embedded balancer and origin")]
    url: Option<String>,
    #[command(flatten)]
    load: load::LoadArgs,
    #[command(flatten)]
    search: search::SearchArgs,
    #[command(flatten)]
    request: RequestArgs,
    #[command(flatten)]
    sender: request::SenderArgs,
    #[command(flatten)]
    connection: ConnectionArgs,
    #[command(flatten)]
    ports: PortArgs,
    #[command(flatten)]
    files: files::FileArgs,
    #[command(flatten)]
    reach: connection::ReachArgs,
    #[command(flatten)]
    expect: expect::ExpectArgs,
    #[command(flatten)]
    client: client::ClientArgs,
    #[command(flatten)]
    wire: connection::WireArgs,
    #[command(flatten)]
    tls: connection::TlsArgs,
    /// Write the report as JSON.
    #[arg(long, value_name = "FILE|-", help_heading = "Result")]
    json: Option<String>,
}

/// What is sent.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Request")]
struct RequestArgs {
    /// Header field, `Name: value`; may be given more than once. `Connection: close` is `--close wait`.
    #[arg(short = 'H', long = "header", value_name = "FIELD")]
    headers: Vec<String>,
    /// Method [default: GET, or POST with -d].
    #[arg(short = 'm', long, value_name = "METHOD")]
    method: Option<String>,
    /// Request body; `@FILE` sends a file, `@-` what standard input holds.
    #[arg(short = 'd', long, value_name = "BODY|@FILE")]
    data: Option<String>,
    /// Longest time from when a request is due to its complete response [default: 20s].
    #[arg(long, value_name = "TIME", value_parser = values::duration)]
    timeout: Option<Duration>,
}

/// How connections begin and end.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Connections")]
struct ConnectionArgs {
    /// Who ends a connection, and when [default: keep].
    #[arg(long, value_parser = values::named::<ClosePolicy>())]
    close: Option<ClosePolicy>,
}

/// An embedded balancer with its origin; they end with it.
struct Embedded {
    balancer: balancer::Handle,
    _origin: ::origin::Handle,
}

/// The command line with the flags of other testers in our spelling; of another command as it is.
///
/// # Errors
/// A flag that means another thing there.
pub(crate) fn in_our_spelling(mut args: Vec<OsString>) -> anyhow::Result<Vec<OsString>> {
    if args.get(1).is_none_or(|command| command != "stress") {
        return Ok(args);
    }
    let theirs = args.split_off(2);
    args.extend(habits::understand(theirs, &our_flags())?);
    Ok(args)
}

fn our_flags() -> Ours {
    let command = StressArgs::augment_args(clap::Command::new("stress"));
    // A value that has to be attached is none of the words behind it.
    let takes_value = |arg: &clap::Arg| arg.get_action().takes_values() && !arg.is_require_equals_set();
    let long = command.get_arguments().filter_map(|arg| Some((arg.get_long()?.to_owned(), takes_value(arg))));
    let short = command.get_arguments().filter_map(|arg| Some((arg.get_short()?, takes_value(arg))));
    // clap adds these by itself.
    Ours { long: long.chain([("help".to_owned(), false)]).collect(), short: short.chain([('h', false)]).collect() }
}

pub(crate) fn run(args: &StressArgs) -> Result {
    if args.files.schema {
        Output::People.say(present::stress::SCHEMA)?;
        return Ok(Outcome::AsHoped);
    }
    // A mistake in the flags is told before anything is started.
    let Asked { draft, file, is_somewhere } = asked(args)?;
    let blamed = |error| file.as_ref().and_then(|file| file.blame(&error)).unwrap_or_else(|| error.into());
    draft.clone().check().map_err(blamed)?;
    let mut output = Output::open(args.json.as_deref())?.quiet_if(args.files.quiet);
    let mut files = args.files.open(args.json.as_deref())?;
    let signals = Signals::block()?;
    let scraped = Scraped::start(args.files.prometheus)?;
    sys::limits::raise_file_limit();
    let embedded = if !is_somewhere { Some(embed()?) } else { None };
    let draft = match embedded.as_ref().and_then(|embedded| embedded.balancer.addresses().first()) {
        Some(address) => PlanDraft { url: format!("http://{address}/"), ..draft },
        None => draft,
    };
    if args.search.find_max {
        let stop = StopFlag::new();
        stop_on_signal(signals, stop.clone(), Screen::default());
        return args.search.run(&draft, &stop, &mut output);
    }
    let plan = draft.check()?;
    let ready = stress::prepare(&plan)?;
    check_somebody_listens(&plan.url, &ready.targets)?;
    if let Some(outcome) = args.ports.look(&ready, &mut output)? {
        return Ok(outcome);
    }
    let report = drive(ready, signals, args.files.watched(args.json.as_deref()), &scraped)?;
    let shown = output.show(&Finished(&report));
    // One that cannot be told, because a disk is full, keeps no other from being told.
    files.write(&report).and(shown)?;
    Ok(if report.is_good() { Outcome::AsHoped } else { Outcome::Bad })
}

/// What flags and files ask for.
struct Asked {
    draft: PlanDraft,
    file: Option<PlanFile>,
    /// Somebody names a target.
    is_somewhere: bool,
}

fn asked(args: &StressArgs) -> anyhow::Result<Asked> {
    let (mut file, list) = (args.load.plan()?, args.load.urls()?);
    let (socket, given) = args.url.as_deref().map_or((None, None), connection::socket_and_url);
    let url = given.or_else(|| list.as_ref()?.origin.clone());
    let has_url = file.as_ref().is_some_and(|file| file.has_url);
    let draft = file.as_mut().map(|file| std::mem::replace(&mut file.draft, PlanDraft::new("")));
    let draft = draft.unwrap_or_else(|| PlanDraft::new("http://127.0.0.1/"));
    let is_somewhere = url.is_some() || has_url;
    let draft =
        args.ports.fill(sent(args, socket, PlanDraft { url: url.unwrap_or_else(|| draft.url.clone()), ..draft })?)?;
    let folder = file.as_ref().map_or_else(PathBuf::new, |file| file.folder.clone());
    let draft = args.search.begins(args.load.apply(list, &folder, draft)?)?;
    Ok(Asked { draft, file, is_somewhere })
}

/// `draft` with what the flags say of requests and connections.
fn sent(args: &StressArgs, socket: Option<String>, draft: PlanDraft) -> anyhow::Result<PlanDraft> {
    let request = &args.request;
    let (fields, form) = args.sender.parts(&request.headers)?;
    let given = request.data.as_deref().map(request::body).transpose()?;
    let body = form.or(given);
    let thresholds = if args.files.thresholds.is_empty() { draft.thresholds } else { args.files.thresholds.clone() };
    Ok(PlanDraft {
        // An empty body is one, too.
        method: request.method.clone().or_else(|| body.as_ref().map(|_| "POST".to_owned())).or(draft.method),
        headers: draft.headers.into_iter().chain(request.headers.iter().cloned()).chain(fields).collect(),
        body: body.unwrap_or(draft.body),
        timeout: request.timeout.unwrap_or(draft.timeout),
        close: args.connection.close.unwrap_or(draft.close),
        thresholds,
        follow: args.client.follow(),
        cookies: args.client.cookies()?,
        wire: args.wire.draft(),
        recycle: args.wire.recycle,
        expect: args.expect.draft(),
        announce: args.reach.announce()?,
        reach: args.reach.draft(socket),
        tls: args.tls.draft(),
        ..draft
    })
}

fn embed() -> anyhow::Result<Embedded> {
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let origin = ::origin::start(OriginPlan::new(any)).context("starting an embedded origin")?;
    let plan = Config::embedded(any, &[origin.address()]).plan(Some(1)).map_err(|why| anyhow!(why))?;
    let balancer = balancer::start(&plan).context("starting an embedded balancer")?;
    Ok(Embedded { balancer, _origin: origin })
}

/// A target where nobody listens is a mistake of the command line, found before a run of thousands of failures. Any
/// other failure is the run's to report.
fn check_somebody_listens(url: &http::Url, targets: &[Address]) -> anyhow::Result<()> {
    for path in targets.iter().filter_map(Address::path) {
        std::os::unix::net::UnixStream::connect(path)
            .with_context(|| format!("nothing listens at unix:{path}: start the target, or check the path"))?;
    }
    let targets: Vec<SocketAddr> = targets.iter().filter_map(Address::ip).collect();
    if targets.is_empty() || !try_all(&targets, PROBE_TIMEOUT).iter().all(Tried::is_refused) {
        return Ok(());
    }
    let names: Vec<String> = targets.iter().map(ToString::to_string).collect();
    let names = names.join(" or ");
    bail!("{url}: nothing listens on {names} (connection refused); start the target, or check address and port")
}

/// Runs what is ready, lets Ctrl-C end it with a report.
fn drive(
    ready: Preflight,
    signals: Signals,
    watched: Watched,
    scraped: &Scraped,
) -> anyhow::Result<stress_core::Report> {
    let (stop, screen) = (StopFlag::new(), Screen::default());
    stop_on_signal(signals, stop.clone(), screen.clone());
    let mut show = Show::start(&ready, &stop, screen, watched);
    let report = stress::run_prepared(ready, &stop, |snapshot| {
        scraped.tell(snapshot);
        show.show(snapshot);
    });
    show.end();
    Ok(report?)
}

/// The first Ctrl-C ends the run with a report; the second ends the program.
fn stop_on_signal(signals: Signals, stop: StopFlag, screen: Screen) {
    std::thread::spawn(move || {
        let mut first = None;
        loop {
            if let Some(Signal::Interrupt | Signal::Terminate) = signals.wait(Duration::from_secs(3600)) {
                if first.get_or_insert_with(Instant::now).elapsed() > SAME_WISH {
                    screen.leave();
                    std::process::exit(1);
                }
                stop.stop();
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_curl_says_is_said_in_flags_that_there_are() {
        let ours = our_flags().long;
        for flag in curl_options::ours() {
            assert!(ours.iter().any(|(long, _)| flag.strip_prefix("--") == Some(long)), "{flag} is no flag of ours");
        }
    }
}
