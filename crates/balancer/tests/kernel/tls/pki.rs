//! Certificates for tests, in files, signed by an authority of their own.

use balancer_core::{CertificateFiles, ListenerTls, Protocol, Settings};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, PKCS_ECDSA_P256_SHA256, date_time_ymd,
};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// An authority, and a folder for what it signs, which goes with it.
pub(crate) struct Pki {
    folder: PathBuf,
    issuer: Issuer<'static, KeyPair>,
}

impl Pki {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("quintet-pki-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).expect("a key");
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, format!("authority {number}"));
        let certificate = params.self_signed(&key).expect("signed");
        std::fs::write(folder.join("ca.pem"), certificate.pem()).expect("a file");
        Self { folder, issuer: Issuer::new(params, key) }
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(crate) fn ca(&self) -> PathBuf {
        self.folder.join("ca.pem")
    }

    /// `NAME.pem` and `NAME.key` for these names or addresses, until the end of this year of our era.
    pub(crate) fn certificate(&self, name: &str, names: &[&str]) -> CertificateFiles {
        self.certificate_until(name, names, 2999)
    }

    pub(crate) fn certificate_until(&self, name: &str, names: &[&str], year: i32) -> CertificateFiles {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).expect("a key");
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).expect("names");
        params.distinguished_name.push(DnType::CommonName, name);
        params.not_after = date_time_ymd(year, 12, 31);
        let certificate = params.signed_by(&key, &self.issuer).expect("signed");
        let files = CertificateFiles {
            certificate: self.folder.join(format!("{name}.pem")),
            key: self.folder.join(format!("{name}.key")),
        };
        std::fs::write(&files.certificate, certificate.pem()).expect("a file");
        std::fs::write(&files.key, key.serialize_pem()).expect("a file");
        files
    }

    /// The first listener speaks https, with this certificate.
    pub(crate) fn secure(&self, settings: &mut Settings, files: CertificateFiles) {
        settings.listeners[0].protocol = Protocol::Https;
        settings.listeners[0].tls = Some(ListenerTls::new(vec![files]));
    }
}

impl Drop for Pki {
    fn drop(&mut self) {
        let _in_the_temporary_folder = std::fs::remove_dir_all(&self.folder);
    }
}
