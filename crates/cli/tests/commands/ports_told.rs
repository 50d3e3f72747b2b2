//! What `quintet serve` tells of ports towards servers.

use crate::get;
use crate::program::{Running, told};
use sys::signal::Signal;
use testkit::Folder;

#[test]
fn what_is_spent_is_told_and_a_pool_that_does_nothing() {
    let mut origin = Running::start(&["origin", "--listen", "127.0.0.1:0", "--close", "always"]);
    let server = origin.address();
    let config = format!(
        "[global]\nworkers = 1\n[[listener]]\nname = \"web\"\nbind = \"127.0.0.1:0\"\nbackends = \"app\"\n\n[[backend_set]]\n\
         name = \"app\"\nservers = [\"{server}\"]\n"
    );
    let folder = Folder::new();
    folder.write("inert.toml", config);
    let mut balancer = Running::start(&["serve", "--config", &folder.place("inert.toml")]);
    let address = balancer.address();
    (0..120).for_each(|_| drop(get(address, "/")));
    balancer.signal(Signal::Terminate);
    let (code, said, error) = balancer.end();
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
    let folder = Folder::new();
    folder.write("short.toml", text);
    let (_, _, error) = told(&["serve", "--config", &folder.place("short.toml"), "--check"]);
    let expect = "listener db: connections_max asks for 90000, but set db can have 1000 connections at once";
    assert!(error.contains(expect), "{error}");
}
