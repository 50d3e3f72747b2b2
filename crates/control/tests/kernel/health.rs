//! Servers that are checked: who is down gets no requests, and people are told.

use crate::server::{BAD, GOOD, SILENCE, Server, secured};
use crate::stage::{Load, config, get, hears, start};
use balancer_core::ServerOrder;
use control::{Control, Event, News};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;
use testkit::{Folder, eventually};

/// Checks often, so that a test need not wait.
const OFTEN: &str = "interval = \"50ms\"\ninterval_down = \"30ms\"\ntimeout = \"2s\"";

fn balancer(servers: &[&Server], health: &str) -> (Control, SocketAddr, News) {
    let servers: Vec<_> = servers.iter().map(|server| format!("\"{}\"", server.address)).collect();
    let set = format!("servers = [{}]\n[backend_set.health]\n{health}\n{OFTEN}", servers.join(", "));
    let mut control = start(&config("", &set));
    let (address, news) = (control.addresses()[0], control.take_news().expect("news"));
    (control, address, news)
}

fn is_down(news: &News, server: &Server) -> String {
    let address = server.address.to_string();
    hears(news, "down", |event| matches!(event, Event::ServerDown { server, .. } if *server == address)).to_string()
}

fn is_up(news: &News, server: &Server) -> String {
    let address = server.address.to_string();
    hears(news, "up", |event| matches!(event, Event::ServerUp { server, .. } if *server == address)).to_string()
}

#[test]
fn a_server_whose_checks_fail_gets_no_requests_until_they_do_not() {
    let (one, two) = (Server::start("one", GOOD), Server::start("two", GOOD));
    let (control, address, news) = balancer(&[&one, &two], "path = \"/health?full=1\"\nrise = 2\nfall = 3");
    let load = Load::on(address);
    eventually("both answer", || get(address).1 == "one");
    eventually("both answer", || get(address).1 == "two");
    eventually("checks that are answered", || two.checks().len() > 2);
    two.says(BAD);
    let told = is_down(&news, &two);
    assert_eq!(told, format!("server app/{} down: check got 503, 3 in a row", two.address));
    assert!((0..20).all(|_| get(address).1 == "one"), "the one that is down is asked");
    two.says(GOOD);
    assert_eq!(is_up(&news, &two), format!("server app/{} up: 2 good checks in a row", two.address));
    eventually("it is asked again", || get(address).1 == "two");
    load.end();
    let check = two.checks().pop().expect("checks");
    assert!(check.starts_with("GET /health?full=1 HTTP/1.1\r\n"), "{check}");
    assert!(check.contains(&format!("Host: {}\r\n", two.address)) && check.contains("Connection: close"), "{check}");
    let counters = control.drain_after(Duration::ZERO, Duration::ZERO);
    assert_eq!(counters.failed_total(), 0, "{counters:?}");
}

#[test]
fn a_server_that_is_taken_out_is_neither_asked_nor_checked_until_it_is_enabled() {
    let (one, two) = (Server::start("one", GOOD), Server::start("two", GOOD));
    let (control, address, _news) = balancer(&[&one, &two], "path = \"/health\"");
    eventually("both are checked", || one.checks().len() > 2 && two.checks().len() > 2);
    let order = |order| control.remote().order_server("app", &two.address.to_string(), order).expect("it is there");
    order(ServerOrder::Disable);
    assert!((0..20).all(|_| get(address).1 == "one"), "the one that is taken out is asked");
    // One may have been under way.
    let (before, checks) = (two.checks().len(), one.checks().len());
    eventually("the other is checked", || one.checks().len() > checks + 6);
    assert!(two.checks().len() <= before + 1, "{} after {before}", two.checks().len());
    order(ServerOrder::Enable);
    eventually("it is asked again", || get(address).1 == "two");
    eventually("it is checked again", || two.checks().len() > before + 2);
}

/// Other checks begin anew, and without any nobody is down: a board must not outlive what was written on it.
#[test]
fn who_is_down_is_so_by_the_checks_of_now() {
    let one = Server::start("one", BAD);
    let set = |health: &str| config("", &format!("servers = [\"{}\"]\n{health}", one.address));
    let checked = |more: &str| set(&format!("[backend_set.health]\npath = \"/health\"\nrise = 100\n{OFTEN}\n{more}"));
    let mut control = start(&checked(""));
    let (address, news) = (control.addresses()[0], control.take_news().expect("news"));
    is_down(&news, &one);
    eventually("it is not asked", || get(address).0 == 503);
    let reload = |config: &balancer::Config| control.remote().reload(config).wait().map(drop).expect("it is good");
    // Statuses that count: what was bad is good now, and the first check says so.
    reload(&checked("status = [503]"));
    eventually("it is asked", || get(address).0 == 200);
    assert!(is_up(&news, &one).ends_with("up: a good check"));
    reload(&checked(""));
    is_down(&news, &one);
    reload(&set(""));
    eventually("it is asked", || get(address).0 == 200);
}

/// The first check decides alone, and where all are down nobody is asked.
#[test]
fn a_set_of_servers_that_are_down_answers_503() {
    let one = Server::start("one", BAD);
    let (_control, address, news) = balancer(&[&one], "path = \"/health\"");
    assert!(is_down(&news, &one).ends_with("check got 503, 1 in a row"));
    let told = hears(&news, "the set", |event| matches!(event, Event::SetDown { .. })).to_string();
    assert_eq!(told, "set app: no server is up");
    assert_eq!(get(address).0, 503);
    one.says(GOOD);
    hears(&news, "the set", |event| matches!(event, Event::SetServed { .. }));
    assert_eq!(get(address), (200, "one".to_owned()));
}

#[test]
fn silence_nonsense_and_other_bodies_are_bad() {
    let one = Server::start("one", GOOD);
    let health = "path = \"/\"\nstatus = [200, \"204-206\"]\nbody = \"ok\"\nrise = 1\nfall = 1";
    let set = format!(
        "servers = [\"{}\"]\n[backend_set.health]\n{health}\ninterval = \"50ms\"\ntimeout = \"300ms\"",
        one.address
    );
    let mut control = start(&config("", &set));
    let news = control.take_news().expect("news");
    let chunked = "HTTP/1.1 206 Partial\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nit o\r\n2\r\nk.\r\n0\r\n\r\n";
    eventually("a check", || !one.checks().is_empty());
    for (says, told) in [
        (SILENCE, "check got no answer within 0.3 s"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nnope", "check did not find \"ok\" in the body"),
        ("HTTP/1.1 302 Found\r\nContent-Length: 2\r\n\r\nok", "check got 302"),
        ("SSH-2.0-OpenSSH_9.9\r\n\r\n", "check got no HTTP: "),
    ] {
        one.says(says);
        let down = is_down(&news, &one);
        assert!(down.contains(told), "{says:?}: {down}");
        one.says(chunked);
        is_up(&news, &one);
    }
}

#[test]
fn a_tcp_check_asks_whether_connections_are_taken_and_may_have_a_port_of_its_own() {
    let (one, other) = (Server::start("one", GOOD), Server::start("other", GOOD));
    let health = format!("check = \"tcp\"\nport = {}", other.address.port());
    let (_control, address, news) = balancer(&[&one], &health);
    assert_eq!(get(address), (200, "one".to_owned()));
    drop(other);
    let told = is_down(&news, &one);
    assert!(told.contains("connect: Connection refused"), "{told}");
    assert_eq!(get(address).0, 503);
    assert_eq!(one.checks().len(), 0);
}

/// The only server of its set refuses: that is told, and that it is asked all the same.
#[test]
fn a_set_whose_servers_are_only_set_aside_is_asked_all_the_same() {
    let dead = std::net::TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port");
    let mut control = start(&config("", &format!("servers = [\"{dead}\"]\nretries_max = 1")));
    let (address, news) = (control.addresses()[0], control.take_news().expect("news"));
    assert_eq!(get(address).0, 502);
    let told = hears(&news, "the server", |event| matches!(event, Event::ServerAside { .. })).to_string();
    assert_eq!(told, format!("server app/{dead} set aside: connection refused"));
    let told = hears(&news, "the set", |event| matches!(event, Event::SetAside { .. })).to_string();
    assert_eq!(told, "set app: no server is well; requests still go to the one that is set aside");
    assert_eq!(get(address).0, 502, "asked, and not 503");
}

/// A check that is answered does not end a pause that requests brought about, and both are told.
#[test]
fn what_requests_find_out_counts_beside_the_checks() {
    let (one, two) = (Server::start("one", GOOD), Server::start("two", GOOD));
    let (_control, address, news) = balancer(&[&one, &two], "path = \"/health\"\npause = \"1m\"\nfailures_max = 1");
    two.breaks_off(true);
    eventually("it is asked, and fails", || {
        get(address);
        news.try_iter().any(|event| match event.event {
            Event::ServerAside { why, .. } => {
                assert_eq!(why, "requests failed at it, the last: it closed the connection before it answered");
                true
            }
            _ => false,
        })
    });
    let checks = two.checks().len();
    eventually("checks go on", || two.checks().len() > checks + 5);
    assert!((0..10).all(|_| get(address).1 == "one"), "set aside whatever the checks say");
    // Down and up again by the checks: what was is forgotten.
    two.breaks_off(false);
    two.says(BAD);
    is_down(&news, &two);
    two.says(GOOD);
    is_up(&news, &two);
    eventually("it is asked", || get(address).1 == "two");
}

/// Checks take no port from requests: whoever ends one does it without TIME_WAIT.
#[test]
fn checks_leave_no_time_wait() {
    let one = Server::start("one", GOOD);
    let (control, ..) = balancer(&[&one], "path = \"/health\"");
    eventually("checks", || one.checks().len() > 20);
    drop(control);
    // TIME_WAIT is state 06; addresses are as the kernel keeps them.
    let [a, b, c, d] = testkit::own_loopback().octets();
    let server = format!("{d:02X}{c:02X}{b:02X}{a:02X}:{:04X}", one.address.port());
    let table = std::fs::read_to_string("/proc/net/tcp").expect("the table of connections");
    let waiting = table.lines().filter(|line| {
        let words: Vec<_> = line.split_whitespace().collect();
        words.get(3) == Some(&"06") && words[1..3].contains(&server.as_str())
    });
    assert_eq!(waiting.count(), 0, "{table}");
}

/// A server that reads the PROXY header reads one before a check, too: of nobody but us.
#[test]
fn checks_begin_with_the_header_that_requests_begin_with() {
    // With TLS it goes before that.
    for (tls, more) in [(None, ""), (Some(secured().0), "[backend_set.tls]\nverify = false")] {
        let one = Server::begin("one", GOOD, tls);
        let set = format!("servers = [\"{}\"]\nproxy_protocol = \"v1\"", one.address);
        let health = format!("[backend_set.health]\npath = \"/health\"\n{OFTEN}");
        let control = start(&config("", &format!("{set}\n{health}\n{more}")));
        eventually("a check", || !one.checks().is_empty());
        let check = one.checks().remove(0);
        assert!(check.starts_with("PROXY UNKNOWN\r\nGET /health HTTP/1.1\r\n"), "{check}");
        assert_eq!(get(control.addresses()[0]), (200, "one".to_owned()));
    }
}

/// Checks go over TLS where requests do, and ask for the same proof.
#[test]
fn checks_are_made_over_tls_where_requests_are() {
    let (tls, certificate) = crate::server::secured();
    let one = Server::begin("one", GOOD, Some(tls));
    let folder = Folder::new();
    let begin = |ca: &str, pem: &str| {
        let path = folder.write(ca, pem);
        let health = format!("[backend_set.health]\npath = \"/health\"\n{OFTEN}");
        let tls = format!("[backend_set.tls]\nca = \"{}\"", path.display());
        start(&config("", &format!("servers = [\"{}\"]\n{health}\n{tls}", one.address)))
    };
    let control = begin("right.pem", &certificate);
    eventually("checks", || one.checks().len() > 3);
    assert_eq!(get(control.addresses()[0]), (200, "one".to_owned()));
    drop(control);
    let mut control = begin("wrong.pem", &crate::server::secured().1);
    let told = is_down(&control.take_news().expect("news"), &one);
    assert!(told.contains("TLS: no authority that is trusted here"), "{told}");
}

/// A set with TLS towards servers that are asked by requests alone; what is told of `server`, and what its client gets.
fn told_of(server: SocketAddr, tls: &str) -> (String, u16) {
    let set = format!("servers = [\"{server}\"]\n[backend_set.tls]\n{tls}");
    let mut control = start(&config("", &set));
    let (address, news) = (control.addresses()[0], control.take_news().expect("news"));
    let (status, _) = get(address);
    let told = hears(&news, "why", |event| matches!(event, Event::ServerAside { .. })).to_string();
    let prefix = format!("server app/{server} set aside: ");
    (told.strip_prefix(&prefix).unwrap_or(&told).to_owned(), status)
}

/// Who cannot prove to be whom we want is no server, and people are told why.
#[test]
fn a_server_that_no_connection_can_be_secured_to_is_told_with_its_reason() {
    let (config, pem) = secured();
    let folder = Folder::new();
    let (ca, other) = (folder.write("ca.pem", pem), folder.write("other.pem", secured().1));
    let one = Server::begin("one", GOOD, Some(config));
    let of_us = testkit::own_loopback();
    for (tls, why) in [
        (format!("ca = {other:?}"), "no authority that is trusted here (`ca`) has signed its certificate".to_owned()),
        (
            format!("ca = {ca:?}\nserver_name = \"app.internal\""),
            format!("its certificate is for {of_us}, not for app.internal"),
        ),
    ] {
        assert_eq!(told_of(one.address, &tls), (why, 502));
    }
    let plain = TcpListener::bind((of_us, 0)).expect("a free port");
    let address = plain.local_addr().expect("bound");
    std::thread::spawn(move || {
        let (mut client, _) = plain.accept().expect("the balancer");
        client.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n").expect("it listens");
        let _until_it_closes = client.read_to_end(&mut Vec::new());
    });
    assert_eq!(told_of(address, "verify = false"), ("it speaks plain HTTP, no TLS".to_owned(), 502));
}

/// More servers that say nothing than may be checked at once: who is not checked in time is counted, and people are told.
#[test]
fn checks_that_are_late_are_counted_and_told() {
    let hangs = TcpListener::bind("0.0.0.0:0").expect("a free port");
    let port = hangs.local_addr().expect("bound").port();
    let servers: Vec<String> = (0..600).map(|n| format!("\"127.9.{}.{}:{port}\"", n / 200, 1 + n % 200)).collect();
    let set = format!(
        "servers = [{}]\n[backend_set.health]\npath = \"/\"\ninterval = \"1s\"\ninterval_down = \"1s\"\ntimeout = \"1s\"",
        servers.join(", ")
    );
    let mut control = start(&config("", &set));
    let news = control.take_news().expect("news");
    let told =
        hears(&news, "late", |event| matches!(event, Event::ChecksLate { count: 1.., at_once: 256 })).to_string();
    assert!(told.contains(" checks began late: 256 may be under way at once"), "{told}");
    let late = || control.remote().ask(|balancer| balancer.boards().checks_late()).expect("it runs");
    eventually("most of them", || late() > 344);
}
