//! Which files are in a package, and where. What tells of the program is asked of the program.

use super::output_of;
use anyhow::{Context, ensure};
use flate2::{Compression, GzBuilder};
use std::io::Write;
use std::path::Path;
use std::process::Command;

/// Where the configuration lies.
pub(super) const CONFIG: &str = "etc/quintet/quintet.toml";
/// Where the program lies.
pub(super) const PROGRAM: &str = "usr/bin/quintet";
/// Who the program is in an image: nobody of the host's.
pub(super) const USER: u64 = 65_532;

/// A file, or a folder that somebody may write to.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    /// Without a slash at its beginning; with one at its end where it is a folder.
    pub(super) path: String,
    pub(super) mode: u32,
    pub(super) owner: u64,
    pub(super) content: Vec<u8>,
}

impl Entry {
    fn file(path: impl Into<String>, content: impl Into<Vec<u8>>) -> Self {
        Self { path: path.into(), mode: 0o644, owner: 0, content: content.into() }
    }

    fn program(program: &Path) -> anyhow::Result<Self> {
        let content = std::fs::read(program).with_context(|| format!("reading {}", program.display()))?;
        Ok(Self { mode: 0o755, ..Self::file(PROGRAM, content) })
    }
}

/// Of a Debian package.
pub(super) fn of_package(program: &Path) -> anyhow::Result<Vec<Entry>> {
    let completions = |shell: &str| output_of(Command::new(program).args(["completions", shell]));
    let mut tree = vec![
        Entry::program(program)?,
        Entry::file(CONFIG, read("contrib/package/quintet.toml")?),
        Entry::file("usr/lib/systemd/system/quintet.service", unit(program)?),
        Entry::file("usr/share/bash-completion/completions/quintet", completions("bash")?),
        Entry::file("usr/share/zsh/vendor-completions/_quintet", completions("zsh")?),
        Entry::file("usr/share/fish/vendor_completions.d/quintet.fish", completions("fish")?),
        Entry::file("usr/share/doc/quintet/copyright", copyright()?),
        Entry::file("usr/share/doc/quintet/changelog.gz", gzip(&read("CHANGELOG.md")?, false)?),
    ];
    tree.extend(pages(program)?);
    for example in files_of(Path::new("examples"))? {
        let name = example.file_name().context("a file")?.to_string_lossy().into_owned();
        tree.push(Entry::file(format!("usr/share/doc/quintet/examples/{name}"), std::fs::read(&example)?));
    }
    Ok(tree)
}

/// Of an image that has nothing beside it.
pub(super) fn of_image(program: &Path) -> anyhow::Result<Vec<Entry>> {
    let config = String::from_utf8(read("contrib/package/quintet.toml")?)?;
    // Its own loopback is out of everybody's reach.
    let config = replaced(&config, "127.0.0.1:8080", "0.0.0.0:8080")?;
    let folder = Entry { mode: 0o755, owner: USER, ..Entry::file("run/quintet/", []) };
    Ok(vec![
        Entry::program(program)?,
        Entry::file(CONFIG, config),
        Entry::file("etc/passwd", format!("root:x:0:0::/:/none\nquintet:x:{USER}:{USER}::/:/none\n")),
        Entry::file("etc/group", format!("root:x:0:\nquintet:x:{USER}:\n")),
        folder,
    ])
}

/// The program's own, for where the package puts it.
fn unit(program: &Path) -> anyhow::Result<String> {
    let text = String::from_utf8(output_of(Command::new(program).args(["serve", "--install-unit"]))?)?;
    let text = replaced(&text, &format!("ExecStart={}", program.display()), &format!("ExecStart=/{PROGRAM}"))?;
    let text = replaced(&text, "RuntimeDirectory=quintet\n", "RuntimeDirectory=quintet\nLogsDirectory=quintet\n")?;
    // Understood by every systemd; `notify-reload` by those from 253 on.
    replaced(&text, "Type=notify-reload\n", "Type=notify\nExecReload=/bin/kill -HUP $MAINPID\n")
}

fn replaced(text: &str, what: &str, with: &str) -> anyhow::Result<String> {
    ensure!(text.contains(what), "{what:?} was expected in\n{text}");
    Ok(text.replace(what, with))
}

/// All pages of the manual.
fn pages(program: &Path) -> anyhow::Result<Vec<Entry>> {
    let folder = program.with_file_name("man1");
    let _there_is_none = std::fs::remove_dir_all(&folder);
    output_of(Command::new(program).args(["man", "--all"]).arg(&folder))?;
    let mut pages = Vec::new();
    for page in files_of(&folder)? {
        let name = page.file_name().context("a file")?.to_string_lossy().into_owned();
        pages.push(Entry::file(format!("usr/share/man/man1/{name}.gz"), gzip(&std::fs::read(&page)?, false)?));
    }
    std::fs::remove_dir_all(&folder)?;
    Ok(pages)
}

fn copyright() -> anyhow::Result<Vec<u8>> {
    let head = b"Quintet is licensed under the MIT licence or the Apache licence 2.0, as you like.\n\n".to_vec();
    Ok([head, read("LICENSE-MIT")?, b"\n\n".to_vec(), read("LICENSE-APACHE")?].concat())
}

fn read(path: &str) -> anyhow::Result<Vec<u8>> {
    std::fs::read(path).with_context(|| format!("reading {path}"))
}

/// In an order that is always the same.
fn files_of(folder: &Path) -> anyhow::Result<Vec<std::path::PathBuf>> {
    let entries = std::fs::read_dir(folder).with_context(|| format!("reading {}", folder.display()))?;
    let mut files = entries.map(|entry| Ok(entry?.path())).collect::<std::io::Result<Vec<_>>>()?;
    files.sort();
    Ok(files)
}

/// Without a name or a date in it.
pub(super) fn gzip(bytes: &[u8], quick: bool) -> anyhow::Result<Vec<u8>> {
    let level = if quick { Compression::fast() } else { Compression::best() };
    let mut encoder = GzBuilder::new().mtime(0).write(Vec::new(), level);
    encoder.write_all(bytes)?;
    Ok(encoder.finish()?)
}
