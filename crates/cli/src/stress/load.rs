//! How much, for how long, and of which requests.

use super::plan_file::PlanFile;
use super::{course, given};
use crate::{terminal, values};
use anyhow::{Context, anyhow, ensure};
use config_file::ConfigError;
use std::path::{Path, PathBuf};
use std::time::Duration;
use stress::{URLS_BYTES_MAX, UrlList, parse_urls};
use stress_core::plan::BODY_BYTES_MAX;
use stress_core::script::{Around, LINES_MAX, Lines, NamedAround};
use stress_core::{Course, LoadDraft, Order, Pace, PlanDraft, Rate, ScriptDraft, Spread};

/// Flags of the load.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Load")]
pub(super) struct LoadArgs {
    /// Connections kept busy; with --rate as many as there may be [default: 50].
    #[arg(short = 'c', long, value_name = "N", value_parser = values::small_count)]
    connections: Option<u32>,
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
    /// How they lie in time [default: constant].
    #[arg(long, value_parser = values::named::<Spread>(), requires = "open")]
    spread: Option<Spread>,
    /// Stop after N requests [default without -z: 200, or each of --urls once].
    #[arg(short = 'n', long, value_name = "N", value_parser = values::count)]
    requests: Option<u64>,
    /// Stop after this time; what is in flight then gets 5 s more.
    #[arg(short = 'z', long, value_name = "TIME", value_parser = values::duration)]
    duration: Option<Duration>,
    /// Before -z, and in no figure.
    #[arg(long, value_name = "TIME", value_parser = values::duration)]
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
    /// Of what chance decides: the same seed, the same choices [default: 0].
    #[arg(long, value_name = "N", value_parser = values::count)]
    seed: Option<u64>,
    /// A plan in TOML: what these flags say, phases, requests and scenarios; flags stand above it.
    #[arg(long, value_name = "FILE")]
    plan: Option<PathBuf>,
}

impl LoadArgs {
    /// The plan of --plan.
    pub(super) fn plan(&self) -> anyhow::Result<Option<PlanFile>> {
        self.plan.as_deref().map(PlanFile::load).transpose()
    }

    /// The requests of --urls.
    pub(super) fn urls(&self) -> anyhow::Result<Option<UrlList>> {
        let Some(name) = &self.urls else { return Ok(None) };
        let bytes = given::file_or_input(name, URLS_BYTES_MAX).with_context(|| format!("--urls {name}"))?;
        let list = parse_urls(name, &bytes, &body).map_err(|error| shown(&error))?;
        ensure!(
            self.replay_pace.is_none() || !list.times.is_empty(),
            "--replay-pace: {name} does not say when its requests were made, as a HAR file or an access log does; leave it out"
        );
        Ok(Some(list))
    }

    /// `draft` with this load, and with the requests of `list`, where there are any; files that they name are in `folder`.
    pub(super) fn apply(&self, list: Option<UrlList>, folder: &Path, draft: PlanDraft) -> anyhow::Result<PlanDraft> {
        let draft = PlanDraft {
            connections: self.connections.unwrap_or(draft.connections),
            requests: self.requests.or(draft.requests),
            duration: self.duration.or(draft.duration),
            threads: self.threads.or(draft.threads),
            ..self.with_rate(list.as_ref(), draft)?
        };
        let draft = self.with_requests(list, draft);
        let around = around(&draft.named_around(), folder)?;
        Ok(PlanDraft { script: ScriptDraft { around, ..draft.script }, ..draft })
    }

    /// One rate, or a course of rates, in place of what a plan's file says.
    fn with_rate(&self, list: Option<&UrlList>, draft: PlanDraft) -> anyhow::Result<PlanDraft> {
        let spread = self.spread.unwrap_or(draft.load.spread);
        let course = self.course(list)?;
        let crowd = draft.load.crowd.filter(|_| self.rate.is_none() && course.is_none() && self.connections.is_none());
        let (pace, course) = match (self.rate, course, draft.pace) {
            (Some(rate), ..) => (Pace::Open(rate, spread), None),
            (None, Some(course), _) => (Pace::Closed, Some(course)),
            (None, None, Pace::Open(rate, _)) => (Pace::Open(rate, spread), draft.load.course),
            (None, None, Pace::Closed) => (Pace::Closed, draft.load.course),
        };
        let warm_up = self.warm_up.unwrap_or(draft.load.warm_up);
        let notes = list.map_or_else(Vec::new, |list| notes(list, &draft.url));
        Ok(PlanDraft { pace, load: LoadDraft { course, crowd, spread, warm_up, notes }, ..draft })
    }

    /// The requests of a list in place of those of a plan's file, each once where nothing says how many there are.
    fn with_requests(&self, list: Option<UrlList>, draft: PlanDraft) -> PlanDraft {
        let is_literal = self.no_templates || draft.script.is_literal;
        let seed = self.seed.unwrap_or(draft.script.seed);
        let Some(list) = list else {
            return PlanDraft { script: ScriptDraft { seed, is_literal, ..draft.script }, ..draft };
        };
        let order = if self.shuffle { Order::Shuffled } else { Order::InTurn };
        let ends = draft.duration.is_some() || draft.load.course.is_some();
        let each_once = (!ends).then_some(list.requests.len() as u64);
        let script = ScriptDraft { requests: list.requests, order, seed, is_literal, ..ScriptDraft::default() };
        PlanDraft { script, requests: draft.requests.or(each_once), ..draft }
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
fn around(named: &NamedAround, folder: &Path) -> anyhow::Result<Around> {
    let files = named.files.iter().map(|name| Ok((name.clone(), lines(name, folder)?)));
    let env = named.env.iter().filter_map(|name| Some((name.clone(), std::env::var(name).ok()?)));
    Ok(Around { files: files.collect::<anyhow::Result<_>>()?, env: env.collect() })
}

/// Lines of a file; empty ones are none.
fn lines(name: &str, folder: &Path) -> anyhow::Result<Lines> {
    let bytes = given::file(&folder.join(name), URLS_BYTES_MAX).with_context(|| format!("{{{{line {name}}}}}"))?;
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
    given::file(Path::new(path), BODY_BYTES_MAX).map_err(|why| format!("{why:#}"))
}

/// A file's mistakes, each with its place.
pub(super) fn shown(error: &ConfigError) -> anyhow::Error {
    anyhow!("{}", error.render(terminal::error_width(), terminal::error_colour()))
}
