//! curl and openssl as clients of a listener that speaks https.

use super::house::House;
use super::pki::Pki;
use crate::stage::{self, Stage, settings};
use crate::wire::Wire;
use balancer::{AccessLog, LogFormat, LogTarget};
use balancer_core::{ClientCertificate, Settings};
use ports::HandshakeFailure;
use reactor::epoll::EpollConfig;
use std::path::PathBuf;
use std::process::Stdio;
use testkit::curl;

#[test]
fn curl_gets_and_sends_over_either_version() {
    let house = House::new(2, |_, _| {});
    let upload = house.pki.folder().join("upload");
    std::fs::write(&upload, vec![b'u'; 300_000]).expect("a file");
    let upload = format!("@{}", upload.display());
    for version in [&["--tls-max", "1.2"][..], &["--tlsv1.3"]] {
        for (more, path, len) in [
            (&[][..], "/bytes/100000", 100_000),
            (&[], "/chunked/5000000", 5_000_000),
            (&["--http1.0"], "/bytes/1000", 1000),
            (&["--data-binary", &upload], "/echo", 300_000),
        ] {
            let Some(output) = house.curl(&[version, more].concat(), path) else { return };
            assert!(output.status.success(), "{version:?} {path}: {}", String::from_utf8_lossy(&output.stderr));
            assert_eq!(output.stdout.len(), len, "{version:?} {path}");
        }
    }
    let counters = house.balancer.counters();
    assert_eq!((counters.tls_handshakes, counters.responses, counters.failed_total()), (8, 8, 0), "{counters:?}");
    assert_eq!((counters.tls_damaged, counters.tls_cut_off), (0, 0), "{counters:?}");
}

/// What a request says to the server: that its client came over TLS.
#[test]
fn servers_learn_that_it_was_https() {
    let Some(mut command) = curl() else { return };
    let pki = Pki::new();
    let stage = Stage::new(|settings| pki.secure(settings, pki.certificate("site", &["127.0.0.1"])));
    command.arg("--cacert").arg(pki.ca()).arg(format!("https://{}/", stage.address()));
    let child = command.stdout(Stdio::piped()).spawn().expect("curl runs");
    let mut server = stage.server();
    let head = server.reads_head();
    assert!(head.contains("X-Forwarded-Proto: https\r\n"), "{head}");
    server.sends("HTTP/1.1 200 OK\nContent-Length: 2\n\nok");
    assert_eq!(child.wait_with_output().expect("curl ends").stdout, b"ok");
    stage.end();
}

#[test]
fn the_name_that_is_asked_for_decides_the_certificate() {
    for strict in [false, true] {
        let house = House::new(1, |pki, tls| {
            tls.certificates.push(pki.certificate("wild", &["*.wild.example"]));
            tls.certificates.push(pki.certificate("one", &["one.wild.example"]));
            tls.strict_sni = strict;
        });
        for (name, subject) in [
            ("site.example", Some("site")),
            ("SITE.example", Some("site")),
            ("a.wild.example", Some("wild")),
            ("one.wild.example", Some("one")),
            ("a.b.wild.example", None),
            ("elsewhere.example", None),
        ] {
            let Some(shown) = house.s_client(&["-servername", name]) else { return };
            match subject.or((!strict).then_some("site")) {
                Some(subject) => assert!(shown.contains(&format!("subject=CN = {subject}\n")), "{name}: {shown}"),
                None => assert!(shown.contains("unrecognized name"), "{name}: {shown}"),
            }
        }
        let shown = house.s_client(&["-noservername"]).expect("it is installed");
        assert_eq!(shown.contains("subject=CN = site\n"), !strict, "{shown}");
    }
}

/// One origin in our hands, and a client that shows a certificate or not; what the origin is told of that.
#[test]
fn who_a_client_is_goes_along_with_its_requests() {
    let pki = Pki::new();
    let stage = Stage::new(|settings: &mut Settings| {
        pki.secure(settings, pki.certificate("site", &["127.0.0.1"]));
        let tls = settings.listeners[0].tls.as_mut().expect("just written");
        (tls.client_certificate, tls.client_ca) = (ClientCertificate::Optional, Some(pki.ca()));
        tls.client_subject_header = Some("X-Client".to_owned());
    });
    let alice = pki.certificate("alice", &["alice.example"]);
    let arguments = [
        "--cert".to_owned(),
        alice.certificate.display().to_string(),
        "--key".to_owned(),
        alice.key.display().to_string(),
    ];
    for (arguments, told) in [(&arguments[..], "X-Client: CN=alice\r\n"), (&[], "")] {
        let Some(mut command) = curl() else { return };
        command.args(["--header", "x-client: CN=root", "--cacert"]).arg(pki.ca());
        command.args(arguments).arg(format!("https://{}/", stage.address()));
        let child = command.stdout(Stdio::piped()).spawn().expect("curl runs");
        let mut server = stage.server();
        let head = server.reads_head();
        let of_client: String =
            head.split_inclusive('\n').filter(|line| line.to_lowercase().starts_with("x-client:")).collect();
        assert_eq!(of_client, told, "{head}");
        server.sends("HTTP/1.1 200 OK\nContent-Length: 2\nConnection: close\n\nok");
        assert_eq!(child.wait_with_output().expect("curl ends").stdout, b"ok");
    }
    stage.end();
}

#[test]
fn who_has_to_show_a_certificate_and_does_not_is_turned_away() {
    let house = House::new(1, |pki, tls| {
        (tls.client_certificate, tls.client_ca) = (ClientCertificate::Required, Some(pki.ca()));
    });
    let stranger = Pki::new();
    let bad = stranger.certificate("alice", &["alice.example"]);
    let good = house.pki.certificate("alice", &["alice.example"]);
    let shows = |files: &balancer_core::CertificateFiles| {
        let text = |path: &PathBuf| path.display().to_string();
        ["--cert".to_owned(), text(&files.certificate), "--key".to_owned(), text(&files.key)]
    };
    for (arguments, is_let_in) in [(shows(&good).to_vec(), true), (shows(&bad).to_vec(), false), (Vec::new(), false)] {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let Some(output) = house.curl(&arguments, "/bytes/10") else { return };
        assert_eq!(output.status.success(), is_let_in, "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
    let counters = house.balancer.counters();
    let failed = |why: HandshakeFailure| counters.tls_failed[why as usize];
    assert_eq!((failed(HandshakeFailure::BadCertificate), failed(HandshakeFailure::NoCertificate)), (1, 1));
    assert_eq!(counters.accepted, 1, "the application hears of one: {counters:?}");
}

/// Nonsense gets an alert, plain HTTP an answer that its client understands; they are counted apart.
#[test]
fn who_does_not_speak_tls_is_told_so() {
    let house = House::new(1, |_, _| {});
    let answer = "HTTP/1.1 400 Bad Request\nContent-Type: text/plain; charset=utf-8\nContent-Length: 79\nConnection: \
                  close\n\nthis port speaks https, and the request came in plain http: ask by https://...\n";
    let alert = "\u{15}\u{3}\u{3}\0\u{2}\u{2}2";
    for (says, sees, why) in [
        ("GET / HTTP/1.1\nHost: a\n\n", answer, HandshakeFailure::PlainHttp),
        ("\u{1}\u{2}nonsense", alert, HandshakeFailure::NotTls),
    ] {
        let mut client = Wire::connect(house.address(), "the client");
        client.sends(says);
        match why {
            HandshakeFailure::PlainHttp => client.sees_answer(sees),
            _ => client.sees(sees),
        }
        client.sees_end(crate::wire::End::Eof);
        testkit::eventually("it is counted", || house.balancer.counters().tls_failed[why as usize] == 1);
        let told = house.balancer.report().refused.last().map(ToString::to_string).unwrap_or_default();
        assert!(told.starts_with("TLS connection of 127.0.0.1:"), "{told}");
        assert!(told.contains(&format!("refused ({}): ", why.name())), "{told}");
    }
}

/// Files that are renewed in place are taken up with the next change of the configuration, and tickets stay good.
#[test]
fn a_renewed_certificate_is_shown_after_the_next_change() {
    let origin = stage::listener();
    let pki = Pki::new();
    let mut settings = settings(&[stage::address(&origin)]);
    pki.secure(&mut settings, pki.certificate("site", &["site.example"]));
    let balancer = stage::start(settings.clone(), 1, EpollConfig::default());
    let mut house = House { pki, balancer, _origin: stage::origin() };
    let serial = |house: &House| {
        let shown = house.s_client(&["-showcerts"])?;
        let (_, certificate) = shown.split_once("-----BEGIN CERTIFICATE-----")?;
        Some(certificate.split_once("-----END")?.0.to_owned())
    };
    let Some(before) = serial(&house) else { return };
    house.pki.certificate("site", &["site.example"]);
    assert_eq!(serial(&house).as_ref(), Some(&before), "not by itself");
    house.balancer.apply(&settings).expect("it is good");
    assert_ne!(serial(&house), Some(before));
    // One that is broken changes nothing.
    std::fs::write(house.pki.folder().join("site.key"), "nonsense").expect("a file");
    let error = house.balancer.apply(&settings).expect_err("a broken key").to_string();
    assert!(error.contains("site.key: there is no private key in it"), "{error}");
    assert!(serial(&house).is_some());
}

/// A listener that is the first to speak TLS comes with a change of the configuration.
#[test]
fn tls_may_come_later() {
    let origin = stage::origin();
    let pki = Pki::new();
    let plain = settings(&[origin.address()]);
    let mut balancer = stage::start(plain.clone(), 2, EpollConfig::default());
    let mut both = plain;
    both.listeners.push(balancer_core::ListenerSettings::new("secure", testkit::free_address(), 0));
    both.listeners.swap(0, 1);
    pki.secure(&mut both, pki.certificate("site", &["site.example"]));
    balancer.apply(&both).expect("it is good");
    let house = House { pki, balancer, _origin: origin };
    let Some(output) = house.curl(&[], "/bytes/1000") else { return };
    assert_eq!(output.stdout.len(), 1000, "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn what_is_wrong_with_certificates_is_said_and_yet_it_starts() {
    use std::os::unix::fs::PermissionsExt;
    let pki = Pki::new();
    let mut settings = settings(&[testkit::free_address()]);
    let files = pki.certificate_until("old", &["old.example"], 2001);
    std::fs::set_permissions(&files.key, std::fs::Permissions::from_mode(0o644)).expect("ours");
    pki.secure(&mut settings, files);
    let balancer = stage::start(settings, 1, EpollConfig::default());
    let said: Vec<String> = balancer.warnings().iter().map(ToString::to_string).collect();
    assert!(
        said[0].contains("old.pem has expired") && said[1].contains("old.key can be read by every user"),
        "{said:?}"
    );
}

/// A drain does not wait for clients that open a connection and then say nothing, or half of a hello: their handshakes end
/// with their listener, and not by their own time.
#[test]
fn a_drain_does_not_wait_for_half_open_clients() {
    let pki = Pki::new();
    let stage = Stage::new(|settings| pki.secure(settings, pki.certificate("site", &["127.0.0.1"])));
    let (mut silent, mut half) = (stage.client(), stage.client());
    half.sends("\u{16}\u{3}\u{1}\u{1}\0\u{1}");
    let counters = stage.end_with_patience(secure::HANDSHAKE_MAX * 6);
    assert_eq!(counters.tls_failed[HandshakeFailure::Shortage as usize], 2, "{counters:?}");
    silent.sees_end(crate::wire::End::Eof);
    half.sees_end(crate::wire::End::Eof);
}

#[test]
fn how_a_connection_is_secured_is_told_in_the_access_log() {
    let mut house = House::new(1, |_, _| {});
    let path = house.pki.folder().join("access.log");
    let log = AccessLog { to: LogTarget::File(path.clone()), format: LogFormat::Json, sample: 1 };
    let settings = house.balancer.settings();
    house.balancer.apply_logged(&settings, Some(log)).expect("it is written");
    for version in [&["--tlsv1.3"][..], &["--tls-max", "1.2"]] {
        let Some(output) = house.curl(version, "/") else { return };
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    let text = || std::fs::read_to_string(&path).unwrap_or_default();
    stage::eventually("both are told", || text().lines().count() == 2);
    let lines: Vec<serde_json::Value> =
        text().lines().map(|line| serde_json::from_str(line).expect("an object")).collect();
    assert_eq!((&lines[0]["tls"], &lines[1]["tls"]), (&"TLSv1.3".into(), &"TLSv1.2".into()));
    assert!(lines[0]["cipher"].as_str().is_some_and(|cipher| cipher.starts_with("TLS13_")), "{}", lines[0]);
    assert!(lines[1]["cipher"].as_str().is_some_and(|cipher| cipher.starts_with("TLS_ECDHE_")), "{}", lines[1]);
}
