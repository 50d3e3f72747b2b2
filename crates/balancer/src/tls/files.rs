//! Files of certificates and keys: read, and what tells whether they have changed.

use balancer_core::{CertificateFiles, Settings};
use secure::{Certificate, CertificateError, Chain, Key, ProfileError, profile::SYSTEM_BUNDLES};
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Bytes of one file. The largest is a bundle of all the authorities of a system: some 250 KiB.
const FILE_BYTES_MAX: u64 = 4 << 20;

/// Why a file is of no use.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TlsError {
    /// It cannot be read.
    #[error("{} cannot be read: {why}", .path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why, and the way out.
        why: String,
    },
    /// It is not what it has to be.
    #[error("{}: {why}", .path.display())]
    Useless {
        /// Which.
        path: PathBuf,
        /// Why, and the way out.
        why: CertificateError,
    },
    /// A certificate has the key of another.
    #[error("{} is not the key of {}: give each certificate its own", .key.display(), .certificate.display())]
    Mismatch {
        /// The certificate's file.
        certificate: PathBuf,
        /// The key's.
        key: PathBuf,
    },
    /// No bundle of authorities is known on this system.
    #[error(
        "this system has no bundle of authorities (none of {}): install ca-certificates, name one with `ca`, or write \
         `verify = false`", SYSTEM_BUNDLES.join(", ")
    )]
    NoSystemBundle,
    /// What was asked for does not go together.
    #[error(transparent)]
    Profile(#[from] ProfileError),
}

impl TlsError {
    /// The file it is about.
    pub(crate) fn path(&self) -> Option<&Path> {
        match self {
            Self::Unreadable { path, .. } | Self::Useless { path, .. } => Some(path),
            Self::Mismatch { key, .. } => Some(key),
            Self::NoSystemBundle | Self::Profile(_) => None,
        }
    }

    fn useless(path: &Path) -> impl Fn(CertificateError) -> Self {
        move |why| Self::Useless { path: path.to_owned(), why }
    }

    fn unreadable(path: &Path, error: &std::io::Error) -> Self {
        let why = match error.kind() {
            std::io::ErrorKind::NotFound => {
                "there is no such file; paths are relative to the configuration file".to_owned()
            }
            std::io::ErrorKind::PermissionDenied => {
                "permission denied: the balancer's user has to be able to read it (ls -l, chown)".to_owned()
            }
            _ => error.to_string(),
        };
        Self::Unreadable { path: path.to_owned(), why }
    }
}

/// What tells whether a file is still what it was: when it was changed, its length, its inode.
pub(crate) type Stamp = Option<(i64, i64, u64, u64)>;

pub(crate) fn stamp(path: &Path) -> Stamp {
    let metadata = std::fs::metadata(path).ok()?;
    Some((metadata.mtime(), metadata.mtime_nsec(), metadata.len(), metadata.ino()))
}

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    let failed = |error| TlsError::unreadable(path, &error);
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(failed)?;
    file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        let why = format!("it is longer than {FILE_BYTES_MAX} bytes: it is no certificate");
        return Err(TlsError::Unreadable { path: path.to_owned(), why });
    }
    Ok(bytes)
}

/// A chain and its key.
pub(crate) fn certificate(files: &CertificateFiles) -> Result<Certificate, TlsError> {
    let chain = read_chain(&files.certificate)?;
    let key = Key::read(&read(&files.key)?).map_err(TlsError::useless(&files.key))?;
    Certificate::of(chain, key).map_err(|why| match why {
        CertificateError::Mismatch => {
            TlsError::Mismatch { certificate: files.certificate.clone(), key: files.key.clone() }
        }
        why => TlsError::Useless { path: files.certificate.clone(), why },
    })
}

pub(super) fn read_chain(path: &Path) -> Result<Chain, TlsError> {
    Chain::read(&read(path)?).map_err(TlsError::useless(path))
}

/// Authorities in a file, in DER.
pub(crate) fn authorities(path: &Path) -> Result<Vec<Vec<u8>>, TlsError> {
    secure::certificate::certificates_of(&read(path)?).map_err(TlsError::useless(path))
}

/// Where those of the system are.
pub(crate) fn system_bundle() -> Result<&'static Path, TlsError> {
    SYSTEM_BUNDLES.iter().map(Path::new).find(|path| path.exists()).ok_or(TlsError::NoSystemBundle)
}

/// Files that are read for TLS, and again with every change of the configuration.
pub(crate) fn files(settings: &Settings) -> impl Iterator<Item = PathBuf> {
    let of_files = |files: &CertificateFiles| [files.certificate.clone(), files.key.clone()];
    let listeners = settings.listeners.iter().filter_map(|listener| listener.tls.as_ref());
    let sets = settings.backend_sets.iter().filter_map(|set| set.tls.as_ref());
    let shown = listeners.flat_map(move |tls| tls.certificates.iter().flat_map(of_files).chain(tls.client_ca.clone()));
    shown.chain(sets.flat_map(move |tls| tls.certificate.iter().flat_map(of_files).chain(tls.ca.clone())))
}
