//! What our tester asks of nginx and HAProxy, and over which connections: as many requests as was said, HTTP/1.0, our FIN first,
//! who asks, forms, compressed responses, expectations, and ways round.

use crate::program::quintet;
use serde_json::Value;
use std::process::{Command, Output};
use testkit::peers::{files, haproxy, nginx};
use testkit::{Folder, run};

const REQUESTS: u64 = 120;

fn stress(arguments: &[&str]) -> Output {
    let mut command: Command = quintet();
    run(command.args(["stress", "-c", "4", "-n", &REQUESTS.to_string(), "--json", "-"]).args(arguments))
}

/// The report of a run, and whether it was as hoped.
fn report(arguments: &[&str]) -> (Value, bool) {
    let output = stress(arguments);
    let shown = String::from_utf8_lossy(&output.stdout);
    let report = serde_json::from_str(&shown).unwrap_or_else(|error| panic!("{error}: {output:?}"));
    (report, output.status.success())
}

fn good(arguments: &[&str]) -> Value {
    let (report, good) = report(arguments);
    assert!(good && number(&report, "/requests/ok") == REQUESTS, "{arguments:?}: {report:#}");
    report
}

fn number(report: &Value, path: &str) -> u64 {
    report.pointer(path).and_then(Value::as_u64).unwrap_or_else(|| panic!("no number at {path}: {report:#}"))
}

#[test]
fn nginx_sees_as_many_requests_on_a_connection_as_was_said() {
    let files = files();
    let Some(nginx) = nginx(&files, "keepalive_requests 1000000;") else { return };
    let url = nginx.url("/small");
    for version in [&[][..], &["--http1.0"]] {
        let report = good(&[&["--requests-per-connection", "10", &url], version].concat());
        let opened = number(&report, "/connections/opened");
        // Of four connections each may have had a last one with fewer.
        assert!((REQUESTS / 10..REQUESTS / 10 + 4).contains(&opened), "{version:?}: {report:#}");
        assert_eq!(number(&report, "/closed_first/our_fin") + number(&report, "/closed_first/server_fin"), opened);
        let kept = good(&[&[url.as_str()][..], version].concat());
        assert_eq!(number(&kept, "/connections/opened"), 4, "{version:?}: {kept:#}");
    }
    let some = good(&["--requests-per-connection", "2-8", "--close", "rst", &url]);
    assert_eq!(
        number(&some, "/connections/opened"),
        number(&some, "/closed_first/rst_sent") + number(&some, "/closed_first/our_fin")
    );
}

#[test]
fn who_asks_is_let_in_and_what_is_sent_arrives() {
    let folder = Folder::new();
    let users = folder.write("users", "me:{PLAIN}secret\n");
    let files = files();
    let settings = format!(
        "location /in {{ auth_basic x; auth_basic_user_file {}; alias {}/small; }}\n\
         location /cookie {{ if ($cookie_b = two) {{ return 204; }} return 403; }}\n\
         location /form {{ if ($content_type ~ \"^multipart/form-data; boundary=\") {{ return 204; }} return 400; }}\n\
         location /token {{ if ($http_authorization = \"Bearer t0ken\") {{ return 204; }} return 403; }}\n\
         location /gzip {{ gzip on; gzip_min_length 10; gzip_types *; alias {}/large; }}",
        users.display(),
        files.path().display(),
        files.path().display(),
    );
    let Some(nginx) = nginx(&files, &settings) else { return };
    good(&["-a", "me:secret", "--expect-status", "200", &nginx.url("/in")]);
    let (report, _) = self::report(&["-a", "me:other", "--expect-status", "2xx", &nginx.url("/in")]);
    assert_eq!(number(&report, "/errors/target.status"), REQUESTS, "{report:#}");
    assert_eq!(number(&report, "/unexpected_statuses/401"), REQUESTS, "{report:#}");
    good(&["--cookie", "a=1", "--cookie", "b=two", "--expect-status", "204", &nginx.url("/cookie")]);
    good(&["--bearer", "t0ken", "--expect-status", "204", &nginx.url("/token")]);
    let part = format!("f=@{}", files.path().join("small").display());
    good(&["-F", "a=1", "-F", &part, "--expect-status", "204", &nginx.url("/form")]);
    let report = good(&["--compressed", "--expect-header", "Content-Encoding: gzip", &nginx.url("/gzip")]);
    assert_eq!(number(&report, "/also_seen/compressed"), REQUESTS, "{report:#}");
    assert!(number(&report, "/body_bytes") < REQUESTS * 100_000, "{report:#}");
}

#[test]
fn a_name_nobody_knows_is_reached_by_three_ways() {
    let (files, folder) = (files(), Folder::new());
    let Some(nginx) = nginx(&files, "server_name app.invalid;") else { return };
    let Some(proxy) = haproxy(&folder, nginx.address) else { return };
    let (ip, port) = (nginx.address.ip(), nginx.address.port());
    let expect = ["--expect-status", "200", "--expect-body", "ssss"];
    let known = format!("app.invalid:{port}:{ip}");
    good(&[&expect[..], &["--resolve", &known, &format!("http://app.invalid:{port}/small")]].concat());
    let elsewhere = format!("app.invalid:80:{ip}:{port}");
    good(&[&expect[..], &["--connect-to", &elsewhere, "http://app.invalid/small"]].concat());
    good(&[&expect[..], &["-x", &format!("http://{}", proxy.address), "http://app.invalid/small"]].concat());
}
