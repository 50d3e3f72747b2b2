//! A plan from a file: what flags say, and what they cannot, phases and requests. Flags stand above it.

use super::{given, load};
use crate::values;
use config_file::{ConfigError, Mistake, Section, value};
use std::ops::Range;
use std::path::{Path, PathBuf};
use stress_core::course::PHASES_MAX;
use stress_core::plan::{BODY_BYTES_MAX, PlanError};
use stress_core::script::{CaptureDraft, CaptureFrom, ScriptError};
use stress_core::{
    Course, Crowd, CrowdPhase, LoadDraft, Order, Pace, Phase, PlanDraft, RequestDraft, ScriptDraft, Threshold,
};

/// Requests that are written by hand.
const REQUESTS_MAX: usize = 10_000;

/// What a file says, and where.
#[derive(Debug)]
pub(super) struct PlanFile {
    pub(super) draft: PlanDraft,
    /// It names a target.
    pub(super) has_url: bool,
    /// Files that it names are looked for here.
    pub(super) folder: PathBuf,
    name: String,
    text: String,
    /// Where each request stands.
    places: Vec<Range<usize>>,
}

impl PlanFile {
    /// Reads a file; every mistake in it is told at once.
    pub(super) fn load(path: &Path) -> anyhow::Result<Self> {
        let name = path.display().to_string();
        let text = config_file::read_text(path).map_err(|error| match error {
            ConfigError::Unreadable { path, why } => anyhow::anyhow!("--plan {path}: cannot read this file: {why}"),
            mistakes => load::shown(&mistakes),
        })?;
        let folder = path.parent().map_or_else(PathBuf::new, Path::to_path_buf);
        let read = |section: Section<'_, '_>, mistakes: &mut Vec<Mistake>| {
            let mut reader = Reader { folder: &folder, mistakes, requests: Vec::new(), places: Vec::new() };
            let (draft, has_url) = reader.plan(section);
            Some((draft, has_url, reader.places))
        };
        let (draft, has_url, places) =
            config_file::parse(&name, "the plan", &text, read).map_err(|error| load::shown(&error))?;
        Ok(Self { draft, has_url, folder, name, text, places })
    }

    /// The same error with its places, where requests of this file are to blame.
    pub(super) fn blame(&self, error: &PlanError) -> Option<anyhow::Error> {
        let PlanError::Script(ScriptError::Requests(wrong)) = error else { return None };
        let mistake = |(at, why): (usize, String)| Some(Mistake::new(self.places.get(at)?.clone(), why, "here"));
        let mistakes: Vec<_> = wrong.iter().map(|one| (one.at, one.why.to_string())).filter_map(mistake).collect();
        (!mistakes.is_empty()).then(|| load::shown(&ConfigError::new(&self.name, &self.text, mistakes)))
    }
}

/// A phase, of what changes in it.
enum PhaseOf {
    Rate(Phase),
    Crowd(CrowdPhase),
}

struct Reader<'m> {
    folder: &'m Path,
    mistakes: &'m mut Vec<Mistake>,
    requests: Vec<RequestDraft>,
    places: Vec<Range<usize>>,
}

impl Reader<'_> {
    fn plan(&mut self, mut section: Section<'_, '_>) -> (PlanDraft, bool) {
        let url = self.text(&mut section, "url");
        let mut draft = PlanDraft::new(url.clone().unwrap_or_else(|| "http://127.0.0.1/".to_owned()));
        self.load(&mut section, &mut draft);
        self.sent(&mut section, &mut draft);
        let phases = section.tables_if_any("phase", PHASES_MAX, self.mistakes);
        self.phases(phases, &mut draft);
        for request in section.tables_if_any("request", REQUESTS_MAX, self.mistakes) {
            self.request(request, false);
        }
        for scenario in section.tables_if_any("scenario", REQUESTS_MAX, self.mistakes) {
            self.scenario(scenario);
        }
        draft.script.requests = std::mem::take(&mut self.requests);
        section.finish(self.mistakes);
        (draft, url.is_some())
    }

    /// How much, and for how long.
    fn load(&mut self, section: &mut Section<'_, '_>, draft: &mut PlanDraft) {
        let spread = section.named("spread", self.mistakes).unwrap_or_default();
        draft.connections = self.take(section, "connections", values::small_count).unwrap_or(draft.connections);
        draft.threads = self.take(section, "threads", values::small_count);
        draft.requests = self.take(section, "requests", values::count);
        draft.duration = self.take(section, "duration", values::duration);
        draft.pace = self.take(section, "rate", values::rate).map_or(Pace::Closed, |rate| Pace::Open(rate, spread));
        let warm_up = self.take(section, "warm_up", values::duration).unwrap_or_default();
        draft.load = LoadDraft { spread, warm_up, ..LoadDraft::default() };
        draft.close = section.named("close", self.mistakes).unwrap_or_default();
        let thresholds = self.texts(section, "thresholds");
        draft.thresholds = self.parsed(thresholds, Threshold::parse);
    }

    /// What is the same for all requests.
    fn sent(&mut self, section: &mut Section<'_, '_>, draft: &mut PlanDraft) {
        draft.timeout = self.take(section, "timeout", values::duration).unwrap_or(draft.timeout);
        draft.method = self.text(section, "method");
        draft.headers = self.texts(section, "headers").into_iter().map(|(text, _)| text).collect();
        draft.body = self.body(section);
        let orders = [("weight", Order::ByWeight), ("turn", Order::InTurn), ("shuffle", Order::Shuffled)];
        let order = section.choice("order", &orders, self.mistakes).unwrap_or_default();
        let seed = self.take(section, "seed", values::count).unwrap_or_default();
        let is_literal = !section.switch("templates", self.mistakes).unwrap_or(true);
        draft.script = ScriptDraft { order, seed, is_literal, ..ScriptDraft::default() };
    }

    /// Phases of a rate, or of a number of connections.
    fn phases(&mut self, phases: Vec<Section<'_, '_>>, draft: &mut PlanDraft) {
        let Some(first) = phases.first().map(Section::span) else { return };
        if draft.pace != Pace::Closed {
            let help = "leave `rate` out, or the phases";
            self.mistakes.push(Mistake::new(first.clone(), "there is one `rate` for all, too", "phases").help(help));
        }
        let known = self.mistakes.len();
        let all: Vec<PhaseOf> = phases.into_iter().filter_map(|phase| self.phase(phase)).collect();
        if self.mistakes.len() > known {
            return;
        }
        let rates: Vec<Phase> =
            all.iter().filter_map(|one| if let PhaseOf::Rate(one) = one { Some(*one) } else { None }).collect();
        let crowds: Vec<CrowdPhase> =
            all.iter().filter_map(|one| if let PhaseOf::Crowd(one) = one { Some(*one) } else { None }).collect();
        let problem = match (rates.as_slice(), crowds.as_slice()) {
            ([_, ..], [_, ..]) => Some("all phases have a rate, or all have connections".to_owned()),
            ([_, ..], []) => {
                Course::phases(&rates).map(|course| draft.load.course = Some(course)).err().map(|why| why.to_string())
            }
            _ => Crowd::new(&crowds).map(|crowd| draft.load.crowd = Some(crowd)).err().map(|why| why.to_string()),
        };
        self.mistakes.extend(problem.map(|problem| Mistake::new(first, problem, "phases")));
    }

    fn phase(&mut self, mut section: Section<'_, '_>) -> Option<PhaseOf> {
        let place = section.span();
        let lasts = section.need("duration", "\"10s\"", self.mistakes);
        let lasts = lasts.and_then(|_| self.take(&mut section, "duration", values::duration));
        let has = ["rate", "connections", "from", "to"].map(|key| section.place_of(key).is_some());
        let rates = ["rate", "from", "to"].map(|key| self.take(&mut section, key, super::course::per_s));
        let connections = self.take(&mut section, "connections", super::course::connections);
        section.finish(self.mistakes);
        match (has, rates, connections) {
            ([true, false, false, false], [rate, ..], _) => Some(PhaseOf::Rate(Phase::even(lasts?, rate?))),
            ([false, false, true, true], [_, from, to], _) => {
                Some(PhaseOf::Rate(Phase { lasts: lasts?, from_per_s: from?, to_per_s: to? }))
            }
            ([false, true, false, false], _, connections) => {
                let (from, to) = connections?;
                Some(PhaseOf::Crowd(CrowdPhase { lasts: lasts?, from, to }))
            }
            _ => {
                let help =
                    "give it `rate = 100`, `from = 100` and `to = 500`, `connections = 50` or `connections = \"1:50\"`";
                let title = "a phase has one rate, or goes from one to another, or has connections";
                self.mistakes.push(Mistake::new(place, title, "here").help(help));
                None
            }
        }
    }

    fn scenario(&mut self, mut section: Section<'_, '_>) {
        let weight = self.take(&mut section, "weight", values::small_count).unwrap_or(1);
        let first = self.requests.len();
        for (nth, request) in section.tables("request", REQUESTS_MAX, self.mistakes).into_iter().enumerate() {
            self.request(request, nth > 0);
        }
        self.requests[first..].iter_mut().for_each(|request| request.weight = weight);
        section.finish(self.mistakes);
    }

    fn request(&mut self, mut section: Section<'_, '_>, follows: bool) {
        let place = section.span();
        let name = self.text(&mut section, "name").unwrap_or_default();
        let path = section.text("path", "\"/cart\"", self.mistakes).map(|path| path.value.to_owned());
        let method = self.text(&mut section, "method");
        let headers = self.texts(&mut section, "headers").into_iter().map(|(text, _)| text).collect();
        let body = self.body(&mut section);
        // The weight of a scenario is its own.
        let weight = if section.place_of("weight").is_some() {
            self.take(&mut section, "weight", values::small_count)
        } else {
            None
        };
        let captures = self.captures(&mut section);
        section.finish(self.mistakes);
        let target = path.unwrap_or_else(|| "/".to_owned());
        self.places.push(place);
        self.requests.push(RequestDraft {
            name,
            target,
            method,
            headers,
            body,
            weight: weight.unwrap_or(1),
            follows,
            captures,
        });
    }

    /// `capture = { id = "json /items/0/id" }`.
    fn captures(&mut self, section: &mut Section<'_, '_>) -> Vec<CaptureDraft> {
        let mut captures = Vec::new();
        for (name, from) in section.pairs("capture", self.mistakes) {
            let (kind, what) = from.value.split_once(char::is_whitespace).unwrap_or((&from.value, ""));
            let what = what.trim().to_owned();
            let source = match kind {
                "json" => CaptureFrom::Json(what),
                "header" => CaptureFrom::Header(what),
                "regex" => CaptureFrom::Regex(what),
                _ => {
                    let help = "write \"json /items/0/id\", \"header Location\" or \"regex token=([a-z]+)\"";
                    let title = format!("\"{}\" says not where the value is found", from.value);
                    self.mistakes.push(Mistake::new(from.span, title, "neither json, header nor regex").help(help));
                    continue;
                }
            };
            captures.push(CaptureDraft { name: name.value, from: source });
        }
        captures
    }

    /// `body`, or the file that `body_file` names.
    fn body(&mut self, section: &mut Section<'_, '_>) -> Vec<u8> {
        let text = self.text(section, "body");
        let Some(file) = section.plain("body_file", self.mistakes) else {
            return text.unwrap_or_default().into_bytes();
        };
        let problem = match given::file(&self.folder.join(&file.value), BODY_BYTES_MAX) {
            Ok(_) if text.is_some() => "there is a `body`, too: leave one of them out".to_owned(),
            Ok(body) => return body,
            Err(why) => format!("{why:#}"),
        };
        self.mistakes.push(Mistake::new(file.span, format!("`body_file`: {problem}"), "here"));
        Vec::new()
    }

    fn text(&mut self, section: &mut Section<'_, '_>, key: &'static str) -> Option<String> {
        value::text(section.take(key)?, self.mistakes).map(str::to_owned)
    }

    /// A list of strings, each with its place.
    fn texts(&mut self, section: &mut Section<'_, '_>, key: &'static str) -> Vec<(String, Range<usize>)> {
        let Some(value) = section.take(key) else { return Vec::new() };
        let Some(list) = value.get_ref().as_array() else {
            self.mistakes.push(config_file::wrong_type(value, "a list of strings"));
            return Vec::new();
        };
        let text = |one| Some((value::text(one, self.mistakes)?.to_owned(), one.span()));
        list.iter().filter_map(text).collect()
    }

    fn parsed<T, E: std::fmt::Display>(
        &mut self,
        texts: Vec<(String, Range<usize>)>,
        parse: impl Fn(&str) -> Result<T, E>,
    ) -> Vec<T> {
        let one = |(text, place): (String, Range<usize>)| {
            parse(&text).map_err(|why| self.mistakes.push(Mistake::new(place, why.to_string(), "here"))).ok()
        };
        texts.into_iter().filter_map(one).collect()
    }

    /// The value of `key`, read as its flag would be.
    fn take<T>(
        &mut self,
        section: &mut Section<'_, '_>,
        key: &'static str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Option<T> {
        let said = section.plain(key, self.mistakes)?;
        let value = parse(&said.value);
        value.map_err(|why| self.mistakes.push(Mistake::new(said.span, format!("`{key}`: {why}"), "here"))).ok()
    }
}
