//! Two ends that have agreed on keys, for tests of what comes behind a handshake.

use crate::failure::Hints;
use crate::handshake::{Agreed, Handshake, Progress};
use crate::profile::{ClientProfile, ClientRules, ServerProfile, ServerRules, Version};
use crate::{Certificate, Certificates, ClientCertificate, Tickets};
use reactor::{Buf, BufPool};

/// What a client and a server of that version have agreed on.
pub(crate) fn agree(version: Version) -> (Agreed, Agreed) {
    let pool = BufPool::new(16);
    let key = rcgen::KeyPair::generate().expect("a key");
    let params = rcgen::CertificateParams::new(vec!["pair.example".to_owned()]).expect("a name");
    let chain = params.self_signed(&key).expect("signed");
    let certificate = Certificate::new(chain.pem().as_bytes(), key.serialize_pem().as_bytes()).expect("a pair");
    let server = ServerProfile::new(ServerRules {
        certificates: Certificates::new(vec![certificate], false).expect("one"),
        versions: vec![version],
        protocols: Vec::new(),
        tickets: Tickets::off(),
        client_certificate: ClientCertificate::None,
        client_authorities: Vec::new(),
    });
    let client = ClientProfile::new(ClientRules {
        versions: vec![version],
        protocols: Vec::new(),
        authorities: None,
        certificate: None,
    });
    let mut client = Handshake::connect(&client.expect("rules"), None, Hints::default()).expect("a client");
    let mut server = Handshake::accept(&server.expect("rules")).expect("a server");
    let mut hello = Vec::new();
    client.advance(&mut hello);
    let (mut to_server, mut to_client) = (hello, Vec::new());
    loop {
        let server_is_done = hand_over(&mut server, &to_server, &mut to_client, &pool);
        to_server.clear();
        let client_is_done = hand_over(&mut client, &to_client, &mut to_server, &pool);
        to_client.clear();
        if client_is_done && (server_is_done || hand_over(&mut server, &to_server, &mut to_client, &pool)) {
            break;
        }
    }
    let keys = |side: Handshake| side.finish().unwrap_or_else(|why| panic!("no keys: {why:?}"));
    (keys(client), keys(server))
}

fn hand_over(to: &mut Handshake, bytes: &[u8], out: &mut Vec<u8>, pool: &BufPool) -> bool {
    if bytes.is_empty() {
        return false;
    }
    matches!(to.handle_received(filled(pool, bytes), out), Progress::Done)
}

/// A buffer with these bytes.
pub(crate) fn filled(pool: &BufPool, bytes: &[u8]) -> Buf {
    let mut buf = pool.take().expect("within the bound");
    buf.append(bytes).expect("it fits");
    buf
}
