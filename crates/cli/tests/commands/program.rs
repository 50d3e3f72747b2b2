//! The binary as a child: started, watched, ended; its JSON read.

use serde_json::Value;
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::process::{Child, ChildStderr, ChildStdout, Command, Output, Stdio};
use std::time::{Duration, Instant};
use sys::signal::Signal;

pub(crate) use testkit::PATIENCE;

/// A command that is ended whatever happens.
pub(crate) struct Running {
    child: Child,
    stdout: BufReader<ChildStdout>,
    stderr: BufReader<ChildStderr>,
    /// What was read of standard error already.
    heard: String,
}

impl Running {
    pub(crate) fn start(args: &[&str]) -> Self {
        Self::start_with(args, &[])
    }

    /// With these variables in its environment.
    pub(crate) fn start_with(args: &[&str], variables: &[(&str, &str)]) -> Self {
        Self::of(Command::new(env!("CARGO_BIN_EXE_quintet")).args(args).envs(variables.iter().copied()))
    }

    /// A command that becomes the binary.
    pub(crate) fn of(command: &mut Command) -> Self {
        let command = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("started");
        let stdout = BufReader::new(child.stdout.take().expect("piped"));
        let stderr = BufReader::new(child.stderr.take().expect("piped"));
        Self { child, stdout, stderr, heard: String::new() }
    }

    /// The address in the first line it prints.
    pub(crate) fn address(&mut self) -> SocketAddr {
        let mut line = String::new();
        self.stdout.read_line(&mut line).expect("a line");
        let address = line.split_once("http://").and_then(|(_, rest)| rest.split_once('/'));
        let (address, _) = address.unwrap_or_else(|| panic!("no address in {line:?}"));
        address.parse().unwrap_or_else(|error| panic!("{address}: {error}"))
    }

    /// Reads its standard error up to a line that says this.
    pub(crate) fn complains(&mut self, text: &str) {
        let before = self.heard.len();
        while !self.heard[before..].contains(text) {
            let read = self.stderr.read_line(&mut self.heard).expect("a line");
            assert!(read > 0, "it ended without saying {text:?}: {}", self.heard);
        }
    }

    /// Reads its standard output up to a line that says this, and answers with that line.
    pub(crate) fn says(&mut self, text: &str) -> String {
        loop {
            let mut line = String::new();
            let read = self.stdout.read_line(&mut line).expect("a line");
            assert!(read > 0, "it ended without saying {text:?}");
            if line.contains(text) {
                return line.trim_end().to_owned();
            }
        }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whatever its children do.
    pub(crate) fn has_ended(&mut self) -> bool {
        self.child.try_wait().expect("waited").is_some()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        sys::signal::send(self.child.id(), signal).expect("sent");
    }

    /// Waits for its end; exit code, the rest of standard output, standard error.
    pub(crate) fn end(mut self) -> (Option<i32>, String, String) {
        let until = Instant::now() + PATIENCE;
        while self.child.try_wait().expect("waited").is_none() {
            assert!(Instant::now() < until, "it still runs after {PATIENCE:?}");
            std::thread::sleep(Duration::from_millis(5));
        }
        let (mut out, mut err) = (String::new(), std::mem::take(&mut self.heard));
        self.stdout.read_to_string(&mut out).expect("output");
        self.stderr.read_to_string(&mut err).expect("errors");
        (self.child.wait().expect("ended").code(), out, err)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ended_already = self.child.kill();
        let _no_zombie = self.child.wait();
    }
}

pub(crate) fn quintet(args: &[&str]) -> Output {
    testkit::run(Command::new(env!("CARGO_BIN_EXE_quintet")).args(args))
}

/// Exit code, standard output, standard error.
pub(crate) fn told(args: &[&str]) -> (Option<i32>, String, String) {
    let output = quintet(args);
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    (output.status.code(), text(output.stdout), text(output.stderr))
}

/// Standard output, which must be JSON and nothing else, of a command that ends with `code`.
#[track_caller]
pub(crate) fn json_of(args: &[&str], code: i32) -> Value {
    let output = quintet(args);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{args:?}: {said}");
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{args:?}: {error}: {said}"))
}

#[track_caller]
pub(crate) fn keys(value: &Value) -> Vec<&str> {
    value.as_object().unwrap_or_else(|| panic!("an object, not {value}")).keys().map(String::as_str).collect()
}

/// `value` is an object that begins with exactly these keys.
#[track_caller]
pub(crate) fn check_keys(value: &Value, expect: &[&str]) {
    let keys = keys(value);
    assert_eq!(keys[..expect.len().min(keys.len())], *expect, "all keys: {keys:?}");
}
