//! One request of a script: as given, and as the bytes it is sent as.

use super::WEIGHT_MAX;
use super::capture::{Capture, CaptureDraft, CaptureError};
use super::text::{self, Draw, Place, Text};
use super::values::{Names, ValueError};
use crate::plan::{BODY_BYTES_MAX, HEAD_BYTES_MAX, Plan, PlanError, header, method};
use crate::template::{self, Parts};
use http::Method;
use http::url::{Url, UrlError};

/// One of several requests, as given by a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestDraft {
    /// What a report calls it; empty: method and path.
    pub name: String,
    /// Path and query, or a URL of the plan's host.
    pub target: String,
    /// Method; `None`: GET, or POST with a body.
    pub method: Option<String>,
    /// Fields as `Name: value`. They replace those of the plan of the same name.
    pub headers: Vec<String>,
    /// Body.
    pub body: Vec<u8>,
    /// How often it is made for each time that one with weight 1 is; of a scenario its first request's counts.
    pub weight: u32,
    /// It is the next step of the scenario that the request before it belongs to: whoever had an answer to that one makes it.
    pub follows: bool,
    /// What is kept of its answer for the steps behind it.
    pub captures: Vec<CaptureDraft>,
}

impl RequestDraft {
    /// A GET of `target`.
    pub fn new(target: impl Into<String>) -> Self {
        Self {
            name: String::new(),
            target: target.into(),
            method: None,
            headers: Vec::new(),
            body: Vec::new(),
            weight: 1,
            follows: false,
            captures: Vec::new(),
        }
    }
}

impl RequestDraft {
    /// The one that `plan` names.
    pub(super) fn alone(plan: &Plan) -> Self {
        Self {
            name: String::new(),
            target: plan.target.clone(),
            method: Some(plan.method_name.clone()),
            headers: Vec::new(),
            body: plan.body.clone(),
            weight: 1,
            follows: false,
            captures: Vec::new(),
        }
    }
}

impl RequestDraft {
    /// The same, of which nothing is a variable: what was recorded is sent to the letter.
    pub fn literal(self) -> Self {
        if !text::has_variables(&self.body) && !self.headers.iter().any(|field| field.contains("{{")) {
            return self;
        }
        let braces = |text: &str| text.replace("{{", "{{\"{{\"}}");
        let headers = self.headers.iter().map(|field| braces(field)).collect();
        Self { headers, body: text::literal(&self.body), ..self }
    }
}

/// A request that can be sent.
#[derive(Clone, Debug)]
pub struct Request {
    name: String,
    method: Method,
    weight: u32,
    form: Form,
    captures: Box<[Capture]>,
    pub(super) is_followed: bool,
}

#[derive(Clone, Debug)]
enum Form {
    /// Head and body, always the same.
    Plain(Box<[u8]>),
    /// With variables in it.
    Template(Box<Template>),
}

/// The three parts of a request with variables. Its length is told when its body is written.
#[derive(Clone, Debug)]
struct Template {
    line: Text,
    fields: Text,
    body: Text,
    tells_length: bool,
}

impl Request {
    /// Of `draft`, with what `plan` says for all; with `names`, its variables are read.
    pub(super) fn of(
        draft: &RequestDraft,
        plan: &Plan,
        mut names: Option<&mut Names<'_>>,
    ) -> Result<Self, RequestError> {
        if draft.weight == 0 || draft.weight > WEIGHT_MAX {
            return Err(RequestError::Weight(draft.weight));
        }
        if draft.body.len() > BODY_BYTES_MAX {
            return Err(PlanError::BodyTooLong(draft.body.len()).into());
        }
        let reads = names.is_some();
        let is_template = |part: &[u8]| reads && text::has_variables(part);
        let path = match draft.target.as_str() {
            target if is_template(target.as_bytes()) => template_path(&plan.url, target)?,
            target => path_at(&plan.url, target)?,
        };
        let (method_name, method) = method(draft.method.as_deref(), &draft.body)?;
        let headers = fields(plan, &draft.headers)?;
        let in_fields = headers.iter().any(|(_, value)| is_template(value.as_bytes()));
        let is_template = in_fields || is_template(path.as_bytes()) || is_template(&draft.body);
        let body_bytes = (!is_template).then_some(draft.body.len());
        let head = template::head_of(plan, &Parts { method: &method_name, path: &path, headers: &headers, body_bytes });
        if head.len() > HEAD_BYTES_MAX {
            return Err(PlanError::HeadTooLong(head.len()).into());
        }
        let form = match names.as_deref_mut().filter(|_| is_template) {
            None => Form::Plain([head.as_slice(), &draft.body].concat().into()),
            Some(names) => {
                let tells_length = !draft.body.is_empty() || template::method_wants_length(&method_name);
                Form::Template(Box::new(Template::new(&head, &draft.body, tells_length, names)?))
            }
        };
        let keep = |names: &mut Names<'_>| draft.captures.iter().map(|one| names.keep(one)).collect::<Result<_, _>>();
        let captures = names.map_or_else(|| Ok(Box::default()), keep)?;
        let name = if draft.name.is_empty() { format!("{method_name} {path}") } else { draft.name.clone() };
        Ok(Self { name, method, weight: draft.weight, form, captures, is_followed: false })
    }

    /// What a report calls it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its method, as far as framing depends on it.
    pub fn method(&self) -> Method {
        self.method
    }

    /// How often it is made for each time that one with weight 1 is.
    pub fn weight(&self) -> u32 {
        self.weight
    }

    /// What is kept of its answer.
    pub fn captures(&self) -> &[Capture] {
        &self.captures
    }

    /// Does whoever has an answer make the next request of the script?
    pub fn is_followed(&self) -> bool {
        self.is_followed
    }

    /// Head and body as they are sent; `None` where variables have to be written first ([`Request::write`]).
    pub fn plain(&self) -> Option<&[u8]> {
        match &self.form {
            Form::Plain(bytes) => Some(bytes),
            Form::Template(_) => None,
        }
    }

    /// Writes it behind `out`; `body` is room that is used meanwhile.
    pub fn write(&self, draw: &mut Draw<'_>, body: &mut Vec<u8>, out: &mut Vec<u8>) {
        match &self.form {
            Form::Plain(bytes) => out.extend_from_slice(bytes),
            Form::Template(template) => template.write(draw, body, out),
        }
    }
}

impl Template {
    fn new(head: &[u8], body: &[u8], tells_length: bool, names: &mut Names<'_>) -> Result<Self, ValueError> {
        let line = head.iter().position(|byte| *byte == b'\r').unwrap_or(head.len());
        let (line, fields) = head.split_at(line);
        let mut read = |part| if text::has_variables(part) { Text::new(part, names) } else { Ok(Text::plain(part)) };
        Ok(Self { line: read(line)?, fields: read(fields)?, body: read(body)?, tells_length })
    }

    fn write(&self, draw: &mut Draw<'_>, body: &mut Vec<u8>, out: &mut Vec<u8>) {
        use std::io::Write;
        body.clear();
        self.line.write(Place::Target, draw, out);
        self.fields.write(Place::Fields, draw, out);
        self.body.write(Place::Body, draw, body);
        if self.tells_length {
            // Writing to a Vec cannot fail.
            let _ok = write!(out, "Content-Length: {}\r\n", body.len());
        }
        out.extend_from_slice(b"\r\n");
        out.extend_from_slice(body);
    }
}

/// Why a request cannot be sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// Its target is no URL.
    #[error(transparent)]
    Target(#[from] UrlError),
    /// It goes to another host.
    #[error(
        "all requests of a run go to one host, here {ours}: leave those of {theirs} out, or run them by themselves"
    )]
    Elsewhere {
        /// The plan's.
        ours: String,
        /// The request's.
        theirs: String,
    },
    /// A weight that is nothing, or too much.
    #[error("a weight of {0}: use 1 to {WEIGHT_MAX}")]
    Weight(u32),
    /// Its method, its fields or its length.
    #[error(transparent)]
    Part(#[from] PlanError),
    /// A variable in it.
    #[error(transparent)]
    Variable(#[from] ValueError),
    /// A value that is to be kept of its answer.
    #[error(transparent)]
    Capture(#[from] CaptureError),
}

/// Path and query of `target`, which names the plan's host or none.
fn path_at(url: &Url, target: &str) -> Result<String, RequestError> {
    if target.starts_with(['/', '?']) {
        return Ok(Url::parse(&format!("http://localhost{target}"))?.path().to_owned());
    }
    let theirs = Url::parse(target)?;
    if !theirs.host().eq_ignore_ascii_case(url.host()) || theirs.port() != url.port() {
        return Err(RequestError::Elsewhere { ours: url.host_field(), theirs: theirs.host_field() });
    }
    Ok(theirs.path().to_owned())
}

/// Path and query of a target with variables: beside them it is one without.
fn template_path(url: &Url, target: &str) -> Result<String, RequestError> {
    let path_begins = match target.split_once("://") {
        Some((scheme, rest)) => scheme.len() + 3 + rest.find('/').unwrap_or(rest.len()),
        None => 0,
    };
    let (host, path) = target.split_at(path_begins);
    let parts = text::split(path.as_bytes())?;
    let plain = parts.iter().map(|part| part.map_or_else(String::from_utf8_lossy, |_| "x".into()));
    path_at(url, &format!("{host}{}", plain.collect::<String>()))?;
    Ok(path.to_owned())
}

/// The plan's fields, but those that the request has itself; then the request's.
fn fields(plan: &Plan, given: &[String]) -> Result<Vec<(String, String)>, PlanError> {
    let given = given.iter().map(|text| header(text)).collect::<Result<Vec<_>, _>>()?;
    let is_given = |name: &str| given.iter().any(|(own, _)| own.eq_ignore_ascii_case(name));
    let of_plan = plan.headers.iter().filter(|(name, _)| !is_given(name)).cloned();
    Ok(of_plan.chain(given.iter().cloned()).collect())
}
