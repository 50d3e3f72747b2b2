//! An authority and certificates for tests. Ed25519: its signatures are all of one length, so that a run is the same each time.

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, PKCS_ED25519};
use secure::{
    Certificate, Certificates, ClientCertificate, ClientProfile, ClientRules, ServerProfile, ServerRules, Tickets,
    Version,
};

/// Signs certificates.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    /// Its own certificate, in DER.
    pub(crate) der: Vec<u8>,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let key = KeyPair::generate_for(&PKCS_ED25519).expect("a key");
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let der = params.self_signed(&key).expect("signed").der().to_vec();
        Self { issuer: Issuer::new(params, key), der }
    }

    /// A certificate for `names`, with its key.
    pub(crate) fn certificate(&self, names: &[&str]) -> Certificate {
        let key = KeyPair::generate_for(&PKCS_ED25519).expect("a key");
        let mut params =
            CertificateParams::new(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()).expect("names");
        params.distinguished_name.push(rcgen::DnType::CommonName, names[0]);
        let chain = params.signed_by(&key, &self.issuer).expect("signed");
        Certificate::new(chain.pem().as_bytes(), key.serialize_pem().as_bytes()).expect("a pair")
    }

    pub(crate) fn server(&self, names: &[&str]) -> ServerRules {
        ServerRules {
            certificates: Certificates::new(vec![self.certificate(names)], false).expect("one"),
            versions: Version::ALL.to_vec(),
            protocols: vec![b"http/1.1".to_vec()],
            tickets: Tickets::new().expect("random numbers"),
            client_certificate: ClientCertificate::None,
            client_authorities: vec![self.der.clone()],
        }
    }

    pub(crate) fn client(&self) -> ClientRules {
        ClientRules {
            versions: Version::ALL.to_vec(),
            protocols: vec![b"http/1.1".to_vec()],
            authorities: Some(vec![self.der.clone()]),
            certificate: None,
        }
    }
}

pub(crate) fn server(rules: ServerRules) -> ServerProfile {
    ServerProfile::new(rules).expect("rules that go together")
}

pub(crate) fn client(rules: ClientRules, name: &str) -> ClientProfile {
    ClientProfile::new(rules).and_then(|profile| profile.for_name(name)).expect("rules that go together")
}
