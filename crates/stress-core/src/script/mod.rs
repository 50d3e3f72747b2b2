//! What a run sends: its requests, made ready once, and which of them is next.
//!
//! ```text
//! RequestDraft (method, target, fields, body, weight)  ->  Request (bytes)  ->  Picker (which is next)
//! a scenario: requests one behind the other, made by one place; Kept is what it keeps of their answers
//! ```

mod capture;
mod picker;
mod request;
mod text;
mod values;

pub use capture::{Capture, CaptureDraft, CaptureError, CaptureFrom, Kept, Reader};
pub use picker::Picker;
pub use request::{Request, RequestDraft, RequestError};
pub use text::Draw;
pub use values::{Around, LINES_MAX, Lines, ValueError};

use crate::plan::{Plan, PlanDraft, PlanError};
use named::named;
use seed::Rng;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use values::Names;

/// Requests one run may choose from.
pub const REQUESTS_MAX: usize = 1_000_000;
/// How often at most one request may be made for each time another is.
pub const WEIGHT_MAX: u32 = 1_000_000;
/// Requests that a report tells apart; those behind them are counted together.
pub const TOLD_MAX: usize = 1000;

named! {
    /// Which of several requests is next.
    #[derive(Default)]
    pub enum Order {
        /// By chance, each as often as its weight says.
        #[default]
        ByWeight = "by weight",
        /// One after the other, over all connections; then from the beginning.
        InTurn = "in turn",
        /// As in turn, but the turns are dealt out by chance, once.
        Shuffled = "shuffled",
    }
}

/// Several requests as given by a person; none: the one that the plan names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScriptDraft {
    /// What there is to send.
    pub requests: Vec<RequestDraft>,
    /// Which is next.
    pub order: Order,
    /// Of everything that chance decides.
    pub seed: u64,
    /// Nothing in them is a variable.
    pub is_literal: bool,
    /// What variables name.
    pub around: Around,
}

/// Files and variables of the environment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NamedAround {
    /// Files whose lines are wanted.
    pub files: BTreeSet<String>,
    /// Variables of the environment.
    pub env: BTreeSet<String>,
}

impl PlanDraft {
    /// What the variables of its requests name, and [`ScriptDraft::around`] has to have.
    pub fn named_around(&self) -> NamedAround {
        let mut named = NamedAround::default();
        let (NamedAround { files, env }, of_requests) = (&mut named, &self.script.requests);
        let mut look = |text: &[u8]| {
            values::named_in(text, |file| _ = files.insert(file.to_owned()), |name| _ = env.insert(name.to_owned()));
        };
        for text in [self.url.as_bytes(), &self.body] {
            look(text);
        }
        for request in of_requests {
            look(request.target.as_bytes());
            look(&request.body);
        }
        let headers = self.headers.iter().chain(of_requests.iter().flat_map(|request| &request.headers));
        headers.for_each(|text| look(text.as_bytes()));
        if self.script.is_literal { NamedAround::default() } else { named }
    }
}

impl Plan {
    /// Makes the requests of this draft its own.
    pub(crate) fn take_script(&mut self, draft: &ScriptDraft) -> Result<(), PlanError> {
        self.script = Script::new(draft, self)?;
        if let [only] = draft.requests.as_slice() {
            self.tells_of(only);
        }
        Ok(())
    }

    /// What it tells of its own request is of the only one there is.
    fn tells_of(&mut self, only: &RequestDraft) {
        let host_ends = only.target.find("://").map_or(0, |at| at + 3);
        let path_begins = only.target[host_ends..].find('/').map_or(only.target.len(), |at| host_ends + at);
        let path = only.target[path_begins..].split('#').next().unwrap_or_default();
        self.target = if path.is_empty() { "/".to_owned() } else { path.to_owned() };
        if let Ok((name, method)) = crate::plan::method(only.method.as_deref(), &only.body) {
            (self.method_name, self.method) = (name, method);
        }
        self.body.clone_from(&only.body);
    }
}

/// The requests of a run; at least one. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Script {
    requests: Arc<[Request]>,
    order: Order,
    seed: u64,
    /// Numbers that variables share.
    draws: usize,
    /// Values that are kept of answers.
    kept: usize,
    /// Where scenarios begin; a request of its own is one.
    starts: Arc<[u32]>,
}

impl Script {
    /// Makes the requests of `draft` ready to be sent as `plan` says; all that is wrong with them at once.
    pub(crate) fn new(draft: &ScriptDraft, plan: &Plan) -> Result<Self, PlanError> {
        if draft.requests.len() > REQUESTS_MAX {
            return Err(ScriptError::TooMany(draft.requests.len()).into());
        }
        let alone = [RequestDraft::alone(plan)];
        let drafts = if draft.requests.is_empty() { &alone[..] } else { &draft.requests };
        let (mut requests, mut wrong, mut draws) = (Vec::with_capacity(drafts.len()), Vec::new(), BTreeMap::new());
        let mut names = Names::new(&draft.around, &mut draws);
        for (at, one) in drafts.iter().enumerate() {
            if !one.follows {
                names.begin();
            }
            match Request::of(one, plan, (!draft.is_literal).then_some(&mut names)) {
                Ok(request) => requests.push(request),
                Err(RequestError::Part(why)) if draft.requests.is_empty() => return Err(why),
                Err(why) => wrong.push(WrongRequest { at, target: one.target.clone(), why: Box::new(why) }),
            }
        }
        if !wrong.is_empty() {
            return Err(ScriptError::Requests(wrong).into());
        }
        let kept = names.kept();
        let follows: Vec<bool> = drafts.iter().map(|one| one.follows).collect();
        let (requests, starts) = in_order(requests, &follows, draft);
        let draws = draws.len();
        Ok(Self { requests: requests.into(), order: draft.order, seed: draft.seed, draws, kept, starts: starts.into() })
    }

    /// Where scenarios begin; a request of its own is one.
    pub(crate) fn starts(&self) -> &Arc<[u32]> {
        &self.starts
    }

    /// Values that are kept of answers: so many places [`Draw::kept`] has to have.
    pub fn kept(&self) -> usize {
        self.kept
    }

    /// Numbers that variables of a request share: so many places [`Draw::drawn`] has to have.
    pub fn draws(&self) -> usize {
        self.draws
    }

    /// The requests, in the order of their turns.
    pub fn requests(&self) -> &[Request] {
        &self.requests
    }

    /// Which is next.
    pub fn order(&self) -> Order {
        self.order
    }

    /// Of everything that chance decides.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// Chance for the thread of this number.
    pub fn chance(&self, thread: u32) -> Rng {
        Rng::new(self.seed.wrapping_mul(0x1_0000_0001).wrapping_add(u64::from(thread)))
    }

    /// Is there more than one?
    pub(crate) fn is_choice(&self) -> bool {
        self.requests.len() > 1
    }
}

/// The requests in the order of their turns, each scenario in one piece, and where those begin.
fn in_order(requests: Vec<Request>, follows: &[bool], draft: &ScriptDraft) -> (Vec<Request>, Vec<u32>) {
    let mut scenarios: Vec<Vec<Request>> = Vec::new();
    for (request, follows) in requests.into_iter().zip(follows) {
        match scenarios.last_mut().filter(|_| *follows) {
            Some(scenario) => {
                scenario.last_mut().into_iter().for_each(|before| before.is_followed = true);
                scenario.push(request);
            }
            None => scenarios.push(vec![request]),
        }
    }
    if draft.order == Order::Shuffled {
        Rng::new(draft.seed).shuffle(&mut scenarios);
    }
    let mut at = 0;
    let starts = scenarios.iter().map(|scenario| {
        at += scenario.len() as u32;
        at - scenario.len() as u32
    });
    let starts = starts.collect();
    (scenarios.into_iter().flatten().collect(), starts)
}

/// Why requests cannot be sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScriptError {
    /// More than [`REQUESTS_MAX`].
    #[error("{0} requests: at most {REQUESTS_MAX} are supported; give a part of them")]
    TooMany(usize),
    /// Some of them, each with what is wrong.
    #[error("{}", told(.0))]
    Requests(Vec<WrongRequest>),
}

/// A request that cannot be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrongRequest {
    /// Which, from 0.
    pub at: usize,
    /// Its target as given.
    pub target: String,
    /// What is wrong.
    pub why: Box<RequestError>,
}

/// Wrong requests that are told; of more only how many.
const WRONG_TOLD_MAX: usize = 10;

fn told(wrong: &[WrongRequest]) -> String {
    let line = |one: &WrongRequest| format!("request {} ({:?}): {}", one.at + 1, one.target, one.why);
    let mut lines: Vec<String> = wrong.iter().take(WRONG_TOLD_MAX).map(line).collect();
    if wrong.len() > WRONG_TOLD_MAX {
        lines.push(format!("and {} more", wrong.len() - WRONG_TOLD_MAX));
    }
    lines.join("\n")
}
