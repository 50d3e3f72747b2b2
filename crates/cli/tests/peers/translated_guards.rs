//! Who is let in, how often, and where else is asked: a configuration of another balancer and its translation answer alike.

use crate::translated::{check, origins, translated};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use testkit::peers::{haproxy_that, nginx_that};
use testkit::{Folder, PATIENCE, Server, free_address};

/// Of "admin", as `openssl passwd -5` makes it.
const HASH: &str = "$5$saltsalt$ajilCybiF3oQBEfeTHO1rkbsmz9HcJplt.gHWXkRfD4";

/// A server that answers 503 whatever it is asked, for as long as the tests run.
fn sick() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("bound");
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || refuse(stream));
        }
    });
    address
}

fn refuse(mut stream: TcpStream) {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") && stream.read_exact(&mut byte).is_ok() {
        head.extend(byte);
    }
    let answer = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    let _whoever_left = stream.write_all(answer.as_bytes());
}

/// So many clients are let in at once and answered, and the next one is not.
fn lets_in(server: &Server, most: usize) {
    let get = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    let answered = || -> Option<TcpStream> {
        let mut client = TcpStream::connect(server.address).ok()?;
        client.set_read_timeout(Some(PATIENCE)).ok()?;
        client.write_all(get).ok()?;
        let read = client.read(&mut [0; 64]).ok()?;
        (read > 0).then_some(client)
    };
    let held: Vec<TcpStream> = (0..most).map(|_| answered().expect("let in")).collect();
    assert!(answered().is_none(), "one more than {most} is let in");
    drop(held);
}

/// That is asked for before a server listens, which a look at whether it does would spoil.
fn pair(folder: &Folder, text: &str, of_haproxy: bool) -> Option<(Server, Server)> {
    let address = free_address();
    let theirs = text.replace("BIND", &address.to_string());
    let (theirs, name) = match of_haproxy {
        true => (haproxy_that(folder, address, &theirs)?, "ours.cfg"),
        false => (nginx_that(folder, address, &theirs)?, "ours.conf"),
    };
    Some((theirs, translated(folder, name, text)))
}

const HAPROXY: &str = "\
defaults
    mode http
    timeout connect 5s
    timeout client 30s
    timeout server 30s
    timeout http-keep-alive 30s
userlist staff
    group admins users root
    user root password HASH
    user ann insecure-password admin
frontend web
    bind BIND
    stick-table type ip size 1k expire 1h store http_req_rate(1h)
    http-request return status 200 content-type text/plain string health if { path /health }
    acl known http_auth(staff)
    http-request auth realm Root if { path_beg /root } !{ http_auth_group(staff) admins }
    http-request auth realm Staff if { path_beg /staff /root } !known
    http-request track-sc0 src if { path_beg /bytes }
    http-request deny deny_status 429 if { path_beg /bytes } { sc_http_req_rate(0) gt 3 }
    use_backend shaky if { path_beg /echo }
    default_backend one
backend one
    server a ONE
backend shaky
    option redispatch 1
    retries 2
    retry-on 503
    server a SICK
    server b TWO
";

#[test]
fn what_haproxy_lets_in_its_translation_lets_in() {
    let folder = Folder::new();
    let [one, two] = origins();
    let text = HAPROXY.replace("HASH", HASH).replace("ONE", &one.address.to_string());
    let text = text.replace("TWO", &two.address.to_string()).replace("SICK", &sick().to_string());
    let Some((theirs, ours)) = pair(&folder, &text, true) else { return };
    check(
        &theirs,
        &ours,
        &[
            ("a.org", "/health", &[]),
            ("a.org", "/staff", &[]),
            ("a.org", "/staff", &["--user", "ann:admin"]),
            ("a.org", "/staff", &["--user", "ann:guess"]),
            ("a.org", "/staff", &["--user", "bob:admin"]),
            ("a.org", "/root", &["--user", "ann:admin"]),
            ("a.org", "/root", &["--user", "root:admin"]),
            ("a.org", "/", &[]),
            ("a.org", "/bytes/1", &[]),
            ("a.org", "/bytes/2", &[]),
            ("a.org", "/bytes/3", &[]),
            ("a.org", "/bytes/4", &[]),
            ("a.org", "/bytes/5", &[]),
            ("a.org", "/", &[]),
            ("a.org", "/echo", &[]),
            ("a.org", "/echo", &[]),
            ("a.org", "/echo", &[]),
        ],
    );
}

const HAPROXY_CROWD: &str = "\
defaults
    mode http
    timeout connect 5s
    timeout client 60s
    timeout server 60s
    timeout http-keep-alive 60s
frontend web
    bind BIND
    stick-table type ip size 1k expire 1h store conn_cur
    tcp-request connection track-sc0 src
    tcp-request connection reject if { sc0_conn_cur gt 3 }
    default_backend one
backend one
    server a ONE
";

#[test]
fn as_many_at_once_as_haproxy_lets_in() {
    let folder = Folder::new();
    let [one, _] = origins();
    let Some((theirs, ours)) = pair(&folder, &HAPROXY_CROWD.replace("ONE", &one.address.to_string()), true) else {
        return;
    };
    lets_in(&theirs, 3);
    lets_in(&ours, 3);
}

const NGINX: &str = "\
limit_req_zone $binary_remote_addr zone=login:1m rate=1r/m;
upstream one { server ONE; }
upstream shaky { server SICK; server TWO; }
server {
    listen BIND;
    server_name _;
    location / { proxy_pass http://one; }
    location /bytes/ {
        limit_req zone=login burst=2 nodelay;
        limit_req_status 429;
        proxy_pass http://one;
    }
    location /staff {
        auth_basic \"Staff\";
        auth_basic_user_file USERS;
        proxy_pass http://one;
    }
    location /staff/open {
        auth_basic off;
        proxy_pass http://one;
    }
    location /closed { deny all; }
    location /small { client_max_body_size 10; proxy_pass http://one; }
    location /echo {
        proxy_next_upstream error timeout http_503;
        proxy_next_upstream_tries 2;
        proxy_pass http://shaky;
    }
}
";

#[test]
fn what_nginx_lets_in_its_translation_lets_in() {
    let folder = Folder::new();
    let [one, two] = origins();
    let users = folder.write("users", format!("ann:{HASH}\n"));
    let text = NGINX.replace("ONE", &one.address.to_string()).replace("TWO", &two.address.to_string());
    let text = text.replace("SICK", &sick().to_string()).replace("USERS", &users.display().to_string());
    let Some((theirs, ours)) = pair(&folder, &text, false) else { return };
    check(
        &theirs,
        &ours,
        &[
            ("a.org", "/", &[]),
            ("a.org", "/staff", &[]),
            ("a.org", "/staff", &["--user", "ann:admin"]),
            ("a.org", "/staff", &["--user", "ann:guess"]),
            ("a.org", "/staff/open", &[]),
            ("a.org", "/closed", &[]),
            ("a.org", "/small", &["--data", "12345"]),
            ("a.org", "/small", &["--data", "12345678901"]),
            ("a.org", "/bytes/1", &[]),
            ("a.org", "/bytes/2", &[]),
            ("a.org", "/bytes/3", &[]),
            ("a.org", "/bytes/4", &[]),
            ("a.org", "/", &[]),
            ("a.org", "/echo", &[]),
            ("a.org", "/echo", &[]),
            ("a.org", "/echo", &[]),
        ],
    );
}

const ZONE: &str = "\
limit_req_zone $binary_remote_addr zone=all:1m rate=1r/m;
limit_req zone=all burst=2 nodelay;
limit_req_status 429;
server {
    listen BIND;
    location /a { proxy_pass http://ONE; }
    location /b { proxy_pass http://ONE; }
    location / { proxy_pass http://ONE; }
}
";

/// Wherever a client asks, it has what one zone lets it have, and no more.
#[test]
fn a_zone_of_nginx_is_one_count_in_all_its_places() {
    let [one, _two] = origins();
    let folder = Folder::new();
    let Some((theirs, ours)) = pair(&folder, &ZONE.replace("ONE", &one.address.to_string()), false) else { return };
    check(&theirs, &ours, &["/a", "/b", "/", "/a", "/b", "/"].map(|path| ("a.org", path, &[] as &[&str])));
}

const TABLE: &str = "\
defaults
    mode http
    timeout connect 5s
    timeout client 30s
    timeout server 30s
frontend web
    bind BIND
    stick-table type ip size 1k expire 1h store http_req_rate(1h)
    http-request track-sc0 src
    http-request deny deny_status 429 if { sc_http_req_rate(0) gt 3 }
    use_backend two if { path_beg /b }
    default_backend one
backend one
    server a ONE
backend two
    server b ONE
";

#[test]
fn a_stick_table_is_one_count_for_all_routes() {
    let [one, _two] = origins();
    let folder = Folder::new();
    let Some((theirs, ours)) = pair(&folder, &TABLE.replace("ONE", &one.address.to_string()), true) else { return };
    check(&theirs, &ours, &["/a", "/b", "/", "/a", "/b", "/"].map(|path| ("a.org", path, &[] as &[&str])));
}
