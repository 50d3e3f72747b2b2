//! The Rust sources of the house, read once.

use anyhow::Context;
use std::path::{Path, PathBuf};

/// One file.
pub(super) struct Source {
    /// Path below the root.
    pub(super) path: PathBuf,
    /// Its text.
    pub(super) text: String,
    /// What it declares.
    pub(super) ast: syn::File,
}

impl Source {
    pub(super) fn parse(path: &Path, text: String) -> anyhow::Result<Self> {
        let ast = syn::parse_file(&text).with_context(|| format!("parsing {}", path.display()))?;
        Ok(Self { path: path.to_path_buf(), text, ast })
    }

    /// Name of its crate's folder: `http1` of `crates/http1/src/lib.rs`, `fuzz` of `fuzz/targets/chunked.rs`.
    pub(super) fn folder(&self) -> &str {
        let mut parts = self.path.iter().map(|part| part.to_str().unwrap_or_default());
        let first = parts.next().unwrap_or_default();
        if first == "crates" { parts.next().unwrap_or_default() } else { first }
    }

    /// Whether it is part of the program, as against its tests.
    pub(super) fn is_src(&self) -> bool {
        self.path.iter().any(|part| part == "src")
    }

    /// `path:line`
    pub(super) fn place(&self, span: proc_macro2::Span) -> String {
        format!("{}:{}", self.path.display(), span.start().line)
    }
}

/// Every file of the workspace and of `fuzz`, sorted by path.
pub(super) fn read_all() -> anyhow::Result<Vec<Source>> {
    let mut paths = Vec::new();
    for folder in ["crates", "xtask", "fuzz"] {
        find(Path::new(folder), &mut paths)?;
    }
    paths.sort();
    let read = |path: &PathBuf| {
        let text = std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
        Source::parse(path, text)
    };
    paths.iter().map(read).collect()
}

fn find(folder: &Path, paths: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    for entry in std::fs::read_dir(folder).with_context(|| format!("reading {}", folder.display()))? {
        let path = entry?.path();
        // Build output, and the corpora of the fuzzer.
        let skipped = ["target", "corpus", "artifacts"].iter().any(|name| path.ends_with(name));
        if path.is_dir() && !skipped {
            find(&path, paths)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            paths.push(path);
        }
    }
    Ok(())
}

/// `#[cfg(test)]`
pub(super) fn is_test(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg")
            && attribute.parse_args::<syn::Ident>().is_ok_and(|condition| condition == "test")
    })
}
