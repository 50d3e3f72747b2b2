//! What `quintet serve` tells of ports towards servers.

use crate::get;
use crate::program::{Running, quintet};
use std::path::PathBuf;
use sys::signal::Signal;

fn file(name: &str, text: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("quintet-ports-{}-{name}", std::process::id()));
    std::fs::write(&path, text).expect("written");
    path
}

#[test]
fn what_is_spent_is_told_and_a_pool_that_does_nothing() {
    let mut origin = Running::start(&["origin", "--listen", "127.0.0.1:0", "--close", "always"]);
    let server = origin.address();
    let config = format!(
        "[global]\nworkers = 1\n[[listener]]\nname = \"web\"\nbind = \"127.0.0.1:0\"\nbackends = \"app\"\n\n[[backend_set]]\n\
         name = \"app\"\nservers = [\"{server}\"]\n"
    );
    let path = file("inert.toml", &config);
    let mut balancer = Running::start(&["serve", "--config", path.to_str().expect("text")]);
    let address = balancer.address();
    (0..120).for_each(|_| drop(get(address, "/")));
    balancer.signal(Signal::Terminate);
    let (code, said, error) = balancer.end();
    std::fs::remove_file(path).expect("removed");
    assert_eq!(code, Some(0), "{error}");
    let expect =
        "set app: pool configured, re-use 0 % of 120 connections: the server answers Connection: close, or HTTP/1.0";
    assert!(said.contains(expect), "{said}");
    let row = said.lines().find(|line| line.starts_with(&format!("ports: 127.0.0.1 to {server}: ")));
    // The kernel shows a connection that ends here for a moment, at least.
    let row =
        row.is_none_or(|row| row.contains(" live, ") && row.contains(" free; ") && row.contains(" connections/s"));
    assert!(row, "{said}");
}

#[test]
fn a_limit_that_the_ports_cannot_give_is_warned_of() {
    let text = "[[listener]]\nname = \"db\"\nbind = \"127.0.0.1:0\"\nprotocol = \"tcp\"\nbackends = \"db\"\n\
                [listener.limits]\nconnections_max = 90000\n\n[[backend_set]]\nname = \"db\"\nservers = [\"127.0.0.1:9\"]\n\
                ports = \"own\"\nport_range = [20000, 20999]\n";
    let path = file("short.toml", text);
    let output = quintet(&["serve", "--config", path.to_str().expect("text"), "--check"]);
    std::fs::remove_file(path).expect("removed");
    let error = String::from_utf8(output.stderr).expect("text");
    let expect = "listener db: connections_max asks for 90000, but set db can have 1000 connections at once";
    assert!(error.contains(expect), "{error}");
}
