//! What a request costs the whole of `quintet serve`: the user instructions of a process with one worker. What the kernel does
//! for it is not among them.

use super::callgrind;
use crate::configurations::{plain, with_features};
use anyhow::{Context, bail};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use sys::signal::Signal;

/// Requests of the shorter run, and of the longer one. What both have in common (start, configuration, the first requests,
/// which allocate, and the end) cancels out.
const SHORT: u64 = 500;
const LONG: u64 = 2500;

/// How long a program may take to listen; under valgrind everything takes fifty times as long.
const START_PATIENCE: Duration = Duration::from_secs(60);

/// What is asked for: with routes, by one in their middle.
const PATH: &str = "/bytes/24";

/// One way to be asked.
pub(super) struct Row {
    pub(super) name: &'static str,
    /// Who closes, as the tester calls it: `keep` is one connection for all requests, `wait` one for each.
    close: &'static str,
    features: bool,
}

/// All of them.
pub(super) const ROWS: &[Row] = &[
    Row { name: "serve/kept", close: "keep", features: false },
    Row { name: "serve/short", close: "wait", features: false },
    Row { name: "serve/kept-with-features", close: "keep", features: true },
    Row { name: "serve/short-with-features", close: "wait", features: true },
];

/// Instructions per request, row by row.
pub(super) fn count(rows: &[&'static Row], quintet: &Path) -> anyhow::Result<Vec<(&'static str, u64)>> {
    let house = House::build(quintet)?;
    rows.iter().map(|row| Ok((row.name, house.count(row)?))).collect()
}

/// An origin, and a place for what is needed to serve it.
struct House<'q> {
    quintet: &'q Path,
    folder: PathBuf,
    origin: Child,
    origin_at: SocketAddr,
}

impl<'q> House<'q> {
    fn build(quintet: &'q Path) -> anyhow::Result<Self> {
        let folder = std::env::temp_dir().join(format!("quintet-instructions-{}", std::process::id()));
        std::fs::create_dir_all(&folder).context("making a folder for configurations")?;
        let origin_at = free_address()?;
        let mut command = Command::new(quintet);
        command.args(["origin", "--listen", &origin_at.to_string()]);
        let origin = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().context("starting an origin")?;
        let mut house = Self { quintet, folder, origin, origin_at };
        await_listening(&mut house.origin, origin_at)?;
        Ok(house)
    }

    fn count(&self, row: &Row) -> anyhow::Result<u64> {
        let (short, long) = (self.total(row, SHORT)?, self.total(row, LONG)?);
        Ok(long.saturating_sub(short) / (LONG - SHORT))
    }

    /// Instructions of a process that has answered so many requests.
    fn total(&self, row: &Row, requests: u64) -> anyhow::Result<u64> {
        let at = free_address()?;
        let config = self.folder.join("serve.toml");
        let text = if row.features { with_features(at, self.origin_at) } else { plain(at, self.origin_at) };
        std::fs::write(&config, text).with_context(|| format!("writing {}", config.display()))?;
        let mut command = callgrind::command(self.quintet);
        command.arg("serve").arg("--config").arg(&config).args(["--workers", "1"]);
        let mut served = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().context("starting valgrind")?;
        let asked = await_listening(&mut served, at).and_then(|()| self.ask(at, row.close, requests));
        let stopped = sys::signal::send(served.id(), Signal::Terminate);
        let output = served.wait_with_output().context("waiting for valgrind")?;
        let said = String::from_utf8_lossy(&output.stderr);
        asked.with_context(|| format!("{} under valgrind: {said}", row.name))?;
        stopped.map_err(|why| anyhow::anyhow!("stopping quintet serve: {why}"))?;
        callgrind::collected(&said).with_context(|| format!("callgrind tells no count: {said}"))
    }

    /// A failed request makes the run worthless, so it is an error: the tester ends with one.
    fn ask(&self, at: SocketAddr, close: &str, requests: u64) -> anyhow::Result<()> {
        let mut command = Command::new(self.quintet);
        command.args(["stress", "--threads", "1", "--close", close, "-c", "1", "-n", &requests.to_string()]);
        let output = command.arg(format!("http://{at}{PATH}")).output().context("starting the tester")?;
        if !output.status.success() {
            bail!("{requests} requests, close {close}: {}", String::from_utf8_lossy(&output.stderr));
        }
        Ok(())
    }
}

impl Drop for House<'_> {
    fn drop(&mut self) {
        let _gone_already = self.origin.kill();
        let _gone_already = self.origin.wait();
        let _left_to_the_system = std::fs::remove_dir_all(&self.folder);
    }
}

/// One that is free now: nobody else is expected to take it in the next moment.
fn free_address() -> anyhow::Result<SocketAddr> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).context("looking for a free port")?;
    listener.local_addr().context("looking for a free port")
}

fn await_listening(child: &mut Child, at: SocketAddr) -> anyhow::Result<()> {
    let until = Instant::now() + START_PATIENCE;
    while TcpStream::connect(at).is_err() {
        if let Some(status) = child.try_wait().context("looking at a child")? {
            bail!("it ended at once: {status}");
        }
        if Instant::now() > until {
            bail!("nobody listens on {at}");
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}
