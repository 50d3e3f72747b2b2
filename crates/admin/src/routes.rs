//! The router: who asks is looked at first, then the [table](OPERATIONS) says who answers.

use crate::access::{self, Asker, Peer, Refusal, Way, Wish};
use crate::handlers::{Document, House, mistake};
use crate::openapi;
use crate::operations::{OPERATIONS, Operation};
use axum::Router;
use axum::extract::{DefaultBodyLimit, Extension, Request, State as Shared};
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use std::sync::Arc;

/// Of what is posted here: a number at most.
const BODY_BYTES_MAX: usize = 1024;

/// All routes, for requests that come in this way.
pub(crate) fn all(state: House, way: Way) -> Router {
    let guard = from_fn_with_state((Arc::clone(&state), way), check_access);
    let route = |router: Router<House>, one: &Operation| router.route(one.path, (one.answered)());
    OPERATIONS
        .iter()
        .fold(Router::new(), route)
        .fallback(nothing_here)
        .method_not_allowed_fallback(another_method)
        .layer(Extension(Document(openapi::document().to_string().into())))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(guard)
        .with_state(state)
}

async fn check_access(Shared((state, way)): Shared<(House, Way)>, mut request: Request, next: Next) -> Response {
    let peer = request.extensions().get::<Peer>().copied().unwrap_or_default();
    request.extensions_mut().insert(peer.by(way));
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

/// That there is nothing, or nothing by this method, everybody may be told.
fn wish(method: &Method, path: &str) -> Wish {
    let method = if *method == Method::HEAD { "GET" } else { method.as_str() };
    let asked = OPERATIONS.iter().find(|one| one.is_at(path) && one.method() == method);
    asked.map_or(Wish::Public, |one| one.wish)
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
    let mut response = mistake(status, refusal.advice());
    if status == StatusCode::UNAUTHORIZED {
        let asks = header::HeaderValue::from_static("Bearer realm=\"quintet\"");
        response.headers_mut().insert(header::WWW_AUTHENTICATE, asks);
    }
    response
}

/// Whoever meant a server, or a listener, is told of those orders, all others of everything.
async fn nothing_here(uri: Uri) -> Response {
    const ORDERS: [(&str, &str); 2] =
        [("/backend_sets/", "orders about a server are"), ("/listeners/", "orders about a listener are")];
    let meant = ORDERS.into_iter().find(|(begins, _)| uri.path().starts_with(begins));
    let (begins, words) = meant.unwrap_or(("/", "there are"));
    let which = OPERATIONS.iter().filter(|one| one.path.starts_with(begins));
    let all: Vec<String> = which.map(ToString::to_string).collect();
    mistake(StatusCode::NOT_FOUND, format!("there is nothing here; {words}: {}", all.join(", ")))
}

async fn another_method(method: Method, uri: Uri) -> Response {
    let why = format!("{} is not asked by {method}: `Allow` says by which methods it is", uri.path());
    mistake(StatusCode::METHOD_NOT_ALLOWED, why)
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
