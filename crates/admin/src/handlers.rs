//! What is answered to each question.

use crate::metrics::{CONTENT_TYPE, Scrape};
use crate::ready;
use crate::state::State;
use crate::view;
use axum::Json;
use axum::extract::rejection::{PathRejection, StringRejection};
use axum::extract::{Extension, Path, State as Shared};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use balancer_core::{ListenerOrder, OrderError, ServerOrder};
use control::{By, NotOrdered, ReloadError};
use serde::Serialize;
use serde_json::json;
use std::sync::Arc;

pub(crate) type House = Arc<State>;
/// A set and a server of it, as the path names them.
type Which = Result<Path<(String, String)>, PathRejection>;
type WhichListener = Result<Path<String>, PathRejection>;

/// The OpenAPI document.
#[derive(Clone)]
pub(crate) struct Document(pub(crate) Arc<str>);

/// Workers are asked, too.
pub(crate) async fn metrics(Shared(state): Shared<House>) -> Response {
    let text = tokio::task::spawn_blocking(move || Scrape::take(&state).and_then(|scrape| scrape.text().ok())).await;
    match text.ok().flatten() {
        Some(text) => ([(header::CONTENT_TYPE, CONTENT_TYPE)], text).into_response(),
        None => ending(),
    }
}

/// For as long as it is read, but not for ever.
pub(crate) async fn events(Shared(state): Shared<House>) -> impl IntoResponse {
    let fields = [(header::CONTENT_TYPE, "text/event-stream"), (header::CACHE_CONTROL, "no-store")];
    (fields, state.live.body(&state))
}

pub(crate) async fn everything(Shared(state): Shared<House>) -> Response {
    told(state, view::everything).await
}

pub(crate) async fn healthz() -> &'static str {
    "ok\n"
}

/// Ready to be sent clients.
pub(crate) async fn readyz(Shared(state): Shared<House>) -> Response {
    match ready::look(&state) {
        Ok(()) => "ready\n".into_response(),
        Err(why) => (StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n")).into_response(),
    }
}

/// As it is worked by; reading its text again takes a moment where it is long.
pub(crate) async fn config(Shared(state): Shared<House>) -> Response {
    told(state, |state| (!state.remote.is_ending()).then(|| view::running(state))).await
}

pub(crate) async fn listeners(Shared(state): Shared<House>) -> Response {
    told(state, |state| state.remote.ask(|seen| view::listeners(seen, &seen.report()))).await
}

pub(crate) async fn backend_sets(Shared(state): Shared<House>) -> Response {
    told(state, |state| state.remote.ask(|seen| view::backend_sets(seen, &seen.report()))).await
}

/// Workers are asked for their counts: elsewhere than on the thread that serves everybody.
async fn told<T: Serialize + Send + 'static>(state: House, question: fn(&State) -> Option<T>) -> Response {
    let answer = tokio::task::spawn_blocking(move || question(&state)).await.ok().flatten();
    answer.map_or_else(ending, |answer| Json(answer).into_response())
}

pub(crate) async fn drain_server(state: Shared<House>, who: Extension<By>, which: Which) -> Response {
    order_server(state, who, which, ServerOrder::Drain).await
}

pub(crate) async fn undrain_server(state: Shared<House>, who: Extension<By>, which: Which) -> Response {
    order_server(state, who, which, ServerOrder::Undrain).await
}

pub(crate) async fn disable_server(state: Shared<House>, who: Extension<By>, which: Which) -> Response {
    order_server(state, who, which, ServerOrder::Disable).await
}

pub(crate) async fn enable_server(state: Shared<House>, who: Extension<By>, which: Which) -> Response {
    order_server(state, who, which, ServerOrder::Enable).await
}

pub(crate) async fn reset_server(state: Shared<House>, who: Extension<By>, which: Which) -> Response {
    order_server(state, who, which, ServerOrder::Reset).await
}

pub(crate) async fn weigh_server(
    state: Shared<House>,
    who: Extension<By>,
    which: Which,
    body: Result<String, StringRejection>,
) -> Response {
    match body.map(|body| body.trim().parse()) {
        Ok(Ok(weight)) => order_server(state, who, which, ServerOrder::Weight(weight)).await,
        Ok(Err(_)) => {
            mistake(StatusCode::BAD_REQUEST, "the body of this is a weight: a whole number from 0 to 1000, such as 10")
        }
        Err(rejection) => mistake(rejection.status(), rejection.body_text()),
    }
}

/// Answers once all workers go by it.
async fn order_server(
    Shared(state): Shared<House>,
    Extension(by): Extension<By>,
    which: Which,
    order: ServerOrder,
) -> Response {
    ordered_at(which, move |(set, server)| state.remote.acting_for(by).order_server(&set, &server, order)).await
}

pub(crate) async fn drain_listener(state: Shared<House>, who: Extension<By>, which: WhichListener) -> Response {
    order_listener(state, who, which, ListenerOrder::Drain).await
}

pub(crate) async fn undrain_listener(state: Shared<House>, who: Extension<By>, which: WhichListener) -> Response {
    order_listener(state, who, which, ListenerOrder::Undrain).await
}

/// Answers once all workers go by it: a drain has begun by then.
async fn order_listener(
    Shared(state): Shared<House>,
    Extension(by): Extension<By>,
    which: WhichListener,
    order: ListenerOrder,
) -> Response {
    ordered_at(which, move |listener| state.remote.acting_for(by).order_listener(&listener, order)).await
}

/// What is ordered of a place that the path names.
async fn ordered_at<P: Send + 'static>(
    which: Result<Path<P>, PathRejection>,
    order: impl FnOnce(P) -> Result<(), NotOrdered> + Send + 'static,
) -> Response {
    match which {
        Ok(Path(place)) => ordered(move || order(place)).await,
        Err(rejection) => mistake(StatusCode::BAD_REQUEST, rejection.body_text()),
    }
}

/// Workers take a moment: elsewhere than on the thread that serves everybody.
async fn ordered(order: impl FnOnce() -> Result<(), NotOrdered> + Send + 'static) -> Response {
    match tokio::task::spawn_blocking(order).await.unwrap_or(Err(NotOrdered::Ending)) {
        Ok(()) => Json(json!({ "ok": true })).into_response(),
        Err(NotOrdered::Ending) => ending(),
        Err(why @ NotOrdered::NotApplied { .. }) => mistake(StatusCode::INTERNAL_SERVER_ERROR, why),
        Err(NotOrdered::Refused(why)) => mistake(status_of(&why), why),
    }
}

fn status_of(why: &OrderError) -> StatusCode {
    match why {
        OrderError::Weight(_) => StatusCode::BAD_REQUEST,
        OrderError::TooMany | OrderError::TooManyListeners => StatusCode::INSUFFICIENT_STORAGE,
        OrderError::NoSet(_) | OrderError::NoServer { .. } | OrderError::NoListener { .. } => StatusCode::NOT_FOUND,
    }
}

/// The file is read again; the answer says what came with it, or why nothing changed.
pub(crate) async fn reload(Shared(state): Shared<House>, Extension(by): Extension<By>) -> Response {
    let outcome = tokio::task::spawn_blocking(move || state.remote.acting_for(by).reload_file().wait()).await;
    match outcome.unwrap_or(Err(ReloadError::Ending)) {
        Ok(change) => Json(change).into_response(),
        Err(ReloadError::Ending) => ending(),
        Err(why @ ReloadError::Busy) => mistake(StatusCode::CONFLICT, why),
        Err(why) => mistake(StatusCode::UNPROCESSABLE_ENTITY, why),
    }
}

/// Mistakes are JSON, whoever makes them.
pub(crate) fn mistake(status: StatusCode, why: impl ToString) -> Response {
    (status, Json(json!({ "error": why.to_string() }))).into_response()
}

fn ending() -> Response {
    mistake(StatusCode::SERVICE_UNAVAILABLE, NotOrdered::Ending)
}

pub(crate) async fn document(Extension(Document(text)): Extension<Document>) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], text.to_string()).into_response()
}
