//! The OpenAPI document is what the running listener does: each operation is asked, rightly and wrongly.

use crate::house::House;
use crate::schema::{Document, Operation};
use seed::Rng;
use serde_json::Value;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use testkit::{Folder, PATIENCE, Replay, sweep};

const METHODS: [&str; 5] = ["get", "post", "put", "delete", "patch"];

struct Scene {
    house: House,
    path: PathBuf,
    document: Document,
    _folder: Folder,
}

/// An answer, so far as it has an end.
struct Answer {
    status: u16,
    head: String,
    body: String,
}

impl Scene {
    fn new() -> Self {
        let folder = Folder::new();
        let path = folder.path().join("admin.sock");
        let house = House::new(&format!("bind = \"unix:{}\"", path.display()));
        let text = ask(&path, "get", "/openapi.json", b"").body;
        let document = Document::new(serde_json::from_str(&text).expect("JSON"));
        Self { house, path, document, _folder: folder }
    }

    /// Its path with the names of what there is.
    fn known(&self, path: &str) -> String {
        path.replace("{listener}", "web")
            .replace("{set}", "app")
            .replace("{server}", &self.house.origin.address().to_string())
    }

    /// What comes of a question is what the document says: its status, its type, its shape.
    fn check(&self, one: &Operation<'_>, path: &str, body: &[u8]) -> u16 {
        let answer = ask(&self.path, one.method, path, body);
        let asked = format!("{} {path} {:?}", one.method, String::from_utf8_lossy(body));
        let said = one.answer(answer.status).unwrap_or_else(|| panic!("{asked}: {} is not told of", answer.status));
        let (kind, schema) = said.iter().next().expect("a type");
        let named = answer.head.lines().find_map(|line| line.strip_prefix("content-type: "));
        assert_eq!(named, Some(kind.as_str()), "{asked}");
        if kind == "application/json" {
            let body: Value = serde_json::from_str(&answer.body).unwrap_or_else(|why| panic!("{asked}: {why}"));
            self.document.check(&schema["schema"], &body).unwrap_or_else(|why| panic!("{asked}: {why} in {body}"));
        }
        answer.status
    }
}

fn ask(place: &PathBuf, method: &str, path: &str, body: &[u8]) -> Answer {
    let mut stream = UnixStream::connect(place).expect("it listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a time");
    let method = method.to_ascii_uppercase();
    let head =
        format!("{method} {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: {}\r\n\r\n", body.len());
    stream.write_all(&[head.as_bytes(), body].concat()).expect("sent");
    let mut answer = Vec::new();
    let mut piece = [0; 4096];
    loop {
        let read = stream.read(&mut piece).unwrap_or_else(|why| panic!("{method} {path}: {why}"));
        answer.extend_from_slice(&piece[..read]);
        let text = String::from_utf8_lossy(&answer);
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            assert!(read > 0, "{method} {path}: no head in {text:?}");
            continue;
        };
        if read == 0 || head.contains("text/event-stream") {
            let status = head[9..12].parse().expect("a status");
            return Answer { status, head: head.to_ascii_lowercase(), body: body.to_owned() };
        }
    }
}

#[test]
fn every_operation_is_as_the_document_says() {
    let scene = Scene::new();
    let operations = scene.document.operations();
    assert!(operations.len() > 14, "{}", operations.len());
    for one in &operations {
        let body: &[u8] = if one.takes_something() { b"3" } else { b"" };
        let status = scene.check(one, &scene.known(one.path), body);
        // There is no file to be read again.
        assert_eq!(status, if one.path == "/reload" { 422 } else { 200 }, "{}", one.path);
    }
    // What is declared for one method is for no other, and what is not declared is not there.
    for path in scene.document.paths() {
        for method in
            METHODS.into_iter().filter(|method| !operations.iter().any(|one| (one.path, one.method) == (path, *method)))
        {
            let answer = ask(&scene.path, method, &scene.known(path), b"");
            assert_eq!(answer.status, 405, "{method} {path}");
            assert!(answer.head.contains("\r\nallow: "), "{method} {path}: {}", answer.head);
            scene.document.check_shape("Mistake", &answer.body);
        }
    }
    for path in
        ["/nothing", "/state/", "/backend_sets/app", "/backend_sets/app/servers/a/explode", "//", "/%2e%2e/state"]
    {
        let answer = ask(&scene.path, "get", path, b"");
        assert_eq!(answer.status, 404, "{path}");
        scene.document.check_shape("Mistake", &answer.body);
    }
}

#[test]
fn who_may_not_is_told_so_as_the_document_says() {
    let house = House::new("bind = \"127.0.0.1:0\"");
    let document =
        Document::new(serde_json::from_str(&house.asks(&crate::house::get("/openapi.json")).1).expect("JSON"));
    for one in document.operations().into_iter().filter(|one| one.is_guarded()) {
        let line = format!("{} {} HTTP/1.1", one.method.to_ascii_uppercase(), one.path.replace(['{', '}'], ""));
        let (status, body) = house.asks(&format!("{line}\r\nHost: evil.example\r\nConnection: close\r\n\r\n"));
        assert_eq!(status, 403, "{line}");
        assert!(one.answer(401).is_some() && one.answer(403).is_some(), "{line}");
        document.check_shape("Mistake", &body);
    }
    // That there is nothing, or nothing by this method, everybody is told.
    for (line, expect) in
        [("POST /metrics", 405), ("DELETE /reload", 405), ("PUT /nothing", 404), ("POST /reload", 403)]
    {
        let (status, body) = house.asks(&format!("{line} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"));
        assert_eq!(status, expect, "{line}: {body}");
        document.check_shape("Mistake", &body);
    }
}

#[test]
fn whatever_is_asked_when_it_has_ended_is_as_the_document_says() {
    let Scene { house, path, document, _folder } = Scene::new();
    let House { admin, control, origin } = house;
    drop(control);
    for one in document.operations() {
        let path_known =
            one.path.replace("{listener}", "web").replace("{set}", "app").replace("{server}", "127.0.0.1:1");
        let answer = ask(&path, one.method, &path_known, b"1");
        assert!(one.answer(answer.status).is_some(), "{path_known}: {}", answer.status);
    }
    drop((admin, origin));
}

/// A part of a path, right or wrong.
fn part(rng: &mut Rng, known: &str) -> String {
    let odd =
        ["", "%", "%ff", "%00", "a%2Fb", "..", "{set}", "10.0.0.9:80", "unix:%2Frun%2Fa.sock", "%F0%9F%98%80", "app "];
    match rng.index(4) {
        0 => known.to_owned(),
        1 => "x".repeat(rng.index(3000)),
        2 => rng.bytes(8).iter().map(|byte| format!("%{byte:02X}")).collect(),
        _ => rng.pick(&odd).replace(' ', "%20"),
    }
}

#[test]
fn what_is_asked_wrongly_is_answered_as_the_document_says() {
    let scene = Scene::new();
    let operations = scene.document.operations();
    let bodies: [&[u8]; 9] =
        [b"", b"7", b" 7\n", b"-1", b"1001", b"99999999999999999999", b"heavy", b"\xff\xfe", &[b'1'; 5000]];
    let replay = Replay {
        package: "admin",
        target: "--test asked",
        test: "what_is_asked_wrongly_is_answered_as_the_document_says",
    };
    sweep::<String>(replay, 200, |seed| {
        let mut rng = Rng::new(seed);
        let one = rng.pick(&operations);
        let (set, server) = (part(&mut rng, "app"), part(&mut rng, &scene.house.origin.address().to_string()));
        let listener = part(&mut rng, "web");
        let path = one.path.replace("{listener}", &listener).replace("{set}", &set).replace("{server}", &server);
        // An empty part makes another path of it.
        if !one.path.contains('{') || ![&listener, &set, &server].iter().any(|part| part.is_empty()) {
            let body = *rng.pick(&bodies);
            scene.check(one, &path, body);
        }
        Ok(())
    });
    // It goes on as if nothing had been.
    assert_eq!(ask(&scene.path, "get", "/state", b"").status, 200);
}
