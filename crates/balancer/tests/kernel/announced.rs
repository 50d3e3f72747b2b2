//! Connections to servers that begin with the header of the PROXY protocol.

use crate::stage::Stage;
use crate::wire::End;
use balancer_core::{Protocol, ProxyHeader, Reuse, Settings};
use std::io::Read;
use std::net::SocketAddr;

fn with(header: ProxyHeader, protocol: Protocol) -> impl FnOnce(&mut Settings) {
    move |settings| {
        settings.listeners[0].protocol = protocol;
        settings.backend_sets[0].proxy_protocol = Some(header);
        settings.backend_sets[0].pool.reuse = Reuse::Never;
    }
}

fn line(client: SocketAddr, here: SocketAddr) -> String {
    format!("PROXY TCP4 {} {} {} {}\n", client.ip(), here.ip(), client.port(), here.port())
}

#[test]
fn a_request_comes_behind_its_clients_address() {
    let stage = Stage::new(with(ProxyHeader::V1, Protocol::Http));
    let mut client = stage.client();
    let told = line(client.stream().local_addr().expect("bound"), stage.address());
    for body in ["", "Content-Length: 5\n"] {
        client.sends(&format!("POST /a HTTP/1.1\nHost: a\n{body}\n{}", if body.is_empty() { "" } else { "hello" }));
        let mut server = stage.server();
        server.sees(&told);
        assert!(server.reads_head().starts_with("POST /a HTTP/1.1\r\n"));
        if !body.is_empty() {
            server.sees("hello");
        }
        server.sends("HTTP/1.1 200 OK\nContent-Length: 2\n\nok");
        client.sees("HTTP/1.1 200 OK\nContent-Length: 2\n\nok");
        server.sees_end(End::Eof);
    }
    drop(client);
    let counters = stage.end();
    assert_eq!((counters.responses, counters.connects, counters.pooled), (2, 2, 0), "one connection each");
}

/// The server may speak first: it knows whom to.
#[test]
fn a_joined_connection_begins_with_it_too() {
    let stage = Stage::new(with(ProxyHeader::V1, Protocol::Tcp));
    let mut client = stage.client();
    let told = line(client.stream().local_addr().expect("bound"), stage.address());
    let mut server = stage.server();
    server.sees(&told);
    server.sends("220 ready\n");
    client.sees("220 ready\n");
    client.sends("QUIT\n");
    server.sees("QUIT\n");
    drop((client, server));
    assert_eq!(stage.end().tunnels, 1);
}

#[test]
fn in_binary_as_well() {
    let stage = Stage::new(with(ProxyHeader::V2, Protocol::Tcp));
    let client = stage.client();
    let from = client.stream().local_addr().expect("bound");
    let server = stage.server();
    let mut header = [0; 28];
    let mut stream = server.stream();
    stream.read_exact(&mut header).expect("the header");
    assert_eq!(header[..16], *b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c");
    assert_eq!(header[24..26], from.port().to_be_bytes());
    assert_eq!(header[26..28], stage.address().port().to_be_bytes());
    drop((client, server));
    stage.end();
}
