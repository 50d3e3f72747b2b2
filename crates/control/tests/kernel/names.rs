//! Servers by name, while records change, and the name system fails.

use crate::dns::{Dns, Says};
use crate::stage::{Load, config, get, hears, loopback, origin_at, origins, start, start_fails};
use control::Event;
use hickory_resolver::proto::rr::RecordType;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;
use testkit::{PATIENCE, eventually};

/// A set of these servers, asked for at `dns` five times a second.
fn set_of(dns: &Dns, servers: &str, more: &str) -> balancer::Config {
    let global = format!("resolvers = [\"{}\"]", dns.address);
    config(&global, &format!("servers = [{servers}]\nresolve = \"200ms\"\n{more}"))
}

#[test]
fn records_that_change_are_followed_and_no_request_is_lost() {
    let dns = Dns::start();
    let (_origins, port) = origins(3);
    dns.has("app.test", &[loopback(1)]);
    let mut control = start(&set_of(&dns, &format!("\"app.test:{port}\""), ""));
    let (address, news) = (control.addresses()[0], control.take_news().expect("news"));
    let load = Load::on(address);
    load.goes_on(50);
    assert_eq!(get(address), (200, "1".to_owned()));
    for (ips, one_of) in [(vec![2, 3], vec!["2", "3"]), (vec![3], vec!["3"]), (vec![1, 2], vec!["1", "2"])] {
        dns.has("app.test", &ips.iter().map(|number| loopback(*number)).collect::<Vec<_>>());
        let is_it = |event: &Event| matches!(event, Event::NameMoved { now, .. } if now.len() == ips.len());
        let event = hears(&news, "the name leads elsewhere", is_it).to_string();
        assert!(event.contains(&loopback(ips[0]).to_string()), "{event}");
        // All workers go by it.
        eventually("new servers only", || (0..8).all(|_| one_of.contains(&get(address).1.as_str())));
        load.goes_on(50);
    }
    load.end();
    let counters = control.drain_after(Duration::ZERO, Duration::ZERO);
    assert_eq!(counters.failed_total(), 0, "{counters:?}");
}

/// A server whose address the name has no more gets nothing new, and what it was sending comes to its end.
#[test]
fn a_transfer_outlives_the_address_of_its_server() {
    let dns = Dns::start();
    let listener = TcpListener::bind((loopback(1), 0)).expect("a free port");
    let port = listener.local_addr().expect("bound").port();
    let _next = origin_at((loopback(2), port).into(), 2).expect("the port is free there, too");
    dns.has("app.test", &[loopback(1)]);
    let mut control = start(&set_of(&dns, &format!("\"app.test:{port}\""), ""));
    let (address, news) = (control.addresses()[0], control.take_news().expect("news"));
    let mut client = TcpStream::connect(address).expect("the balancer listens");
    client.set_read_timeout(Some(PATIENCE)).expect("a time");
    client.write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").expect("sent");
    let (mut server, _) = listener.accept().expect("the request");
    assert!(server.read(&mut [0; 4096]).expect("its head") > 0);
    server.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nhalf").expect("sent");
    let mut got = Vec::new();
    while !got.ends_with(b"half") {
        let mut bytes = [0; 4096];
        let len = client.read(&mut bytes).expect("half of it");
        assert!(len > 0, "cut off: {:?}", String::from_utf8_lossy(&got));
        got.extend_from_slice(&bytes[..len]);
    }
    dns.has("app.test", &[loopback(2)]);
    hears(&news, "the name leads elsewhere", |event| matches!(event, Event::NameMoved { .. }));
    drop(listener);
    eventually("what is new goes there", || get(address) == (200, "2".to_owned()));
    server.write_all(b"done").expect("it is still listened to");
    client.read_to_end(&mut got).expect("the rest");
    assert!(got.ends_with(b"halfdone"), "{:?}", String::from_utf8_lossy(&got));
}

#[test]
fn a_name_system_that_fails_keeps_what_was_known() {
    let dns = Dns::start();
    let (_origins, port) = origins(2);
    dns.has("app.test", &[loopback(1)]);
    let mut control = start(&set_of(&dns, &format!("\"app.test:{port}\""), ""));
    let (address, news) = (control.addresses()[0], control.take_news().expect("news"));
    let load = Load::on(address);
    dns.says("app.test", RecordType::A, Says::Broken);
    let event = hears(&news, "it fails", |event| matches!(event, Event::NameFails { kept: 1, .. })).to_string();
    assert!(event.contains("A of app.test: the resolver says Server Failure; going by the 1 known"), "{event}");
    let asked = dns.asked();
    eventually("it is asked again and again", || dns.asked() > asked + 10);
    load.goes_on(50);
    assert_eq!(get(address), (200, "1".to_owned()));
    dns.has("app.test", &[loopback(1)]);
    hears(&news, "it answers", |event| matches!(event, Event::NameAnswers { .. }));
    dns.has("app.test", &[loopback(2)]);
    eventually("the other server", || get(address).1 == "2");
    load.end();
}

/// "No such name" is believed once it is said again and again; then nobody is there, and somebody may come.
#[test]
fn a_name_that_is_no_more_has_no_servers_after_a_while() {
    let dns = Dns::start();
    let (_origins, port) = origins(1);
    dns.has("app.test", &[loopback(1)]);
    let mut control = start(&set_of(&dns, &format!("\"app.test:{port}\""), ""));
    let (address, news) = (control.addresses()[0], control.take_news().expect("news"));
    dns.says("app.test", RecordType::A, Says::NoSuchName);
    let event = hears(&news, "nobody", |event| matches!(event, Event::NameMoved { now, .. } if now.is_empty()));
    assert!(event.to_string().contains("now nobody (was"), "{event}");
    eventually("nobody is asked", || get(address).0 == 503);
    dns.has("app.test", &[loopback(1)]);
    eventually("it is back", || get(address) == (200, "1".to_owned()));
}

#[test]
fn a_start_waits_for_names_unless_it_need_not() {
    let dns = Dns::start();
    let (_origins, port) = origins(1);
    let servers = format!("\"app.test:{port}\"");
    let error = start_fails(&set_of(&dns, &servers, "")).to_string();
    for part in ["backend set \"app\"", "`servers`", "app.test", "no such name", "resolve_at_start = \"optional\""] {
        assert!(error.contains(part), "{error:?} does not say {part:?}");
    }
    dns.says("app.test", RecordType::A, Says::Broken);
    let error = start_fails(&set_of(&dns, &servers, "")).to_string();
    assert!(error.contains("A of app.test: the resolver says Server Failure"), "{error}");

    // Whoever starts without it hears of it.
    let optional = set_of(&dns, &servers, "resolve_at_start = \"optional\"");
    let told = |control: &mut control::Control| {
        control.take_news().expect("news").recv_timeout(PATIENCE).map(|told| told.event)
    };
    let failing = told(&mut start(&optional)).expect("told").to_string();
    assert!(
        failing.starts_with("name: A of app.test: the resolver says Server Failure; nothing is known"),
        "{failing}"
    );
    dns.says("app.test", RecordType::A, Says::NoSuchName);
    let mut control = start(&optional);
    let nowhere = told(&mut control).expect("told").to_string();
    let expect =
        "name app.test of set app leads nowhere: there is no such name, or it has no address; it is looked up again";
    assert_eq!(nowhere, expect);
    let address = control.addresses()[0];
    assert_eq!(get(address).0, 503);
    dns.has("app.test", &[loopback(1)]);
    eventually("it is there", || get(address) == (200, "1".to_owned()));
}

/// Nobody answers at all, which is known only after a while.
#[test]
fn a_resolver_that_is_silent_is_told_as_such() {
    let dns = Dns::start();
    for kind in [RecordType::A, RecordType::AAAA] {
        dns.says("app.test", kind, Says::Silence);
    }
    let (tell, told) = std::sync::mpsc::channel();
    let names: Vec<String> = (0..10).map(|number| format!("\"silent{number}.test:80\"")).collect();
    for (name, kind) in
        (0..10).flat_map(|n| [RecordType::A, RecordType::AAAA].map(|kind| (format!("silent{n}.test"), kind)))
    {
        dns.says(&name, kind, Says::Silence);
    }
    let config = set_of(&dns, &format!("\"app.test:80\", {}", names.join(", ")), "");
    let error =
        control::start_with(&config, None, Some(1), control::Heritage::default(), move |line| drop(tell.send(line)));
    let error = error.err().expect("nothing starts").to_string();
    assert!(error.contains("A of app.test: no answer in time"), "{error}");
    // Whoever started it was not left alone with that.
    let line = told.recv().expect("it took a while");
    assert!(line.starts_with("names are looked up: A of app.test, ") && line.ends_with(" and 17 more"), "{line}");
}

#[test]
fn a_service_is_its_targets_and_lower_priorities_are_backups() {
    let dns = Dns::start();
    let (mut origins, port) = origins(3);
    dns.has("a.test", &[loopback(1)]);
    dns.has("b.test", &[loopback(2)]);
    dns.has("c.test", &[loopback(3)]);
    dns.offers("_http._tcp.test", &[(1, 3, port, "a.test."), (1, 1, port, "b.test."), (2, 1, port, "c.test.")]);
    let control = start(&set_of(&dns, "{ srv = \"_http._tcp.test\" }", "pool = { idle_max = 0 }"));
    let address = control.addresses()[0];
    let answered = |name: &str, of: usize| (0..of).filter(|_| get(address).1 == name).count();
    eventually("three to one", || answered("1", 8) == 6);
    assert_eq!(answered("3", 8), 0, "a backup");
    drop(origins.drain(..2));
    eventually("the backup", || answered("3", 4) == 4);
    dns.offers("_http._tcp.test", &[(1, 0, port, "c.test.")]);
    eventually("the service moved", || answered("3", 4) == 4);
}

/// `localhost` is in `/etc/hosts`, or known without; nobody is asked.
#[test]
fn the_hosts_of_the_system_come_first() {
    let dns = Dns::start();
    let config = set_of(&dns, "\"localhost:80\"", "resolve_families = \"ipv4\"");
    let looks = control::look_up(&config).expect("a thread");
    assert_eq!(looks.len(), 1);
    assert_eq!(looks[0].name, "localhost:80");
    assert_eq!(looks[0].servers, Ok(vec!["127.0.0.1:80".parse().expect("an address")]));
    assert_eq!(dns.asked(), 0);
}
