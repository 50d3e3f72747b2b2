//! `quintet doctor`: this host, and balancers of our own with each close policy.

use super::program::{Running, check_keys, json_of, keys, quintet, told};
use serde_json::Value;
use std::io::Write;
use std::net::TcpStream;
use std::process::Command;
use sys::signal::Signal;
use testkit::{Folder, eventually, free_address};

/// The diagnosis; its exit code must fit its findings, whatever host this is.
#[track_caller]
fn diagnose(args: &[&str]) -> Value {
    let output = quintet(&[&["doctor", "--json", "-"], args].concat());
    let said = String::from_utf8_lossy(&output.stderr);
    let report: Value =
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{args:?}: {error}: {said}"));
    let findings = report["findings"].as_array().expect("an array");
    let bad = findings.iter().any(|finding| finding["severity"] == "error");
    assert_eq!(output.status.code(), Some(i32::from(bad)), "{args:?}: {said}");
    report
}

fn has(report: &Value, id: &str) -> bool {
    report["findings"].as_array().is_some_and(|all| all.iter().any(|finding| finding["id"] == id))
}

#[test]
fn it_writes_the_documented_shape() {
    let report = diagnose(&["--rate", "1m"]);
    for key in ["findings", "host", "target"] {
        assert!(keys(&report).contains(&key), "{key} in {report:#}");
    }
    assert!(report["target"].is_null());
    let finding = &report["findings"][0];
    for key in ["id", "severity", "title", "evidence", "cures"] {
        assert!(keys(finding).contains(&key), "{key} in {finding:#}");
    }
    assert!(has(&report, "rate.exceeds-budget"), "a million connections per second do not hold: {report:#}");
}

#[test]
fn each_close_policy_of_our_balancer_is_recognised() {
    let mut origin = Running::start(&["origin", "--listen", "127.0.0.1:0"]);
    let origin_at = origin.address();
    for (policy, closer) in
        [("balancer-first", "server_fin"), ("client-first", "client_fin"), ("reset-when-safe", "rst")]
    {
        let folder = Folder::new();
        let text = format!(
            "[[listener]]\nname = \"web\"\nbind = \"127.0.0.1:0\"\nbackends = \"app\"\nclose = \"{policy}\"\n\n\
             [[backend_set]]\nname = \"app\"\nservers = [\"{origin_at}\"]\n"
        );
        folder.write("quintet.toml", text);
        let mut serve = Running::start(&["serve", "--config", &folder.place("quintet.toml"), "--workers", "1"]);
        let report = diagnose(&[&format!("http://{}/", serve.address())]);
        serve.signal(Signal::Terminate);
        let target = &report["target"];
        assert_eq!(target["closes_first"]["connection_close"], closer, "{policy}: {target:#}");
        assert_eq!(
            (&target["timestamps"], &target["reusable_at_once"]),
            (&true.into(), &true.into()),
            "{policy}: {target:#}"
        );
        assert_eq!(target["keep_alive_served"], target["keep_alive_asked"], "{policy}: {target:#}");
    }
}

#[test]
fn a_target_that_is_not_there_is_a_finding() {
    let gone = testkit::free_address();
    // Exit code 2 as in every verb, and the report all the same.
    let report = json_of(&["doctor", "--json", "-", &format!("http://{gone}/")], 2);
    assert!(has(&report, "target.unreachable"), "{report:#}");
    assert!(report["target"]["unreachable"].as_str().is_some_and(|why| why.contains("refused")), "{report:#}");
}

#[test]
fn people_get_text_and_a_page() {
    let folder = Folder::new();
    let file = folder.place("doctor.html");
    let (code, text, _) = told(&["doctor", "--rate", "1m", "--html", &file]);
    let page = std::fs::read_to_string(&file).expect("written");
    assert_eq!(code, Some(1));
    for words in ["rate.exceeds-budget", "cure 1", "This host"] {
        assert!(text.contains(words), "{words} in {text}");
    }
    assert!(page.contains("rate.exceeds-budget") && page.contains("prefers-color-scheme:dark"), "{page}");
    assert!(
        !page.contains("http-equiv") && !page.contains("<script") && !page.contains("src="),
        "self-contained: {page}"
    );
}

#[test]
fn every_finding_is_explained() {
    let (_, list, _) = told(&["doctor", "explain"]);
    let ids: Vec<&str> = list.lines().filter_map(|line| line.split_whitespace().next()).collect();
    assert!(ids.len() >= 30, "{list}");
    for id in [ids[0], ids[ids.len() - 1]] {
        let (code, text, _) = told(&["doctor", "explain", id]);
        assert!(code == Some(0) && text.starts_with(id), "{id}: {text}");
    }
}

#[test]
fn a_watch_without_a_terminal_looks_once() {
    let (code, text, _) = told(&["doctor", "--watch=200ms"]);
    assert!(matches!(code, Some(0 | 1)), "{text}");
    assert!(text.contains("connects ") && text.contains("destination") && !text.contains('\x1b'), "{text}");
    let (_, json, _) = told(&["doctor", "--watch=200ms", "--json"]);
    let snapshot: Value = serde_json::from_str(&json).expect("JSON");
    check_keys(
        &snapshot,
        &["connects_per_s", "failing_connects_per_s", "recycled_per_s", "first_exhausted_in_s", "ports"],
    );
}

/// In a network namespace of its own, so that no sysctl of this host is touched.
#[test]
fn what_is_applied_can_be_taken_back() {
    let folder = Folder::new();
    let file = folder.path().join("revert.conf");
    let script = format!(
        "reuse=/proc/sys/net/ipv4/tcp_tw_reuse; before=$(cat $reuse)
         \"$0\" doctor --rate 1m --apply --yes --revert-file {0} --json - 2>/dev/null; echo
         echo during $(cat $reuse); \"$0\" doctor --revert {0} >&2 || exit 3
         echo after $(cat $reuse) before $before",
        file.display()
    );
    let Ok(output) = Command::new("unshare").args(["-rn", "sh", "-c", &script, env!("CARGO_BIN_EXE_quintet")]).output()
    else {
        return testkit::skip("unshare is not installed");
    };
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    if err.contains("unshare:") || !file.exists() && out.contains("Read-only") {
        return testkit::skip(format!("no namespaces here: {err}"));
    }
    assert_eq!(output.status.code(), Some(0), "{out}{err}");
    let (json, rest) = out.split_once("\nduring ").expect("the end of the report");
    let report: Value = serde_json::from_str(json).unwrap_or_else(|error| panic!("{error}: {out}{err}"));
    let changes = report["applied"]["changes"].as_array().expect("what was set");
    let reuse =
        changes.iter().find(|change| change["name"] == "net.ipv4.tcp_tw_reuse").expect("the cure of too few ports");
    let (old, new) = (reuse["old"].as_str().expect("text"), reuse["new"].as_str().expect("text"));
    assert_eq!(rest.trim(), format!("{new}\nafter {old} before {old}"));
    assert!(!file.exists(), "the revert file is used up");
}

/// A server that keeps nothing, behind a pool that is to keep all: the balancer tells, and the doctor says why.
#[test]
fn a_running_balancer_is_asked() {
    let mut origin = Running::start(&["origin", "--listen", "127.0.0.1:0", "--close", "always"]);
    let (folder, address) = (Folder::new(), free_address());
    let server = origin.address();
    let at = format!("unix:{}", folder.place("admin.sock"));
    let text = format!(
        "[admin]\nbind = \"{at}\"\n[[listener]]\nname = \"web\"\nbind = \"{address}\"\nbackends = \"app\"\n\
         [[backend_set]]\nname = \"app\"\nservers = [\"{server}\"]\n"
    );
    folder.write("quintet.toml", text);
    let mut serve = Running::start(&["serve", "--config", &folder.place("quintet.toml"), "--workers", "1"]);
    serve.says("metrics, health and state at");
    // One that is under way, and holds a port.
    let mut waits = TcpStream::connect(address).expect("it listens");
    waits.write_all(b"GET /delay/60000 HTTP/1.1\r\nHost: a\r\n\r\n").expect("sent");
    json_of(&["stress", &format!("http://{address}/"), "-n", "300", "-c", "4", "--json", "-"], 0);
    eventually("its port is seen", || told(&["ctl", "--at", &at, "ports"]).1.contains(&server.to_string()));
    let report = diagnose(&["--balancer", &at]);
    let finding =
        report["findings"].as_array().expect("an array").iter().find(|one| one["id"] == "balancer.inert-pool");
    let evidence = finding.unwrap_or_else(|| panic!("{report:#}"))["evidence"].as_str().unwrap_or_default();
    assert!(evidence.contains("set app: none of 301 connections was used again"), "{evidence}");
    assert!(evidence.contains("Connection: close"), "{evidence}");
    let facts = &report["balancer"];
    assert_eq!(
        (&facts["at"], &facts["sets"][0]["servers"][0]["opened"]),
        (&at.clone().into(), &301.into()),
        "{facts:#}"
    );
    assert_eq!(facts["ports"][0]["destination"], server.to_string(), "{facts:#}");
    let (_, text, _) = told(&["doctor", "--balancer", &at]);
    assert!(text.contains("set app: 301 connections opened, 0 requests on one that was open"), "{text}");
    drop(serve);
    let (code, _, err) = told(&["doctor", "--balancer", &at]);
    assert!(code == Some(2) && err.contains("no balancer answers at unix:"), "{code:?} {err}");
}
