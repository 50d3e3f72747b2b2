//! One file that runs anywhere with the right kernel.
//!
//! Linked with glibc, statically, for the target that every toolchain has: a toolchain for musl would have to be fetched by
//! rustup, and musl's allocator is slow where many threads allocate. Names of hosts are looked up by hosts and DNS then (both
//! are part of a static glibc since 2.34); other modules of nsswitch.conf need the very same glibc on the host.

use super::output_of;
use anyhow::{Context, ensure};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Puts the program into the folder: this one, stripped, or one that is built for it.
pub(super) fn make(given: Option<&Path>, out: &Path) -> anyhow::Result<PathBuf> {
    let built = given.map_or_else(build, |given| Ok(given.to_path_buf()))?;
    let program = out.join("quintet");
    // Past one that runs: its file stays its own.
    let _there_is_none = std::fs::remove_file(&program);
    std::fs::copy(&built, &program).with_context(|| format!("copying {}", built.display()))?;
    if given.is_some() {
        output_of(Command::new("strip").arg(&program))?;
    }
    Ok(program)
}

fn build() -> anyhow::Result<PathBuf> {
    let target = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let mut command = Command::new(cargo);
    // With a target named, what runs while it is built (macros, build scripts) is linked as ever.
    command.args(["build", "--release", "--package", "quintet", "--target", &target]);
    command.env("RUSTFLAGS", format!("-C target-feature=+crt-static {}", without_our_paths()?));
    command.envs([("CARGO_PROFILE_RELEASE_DEBUG", "0"), ("CARGO_PROFILE_RELEASE_STRIP", "symbols")]);
    let status = command.status().context("starting cargo")?;
    ensure!(status.success(), "{command:?}: {status}");
    let ours = std::env::current_exe().context("finding the target folder")?;
    let folder = ours.ancestors().nth(2).context("the program lies in a folder of the target folder")?;
    Ok(folder.join(target).join("release/quintet"))
}

/// Where it was built is nobody's business, and makes no other program.
fn without_our_paths() -> anyhow::Result<String> {
    let mut flags = format!("--remap-path-prefix={}=quintet", std::env::current_dir()?.display());
    if let Some(home) =
        std::env::var_os("CARGO_HOME").or_else(|| Some(Path::new(&std::env::var_os("HOME")?).join(".cargo").into()))
    {
        flags += &format!(" --remap-path-prefix={}=cargo", Path::new(&home).display());
    }
    Ok(flags)
}

/// Does it ask for no program that loads libraries?
pub(super) fn is_static(program: &Path) -> anyhow::Result<bool> {
    let bytes = std::fs::read(program).with_context(|| format!("reading {}", program.display()))?;
    has_no_interpreter(&bytes).with_context(|| format!("{} is no 64-bit ELF file", program.display()))
}

/// No program header of the type PT_INTERP (elf(5)); `None` where it is no ELF file of 64 bits, little-endian.
fn has_no_interpreter(file: &[u8]) -> Option<bool> {
    const PT_INTERP: u64 = 3;
    let number = |at: usize, size: usize| {
        let bytes = file.get(at..at.checked_add(size)?)?;
        Some(bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    };
    file.starts_with(b"\x7fELF\x02\x01").then_some(())?;
    let (headers, size, count) = (number(0x20, 8)? as usize, number(0x36, 2)? as usize, number(0x38, 2)? as usize);
    for header in 0..count {
        if number(headers.checked_add(header * size)?, 4)? == PT_INTERP {
            return Some(false);
        }
    }
    Some(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_needs_libraries_is_known() {
        let elf = |kinds: &[u8]| {
            let mut file = b"\x7fELF\x02\x01".to_vec();
            file.resize(0x40, 0);
            (file[0x20], file[0x36], file[0x38]) = (0x40, 56, kinds.len() as u8);
            kinds.iter().for_each(|kind| file.extend([vec![*kind], vec![0; 55]].concat()));
            file
        };
        assert_eq!(has_no_interpreter(&elf(&[1, 2])), Some(true));
        assert_eq!(has_no_interpreter(&elf(&[6, 3, 1])), Some(false));
        assert_eq!(has_no_interpreter(&elf(&[1, 1])[..0x60]), None, "it is cut off");
        assert_eq!(has_no_interpreter(b"#!/bin/sh"), None);
        let ourselves = std::env::current_exe().expect("known");
        assert!(!is_static(&ourselves).expect("an ELF file"));
    }
}
