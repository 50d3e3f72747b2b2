//! The commands as people and programs use them: help, exit codes, the shape of JSON, signals.

mod about_itself;
mod any_translation;
mod bad_input;
#[allow(dead_code)] // keys are for the page of the balancer
#[path = "../../../admin/tests/asked/browser.rs"]
mod browser;
mod ctl;
mod doctor;
mod events_told;
mod explain;
mod foreseen;
mod from;
mod from_mutated;
mod hand_over;
mod keys_told;
mod live;
mod loads;
mod pages;
mod ports_told;
mod preflight;
mod program;
mod reload;
mod results;
#[path = "../../../balancer/tests/keys/schema.rs"]
mod schema;
mod service;
mod simulate;
mod slowloris;
mod target;
mod terminal;
mod zones;

use program::{PATIENCE, Running, check_keys, json_of, keys, quintet, told};
use serde_json::Value;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};
use sys::signal::Signal;
use target::Target;
use testkit::{Folder, eventually, when_quick};

/// Sends a request and reads to the end.
fn get(address: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(address).expect("connected");
    stream.set_read_timeout(Some(PATIENCE)).expect("set");
    write!(stream, "GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n").expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    answer
}

#[test]
fn help_shows_two_examples_of_each_command() {
    let help = |args: &[&str]| {
        let (code, text, _) = told(args);
        assert_eq!(code, Some(0), "{args:?}");
        text
    };
    let count = |text: &str, command: &str| {
        text.lines().filter(|line| line.trim_start().starts_with(&format!("quintet {command}"))).count()
    };
    let top = help(&["help"]);
    for command in ["lab", "serve", "stress", "doctor", "simulate", "origin"] {
        let own = help(&["help", command]);
        assert!(count(&top, command) >= 2, "{command} in {top}");
        assert!(count(&own, command) >= 2, "{own}");
        assert_eq!(own, help(&[command, "--help"]), "both ways to ask give the same help");
    }
    assert_eq!(quintet(&[]).status.code(), Some(2), "no command is wrong usage");
    assert!(help(&["--version"]).starts_with("quintet "));
}

#[test]
fn stress_without_a_url_runs_against_an_embedded_balancer() {
    let report = json_of(&["stress", "-n", "300", "-c", "4", "--json", "-"], 0);
    let shape = ["plan", "duration_s", "requests", "latency_us", "connections", "errors", "closed_first", "ports"];
    check_keys(&report, &shape);
    check_keys(&report["requests"], &["ok", "failed", "per_s"]);
    check_keys(&report["latency_us"], &["p50", "p90", "p99", "p999", "max", "min", "mean", "stddev", "p75", "p95"]);
    check_keys(&report["connections"], &["tried", "opened", "per_s"]);
    let errors = ["client.ports", "client.fds"];
    check_keys(&report["errors"], &errors);
    for kind in ["target.refused", "target.reset", "target.timeout", "target.http"] {
        assert_eq!(report["errors"][kind], 0, "{kind}");
    }
    let who = ["server_fin", "our_fin", "simultaneous", "rst_sent", "rst_received"];
    check_keys(&report["closed_first"], &who);
    check_keys(&report["ports"], &["consumed_per_1000_requests", "time_wait_ours"]);
    assert_eq!((&report["requests"]["ok"], &report["requests"]["failed"]), (&300.into(), &0.into()));
    assert_eq!(report["connections"]["opened"], 4);
}

/// A run whose ports were bounded must say so: the same numbers mean something else then.
#[test]
fn stress_tells_the_port_range_it_was_given() {
    let more = ["-n", "20", "-c", "2", "--json", "-"];
    let report = json_of(&[&["stress", "--port-range", "21100-21199"], &more[..]].concat(), 0);
    assert_eq!(report["plan"]["port_range"], serde_json::json!([21_100, 21_199]));
    let (_, text, _) = told(&["stress", "--port-range", "21100-21199", "--ports", "own", "-n", "20", "-c", "2"]);
    assert!(text.contains("ports: own allocator of 21100-21199"), "{text}");
    assert!(json_of(&[&["stress"], &more[..]].concat(), 0)["plan"]["port_range"].is_null());
}

#[test]
fn stress_at_a_rate_tells_both_latencies_and_what_was_never_sent() {
    let report = json_of(&["stress", "-R", "500", "-n", "100", "--json", "-"], 0);
    assert_eq!((&report["requests"]["ok"], &report["not_sent"]), (&100.into(), &0.into()));
    assert_eq!((&report["plan"]["rate_per_s"], &report["plan"]["spread"]), (&500.0.into(), &"constant".into()));
    let latency = &report["latency_us"];
    let mean = |of: &Value| of["mean"].as_f64().expect("measured");
    assert!(mean(&latency["corrected"]) >= mean(&latency["uncorrected"]), "{latency}");
    assert!(report["duration_s"].as_f64().is_some_and(|s| s >= 0.198), "the last one is due after 198 ms: {report}");
    // Nobody is ever answered: one request occupies the only connection.
    let silent = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}/", silent.local_addr().expect("bound"));
    let run = &["stress", &url, "-q", "100", "-c", "1", "-z", "300ms", "--timeout", "20s", "--json", "-"];
    let report = json_of(run, 1);
    assert_eq!((&report["not_sent"], &report["errors"]["target.unanswered"]), (&29.into(), &1.into()), "{report:#}");
}

#[test]
fn stress_ends_with_1_where_the_target_fails() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}/", listener.local_addr().expect("bound"));
    // Takes every connection and hangs up.
    std::thread::spawn(move || listener.incoming().for_each(drop));
    let report = json_of(&["stress", &url, "-n", "5", "-c", "1", "--json", "-"], 1);
    assert_eq!((&report["requests"]["ok"], &report["requests"]["failed"]), (&0.into(), &5.into()), "{report:#}");
    assert!(report["latency_us"]["p50"].is_null(), "nothing was measured, so nothing is told: {report:#}");
}

/// The tester against a target that has answered some of its requests.
fn stress_at_work(target: &Target, more: &[&str]) -> Running {
    let before = target.answered();
    let run = Running::start(&[&["stress", &target.url(), "-z", "10m", "-c", "2"], more].concat());
    eventually("some requests are answered", || target.answered() >= before + 10);
    run
}

#[test]
fn a_signal_ends_a_run_with_its_report() {
    let run = stress_at_work(&Target::start(), &["--json", "-"]);
    run.signal(Signal::Interrupt);
    let (code, out, err) = run.end();
    let report: Value = serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error}: {out}{err}"));
    assert_eq!(code, Some(0), "{err}");
    assert_eq!(report["stopped"], true);
    assert!(report["requests"]["ok"].as_u64() > Some(0), "{report:#}");
}

#[test]
fn a_signal_ends_an_origin_with_its_counts() {
    let mut origin = Running::start(&["origin", "--listen", "127.0.0.1:0"]);
    get(origin.address(), "/");
    origin.signal(Signal::Terminate);
    let (code, out, _) = origin.end();
    assert_eq!(code, Some(0));
    assert!(out.contains("requests 1") && out.contains("closed first:"), "{out}");
}

/// What has nothing to do here is said, and ends nothing. The lower number is heard first.
#[test]
fn signals_sent_by_habit_do_no_harm() {
    let habits = [
        (Signal::Hangup, "not reloaded, nothing was changed (by SIGHUP): there is no configuration file", Signal::Quit),
        (
            Signal::Hangup,
            "not reloaded, nothing was changed (by SIGHUP): there is no configuration file",
            Signal::Terminate,
        ),
    ];
    for (habit, says, end) in habits {
        let mut serve = Running::start(&["serve", "--listen", "127.0.0.1:0", "--workers", "1"]);
        let address = serve.address();
        serve.signal(habit);
        assert!(get(address, "/").contains("Hello"));
        serve.signal(end);
        let (code, out, err) = serve.end();
        assert_eq!(code, Some(0), "{says}: {err}");
        assert!(err.contains(&format!("quintet: {says}")), "{err}");
        assert!(out.contains("draining, for 30 s at most") && out.contains("requests 1"), "{out}");
    }
}

/// As timeout(1) does it: its child first, then the whole group. Two signals further apart than this are two wishes.
#[test]
fn the_same_signal_twice_at_once_is_one() {
    const SAME_WISH: Duration = Duration::from_millis(200);
    let target = Target::start();
    for pause in [0, 1, 20] {
        let (code, said) = when_quick(SAME_WISH, || {
            let run = stress_at_work(&target, &[]);
            let start = Instant::now();
            run.signal(Signal::Interrupt);
            std::thread::sleep(Duration::from_millis(pause));
            run.signal(Signal::Interrupt);
            let (code, out, err) = run.end();
            ((code, out + &err), start.elapsed())
        });
        assert!(code == Some(0) && said.contains("Verdict:"), "{pause} ms: {code:?} {said}");
    }
}

#[test]
fn an_empty_body_is_posted() {
    let mut origin = Running::start(&["origin", "--listen", "127.0.0.1:0"]);
    let url = format!("http://{}/echo", origin.address());
    let report = json_of(&["stress", &url, "-n", "3", "-c", "1", "-d", "", "--json", "-"], 0);
    assert_eq!(report["plan"]["method"], "POST", "{report:#}");
}

#[test]
fn serve_without_a_configuration_can_be_tried_and_drains() {
    let folder = Folder::new();
    let path = folder.place("serve.json");
    let mut serve = Running::start(&["serve", "--listen", "127.0.0.1:0", "--workers", "2", "--json", &path]);
    let address = serve.address();
    let answers: Vec<String> = (0..8).map(|_| get(address, "/")).collect();
    for name in ["one", "two"] {
        let hello = format!("Hello from {name}, a quintet origin.");
        assert!(answers.iter().any(|answer| answer.contains(&hello)), "nobody said {hello:?}");
    }
    serve.signal(Signal::User1);
    serve.signal(Signal::Terminate);
    let (code, out, err) = serve.end();
    assert_eq!(code, Some(0), "{out}{err}");
    assert!(out.contains(&format!("curl -i http://{address}/")), "it says how to try it: {out}");
    assert!(out.contains("requests 8, responses 8, failed 0"), "{out}");
    let counters: Value = serde_json::from_slice(&std::fs::read(&path).expect("written")).expect("JSON");
    check_keys(&counters, &["requests", "responses"]);
    assert_eq!(counters["clients"]["closed_first"]["our_fin"], 8, "the balancer closes first: {counters:#}");
}

/// What people start from has to start.
#[test]
fn every_example_is_a_good_configuration() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples");
    let entries = std::fs::read_dir(&folder).expect("examples/").map(|entry| entry.expect("read").path());
    // A plan of the tester is no configuration; the page of the tester runs it.
    let is_one =
        |path: &PathBuf| path.extension().is_some_and(|found| found == "toml") && !path.ends_with("stress.toml");
    let files: Vec<_> = entries.filter(is_one).collect();
    assert!(files.len() >= 5, "the examples are gone: {files:?}");
    for file in files {
        let (code, said, why) = told(&["serve", "--check", "--config", &file.to_string_lossy()]);
        assert!(code == Some(0) && said.contains("good: "), "{}: {said}{why}", file.display());
    }
}

#[test]
fn check_tells_a_good_configuration() {
    let folder = Folder::new();
    let text = "[[listener]]\nname = \"web\"\nbind = \"127.0.0.1:0\"\nbackends = \"app\"\n\n\
                [[backend_set]]\nname = \"app\"\nservers = [\"127.0.0.1:9001\"]\n";
    folder.write("good.toml", text);
    let (code, said, why) = told(&["serve", "--check", "--config", &folder.place("good.toml")]);
    assert!(code == Some(0) && said.contains("good: 1 listener, 1 backend set, 1 server"), "{said}{why}");
}

#[test]
fn a_command_that_fails_leaves_files_as_they_were() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("bound").to_string();
    let folder = Folder::new();
    let old = folder.write("old.json", "precious");
    let new = folder.path().join("new.json");
    for file in ["old.json", "new.json"] {
        let (code, ..) = told(&["serve", "--listen", &address, "--json", &folder.place(file)]);
        assert_eq!(code, Some(2));
    }
    assert_eq!(std::fs::read_to_string(&old).expect("still there"), "precious");
    assert!(!new.exists(), "an empty file was left behind");
    let mut origin = Running::start(&["origin", "--listen", "127.0.0.1:0", "--json", &new.to_string_lossy()]);
    origin.address();
    drop(origin); // SIGKILL
    assert!(!new.exists(), "a killed command left an empty file behind");
}

#[test]
fn too_few_file_descriptors_are_told_with_the_way_out() {
    for command in ["serve", "origin"] {
        let line = format!("ulimit -n 7; exec \"$0\" {command} --listen 127.0.0.1:0 --workers 5");
        let output =
            Command::new("/bin/sh").args(["-c", &line, env!("CARGO_BIN_EXE_quintet")]).output().expect("started");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{command}: {said}");
        assert!(said.contains("file descriptor") && said.contains("ulimit -n"), "{command}: {said}");
    }
}

#[test]
fn lab_keeps_what_the_gateway_carried() {
    let folder = Folder::new();
    let (_, json, _) = told(&["lab", "nat-cure-2", "--json", "-", "--pcap", &folder.place("frames")]);
    let outcomes: Value = serde_json::from_str(&json).expect("JSON");
    let capture = std::fs::read(folder.path().join("frames/nat-cure-2.pcap"));
    if outcomes[0]["verdict"] == "cannot run here" {
        return testkit::skip(&outcomes[0]["why"]);
    }
    let capture = capture.unwrap_or_else(|why| panic!("no capture: {why}: {outcomes:#}"));
    assert_eq!(capture[..4], 0xa1b2_3c4d_u32.to_le_bytes(), "pcap with nanoseconds");
    assert!(capture.len() > 1_000, "{} bytes of frames", capture.len());
}

#[test]
fn lab_writes_the_documented_shape() {
    let outcomes = json_of(&["lab", "keep-alive", "--ports", "50", "--json", "-"], 0);
    let [outcome] = &outcomes.as_array().expect("an array")[..] else { panic!("one outcome, not {outcomes:#}") };
    assert_eq!(keys(outcome), ["name", "claim", "expected", "seen", "verdict", "why"]);
    assert_eq!((&outcome["name"], &outcome["verdict"]), (&"keep-alive".into(), &"holds".into()), "{outcome:#}");
    let seen = ["tried", "succeeded", "errors", "client_time_wait", "balancer_time_wait"];
    check_keys(&outcome["seen"], &seen);
}

#[test]
fn lab_lists_its_claims() {
    let (code, text, _) = told(&["lab", "--list"]);
    assert_eq!(code, Some(0));
    for name in ["problem", "timestamps-on", "reuse-off", "balancer-closes-first", "header-alone", "reset"] {
        assert!(text.lines().any(|line| line.starts_with(&format!("{name} "))), "{name} in {text}");
    }
    assert!(text.lines().count() >= 9, "{text}");
}
