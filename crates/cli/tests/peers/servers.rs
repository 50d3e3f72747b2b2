//! Other people's servers and balancers around ours.

use crate::program::{balancer, balancer_that_tells, haproxy_that_is_told, haproxy_that_tells, origin, serve};
use crate::secured::{certificate, listener_that_speaks};
use testkit::peers::{self, files, haproxy};
use testkit::{Folder, Server, curl, free_address, run_well};

/// nginx that never ends a connection after so many requests, and takes bodies at `/upload`.
pub(crate) fn nginx(files: &Folder) -> Option<Server> {
    let settings = "keepalive_requests 1000000; client_max_body_size 20m; location /upload { return 200 taken; }";
    peers::nginx(files, settings)
}

/// What curl gets at this URL: status and length of the body.
pub(crate) fn status_and_length(url: &str, arguments: &[&str]) -> Option<String> {
    let mut command = curl()?;
    command.args(["--output", "/dev/null", "--write-out", "%{http_code} %{size_download}"]);
    Some(run_well(command.args(arguments).arg(url)))
}

/// A path behind a balancer must give just these many bytes with this status; where there is no curl, it is not asked.
fn check(url: &str, arguments: &[&str], shown: &str) {
    let Some(got) = status_and_length(url, arguments) else { return };
    assert_eq!(got, shown, "{url} {arguments:?}");
}

#[test]
fn nginx_serves_behind_the_balancer() {
    let (files, folder) = (files(), Folder::new());
    let Some(nginx) = nginx(&files) else { return };
    let upload = format!("@{}", folder.write("upload", vec![b'u'; 3_000_000]).display());
    let balancer = balancer(&folder, &[nginx.address]);
    for (path, arguments, shown) in [
        ("/small", &[][..], "200 100"),
        ("/large", &[], "200 1000000"),
        ("/large", &["--http1.0"], "200 1000000"),
        ("/large", &["--range", "10-19"], "206 10"),
        ("/large", &["--head"], "200 0"),
        ("/missing/", &["--head"], "404 0"),
        ("/upload", &["--data-binary", &upload], "200 5"),
        ("/upload", &["--data-binary", &upload, "--header", "Transfer-Encoding: chunked"], "200 5"),
        ("/upload", &["--data-binary", &upload, "--header", "Expect: 100-continue"], "200 5"),
    ] {
        check(&balancer.url(path), arguments, shown);
    }
}

/// HAProxy sees the client's own address and port, whichever header tells it, and whatever is spoken.
#[test]
fn haproxy_is_told_who_the_client_is() {
    let (plain, sealed) = (Folder::new(), Folder::new());
    certificate(&sealed);
    let both = ["app.pem", "app.key"].map(|name| std::fs::read_to_string(sealed.path().join(name)).expect("written"));
    let both = sealed.write("both.pem", both.concat());
    let ssl = format!("ssl crt {}", both.display());
    let Some(server) = haproxy_that_is_told(&plain, "") else { return };
    let Some(secured) = haproxy_that_is_told(&sealed, &ssl) else { return };
    let tls = "[backend_set.tls]\nverify = false";
    let all = [(&server, ""), (&secured, tls)].map(|server| ["http", "tcp"].map(|protocol| (server, protocol)));
    let all =
        all.concat().into_iter().flat_map(|(server, protocol)| ["v1", "v2"].map(|header| (server, protocol, header)));
    for ((server, tls), protocol, header) in all {
        let folder = Folder::new();
        let set = format!("proxy_protocol = \"{header}\"\n{tls}");
        let balancer = balancer_that_tells(&folder, server.address, protocol, &set);
        let Some(mut command) = curl() else { return };
        let shown = run_well(command.args(["--write-out", " %{local_ip}:%{local_port}"]).arg(balancer.url("/")));
        let (told, is) = shown.split_once(' ').unwrap_or_default();
        assert!(told == is && told.starts_with("127.0.0.1:"), "{protocol} {header} {tls}: {shown}");
    }
}

/// HAProxy in front says whose connection it is, we say so to another one behind us, and that one answers with the address and
/// port of the client itself: whatever is spoken, by either version.
#[test]
fn haproxy_tells_who_the_client_is() {
    let behind = Folder::new();
    let Some(server) = haproxy_that_is_told(&behind, "") else { return };
    let set = format!("[[backend_set]]\nname = \"app\"\nservers = [\"{}\"]\nproxy_protocol = \"v2\"\n", server.address);
    let trust = "proxy_protocol = true\ntrusted_proxies = [\"127.0.0.1\"]\n";
    let all = ["http", "https", "tcp"].map(|protocol| ["send-proxy", "send-proxy-v2"].map(|how| (protocol, how)));
    for (protocol, how) in all.concat() {
        let (folder, front, address) = (Folder::new(), Folder::new(), free_address());
        certificate(&folder);
        let listener = listener_that_speaks(&folder, protocol, address, trust);
        let balancer = serve(&folder, address, &format!("{listener}\n{set}"));
        let Some(before) = haproxy_that_tells(&front, balancer.address, how) else { return };
        let Some(mut command) = curl() else { return };
        // From an address that is no proxy's: nobody could get in with it.
        command.args(["--insecure", "--interface", "127.0.0.5", "--write-out", " %{local_ip}:%{local_port}"]);
        let scheme = if protocol == "https" { "https" } else { "http" };
        let shown = run_well(command.arg(format!("{scheme}://{}/", before.address)));
        let (told, is) = shown.split_once(' ').unwrap_or_default();
        assert!(told == is && told.starts_with("127.0.0.5:"), "{protocol} {how}: {shown}");
    }
}

#[test]
fn haproxy_stands_before_and_behind() {
    let (folder, outer) = (Folder::new(), Folder::new());
    let origin = origin();
    let Some(behind) = haproxy(&folder, origin.address) else { return };
    let balancer = balancer(&folder, &[behind.address]);
    let Some(before) = haproxy(&outer, balancer.address) else { return };
    let upload = format!("@{}", folder.write("upload", vec![b'u'; 3_000_000]).display());
    for (path, arguments, shown) in [
        ("/bytes/1000", &[][..], "200 1000"),
        ("/bytes/3000000", &[], "200 3000000"),
        ("/chunked/3000000", &[], "200 3000000"),
        ("/chunked/3000000", &["--http1.0"], "200 3000000"),
        ("/status/204", &[], "204 0"),
        // HAProxy 2.6.12 stalls by itself where 100 and the final head come in one segment: no Expect.
        ("/echo", &["--data-binary", &upload, "--header", "Expect:"], "200 3000000"),
        (
            "/echo",
            &["--data-binary", &upload, "--header", "Expect:", "--header", "Transfer-Encoding: chunked"],
            "200 3000000",
        ),
        ("/bytes/1000", &["--header", "Connection: close"], "200 1000"),
    ] {
        check(&before.url(path), arguments, shown);
    }
}
