//! Other programs in tests: run to their end within time, or waited for until they listen, and ended whatever happens.

use crate::skip::installed;
use crate::wait::PATIENCE;
use std::io::Read;
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Output, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// No program here works so long: thousands of requests, whose every step may have to wait for a busy machine.
const WORK_MAX: Duration = PATIENCE.saturating_mul(4);
/// Between two looks whether a program listens, or has ended.
const LOOK_EVERY: Duration = Duration::from_millis(2);

/// A program that serves, and ends with its owner.
#[derive(Debug)]
pub struct Server {
    child: Child,
    /// Where it listens.
    pub address: SocketAddr,
}

impl Server {
    /// Starts it and waits until it listens on `address`. What it writes to standard output is for nobody.
    ///
    /// # Panics
    /// When it does not start, ends, or does not listen in time.
    pub fn start(command: &mut Command, address: SocketAddr) -> Self {
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn();
        let mut server = Self { child: child.unwrap_or_else(|error| panic!("{command:?}: {error}")), address };
        let until = Instant::now() + PATIENCE;
        while TcpStream::connect(address).is_err() {
            let ended = server.child.try_wait().expect("a child");
            assert!(ended.is_none(), "{command:?} ended: {ended:?}");
            assert!(Instant::now() < until, "{command:?} does not listen on {address}");
            std::thread::sleep(LOOK_EVERY);
        }
        server
    }

    /// A URL of it.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ended_already = self.child.kill();
        let _no_zombie = self.child.wait();
    }
}

/// curl, quiet but for errors, without a proxy, and bounded; where it is not installed, the calling test is skipped.
#[track_caller]
pub fn curl() -> Option<Command> {
    let mut command = Command::new(installed("curl")?);
    command.args(["--silent", "--show-error", "--noproxy", "*", "--max-time"]).arg(WORK_MAX.as_secs().to_string());
    Some(command)
}

/// Runs a program to its end, with nothing to read; what it wrote.
///
/// # Panics
/// When it does not start, or does not end in time: then it is ended.
pub fn run(command: &mut Command) -> Output {
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut child = child.unwrap_or_else(|error| panic!("{command:?}: {error}"));
    // Read from the start: a program that fills a pipe waits for its reader.
    let (stdout, stderr) = (read(child.stdout.take()), read(child.stderr.take()));
    let until = Instant::now() + WORK_MAX;
    let status = loop {
        match child.try_wait().expect("a child") {
            Some(status) => break status,
            None if Instant::now() < until => std::thread::sleep(LOOK_EVERY),
            None => {
                child.kill().and_then(|()| child.wait()).expect("a child");
                panic!("{command:?} does not end");
            }
        }
    };
    let whole = |reader: JoinHandle<Vec<u8>>| reader.join().expect("it only reads");
    Output { status, stdout: whole(stdout), stderr: whole(stderr) }
}

fn read(pipe: Option<impl Read + Send + 'static>) -> JoinHandle<Vec<u8>> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        pipe.expect("piped").read_to_end(&mut bytes).expect("a pipe of ours");
        bytes
    })
}

/// The same for a program that must succeed: its standard output.
///
/// # Panics
/// Also when it fails.
pub fn run_well(command: &mut Command) -> String {
    let output = run(command);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {}\n{said}", output.status);
    String::from_utf8_lossy(&output.stdout).into_owned()
}
