//! A container image as a folder (OCI image layout 1.1): FROM scratch, written without a daemon.
//!
//! `skopeo copy oci:FOLDER docker://...`, `podman pull oci:FOLDER`, or `tar -C FOLDER -c . | docker load`.

use super::tree::{CONFIG, Entry, PROGRAM, USER, gzip};
use super::{Packing, VERSION};
use anyhow::{Context, bail};
use aws_lc_rs::digest::{SHA256, digest};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

pub(super) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

/// Writes it; where it is.
pub(super) fn write(tree: &[Entry], packing: Packing, out: &Path) -> anyhow::Result<PathBuf> {
    let layout = out.join(format!("quintet-{VERSION}-oci"));
    let _there_is_none = std::fs::remove_dir_all(&layout);
    std::fs::create_dir_all(layout.join("blobs/sha256"))?;
    let layer = layer(tree, packing.date_s)?;
    let packed = gzip(&layer, packing.quick)?;
    let config = json!({
        "architecture": architecture()?, "os": "linux",
        "config": {
            "User": format!("{USER}:{USER}"),
            "Entrypoint": [format!("/{PROGRAM}")],
            "Cmd": ["serve", "--config", format!("/{CONFIG}")],
            "ExposedPorts": { "8080/tcp": {} },
            "StopSignal": "SIGTERM",
        },
        "rootfs": { "type": "layers", "diff_ids": [digest_of(&layer)] },
        "history": [{ "created_by": "cargo xtask dist" }],
    });
    let manifest = json!({
        "schemaVersion": 2, "mediaType": MANIFEST,
        "config": blob(&layout, "application/vnd.oci.image.config.v1+json", &serde_json::to_vec(&config)?)?,
        "layers": [blob(&layout, "application/vnd.oci.image.layer.v1.tar+gzip", &packed)?],
    });
    let mut manifest = blob(&layout, MANIFEST, &serde_json::to_vec(&manifest)?)?;
    manifest["annotations"] = json!({ "org.opencontainers.image.ref.name": VERSION });
    let index = json!({
        "schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": [manifest],
    });
    std::fs::write(layout.join("index.json"), serde_json::to_vec(&index)?)?;
    std::fs::write(layout.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#)?;
    Ok(layout)
}

/// Writes a blob; how others refer to it.
fn blob(layout: &Path, kind: &str, bytes: &[u8]) -> anyhow::Result<Value> {
    let digest = digest_of(bytes);
    std::fs::write(path_of(layout, &digest)?, bytes)?;
    Ok(json!({ "mediaType": kind, "digest": digest, "size": bytes.len() }))
}

/// `sha256:` and 64 digits.
pub(super) fn digest_of(bytes: &[u8]) -> String {
    let digits: String = digest(&SHA256, bytes).as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{digits}")
}

/// Where a blob is.
pub(super) fn path_of(layout: &Path, digest: &str) -> anyhow::Result<PathBuf> {
    let (kind, digits) = digest.split_once(':').context("a digest has two parts")?;
    Ok(layout.join("blobs").join(kind).join(digits))
}

/// The files as an archive, the folders above them first.
fn layer(tree: &[Entry], date_s: u64) -> anyhow::Result<Vec<u8>> {
    let mut archive = tar::Builder::new(Vec::new());
    let mut folders = Vec::new();
    for entry in tree {
        for (at, _) in entry.path.match_indices('/') {
            let folder = &entry.path[..=at];
            if folder != entry.path && !folders.contains(&folder) {
                folders.push(folder);
                append(
                    &mut archive,
                    &Entry { path: folder.to_owned(), mode: 0o755, owner: 0, content: Vec::new() },
                    date_s,
                )?;
            }
        }
        append(&mut archive, entry, date_s)?;
    }
    Ok(archive.into_inner()?)
}

fn append(archive: &mut tar::Builder<Vec<u8>>, entry: &Entry, date_s: u64) -> anyhow::Result<()> {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(if entry.path.ends_with('/') { tar::EntryType::Directory } else { tar::EntryType::Regular });
    header.set_mode(entry.mode);
    header.set_uid(entry.owner);
    header.set_gid(entry.owner);
    header.set_mtime(date_s);
    header.set_size(entry.content.len() as u64);
    Ok(archive.append_data(&mut header, &entry.path, &entry.content[..])?)
}

/// As containers call it.
fn architecture() -> anyhow::Result<&'static str> {
    match std::env::consts::ARCH {
        "x86_64" => Ok("amd64"),
        "aarch64" => Ok("arm64"),
        other => bail!("what containers call {other} is not known here: add it to xtask/src/dist/oci.rs"),
    }
}
