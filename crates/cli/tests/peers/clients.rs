//! Other people's clients in front of our balancer and our origin.

use crate::program::{balancer, balancer_that, origin};
use crate::servers::nginx;
use std::process::Command;
use testkit::peers::files;
use testkit::{Folder, Server, curl, installed, run_well};

/// Our balancer over two of our origins.
struct House {
    folder: Folder,
    balancer: Server,
    _origins: [Server; 2],
}

impl House {
    fn new() -> Self {
        Self::that_closes("balancer-first")
    }

    fn that_closes(close: &str) -> Self {
        let folder = Folder::new();
        let origins = [origin(), origin()];
        let balancer = balancer_that(&folder, &[origins[0].address, origins[1].address], close);
        Self { folder, balancer, _origins: origins }
    }
}

/// Runs curl on a path; the body, then what `-w` shows.
fn curls(house: &House, arguments: &[&str], path: &str, shows: &str) -> Option<(Vec<u8>, String)> {
    let (mut command, body) = (curl()?, house.folder.path().join("body"));
    command.args(["--write-out", shows, "--output"]).arg(&body).args(arguments).arg(house.balancer.url(path));
    let shown = run_well(&mut command);
    let content = std::fs::read(&body).unwrap_or_default();
    let _absent_without_a_body = std::fs::remove_file(&body);
    Some((content, shown))
}

#[test]
fn curl_gets_what_it_asks_for() {
    let house = House::new();
    for (arguments, path, len, shown) in [
        (&[][..], "/bytes/1000", 1000, "200 1.1"),
        (&[], "/bytes/5000000", 5_000_000, "200 1.1"),
        (&[], "/chunked/300000", 300_000, "200 1.1"),
        (&[], "/status/404", 0, "404 1.1"),
        (&[], "/status/204", 0, "204 1.1"),
        (&["--http1.0"], "/bytes/1000", 1000, "200 1.1"),
        (&["--http1.0"], "/chunked/300000", 300_000, "200 1.1"),
        (&["--header", "Connection: close"], "/bytes/1000", 1000, "200 1.1"),
    ] {
        let Some((body, seen)) = curls(&house, arguments, path, "%{http_code} %{http_version}") else { return };
        assert_eq!(seen, shown, "{arguments:?} {path}");
        assert!(body.len() == len || path.starts_with("/status"), "{arguments:?} {path}: {} bytes", body.len());
    }
}

#[test]
fn curl_sees_heads_only_with_head() {
    let house = House::new();
    let Some((head, _)) = curls(&house, &["--head"], "/bytes/1000", "") else { return };
    let head = String::from_utf8_lossy(&head).to_lowercase();
    assert!(head.contains("content-length: 1000\r\n") && head.ends_with("\r\n\r\n"), "{head}");
}

#[test]
fn curl_gets_its_uploads_back() {
    let house = House::new();
    let upload: Vec<u8> = (0..5_000_000_u32).map(|place| (place % 251) as u8).collect();
    let file = house.folder.write("upload", &upload);
    let data = format!("@{}", file.display());
    for more in [
        &[][..],
        &["--header", "Transfer-Encoding: chunked"],
        &["--header", "Expect: 100-continue", "--expect100-timeout", "2"],
        &["--header", "Expect:"],
        &["--request", "PUT"],
        &["--http1.0"],
    ] {
        let arguments = [&["--data-binary", &data][..], more].concat();
        let Some((body, seen)) = curls(&house, &arguments, "/echo", "%{http_code}") else { return };
        assert_eq!(seen, "200", "{more:?}");
        assert!(body == upload, "{more:?}: {} bytes came back, not those sent", body.len());
    }
}

#[test]
fn curl_uses_its_connection_again() {
    let house = House::new();
    let second = house.balancer.url("/bytes/20");
    let arguments = ["--output", "/dev/null", &second];
    let Some((_, shown)) = curls(&house, &arguments, "/bytes/10", "%{num_connects} ") else { return };
    assert_eq!(shown, "1 0 ", "connections opened for each of two requests");
}

/// Complete requests and none that failed, in the words of ab.
fn check_ab(arguments: &[&str], close: &str) {
    let Some(program) = installed("ab") else { return };
    let house = House::that_closes(close);
    let shown = run_well(
        Command::new(program).args(["-n", "2000", "-c", "8"]).args(arguments).arg(house.balancer.url("/bytes/100")),
    );
    let number = |name: &str| {
        let line = shown.lines().find_map(|line| line.strip_prefix(name));
        line.and_then(|rest| rest.trim().parse::<u64>().ok())
    };
    assert_eq!((number("Complete requests:"), number("Failed requests:")), (Some(2000), Some(0)), "{shown}");
    assert!(!shown.contains("Non-2xx"), "{shown}");
    let kept = arguments.contains(&"-k").then_some(2000);
    assert_eq!(number("Keep-Alive requests:"), kept, "{shown}");
}

#[test]
fn ab_sees_no_failure() {
    // It reads to the end of the connection: a reset is a failure to it, and it never closes first.
    for close in ["balancer-first", "client-first", "reset-when-safe"] {
        check_ab(&[], close);
        check_ab(&["-k"], close);
    }
}

fn check_wrk(arguments: &[&str], servers: Servers) {
    let Some(program) = installed("wrk") else { return };
    let (files, folder) = (files(), Folder::new());
    let (behind, path) = match servers {
        Servers::Ours => (Some(origin()), "/bytes/100"),
        Servers::Nginx => (nginx(&files), "/small"),
    };
    let Some(behind) = behind else { return };
    let balancer = balancer(&folder, &[behind.address]);
    let shown = run_well(Command::new(program).args(["-t1", "-c8", "-d1s"]).args(arguments).arg(balancer.url(path)));
    assert!(!shown.contains("Socket errors") && !shown.contains("Non-2xx"), "{shown}");
    let requests = shown.lines().find_map(|line| line.split_once(" requests in ")).map(|(count, _)| count.trim());
    assert!(requests.and_then(|count| count.parse::<u64>().ok()).is_some_and(|count| count > 0), "{shown}");
}

enum Servers {
    Ours,
    Nginx,
}

#[test]
fn wrk_sees_no_error() {
    check_wrk(&[], Servers::Ours);
    check_wrk(&["-H", "Connection: close"], Servers::Ours);
    check_wrk(&[], Servers::Nginx);
    check_wrk(&["-H", "Connection: close"], Servers::Nginx);
}
