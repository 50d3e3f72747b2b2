//! What is asked where.

use crate::access::{self, Asker, Refusal, Way, Wish};
use crate::dashboard;
use crate::metrics::{CONTENT_TYPE, Scrape};
use crate::state::State;
use crate::view;
use axum::extract::{DefaultBodyLimit, Path, Request, State as Shared};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use balancer_core::{OrderError, ServerOrder};
use control::{ReloadError, ServerOrderError};
use serde::Serialize;
use serde_json::json;
use std::sync::Arc;

type House = Arc<State>;

/// Where those who only want to know whether we are well ask.
const HEALTHZ: &str = "/healthz";
const READYZ: &str = "/readyz";
/// Of what is posted here: a number at most.
const BODY_BYTES_MAX: usize = 1024;

/// All routes, for requests that come in this way.
pub(crate) fn all(state: House, way: Way) -> Router {
    let guard = from_fn_with_state((Arc::clone(&state), way), check_access);
    Router::new()
        .route("/", get(dashboard::page))
        .route("/dashboard.css", get(dashboard::style))
        .route("/dashboard.js", get(dashboard::script))
        .route("/events", get(events))
        .route("/state", get(everything))
        .route("/metrics", get(metrics))
        .route(HEALTHZ, get(healthz))
        .route(READYZ, get(readyz))
        .route("/listeners", get(listeners))
        .route("/backend_sets", get(backend_sets))
        .route("/backend_sets/{set}/servers/{server}/{order}", post(order_server))
        .route("/reload", post(reload))
        .fallback(nothing_here)
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(guard)
        .with_state(state)
}

async fn check_access(Shared((state, way)): Shared<(House, Way)>, request: Request, next: Next) -> Response {
    let fields = request.headers();
    let asker = Asker {
        way,
        token: bearer(fields).map(|shown| state.is_token(shown)),
        host: fields.get(header::HOST).map(|host| bare_host(host.to_str().unwrap_or_default())),
        cross_site: fields.get("sec-fetch-site").is_some_and(|site| site == "cross-site"),
    };
    match access::check(&asker, wish(request.method(), request.uri().path()), state.has_token()) {
        Ok(()) => next.run(request).await,
        Err(refusal) => refuse(refusal),
    }
}

fn wish(method: &Method, path: &str) -> Wish {
    match *method {
        Method::GET | Method::HEAD if [HEALTHZ, READYZ].contains(&path) || dashboard::PLACES.contains(&path) => {
            Wish::Public
        }
        Method::GET | Method::HEAD => Wish::Read,
        _ => Wish::Change,
    }
}

/// RFC 6750, section 2.1: the name of the scheme is written in either case.
fn bearer(fields: &HeaderMap) -> Option<&[u8]> {
    let value = fields.get(header::AUTHORIZATION)?.as_bytes();
    let (scheme, shown) = value.split_at_checked("Bearer ".len())?;
    scheme.eq_ignore_ascii_case(b"Bearer ").then(|| shown.trim_ascii())
}

/// Without its port.
fn bare_host(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((bare, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) && !bare.ends_with(':') => bare,
        _ => host,
    }
}

fn refuse(refusal: Refusal) -> Response {
    let status = StatusCode::from_u16(refusal.status()).expect("one of those that exist");
    let mut response = (status, format!("{}\n", refusal.advice())).into_response();
    if status == StatusCode::UNAUTHORIZED {
        let asks = header::HeaderValue::from_static("Bearer realm=\"quintet\"");
        response.headers_mut().insert(header::WWW_AUTHENTICATE, asks);
    }
    response
}

/// Workers are asked, too.
async fn metrics(Shared(state): Shared<House>) -> Response {
    let text = tokio::task::spawn_blocking(move || Scrape::take(&state).and_then(|scrape| scrape.text().ok())).await;
    match text.ok().flatten() {
        Some(text) => ([(header::CONTENT_TYPE, CONTENT_TYPE)], text).into_response(),
        None => ending(),
    }
}

/// For as long as it is read, but not for ever.
async fn events(Shared(state): Shared<House>) -> impl IntoResponse {
    let fields = [(header::CONTENT_TYPE, "text/event-stream"), (header::CACHE_CONTROL, "no-store")];
    (fields, state.live.body(&state))
}

async fn everything(Shared(state): Shared<House>) -> Response {
    told(state, view::everything).await
}

async fn healthz() -> &'static str {
    "ok\n"
}

/// Ready to be sent clients: not while it ends.
async fn readyz(Shared(state): Shared<House>) -> Response {
    match state.remote.is_ending() {
        false => "ready\n".into_response(),
        true => ending(),
    }
}

async fn listeners(Shared(state): Shared<House>) -> Response {
    told(state, |state| state.remote.ask(|seen| view::listeners(seen, &seen.report()))).await
}

async fn backend_sets(Shared(state): Shared<House>) -> Response {
    told(state, |state| state.remote.ask(|seen| view::backend_sets(seen, &seen.report()))).await
}

/// Workers are asked for their counts: elsewhere than on the thread that serves everybody.
async fn told<T: Serialize + Send + 'static>(state: House, question: fn(&State) -> Option<T>) -> Response {
    let answer = tokio::task::spawn_blocking(move || question(&state)).await.ok().flatten();
    answer.map_or_else(ending, |answer| Json(answer).into_response())
}

/// `drain`, `undrain`, `reset`, or `weight` with a number as the body.
async fn order_server(
    Shared(state): Shared<House>,
    Path((set, server, order)): Path<(String, String, String)>,
    body: String,
) -> Response {
    let order = match (order.as_str(), body.trim().parse()) {
        ("drain", _) => ServerOrder::Drain,
        ("undrain", _) => ServerOrder::Undrain,
        ("reset", _) => ServerOrder::Reset,
        ("weight", Ok(weight)) => ServerOrder::Weight(weight),
        ("weight", Err(_)) => return mistake(StatusCode::BAD_REQUEST, "the body of this is a weight, such as 10"),
        _ => return mistake(StatusCode::NOT_FOUND, "orders about a server are: drain, undrain, weight, reset"),
    };
    let ordered = tokio::task::spawn_blocking(move || state.remote.order_server(&set, &server, order)).await;
    match ordered.unwrap_or(Err(ServerOrderError::Ending)) {
        Ok(()) => Json(json!({ "ok": true })).into_response(),
        Err(ServerOrderError::Ending) => ending(),
        Err(why @ ServerOrderError::NotApplied { .. }) => mistake(StatusCode::INTERNAL_SERVER_ERROR, why),
        Err(ServerOrderError::Refused(why @ OrderError::Weight(_))) => mistake(StatusCode::BAD_REQUEST, why),
        Err(ServerOrderError::Refused(why @ OrderError::TooMany)) => mistake(StatusCode::INSUFFICIENT_STORAGE, why),
        Err(ServerOrderError::Refused(why)) => mistake(StatusCode::NOT_FOUND, why),
    }
}

/// The file is read again; the answer says what came with it, or why nothing changed.
async fn reload(Shared(state): Shared<House>) -> Response {
    let outcome = tokio::task::spawn_blocking(move || state.remote.reload_file().wait()).await;
    match outcome.unwrap_or(Err(ReloadError::Ending)) {
        Ok(change) => Json(change).into_response(),
        Err(ReloadError::Ending) => ending(),
        Err(why @ ReloadError::Busy) => mistake(StatusCode::CONFLICT, why),
        Err(why) => mistake(StatusCode::UNPROCESSABLE_ENTITY, why),
    }
}

fn mistake(status: StatusCode, why: impl ToString) -> Response {
    (status, Json(json!({ "error": why.to_string() }))).into_response()
}

fn ending() -> Response {
    (StatusCode::SERVICE_UNAVAILABLE, "draining\n").into_response()
}

async fn nothing_here() -> Response {
    let there_are = "there are: / (a page), /state, /events, /metrics, /healthz, /readyz, /listeners, /backend_sets; POST /reload, \
                     /backend_sets/SET/servers/ADDRESS/drain (or undrain, weight, reset)\n";
    (StatusCode::NOT_FOUND, there_are).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_what_stands_before_its_port() {
        for (host, expect) in [
            ("127.0.0.1:9080", "127.0.0.1"),
            ("127.0.0.1", "127.0.0.1"),
            ("[::1]:9080", "[::1]"),
            ("[::1]", "[::1]"),
            ("localhost:", "localhost"),
            ("evil.example:80", "evil.example"),
        ] {
            assert_eq!(bare_host(host), expect, "{host}");
        }
    }

    #[test]
    fn a_token_is_shown_as_a_bearer() {
        let check = |value: &'static str, expect: Option<&[u8]>| {
            let mut fields = HeaderMap::new();
            fields.insert(header::AUTHORIZATION, header::HeaderValue::from_static(value));
            assert_eq!(bearer(&fields), expect, "{value}");
        };
        check("Bearer abc", Some(b"abc"));
        check("bearer  abc ", Some(b"abc"));
        check("Basic YTpi", None);
        check("Basic YTpiYTpi", None);
        assert_eq!(bearer(&HeaderMap::new()), None);
    }
}
