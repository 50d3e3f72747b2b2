//! An authority of tests, and the certificates it signs.

use rcgen::{
    BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ED25519,
    SignatureAlgorithm, date_time_ymd,
};

/// Kinds of keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyKind {
    /// ECDSA on P-256: what most people have.
    P256,
    /// Ed25519: its signatures are all of one length, so that a simulated run is the same each time.
    Ed25519,
}

impl KeyKind {
    fn algorithm(self) -> &'static SignatureAlgorithm {
        match self {
            Self::P256 => &PKCS_ECDSA_P256_SHA256,
            Self::Ed25519 => &PKCS_ED25519,
        }
    }

    fn key(self) -> KeyPair {
        KeyPair::generate_for(self.algorithm()).expect("a key")
    }
}

/// Signs certificates.
pub struct Authority {
    kind: KeyKind,
    issuer: Issuer<'static, KeyPair>,
    /// Its own certificate, in PEM.
    pub pem: String,
    /// The same in DER.
    pub der: Vec<u8>,
}

/// A certificate and its key, in PEM.
pub struct Signed {
    /// The certificate.
    pub certificate: String,
    /// Its private key.
    pub key: String,
}

impl Authority {
    /// Of that name, with keys of one kind.
    pub fn new(kind: KeyKind, name: &str) -> Self {
        let key = kind.key();
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        let certificate = params.self_signed(&key).expect("signed");
        let (pem, der) = (certificate.pem(), certificate.der().to_vec());
        Self { kind, issuer: Issuer::new(params, key), pem, der }
    }

    /// For these names or addresses of somebody, until the end of a year.
    pub fn sign(&self, common_name: &str, names: &[&str], year: i32) -> Signed {
        let key = self.kind.key();
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).expect("names");
        params.distinguished_name.push(DnType::CommonName, common_name);
        params.not_after = date_time_ymd(year, 12, 31);
        let certificate = params.signed_by(&key, &self.issuer).expect("signed").pem();
        Signed { certificate, key: key.serialize_pem() }
    }
}
