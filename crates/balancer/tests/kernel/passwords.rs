//! Who has to say who he is: by curl, with files that htpasswd makes; and what comparing costs others.

use crate::script::PATH;
use crate::stage::Stage;
use crate::wire::Wire;
use balancer::Config;
use balancer_core::{AuthRule, BasicAuth, Failure, Settings};
use http::forward::Message;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

const OK: &str = "HTTP/1.1 200 OK\nContent-Length: 2\n\nok";
/// "secret" by htpasswd, of the least cost, and of one at which a comparison takes its time.
const QUICK: &str = "$2y$04$2mq/KHSQ7L4/XncgwqYeku8vi26qOuHwxMkAbolniqLRNu4JUfICu";
const SLOW: &str = "$2y$11$RTsESwLn6jY/ioxIHERBNu/uszRKQttifkw74ZfEbFnn6Erb6sDXm";
const RIGHT: &str = "Authorization: Basic YWxpY2U6c2VjcmV0\n";
const WRONG: &str = "Authorization: Basic YWxpY2U6d3Jvbmc=\n";

fn guarded(hash: &str, pass: bool) -> impl FnOnce(&mut Settings) {
    let basic = BasicAuth::new("Site", [("alice".to_owned(), hash.to_owned())], pass).expect("a user");
    move |settings| {
        let treatment = &mut settings.listeners[0].treatment;
        treatment.auth = Some(AuthRule::Basic(Arc::new(basic)));
        treatment.headers.requests.set("X-Remote-User", "{user}", Message::Request).expect("a rule");
    }
}

fn asks(client: &mut Wire, said: &str) {
    client.sends(&format!("GET /a HTTP/1.1\nHost: a\nX-Remote-User: forged\n{said}\n"));
}

#[test]
fn who_is_known_is_named_to_servers_and_his_password_is_not() {
    for pass in [false, true] {
        let stage = Stage::new(guarded(QUICK, pass));
        let mut client = stage.client();
        let told = if pass { RIGHT } else { "" };
        let mut server: Option<Wire> = None;
        for _ in 0..2 {
            asks(&mut client, RIGHT);
            let server = server.get_or_insert_with(|| stage.server());
            server.sees(&format!("GET /a HTTP/1.1\nHost: a\n{told}{PATH}X-Remote-User: alice\n\n"));
            server.sends(OK);
            client.sees(OK);
        }
        let counters = stage.end();
        assert_eq!((counters.auth_compared, counters.auth_remembered, counters.responses), (1, 1, 2), "{counters:?}");
    }
}

#[test]
fn who_is_not_known_gets_a_401_and_may_try_again() {
    let stage = Stage::new(guarded(QUICK, false));
    let mut client = stage.client();
    let text = "a user and the right password are asked for\n";
    let said =
        [("", 0), (WRONG, 1), ("Authorization: Basic bWFsbG9yeTpzZWNyZXQ=\n", 2), ("Authorization: Basic %%%\n", 2)];
    for (said, compared) in said {
        asks(&mut client, said);
        client.sees_answer(&format!(
            "HTTP/1.1 401 Unauthorized\nWWW-Authenticate: Basic realm=\"Site\", charset=\"UTF-8\"\nContent-Type: \
             text/plain; charset=utf-8\nContent-Length: {}\n\n{text}",
            text.len()
        ));
        assert_eq!(stage.counters().auth_compared, compared, "{said}");
    }
    stage.no_server();
    asks(&mut client, RIGHT);
    let mut server = stage.server();
    server.reads_head();
    server.sends(OK);
    client.sees(OK);
    let counters = stage.end();
    assert_eq!((counters.failed(Failure::Unauthorized), counters.failed_total()), (4, 4), "{counters:?}");
}

/// A thousand wrong passwords at once, each of which takes a core for a while; others are served as ever meanwhile.
#[test]
fn who_guesses_delays_nobody_who_is_not_asked() {
    let open = balancer_core::router::Conditions {
        paths: vec![balancer_core::router::PathPattern::Prefix("/open".to_owned())],
        ..Default::default()
    };
    let stage = Stage::new(|settings| {
        guarded(SLOW, false)(settings);
        let forward = balancer_core::Action::Forward { set: 0 };
        let mut rules = balancer_core::RouteRules::new("open", forward.clone());
        rules.treatment.auth = Some(AuthRule::Off);
        let route = balancer_core::router::Route { conditions: open, rules };
        let rest = balancer_core::RouteRules::new("", forward);
        settings.listeners[0].router = balancer_core::Router::new(vec![route], rest);
    });
    let mut guessers: Vec<Wire> = (0..1000).map(|_| stage.client()).collect();
    for (number, guesser) in guessers.iter_mut().enumerate() {
        // Each guess is another one: "alice:" and four digits.
        let digits: Vec<u8> = format!("alice:{number:04}..").into_bytes();
        guesser.sends(&format!("GET /a HTTP/1.1\nHost: a\nAuthorization: Basic {}\n\n", base64(&digits)));
    }
    stage.counts("some wait, and others were told that too many do", |counters| {
        counters.failed(Failure::PasswordsBusy) >= 500
    });
    let (mut client, mut server) = (stage.client(), None);
    let before = stage.counters();
    let begun = Instant::now();
    for _ in 0..20 {
        client.sends("GET /open HTTP/1.1\nHost: a\n\n");
        let server: &mut Wire = server.get_or_insert_with(|| stage.server());
        server.reads_head();
        server.sends(OK);
        client.sees(OK);
    }
    let (took, after) = (begun.elapsed(), stage.counters());
    let compared = after.failed(Failure::Unauthorized) - before.failed(Failure::Unauthorized);
    // One after the other they would have waited for all who stood there before them.
    assert!(
        after.failed(Failure::Unauthorized) < 200,
        "the guessers were through before: {took:?}, {compared} compared"
    );
    drop(guessers);
    let counters = stage.end_with_patience(Duration::from_secs(1));
    assert_eq!(counters.responses, 20, "{counters:?}");
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    assert!(bytes.len().is_multiple_of(3), "no padding here");
    let triple = |three: &[u8]| u32::from(three[0]) << 16 | u32::from(three[1]) << 8 | u32::from(three[2]);
    let digits = |word: u32| [18, 12, 6, 0].map(|shift| char::from(DIGITS[(word >> shift) as usize & 63]));
    bytes.chunks(3).flat_map(|three| digits(triple(three))).collect()
}

/// Whatever `htpasswd` and `openssl` make, by whichever client asks.
#[test]
fn curl_comes_in_by_what_htpasswd_has_written() {
    if [testkit::installed("htpasswd"), testkit::installed("curl")].iter().any(Option::is_none) {
        return;
    }
    let folder = std::env::temp_dir().join(format!("quintet-passwords-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let file = folder.join("users");
    let users = [("-B", "bcrypt"), ("-m", "apr1"), ("-2", "sha256"), ("-5", "sha512")];
    for (at, (form, name)) in users.into_iter().enumerate() {
        let create = if at == 0 { "-cb" } else { "-b" };
        let made = Command::new("htpasswd").args([create, form]).arg(&file).args([name, "pass word:ü"]).output();
        assert!(made.expect("htpasswd runs").status.success(), "{form}");
    }
    let text = "[[listener]]\nname = \"web\"\nbind = \"127.0.0.1:0\"\n[listener.auth]\nusers_file = \"users\"\n\
                [[listener.route]]\npath = \"/\"\nrespond = { status = 200, text = \"inside\" }\n";
    let config = Config::parse(&folder.join("q.toml").display().to_string(), text).expect("a configuration");
    let stage = Stage::new(|settings| *settings = config.settings.clone());
    let curl = |user: &str| {
        let url = format!("http://{}/", stage.address());
        let run = Command::new("curl").args(["-s", "-w", "%{http_code}", "-m", "30", "-u", user, &url]).output();
        String::from_utf8_lossy(&run.expect("curl runs").stdout).into_owned()
    };
    for (_, name) in users {
        assert_eq!(curl(&format!("{name}:pass word:ü")), "inside200", "{name}");
        assert!(curl(&format!("{name}:pass word")).ends_with("401"), "{name}");
    }
    assert!(curl("nobody:pass word:ü").ends_with("401"));
    stage.end_with_patience(Duration::from_secs(5));
    std::fs::remove_dir_all(&folder).expect("ours");
}
