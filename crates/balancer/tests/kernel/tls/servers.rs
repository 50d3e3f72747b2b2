//! TLS towards servers: whom to believe, and what becomes of requests where nobody can be believed.

use super::pki::Pki;
use crate::stage::{self, Stage, settings};
use crate::wire::Wire;
use balancer::Handle;
use balancer_core::hello::{Unmatched, asked_name};
use balancer_core::{CertificateFiles, ClientCertificate, Failure, ServerTls, TlsVersion};
use ports::HandshakeFailure;
use reactor::epoll::EpollConfig;
use std::net::SocketAddr;

/// A server that speaks TLS: another balancer, with an origin behind it.
pub(crate) struct Server {
    balancer: Handle,
    _origin: origin::Handle,
}

impl Server {
    pub(crate) fn new(pki: &Pki, files: CertificateFiles, client_certificate: ClientCertificate) -> Self {
        let origin = stage::origin();
        let mut settings = settings(&[origin.address()]);
        pki.secure(&mut settings, files);
        if let Some(tls) = &mut settings.listeners[0].tls {
            tls.client_certificate = client_certificate;
            tls.client_ca = (client_certificate != ClientCertificate::None).then(|| pki.ca());
        }
        Self { balancer: stage::start(settings, 1, EpollConfig::default()), _origin: origin }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.balancer.addresses()[0]
    }
}

/// A balancer whose only server is `server`, spoken to as `tls` says.
fn stage_before(server: &Server, tls: ServerTls) -> Stage {
    let address = server.address();
    Stage::new(|settings| {
        settings.backend_sets[0].servers[0].address = address.into();
        settings.backend_sets[0].tls = Some(tls);
    })
}

fn get(stage: &Stage, len: usize) -> String {
    let mut client = stage.client();
    client.sends(&format!("GET /bytes/{len} HTTP/1.1\nHost: a\nConnection: close\n\n"));
    let head = client.reads_head();
    let mut body = Vec::new();
    std::io::Read::read_to_end(&mut client.stream(), &mut body).expect("an answer, then the end");
    head
}

#[test]
fn a_server_that_proves_itself_is_believed() {
    let pki = Pki::new();
    let server = Server::new(&pki, pki.certificate("site", &["127.0.0.1", "app.internal"]), ClientCertificate::None);
    for server_name in [None, Some("app.internal".to_owned()), Some("127.0.0.1".to_owned())] {
        for versions in [vec![TlsVersion::Tls12], vec![TlsVersion::Tls13]] {
            let tls =
                ServerTls { ca: Some(pki.ca()), server_name: server_name.clone(), versions, ..ServerTls::default() };
            let stage = stage_before(&server, tls);
            for _ in 0..3 {
                let head = get(&stage, 20_000);
                assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
            }
            let counters = stage.end();
            assert_eq!((counters.server_tls_handshakes, counters.connects, counters.pooled), (1, 1, 2), "{counters:?}");
        }
    }
}

/// Each request on a connection of its own: all but the first are shorter.
#[test]
fn sessions_with_servers_are_taken_up_again() {
    let pki = Pki::new();
    let server = Server::new(&pki, pki.certificate("site", &["127.0.0.1"]), ClientCertificate::None);
    let address = server.address();
    let stage = Stage::new(|settings| {
        settings.backend_sets[0].servers[0].address = address.into();
        settings.backend_sets[0].tls = Some(ServerTls { ca: Some(pki.ca()), ..ServerTls::default() });
        settings.backend_sets[0].pool.idle_max = 0;
    });
    for _ in 0..5 {
        let head = get(&stage, 5);
        assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    }
    let counters = stage.end();
    assert_eq!((counters.server_tls_handshakes, counters.server_tls_resumed), (5, 4), "{counters:?}");
}

/// A server that is configured by name is asked for by it, and has to be it.
#[test]
fn a_server_is_asked_for_by_its_name() {
    let pki = Pki::new();
    let server = Server::new(&pki, pki.certificate("site", &["app.internal"]), ClientCertificate::None);
    let address = server.address();
    let named = |host: &str| {
        Stage::new(|settings| {
            let server = &mut settings.backend_sets[0].servers[0];
            (server.address, server.host) = (address.into(), Some(host.into()));
            settings.backend_sets[0].tls = Some(ServerTls { ca: Some(pki.ca()), ..ServerTls::default() });
        })
    };
    for host in ["app.internal", "app.internal."] {
        let head = get(&named(host), 5);
        assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    }
    check_refused(named("other.internal"), HandshakeFailure::BadCertificate);
}

#[track_caller]
fn check_refused(stage: Stage, why: HandshakeFailure) {
    let head = get(&stage, 5);
    assert!(head.starts_with("HTTP/1.1 502 "), "{head}");
    let counters = stage.end();
    assert_eq!(counters.failed(Failure::ServerNotSecured), 1, "{counters:?}");
    assert_eq!(
        (counters.connects_failed_there, counters.retries),
        (1, 0),
        "asked once, and not waited for: {counters:?}"
    );
    assert!(counters.server_tls_failed[why as usize] > 0, "{why}: {counters:?}");
    assert_eq!(counters.server_tls_handshakes, 0);
}

#[test]
fn a_server_that_cannot_be_believed_is_not_asked() {
    let (pki, other) = (Pki::new(), Pki::new());
    let server = Server::new(&pki, pki.certificate("site", &["127.0.0.1"]), ClientCertificate::None);
    let of_another = ServerTls { ca: Some(other.ca()), ..ServerTls::default() };
    check_refused(stage_before(&server, of_another), HandshakeFailure::BadCertificate);
    let another_name =
        ServerTls { ca: Some(pki.ca()), server_name: Some("app.internal".to_owned()), ..ServerTls::default() };
    check_refused(stage_before(&server, another_name), HandshakeFailure::BadCertificate);
    // Whoever does not want to know is let through all the same.
    let head = get(&stage_before(&server, ServerTls { verify: false, ..ServerTls::default() }), 5);
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");

    let expired = Server::new(&pki, pki.certificate_until("old", &["127.0.0.1"], 2001), ClientCertificate::None);
    let verifies = ServerTls { ca: Some(pki.ca()), ..ServerTls::default() };
    check_refused(stage_before(&expired, verifies), HandshakeFailure::CertificateTime);
}

#[test]
fn we_show_who_we_are_where_we_are_asked() {
    let pki = Pki::new();
    let server = Server::new(&pki, pki.certificate("site", &["127.0.0.1"]), ClientCertificate::Required);
    let certificate = Some(pki.certificate("balancer", &["balancer.example"]));
    let tls = ServerTls { ca: Some(pki.ca()), certificate, ..ServerTls::default() };
    let head = get(&stage_before(&server, tls), 5);
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
}

/// A server that does not speak TLS hears a hello and no request.
#[test]
fn a_plain_server_is_told_nothing() {
    let stage = Stage::new(|settings| {
        settings.backend_sets[0].tls = Some(ServerTls { verify: false, ..ServerTls::default() });
        settings.backend_sets[0].retries_max = 0;
    });
    let mut client: Wire = stage.client();
    client.sends("POST /secret HTTP/1.1\nHost: a\nContent-Length: 2\n\nhi");
    let mut server = stage.server();
    server.sends("HTTP/1.1 400 Bad Request\nContent-Length: 0\n\n");
    let mut hello = Vec::new();
    let _reset_or_end = std::io::Read::read_to_end(&mut server.stream(), &mut hello);
    assert!(!hello.windows(6).any(|window| window == b"secret"), "{hello:?}");
    let head = client.reads_head();
    assert!(head.starts_with("HTTP/1.1 502 "), "{head}");
    drop(client);
    let counters = stage.end();
    assert!(counters.server_tls_failed[HandshakeFailure::PlainHttp as usize] > 0, "{counters:?}");
}

/// Which name a server is asked for (SNI): the section's, else its own, and none where it has but an address.
#[test]
fn servers_are_asked_for_by_the_name_they_have() {
    for (host, server_name, expect) in [
        (None, None, Err(Unmatched::NoName)),
        (Some("app.internal"), None, Ok("app.internal")),
        (Some("App.Internal."), None, Ok("App.Internal")),
        (None, Some("other.internal"), Ok("other.internal")),
        (Some("app.internal"), Some("other.internal"), Ok("other.internal")),
        (Some("app.internal"), Some("127.0.0.1"), Err(Unmatched::NoName)),
        (None, Some("::1"), Err(Unmatched::NoName)),
    ] {
        let stage = Stage::new(|settings| {
            let set = &mut settings.backend_sets[0];
            set.servers[0].host = host.map(Into::into);
            let server_name = server_name.map(str::to_owned);
            set.tls = Some(ServerTls { verify: false, server_name, ..ServerTls::default() });
            set.retries_max = 0;
        });
        let mut client = stage.client();
        client.sends("GET / HTTP/1.1\nHost: a\n\n");
        let server = stage.server();
        let (mut said, mut block) = (Vec::new(), [0; 4096]);
        let asked = loop {
            let len = std::io::Read::read(&mut server.stream(), &mut block).expect("a hello");
            said.extend_from_slice(&block[..len]);
            match asked_name(&said) {
                Ok(None) => assert!(len > 0, "no hello"),
                Ok(Some(name)) => break Ok(String::from_utf8_lossy(name.as_bytes()).into_owned()),
                Err(why) => break Err(why),
            }
        };
        assert_eq!(asked.as_deref(), expect.as_ref().map(|name| *name), "{host:?} {server_name:?}");
        drop((client, server));
    }
}
