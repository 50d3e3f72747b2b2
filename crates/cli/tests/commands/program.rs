//! The binary as a child: started, watched, ended; its JSON read.

use serde_json::Value;
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};
use sys::signal::Signal;

pub(crate) use testkit::PATIENCE;

/// What a command prints, line by line, each with its end; whoever waits for one waits within [`PATIENCE`].
struct Lines(Receiver<String>);

impl Lines {
    fn of(pipe: impl Read + Send + 'static) -> Self {
        let (lines, printed) = mpsc::channel();
        std::thread::spawn(move || {
            let mut pipe = BufReader::new(pipe);
            let mut line = String::new();
            while pipe.read_line(&mut line).is_ok_and(|read| read > 0) {
                if lines.send(std::mem::take(&mut line)).is_err() {
                    break;
                }
            }
        });
        Self(printed)
    }

    /// Nothing at the end.
    ///
    /// # Panics
    /// When neither comes; `awaited` is told then.
    #[track_caller]
    fn next(&self, awaited: &str) -> Option<String> {
        match self.0.recv_timeout(PATIENCE) {
            Ok(line) => {
                // Shown where the test fails.
                print!("{line}");
                Some(line)
            }
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => panic!("{awaited:?} was not said within {PATIENCE:?}"),
        }
    }

    #[track_caller]
    fn rest(&self) -> String {
        std::iter::from_fn(|| self.next("the end")).collect()
    }
}

/// A command that is ended whatever happens.
pub(crate) struct Running {
    child: Child,
    stdout: Lines,
    stderr: Lines,
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
        let stdout = Lines::of(child.stdout.take().expect("piped"));
        let stderr = Lines::of(child.stderr.take().expect("piped"));
        Self { child, stdout, stderr, heard: String::new() }
    }

    /// The address in the first line it prints.
    pub(crate) fn address(&mut self) -> SocketAddr {
        let line = self.stdout.next("an address").unwrap_or_default();
        let address = line.split_once("http://").and_then(|(_, rest)| rest.split_once('/'));
        let (address, _) = address.unwrap_or_else(|| panic!("no address in {line:?}"));
        address.parse().unwrap_or_else(|error| panic!("{address}: {error}"))
    }

    /// Reads its standard error up to a line that says this.
    #[track_caller]
    pub(crate) fn complains(&mut self, text: &str) {
        let before = self.heard.len();
        while !self.heard[before..].contains(text) {
            match self.stderr.next(text) {
                Some(line) => self.heard += &line,
                None => panic!("it ended without saying {text:?}: {}", self.heard),
            }
        }
    }

    /// Reads its standard output up to a line that says this, and answers with that line.
    #[track_caller]
    pub(crate) fn says(&mut self, text: &str) -> String {
        loop {
            let line = self.stdout.next(text).unwrap_or_else(|| panic!("it ended without saying {text:?}"));
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
        let (out, err) = (self.stdout.rest(), std::mem::take(&mut self.heard) + &self.stderr.rest());
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
