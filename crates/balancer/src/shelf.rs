//! What was read of certificates' files: whoever checks a configuration has read them for whoever starts by it.

use crate::tls::{self, Stamp, TlsError, stamp};
use balancer_core::CertificateFiles;
use secure::Certificate;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// See the module's head. A clone is the same shelf.
#[derive(Clone, Debug, Default)]
pub struct Shelf(Arc<Mutex<Read>>);

/// Each with the stamps its files had before they were read.
#[derive(Debug, Default)]
struct Read {
    certificates: HashMap<[PathBuf; 2], ([Stamp; 2], Certificate)>,
    authorities: HashMap<PathBuf, (Stamp, Vec<Vec<u8>>)>,
}

/// What was read is no part of what a configuration says.
impl PartialEq for Shelf {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Shelf {}

impl Shelf {
    /// A chain and its key.
    pub(crate) fn certificate(&self, files: &CertificateFiles) -> Result<Certificate, TlsError> {
        let key = [files.certificate.clone(), files.key.clone()];
        let stamps = [stamp(&files.certificate), stamp(&files.key)];
        if let Some((_, known)) = self.read().certificates.get(&key).filter(|(of, _)| *of == stamps) {
            return Ok(known.clone());
        }
        let certificate = tls::certificate(files)?;
        self.read().certificates.insert(key, (stamps, certificate.clone()));
        Ok(certificate)
    }

    /// Authorities in a file, in DER.
    pub(crate) fn authorities(&self, path: &Path) -> Result<Vec<Vec<u8>>, TlsError> {
        let stamp = stamp(path);
        if let Some((_, known)) = self.read().authorities.get(path).filter(|(of, _)| *of == stamp) {
            return Ok(known.clone());
        }
        let authorities = tls::authorities(path)?;
        self.read().authorities.insert(path.to_owned(), (stamp, authorities.clone()));
        Ok(authorities)
    }

    /// Those of the system.
    pub(crate) fn system_authorities(&self) -> Result<Vec<Vec<u8>>, TlsError> {
        self.authorities(tls::system_bundle()?)
    }

    /// Nobody asks for it again: what is in use is with those who use it.
    pub(crate) fn clear(&self) {
        *self.read() = Read::default();
    }

    fn read(&self) -> MutexGuard<'_, Read> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use testkit::{Authority, Folder, KeyKind};

    /// A file that has changed meanwhile is read again; one that has not is not, nor is one that is gone taken for what it was.
    #[test]
    fn a_file_is_read_once_as_long_as_it_stays() {
        let (folder, shelf) = (Folder::new(), Shelf::default());
        let write = |name: &str| {
            let signed = Authority::new(KeyKind::P256, name).sign(name, &["a.example"], 2999);
            folder.write("a.pem", signed.certificate + &signed.key)
        };
        let path = write("first");
        let files = CertificateFiles { certificate: path.clone(), key: path.clone() };
        let read = || shelf.certificate(&files).map(|one| one.facts().subject.clone());
        assert_eq!(read().as_deref(), Ok("CN=first"));
        let first = shelf.certificate(&files).expect("good");
        assert!(first.is_same(&shelf.certificate(&files).expect("good")), "read once");
        write("second, which is longer");
        assert_eq!(read().as_deref(), Ok("CN=second\\, which is longer"));
        assert_eq!(shelf.authorities(&path).expect("certificates").len(), 1);
        std::fs::remove_file(&path).expect("it was there");
        assert!(read().is_err() && shelf.authorities(&path).is_err());
    }
}
