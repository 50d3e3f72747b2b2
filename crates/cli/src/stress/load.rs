//! How much, for how long, and of which requests.

use super::course;
use crate::{terminal, values};
use anyhow::{Context, anyhow, ensure};
use config_file::ConfigError;
use std::path::Path;
use std::time::Duration;
use stress::{URLS_BYTES_MAX, UrlList, parse_urls};
use stress_core::plan::BODY_BYTES_MAX;
use stress_core::script::{Around, LINES_MAX, Lines, NamedAround};
use stress_core::{Course, LoadDraft, Order, Pace, PlanDraft, Rate, ScriptDraft, Spread};

/// Flags of the load.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Load")]
pub(super) struct LoadArgs {
    /// Connections kept busy; with --rate as many as there may be.
    #[arg(short = 'c', long, value_name = "N", default_value = "50", value_parser = values::small_count)]
    connections: u32,
    /// Requests that become due, of all connections together, whether or not one is free: 500, 10k (a second), 30/m; latency
    /// counts from then [default: as fast as responses come].
    #[arg(short = 'R', long, short_alias = 'q', value_name = "RATE", group = "open", value_parser = values::rate)]
    rate: Option<Rate>,
    /// As --rate, from one rate to another in a straight line over -z: 100:2k.
    #[arg(long, value_name = "FROM:TO", group = "open", requires = "duration", value_parser = course::ramp)]
    ramp: Option<course::Ramp>,
    /// As --rate, one rate after the other, each for an equal part of -z: 100,200,400.
    #[arg(long, value_name = "A,B,C", group = "open", requires = "duration", value_parser = course::steps)]
    steps: Option<course::Steps>,
    /// As --rate, with a peak of this time in the middle of -z: 100:2k:5s.
    #[arg(long, value_name = "BASE:PEAK:TIME", group = "open", requires = "duration", value_parser = course::spike)]
    spike: Option<course::Spike>,
    /// How they lie in time.
    #[arg(long, value_parser = values::named::<Spread>(), default_value_t, requires = "open")]
    spread: Spread,
    /// Stop after N requests [default: 200, or each of --urls once, unless -z is given].
    #[arg(short = 'n', long, value_name = "N", value_parser = values::count)]
    requests: Option<u64>,
    /// Stop after this time; what is in flight then gets 5 s more.
    #[arg(short = 'z', long, value_name = "TIME", value_parser = values::duration)]
    duration: Option<Duration>,
    /// Before -z, and in no figure.
    #[arg(long, value_name = "TIME", requires = "duration", value_parser = values::duration)]
    warm_up: Option<Duration>,
    /// Threads [default: one per core, at most one per connection].
    #[arg(long, value_name = "N", value_parser = values::small_count)]
    threads: Option<u32>,
    /// Requests from a file, in its order: lines (URL or METHOD URL), vegeta's targets, a HAR file, an access log (common or
    /// combined format). They go to URL, or to the host that the file names.
    #[arg(long, value_name = "FILE|-", conflicts_with_all = ["method", "data"])]
    urls: Option<String>,
    /// Their turns are dealt out by chance, once.
    #[arg(long, requires = "urls")]
    shuffle: bool,
    /// Each at its time, as a HAR file and an access log have it, or N times as fast.
    #[arg(
        long,
        value_name = "xN",
        requires = "urls",
        conflicts_with_all = ["open", "shuffle", "duration"],
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "x1",
        value_parser = course::speed
    )]
    replay_pace: Option<f64>,
    /// `{{...}}` in requests is sent as it stands.
    #[arg(long)]
    no_templates: bool,
    /// Of what chance decides: the same seed, the same choices.
    #[arg(long, value_name = "N", default_value = "0", value_parser = values::count)]
    seed: u64,
}

impl LoadArgs {
    /// The requests of --urls.
    pub(super) fn urls(&self) -> anyhow::Result<Option<UrlList>> {
        let Some(name) = &self.urls else { return Ok(None) };
        let path = if name == "-" { "/dev/stdin" } else { name };
        let bytes = sys::file::read(Path::new(path), URLS_BYTES_MAX + 1);
        let bytes = bytes.with_context(|| format!("--urls {name}: cannot read this file"))?;
        ensure!(bytes.len() <= URLS_BYTES_MAX, "--urls {name}: more than {URLS_BYTES_MAX} bytes; give a part of it");
        let list = parse_urls(name, &bytes, &body).map_err(|error| shown(&error))?;
        ensure!(
            self.replay_pace.is_none() || !list.times.is_empty(),
            "--replay-pace: {name} does not say when its requests were made, as a HAR file or an access log does; leave it out"
        );
        Ok(Some(list))
    }

    /// `draft` with this load, and with the requests of `list`, where there are any.
    pub(super) fn apply(&self, list: Option<UrlList>, draft: PlanDraft) -> anyhow::Result<PlanDraft> {
        let alone = self.duration.is_none() && self.replay_pace.is_none();
        let requests = self.requests.or(list.as_ref().filter(|_| alone).map(|list| list.requests.len() as u64));
        let load = LoadDraft {
            course: self.course(list.as_ref())?,
            spread: self.spread,
            warm_up: self.warm_up.unwrap_or_default(),
            notes: list.as_ref().map_or_else(Vec::new, |list| notes(list, &draft.url)),
        };
        let draft = PlanDraft {
            connections: self.connections,
            pace: self.rate.map_or(Pace::Closed, |rate| Pace::Open(rate, self.spread)),
            requests,
            duration: self.duration,
            threads: self.threads,
            script: self.script(list),
            load,
            ..draft
        };
        let around = around(&draft.named_around())?;
        Ok(PlanDraft { script: ScriptDraft { around, ..draft.script }, ..draft })
    }

    fn script(&self, list: Option<UrlList>) -> ScriptDraft {
        let order = match (&list, self.shuffle) {
            (None, _) => Order::ByWeight,
            (Some(_), false) => Order::InTurn,
            (Some(_), true) => Order::Shuffled,
        };
        ScriptDraft {
            requests: list.map_or_else(Vec::new, |list| list.requests),
            order,
            seed: self.seed,
            is_literal: self.no_templates,
            ..ScriptDraft::default()
        }
    }

    fn course(&self, list: Option<&UrlList>) -> anyhow::Result<Option<Course>> {
        let over = self.duration.unwrap_or_default();
        let phases = match (&self.ramp, &self.steps, &self.spike) {
            (Some(ramp), ..) => ramp.phases(over),
            (_, Some(steps), _) => steps.phases(over),
            (.., Some(spike)) => spike.phases(over).context("--spike")?,
            _ => {
                let recorded = self.replay_pace.zip(list).map(|(speed, list)| {
                    let count = self.requests.map_or(list.times.len(), |most| list.times.len().min(most as usize));
                    Course::recorded(&list.times[..count], speed)
                });
                return recorded.transpose().context("--replay-pace");
            }
        };
        Ok(Some(Course::phases(&phases)?))
    }
}

/// The files and the environment that variables name. What the environment has not is told with the request.
fn around(named: &NamedAround) -> anyhow::Result<Around> {
    let files = named.files.iter().map(|name| Ok((name.clone(), lines(name)?)));
    let env = named.env.iter().filter_map(|name| Some((name.clone(), std::env::var(name).ok()?)));
    Ok(Around { files: files.collect::<anyhow::Result<_>>()?, env: env.collect() })
}

/// Lines of a file; empty ones are none.
fn lines(name: &str) -> anyhow::Result<Lines> {
    let bytes = sys::file::read(Path::new(name), URLS_BYTES_MAX + 1);
    let bytes = bytes.with_context(|| format!("{{{{line {name}}}}}: cannot read this file"))?;
    ensure!(
        bytes.len() <= URLS_BYTES_MAX,
        "{{{{line {name}}}}}: more than {URLS_BYTES_MAX} bytes; give a smaller file"
    );
    let lines = bytes.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    let lines: Lines = lines.filter(|line| !line.is_empty()).map(Into::into).collect();
    ensure!(lines.len() <= LINES_MAX, "{{{{line {name}}}}}: more than {LINES_MAX} lines; give a part of it");
    Ok(lines)
}

/// What a person should know of the list, and of where it goes.
fn notes(list: &UrlList, url: &str) -> Vec<String> {
    let host = |url: &str| {
        let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
        rest.split('/').next().unwrap_or_default().to_ascii_lowercase()
    };
    let theirs = list.origin.as_deref().map(host).filter(|theirs| *theirs != host(url));
    let moved = theirs.map(|theirs| format!("requests to {theirs} are sent to {}", host(url)));
    moved.into_iter().chain(list.notes.iter().cloned()).collect()
}

/// The body that a line names by `@FILE`.
fn body(path: &str) -> Result<Vec<u8>, String> {
    let body = sys::file::read(Path::new(path), BODY_BYTES_MAX + 1).map_err(|error| error.to_string())?;
    if body.len() > BODY_BYTES_MAX { Err(format!("more than {BODY_BYTES_MAX} bytes")) } else { Ok(body) }
}

/// A file's mistakes, each with its place.
pub(super) fn shown(error: &ConfigError) -> anyhow::Error {
    anyhow!("{}", error.render(terminal::error_width(), terminal::error_colour()))
}
