//! `cargo xtask dist`: what people install. One static program; a Debian package; a container image.
//!
//! ```text
//!   binary   one file that needs nothing of the host but its kernel
//!   tree     which files are in a package, and where; most of them are written by the program itself
//!   deb      the tree as a .deb, made by dpkg-deb      oci   program and configuration as an image, without a daemon
//!   check    each is installed in a folder, and run
//! ```

mod binary;
mod check;
mod deb;
mod oci;
mod tree;

use anyhow::Context;
use std::path::{Path, PathBuf};
use std::process::Command;

/// As packages are called.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Flags of `cargo xtask dist`.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct DistArgs {
    /// Where everything is put.
    #[arg(long, value_name = "FOLDER", default_value = "target/dist")]
    out: PathBuf,
    /// Install each in a folder, and run it.
    #[arg(long)]
    check: bool,
    /// Pack this program instead of building a static one.
    #[arg(long, value_name = "FILE")]
    binary: Option<PathBuf>,
    /// Compress little.
    #[arg(long)]
    quick: bool,
}

/// How it is packed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Packing {
    /// Quickly, instead of into little room.
    quick: bool,
    /// What files are dated by, in seconds since 1970: the same sources give the same packages.
    date_s: u64,
}

/// Builds, packs, and says how large it has become.
pub(crate) fn run(args: &DistArgs) -> anyhow::Result<()> {
    std::fs::create_dir_all(&args.out).with_context(|| format!("making {}", args.out.display()))?;
    let out = args.out.canonicalize()?;
    let packing = Packing { quick: args.quick, date_s: date_s() };
    let program = binary::make(args.binary.as_deref(), &out)?;
    let is_static = binary::is_static(&program)?;
    let linked = if is_static { "static" } else { "needs the libraries it was built with" };
    told("program", &program, &format!(", {linked}"))?;
    let tree = tree::of_package(&program)?;
    let package = match deb::write(&tree, VERSION, packing, &out)? {
        Some(package) => Some(package),
        None => {
            println!("no .deb: dpkg-deb is not installed");
            None
        }
    };
    package.iter().try_for_each(|package| told("Debian package", package, ""))?;
    let image = oci::write(&tree::of_image(&program)?, packing, &out)?;
    told("OCI image layout", &image, ", FROM scratch")?;
    if args.check {
        check::program(&program)?;
        package.iter().try_for_each(|package| check::package(package, &tree, packing, is_static))?;
        check::image(&image, is_static)?;
    }
    Ok(())
}

/// A line about something that was made.
fn told(what: &str, path: &Path, more: &str) -> anyhow::Result<()> {
    let size = size_of(path)? as f64 / (1024.0 * 1024.0);
    println!("{what}: {} ({size:.1} MiB{more})", path.display());
    Ok(())
}

fn size_of(path: &Path) -> anyhow::Result<u64> {
    let about = path.symlink_metadata().with_context(|| format!("looking at {}", path.display()))?;
    if !about.is_dir() {
        return Ok(about.len());
    }
    std::fs::read_dir(path)?.map(|entry| size_of(&entry?.path())).sum()
}

/// Of the last commit, where there is one to be asked.
fn date_s() -> u64 {
    let said = |text: String| text.trim().parse().ok();
    let given = std::env::var("SOURCE_DATE_EPOCH").ok().and_then(said);
    let log = || Command::new("git").args(["log", "-1", "--format=%ct"]).output().ok();
    given.or_else(|| log().and_then(|log| said(String::from_utf8(log.stdout).ok()?))).unwrap_or(0)
}

/// Runs a program to its end; what it wrote to standard output.
fn output_of(command: &mut Command) -> anyhow::Result<Vec<u8>> {
    let output = command.output().with_context(|| format!("starting {command:?}"))?;
    let why = String::from_utf8_lossy(&output.stderr);
    anyhow::ensure!(output.status.success(), "{command:?}: {}\n{why}", output.status);
    Ok(output.stdout)
}
