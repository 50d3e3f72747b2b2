//! A configuration of another balancer and its translation answer alike.

use crate::program::{origin_named, quintet, serve};
use testkit::peers::{haproxy_that, nginx_that};
use testkit::{Folder, Server, curl, free_address, run_well};

/// A request: host, path, more for curl.
pub(crate) type Asked = (&'static str, &'static str, &'static [&'static str]);

/// Status, `Location`, and the body of what succeeded.
fn answer(server: &Server, (host, path, arguments): Asked) -> Option<(String, String, String)> {
    let mut command = curl()?;
    command.args(["--include", "--header", &format!("Host: {host}")]).args(arguments).arg(server.url(path));
    let text = run_well(&mut command);
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let status = head.split_whitespace().nth(1).unwrap_or_default().to_owned();
    let field = |line: &str| {
        line.split_once(':')
            .filter(|(name, _)| name.eq_ignore_ascii_case("location"))
            .map(|(_, value)| value.trim().to_owned())
    };
    let location = head.lines().find_map(field).unwrap_or_default();
    // Whoever is asked may name itself in front of a path.
    let own = format!("http://{host}:{}", server.address.port());
    let location = location.strip_prefix(&own).unwrap_or(&location).to_owned();
    let body = if status == "200" { body.to_owned() } else { String::new() };
    Some((status, location, body))
}

/// Two origins that say who they are.
pub(crate) fn origins() -> [Server; 2] {
    ["one", "two"].map(origin_named)
}

/// Ours, by the translation of `text` with its own address in the place of `BIND`.
pub(crate) fn translated(folder: &Folder, name: &str, text: &str) -> Server {
    let address = free_address();
    let file = folder.write(name, text.replace("BIND", &address.to_string()));
    let ours = run_well(quintet().args(["serve", "--from"]).arg(file));
    serve(folder, address, &ours)
}

pub(crate) fn check(theirs: &Server, ours: &Server, asked: &[Asked]) {
    for one in asked {
        assert_eq!(answer(ours, *one), answer(theirs, *one), "{one:?}: ours, theirs");
    }
}

const HAPROXY: &str = "\
defaults
    mode http
    timeout connect 5s
    timeout client 30s
    timeout server 30s
frontend web
    bind BIND
    acl api path_beg /echo
    acl old hdr(host) -i old.example.org
    acl safe method GET HEAD POST
    acl to_two path_beg /byt /pub
    acl scripts path_end .js .css
    acl images path_dir img
    acl inner path_sub secret
    acl versions path_reg ^/v[0-9]+/
    acl local src 127.0.0.0/8
    http-request return status 200 content-type text/plain string health if { path /health }
    http-request deny if { path_beg /priv } local
    http-request deny if inner
    http-request deny if !safe
    http-request return status 200 content-type text/plain string pong if { path /ping }
    redirect prefix https://www.example.org code 301 if old !{ path_beg /bytes }
    use_backend two if to_two scripts
    use_backend one if to_two
    use_backend two if images or versions
    use_backend two if { hdr_end(host) -i .sub.example.org } or { hdr(X-Kind) -i other }
    use_backend two if api or { hdr(host) -i two.example.org }
    default_backend one
backend one
    http-request replace-path /alias/(.*) /bytes/\\1
    server a ONE
backend two
    server b TWO
";

#[test]
fn what_haproxy_answers_its_translation_answers() {
    let folder = Folder::new();
    let [one, two] = origins();
    let text = HAPROXY.replace("ONE", &one.address.to_string()).replace("TWO", &two.address.to_string());
    let address = free_address();
    let theirs = haproxy_that(&folder, address, &text.replace("BIND", &address.to_string()));
    let Some(theirs) = theirs else { return };
    let ours = translated(&folder, "ours.cfg", &text);
    check(
        &theirs,
        &ours,
        &[
            ("a.org", "/", &[]),
            ("two.example.org", "/", &[]),
            ("a.org", "/ping", &[]),
            ("two.example.org", "/ping", &[]),
            ("a.org", "/echo", &["--data", "hello"]),
            ("a.org", "/alias/7", &[]),
            ("old.example.org", "/x?q=1", &[]),
            ("old.example.org", "/bytes/5", &[]),
            ("old.example.org", "/ping", &[]),
            ("old.example.org", "/echo", &["--request", "DELETE"]),
            ("a.org", "/", &["--request", "DELETE"]),
            ("a.org", "/bytesome", &[]),
            ("a.org", "/echos", &[]),
            ("a.org", "/public/a.js", &[]),
            ("a.org", "/public/a.jsx", &[]),
            ("a.org", "/x/img/y", &[]),
            ("a.org", "/x/img", &[]),
            ("a.org", "/x/imgs", &[]),
            ("a.org", "/v12/x", &[]),
            ("a.org", "/v/x", &[]),
            ("a.org", "/a-secret-b", &[]),
            ("a.org", "/private", &[]),
            ("a.org", "/priv", &[]),
            ("a.org", "/pri", &[]),
            ("a.org", "/health", &[]),
            ("a.org", "/healthy", &[]),
            ("a.sub.example.org", "/", &[]),
            ("sub.example.org", "/", &[]),
            ("a.org", "/", &["--header", "X-Kind: Other"]),
        ],
    );
}

const NGINX: &str = "\
upstream one { server ONE; }
server {
    listen BIND;
    server_name _;
    location / { proxy_pass http://one; }
    location = /exact { return 200 exact; }
    location /a/ { proxy_pass http://one/bytes/; }
    location ^~ /bytes/9 { return 403; }
    location ~ [0-9]$ { proxy_pass http://TWO; }
    location /adm { return 200 adm; }
    location /adm/deep/ { return 200 deep; }
    location ^~ /strong/ { return 200 strong; }
    location ^~ /strong/inner/ { return 200 inner; }
    location ~* \\.(js|CSS)$ { return 200 script; }
    location /files/ {
        proxy_pass http://one;
        location ~ \\.png$ { return 200 picture; }
    }
    location /base/ { proxy_pass http://one/byt; }
    location /only { allow 10.0.0.0/8; deny all; proxy_pass http://one; }
    location /but { deny 127.0.0.1; allow 127.0.0.0/8; deny all; proxy_pass http://one; }
    location /old/ { rewrite ^/old/(.*)$ /bytes/$1 break; proxy_pass http://one; }
}
server {
    listen BIND;
    server_name old.example.org *.old.example.org;
    if ($request_method = POST) { return 405; }
    return 301 https://www.example.org$request_uri;
}
";

#[test]
fn what_nginx_answers_its_translation_answers() {
    let folder = Folder::new();
    let [one, two] = origins();
    let text = NGINX.replace("ONE", &one.address.to_string()).replace("TWO", &two.address.to_string());
    let address = free_address();
    let Some(theirs) = nginx_that(&folder, address, &text.replace("BIND", &address.to_string())) else { return };
    let ours = translated(&folder, "ours.conf", &text);
    check(
        &theirs,
        &ours,
        &[
            ("a.org", "/", &[]),
            ("a.org", "/exact", &[]),
            ("a.org", "/a/x", &[]),
            ("a.org", "/a/5", &[]),
            ("a.org", "/bytes/4", &[]),
            ("a.org", "/adm", &[]),
            ("a.org", "/admin/x", &[]),
            ("a.org", "/adm/deep/x", &[]),
            ("a.org", "/adm/deep", &[]),
            ("a.org", "/a", &[]),
            ("a.org", "/files?q=1", &[]),
            ("a.org", "/files/x.png", &[]),
            ("a.org", "/x.png", &[]),
            ("a.org", "/strong/x.js", &[]),
            ("a.org", "/strong/inner/x.js", &[]),
            ("a.org", "/x.JS", &[]),
            ("a.org", "/x.css", &[]),
            ("a.org", "/x.cssx", &[]),
            ("a.org", "/base/es/3", &[]),
            ("a.org", "/only", &[]),
            ("a.org", "/only-this", &[]),
            ("a.org", "/butter", &[]),
            ("a.org", "/bytes/9", &[]),
            ("a.org", "/old/x", &[]),
            ("old.example.org", "/x?q=1", &[]),
            ("b.old.example.org", "/exact", &[]),
            ("old.example.org", "/x", &["--data", "a"]),
        ],
    );
}

const MOVED: &str = "\
server {
    listen BIND;
    server_name _;
    rewrite ^/blog/(.*)$ /news/$1 permanent;
    rewrite ^/shop($|/) https://shop.example.org/start redirect;
    rewrite ^/page$ /new?from=page? permanent;
    location / { proxy_pass http://ONE; }
    location /files/ { alias /nowhere/; }
    location /inner/ { internal; proxy_pass http://ONE; }
    location /guarded/ { deny all; proxy_pass http://ONE; }
}
";

/// What has moved, what is for nobody, and what would be a file.
#[test]
fn what_nginx_redirects_and_keeps_back_is_redirected_and_kept_back() {
    let folder = Folder::new();
    let [one, _two] = origins();
    let text = MOVED.replace("ONE", &one.address.to_string());
    let address = free_address();
    let Some(theirs) = nginx_that(&folder, address, &text.replace("BIND", &address.to_string())) else { return };
    let address = free_address();
    let file = folder.write("ours.conf", text.replace("BIND", &address.to_string()));
    let made = quintet().args(["serve", "--from"]).arg(file).output().expect("a translation");
    assert_eq!(made.status.code(), Some(1), "what is left out is told");
    let ours = serve(&folder, address, &String::from_utf8(made.stdout).expect("text"));
    let asked = ["/blog/a/b", "/blog/a?q=1", "/shop", "/shop/x", "/shopping", "/page", "/page?q=1", "/", "/bytes/3"];
    let closed = ["/files/x", "/inner/x", "/guarded/x"];
    check(&theirs, &ours, &asked.map(|path| ("a.org", path, &[] as &[&str])));
    check(&theirs, &ours, &closed.map(|path| ("a.org", path, &[] as &[&str])));
}
