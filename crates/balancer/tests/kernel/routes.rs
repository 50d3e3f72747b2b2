//! Routes on the kernel's sockets: what is answered here, and what is passed on to whom.

use crate::script::Act::*;
use crate::script::play_with;
use crate::stage::Stage;
use crate::wire::End;
use balancer::Config;
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

/// A listener with these lines of a configuration, before two sets: `app` and `other`, both of them the origin.
fn configured(lines: &str) -> impl FnOnce(&mut Settings) + '_ {
    move |settings| {
        let origin = settings.backend_sets[0].servers[0].address;
        let text = format!(
            "[[listener]]\nname = \"web\"\nbind = \"127.0.0.1:0\"\n{lines}\n\
             [[backend_set]]\nname = \"app\"\nservers = [\"{origin}\"]\n\
             [[backend_set]]\nname = \"other\"\nservers = [\"{origin}\"]\nvia = \"off\"\n"
        );
        *settings = Config::parse("test.toml", &text).unwrap_or_else(|error| panic!("{error}")).settings;
    }
}

const ROUTES: &str = r#"
backends = "app"
[[listener.route]]
name = "other"
host = "*.example.org"
path_prefix = "/api"
backends = "other"
strip_prefix = true
[[listener.route]]
name = "users"
path_regex = "^/u/([a-z]+)"
redirect = { to = "/users/{1}", status = 301 }
[[listener.route]]
name = "gone"
path = "/gone"
method = "GET"
respond = { status = 410, text = "gone" }
"#;

/// The sets differ in what they say of the way: only one of them adds to Via.
#[test]
fn a_request_goes_to_the_set_of_its_route_and_its_path_is_rewritten() {
    let stage = Stage::new(configured(ROUTES));
    let mut client = stage.client();
    let way = "X-Forwarded-For: 127.0.0.1\nX-Forwarded-Proto: http\n";
    for (request, seen) in [
        ("GET /api/x?y HTTP/1.1\nHost: www.Example.org:80", "GET /x?y HTTP/1.1\nHost: www.Example.org:80"),
        ("GET /q/../%61pi//x HTTP/1.1\nHost: a.example.org", "GET /x HTTP/1.1\nHost: a.example.org"),
    ] {
        client.sends(&format!("{request}\n\n"));
        let mut server = stage.server();
        server.sees(&format!("{seen}\n{way}\n"));
        server.sends("HTTP/1.1 200 OK\nContent-Length: 2\nConnection: close\n\nok");
        client.sees("HTTP/1.1 200 OK\nContent-Length: 2\n\nok");
    }
    client.sends("POST /gone HTTP/1.1\nHost: a\nContent-Length: 2\n\nhi");
    let mut server = stage.server();
    server.sees(&format!("POST /gone HTTP/1.1\nHost: a\n{way}Via: 1.1 quintet\nContent-Length: 2\n\nhi"));
    server.sends("HTTP/1.1 200 OK\nContent-Length: 2\n\nok");
    client.sees("HTTP/1.1 200 OK\nContent-Length: 2\n\nok");
    client.sends("GET /gone HTTP/1.1\nHost: a\n\nGET /u/joe%20x/y?z HTTP/1.1\nHost: a\n\n");
    client.sees_answer("HTTP/1.1 410 Gone\nContent-Type: text/plain; charset=utf-8\nContent-Length: 4\n\ngone");
    client.sees_answer("HTTP/1.1 301 Moved Permanently\nLocation: /users/joe?z\nContent-Length: 0\n\n");
    let counted = |name: &str| {
        let report = stage.report();
        let (_, _, counters) = report.routes.iter().find(|(_, of, _)| of == name).expect(name).clone();
        [counters.route_requests, counters.route_responses, counters.route_replies, counters.route_failures]
    };
    testkit::eventually("the last one is over", || counted("users")[0] == 1);
    assert_eq!([counted("other"), counted("gone"), counted("users")], [[2, 2, 0, 0], [1, 0, 1, 0], [1, 0, 1, 0]]);
    assert_eq!(counted("otherwise"), [1, 1, 0, 0]);
    drop((client, server));
    let counters = stage.end();
    assert_eq!((counters.requests, counters.route_requests), (5, 5));
}

#[test]
fn a_path_that_servers_read_differently_is_refused() {
    let refused = "HTTP/1.1 400 Bad Request\nContent-Type: text/plain; charset=utf-8\nContent-Length: 85\n\
                   Connection: close\n\nthe path holds dot segments in disguise, or a zero byte: servers read it differently\n";
    let acts =
        [ClientSends("GET /x/..%2fgone HTTP/1.1\nHost: a\n\n"), ClientSeesAnswer(refused), ClientSeesEnd(End::Eof)];
    let counters = play_with(configured(ROUTES), &acts);
    assert_eq!(counters.failed(balancer_core::Failure::AmbiguousPath), 1);
}

/// The rest of a small upload that was answered here is thrown away, of a large one it is not: that connection closes.
#[test]
fn an_upload_to_a_route_that_answers_itself_keeps_its_connection_if_it_is_small() {
    let lines = "[[listener.route]]\nrespond = { status = 200, text = \"no\" }";
    let answer = |close: &str| {
        format!("HTTP/1.1 200 OK\nContent-Type: text/plain; charset=utf-8\nContent-Length: 2\n{close}\nno")
    };
    let (kept, closed) = (answer(""), answer("Connection: close\n"));
    let acts = [
        ClientSends("POST / HTTP/1.1\nHost: a\nContent-Length: 10\n\n12345"),
        ClientSeesAnswer(&kept),
        ClientSends("67890GET / HTTP/1.1\nHost: a\n\n"),
        ClientSeesAnswer(&kept),
        ClientSends("POST / HTTP/1.1\nHost: a\nTransfer-Encoding: chunked\n\n5\n12345\n"),
        ClientSeesAnswer(&kept),
        ClientSends("0\n\nGET / HTTP/1.1\nHost: a\n\n"),
        ClientSeesAnswer(&kept),
        ClientSends("POST / HTTP/1.1\nHost: a\nContent-Length: 10000000\n\n12345"),
        ClientSeesAnswer(&closed),
        ClientSeesEnd(End::Eof),
    ];
    let counters = play_with(configured(lines), &acts);
    assert_eq!((counters.replies[1], counters.connects), (5, 0));
}

#[test]
fn failures_look_as_the_route_says() {
    let lines = r#"
errors = { 404 = { text = "nobody" }, 503 = { text = "later" }, 400 = { text = "what?" } }
[[listener.route]]
path = "/a"
backends = "app"
errors = { 504 = { text = "<p>slow", content_type = "text/html" } }
[listener.route.timeouts]
response = "200ms"
"#;
    let page = |status: &str, kind: &str, text: &str, close: &str| {
        format!("HTTP/1.1 {status}\nContent-Type: {kind}\nContent-Length: {}\n{close}\n{text}", text.len())
    };
    let plain = "text/plain; charset=utf-8";
    let nobody = page("404 Not Found", plain, "nobody", "");
    let slow = page("504 Gateway Timeout", "text/html", "<p>slow", "");
    let what = page("400 Bad Request", plain, "what?", "Connection: close\n");
    let acts = [
        ClientSends("GET /b HTTP/1.1\nHost: a\n\n"),
        ClientSeesAnswer(&nobody),
        ClientSends("POST /a HTTP/1.1\nHost: a\nContent-Length: 0\n\n"),
        OriginSees("POST /a HTTP/1.1\nHost: a\n[path]\nContent-Length: 0\n\n"),
        ClientSeesAnswer(&slow),
        ClientSends("GET /b HTTP/1.1\n\n"),
        ClientSeesAnswer(&what),
        ClientSeesEnd(End::Eof),
        OriginSeesEnd(End::Reset),
    ];
    play_with(configured(lines), &acts);
}

/// Curl sees in a redirect, an answer to an upload that waits for 100, and a HEAD what it has to.
#[test]
fn curl_understands_what_is_answered_here() {
    if testkit::curl().is_none() {
        return;
    }
    let lines = "[[listener.route]]\npath_prefix = \"/old\"\nredirect = \"http://{host_port}/new{path}\"\n\
                 [[listener.route]]\npath_prefix = \"/new\"\nrespond = { status = 201, text = \"there\" }";
    let stage = Stage::new(configured(lines));
    let run = |arguments: &[&str]| {
        let url = format!("http://{}/old/x?y=z", stage.address());
        let format = "%{http_code} %{num_redirects} %{num_connects} %{url_effective} ";
        let mut curl = testkit::curl().expect("it was there before");
        let shown = testkit::run_well(curl.args(["-L", "-w", format]).args(arguments).arg(&url));
        shown.replace(&stage.address().to_string(), "HERE")
    };
    assert_eq!(run(&[]), "there201 1 1 http://HERE/new/old/x?y=z ");
    let head = run(&["-I", "-o", "/dev/null"]);
    assert_eq!(head, "201 1 1 http://HERE/new/old/x?y=z ");
    let large = "x".repeat(100_000);
    let upload = run(&["-H", "Expect: 100-continue", "-d", &large]);
    assert!(upload.starts_with("there201 1 ") && upload.ends_with("http://HERE/new/old/x?y=z "), "{upload}");
    stage.end();
}
