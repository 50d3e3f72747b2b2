//! Files of others with something changed in them: whatever is translated at all is a configuration of ours.

use crate::any_translation::translates;
use crate::from::others;
use seed::Rng;
use testkit::{Replay, sweep};
use translate::Language;

const REPLAY: Replay =
    Replay { package: "quintet", target: "--test commands", test: "every_translation_passes_the_check" };

/// Values that people leave behind by mistake.
const ODD: &[&str] = &[
    "0",
    "1",
    "65535",
    "70000",
    "99999999999",
    "5ms",
    "30d",
    "",
    "/",
    "example.org",
    "*.example.org",
    "{ path_beg /ad }",
];

/// A few lines dropped, doubled, swapped, or with another word in them.
fn changed(text: &str, rng: &mut Rng) -> String {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    for _ in 0..rng.range(1, 6) {
        let (at, other) = (rng.index(lines.len()), rng.index(lines.len()));
        match rng.index(4) {
            0 if lines.len() > 3 => drop(lines.remove(at)),
            1 => lines.insert(at, lines[other].clone()),
            2 => lines.swap(at, other),
            _ => {
                let words: Vec<&str> = lines[at].split(' ').collect();
                let word = words[rng.index(words.len())].trim_end_matches(';').to_owned();
                if !word.is_empty() {
                    lines[at] = lines[at].replacen(&word, rng.pick::<&str>(ODD), 1);
                }
            }
        }
    }
    lines.join("\n") + "\n"
}

#[test]
fn every_translation_passes_the_check() {
    let files: Vec<(Language, String)> = others()
        .into_iter()
        .map(|path| (path.extension().is_some_and(|end| end == "cfg"), std::fs::read_to_string(path).expect("text")))
        .map(|(is_haproxy, text)| (if is_haproxy { Language::Haproxy } else { Language::Nginx }, text))
        .collect();
    let mut count = 0;
    sweep(REPLAY, 300, |seed| {
        let mut rng = Rng::new(seed);
        let (language, text) = rng.pick(&files).clone();
        let text = changed(&text, &mut rng);
        translates(language, &text).map(|done| count += usize::from(done))
    });
    assert!(count > 0, "nothing was translated");
}

/// Words of both languages, one behind the other.
fn soup(language: Language, rng: &mut Rng) -> String {
    let (words, ends): (&[&str], &[&str]) = match language {
        Language::Haproxy => (HAPROXY, &["\n", "\n", "\n  ", " "]),
        Language::Nginx => (NGINX, &[";\n", ";\n", " { ", " } ", " "]),
    };
    let mut text = String::new();
    for _ in 0..rng.range(1, 80) {
        let some = if rng.chance(0.7) { words } else { ODD };
        text += rng.pick::<&str>(some);
        text += if rng.chance(0.5) { " " } else { rng.pick::<&str>(ends) };
    }
    text
}

const HAPROXY: &[&str] = &[
    "frontend",
    "backend",
    "listen",
    "defaults",
    "global",
    "userlist",
    "bind",
    ":80",
    "*:443 ssl crt /a.pem",
    "server a 10.0.0.1:80",
    "mode http",
    "mode tcp",
    "acl",
    "use_backend",
    "default_backend",
    "a",
    "b",
    "if",
    "unless",
    "!a",
    "{ path_beg /x }",
    "or",
    "||",
    "http-request",
    "deny",
    "auth",
    "redirect",
    "scheme https",
    "set-header X",
    "%[src]",
    "req.ssl_sni -i a.org",
    "stick-table",
    "track-sc0 src",
    "type ip size 1m expire 10s store http_req_rate(10s)",
    "sc_http_req_rate(0) gt 10",
    "user a password x",
    "insecure-password",
    "balance",
    "leastconn",
    "maxconn",
    "retries 3",
    "retry-on 503",
    "option",
    "httpchk GET /",
    "tcp-check",
    "cookie",
    "insert",
    "timeout",
    "client 5s",
    "http_auth(b)",
    "hdr(host)",
    "path",
    "\\",
    "\"",
    "'",
    "send-proxy",
    "check",
];
const NGINX: &[&str] = &[
    "http",
    "server",
    "stream",
    "events",
    "upstream a",
    "location /",
    "location ~ ^/x",
    "location = /y",
    "listen 80",
    "listen 443 ssl",
    "server_name a.org *.b.org",
    "server_name ~^(a|b)$",
    "proxy_pass http://a",
    "proxy_pass http://10.0.0.1/y/",
    "server 10.0.0.1:80",
    "return 301 https://$host$request_uri",
    "return 200 ok",
    "rewrite ^/(.*)$ /z/$1 break",
    "if ($host = a)",
    "allow 10.0.0.0/8",
    "deny all",
    "auth_basic x",
    "auth_basic_user_file /h",
    "limit_req zone=a burst=5",
    "limit_req_zone $binary_remote_addr zone=a:1m rate=1r/s",
    "limit_conn b 3",
    "limit_conn_zone $binary_remote_addr zone=b:1m",
    "client_max_body_size 1m",
    "gzip on",
    "map $ssl_preread_server_name $n",
    "default a",
    "ssl_preread on",
    "proxy_set_header X $host",
    "add_header Y z",
    "proxy_next_upstream error http_502",
    "$",
    "{",
    "}",
    "\"",
];

#[test]
fn any_words_are_translated_or_refused() {
    let replay = Replay { test: "any_words_are_translated_or_refused", ..REPLAY };
    sweep(replay, 2000, |seed| {
        let mut rng = Rng::new(seed);
        let language = *rng.pick(&[Language::Haproxy, Language::Nginx]);
        translates(language, &soup(language, &mut rng)).map(|_| ())
    });
}
