//! Connections that are passed on as they come: another balancer and its translation join a client with the same server.

use crate::program::{quintet, serve};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use testkit::peers::haproxy_that;
use testkit::{Folder, PATIENCE, Server, free_address, run_well};

/// A server that says its name, and in front of it what it was told of the client, to whoever says something.
fn named(name: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("bound");
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || says(name, stream));
        }
    });
    address
}

fn says(name: &str, mut stream: TcpStream) {
    let mut first = [0; 6];
    if stream.read_exact(&mut first).is_err() {
        return;
    }
    let announced = if first.starts_with(b"PROXY ") { "announced " } else { "" };
    let _whoever_left = stream.write_all(format!("{announced}{name}").as_bytes());
    let _the_rest = stream.read(&mut [0; 4096]);
}

/// A length of `N` bytes, and what it is of.
fn sized<const N: usize>(content: &[u8]) -> Vec<u8> {
    [&content.len().to_be_bytes()[8 - N..], content].concat()
}

/// What a TLS client says first, asking for `name`.
fn hello(name: &str) -> Vec<u8> {
    let asked = sized::<2>(&[&[0][..], &sized::<2>(name.as_bytes())].concat());
    let names = [&[0, 0][..], &sized::<2>(&asked)].concat();
    let versions = [0, 43, 0, 3, 2, 3, 4];
    let extensions = sized::<2>(&[&names[..], &versions].concat());
    let suites = sized::<2>(&[0x13, 1, 0x13, 2]);
    let body = [&[3, 3][..], &[7; 32], &sized::<1>(&[9; 32]), &suites, &[1, 0], &extensions].concat();
    let message = [&[1][..], &sized::<3>(&body)].concat();
    [&[22, 3, 1][..], &sized::<2>(&message)].concat()
}

/// Who answers this client.
fn answer(server: &Server, said: &[u8]) -> String {
    let mut client = TcpStream::connect(server.address).expect("somebody listens");
    client.set_read_timeout(Some(PATIENCE)).expect("a time-out");
    client.write_all(said).expect("sent");
    let mut text = [0; 64];
    let read = client.read(&mut text).unwrap_or(0);
    String::from_utf8_lossy(&text[..read]).into_owned()
}

fn translated(folder: &Folder, name: &str, text: &str) -> Server {
    let address = free_address();
    let file = folder.write(name, text.replace("BIND", &address.to_string()));
    let ours = run_well(quintet().args(["serve", "--from"]).arg(file));
    serve(folder, address, &ours)
}

const HAPROXY: &str = "\
defaults
    mode tcp
    timeout connect 5s
    timeout client 30s
    timeout server 30s
frontend tls
    bind BIND
    tcp-request inspect-delay 5s
    tcp-request content accept if { req_ssl_hello_type 1 }
    use_backend one if { req_ssl_sni -i one.example.org }
    use_backend two if { req.ssl_sni -m end .two.example.org }
    default_backend rest
backend one
    server a ONE
backend two
    server b TWO send-proxy
backend rest
    server c REST
";

#[test]
fn haproxy_and_its_translation_go_by_the_name_a_client_asks_for() {
    let folder = Folder::new();
    let [one, two, rest] = ["one", "two", "rest"].map(named);
    let text =
        HAPROXY.replace("ONE", &one.to_string()).replace("TWO", &two.to_string()).replace("REST", &rest.to_string());
    let address = free_address();
    let Some(theirs) = haproxy_that(&folder, address, &text.replace("BIND", &address.to_string())) else { return };
    let ours = translated(&folder, "ours.cfg", &text);
    for (name, expect) in [
        ("one.example.org", "one"),
        ("ONE.example.org", "one"),
        ("a.two.example.org", "announced two"),
        ("two.example.org", "rest"),
        ("three.example.org", "rest"),
    ] {
        assert_eq!(answer(&theirs, &hello(name)), expect, "theirs, {name}");
        assert_eq!(answer(&ours, &hello(name)), expect, "ours, {name}");
    }
}

const NGINX: &str = "\
stream {
    map $ssl_preread_server_name $name {
        hostnames;
        one.example.org   one;
        .two.example.org  two;
        default           rest;
    }
    upstream one { server ONE; }
    upstream two { least_conn; server TWO; }
    upstream rest { server REST; }
    server { listen BIND; ssl_preread on; proxy_pass $name; }
}
";

#[test]
fn a_stream_of_nginx_goes_by_the_name_a_client_asks_for() {
    let folder = Folder::new();
    let [one, two, rest] = ["one", "two", "rest"].map(named);
    let text =
        NGINX.replace("ONE", &one.to_string()).replace("TWO", &two.to_string()).replace("REST", &rest.to_string());
    let ours = translated(&folder, "ours.conf", &text);
    let expected =
        [("one.example.org", "one"), ("two.example.org", "two"), ("a.two.example.org", "two"), ("three.org", "rest")];
    for (name, expect) in expected {
        assert_eq!(answer(&ours, &hello(name)), expect, "{name}");
    }
}
