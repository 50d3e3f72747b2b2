//! `quintet serve --explain`.

use crate::program::told;

fn explain(request: &str, field: &str) -> (Option<i32>, String, String) {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/routes.toml");
    told(&["serve", "--config", file, "--explain", request, "-H", field])
}

#[test]
fn the_route_that_is_taken_is_told_and_why_the_others_are_not() {
    let (code, told, error) = explain("GET http://www.example.org:8443/api/users?page=2", "X-Beta: 1");
    assert_eq!((code, error.as_str()), (Some(0), ""));
    for expect in [
        "listener \"web\" at 127.0.0.1:8443\n",
        "route \"beta\" [example.org,*.example.org /api/, header X-Beta there]: to backend set \"beta\", as /beta/users?page=2\n",
        "behind: \"api\" [example.org,*.example.org /api/] fits, too, but the one that is taken asks for more\n",
        "not \"health\" [* =/health, method GET or HEAD]: it is for other paths\n",
    ] {
        assert!(told.contains(expect), "{expect:?} in {told}");
    }
    let (_, told, _) = explain("GET http://a.example:8080/x?y", "X-Beta: 1");
    assert!(told.contains("redirected with 308 to https://a.example/x?y"), "{told}");
    let (code, told, _) = explain("http://a.example/", "X: 1");
    assert!(code == Some(0) && told.contains("redirected with 308"), "a URL alone is a GET: {told}");
    let (code, _, error) = explain("a.example/", "X: 1");
    assert!(code == Some(2) && error.contains("--explain") && error.contains("a method and a URL"), "{code:?} {error}");
}
