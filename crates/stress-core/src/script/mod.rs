//! What a run sends: its requests, made ready once, and which of them is next.
//!
//! ```text
//! RequestDraft (method, target, fields, body, weight)  ->  Request (bytes)  ->  Picker (which is next)
//! ```

mod picker;
mod request;

pub use picker::Picker;
pub use request::{Request, RequestDraft, RequestError};

use crate::plan::{Plan, PlanError};
use named::named;
use seed::Rng;
use std::sync::Arc;

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
}

/// The requests of a run; at least one. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Script {
    requests: Arc<[Request]>,
    order: Order,
    seed: u64,
}

impl Script {
    /// Makes the requests of `draft` ready to be sent as `plan` says; all that is wrong with them at once.
    pub(crate) fn new(draft: &ScriptDraft, plan: &Plan) -> Result<Self, PlanError> {
        if draft.requests.len() > REQUESTS_MAX {
            return Err(ScriptError::TooMany(draft.requests.len()).into());
        }
        let given = draft.requests.iter().map(|one| Request::of(one, plan));
        let mut requests = Vec::with_capacity(draft.requests.len().max(1));
        let mut wrong = Vec::new();
        for (at, request) in given.enumerate() {
            match request {
                Ok(request) => requests.push(request),
                Err(why) => {
                    wrong.push(WrongRequest { at, target: draft.requests[at].target.clone(), why: Box::new(why) })
                }
            }
        }
        if !wrong.is_empty() {
            return Err(ScriptError::Requests(wrong).into());
        }
        if requests.is_empty() {
            requests.push(Request::alone(plan)?);
        }
        if draft.order == Order::Shuffled {
            Rng::new(draft.seed).shuffle(&mut requests);
        }
        Ok(Self { requests: requests.into(), order: draft.order, seed: draft.seed })
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

    /// Is there more than one?
    pub fn is_choice(&self) -> bool {
        self.requests.len() > 1
    }
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
