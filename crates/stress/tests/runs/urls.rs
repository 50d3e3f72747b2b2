//! Files of requests: what each format comes to, and where a mistake is.

use std::time::Duration;
use stress::{UrlList, parse_urls};

fn here(test: &'static str) -> testkit::Replay {
    testkit::Replay { package: "stress", target: "--test runs", test }
}

fn body_of(path: &str) -> Result<Vec<u8>, String> {
    if path == "body.json" { Ok(b"{}".to_vec()) } else { Err("no such file".to_owned()) }
}

fn list(text: &str) -> UrlList {
    parse_urls("file", text.as_bytes(), &body_of).unwrap_or_else(|why| panic!("{text}: {why}"))
}

/// Method, path, fields and body of each, in short.
fn told(list: &UrlList) -> Vec<String> {
    let one = |one: &stress_core::RequestDraft| {
        let method = one.method.as_deref().unwrap_or("-");
        format!("{method} {} [{}] {}", one.target, one.headers.join("; "), String::from_utf8_lossy(&one.body))
            .trim_end()
            .to_owned()
    };
    list.requests.iter().map(one).collect()
}

#[track_caller]
fn mistakes(text: &str, words: &[&str]) {
    let why = parse_urls("file", text.as_bytes(), &body_of).expect_err("it is wrong").to_string();
    words.iter().for_each(|word| assert!(why.contains(word), "{word:?} is missing: {why}"));
}

#[test]
fn lines_are_urls_with_or_without_a_method() {
    let list = list(
        "\u{feff}http://a:81/x?y#z\r\n# a comment\n\nPOST http://A:81/cart\n/only/a/path\nDELETE /{{counter}} b\n",
    );
    assert_eq!(told(&list), ["- /x?y []", "POST /cart []", "- /only/a/path []", "DELETE /{{counter}} b []"]);
    assert_eq!((list.origin.as_deref(), list.times.len()), (Some("http://a:81"), 0));
}

#[test]
fn targets_of_vegeta_have_fields_and_bodies() {
    let list = list(
        "GET http://a/\nX-A: 1\nX-B: http://b/\n\nPOST http://a/cart\nContent-Type: application/json\n@body.json\n",
    );
    assert_eq!(told(&list), ["GET / [X-A: 1; X-B: http://b/]", "POST /cart [Content-Type: application/json] {}"]);
}

#[test]
fn mistakes_in_lines_have_their_places() {
    mistakes("http://a/\nexample.org\n", &["this line is no request", "file:2:1", "METHOD URL"]);
    mistakes("http://a/\nftp://a/\n", &["this line is no request", "file:2:1"]);
    mistakes("http://a/\nPUT http://b:8/\nhttp://c/", &["another host than a", "file:2:1", "file:3:1", "2 mistakes"]);
    mistakes("X-A: 1\nhttp://a/\n", &["belongs to no request", "file:1:1"]);
    mistakes("http://a/\n\n@body.json", &["belongs to no request", "file:3:1"]);
    mistakes("http://a/\n@gone\n", &["the body \"gone\": no such file"]);
    mistakes("", &["there is no request in this file"]);
    mistakes("# nothing\n", &["there is no request in this file"]);
}

const HAR: &str = r#"{"log": {"version": "1.2", "entries": [
  {"startedDateTime": "2026-05-01T10:00:00.500Z", "request": {"method": "POST", "url": "https://shop.example/cart",
    "headers": [{"name": ":authority", "value": "shop.example"}, {"name": "Content-Length", "value": "9"},
                {"name": "X-A", "value": "1"}], "postData": {"mimeType": "text/plain", "text": "{{plain}}"}}},
  {"startedDateTime": "2026-05-01T12:00:00+02:00", "request": {"method": "GET", "url": "https://shop.example/", "headers": []}},
  {"startedDateTime": "2026-05-01T10:00:01Z", "request": {"method": "GET", "url": "https://cdn.example/x.js", "headers": []}},
  {"startedDateTime": "2026-05-01T10:00:02Z", "request": {"method": "GET", "url": "data:image/png,x", "headers": []}},
  {"startedDateTime": "2026-05-01T10:00:03Z", "request": {"method": "PUT", "url": "https://shop.example/form", "headers": [],
    "postData": {"mimeType": "x", "params": [{"name": "a", "value": "1"}, {"name": "b", "value": "2"}]}}}
]}}"#;

#[test]
fn a_har_file_is_a_record_of_one_host_in_the_order_of_time() {
    let list = list(HAR);
    assert_eq!(told(&list), ["GET / []", "POST /cart [X-A: 1] {{\"{{\"}}plain}}", "PUT /form [] a=1&b=2"]);
    assert_eq!(list.times, [0, 500, 3000].map(Duration::from_millis));
    assert_eq!(list.origin.as_deref(), Some("https://shop.example"));
    let notes = list.notes.join("\n");
    assert!(notes.contains("1 request left out: to other hosts than shop.example (cdn.example)"), "{notes}");
    assert!(notes.contains("1 request left out: not http or https"), "{notes}");
    mistakes("{\"log\": 5}", &["no HAR file"]);
    mistakes("{\"log\": \n  [}", &["this is not JSON", "file:2:"]);
}

#[test]
fn an_access_log_is_played_with_its_fields_and_spread_within_seconds() {
    let list = list(
        "1.2.3.4 - - [10/Oct/2000:13:55:37 -0700] \"POST /b HTTP/1.1\" 200 5\n\
         1.2.3.4 - me [10/Oct/2000:13:55:36 -0700] \"GET /a?x=%20 HTTP/1.1\" 200 5 \"http://r/\" \"Mozilla \\\"5\\\"\"\n\
         ::1 - - [10/Oct/2000:13:55:37 -0700] \"GET /c HTTP/2.0\" 404 - \"-\" \"-\"\n\
         1.2.3.4 - - [10/Oct/2000:13:55:38 -0700] \"\\x16\\x03\\x01\" 400 0\n\
         1.2.3.4 - - [10/Oct/2000:13:55:38 -0700] \"-\" 408 0\n\
         cut off\n",
    );
    assert_eq!(
        told(&list),
        ["GET /a?x=%20 [Referer: http://r/; User-Agent: Mozilla \"5\"]", "POST /b []", "GET /c []"]
    );
    assert_eq!(list.times, [0, 1000, 1500].map(Duration::from_millis));
    assert_eq!(list.origin, None);
    assert_eq!(list.notes.len(), 2, "{:?}", list.notes);
    assert!(
        list.notes.iter().any(|note| note == "2 requests left out: what was asked for is no HTTP request"),
        "{:?}",
        list.notes
    );
}

/// Whatever bytes there are: an answer, and every place within the text.
#[test]
fn any_bytes_are_read_or_refused() {
    let good = [
        HAR,
        "GET http://a/\nX: 1\n@body.json\n",
        "h - - [10/Oct/2000:13:55:36 -0700] \"GET /\\x41\\\" HTTP/1.1\" 200 5 \"a\" \"b\"\n",
    ];
    testkit::sweep(here("any_bytes_are_read_or_refused"), 300, |seed| -> Result<(), String> {
        let mut rng = seed::Rng::new(seed);
        let mut bytes = rng.pick(&good).as_bytes().to_vec();
        for _ in 0..1 + rng.index(8) {
            let at = rng.index(bytes.len());
            match rng.index(3) {
                0 => bytes[at] = rng.next_u64() as u8,
                1 => bytes.truncate(at.max(1)),
                _ => bytes.insert(at, *rng.pick(b"\n\"\\[]{}@: \r")),
            }
        }
        if let Err(why) = parse_urls("file", &bytes, &body_of) {
            assert!(!why.to_string().is_empty());
        }
        Ok(())
    });
}
