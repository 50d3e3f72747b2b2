//! WebSockets of another make through the balancer, over plain TCP and over TLS.

use crate::program::serve;
use crate::secured::{certificate, https_listener};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread::JoinHandle;
use testkit::{Folder, PATIENCE, Server, free_address};
use tungstenite::protocol::frame::coding::CloseCode;
use tungstenite::protocol::{CloseFrame, WebSocket};
use tungstenite::{Bytes, Message};

/// A WebSocket server that says everything again, for one client; the close code it was told.
fn echo() -> (SocketAddr, JoinHandle<CloseCode>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("bound");
    let served = move || {
        // Whoever only looks whether the port listens says nothing.
        loop {
            let (stream, _) = listener.accept().expect("a connection");
            stream.set_read_timeout(Some(PATIENCE)).expect("a time");
            if let Ok(socket) = tungstenite::accept(stream) {
                return say_again(socket);
            }
        }
    };
    (address, std::thread::spawn(served))
}

fn say_again(mut socket: WebSocket<TcpStream>) -> CloseCode {
    loop {
        match socket.read().expect("a message") {
            message @ (Message::Text(_) | Message::Binary(_)) => socket.send(message).expect("sent"),
            Message::Close(frame) => {
                // Reading on sends the answer to it, and ends.
                while socket.read().is_ok() {}
                return frame.expect("a frame").code;
            }
            _ => {}
        }
    }
}

/// Text, a large message, an empty one, a ping, and a close with a code, each of them answered.
fn converse(stream: impl Read + Write, url: &str) {
    let (mut socket, response) =
        tungstenite::client(url, stream).map_err(|error| error.to_string()).expect("a handshake");
    assert_eq!(response.status().as_u16(), 101);
    let large: Vec<u8> = (0..1_000_000_u32).map(|place| (place % 251) as u8).collect();
    for message in [Message::text("hello"), Message::binary(large), Message::text("")] {
        socket.send(message.clone()).expect("sent");
        assert!(socket.read().expect("a message") == message, "another message came back");
    }
    socket.send(Message::Ping(Bytes::from_static(b"there?"))).expect("sent");
    assert_eq!(socket.read().expect("a pong"), Message::Pong(Bytes::from_static(b"there?")));
    let frame = CloseFrame { code: CloseCode::Library(4321), reason: "done".into() };
    socket.close(Some(frame.clone())).expect("sent");
    assert_eq!(socket.read().expect("an answer"), Message::Close(Some(frame)));
}

/// `quintet serve` on this port before the echoing server.
fn balancer(folder: &Folder, address: SocketAddr, listener: &str, server: SocketAddr) -> Server {
    let config = format!("{listener}\n[[backend_set]]\nname = \"app\"\nservers = [\"{server}\"]\n");
    serve(folder, address, &config)
}

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).expect("a connection");
    stream.set_read_timeout(Some(PATIENCE)).expect("a time");
    stream
}

#[test]
fn websockets_pass() {
    let (folder, address) = (Folder::new(), free_address());
    let (server, served) = echo();
    let listener =
        format!("[[listener]]\nname = \"web\"\nbind = \"{address}\"\nprotocol = \"http\"\nbackends = \"app\"\n");
    let _balancer = balancer(&folder, address, &listener, server);
    converse(connect(address), &format!("ws://{address}/chat"));
    assert_eq!(served.join().expect("a thread"), CloseCode::Library(4321));
}

#[test]
fn websockets_pass_over_tls() {
    let (folder, address) = (Folder::new(), free_address());
    let (server, served) = echo();
    let der = certificate(&folder);
    let _balancer = balancer(&folder, address, &https_listener(&folder, address), server);
    let stream = StreamOwned::new(trusting(der), connect(address));
    converse(stream, "wss://app.example/chat");
    assert_eq!(served.join().expect("a thread"), CloseCode::Library(4321));
}

/// A client that trusts this certificate, for `app.example`.
fn trusting(der: CertificateDer<'static>) -> ClientConnection {
    let mut roots = RootCertStore::empty();
    roots.add(der).expect("a certificate");
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().expect("versions");
    let config = config.with_root_certificates(roots).with_no_client_auth();
    ClientConnection::new(Arc::new(config), ServerName::try_from("app.example").expect("a name")).expect("a client")
}
