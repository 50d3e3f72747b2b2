//! An authority and certificates for tests.

use secure::{
    Certificate, Certificates, ClientCertificate, ClientProfile, ClientRules, ServerProfile, ServerRules, Tickets,
    Version,
};
use testkit::{KeyKind, Signed};

/// Signs certificates.
pub(crate) struct Authority {
    authority: testkit::Authority,
    /// Its own certificate, in DER.
    pub(crate) der: Vec<u8>,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let authority = testkit::Authority::new(KeyKind::Ed25519, "authority");
        Self { der: authority.der.clone(), authority }
    }

    /// A certificate for `names`, with its key.
    pub(crate) fn certificate(&self, names: &[&str]) -> Certificate {
        let Signed { certificate, key } = self.authority.sign(names[0], names, 2999);
        Certificate::new(certificate.as_bytes(), key.as_bytes()).expect("a pair")
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
