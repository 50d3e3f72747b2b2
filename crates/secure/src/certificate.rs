//! Certificates with their keys, and which of several a client is shown.

use crate::facts::Facts;
use crate::profile::ProfileError;
use rustls::SignatureScheme;
use rustls::client::ResolvesClientCert;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::{self, PemObject};
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
    /// A key in the place of a certificate.
    #[error("it holds a private key and no certificate: are `certificate` and `key` the wrong way round?")]
    OnlyKey,
    /// DER: PEM is that in letters, or a store of PKCS #12.
    #[error(
        "it is binary, and has to be in PEM: `openssl x509 -inform DER -in FILE -out NEW`, of a .p12 `openssl pkcs12 -in FILE -nodes -out NEW`"
    )]
    Binary,
    /// Cut off.
    #[error("it ends in the middle (no \"END\" to its last \"BEGIN\"): is it all of the file?")]
    CutOff,
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
    /// The key of one that is not the first.
    #[error(
        "the private key is that of its certificate number {0}: put that first, and those that have signed it behind it"
    )]
    NotFirst(usize),
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
    let found = found.map_err(of_pem)?;
    let unreadable = found.iter().position(|der| Facts::read(der).is_none());
    match unreadable {
        Some(at) => Err(CertificateError::Certificate(at + 1)),
        None if found.is_empty() => Err(what_else(pem)),
        None => Ok(found.iter().map(|der| der.to_vec()).collect()),
    }
}

fn of_pem(error: pem::Error) -> CertificateError {
    match error {
        pem::Error::MissingSectionEnd { .. } => CertificateError::CutOff,
        other => CertificateError::Pem(other.to_string()),
    }
}

/// What a text is in which there is no certificate.
fn what_else(text: &[u8]) -> CertificateError {
    /// How everything in DER begins that is longer than 127 bytes.
    const SEQUENCE: [u8; 2] = [0x30, 0x82];
    match text {
        _ if text.starts_with(&SEQUENCE) => CertificateError::Binary,
        _ if String::from_utf8_lossy(text).contains("PRIVATE KEY-----") => CertificateError::OnlyKey,
        _ => CertificateError::NoCertificate,
    }
}

fn key_of(pem: &[u8]) -> Result<PrivateKeyDer<'static>, CertificateError> {
    let is_encrypted = |pem: &[u8]| String::from_utf8_lossy(pem).lines().any(|line| line.contains("ENCRYPTED"));
    match PrivateKeyDer::from_pem_slice(pem) {
        Ok(key) if !is_encrypted(pem) => Ok(key),
        _ if is_encrypted(pem) => Err(CertificateError::EncryptedKey),
        Err(pem::Error::NoItemsFound) => Err(CertificateError::NoKey),
        Err(error) => Err(of_pem(error)),
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
            Err(_) => Err(mismatch(&certified)),
        }
    }

    /// A chain and its key, each a text in PEM; they may be the same.
    ///
    /// # Errors
    /// One of them is of no use, or they do not belong together.
    pub fn new(chain: &[u8], key: &[u8]) -> Result<Self, CertificateError> {
        Self::of(Chain::read(chain)?, Key::read(key)?)
    }

    /// What the leaf says.
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// Were they read together?
    pub fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.certified, &other.certified)
    }

    fn suits(&self, schemes: &[SignatureScheme]) -> bool {
        self.certified.key.choose_scheme(schemes).is_some()
    }
}

/// Those who sort a chain the other way round have the right key, of its last.
fn mismatch(certified: &CertifiedKey) -> CertificateError {
    let is_of = |certificate: &&CertificateDer<'static>| {
        CertifiedKey::new(vec![(*certificate).clone()], Arc::clone(&certified.key)).keys_match().is_ok()
    };
    let place = certified.cert.iter().position(|certificate| is_of(&certificate));
    place.map_or(CertificateError::Mismatch, |place| CertificateError::NotFirst(place + 1))
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

#[cfg(test)]
mod tests {
    use super::*;
    use testkit::{Authority, KeyKind};

    #[test]
    fn what_is_wrong_with_a_file_is_told_apart() {
        let authority = Authority::new(KeyKind::P256, "authority");
        let site = authority.sign("site", &["site.example"], 2999);
        let chained = authority.pem.clone() + &site.certificate;
        let half = &site.certificate[..site.certificate.len() / 2];
        let der = &certificates_of(site.certificate.as_bytes()).expect("a certificate")[0];
        for (chain, key, expect) in [
            (site.certificate.as_bytes(), site.key.as_str(), None),
            (chained.as_bytes(), &site.key, Some(CertificateError::NotFirst(2))),
            (authority.pem.as_bytes(), &site.key, Some(CertificateError::Mismatch)),
            (half.as_bytes(), &site.key, Some(CertificateError::CutOff)),
            (site.key.as_bytes(), &site.certificate, Some(CertificateError::OnlyKey)),
            (der, &site.key, Some(CertificateError::Binary)),
            (b"hello", &site.key, Some(CertificateError::NoCertificate)),
            (site.certificate.as_bytes(), "hello", Some(CertificateError::NoKey)),
            (site.certificate.as_bytes(), &site.key[..40], Some(CertificateError::CutOff)),
        ] {
            let found = Certificate::new(chain, key.as_bytes()).err();
            assert_eq!(found, expect, "{}", String::from_utf8_lossy(chain));
        }
    }

    #[test]
    fn a_certificate_is_for_the_names_beside_its_subject() {
        let authority = Authority::new(KeyKind::P256, "authority");
        for (names, expect) in [(&["a.example"][..], true), (&["192.0.2.7"], true), (&[], false)] {
            let chain = Chain::read(authority.sign("a.example", names, 2999).certificate.as_bytes()).expect("one");
            assert_eq!(chain.facts().is_named, expect, "{names:?}");
        }
    }
}
