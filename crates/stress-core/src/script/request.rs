//! One request of a script: as given, and as the bytes it is sent as.

use super::WEIGHT_MAX;
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
    /// How often it is made for each time that one with weight 1 is.
    pub weight: u32,
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
        }
    }
}

/// A request that can be sent.
#[derive(Clone, Debug)]
pub struct Request {
    name: String,
    method: Method,
    weight: u32,
    bytes: Box<[u8]>,
}

impl Request {
    /// The one that `plan` names.
    pub(super) fn alone(plan: &Plan) -> Result<Self, PlanError> {
        let named = Named { name: "", weight: 1, method_name: &plan.method_name, method: plan.method };
        Self::ready(plan, named, plan.url.path(), &plan.headers, &plan.body)
    }

    /// Of `draft`, with what `plan` says for all.
    pub(super) fn of(draft: &RequestDraft, plan: &Plan) -> Result<Self, RequestError> {
        if draft.weight == 0 || draft.weight > WEIGHT_MAX {
            return Err(RequestError::Weight(draft.weight));
        }
        if draft.body.len() > BODY_BYTES_MAX {
            return Err(PlanError::BodyTooLong(draft.body.len()).into());
        }
        let path = path_at(&plan.url, &draft.target)?;
        let (method_name, method) = method(draft.method.as_deref(), &draft.body)?;
        let headers = fields(plan, &draft.headers)?;
        let named = Named { name: &draft.name, weight: draft.weight, method_name: &method_name, method };
        Ok(Self::ready(plan, named, &path, &headers, &draft.body)?)
    }

    fn ready(
        plan: &Plan,
        named: Named<'_>,
        path: &str,
        headers: &[(String, String)],
        body: &[u8],
    ) -> Result<Self, PlanError> {
        let Named { name, weight, method_name, method } = named;
        let mut bytes = template::head_of(plan, &Parts { method: method_name, path, headers, body_bytes: body.len() });
        if bytes.len() > HEAD_BYTES_MAX {
            return Err(PlanError::HeadTooLong(bytes.len()));
        }
        bytes.extend_from_slice(body);
        let name = if name.is_empty() { format!("{method_name} {path}") } else { name.to_owned() };
        Ok(Self { name, method, weight, bytes: bytes.into() })
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

    /// Head and body as they are sent.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
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
}

/// How a request is called, and how often it is made.
struct Named<'a> {
    name: &'a str,
    weight: u32,
    method_name: &'a str,
    method: Method,
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

/// The plan's fields, but those that the request has itself; then the request's.
fn fields(plan: &Plan, given: &[String]) -> Result<Vec<(String, String)>, PlanError> {
    let given = given.iter().map(|text| header(text)).collect::<Result<Vec<_>, _>>()?;
    let is_given = |name: &str| given.iter().any(|(own, _)| own.eq_ignore_ascii_case(name));
    let of_plan = plan.headers.iter().filter(|(name, _)| !is_given(name)).cloned();
    Ok(of_plan.chain(given.iter().cloned()).collect())
}
