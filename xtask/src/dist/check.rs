//! Each is installed in a folder of its own, and serves from there.

use super::oci::{digest_of, path_of};
use super::tree::{CONFIG, Entry, PROGRAM};
use super::{Packing, VERSION, deb, output_of};
use anyhow::{Context, anyhow, ensure};
use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use sys::signal::Signal;

/// Nobody waits longer for a page of twenty bytes.
const PATIENCE: Duration = Duration::from_secs(60);

/// The program as it lies.
pub(super) fn program(program: &Path) -> anyhow::Result<()> {
    serves(&mut Command::new(program)).context("the program")?;
    println!("checked: the program serves");
    Ok(())
}

/// Installed by dpkg, upgraded, removed: the configuration is the administrator's.
pub(super) fn package(package: &Path, tree: &[Entry], packing: Packing, is_static: bool) -> anyhow::Result<()> {
    let root = fresh(&package.with_file_name("root-deb"))?;
    for folder in ["info", "updates", "triggers"] {
        std::fs::create_dir_all(root.join("var/lib/dpkg").join(folder))?;
    }
    std::fs::write(root.join("var/lib/dpkg/status"), "")?;
    dpkg(&root, &["-i"], Some(package))?;
    for entry in tree {
        let there =
            std::fs::read(root.join(&entry.path)).with_context(|| format!("{} was not installed", entry.path))?;
        ensure!(there == entry.content, "{} is not as it was packed", entry.path);
    }
    served_from(&root, is_static)?;
    let config = root.join(CONFIG);
    let ours = std::fs::read_to_string(&config)? + "# of this host\n";
    std::fs::write(&config, &ours)?;
    let next = next(package, tree, packing)?;
    dpkg(&root, &["--force-confold", "-i"], Some(&next))?;
    std::fs::remove_file(&next)?;
    ensure!(std::fs::read_to_string(&config)? == ours, "an upgrade has changed the configuration");
    dpkg(&root, &["-r", "quintet"], None)?;
    ensure!(!root.join(PROGRAM).exists() && config.exists(), "removed is the program, not the configuration");
    dpkg(&root, &["-P", "quintet"], None)?;
    ensure!(!config.exists(), "purged is the configuration as well");
    std::fs::remove_dir_all(&root)?;
    println!(
        "checked: the Debian package is installed, serves, is upgraded with its configuration kept, removed, purged"
    );
    Ok(())
}

/// The package of a version to come, with another configuration.
fn next(package: &Path, tree: &[Entry], packing: Packing) -> anyhow::Result<PathBuf> {
    let mut tree = tree.to_vec();
    for entry in tree.iter_mut().filter(|entry| entry.path == CONFIG) {
        entry.content.extend(b"# of the next version\n");
    }
    let folder = fresh(&package.with_file_name("next"))?;
    let next = deb::write(&tree, &format!("{VERSION}+next"), packing, &folder)?.context("dpkg-deb has gone")?;
    let beside = package.with_file_name("next.deb");
    std::fs::rename(next, &beside)?;
    std::fs::remove_dir_all(folder)?;
    Ok(beside)
}

/// Below a folder, as if that were all there is. Scripts of packages are told so by `DPKG_ROOT`.
fn dpkg(root: &Path, what: &[&str], package: Option<&Path>) -> anyhow::Result<()> {
    let mut command = as_root();
    command
        .arg("dpkg")
        .arg(format!("--root={}", root.display()))
        .args(["--force-script-chrootless", "--force-not-root"]);
    output_of(command.args(what).args(package)).map(drop)
}

/// Every blob is what its digest says, and the layer serves.
pub(super) fn image(layout: &Path, is_static: bool) -> anyhow::Result<()> {
    let index: Value = serde_json::from_slice(&std::fs::read(layout.join("index.json"))?)?;
    let manifest: Value = serde_json::from_slice(&checked(layout, &index["manifests"][0])?)?;
    let config: Value = serde_json::from_slice(&checked(layout, &manifest["config"])?)?;
    let packed = checked(layout, &manifest["layers"][0])?;
    let mut layer = Vec::new();
    flate2::read::GzDecoder::new(&packed[..]).read_to_end(&mut layer)?;
    ensure!(config["rootfs"]["diff_ids"][0] == digest_of(&layer), "the configuration names another layer");
    let root = fresh(&layout.with_file_name("root-oci"))?;
    tar::Archive::new(&layer[..]).unpack(&root)?;
    let entry = config["config"]["Entrypoint"][0].as_str().context("an entry point")?;
    ensure!(entry == format!("/{PROGRAM}") && root.join(PROGRAM).exists(), "the entry point is not in the layer");
    served_from(&root, is_static)?;
    std::fs::remove_dir_all(&root)?;
    println!("checked: the image's blobs are what their digests say, and its layer serves");
    Ok(())
}

fn checked(layout: &Path, descriptor: &Value) -> anyhow::Result<Vec<u8>> {
    let digest = descriptor["digest"].as_str().context("a digest")?;
    let bytes = std::fs::read(path_of(layout, digest)?).with_context(|| format!("reading {digest}"))?;
    ensure!(digest_of(&bytes) == digest && descriptor["size"] == bytes.len(), "{digest} is not what is in its file");
    Ok(bytes)
}

/// A static program has nothing but this folder; another one needs its libraries, and runs as it lies.
fn served_from(root: &Path, is_static: bool) -> anyhow::Result<()> {
    let within = |program: &str| {
        let mut command = as_root();
        command.arg(format!("--root={}", root.display())).arg(program);
        command
    };
    let command = || if is_static { within(&format!("/{PROGRAM}")) } else { Command::new(root.join(PROGRAM)) };
    let config = if is_static { Path::new("/").join(CONFIG) } else { root.join(CONFIG) };
    let said = output_of(command().args(["serve", "--check", "--config"]).arg(config))?;
    ensure!(String::from_utf8_lossy(&said).contains("good: 1 listener"), "the configuration is not good");
    serves(&mut command()).with_context(|| format!("below {}", root.display()))
}

/// Root of a namespace, where it is not root already.
fn as_root() -> Command {
    let mut command = Command::new("unshare");
    if sys::privileges::identity().user != 0 {
        command.arg("--map-root-user");
    }
    command
}

fn fresh(folder: &Path) -> anyhow::Result<PathBuf> {
    let _there_is_none = std::fs::remove_dir_all(folder);
    std::fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
    Ok(folder.to_path_buf())
}

/// Two origins behind it, one client, and a drain.
fn serves(program: &mut Command) -> anyhow::Result<()> {
    let command = program.args(["serve", "--listen", "127.0.0.1:0", "--workers", "1"]);
    let mut running = Ended(command.stdout(Stdio::piped()).spawn().with_context(|| format!("starting {command:?}"))?);
    let out = running.0.stdout.take().context("piped")?;
    let mut lines = BufReader::new(out);
    let mut line = String::new();
    lines.read_line(&mut line)?;
    let address = line.split_once("http://").and_then(|(_, rest)| rest.split_once('/'));
    let (address, _) = address.with_context(|| format!("no address in {line:?}"))?;
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    write!(stream, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    ensure!(answer.contains("Hello from one"), "an answer of another kind: {answer}");
    sys::signal::send(running.0.id(), Signal::Terminate).map_err(|why| anyhow!("it cannot be told to end: {why}"))?;
    lines.read_to_string(&mut line)?;
    let end = running.0.wait()?;
    ensure!(end.success() && line.contains("responses 1"), "it ended with {end}: {line}");
    Ok(())
}

/// A child that ends with its owner.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ended_already = self.0.kill();
        let _no_zombie = self.0.wait();
    }
}
