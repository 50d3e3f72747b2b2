//! `quintet serve`: what it tells of requests and events.

use crate::get;
use crate::program::Running;
use serde_json::Value;
use sys::signal::Signal;
use testkit::{Folder, eventually, free_address};

/// A listener before a server that nobody is.
fn config(folder: &Folder, global: &str) -> String {
    let (listen, server) = (free_address(), free_address());
    let text = format!(
        "[global]\n{global}\n[[listener]]\nname = \"web\"\nbind = \"{listen}\"\nbackends = \"app\"\n\
         [[backend_set]]\nname = \"app\"\nservers = [\"{server}\"]\nretries_max = 0\n"
    );
    folder.write("quintet.toml", text);
    folder.place("quintet.toml")
}

#[test]
fn a_request_that_failed_is_told_among_the_events() {
    let folder = Folder::new();
    let path = config(&folder, "event_log_format = \"json\"");
    let mut serve = Running::start(&["serve", "--config", &path, "--workers", "1"]);
    serve.complains("\"event\":\"listening\"");
    let text = std::fs::read_to_string(&path).expect("just written");
    let listen = text.split("bind = \"").nth(1).and_then(|rest| rest.split('"').next()).expect("an address");
    get(listen.parse().expect("an address"), "/lost");
    serve.complains("\"event\":\"request-failed\"");
    serve.signal(Signal::Terminate);
    let (code, _, err) = serve.end();
    assert_eq!(code, Some(0), "{err}");
    let events: Vec<Value> =
        err.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect();
    let of =
        |kind: &str| events.iter().find(|event| event["event"] == kind).unwrap_or_else(|| panic!("{kind} in {err}"));
    assert!(of("listening")["text"].as_str().is_some_and(|text| text.contains(listen)), "{err}");
    let failed = of("request-failed");
    assert_eq!(
        (&failed["request"], &failed["status"], &failed["level"]),
        (&"GET /lost".into(), &502.into(), &"warning".into())
    );
    assert_eq!((&failed["failure"], &failed["backend_set"]), (&"server_unreachable".into(), &"app".into()));
    assert!(of("draining")["time"].as_str().is_some_and(|time| time.ends_with('Z')), "{err}");
}

/// As logrotate does it.
#[test]
fn sigusr1_opens_the_access_log_again_and_prints_totals() {
    let folder = Folder::new();
    let path = config(&folder, "access_log = \"access.log\"\naccess_log_format = \"combined\"");
    let mut serve = Running::start(&["serve", "--config", &path, "--workers", "1"]);
    let address = serve.address();
    let (log, old) = (folder.path().join("access.log"), folder.path().join("access.log.1"));
    let read = |path| std::fs::read_to_string(path).unwrap_or_default();
    get(address, "/first");
    eventually("it is written", || read(&log).contains("\"GET /first HTTP/1.1\" 502 "));
    std::fs::rename(&log, &old).expect("renamed");
    serve.signal(Signal::User1);
    eventually("there is a new file", || log.exists());
    get(address, "/second");
    eventually("it is written", || read(&log).contains("/second"));
    assert!(!read(&old).contains("/second") && !read(&log).contains("/first"));
    serve.signal(Signal::Terminate);
    let (code, out, err) = serve.end();
    assert!(code == Some(0) && out.contains("requests"), "{out}{err}");
    assert!(!err.contains("request of"), "it stands in the access log: {err}");
}

#[test]
fn an_access_log_on_standard_output_has_it_for_itself() {
    let folder = Folder::new();
    let path = config(&folder, "access_log = \"stdout\"");
    let mut serve = Running::start(&["serve", "--config", &path, "--workers", "1"]);
    serve.complains("quintet: listening on http://");
    let text = std::fs::read_to_string(&path).expect("just written");
    let listen = text.split("bind = \"").nth(1).and_then(|rest| rest.split('"').next()).expect("an address");
    get(listen.parse().expect("an address"), "/lost");
    serve.says("/lost");
    serve.signal(Signal::User1);
    serve.signal(Signal::Terminate);
    let (code, out, err) = serve.end();
    assert!(code == Some(0) && err.contains("quintet: draining"), "{out}{err}");
    for line in out.lines() {
        assert!(
            serde_json::from_str::<Value>(line).is_ok_and(|line| line.get("listener").is_some()),
            "{line} in {out}"
        );
    }
    // Each has its time.
    let events: Vec<_> = err.lines().filter(|line| line.contains("Z quintet: ")).collect();
    assert!(
        events.len() > 1 && events.iter().all(|line| line.starts_with("20") && line.as_bytes()[10] == b'T'),
        "{err}"
    );
}
