//! What is wanted of TLS, as it is configured: which files, which versions, who has to show what. Reading the files and
//! shaking hands is the shell's.

pub use ports::{ClientCertificate, TlsVersion};
use std::path::PathBuf;

/// A chain of certificates and its key; they may be in one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateFiles {
    /// The chain, the leaf first, in PEM.
    pub certificate: PathBuf,
    /// The private key, in PEM.
    pub key: PathBuf,
}

/// `[listener.tls]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenerTls {
    /// At least one; the first is for clients that ask for no name, or for one that none is for.
    pub certificates: Vec<CertificateFiles>,
    /// Who asks for no name, or for one that none is for, is turned away.
    pub strict_sni: bool,
    /// At least one.
    pub versions: Vec<TlsVersion>,
    /// Clients get tickets, with which they come back by a shorter handshake.
    pub tickets: bool,
    /// Must clients show who they are?
    pub client_certificate: ClientCertificate,
    /// Authorities of clients' certificates, in PEM; there where clients are asked.
    pub client_ca: Option<PathBuf>,
    /// A field of requests that says whose certificate was shown; what clients send in it is not passed on.
    pub client_subject_header: Option<String>,
}

impl ListenerTls {
    /// With the defaults.
    pub fn new(certificates: Vec<CertificateFiles>) -> Self {
        Self {
            certificates,
            strict_sni: false,
            versions: TlsVersion::ALL.to_vec(),
            tickets: true,
            client_certificate: ClientCertificate::None,
            client_ca: None,
            client_subject_header: None,
        }
    }
}

/// `[backend_set.tls]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerTls {
    /// Servers have to prove who they are.
    pub verify: bool,
    /// Authorities of their certificates, in PEM; `None`: those of the system.
    pub ca: Option<PathBuf>,
    /// Whom to ask for (SNI), and whom the certificate has to be of; `None`: the server as it is configured.
    pub server_name: Option<String>,
    /// What we show when we are asked.
    pub certificate: Option<CertificateFiles>,
    /// At least one.
    pub versions: Vec<TlsVersion>,
}

impl Default for ServerTls {
    fn default() -> Self {
        let versions = TlsVersion::ALL.to_vec();
        Self { verify: true, ca: None, server_name: None, certificate: None, versions }
    }
}
