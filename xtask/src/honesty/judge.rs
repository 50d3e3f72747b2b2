//! One tester in one scene: what it told beside what was.

use super::origin::{Facts, Origin};
use super::scenes::{Expect, Scene};
use super::tools::{Told, Tool};
use anyhow::Context;
use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// No scene takes longer.
const PATIENCE: Duration = Duration::from_secs(30);
/// Where a machine is busy, times may be so much longer.
const LENIENCE_MS: f64 = 5_000.0;

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    /// All that has to be told was told, and so it was.
    Right,
    /// Something else was told.
    Wrong(String),
    /// Nothing wrong was told, and not everything.
    Silent(String),
    /// It cannot be asked for that.
    Cannot(&'static str),
}

/// What all scenes have in common.
pub(super) struct Judge<'j> {
    /// Ours.
    pub(super) program: &'j Path,
    /// A file that is sent.
    pub(super) body: &'j Path,
    /// On a machine that may be busy times may be longer, never shorter.
    pub(super) lenient: bool,
}

impl Judge<'_> {
    /// Plays a scene with one tester.
    pub(super) fn play(&self, scene: &Scene, tool: &Tool) -> anyhow::Result<Mark> {
        if let Some(lacks) = (tool.lacks)(&scene.load) {
            return Ok(Mark::Cannot(lacks));
        }
        let origin = Origin::start(scene.serve, scene.accepts)?;
        let url = format!("http://{}/", origin.address);
        let mut command = (tool.command)(self.program, &scene.load, &url, self.body);
        if let Some(files) = scene.load.files_max {
            command = with_files(&command, files);
        }
        let range = scene.load.ports_max.map(Range::narrow).transpose()?;
        let Some((text, status)) = output_of(command, tool.name)? else {
            return Ok(Mark::Wrong(format!("it does not end within {} s", PATIENCE.as_secs())));
        };
        drop(range);
        let (told, facts) = ((tool.read)(&text), origin.truth.facts());
        let lenience_ms = if self.lenient { LENIENCE_MS } else { 0.0 };
        Ok(Case { scene, tool, told, facts, status, lenience_ms }.mark())
    }
}

/// Through a shell that lowers its limit.
fn with_files(command: &Command, files: u64) -> Command {
    let mut shell = Command::new("sh");
    shell.arg("-c").arg(format!("ulimit -n {files} && exec \"$@\"")).arg("sh");
    shell.arg(command.get_program()).args(command.get_args());
    shell
}

fn output_of(mut command: Command, name: &str) -> anyhow::Result<Option<(String, ExitStatus)>> {
    let command = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().with_context(|| format!("starting {name}"))?;
    let mut out = child.stdout.take().context("its output")?;
    let reader = std::thread::spawn(move || {
        let mut text = Vec::new();
        let _what_there_is = out.read_to_end(&mut text);
        String::from_utf8_lossy(&text).into_owned()
    });
    let status = wait(&mut child)?;
    let text = reader.join().unwrap_or_default();
    Ok(status.map(|status| (text, status)))
}

fn wait(child: &mut Child) -> anyhow::Result<Option<ExitStatus>> {
    let begun = Instant::now();
    loop {
        match child.try_wait()? {
            Some(status) => return Ok(Some(status)),
            None if begun.elapsed() > PATIENCE => {
                child.kill()?;
                child.wait()?;
                return Ok(None);
            }
            None => std::thread::sleep(Duration::from_millis(5)),
        }
    }
}

/// The kernel's range of ports, made narrow for a while; in a namespace of our own.
#[derive(Debug)]
struct Range(String);

const RANGE: &str = "/proc/sys/net/ipv4/ip_local_port_range";

impl Range {
    fn narrow(ports: u64) -> anyhow::Result<Self> {
        let before = std::fs::read_to_string(RANGE).context(RANGE)?;
        // Far from the ports that origins listen on.
        std::fs::write(RANGE, format!("20000 {}", 20_000 + ports - 1)).context(RANGE)?;
        Ok(Self(before))
    }
}

impl Drop for Range {
    fn drop(&mut self) {
        let _as_good = std::fs::write(RANGE, &self.0);
    }
}

/// What is judged.
struct Case<'c> {
    scene: &'c Scene,
    tool: &'c Tool,
    told: Told,
    facts: Facts,
    status: ExitStatus,
    lenience_ms: f64,
}

impl Case<'_> {
    fn mark(&self) -> Mark {
        let judged: Vec<_> = self.scene.expects.iter().map(|expect| self.judge(*expect)).collect();
        let wrong: Vec<String> = judged.iter().filter_map(|one| one.as_ref().err().cloned()).collect();
        if !wrong.is_empty() {
            return Mark::Wrong(wrong.join(", "));
        }
        let silent: Vec<&str> = judged.iter().filter_map(|one| one.as_ref().ok().copied().flatten()).collect();
        if silent.is_empty() { Mark::Right } else { Mark::Silent(silent.join(", ")) }
    }

    /// What is wrong, or what is not told.
    fn judge(&self, expect: Expect) -> Result<Option<&'static str>, String> {
        let (told, facts) = (&self.told, &self.facts);
        match expect {
            Expect::Complete => self.count("complete", told.complete, facts.complete),
            Expect::Failed => self.count("failed", told.failed, facts.failed),
            Expect::Statuses => self.count("not 2xx", told.not_2xx, facts.not_2xx),
            Expect::Bytes => self.count("body bytes", told.body_bytes, facts.body_bytes),
            Expect::P50(from, to) => self.time("p50", told.p50_ms, from, to),
            Expect::P99(from, to) => self.time("p99", told.p99_ms, from, to),
            Expect::Max(from, to) => self.time("max", told.max_ms, from, to),
            Expect::Trouble => {
                let says_so = !self.status.success() || told.failed.is_some_and(|failed| failed > 0.0);
                let is_told = says_so || self.went_well();
                if is_told { Ok(None) } else { Err("it says that all went well".to_owned()) }
            }
            Expect::FailsByExit => match self.status.success() {
                false => Ok(None),
                true => Err("it ends as if the rate had been kept".to_owned()),
            },
            Expect::Kind(kind) => all_are("failed", &told.kinds, kind),
            Expect::Ends(end) => all_are("closed", &told.ends, end),
        }
    }

    /// It got around the trouble: whatever it was asked for was answered, and that is what it tells.
    fn went_well(&self) -> bool {
        let is_all = !self.tool.counts || self.facts.complete >= self.scene.load.requests;
        is_all && matches!(self.count("complete", self.told.complete, self.facts.complete), Ok(None))
    }

    fn count(&self, what: &'static str, told: Option<f64>, fact: u64) -> Result<Option<&'static str>, String> {
        let Some(told) = told else { return Ok(Some(what)) };
        let fact = fact as f64;
        // Who stops by the clock leaves some under way.
        let under_way = if self.tool.counts { 0.0 } else { self.scene.load.connections as f64 };
        let off_by = under_way + fact * self.tool.off_by;
        if (told - fact).abs() <= off_by { Ok(None) } else { Err(format!("{what} {told}, it was {fact}")) }
    }

    fn time(&self, what: &'static str, told: Option<f64>, from: f64, to: f64) -> Result<Option<&'static str>, String> {
        let Some(told) = told else { return Ok(Some(what)) };
        // ab tells whole milliseconds, others two or three digits.
        let is_so = told >= from * 0.98 - 1.0 && told <= to + self.lenience_ms;
        if is_so { Ok(None) } else { Err(format!("{what} {told:.1} ms, it was {from:.0} to {to:.0}")) }
    }
}

/// Whoever tells none of these counts is not asked for them.
fn all_are(what: &str, counts: &[(String, f64)], only: &str) -> Result<Option<&'static str>, String> {
    let others: Vec<String> =
        counts.iter().filter(|(name, _)| name != only).map(|(name, count)| format!("{count} {name}")).collect();
    if others.is_empty() { Ok(None) } else { Err(format!("{what} {}, it was {only}", others.join(" "))) }
}
