//! What a plan says of TLS, with its files read: before the start, so that a mistake in them is no failure of a request.

use secure::certificate::certificates_of;
use secure::profile::SYSTEM_BUNDLES;
use secure::{Certificate, CertificateError, ClientProfile, ClientRules, ProfileError};
use std::path::{Path, PathBuf};
use stress_core::plan::Tls;

/// Bytes of one file. The largest is a bundle of all the authorities of a system: some 250 KiB.
const FILE_BYTES_MAX: usize = 4 << 20;

/// Why connections cannot be secured as it was asked.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file that cannot be read.
    #[error("{} cannot be read: {why}; check path and permissions", .path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// What the system said.
        why: std::io::Error,
    },
    /// It is not what it has to be.
    #[error("{}: {why}", .path.display())]
    Useless {
        /// Which.
        path: PathBuf,
        /// Why, and the way out.
        why: CertificateError,
    },
    /// Nobody is known who could be trusted.
    #[error(
        "this system has no bundle of authorities (none of {}): install ca-certificates, name one with --cacert, or write \
         --insecure", SYSTEM_BUNDLES.join(", ")
    )]
    NoSystemBundle,
    /// What was asked for does not go together.
    #[error(transparent)]
    Profile(#[from] ProfileError),
}

/// How connections to the target are secured.
pub(crate) fn profile(tls: &Tls) -> Result<ClientProfile, TlsError> {
    let rules = ClientRules {
        versions: tls.versions.clone(),
        protocols: tls.protocols.iter().map(|name| name.clone().into_bytes()).collect(),
        authorities: tls.verify.then(|| authorities(tls.authorities.as_deref())).transpose()?,
        certificate: tls.certificate.as_ref().map(|(chain, key)| certificate(chain, key)).transpose()?,
    };
    Ok(ClientProfile::new(rules)?.for_name(&tls.server_name)?)
}

fn authorities(path: Option<&Path>) -> Result<Vec<Vec<u8>>, TlsError> {
    let of_system = || SYSTEM_BUNDLES.iter().map(Path::new).find(|path| path.exists());
    let path = path.or_else(of_system).ok_or(TlsError::NoSystemBundle)?;
    certificates_of(&read(path)?).map_err(|why| TlsError::Useless { path: path.to_owned(), why })
}

fn certificate(chain: &Path, key: &Path) -> Result<Certificate, TlsError> {
    let of_key = |why: &CertificateError| matches!(why, CertificateError::NoKey | CertificateError::EncryptedKey);
    Certificate::new(&read(chain)?, &read(key)?).map_err(|why| {
        let path = if of_key(&why) { key } else { chain };
        TlsError::Useless { path: path.to_owned(), why }
    })
}

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    sys::file::read(path, FILE_BYTES_MAX).map_err(|why| TlsError::Unreadable { path: path.to_owned(), why })
}
