//! Certificates for tests, in files, signed by an authority of their own.

use balancer_core::{CertificateFiles, ListenerTls, Protocol, Settings};
use std::path::{Path, PathBuf};
use testkit::{Authority, Folder, KeyKind, Signed};

/// An authority, and a folder for what it signs, which goes with it.
pub(crate) struct Pki {
    folder: Folder,
    authority: Authority,
}

impl Pki {
    pub(crate) fn new() -> Self {
        let folder = Folder::new();
        let authority = Authority::new(KeyKind::P256, &format!("authority {}", folder.path().display()));
        folder.write("ca.pem", &authority.pem);
        Self { folder, authority }
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn ca(&self) -> PathBuf {
        self.folder().join("ca.pem")
    }

    /// `NAME.pem` and `NAME.key` for these names or addresses, until the end of this year of our era.
    pub(crate) fn certificate(&self, name: &str, names: &[&str]) -> CertificateFiles {
        self.certificate_until(name, names, 2999)
    }

    pub(crate) fn certificate_until(&self, name: &str, names: &[&str], year: i32) -> CertificateFiles {
        let Signed { certificate, key } = self.authority.sign(name, names, year);
        let write = |kind: &str, text: String| self.folder.write(&format!("{name}.{kind}"), text);
        CertificateFiles { certificate: write("pem", certificate), key: write("key", key) }
    }

    /// The first listener speaks https, with this certificate.
    pub(crate) fn secure(&self, settings: &mut Settings, files: CertificateFiles) {
        settings.listeners[0].protocol = Protocol::Https;
        settings.listeners[0].tls = Some(ListenerTls::new(vec![files]));
    }
}
