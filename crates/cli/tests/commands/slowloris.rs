//! Very many clients that are slow on purpose: what they cost was said in advance, and a good client is served.

use crate::get;
use crate::program::{Running, json_of};
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};
use sys::signal::Signal;
use testkit::{Folder, eventually, free_address};

/// Widened by this variable; as many as files allow, in any case: a client is a file here and one there.
const CLIENTS_VARIABLE: &str = "QUINTET_SLOW_CLIENTS";
const CLIENTS_DEFAULT: usize = 4000;
/// Files of this process that are no slow client's.
const FILES_BESIDE: u64 = 500;
/// Far more than a good client has to wait.
const SERVED_WITHIN: Duration = Duration::from_secs(20);

/// What a client sends before it falls silent.
const BEGINNINGS: [&str; 4] = [
    "",
    "GET / HTTP/1.1\r\nHost: a\r\nX-Slow: ",
    "GET / HTTP/1.1\r\n",
    "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\nsome",
];

fn clients() -> usize {
    let wanted = std::env::var(CLIENTS_VARIABLE).ok().and_then(|text| text.parse().ok()).unwrap_or(CLIENTS_DEFAULT);
    let files = sys::limits::raise_file_limit().soft.saturating_sub(FILES_BESIDE);
    wanted.min(usize::try_from(files).unwrap_or(usize::MAX))
}

/// Anonymous memory of a process (`/proc/PID/status`), in bytes.
fn memory(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).expect("told by Linux");
    line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") * 1024
}

/// One client, and whether it still is there when it has said its part.
fn slow(address: SocketAddr, number: usize) -> TcpStream {
    let mut stream = TcpStream::connect(address).unwrap_or_else(|why| panic!("client {number}: {why}"));
    stream.write_all(BEGINNINGS[number % BEGINNINGS.len()].as_bytes()).expect("room in the socket");
    stream
}

#[test]
fn slow_clients_cost_what_was_said_and_keep_nobody_out() {
    let count = clients();
    let mut origin = Running::start(&["origin", "--listen", "127.0.0.1:0"]);
    let (folder, address) = (Folder::new(), free_address());
    let text = format!(
        "[[listener]]\nname = \"web\"\nbind = \"{address}\"\nbackends = \"app\"\n[listener.limits]\nconnections_max = {}\n\
         [listener.timeouts]\nhead = \"5m\"\nbody = \"5m\"\nidle = \"5m\"\n\
         [[backend_set]]\nname = \"app\"\nservers = [\"{}\"]\n",
        count + 100,
        origin.address()
    );
    folder.write("quintet.toml", text);
    let config = folder.place("quintet.toml");
    let told = json_of(&["serve", "--config", &config, "--workers", "2", "--explain-limits", "--json", "-"], 0);
    let said = told["process_bytes"].as_u64().expect("a number");
    let mut serve = Running::start(&["serve", "--config", &config, "--workers", "2"]);
    assert_eq!(serve.address(), address);
    let before = memory(serve.id());
    let streams: Vec<TcpStream> = (0..count).map(|number| slow(address, number)).collect();
    let start = Instant::now();
    assert!(get(address, "/").contains("Hello"), "a good client");
    assert!(start.elapsed() < SERVED_WITHIN, "a good client waited {:?}", start.elapsed());
    let now = memory(serve.id());
    println!("{count} slow clients: {before} bytes before, {now} with them; {said} were said");
    assert!(now <= said, "{now} bytes are held, {said} were said");
    // Nobody of them was cut off for another.
    let is_there = |stream: &TcpStream| {
        stream.set_nonblocking(true).expect("set");
        let mut stream = stream;
        // Some have the beginning of an answer already.
        stream.read(&mut [0]).map_or_else(|why| why.kind() == ErrorKind::WouldBlock, |read| read > 0)
    };
    assert!(streams.iter().all(is_there), "some slow client was closed");
    drop(streams);
    eventually("they are gone", || get(address, "/").contains("Hello"));
    serve.signal(Signal::Terminate);
    let (code, out, err) = serve.end();
    assert_eq!(code, Some(0), "{out}{err}");
}
