//! Clients of TLS: the tester against a listener whose certificate is another one every few seconds.

use anyhow::{Context, ensure};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use sys::signal::{self, Signal};

pub(super) const ADDRESS: &str = "127.0.0.1:8443";
const CERTIFICATES: usize = 2;
/// Each second, each with a connection of its own: none is sent again.
const RATE: &str = "60";

/// The tester at work.
pub(super) struct Secured {
    tester: Child,
    report: PathBuf,
}

/// What it has seen.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) answered: u64,
    pub(super) failed: u64,
}

/// Certificates that take turns.
pub(super) fn make_certificates(folder: &Path) -> anyhow::Result<()> {
    for number in 0..CERTIFICATES {
        let made = rcgen::generate_simple_self_signed(vec!["soak.example".to_owned()])?;
        let both = made.cert.pem() + &made.signing_key.serialize_pem();
        std::fs::write(folder.join(format!("site-{number}.pem")), both)?;
    }
    change_certificate(folder, 0)
}

/// In place, in one step.
pub(super) fn change_certificate(folder: &Path, turn: u64) -> anyhow::Result<()> {
    let from = folder.join(format!("site-{}.pem", turn % CERTIFICATES as u64));
    let fresh = folder.join("site.pem.new");
    std::fs::copy(from, &fresh)?;
    Ok(std::fs::rename(fresh, folder.join("site.pem"))?)
}

impl Secured {
    pub(super) fn start(program: &Path, folder: &Path) -> anyhow::Result<Self> {
        let report = folder.join("secured.json");
        let tester = Command::new(program)
            .args(["stress", "-c", "4", "--rate", RATE, "-z", "24h", "--close", "wait", "--insecure", "--json"])
            .arg(&report)
            .arg(format!("https://{ADDRESS}/bytes/2000"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("starting the tester")?;
        Ok(Self { tester, report })
    }

    /// What came of it, by its own report.
    pub(super) fn end(mut self) -> anyhow::Result<Seen> {
        signal::send(self.tester.id(), Signal::Interrupt)
            .map_err(|why| anyhow::anyhow!("the tester is gone: {why}"))?;
        self.tester.wait()?;
        let text = std::fs::read_to_string(&self.report).context("the tester has written no report")?;
        let report: serde_json::Value = serde_json::from_str(&text)?;
        let count = |of: &str| report["requests"][of].as_u64().with_context(|| format!("requests.{of} of the tester"));
        let seen = Seen { answered: count("ok")?, failed: count("failed")? };
        ensure!(seen.answered > 0, "nobody was answered over TLS: {report:#}");
        Ok(seen)
    }
}

impl Drop for Secured {
    fn drop(&mut self) {
        let _ended_already = self.tester.kill();
        let _no_zombie = self.tester.wait();
    }
}
