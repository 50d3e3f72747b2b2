//! The ways our tester goes to nginx and HAProxy: where they lead it, by socket files, announced as many clients.

use crate::program::quintet;
use serde_json::Value;
use std::collections::BTreeSet;
use testkit::peers::{files, haproxy_that, nginx};
use testkit::{Folder, free_address, run};

const REQUESTS: u64 = 60;

fn report(arguments: &[&str]) -> Value {
    let mut command = quintet();
    let output = run(command.args(["stress", "-c", "3", "-n", &REQUESTS.to_string(), "--json", "-"]).args(arguments));
    let shown = String::from_utf8_lossy(&output.stdout);
    serde_json::from_str(&shown).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

#[track_caller]
fn good(arguments: &[&str]) -> Value {
    let report = report(arguments);
    assert_eq!(number(&report, "/requests/ok"), REQUESTS, "{arguments:?}: {report:#}");
    report
}

fn number(report: &Value, path: &str) -> u64 {
    report.pointer(path).and_then(Value::as_u64).unwrap_or_else(|| panic!("no number at {path}: {report:#}"))
}

/// Where nginx leads curl, it leads us: to the folder with its slash, with a cookie, to another host.
#[test]
fn nginx_leads_us_where_it_leads_curl() {
    let files = files();
    std::fs::create_dir(files.path().join("folder")).expect("a folder");
    files.write("folder/index.html", "in the folder");
    let other = Folder::new();
    other.write("small", "elsewhere");
    let Some(elsewhere) = nginx(&other, "") else { return };
    let settings = format!(
        "absolute_redirect off;\n\
         location = /login {{ add_header Set-Cookie 'id=1; Path=/'; return 303 /in; }}\n\
         location = /in {{ if ($cookie_id = 1) {{ return 204; }} return 403; }}\n\
         location = /away {{ return 302 {}; }}",
        elsewhere.url("/small")
    );
    let Some(nginx) = nginx(&files, &settings) else { return };
    let report = good(&["-L", "--expect-status", "200", "--expect-body", "folder", &nginx.url("/folder")]);
    assert_eq!(number(&report, "/redirects/followed"), REQUESTS, "{report:#}");
    let login = nginx.url("/login");
    let report = good(&["--follow", "--cookie-jar", "--expect-status", "204", "-d", "user=me", &login]);
    assert_eq!(number(&report, "/cookies_set"), REQUESTS, "{report:#}");
    let report = good(&["--expect-body", "elsewhere", "--", "curl", "-sL", &nginx.url("/away")]);
    assert_eq!(number(&report, "/redirects/elsewhere"), REQUESTS, "{report:#}");
    assert_eq!(number(&report, "/connections/opened"), 6, "three to each: {report:#}");
}

#[test]
fn a_socket_file_takes_no_ports() {
    let files = files();
    let path = files.path().join("nginx.sock");
    let path = path.to_str().expect("text");
    let Some(_nginx) = nginx(&files, &format!("listen unix:{path};")) else { return };
    for close in ["keep", "wait", "fin", "rst", "half"] {
        let report = good(&["--close", close, "--expect-body", "ssss", &format!("unix:{path}:/small")]);
        assert_eq!(report.pointer("/ports/consumed_per_1000_requests"), Some(&0.0.into()), "{close}: {report:#}");
        assert_eq!(report.pointer("/forecast/good"), Some(&true.into()), "{close}: {report:#}");
        assert_eq!(report.pointer("/plan/target"), Some(&format!("unix:{path}").into()), "{close}: {report:#}");
    }
    good(&["--", "curl", "--unix-socket", path, "http://anything/small"]);
}

/// The log of nginx tells who they are.
#[test]
fn nginx_and_haproxy_see_the_clients_that_are_announced() {
    let files = files();
    let (log, announced) = (files.path().join("clients.log"), free_address());
    let settings = format!(
        "listen {announced} proxy_protocol; set_real_ip_from 127.0.0.0/8; real_ip_header proxy_protocol;\n\
         location /who {{ access_log {} ; return 204; }}",
        log.display()
    );
    let Some(nginx) = nginx(&files, &settings) else { return };
    let clients = || -> BTreeSet<String> {
        let text = std::fs::read_to_string(&log).expect("a log");
        text.lines().filter_map(|line| line.split(' ').next()).map(str::to_owned).collect()
    };
    for version in ["v1", "v2"] {
        let url = format!("http://{announced}/who");
        let announce = ["--proxy-protocol", version, "--proxy-clients", "10.1.2.0/29,fd00::1"];
        good(&[&announce[..], &["--close", "wait", "--expect-status", "204", &url]].concat());
        assert_eq!(clients(), (1..7).map(|at| format!("10.1.2.{at}")).collect(), "{version}");
        std::fs::write(&log, "").expect("emptied");
    }
    let folder = Folder::new();
    let address = free_address();
    let config = format!(
        "defaults\n  mode http\n  timeout connect 5s\n  timeout client 20s\n  timeout server 20s\n\n\
         frontend web\n  bind {address} accept-proxy\n  http-request return status 200 content-type text/plain lf-string %[src]\n"
    );
    let Some(_haproxy) = haproxy_that(&folder, address, &config) else { return };
    let url = format!("http://{address}/");
    good(&["--expect-body", "10.9.8.7", "--", "curl", "--haproxy-protocol", "--haproxy-clientip", "10.9.8.7", &url]);
    good(&["--proxy-protocol", "v2", "--expect-body", "127.0.0.1", &url]);
    drop(nginx);
}
