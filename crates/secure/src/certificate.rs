//! Certificates with their keys, and which of several a client is shown.

use crate::facts::Facts;
use crate::profile::ProfileError;
use rustls::SignatureScheme;
use rustls::client::ResolvesClientCert;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::{CertifiedKey, SigningKey};
use std::collections::HashMap;
use std::sync::Arc;

/// Bytes of a chain: a handshake's answer has to fit into two buffers.
const CHAIN_BYTES_MAX: usize = 24 * 1024;

/// Why a certificate, its chain or its key is of no use.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    /// No certificate in it.
    #[error("there is no certificate in it (no \"BEGIN CERTIFICATE\"): it has to be in PEM")]
    NoCertificate,
    /// Not PEM, or not all of it.
    #[error("it is no PEM that can be read: {0}")]
    Pem(String),
    /// Not X.509.
    #[error("its certificate number {0} cannot be read")]
    Certificate(usize),
    /// Too long a chain.
    #[error(
        "its chain of certificates is {0} bytes long: there may be {CHAIN_BYTES_MAX}; leave out what clients have (the root)"
    )]
    ChainTooLong(usize),
    /// No key in it.
    #[error("there is no private key in it (no \"BEGIN PRIVATE KEY\")")]
    NoKey,
    /// One with a passphrase.
    #[error("its private key has a passphrase: take it off (`openssl pkey -in FILE -out NEW`)")]
    EncryptedKey,
    /// A kind of key we do not know.
    #[error("its private key cannot be used: RSA from 2048 bits, ECDSA on P-256, P-384 or P-521, and Ed25519 can")]
    Key,
    /// The key of another certificate.
    #[error("the private key is not that of the certificate")]
    Mismatch,
}

/// Certificates, the leaf first, that can be used with the leaf's key.
#[derive(Clone, Debug)]
pub struct Chain {
    certificates: Vec<CertificateDer<'static>>,
    facts: Facts,
}

/// A private key that can be used.
#[derive(Clone, Debug)]
pub struct Key(Arc<dyn SigningKey>);

/// A chain with its key.
#[derive(Clone, Debug)]
pub struct Certificate {
    certified: Arc<CertifiedKey>,
    facts: Facts,
}

/// Every certificate of a text in PEM, in DER.
///
/// # Errors
/// There is none, or one that cannot be read.
pub fn certificates_of(pem: &[u8]) -> Result<Vec<Vec<u8>>, CertificateError> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let found = found.map_err(|error| CertificateError::Pem(error.to_string()))?;
    let unreadable = found.iter().position(|der| Facts::read(der).is_none());
    match unreadable {
        Some(at) => Err(CertificateError::Certificate(at + 1)),
        None if found.is_empty() => Err(CertificateError::NoCertificate),
        None => Ok(found.iter().map(|der| der.to_vec()).collect()),
    }
}

fn key_of(pem: &[u8]) -> Result<PrivateKeyDer<'static>, CertificateError> {
    let is_encrypted = |pem: &[u8]| String::from_utf8_lossy(pem).lines().any(|line| line.contains("ENCRYPTED"));
    match PrivateKeyDer::from_pem_slice(pem) {
        Ok(key) if !is_encrypted(pem) => Ok(key),
        _ if is_encrypted(pem) => Err(CertificateError::EncryptedKey),
        Err(rustls::pki_types::pem::Error::NoItemsFound) => Err(CertificateError::NoKey),
        Err(error) => Err(CertificateError::Pem(error.to_string())),
        Ok(_) => Err(CertificateError::EncryptedKey),
    }
}

impl Chain {
    /// From a text in PEM.
    ///
    /// # Errors
    /// It is of no use, whatever its key.
    pub fn read(pem: &[u8]) -> Result<Self, CertificateError> {
        let certificates = certificates_of(pem)?;
        let bytes: usize = certificates.iter().map(Vec::len).sum();
        if bytes > CHAIN_BYTES_MAX {
            return Err(CertificateError::ChainTooLong(bytes));
        }
        let facts = Facts::read(&certificates[0]).ok_or(CertificateError::Certificate(1))?;
        Ok(Self { certificates: certificates.into_iter().map(CertificateDer::from).collect(), facts })
    }

    /// What the leaf says.
    pub fn facts(&self) -> &Facts {
        &self.facts
    }
}

impl Key {
    /// From a text in PEM.
    ///
    /// # Errors
    /// There is none in it that can be used.
    pub fn read(pem: &[u8]) -> Result<Self, CertificateError> {
        aws_lc_rs::sign::any_supported_type(&key_of(pem)?).map(Self).map_err(|_| CertificateError::Key)
    }
}

impl Certificate {
    /// A chain and its key.
    ///
    /// # Errors
    /// They do not belong together.
    pub fn of(chain: Chain, key: Key) -> Result<Self, CertificateError> {
        let Chain { certificates, facts } = chain;
        let certified = CertifiedKey::new(certificates, key.0);
        match certified.keys_match() {
            Ok(()) => Ok(Self { certified: Arc::new(certified), facts }),
            Err(_) => Err(CertificateError::Mismatch),
        }
    }

    /// A chain and its key, each a text in PEM; they may be the same.
    ///
    /// # Errors
    /// One of them is of no use, or they do not belong together.
    pub fn new(chain: &[u8], key: &[u8]) -> Result<Self, CertificateError> {
        Self::of(Chain::read(chain)?, Key::read(key)?)
    }

    fn suits(&self, schemes: &[SignatureScheme]) -> bool {
        self.certified.key.choose_scheme(schemes).is_some()
    }
}

impl ResolvesClientCert for Certificate {
    fn resolve(&self, _hints: &[&[u8]], schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.suits(schemes).then(|| Arc::clone(&self.certified))
    }

    fn has_certs(&self) -> bool {
        true
    }
}

/// The certificates of a listener, by the names they are for.
#[derive(Debug)]
pub struct Certificates {
    all: Vec<Certificate>,
    /// Places in `all`, in the order of the configuration; wildcards without their star.
    exact: HashMap<String, Vec<usize>>,
    wildcard: HashMap<String, Vec<usize>>,
    /// Who asks for another name, or none, is turned away.
    strict: bool,
}

impl Certificates {
    /// The first is the default: for clients that ask for no name, or for one that none is for, unless `strict`.
    ///
    /// # Errors
    /// There is none.
    pub fn new(all: Vec<Certificate>, strict: bool) -> Result<Self, ProfileError> {
        if all.is_empty() {
            return Err(ProfileError::new("a listener needs a certificate"));
        }
        let (mut exact, mut wildcard) = (HashMap::<_, Vec<_>>::new(), HashMap::<_, Vec<_>>::new());
        for (at, certificate) in all.iter().enumerate() {
            for name in &certificate.facts.names {
                match name.strip_prefix("*.") {
                    Some(parent) => wildcard.entry(parent.to_owned()).or_default().push(at),
                    None => exact.entry(name.clone()).or_default().push(at),
                }
            }
        }
        Ok(Self { all, exact, wildcard, strict })
    }

    /// The best for a client that asks for `name` and can check `schemes`: one for just this name, one for its parent's
    /// children, the default. Of several the first that the client can check; where it can check none it is shown the first,
    /// for the handshake to fail by the right reason.
    fn choose(&self, name: Option<&str>, schemes: &[SignatureScheme]) -> Option<&Certificate> {
        let of = |places: Option<&Vec<usize>>| best(places.into_iter().flatten().map(|at| &self.all[*at]), schemes);
        let name = name.map(str::to_ascii_lowercase);
        let parent = name.as_deref().and_then(|name| name.split_once('.')).map(|(_, parent)| parent);
        let named = name.as_deref().and_then(|name| of(self.exact.get(name)));
        let named = named.or_else(|| of(parent.and_then(|parent| self.wildcard.get(parent))));
        named.or_else(|| best(self.all.iter().filter(|_| !self.strict), schemes))
    }
}

fn best<'c>(mut of: impl Iterator<Item = &'c Certificate>, schemes: &[SignatureScheme]) -> Option<&'c Certificate> {
    let first = of.next()?;
    if first.suits(schemes) { Some(first) } else { of.find(|one| one.suits(schemes)).or(Some(first)) }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let chosen = self.choose(hello.server_name(), hello.signature_schemes());
        chosen.map(|certificate| Arc::clone(&certificate.certified))
    }
}
