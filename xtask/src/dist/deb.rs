//! A Debian package. `dpkg-deb` writes it: wherever one is wanted, it is there.

use super::tree::{CONFIG, Entry};
use super::{Packing, output_of};
use anyhow::{Context, bail};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A new program takes over from one that runs, without a client refused; one that does not start changes nothing.
const AFTER_INSTALL: &str = "\
#!/bin/sh
set -e
if [ \"$1\" = configure ] && [ -z \"$DPKG_ROOT\" ] && [ -d /run/systemd/system ]; then
    systemctl daemon-reload || true
    if [ -n \"$2\" ] && systemctl is-active --quiet quintet; then
        systemctl kill --signal=USR2 --kill-whom=main quintet 2>/dev/null ||
            systemctl kill --signal=USR2 --kill-who=main quintet || true
    fi
fi
";

/// It drains, and is gone.
const BEFORE_REMOVAL: &str = "\
#!/bin/sh
set -e
if [ \"$1\" = remove ] && [ -z \"$DPKG_ROOT\" ] && [ -d /run/systemd/system ]; then
    systemctl disable --now quintet || true
fi
";

const AFTER_REMOVAL: &str = "\
#!/bin/sh
set -e
if [ -z \"$DPKG_ROOT\" ] && [ -d /run/systemd/system ]; then
    systemctl daemon-reload || true
fi
";

/// Writes it; `None` where there is no `dpkg-deb`.
pub(super) fn write(tree: &[Entry], version: &str, packing: Packing, out: &Path) -> anyhow::Result<Option<PathBuf>> {
    if Command::new("dpkg-deb").arg("--version").output().is_err() {
        return Ok(None);
    }
    let staging = out.join("deb");
    let _there_is_none = std::fs::remove_dir_all(&staging);
    for entry in tree {
        put(&staging, &entry.path, entry.mode, &entry.content)?;
    }
    put(&staging, "DEBIAN/control", 0o644, control(tree, version)?.as_bytes())?;
    put(&staging, "DEBIAN/conffiles", 0o644, format!("/{CONFIG}\n").as_bytes())?;
    put(&staging, "DEBIAN/postinst", 0o755, AFTER_INSTALL.as_bytes())?;
    put(&staging, "DEBIAN/prerm", 0o755, BEFORE_REMOVAL.as_bytes())?;
    put(&staging, "DEBIAN/postrm", 0o755, AFTER_REMOVAL.as_bytes())?;
    let package = out.join(format!("quintet_{version}_{}.deb", architecture()?));
    let how: &[&str] = if packing.quick { &["-Zgzip", "-z1"] } else { &["-Zxz"] };
    let mut command = Command::new("dpkg-deb");
    command.args(how).args(["--root-owner-group", "--build"]).args([&staging, &package]);
    output_of(command.env("SOURCE_DATE_EPOCH", packing.date_s.to_string()))?;
    std::fs::remove_dir_all(&staging)?;
    Ok(Some(package))
}

fn put(root: &Path, path: &str, mode: u32, content: &[u8]) -> anyhow::Result<()> {
    let file = root.join(path);
    let folder = file.parent().context("below the root")?;
    std::fs::create_dir_all(folder)?;
    // Whatever this user's umask is: dpkg-deb takes folders as they are.
    for folder in folder.ancestors().take_while(|folder| folder.starts_with(root)) {
        std::fs::set_permissions(folder, PermissionsExt::from_mode(0o755))?;
    }
    std::fs::write(&file, content).with_context(|| format!("writing {}", file.display()))?;
    Ok(std::fs::set_permissions(&file, PermissionsExt::from_mode(mode))?)
}

fn control(tree: &[Entry], version: &str) -> anyhow::Result<String> {
    let size: usize = tree.iter().map(|entry| entry.content.len().div_ceil(1024)).sum();
    Ok(format!(
        "Package: quintet\nVersion: {version}\nArchitecture: {}\nMaintainer: The Quintet project <quintet@example.invalid>\n\
         Installed-Size: {size}\nSection: net\nPriority: optional\n\
         Description: load balancer and stress tester that never run out of ports\n \
         A load balancer for HTTP and TCP, a stress tester, a doctor that tells why\n \
         connects fail, and a lab that shows it on the running kernel. One static\n \
         program that needs no library.\n",
        architecture()?
    ))
}

/// As Debian calls it.
fn architecture() -> anyhow::Result<&'static str> {
    match std::env::consts::ARCH {
        "x86_64" => Ok("amd64"),
        "aarch64" => Ok("arm64"),
        other => bail!("what Debian calls {other} is not known here: add it to xtask/src/dist/deb.rs"),
    }
}
