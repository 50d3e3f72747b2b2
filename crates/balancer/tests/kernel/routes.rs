//! Routes on the kernel's sockets: what is answered here, and what is passed on to whom.

use crate::script::Act::*;
use crate::script::play_with;
use crate::wire::End;
use balancer_core::router::{FixedResponse, Page, Redirect, RedirectStatus};
use balancer_core::{Action, RouteRules, Router, Settings};
use http::Template;

fn only(action: Action) -> impl Fn(&mut Settings) {
    move |settings| settings.listeners[0].router = Router::only(RouteRules::new("", action.clone()))
}

fn redirect(to: &str) -> Action {
    let to = Template::parse(to).expect("a text");
    Action::Redirect(Redirect { status: RedirectStatus::PermanentRedirect, to, keep_query: true })
}

fn fixed(status: u16, body: &str) -> Action {
    let page = Page { content_type: "text/html".to_owned(), body: body.as_bytes().into() };
    Action::Respond(FixedResponse { status, page })
}

#[test]
fn a_redirect_is_answered_here_and_keeps_the_connection() {
    let acts = [
        ClientSends("GET /a/b?c=d HTTP/1.1\nHost: www.example.org:8080\n\n"),
        ClientSeesAnswer(
            "HTTP/1.1 308 Permanent Redirect\nLocation: https://www.example.org/a/b?c=d\nContent-Length: 0\n\n",
        ),
        ClientSends("HEAD / HTTP/1.1\nHost: a\n\nOPTIONS * HTTP/1.1\nHost: a\n\n"),
        ClientSeesAnswer("HTTP/1.1 308 Permanent Redirect\nLocation: https://a/\nContent-Length: 0\n\n"),
        ClientSeesAnswer("HTTP/1.1 308 Permanent Redirect\nLocation: https://a/\nContent-Length: 0\n\n"),
        ClientSends("GET / HTTP/1.0\nHost: a\n\n"),
        ClientSeesAnswer(
            "HTTP/1.1 308 Permanent Redirect\nLocation: https://a/\nContent-Length: 0\nConnection: close\n\n",
        ),
        ClientSeesEnd(End::Eof),
    ];
    let counters = play_with(only(redirect("https://{host}{path}")), &acts);
    assert_eq!((counters.requests, counters.replies[0], counters.connects), (4, 4, 0));
}

/// A client reads `//host` in `Location` as a host: nobody sends others elsewhere by a path of his own choice.
#[test]
fn a_redirect_to_a_path_stays_on_its_host() {
    for (path, location) in
        [("//evil.example/a", "/evil.example/a/"), ("/\\evil.example", "/evil.example/"), ("/a//b", "/a//b/")]
    {
        let answer = format!("HTTP/1.1 308 Permanent Redirect\nLocation: {location}\nContent-Length: 0\n\n");
        let request = format!("GET {path} HTTP/1.1\nHost: a\n\n");
        play_with(only(redirect("{path}/")), &[ClientSends(&request), ClientSeesAnswer(&answer)]);
    }
}

#[test]
fn a_fixed_answer_is_the_same_for_everybody() {
    let body = "<p>".repeat(10_000);
    let answer = format!("HTTP/1.1 404 Not Found\nContent-Type: text/html\nContent-Length: 30000\n\n{body}");
    let (head, _) = answer.split_at(answer.len() - body.len());
    let acts = [
        ClientSends("GET / HTTP/1.1\nHost: a\n\n"),
        ClientSeesAnswer(&answer),
        ClientSends("HEAD / HTTP/1.1\nHost: a\n\n"),
        ClientSeesAnswer(head),
        ClientSends("GET / HTTP/1.1\nHost: a\n\n"),
        ClientSeesAnswer(&answer),
    ];
    let counters = play_with(only(fixed(404, &body)), &acts);
    assert_eq!((counters.replies[1], counters.failed_total()), (3, 0));
    let none = "HTTP/1.1 204 No Content\n\n";
    play_with(only(fixed(204, "")), &[ClientSends("GET / HTTP/1.1\nHost: a\n\n"), ClientSeesAnswer(none)]);
}

#[test]
fn what_no_route_fits_is_not_found() {
    let gone = "HTTP/1.1 404 Not Found\nContent-Type: text/plain; charset=utf-8\nContent-Length: 33\n\n\
                nothing is here for this request\n";
    let acts = [ClientSends("GET / HTTP/1.1\nHost: a\n\n"), ClientSeesAnswer(gone)];
    assert_eq!(play_with(only(Action::NotFound), &acts).replies[2], 1);
}
