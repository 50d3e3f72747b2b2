//! The admin listener of a running balancer, as programs and people ask it.

mod browser;
mod house;
mod operations;
mod page;
mod schema;

use balancer::Config;
use balancer_core::ServerOrder;
use house::{House, exchange, get};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::process::Stdio;
use testkit::{PATIENCE, eventually};

/// The value of the one line that begins like this.
fn value(text: &str, begins: &str) -> f64 {
    let lines: Vec<_> =
        text.lines().filter(|line| line.rsplit_once(' ').is_some_and(|(name, _)| name == begins)).collect();
    let [line] = lines[..] else { panic!("{} lines of {begins:?} in\n{text}", lines.len()) };
    line.rsplit_once(' ').and_then(|(_, value)| value.parse().ok()).unwrap_or_else(|| panic!("{line}"))
}

#[test]
fn what_clients_saw_is_what_metrics_tell() {
    let house = House::new("bind = \"127.0.0.1:0\"");
    let statuses: Vec<u16> =
        (0..20).map(|number| house.client_asks(if number % 4 == 0 { "/no" } else { "/" })).collect();
    let count = |status| statuses.iter().filter(|seen| **seen == status).count() as f64;
    assert_eq!((count(200), count(403)), (15.0, 5.0));
    let (status, text) = house.asks(&get("/metrics"));
    assert_eq!(status, 200);
    for (name, expect) in [
        ("quintet_requests_total{listener=\"web\"}", 20.0),
        ("quintet_responses_total{listener=\"web\"}", 15.0),
        ("quintet_statuses_total{listener=\"web\",class=\"2xx\"}", 15.0),
        ("quintet_clients_accepted_total{listener=\"web\"}", 20.0),
        ("quintet_clients_open{listener=\"web\"}", 0.0),
        ("quintet_routes_replies_total{listener=\"web\",route=\"no\"}", 5.0),
        ("quintet_servers_queued_for_port_total{backend_set=\"app\"}", 0.0),
    ] {
        assert_eq!(value(&text, name), expect, "{name} in\n{text}");
    }
    let server = format!("{{backend_set=\"app\",server=\"{}\"}}", house.origin.address());
    let used = ["quintet_servers_opened_total", "quintet_servers_reused_total"]
        .map(|name| value(&text, &format!("{name}{server}")));
    assert_eq!(used.iter().sum::<f64>(), 15.0);
    assert_eq!(value(&text, &format!("quintet_server_up{server}")), 1.0);
    assert!(value(&text, "process_resident_memory_bytes") > 1e6);
    assert!(text.ends_with("# EOF\n"), "{text}");
}

/// A real parser finds the same sums: every family, and of each histogram as many as there were requests.
const READER: &str = "
import sys
from prometheus_client.openmetrics.parser import text_string_to_metric_families
for family in text_string_to_metric_families(sys.stdin.read()):
    for sample in family.samples:
        print(family.name, family.type, sample.name, sorted(sample.labels.items()), sample.value, sep='|')
";

/// What Python's reader of OpenMetrics makes of a text: `QUINTET_PYTHON` is a Python that has `prometheus_client`.
fn read_by_python(text: &str) -> Option<Vec<String>> {
    let python = std::env::var("QUINTET_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let run = |program: &str| {
        let command = std::process::Command::new(&python)
            .args(["-c", program])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn();
        let mut child = command.ok()?;
        child.stdin.take()?.write_all(text.as_bytes()).ok()?;
        let output = child.wait_with_output().ok()?;
        Some((output.status.success(), String::from_utf8(output.stdout).ok()?))
    };
    if !run("import sys, prometheus_client; sys.stdin.read()").is_some_and(|(good, _)| good) {
        testkit::skip(format!(
            "{python} has no prometheus_client (pip install prometheus_client; QUINTET_PYTHON names another)"
        ));
        return None;
    }
    let (good, lines) = run(READER).expect("it ran a moment ago");
    assert!(good, "no OpenMetrics:\n{text}");
    Some(lines.lines().map(str::to_owned).collect())
}

#[test]
fn a_real_parser_reads_sums_that_clients_saw() {
    let house = House::new("bind = \"127.0.0.1:0\"");
    let bodies: Vec<usize> =
        (0..12).map(|number| house.client_reads(if number % 3 == 0 { "/no" } else { "/bytes/1000" })).collect();
    let (_, text) = house.asks(&get("/metrics"));
    let Some(lines) = read_by_python(&text) else { return };
    let value = |begins: &str| -> f64 {
        let found: Vec<_> = lines.iter().filter(|line| line.starts_with(begins)).collect();
        let [line] = found[..] else { panic!("{} lines of {begins:?} in {lines:#?}", found.len()) };
        line.rsplit('|').next().and_then(|value| value.parse().ok()).expect("a number")
    };
    let count = "quintet_request_seconds|histogram|quintet_request_seconds_count|";
    assert_eq!(value(&format!("{count}[('listener', 'web'), ('route', 'no')]")), 4.0);
    let all = lines.iter().filter(|line| line.starts_with(count));
    let all: f64 = all.filter_map(|line| line.rsplit('|').next()?.parse::<f64>().ok()).sum();
    assert_eq!((all, value("quintet_requests|counter|quintet_requests_total|")), (12.0, 12.0));
    for (family, expect) in [("quintet_first_byte_seconds", 8.0), ("quintet_connect_seconds", 1.0)] {
        let count = value(&format!("{family}|histogram|{family}_count|[('backend_set', 'app')]"));
        assert!(count >= expect && count <= 8.0, "{family}: {count}");
        let infinite = value(&format!("{family}|histogram|{family}_bucket|[('backend_set', 'app'), ('le', '+Inf')]"));
        assert_eq!(infinite, count, "{family}");
    }
    let sent = value("quintet_bytes_out|counter|quintet_bytes_out_total|");
    assert_eq!(
        (sent, value("quintet_servers_bytes_received|counter|quintet_servers_bytes_received_total|")),
        (bodies.iter().sum::<usize>() as f64, 8000.0)
    );
}

#[test]
fn everything_at_once_and_as_it_goes_on() {
    let house = House::new("bind = \"127.0.0.1:0\"");
    assert_eq!(house.client_asks("/no"), 403);
    let check = |state: &str| {
        let state: serde_json::Value = serde_json::from_str(state).expect("JSON");
        let (listener, set) = (&state["listeners"][0], &state["backend_sets"][0]);
        assert_eq!((&listener["name"], &listener["counters"]["replies"]["fixed"]), (&"web".into(), &1.into()));
        assert_eq!((&set["name"], &set["servers"][0]["state"]), (&"app".into(), &"up".into()));
        assert!(state["process"]["resident_bytes"].as_u64().is_some_and(|bytes| bytes > 1_000_000), "{state}");
    };
    let (status, state) = house.asks(&get("/state"));
    assert_eq!(status, 200);
    check(&state);
    // The first events of a connection that would go on.
    let mut stream = TcpStream::connect(house.admin()).expect("it listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a time");
    stream.write_all(get("/events").as_bytes()).expect("sent");
    let mut lines = BufReader::new(stream).lines().map(|line| line.expect("an event in time"));
    assert!(lines.any(|line| line == "event: state"), "it comes by itself");
    check(lines.next().and_then(|line| line.strip_prefix("data: ").map(str::to_owned)).expect("what it is").as_str());
}

/// What the balancer is told by whoever may.
#[test]
fn a_server_is_drained_and_comes_back() {
    let path = std::env::temp_dir().join(format!("quintet-orders-{}.sock", std::process::id()));
    let house = House::new(&format!("bind = \"unix:{}\"", path.display()));
    let server = house.origin.address().to_string();
    let ask = |request: &str| exchange(UnixStream::connect(&path).expect("it listens"), request);
    let post = |server: &str, order: &str, body: &str| {
        let length = body.len();
        ask(&format!(
            "POST /backend_sets/app/servers/{server}/{order} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\
             Content-Length: {length}\r\n\r\n{body}"
        ))
    };
    let state = || {
        let (status, body) = ask(&get("/backend_sets"));
        assert_eq!(status, 200);
        let sets: serde_json::Value = serde_json::from_str(&body).expect("JSON");
        let server = &sets[0]["servers"][0];
        format!("{} {}", server["state"].as_str().expect("a word"), server["weight"])
    };
    assert_eq!((state().as_str(), house.client_asks("/")), ("up 1", 200));
    assert_eq!(post(&server, "drain", ""), (200, "{\"ok\":true}".to_owned()));
    // All workers go by it when the answer is there.
    assert_eq!((state().as_str(), house.client_asks("/")), ("draining 0", 503));
    assert_eq!(post(&server, "weight", "7").0, 200);
    assert_eq!(state(), "draining 0");
    assert_eq!(post(&server, "undrain", "").0, 200);
    assert_eq!((state().as_str(), house.client_asks("/")), ("up 7", 200));
    assert_eq!(post(&server, "reset", "").0, 200);
    assert_eq!(state(), "up 1");
    assert_eq!(post(&server, "disable", "").0, 200);
    assert_eq!((state().as_str(), house.client_asks("/")), ("disabled 1", 503));
    assert_eq!(post(&server, "enable", "").0, 200);
    assert_eq!((state().as_str(), house.client_asks("/")), ("up 1", 200));
    for (server, order, body, status, says) in [
        ("10.0.0.9:80", "drain", "", 404, "has no server 10.0.0.9:80; it has"),
        (server.as_str(), "explode", "", 404, "orders about a server are"),
        (server.as_str(), "weight", "heavy", 400, "is a weight"),
        (server.as_str(), "weight", "1001", 400, "0 to 1000"),
    ] {
        let (got, body) = post(server, order, body);
        assert!(got == status && body.contains(says), "{server} {order}: {got} {body}");
    }
    let reload = "POST /reload HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
    let (status, body) = ask(reload);
    assert!(status == 422 && body.contains("no configuration file"), "{status} {body}");
    let (status, body) = ask(&get("/listeners"));
    assert!(status == 200 && body.contains("\"protocol\":\"http\""), "{status} {body}");
}

#[test]
fn who_may_ask_is_asked_first() {
    let house = House::new("bind = \"127.0.0.1:0\"");
    let request = |line: &str, fields: &str| format!("{line} HTTP/1.1\r\nConnection: close\r\n{fields}\r\n");
    for (line, fields, status) in [
        ("GET /healthz", "Host: evil.example\r\n", 200),
        ("GET /readyz", "Host: evil.example\r\n", 200),
        ("GET /metrics", "Host: 127.0.0.1\r\n", 200),
        ("GET /metrics", "Host: evil.example\r\n", 403),
        ("GET /metrics", "Host: 127.0.0.1\r\nSec-Fetch-Site: cross-site\r\n", 403),
        ("GET /nothing", "Host: 127.0.0.1\r\n", 404),
        ("POST /metrics", "Host: 127.0.0.1\r\nContent-Length: 0\r\n", 405),
        ("POST /healthz", "Host: 127.0.0.1\r\nContent-Length: 0\r\n", 405),
        ("POST /reload", "Host: 127.0.0.1\r\nContent-Length: 0\r\n", 403),
    ] {
        assert_eq!(house.asks(&request(line, fields)).0, status, "{line} {fields}");
    }
}

#[test]
fn with_a_token_it_is_shown() {
    let file = std::env::temp_dir().join(format!("quintet-admin-{}.token", std::process::id()));
    std::fs::write(&file, "0123456789abcdef\n").expect("a file for the test");
    let house = House::new(&format!("bind = \"127.0.0.1:0\"\ntoken_file = \"{}\"", file.display()));
    std::fs::remove_file(&file).expect("it was read");
    let post = |token: &str| {
        house.asks(&format!(
            "POST /reload HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 0\r\n{token}\r\n"
        ))
    };
    assert_eq!(post("").0, 401);
    assert_eq!(post("Authorization: Bearer 0123456789abcdeX\r\n").0, 401);
    assert_eq!(
        post("Authorization: Bearer 0123456789abcdef\r\n").0,
        422,
        "allowed, and there is no file to be read again"
    );
    assert_eq!(house.asks(&get("/metrics")).0, 200);
}

#[test]
fn a_socket_file_is_its_owners() {
    let path = std::env::temp_dir().join(format!("quintet-admin-{}.sock", std::process::id()));
    let mut house = House::new(&format!("bind = \"unix:{}\"", path.display()));
    assert_eq!(std::fs::metadata(&path).expect("it is there").permissions().mode() & 0o777, 0o600);
    let (status, text) = exchange(UnixStream::connect(&path).expect("it listens"), &get("/metrics"));
    assert!(status == 200 && text.contains("quintet_requests_total"), "{status} {text}");
    drop(house.admin.take());
    assert!(!path.exists(), "the file goes with its listener");
}

#[test]
fn ready_until_the_balancer_ends() {
    let house = House::new("bind = \"127.0.0.1:0\"");
    let (admin, control) = (house.admin(), house.control);
    let ask = |path: &str| exchange(TcpStream::connect(admin).expect("it listens"), &get(path));
    assert_eq!(ask("/readyz"), (200, "ready\n".to_owned()));
    drop(control);
    assert_eq!(ask("/healthz").0, 200);
    assert_eq!(ask("/readyz"), (503, "draining\n".to_owned()));
    assert_eq!(ask("/metrics").0, 503);
}

#[test]
fn reloads_are_counted_with_what_came_of_them() {
    let house = House::new("bind = \"127.0.0.1:0\"");
    let (good, well) = ("quintet_reloads_total{outcome=\"good\"}", "quintet_reload_well");
    let refused = "quintet_reloads_total{outcome=\"refused\"}";
    let check = |expect: [f64; 3]| {
        let (_, text) = house.asks(&get("/metrics"));
        assert_eq!([good, refused, well].map(|name| value(&text, name)), expect, "{text}");
        text
    };
    assert!(!check([0.0, 0.0, 1.0]).contains("quintet_reload_time_seconds{"));
    // There is no file to be read again.
    assert!(house.control.remote().reload_file().wait().is_err());
    let text = check([0.0, 1.0, 0.0]);
    assert!(value(&text, "quintet_reload_time_seconds{outcome=\"refused\"}") > 1.6e9, "{text}");
    let config = Config::parse("test.toml", &house.text("[admin]\nbind = \"127.0.0.1:0\"")).expect("it is good");
    house.control.remote().reload(&config).wait().expect("it is good");
    check([1.0, 1.0, 1.0]);
}

/// With the only server drained nobody is up.
#[test]
fn ready_only_while_somebody_is_up_where_that_is_asked_for() {
    let house = House::new("bind = \"127.0.0.1:0\"\nready = \"any-server\"");
    let server = house.origin.address().to_string();
    let order = |order| house.control.remote().order_server("app", &server, order).expect("it is there");
    assert_eq!(house.asks(&get("/readyz")), (200, "ready\n".to_owned()));
    for (out, back) in [(ServerOrder::Drain, ServerOrder::Undrain), (ServerOrder::Disable, ServerOrder::Enable)] {
        order(out);
        assert_eq!(house.asks(&get("/readyz")), (503, "no server is up\n".to_owned()));
        order(back);
        assert_eq!(house.asks(&get("/readyz")).0, 200);
    }
}

#[test]
fn the_configuration_is_told_without_its_secrets() {
    let house = House::new("bind = \"127.0.0.1:0\"");
    let folder = testkit::Folder::new();
    let auth = "[[listener.route]]\nname = \"in\"\npath = \"/in\"\nauth = { users = { ann = \"$apr1$abcdefgh$5RSqmcTnAVQ9Ez1UArOTS/\" } }\nbackends = \"app\"\n";
    let text =
        house.text("[admin]\nbind = \"127.0.0.1:0\"").replace("[[backend_set]]", &format!("{auth}[[backend_set]]"));
    let config =
        Config::parse(&folder.place("test.toml"), &text).unwrap_or_else(|error| panic!("{}", error.render(100, false)));
    let (_, before) = house.asks(&get("/config"));
    assert!(!before.contains("ann"), "{before}");
    house.control.remote().reload(&config).wait().expect("it is good");
    let (status, told) = house.asks(&get("/config"));
    let told: serde_json::Value = serde_json::from_str(&told).expect("JSON");
    let listener = &told["config"]["listener"][0];
    assert_eq!((status, &listener["name"]), (200, &"web".into()), "{told}");
    let route = &listener["route"][1];
    assert_eq!((&route["name"], &route["auth"]["users"]["ann"]), (&"in".into(), &"(hidden)".into()), "{told}");
    assert!(!told.to_string().contains("apr1"), "{told}");
}

/// The listener goes elsewhere, asks for another token, goes and comes; what cannot be had changes nothing.
#[test]
fn the_listener_follows_the_configuration() {
    let mut house = House::new("bind = \"127.0.0.1:0\"");
    let (first, folder) = (house.admin(), testkit::Folder::new());
    let remote = house.control.remote();
    let reload = |admin: &str| {
        let config = Config::parse(&folder.place("test.toml"), &house.text(admin)).expect("it is good");
        remote.reload(&config).wait()
    };
    let ready = |at: SocketAddr| TcpStream::connect(at).map(|stream| exchange(stream, &get("/readyz")).0);
    // Somebody is in the middle of asking.
    let mut kept = TcpStream::connect(first).expect("it listens");
    kept.write_all(&get("/readyz").as_bytes()[..20]).expect("sent");

    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let why = reload(&format!("[admin]\nbind = \"{}\"", taken.local_addr().expect("bound"))).expect_err("it is taken");
    assert!(why.to_string().starts_with("admin: cannot listen on 127.0.0.1:"), "{why}");
    assert_eq!(ready(first).ok(), Some(200));

    let second = testkit::free_address();
    let change = reload(&format!("[admin]\nbind = \"{second}\"")).expect("it is good");
    assert_eq!(change.notes, [format!("metrics, health and state at http://{second}/")]);
    assert_eq!((change.waits.len(), ready(second).ok()), (0, Some(200)));
    eventually("the first place is left", || TcpStream::connect(first).is_err());
    kept.write_all(&get("/readyz").as_bytes()[20..]).expect("sent");
    let mut answer = String::new();
    kept.read_to_string(&mut answer).expect("an answer");
    assert!(answer.ends_with("ready\n"), "{answer}");

    folder.write("token", "0123456789abcdef0123456789abcdef");
    reload(&format!("[admin]\nbind = \"{second}\"\ntoken_file = \"token\"")).expect("it is good");
    let post = |token: &str| {
        let request = format!(
            "POST /reload HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{token}Content-Length: 0\r\n\r\n"
        );
        exchange(TcpStream::connect(second).expect("it listens"), &request).0
    };
    // Without a file to read again there is nothing to be done, but it may be asked for.
    assert_eq!((post(""), post("Authorization: Bearer 0123456789abcdef0123456789abcdef\r\n")), (401, 422));

    let change = reload("").expect("it is good");
    assert_eq!(change.notes, ["no admin listener any more"]);
    eventually("nobody listens", || TcpStream::connect(second).is_err());
    reload(&format!("[admin]\nbind = \"{first}\"")).expect("it is good");
    assert_eq!(ready(first).ok(), Some(200));
    house.admin = None;
    assert!(TcpStream::connect(first).is_err());
}

/// Whoever is one too many waits, and is served once there is room; one that says nothing does not keep it for ever.
#[test]
fn many_clients_at_once_are_served() {
    let house = House::new("bind = \"127.0.0.1:0\"");
    let clients: Vec<_> = (0..200)
        .map(|_| {
            let admin = house.admin();
            std::thread::spawn(move || {
                let stream = TcpStream::connect(admin).expect("it listens");
                stream.set_read_timeout(Some(PATIENCE)).expect("a time");
                exchange(stream, &get("/readyz")).0
            })
        })
        .collect();
    assert!(clients.into_iter().all(|client| client.join().expect("served") == 200));
}

/// Who reads, and who changes things by the token, is told with the time of it.
#[test]
fn a_listener_is_drained_and_who_wanted_it_is_told() {
    let folder = testkit::Folder::new();
    let token = folder.write("token", "0123456789abcdef\n");
    let house = House::new(&format!("bind = \"127.0.0.1:0\"\ntoken_file = \"{}\"", token.display()));
    let mut watch = house.control.remote().watch();
    let address = house.control.addresses()[0];
    let post = |path: &str| {
        let fields =
            "Host: localhost\r\nAuthorization: Bearer 0123456789abcdef\r\nConnection: close\r\nContent-Length: 0";
        house.asks(&format!("POST {path} HTTP/1.1\r\n{fields}\r\n\r\n"))
    };
    assert_eq!(post("/listeners/web/drain").0, 200);
    eventually("nobody is accepted any more", || TcpStream::connect(address).is_err());
    let (_, text) = house.asks(&get("/listeners"));
    assert!(text.contains("\"state\":\"drained\""), "{text}");
    let (_, text) = house.asks(&get("/metrics"));
    assert_eq!(value(&text, "quintet_listener_accepting{listener=\"web\"}"), 0.0);
    assert_eq!(value(&text, "quintet_listener_drained{listener=\"web\"}"), 1.0);
    let (status, text) = house.asks(&get("/readyz"));
    assert!(status == 503 && text.contains("every listener is drained"), "{status} {text}");
    let told = watch.try_recv().expect("it is told");
    assert_eq!(told.event.to_string(), "listener web: drain, by the token, from 127.0.0.1");
    assert!(told.at.elapsed().is_ok_and(|ago| ago < PATIENCE));
    assert_eq!(post("/listeners/web/undrain").0, 200);
    assert_eq!((house.client_asks("/"), house.asks(&get("/readyz")).0), (200, 200));
    let (status, text) = post("/listeners/wbe/drain");
    assert!(status == 404 && text.contains("there is no listener"), "{status} {text}");
}
