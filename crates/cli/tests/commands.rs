//! The commands as people and programs use them: help, exit codes, the shape of JSON, signals.

use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::time::{Duration, Instant};
use sys::signal::Signal;

/// No command here takes longer.
const PATIENCE: Duration = Duration::from_secs(30);

/// A command that is ended whatever happens.
struct Running {
    child: Child,
    stdout: BufReader<ChildStdout>,
}

impl Running {
    fn start(args: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_quintet"));
        let command = command.args(args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("started");
        let stdout = BufReader::new(child.stdout.take().expect("piped"));
        Self { child, stdout }
    }

    /// The address in the first line it prints.
    fn address(&mut self) -> SocketAddr {
        let mut line = String::new();
        self.stdout.read_line(&mut line).expect("a line");
        let address = line.split_once("http://").and_then(|(_, rest)| rest.split_once('/'));
        let (address, _) = address.unwrap_or_else(|| panic!("no address in {line:?}"));
        address.parse().unwrap_or_else(|error| panic!("{address}: {error}"))
    }

    fn signal(&self, signal: Signal) {
        sys::signal::send(self.child.id(), signal).expect("sent");
    }

    /// Waits for its end; exit code, the rest of standard output, standard error.
    fn end(mut self) -> (Option<i32>, String, String) {
        let until = Instant::now() + PATIENCE;
        while self.child.try_wait().expect("waited").is_none() {
            assert!(Instant::now() < until, "it still runs after {PATIENCE:?}");
            std::thread::sleep(Duration::from_millis(5));
        }
        let (mut out, mut err) = (String::new(), String::new());
        self.stdout.read_to_string(&mut out).expect("output");
        self.child.stderr.take().expect("piped").read_to_string(&mut err).expect("errors");
        (self.child.wait().expect("ended").code(), out, err)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ended_already = self.child.kill();
        let _no_zombie = self.child.wait();
    }
}

fn quintet(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_quintet")).args(args).stdin(Stdio::null()).output().expect("started")
}

/// Standard output, which must be JSON and nothing else, of a command that ends with `code`.
#[track_caller]
fn json_of(args: &[&str], code: i32) -> Value {
    let output = quintet(args);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{args:?}: {said}");
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{args:?}: {error}: {said}"))
}

#[track_caller]
fn keys(value: &Value) -> Vec<&str> {
    value.as_object().unwrap_or_else(|| panic!("an object, not {value}")).keys().map(String::as_str).collect()
}

/// `value` is an object that begins with exactly these keys.
#[track_caller]
fn check_keys(value: &Value, expect: &[&str]) {
    let keys = keys(value);
    assert_eq!(keys[..expect.len().min(keys.len())], *expect, "all keys: {keys:?}");
}

fn place(name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("quintet-commands-{}-{name}", std::process::id()))
}

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
        let output = quintet(args);
        assert_eq!(output.status.code(), Some(0), "{args:?}");
        String::from_utf8(output.stdout).expect("text")
    };
    let count = |text: &str, command: &str| {
        text.lines().filter(|line| line.trim_start().starts_with(&format!("quintet {command}"))).count()
    };
    let top = help(&["help"]);
    for command in ["lab", "serve", "stress", "origin"] {
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
    check_keys(&report["latency_us"], &["p50", "p90", "p99", "p999", "max"]);
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

#[test]
fn a_signal_ends_a_run_with_its_report() {
    let mut origin = Running::start(&["origin", "--listen", "127.0.0.1:0"]);
    let url = format!("http://{}/bytes/10", origin.address());
    let run = Running::start(&["stress", &url, "-z", "10m", "-c", "2", "--json", "-"]);
    std::thread::sleep(Duration::from_millis(500));
    run.signal(Signal::Interrupt);
    let (code, out, err) = run.end();
    let report: Value = serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error}: {out}{err}"));
    assert_eq!(code, Some(0), "{err}");
    assert_eq!(report["stopped"], true);
    assert!(report["requests"]["ok"].as_u64() > Some(0), "{report:#}");
    origin.signal(Signal::Terminate);
    let (code, out, _) = origin.end();
    assert_eq!(code, Some(0));
    assert!(out.contains("requests ") && out.contains("closed first:"), "{out}");
}

#[test]
fn serve_without_a_configuration_can_be_tried_and_drains() {
    let file = place("serve.json");
    let path = file.to_string_lossy().into_owned();
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
    let counters: Value = serde_json::from_slice(&std::fs::read(&file).expect("written")).expect("JSON");
    std::fs::remove_file(&file).expect("removed");
    check_keys(&counters, &["requests", "responses"]);
    assert_eq!(counters["clients"]["closed_first"]["our_fin"], 8, "the balancer closes first: {counters:#}");
}

#[test]
fn check_tells_a_good_configuration() {
    let file = place("good.toml");
    let text = "[[listener]]\nname = \"web\"\nbind = \"127.0.0.1:0\"\nbackends = \"app\"\n\n\
                [[backend_set]]\nname = \"app\"\nservers = [\"127.0.0.1:9001\"]\n";
    std::fs::write(&file, text).expect("written");
    let output = quintet(&["serve", "--check", "--config", &file.to_string_lossy()]);
    std::fs::remove_file(&file).expect("removed");
    assert_eq!(output.status.code(), Some(0));
    assert!(String::from_utf8_lossy(&output.stdout).contains("good: 1 listeners, 1 backend sets, 1 servers"));
}

#[test]
fn a_command_that_fails_leaves_files_as_they_were() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("bound").to_string();
    let (old, new) = (place("old.json"), place("new.json"));
    std::fs::write(&old, "precious").expect("written");
    for file in [&old, &new] {
        let output = quintet(&["serve", "--listen", &address, "--json", &file.to_string_lossy()]);
        assert_eq!(output.status.code(), Some(2));
    }
    assert_eq!(std::fs::read_to_string(&old).expect("still there"), "precious");
    std::fs::remove_file(&old).expect("removed");
    assert!(!new.exists(), "an empty file was left behind");
}

#[test]
fn too_few_file_descriptors_are_told_with_the_way_out() {
    for command in ["serve", "origin"] {
        let line = format!("ulimit -n 7; exec \"$0\" {command} --listen 127.0.0.1:0 --workers 5");
        let output = Command::new("sh").args(["-c", &line, env!("CARGO_BIN_EXE_quintet")]).output().expect("started");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{command}: {said}");
        assert!(said.contains("file descriptor") && said.contains("ulimit -n"), "{command}: {said}");
    }
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
    let output = quintet(&["lab", "--list"]);
    let text = String::from_utf8(output.stdout).expect("text");
    assert_eq!(output.status.code(), Some(0));
    for name in ["problem", "timestamps-on", "reuse-off", "balancer-closes-first", "header-alone", "reset"] {
        assert!(text.lines().any(|line| line.starts_with(&format!("{name} "))), "{name} in {text}");
    }
    assert!(text.lines().count() >= 9, "{text}");
}
