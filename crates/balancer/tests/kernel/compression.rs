//! Responses that are compressed on their way: what was encoded is what came, however it was framed, and each piece is
//! there when it was sent.

use crate::script::Act::*;
use crate::script::{PATH, play_with};
use crate::stage::Stage;
use crate::wire::{End, PATIENCE, Wire};
use balancer_core::{Compression, Settings};
use http::Coding;
use std::io::Read;
use testkit::{curl, run_well, skip};

fn all(settings: &mut Settings) {
    settings.listeners[0].treatment.compression = Some(Compression::by(Coding::ALL.to_vec()));
}

fn text() -> String {
    (0..400).map(|n| format!("line {n} of a text that repeats itself\n")).collect()
}

fn decoded(coding: Coding, bytes: &[u8]) -> String {
    let mut out = String::new();
    match coding {
        Coding::Gzip => flate2::read::GzDecoder::new(bytes).read_to_string(&mut out),
        Coding::Brotli => brotli::Decompressor::new(bytes, 4096).read_to_string(&mut out),
        Coding::Zstd => zstd::stream::read::Decoder::new(bytes).and_then(|mut body| body.read_to_string(&mut out)),
    }
    .unwrap_or_else(|error| panic!("{coding:?}: {error}"));
    out
}

/// One chunk; nothing of the last.
fn read_chunk(client: &mut Wire) -> Vec<u8> {
    let mut line = Vec::new();
    while !line.ends_with(b"\r\n") {
        line.extend(client.reads(1));
    }
    let digits = String::from_utf8_lossy(&line);
    let len = usize::from_str_radix(digits.trim(), 16).expect("a size");
    let data = client.reads(len);
    assert_eq!(client.reads(2), b"\r\n");
    data
}

fn read_chunks(client: &mut Wire) -> Vec<u8> {
    let mut body = Vec::new();
    loop {
        match read_chunk(client) {
            last if last.is_empty() => return body,
            chunk => body.extend(chunk),
        }
    }
}

fn field<'h>(head: &'h str, name: &str) -> Option<&'h str> {
    head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}

/// Line ends of the text stay what they are.
fn sends(server: &mut Wire, how: &str, text: &str) {
    let head = "HTTP/1.1 200 OK\nContent-Type: text/plain; charset=utf-8\nETag: \"v1\"\nAccept-Ranges: bytes\n";
    match how {
        "length" => server.sends(&format!("{head}Content-Length: {}\n\n", text.len())),
        "chunks" => server.sends(&format!("{head}Transfer-Encoding: chunked\n\n")),
        _ => server.sends(&format!("{head}Connection: close\n\n")),
    }
    if how != "chunks" {
        return server.sends_bytes(text.as_bytes());
    }
    for part in [&text[..1000], &text[1000..]] {
        server.sends_bytes(format!("{:x}\r\n{part}\r\n", part.len()).as_bytes());
    }
    server.sends_bytes(b"0\r\n\r\n");
}

#[test]
fn every_coding_of_every_framing_for_every_client() {
    let text = text();
    for (coding, version) in Coding::ALL.into_iter().flat_map(|coding| [(coding, "1.1"), (coding, "1.0")]) {
        for how in ["length", "chunks", "close"] {
            let stage = Stage::new(all);
            let mut client = stage.client();
            let name = coding.name();
            client.sends(&format!("GET / HTTP/{version}\nHost: a\nAccept-Encoding: {name}\n\n"));
            let mut server = stage.server();
            server.reads_head();
            sends(&mut server, how, &text);
            if how == "close" {
                drop(server);
            }
            let head = client.reads_head();
            let told = ["Content-Encoding", "Vary", "ETag"].map(|name| field(&head, name));
            assert_eq!(told, [Some(name), Some("Accept-Encoding"), Some("W/\"v1\"")], "{how}: {head}");
            assert_eq!((field(&head, "Content-Length"), field(&head, "Accept-Ranges")), (None, None), "{head}");
            let body = if version == "1.1" {
                read_chunks(&mut client)
            } else {
                assert_eq!((field(&head, "Transfer-Encoding"), field(&head, "Connection")), (None, Some("close")));
                let mut body = Vec::new();
                client.stream().try_clone().expect("a descriptor").read_to_end(&mut body).expect("the end");
                body
            };
            assert_eq!(decoded(coding, &body), text, "{coding:?} {how} HTTP/{version}");
            assert!(body.len() * 3 < text.len(), "{coding:?}: {} of {}", body.len(), text.len());
            drop(client);
            stage.counts("all clients are gone", |counters| counters.clients_open == 0);
            let counters = stage.end();
            assert_eq!((counters.responses, counters.compressed), (1, 1));
            assert_eq!(counters.compressed_from_bytes, text.len() as u64);
            assert_eq!(counters.compressed_to_bytes, body.len() as u64);
        }
    }
}

#[test]
fn both_connections_are_kept() {
    let (text, stage) = (text(), Stage::new(all));
    let mut client = stage.client();
    let mut server = None;
    for _ in 0..3 {
        client.sends("GET / HTTP/1.1\nHost: a\nAccept-Encoding: gzip\n\n");
        let server = server.get_or_insert_with(|| stage.server());
        server.reads_head();
        sends(server, "length", &text);
        client.reads_head();
        assert_eq!(decoded(Coding::Gzip, &read_chunks(&mut client)), text);
    }
    drop((client, server));
    stage.counts("all clients are gone", |counters| counters.clients_open == 0);
    let counters = stage.end();
    assert_eq!((counters.accepted, counters.connects, counters.compressed), (1, 1, 3));
}

/// Events are there when they were sent, not when a buffer is full.
#[test]
fn a_stream_of_events_goes_on() {
    for coding in Coding::ALL {
        let stage = Stage::new(all);
        let mut client = stage.client();
        client.sends(&format!("GET / HTTP/1.1\nHost: a\nAccept-Encoding: {}\n\n", coding.name()));
        let mut server = stage.server();
        server.reads_head();
        server.sends("HTTP/1.1 200 OK\nContent-Type: text/event-stream\nTransfer-Encoding: chunked\n\n");
        client.reads_head();
        let (mut body, mut expect) = (Vec::new(), String::new());
        for event in ["data: one\n\n", "data: two\n\n", "data: three\n\n"] {
            server.sends_bytes(format!("{:x}\r\n{event}\r\n", event.len()).as_bytes());
            expect += event;
            body.extend(read_chunk(&mut client));
            // What can be read of a body that goes on.
            let mut so_far = vec![0; expect.len()];
            let read = match coding {
                Coding::Gzip => flate2::read::GzDecoder::new(&body[..]).read_exact(&mut so_far),
                Coding::Brotli => brotli::Decompressor::new(&body[..], 4096).read_exact(&mut so_far),
                Coding::Zstd => {
                    zstd::stream::read::Decoder::new(&body[..]).and_then(|mut read| read.read_exact(&mut so_far))
                }
            };
            read.unwrap_or_else(|error| panic!("{coding:?} after {event:?}: {error}"));
            assert_eq!(String::from_utf8_lossy(&so_far), expect);
        }
        drop(server); // in the middle of it
        client.sees_end(End::Eof);
        drop(client);
        stage.counts("all clients are gone", |counters| counters.clients_open == 0);
        assert_eq!(stage.end().truncated, 1, "no last chunk pretends that it was whole");
    }
}

#[test]
fn a_head_says_what_a_get_would_say_and_others_learn_that_it_varies() {
    let length = "Content-Length: 5000\n";
    let plain = format!("HTTP/1.1 200 OK\nContent-Type: text/html\n{length}\n");
    play_with(
        all,
        &[
            ClientSends("HEAD / HTTP/1.1\nHost: a\nAccept-Encoding: gzip\n\n"),
            OriginSees(&format!("HEAD / HTTP/1.1\nHost: a\nAccept-Encoding: gzip\n{PATH}\n")),
            OriginSends(&plain),
            ClientSees("HTTP/1.1 200 OK\nContent-Type: text/html\nContent-Encoding: gzip\nVary: Accept-Encoding\n\n"),
            ClientSends("HEAD / HTTP/1.1\nHost: a\n\n"),
            OriginSees(&format!("HEAD / HTTP/1.1\nHost: a\n{PATH}\n")),
            OriginSends(&plain),
            ClientSees(&format!("HTTP/1.1 200 OK\nContent-Type: text/html\nVary: Accept-Encoding\n{length}\n")),
            ClientSends("HEAD / HTTP/1.1\nHost: a\nAccept-Encoding: gzip\n\n"),
            OriginSees(&format!("HEAD / HTTP/1.1\nHost: a\nAccept-Encoding: gzip\n{PATH}\n")),
            OriginSends(&plain.replace("text/html", "image/png")),
            ClientSees(&format!("HTTP/1.1 200 OK\nContent-Type: image/png\n{length}\n")),
        ],
    );
}

/// A real client, which asks for whatever it knows.
#[test]
fn curl_gets_what_was_sent() {
    let (Some(mut asked), Some(mut curl)) = (curl(), curl()) else { return };
    if !run_well(asked.arg("--version")).contains("libz") {
        return skip("curl knows no gzip");
    }
    let (text, stage) = (text(), Stage::new(all));
    let origin = stage.origin();
    let serve = text.clone();
    let serving = std::thread::spawn(move || {
        let mut server = crate::stage::accept(&origin, PATIENCE).expect("a connection");
        let asked = server.reads_head();
        sends(&mut server, "length", &serve);
        (server, asked)
    });
    let url = format!("http://{}/", stage.address());
    let got = run_well(curl.args(["--compressed", "-D", "-", &url]));
    let (head, body) = got.split_once("\r\n\r\n").expect("head and body");
    assert!(field(head, "Content-Encoding").is_some() && body == text, "{head}");
    let (server, asked) = serving.join().expect("served");
    assert!(asked.contains("Accept-Encoding: "), "{asked}");
    drop(server);
    stage.counts("all clients are gone", |counters| counters.clients_open == 0);
    assert_eq!(stage.end().compressed, 1);
}
