//! `quintet ctl`: a running balancer asked, and told things.

use crate::get;
use crate::program::{Running, told};
use std::net::SocketAddr;
use testkit::{Folder, free_address};

/// A balancer with an admin listener on a socket file, a set of one server, and its configuration.
struct House {
    folder: Folder,
    address: SocketAddr,
    server: Running,
    serve: Running,
}

impl House {
    fn new() -> (Self, String) {
        let folder = Folder::new();
        let mut server = Running::start(&["origin", "--listen", "127.0.0.1:0"]);
        let name = server.address().to_string();
        let address = free_address();
        let text = format!(
            "[admin]\nbind = \"unix:{}\"\n[[listener]]\nname = \"web\"\nbind = \"{address}\"\nbackends = \"app\"\n\
             [[backend_set]]\nname = \"app\"\nservers = [\"{name}\"]\n",
            folder.place("admin.sock")
        );
        folder.write("quintet.toml", text);
        let mut serve = Running::start(&["serve", "--config", &folder.place("quintet.toml"), "--workers", "2"]);
        assert_eq!(serve.address(), address);
        (Self { folder, address, server, serve }, name)
    }

    /// The command, asking here.
    fn ctl(&self, args: &[&str]) -> (Option<i32>, String, String) {
        let at = format!("--at=unix:{}", self.folder.place("admin.sock"));
        told(&[&["ctl", &at], args].concat())
    }
}

#[test]
fn a_server_is_seen_drained_and_brought_back() {
    let (house, name) = House::new();
    let which = format!("app/{name}");
    assert!(get(house.address, "/").starts_with("HTTP/1.1 200"));
    let check = |args: &[&str], code, out_says: &[&str], err_says: &str| {
        let (got, out, err) = house.ctl(args);
        let said = out_says.iter().all(|part| out.contains(part)) && err.contains(err_says);
        assert!(got == Some(code) && said, "{args:?}: {got:?}\n{out}\n{err}");
    };
    check(&["status"], 0, &["1 request ended", "1 of 1 servers up", "http 127."], "");
    check(&["servers"], 0, &[&which, "up"], "");
    check(&["servers", "--json", "-"], 0, &["\"state\": \"up\"", "\"servers.opened\": 1"], "");
    check(&["servers", "api"], 2, &[], "there is no backend set api; there are: app");
    check(&["drain", &which], 0, &["done"], "");
    check(&["servers"], 0, &["draining"], "");
    assert!(get(house.address, "/").starts_with("HTTP/1.1 503"));
    check(&["weight", &which, "7"], 0, &["done"], "");
    check(&["weight", &which, "1001"], 1, &[], "0 to 1000");
    check(&["weight", &which, "-1"], 2, &[], "a weight is a whole number from 0 to 1000, such as 10");
    check(&["weight", &which, "abc"], 2, &[], "a weight is a whole number from 0 to 1000, such as 10");
    check(&["undrain", &which], 0, &["done"], "");
    check(&["servers", "app", "--json", "-"], 0, &["\"weight\": 7"], "");
    check(&["reset", &which], 0, &["done"], "");
    check(&["disable", &which], 0, &["done"], "");
    check(&["servers"], 0, &["disabled"], "");
    check(&["config"], 0, &["\"disabled\": true", "\"backends\": \"app\""], "");
    assert!(get(house.address, "/").starts_with("HTTP/1.1 503"));
    check(&["enable", &which], 0, &["done"], "");
    check(&["listeners"], 0, &["web", "http", &house.address.to_string()], "");
    check(&["drain", "app/10.0.0.9:80"], 1, &[], "has no server 10.0.0.9:80");
    check(&["drain", "app"], 2, &[], "names no server and no listener: write SET/SERVER");
    check(&["drain", "listener"], 2, &[], "or `listener NAME`");
    check(&["enable", "app"], 2, &[], "names no server: write SET/SERVER");
    assert!(get(house.address, "/").starts_with("HTTP/1.1 200"));
}

#[test]
fn a_listener_is_drained_and_opened_again() {
    let (house, _) = House::new();
    let is_refused = |house: &House| std::net::TcpStream::connect(house.address).is_err();
    let done = |house: &House, args: &[&str]| assert_eq!(house.ctl(args).0, Some(0), "{args:?}");
    done(&house, &["drain", "listener", "web"]);
    testkit::eventually("nobody is accepted any more", || is_refused(&house));
    let (_, out, _) = house.ctl(&["listeners"]);
    assert!(out.contains("drained"), "{out}");
    done(&house, &["reload"]);
    assert!(is_refused(&house));
    let (_, out, _) = house.ctl(&["config"]);
    assert!(out.contains("\"drained_listeners\": [\n    \"web\""), "{out}");
    done(&house, &["undrain", "listener", "web"]);
    assert!(get(house.address, "/").starts_with("HTTP/1.1 200"));
    let (code, _, err) = house.ctl(&["drain", "listener", "wbe"]);
    assert!(code == Some(1) && err.contains("there is no listener \"wbe\"; there are: web"), "{err}");
}

#[test]
fn a_reload_says_what_came_or_why_not() {
    let (house, _) = House::new();
    let file = house.folder.place("quintet.toml");
    let good = std::fs::read_to_string(&file).expect("written");
    house.folder.write("quintet.toml", good.replace("backends", "bakcends"));
    let (code, _, err) = house.ctl(&["reload"]);
    assert!(code == Some(1) && err.contains("did you mean"), "{code:?} {err}");
    // The file that is wrong says where, all the same: but for its `[admin]`, and what is no TOML behind that.
    let (code, _, err) = told(&["ctl", "-c", &file, "reload"]);
    assert!(code == Some(1) && err.contains("did you mean"), "{code:?} {err}");
    house.folder.write("quintet.toml", format!("{good}\n[[listener"));
    let (code, _, err) = told(&["ctl", "-c", &file, "reload"]);
    assert!(code == Some(1) && err.contains("quintet.toml"), "{code:?} {err}");
    house.folder.write("quintet.toml", good);
    let (code, out, err) = house.ctl(&["reload", "--json", "-"]);
    assert!(code == Some(0) && out.contains("1 listener, 1 backend set, 1 server"), "{code:?} {out} {err}");
    let (code, out, err) = house.ctl(&["reload"]);
    assert!(code == Some(0) && out == "done: 1 listener, 1 backend set, 1 server\n", "{code:?} {out} {err}");
    let pem = house.folder.write("no.token", "-----BEGIN CERTIFICATE-----\n");
    let (code, _, err) = house.ctl(&["--token-file", pem.to_str().expect("text"), "status"]);
    assert!(code == Some(2) && err.contains("this is no token"), "{code:?} {err}");
    // By the configuration, and from its own side.
    let (code, out, err) = told(&["ctl", "--config", &file, "ports"]);
    assert!(code == Some(0) && out.contains("nothing is connected"), "{code:?} {out} {err}");
    drop((house.serve, house.server));
    let (code, _, err) = told(&["ctl", "--config", &file, "status"]);
    assert!(code == Some(2) && err.contains("no balancer answers at unix:"), "{code:?} {err}");
}

#[test]
fn where_nobody_can_be_asked_it_is_said() {
    let folder = Folder::new();
    folder.write("quintet.toml", "[[listener]]\nname = \"a\"\nbind = \"127.0.0.1:0\"\n[[listener.route]]\npath_prefix = \"/\"\nrespond = { status = 200 }\n");
    let (code, _, err) = told(&["ctl", "--config", &folder.place("quintet.toml"), "status"]);
    assert!(code == Some(2) && err.contains("has no [admin]"), "{code:?} {err}");
    let (code, _, err) = told(&["ctl", "--at", "here", "status"]);
    assert!(code == Some(2) && err.contains("write 127.0.0.1:9080 or unix:/path"), "{code:?} {err}");
    // Somebody who speaks HTTP, and is no admin listener.
    let mut origin = Running::start(&["origin", "--listen", "127.0.0.1:0"]);
    let at = origin.address().to_string();
    let (code, _, err) = told(&["ctl", "--at", &at, "status"]);
    assert!(code == Some(2) && err.contains("is no admin listener"), "{code:?} {err}");
}
