//! Everything that can be asked, declared once: the router and the OpenAPI document are made of this table.

use crate::access::Wish;
use crate::handlers::{self, House};
use crate::{dashboard, metrics};
use axum::routing::{MethodRouter, get, post};
use std::fmt;

/// One thing that can be asked.
pub(crate) struct Operation {
    /// With parts that differ in braces, as the router and OpenAPI both write them.
    pub(crate) path: &'static str,
    /// What programs call it.
    pub(crate) id: &'static str,
    pub(crate) summary: &'static str,
    pub(crate) wish: Wish,
    /// What is to be sent with it.
    pub(crate) takes: Option<&'static str>,
    /// What comes of it, but for what comes of any: nothing found there, another method, nobody who may.
    pub(crate) answers: &'static [Answer],
    pub(crate) answered: fn() -> MethodRouter<House>,
}

/// What may come of it.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) what: &'static str,
    pub(crate) body: Body,
}

/// What an answer holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Body {
    /// Of this type.
    Text(&'static str),
    /// JSON of this shape among `schemas.json`.
    Shape(&'static str),
    /// JSON: a list of these.
    Shapes(&'static str),
    /// JSON of any shape.
    Json,
}

impl Operation {
    /// Is it posted?
    pub(crate) fn changes(&self) -> bool {
        self.wish == Wish::Change
    }

    /// Is it asked there? Wherever the router finds it, and perhaps elsewhere.
    pub(crate) fn is_at(&self, path: &str) -> bool {
        let (mut asked, mut here) = (path.split('/'), self.path.split('/'));
        loop {
            match (asked.next(), here.next()) {
                (None, None) => return true,
                (Some(_), Some(part)) if part.starts_with('{') => {}
                (Some(asked), Some(part)) if asked == part => {}
                _ => return false,
            }
        }
    }

    pub(crate) fn method(&self) -> &'static str {
        if self.changes() { "POST" } else { "GET" }
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method(), self.path)
    }
}

const PLAIN: Body = Body::Text("text/plain; charset=utf-8");
const MISTAKE: Body = Body::Shape("Mistake");
const ENDING: Answer = Answer { status: 503, what: "The balancer is ending.", body: MISTAKE };

const fn answer(status: u16, what: &'static str, body: Body) -> Answer {
    Answer { status, what, body }
}

/// What comes of an order about a server.
const ORDERED: &[Answer] = &[
    answer(200, "All workers go by it.", Body::Shape("Done")),
    answer(400, "The path, or what was sent, cannot be understood.", MISTAKE),
    answer(404, "There is no such set, or no such server.", MISTAKE),
    answer(413, "More was sent than a number.", MISTAKE),
    answer(500, "It stands, but the workers do not go by it yet.", MISTAKE),
    ENDING,
    answer(507, "Something is said of too many servers already.", MISTAKE),
];

/// What comes of an order about a listener.
const LISTENER_ORDERED: &[Answer] = &[
    answer(200, "All workers go by it.", Body::Shape("Done")),
    answer(400, "The path cannot be understood.", MISTAKE),
    answer(404, "There is no such listener.", MISTAKE),
    answer(500, "It stands, but the workers do not go by it yet: somebody else may listen there meanwhile.", MISTAKE),
    ENDING,
    answer(507, "Too many listeners are drained already.", MISTAKE),
];

/// Everything.
pub(crate) static OPERATIONS: &[Operation] = &[
    Operation {
        path: "/",
        id: "page",
        summary: "The page for people.",
        wish: Wish::Public,
        takes: None,
        answers: &[answer(200, "The page.", Body::Text("text/html; charset=utf-8"))],
        answered: || get(dashboard::page),
    },
    Operation {
        path: "/dashboard.css",
        id: "pageStyle",
        summary: "A part of the page.",
        wish: Wish::Public,
        takes: None,
        answers: &[answer(200, "The part.", Body::Text("text/css; charset=utf-8"))],
        answered: || get(dashboard::style),
    },
    Operation {
        path: "/dashboard.js",
        id: "pageScript",
        summary: "A part of the page.",
        wish: Wish::Public,
        takes: None,
        answers: &[answer(200, "The part.", Body::Text("text/javascript; charset=utf-8"))],
        answered: || get(dashboard::script),
    },
    Operation {
        path: "/healthz",
        id: "health",
        summary: "Does the process answer?",
        wish: Wish::Public,
        takes: None,
        answers: &[answer(200, "It does.", PLAIN)],
        answered: || get(handlers::healthz),
    },
    Operation {
        path: "/readyz",
        id: "readiness",
        summary: "Does it take clients?",
        wish: Wish::Public,
        takes: None,
        answers: &[
            answer(200, "It does.", PLAIN),
            answer(503, "Send it nobody: it ends, or nobody is up whom `ready` in [admin] asks for.", PLAIN),
        ],
        answered: || get(handlers::readyz),
    },
    Operation {
        path: "/openapi.json",
        id: "document",
        summary: "This document.",
        wish: Wish::Public,
        takes: None,
        answers: &[answer(200, "An OpenAPI 3.1 document.", Body::Json)],
        answered: || get(handlers::document),
    },
    Operation {
        path: "/state",
        id: "state",
        summary: "Everything at one moment.",
        wish: Wish::Read,
        takes: None,
        answers: &[answer(200, "Everything; counters that are 0 are left out.", Body::Shape("Overview")), ENDING],
        answered: || get(handlers::everything),
    },
    Operation {
        path: "/events",
        id: "events",
        summary: "Everything once a second, and what changes when it does, as server-sent events.",
        wish: Wish::Read,
        takes: None,
        answers: &[answer(
            200,
            "Events named `state` (an Overview), `news` (each with `time`, `event`, `text`, and `by` whom it was ordered; see News) \
             and `ending`; ask again after 100 s.",
            Body::Text("text/event-stream"),
        )],
        answered: || get(handlers::events),
    },
    Operation {
        path: "/metrics",
        id: "metrics",
        summary: "What is counted, for Prometheus.",
        wish: Wish::Read,
        takes: None,
        answers: &[answer(200, "In the OpenMetrics format.", Body::Text(metrics::CONTENT_TYPE)), ENDING],
        answered: || get(handlers::metrics),
    },
    Operation {
        path: "/config",
        id: "config",
        summary: "The configuration that is worked by, secrets hidden, and what operators said.",
        wish: Wish::Read,
        takes: None,
        answers: &[answer(200, "The configuration.", Body::Shape("Running")), ENDING],
        answered: || get(handlers::config),
    },
    Operation {
        path: "/listeners",
        id: "listeners",
        summary: "The listeners, with their routes.",
        wish: Wish::Read,
        takes: None,
        answers: &[answer(200, "As configured, with what was counted.", Body::Shapes("Listener")), ENDING],
        answered: || get(handlers::listeners),
    },
    Operation {
        path: "/listeners/{listener}/drain",
        id: "drainListener",
        summary: "It accepts for `drain_grace` more and says in every answer that its connection closes, then accepts nobody; \
                  requests under way have `drain`.",
        wish: Wish::Change,
        takes: None,
        answers: LISTENER_ORDERED,
        answered: || post(handlers::drain_listener),
    },
    Operation {
        path: "/listeners/{listener}/undrain",
        id: "undrainListener",
        summary: "It accepts again.",
        wish: Wish::Change,
        takes: None,
        answers: LISTENER_ORDERED,
        answered: || post(handlers::undrain_listener),
    },
    Operation {
        path: "/backend_sets",
        id: "backendSets",
        summary: "The backend sets, with their servers.",
        wish: Wish::Read,
        takes: None,
        answers: &[answer(200, "As configured, with what was counted.", Body::Shapes("BackendSet")), ENDING],
        answered: || get(handlers::backend_sets),
    },
    Operation {
        path: "/backend_sets/{set}/servers/{server}/drain",
        id: "drainServer",
        summary: "No new request goes to the server; what is under way, and clients that stay with it, go on.",
        wish: Wish::Change,
        takes: None,
        answers: ORDERED,
        answered: || post(handlers::drain_server),
    },
    Operation {
        path: "/backend_sets/{set}/servers/{server}/undrain",
        id: "undrainServer",
        summary: "It is asked again, by the weight it had.",
        wish: Wish::Change,
        takes: None,
        answers: ORDERED,
        answered: || post(handlers::undrain_server),
    },
    Operation {
        path: "/backend_sets/{set}/servers/{server}/disable",
        id: "disableServer",
        summary: "Nobody asks it any more, nor is it checked; what is under way is finished.",
        wish: Wish::Change,
        takes: None,
        answers: ORDERED,
        answered: || post(handlers::disable_server),
    },
    Operation {
        path: "/backend_sets/{set}/servers/{server}/enable",
        id: "enableServer",
        summary: "It is asked and checked again.",
        wish: Wish::Change,
        takes: None,
        answers: ORDERED,
        answered: || post(handlers::enable_server),
    },
    Operation {
        path: "/backend_sets/{set}/servers/{server}/weight",
        id: "weighServer",
        summary: "It is asked by this weight.",
        wish: Wish::Change,
        takes: Some("A weight from 0 to 1000, such as 10."),
        answers: ORDERED,
        answered: || post(handlers::weigh_server),
    },
    Operation {
        path: "/backend_sets/{set}/servers/{server}/reset",
        id: "resetServer",
        summary: "What was said of it is forgotten: the configuration counts.",
        wish: Wish::Change,
        takes: None,
        answers: ORDERED,
        answered: || post(handlers::reset_server),
    },
    Operation {
        path: "/reload",
        id: "reload",
        summary: "The configuration file is read again.",
        wish: Wish::Change,
        takes: None,
        answers: &[
            answer(200, "It is worked by.", Body::Shape("Change")),
            answer(409, "Another change is under way.", MISTAKE),
            answer(422, "Nothing was changed, and why.", MISTAKE),
            ENDING,
        ],
        answered: || post(handlers::reload),
    },
];
