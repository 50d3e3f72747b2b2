//! Which route a request goes by: tables, and the compiled routes held against each route asked by itself.

use balancer_core::router::{
    AmbiguousPath, Because, Condition, Conditions, HostPattern, Misfit, PathPattern, Pattern, Redirect, RedirectStatus,
    Rewrite, Route, Scratch, Standing, Unpassable, Wanted, shadows,
};
use balancer_core::{Action, RouteRules, Router};
use http::{Asked, Header, Method, RequestHead, Target, Template, Values};
use seed::Rng;
use testkit::{Replay, sweep};

/// A route in a line: hosts, paths (`=exact`, `/prefix`, `~pattern`), `METHOD`, `header:Name=value`, `query:name=value`.
fn asks(line: &str) -> Conditions {
    let mut asks = Conditions::default();
    let wanted = |text: Option<&str>| match text {
        None => Wanted::Present,
        Some("!") => Wanted::Absent,
        Some(value) => Wanted::OneOf(value.split('|').map(str::to_owned).collect()),
    };
    let named = |text: &str| match text.split_once('=') {
        Some((name, value)) => (name.to_owned(), wanted(Some(value))),
        None => (text.to_owned(), wanted(None)),
    };
    for word in line.split_whitespace() {
        if let Some(exact) = word.strip_prefix('=') {
            asks.paths.push(PathPattern::Exact(exact.to_owned()));
        } else if word.starts_with('/') {
            asks.paths.push(PathPattern::Prefix(word.to_owned()));
        } else if let Some(pattern) = word.strip_prefix('~') {
            asks.paths.push(PathPattern::Pattern(Pattern::parse(pattern).expect(pattern)));
        } else if let Some(field) = word.strip_prefix("header:") {
            let (name, wanted) = named(field);
            asks.further.push(Condition::Header(name, wanted));
        } else if let Some(parameter) = word.strip_prefix("query:") {
            let (name, wanted) = named(parameter);
            asks.further.push(Condition::Query(name, wanted));
        } else if word.chars().all(|letter| letter.is_ascii_uppercase() || letter == '|') {
            asks.further.push(Condition::Method(word.split('|').map(str::to_owned).collect()));
        } else {
            asks.hosts.push(HostPattern::parse(word).expect(word));
        }
    }
    asks
}

fn router(lines: &[&str]) -> Router {
    let route = |line: &&str| Route { conditions: asks(line), rules: RouteRules::new(line, Action::NotFound) };
    Router::new(lines.iter().map(route).collect(), RouteRules::new("otherwise", Action::NotFound))
}

/// `METHOD host target`, and fields as `Name: value`, apart by `|`.
fn with_head<T>(request: &str, then: impl FnOnce(&RequestHead<'_, '_>) -> T) -> T {
    let mut parts = request.split(" | ");
    let words: Vec<_> = parts.next().expect("a line").split(' ').collect();
    let [method_name, host, target] = words[..] else { panic!("three words: {request}") };
    let fields = parts.map(|field| field.split_once(": ").expect("a field"));
    let headers: Vec<_> = fields.map(|(name, value)| Header { name, value: value.as_bytes() }).collect();
    let method = if method_name == "OPTIONS" { Method::Options } else { Method::Get };
    let target = Target::parse(target, method).expect(target);
    let host = (host != "-").then_some(host.as_bytes());
    then(&RequestHead { method, method_name, target, host, headers: &headers, ..RequestHead::default() })
}

fn decide(router: &Router, request: &str) -> String {
    with_head(request, |head| {
        let facts = head.facts([192, 0, 2, 7].into(), false);
        match router.decide(&facts, head.headers, &mut Scratch::default()) {
            Ok(decision) => router.rules(decision.route).name.clone(),
            Err(_) => "ambiguous".to_owned(),
        }
    })
}

#[track_caller]
fn check(lines: &[&str], cases: &[(&str, &str)]) {
    let turned: Vec<_> = lines.iter().rev().copied().collect();
    for (request, expect) in cases {
        assert_eq!(decide(&router(lines), request), *expect, "{request}");
        assert_eq!(decide(&router(&turned), request), *expect, "{request}, whatever the order");
    }
}

#[test]
fn the_most_exact_host_comes_first() {
    let lines = ["example.org", "*.example.org", "*.a.example.org", "=/x", "[::1]", "192.0.2.1"];
    check(
        &lines,
        &[
            ("GET example.org /", "example.org"),
            ("GET EXAMPLE.org:8080 /", "example.org"),
            ("GET example.org.:80 /x", "example.org"),
            ("GET www.example.org /", "*.example.org"),
            ("GET a.b.example.org /", "*.example.org"),
            ("GET a.example.org /", "*.example.org"),
            ("GET b.a.Example.Org /", "*.a.example.org"),
            ("GET example.com /x", "=/x"),
            ("GET wwwexample.org /x", "=/x"),
            ("GET .example.org /", "otherwise"),
            ("GET example.com /y", "otherwise"),
            ("GET - /x", "=/x"),
            ("GET [::1]:80 /", "[::1]"),
            ("GET 192.0.2.1 /", "192.0.2.1"),
        ],
    );
}

/// The host stands above the path: what no path of the exact host fits is looked for further out.
/// Connections have no path, and none that is asked for; names are matched as hosts are.
#[test]
fn connections_go_by_the_name_they_ask_for() {
    let router = router(&["a.example", "*.example", "*.b.example", "c.example /"]);
    let check = |name: &str, expect: Option<&str>| {
        let decided = router.decide_name(name.as_bytes());
        assert_eq!(decided.map(|one| router.rules(one.route).name.as_str()), expect, "{name}");
    };
    check("a.example", Some("a.example"));
    check("A.Example.", Some("a.example"));
    check("x.a.example", Some("*.example"));
    check("x.y.b.example", Some("*.b.example"));
    check("c.example", Some("*.example"));
    check("example", None);
    assert!(Router::everything_to(0).decide_name(b"a.example").is_none());
}

#[test]
fn a_host_without_a_path_that_fits_leaves_it_to_others() {
    check(
        &["example.org /api", "*.org /", "=/health"],
        &[
            ("GET example.org /api/x", "example.org /api"),
            ("GET example.org /x", "*.org /"),
            ("GET example.com /health", "=/health"),
            ("GET example.org /health", "*.org /"),
        ],
    );
}

#[test]
fn the_most_exact_path_comes_first() {
    check(
        &["=/api", "~^/api/v[0-9]+/", "/api", "/api/", "/api/v1/users", "/", "GET"],
        &[
            ("GET a /api", "=/api"),
            ("GET a /api/", "/api/"),
            ("GET a /api/x", "/api/"),
            ("GET a /apix", "/"),
            ("GET a /api/v1/x", "~^/api/v[0-9]+/"),
            ("GET a /api/v1/users/7", "~^/api/v[0-9]+/"),
            ("GET a /api/v/users", "/api/"),
            ("GET a /", "/"),
            ("GET a /api?x=/api/v1/", "=/api"),
            ("GET a http://b", "/"),
        ],
    );
    check(&["/api", "=/api/"], &[("GET a /api", "/api"), ("GET a /api/", "=/api/"), ("GET a /api//", "=/api/")]);
    check(&["/a/b/c", "/a"], &[("GET a /a/b", "/a"), ("GET a /a/b/c/d", "/a/b/c"), ("GET a /a/b/cd", "/a")]);
    check(&["/", "GET|OPTIONS"], &[("OPTIONS a *", "GET|OPTIONS"), ("OPTIONS a /", "/")]);
}

#[test]
fn patterns_are_asked_in_the_order_of_the_file() {
    let lines = ["~[.]php$", "~^/static/", "~^/static/.*[.]php$"];
    assert_eq!(decide(&router(&lines), "GET a /static/x.php"), "~[.]php$");
    assert_eq!(decide(&router(&[lines[2], lines[0], lines[1]]), "GET a /static/x.php"), lines[2]);
    // As in ASCII: no table of Unicode is needed for a path.
    let ascii = [r"~(?i)[.]JPG$", r"~^/\d+/\w+$"];
    assert_eq!(decide(&router(&ascii), "GET a /x.jpg"), ascii[0]);
    assert_eq!(decide(&router(&ascii), "GET a /12/a_b"), ascii[1]);
    let many: Vec<String> = (0..20).map(|at| format!("~^/p{at}$")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    assert_eq!(decide(&router(&many), "GET a /p17"), "~^/p17$");
    assert_eq!(decide(&router(&many), "GET a /p20"), "otherwise");
}

#[test]
fn what_asks_for_more_comes_before_what_asks_for_less() {
    check(
        &[
            "/",
            "/ POST|PUT",
            "/ header:X-Beta",
            "/ header:x-beta=1 POST",
            "/ query:v=2|3 header:a=! query:debug",
            "/x query:q=a+b%26",
        ],
        &[
            ("GET a /", "/"),
            ("PUT a /", "/ POST|PUT"),
            ("GET a / | X-Beta: ", "/ header:X-Beta"),
            ("POST a / | x-BETA: 1", "/ header:x-beta=1 POST"),
            ("POST a / | x-BETA: 2 | X-Beta: 1", "/ header:x-beta=1 POST"),
            ("GET a /?v=2&debug", "/ query:v=2|3 header:a=! query:debug"),
            ("GET a /?debug=&v=3", "/ query:v=2|3 header:a=! query:debug"),
            ("GET a /?v=4&debug", "/"),
            ("GET a /?v=2&debug | A: x", "/"),
            ("GET a /?%76=%32&debug=1", "/ query:v=2|3 header:a=! query:debug"),
            ("get a /", "/"),
        ],
    );
}

#[test]
fn of_two_that_ask_for_as_much_the_first_one_is_taken() {
    let lines = ["/a header:x", "/a header:y"];
    assert_eq!(decide(&router(&lines), "GET a /a | X: 1 | Y: 1"), lines[0]);
    assert_eq!(decide(&router(&[lines[1], lines[0]]), "GET a /a | X: 1 | Y: 1"), lines[1]);
}

#[test]
fn a_route_is_not_got_around_by_how_a_path_is_written() {
    let lines = ["/admin", "/", "=/é"];
    for path in [
        "/admin",
        "//admin",
        "/%61dmin/x",
        "/x/../admin",
        "/./admin",
        "/x/%2e%2E/admin/y",
        "/admin;v=1",
        "/admin%2Fx",
        "/x/..//admin",
        "/%2Fadmin",
        "/../admin",
        "/admin/../x/../admin",
    ] {
        check(&lines, &[(&format!("GET a {path}"), "/admin")]);
    }
    for path in ["/x/..%2fadmin", "/x/..;/admin", "/x/..\\admin", "/x/%2e%2e%5cadmin", "/admin%00"] {
        check(&lines, &[(&format!("GET a {path}"), "ambiguous")]);
    }
    check(&lines, &[("GET a /admin/../x", "/"), ("GET a /ADMIN", "/"), ("GET a /%C3%A9", "=/é")]);
}

fn passed_on(rewrite: Rewrite, target: &str) -> String {
    try_passed_on(rewrite, target, b"a b").expect("a path")
}

fn try_passed_on(rewrite: Rewrite, target: &str, x: &[u8]) -> Result<String, Unpassable> {
    let rules = RouteRules { rewrite: Some(rewrite), ..RouteRules::new("", Action::NotFound) };
    let router = Router::only(rules);
    let target = Target::parse(target, Method::Get).expect(target);
    let asked = Asked { method: "GET", host: Some(b"a.example"), target, headers: &[Header { name: "X", value: x }] };
    let values = Values { asked: Some(asked), ..Values::default() };
    let mut scratch = Scratch::default();
    router.passed_on(0, target, &values, &mut scratch).map(|path| path.expect("rewritten").to_owned())
}

#[test]
fn prefixes_are_taken_away_and_replaced() {
    let of = || vec!["/api".to_owned(), "/api/v1/".to_owned()];
    let strip = |target: &str, expect: &str| {
        assert_eq!(passed_on(Rewrite::Prefix { of: of(), to: String::new() }, target), expect, "{target}");
    };
    strip("/api", "/");
    strip("/api/", "/");
    strip("/api/x/y?a=b?c", "/x/y?a=b?c");
    strip("/api?a", "/?a");
    strip("/api/v1/x", "/x");
    strip("/api//x", "/x");
    strip("/%61pi/%C3%A9/", "/%C3%A9/");
    strip("/api;v=1/x;y", "/x;y");
    strip("/api%2fx", "/x");
    strip("/x/../api/x", "/x");
    strip("/other", "/other");
    let replace = |to: &str, target: &str, expect: &str| {
        assert_eq!(passed_on(Rewrite::Prefix { of: of(), to: to.to_owned() }, target), expect, "{target} {to}");
    };
    replace("/v2", "/api", "/v2");
    replace("/v2", "/api/", "/v2/");
    replace("/v2", "/api/x?q", "/v2/x?q");
    replace("/v2/", "/api/x", "/v2/x");
    replace("/v2/", "/api", "/v2/");
}

#[test]
fn patterns_rewrite_what_they_find() {
    let check = |pattern: &str, to: &str, target: &str, expect: &str| {
        let pattern = Pattern::parse(pattern).expect("a pattern");
        let to = Template::parse_with_groups(to, Some(pattern.groups())).expect("a text");
        assert_eq!(passed_on(Rewrite::Pattern { pattern, to }, target), expect, "{target}");
    };
    check("^/v([0-9]+)/(.*)$", "/{2}/version-{1}", "/v7/a/b%2Fc?q=1", "/a/b%2Fc/version-7?q=1");
    check("^/old", "/new", "/old/x", "/new/x");
    check("^/old", "/new", "/other", "/other");
    check("x", "{host}", "/axb", "/aa.exampleb");
    check("^/(.*)", "{1}", "/a", "/a");
    check("^/a", "/{header:X}", "/a", "/a%20b");
    check("(a)|(b)", "[{1}{2}]", "/b", "/[b]");
}

/// What is put together could lead out of where a route leads.
#[test]
fn a_rewritten_path_holds_no_dot_segment() {
    let check = |to: &str, target: &str, x: &[u8], expect: Result<&str, Unpassable>| {
        let pattern = Pattern::parse("^/files(.*)$").expect("a pattern");
        let to = Template::parse_with_groups(to, Some(1)).expect("a text");
        let got = try_passed_on(Rewrite::Pattern { pattern, to }, target, x);
        assert_eq!(got, expect.map(str::to_owned), "{target}");
    };
    let refused = Err(Unpassable::Ambiguous(AmbiguousPath));
    check("/data{1}", "/files/a?../b", b"", Ok("/data/a?../b"));
    check("/data/{1}", "/files.txt", b"", Ok("/data/.txt"));
    for target in ["/files../secret", "/files%2e%2e/secret", "/files..%5csecret", "/files..;/x", "/files.."] {
        check("/data/{1}", target, b"", refused);
    }
    check("/data/{header:X}", "/files", b"../../admin", refused);
    check("/data/{header:X}", "/files", b"a#b", Ok("/data/a%23b"));
}

#[test]
fn dot_segments_are_not_passed_on_where_there_are_routes() {
    let routes = router(&["/a"]);
    let passed = |router: &Router, path: &str| {
        let (target, mut scratch) = (Target::parse(path, Method::Get).expect(path), Scratch::default());
        let passed = router.passed_on(0, target, &Values::default(), &mut scratch).expect("short");
        passed.map(str::to_owned)
    };
    assert_eq!(passed(&routes, "/a/b?../x"), None);
    assert_eq!(passed(&routes, "/a//%62;c?x"), None, "as it came");
    assert_eq!(passed(&routes, "/a/../b?../x").as_deref(), Some("/b?../x"));
    assert_eq!(passed(&Router::everything_to(0), "/a/../b"), None, "without routes nothing is touched");
}

#[test]
fn a_redirect_speaks_of_groups_as_they_stand_in_a_path() {
    let check = |pattern: &str, to: &str, target: &str, expect: &str| {
        let conditions = asks(&format!("~{pattern}"));
        let to = Template::parse_with_groups(to, Some(2)).expect("a text");
        let redirect = Redirect { status: RedirectStatus::Found, to, keep_query: true };
        let rules = RouteRules::new("", Action::Redirect(redirect));
        let router = Router::new(vec![Route { conditions, rules }], RouteRules::new("", Action::NotFound));
        let asked = Asked {
            method: "GET",
            host: Some(b"a"),
            target: Target::parse(target, Method::Get).expect(target),
            headers: &[],
        };
        let (values, mut out) = (Values { asked: Some(asked), ..Values::default() }, Vec::new());
        router.location(0, &values, &mut Scratch::default(), &mut out).expect("short");
        assert_eq!(String::from_utf8(out).expect("text"), expect, "{target}");
    };
    check("^/u/([^/]+)/(.*)$", "https://{1}.example/{2}", "/u/joe/a/b?q", "https://joe.example/a/b?q");
    check("^/(.*)$", "/new/{1}", "/%0d%0aX:%20y%3F", "/new/%0D%0AX:%20y%3F");
    check("^(.*)$", "{1}", "//evil.example", "/evil.example");
    // In a query a group is one value, whatever it holds; in a path these are characters like any other.
    check("^/go/(.*)$", "/x/{1}?to={1}&ok=1", "/go/a&b=c+d", "/x/a&b=c+d?to=a%26b%3Dc%2Bd&ok=1");
    check("^/go/(.*)$", "/x?to={1}", "/go/a%26admin=1%25", "/x?to=a%26admin%3D1%25");
}

#[test]
fn what_is_never_reached_is_found() {
    let check = |lines: &[&str], expect: &[(usize, usize)]| {
        let routes: Vec<_> = lines.iter().map(|line| asks(line)).collect();
        let found: Vec<_> = shadows(&routes).iter().map(|shadow| (shadow.route, shadow.by)).collect();
        assert_eq!(found, expect, "{lines:?}");
    };
    check(&["/a", "/b", "a.example /a", "=/a", "~^/a", "GET"], &[]);
    check(&["/a", "/b", "/a"], &[(2, 0)]);
    check(&["a.example b.example /a", "c.example b.example /a"], &[(1, 0)]);
    check(&["/a GET|POST", "/a GET", "/a DELETE"], &[(1, 0)]);
    check(&["/a GET", "/a GET|POST"], &[]);
    check(&["/a header:x=1", "/a header:X"], &[]);
    check(&["/a header:x", "/a header:X=1"], &[(1, 0)]);
    check(&["/a header:x=1", "/a header:x query:y", "/a header:x=1 query:y=1"], &[(2, 1)]);
    check(&["~^/", "/a", "=/a", "GET", "a.example /a"], &[(1, 0), (3, 0)]);
    check(&["/a", "~.*"], &[(0, 1)]);
    check(&["~^/a", "~^/a GET"], &[(1, 0)]);
    check(&["~^/a GET", "~^/a"], &[]);
    check(&["/a /a"], &[(0, 0)]);
    check(&["a.example /a /b"], &[]);
}

#[test]
fn why_a_route_is_taken_is_told() {
    let routes = router(&["a.example /", "b.example /", "/x", "GET", "/ POST", "a.example", "a.example / header:x"]);
    with_head("GET a.example /x | X: 1", |head| {
        let facts = head.facts([192, 0, 2, 7].into(), false);
        let told = routes.explain(&facts, head.headers, &mut Scratch::default()).expect("clear");
        let post = Condition::Method(vec!["POST".to_owned()]);
        let expect = [
            Standing::Behind(Because::Further),
            Standing::Misfit(Misfit::Host),
            Standing::Behind(Because::Host),
            Standing::Behind(Because::Host),
            Standing::Misfit(Misfit::Further(post)),
            Standing::Behind(Because::Path),
            Standing::Taken,
        ];
        assert_eq!(told, expect);
    });
}

const HOSTS: [&str; 8] =
    ["a.example", "b.example", "*.example", "*.a.example", "*.b.a.example", "example", "c.a.example", ""];
const PATHS: [&str; 14] =
    ["=/", "=/a", "=/a/", "=/a/b", "/", "/a", "/a/", "/a/b", "/a/b/c", "/b", "~^/a", "~b$", "~c", ""];
const FURTHER: [&str; 8] =
    ["GET", "POST|GET", "header:x", "header:x=1", "header:x=!", "query:q", "query:q=1", "query:q=!"];

/// The compiled routes and each route asked by itself come to the same.
#[test]
fn the_compiled_routes_decide_as_each_by_itself() {
    let test = "the_compiled_routes_decide_as_each_by_itself";
    sweep(Replay { package: "balancer-core", target: "--test decisions", test }, 300, |seed| {
        let mut rng = Rng::new(seed);
        let lines: Vec<String> = (0..rng.index(30)).map(|_| draw_route(&mut rng)).collect();
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        let router = router(&lines);
        (0..50).try_for_each(|_| {
            let request = draw_request(&mut rng);
            let agree = with_head(&request, |head| decides_as_explained(&router, head));
            agree.then_some(()).ok_or_else(|| format!("{request} among {lines:#?}"))
        })
    });
}

fn decides_as_explained(router: &Router, head: &RequestHead<'_, '_>) -> bool {
    let (facts, mut scratch) = (head.facts([192, 0, 2, 7].into(), false), Scratch::default());
    let decision = router.decide(&facts, head.headers, &mut scratch).expect("clear");
    let told = router.explain(&facts, head.headers, &mut scratch).expect("clear");
    let taken = told.iter().position(|standing| *standing == Standing::Taken);
    decision.route as usize == taken.unwrap_or(told.len())
}

fn draw_route(rng: &mut Rng) -> String {
    let mut words =
        |from: &[&'static str]| -> Vec<&'static str> { (0..rng.index(3)).map(|_| *rng.pick(from)).collect() };
    [words(&HOSTS), words(&PATHS), words(&FURTHER)].concat().join(" ")
}

fn draw_request(rng: &mut Rng) -> String {
    let host = *rng.pick(&[
        "a.example",
        "b.example:80",
        "c.a.example",
        "d.b.a.example",
        "x.example.",
        ".a.example",
        "example",
        "other",
        "-",
    ]);
    let segments: String = (0..rng.index(4)).map(|_| *rng.pick(&["/a", "/b", "/c", "/", "/%61", "/x/.."])).collect();
    let path = if segments.is_empty() { "/".to_owned() } else { segments };
    let query = *rng.pick(&["", "?q", "?q=1", "?x=2&q=%31"]);
    let field = *rng.pick(&["", " | X: 1", " | x: 2"]);
    format!("{} {host} {path}{query}{field}", rng.pick(&["GET", "POST", "PUT"]))
}
