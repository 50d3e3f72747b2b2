//! What a scanner of TLS finds at a listener: versions, suites, groups, protocols, and what is not there. Asked by openssl.

use super::house::House;
use balancer_core::{CertificateFiles, TlsVersion};
use ports::HandshakeFailure;
use std::process::Command;
use testkit::installed;

/// Versions that are no more are spoken by openssl only when it is told not to mind.
const OLD: &str = "DEFAULT:@SECLEVEL=0";

#[test]
fn versions_that_are_no_more_are_refused() {
    let house = House::new(1, |_, _| {});
    for version in ["-tls1", "-tls1_1"] {
        let Some(shown) = house.s_client(&[version, "-cipher", OLD]) else { return };
        assert!(shown.contains("alert protocol version"), "{version}: {shown}");
    }
    let counters = house.balancer.counters();
    assert_eq!(counters.tls_failed[HandshakeFailure::NoCommonVersion as usize], 2, "{counters:?}");
    for (version, suite) in [("-tls1_2", "New, TLSv1.2, Cipher is ECDHE-"), ("-tls1_3", "New, TLSv1.3, Cipher is TLS_")]
    {
        let shown = house.s_client(&[version]).expect("it is installed");
        assert!(shown.contains(suite), "{version}: {shown}");
    }
}

#[test]
fn a_version_that_is_left_out_is_refused() {
    for (spoken, version, other) in
        [(TlsVersion::Tls13, "-tls1_3", "-tls1_2"), (TlsVersion::Tls12, "-tls1_2", "-tls1_3")]
    {
        let house = House::new(1, |_, tls| tls.versions = vec![spoken]);
        let Some(shown) = house.s_client(&[version]) else { return };
        assert!(shown.contains("New, TLSv1."), "{version}: {shown}");
        let shown = house.s_client(&[other]).expect("it is installed");
        assert!(shown.contains("alert protocol version"), "{other}: {shown}");
        let counters = house.balancer.counters();
        assert_eq!(counters.tls_failed[HandshakeFailure::NoCommonVersion as usize], 1, "{counters:?}");
    }
}

/// Every suite of TLS 1.2 that this openssl knows, whatever it thinks of it.
fn suites_of_tls12() -> Option<Vec<String>> {
    let mut command = Command::new(installed("openssl")?);
    let output =
        command.args(["ciphers", "-s", "-tls1_2", "ALL:COMPLEMENTOFALL:@SECLEVEL=0"]).output().expect("it runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    Some(text.trim().split(':').filter(|suite| !suite.starts_with("TLS_")).map(str::to_owned).collect())
}

/// A certificate with a key of RSA, made by openssl.
fn rsa(folder: &std::path::Path) -> Option<CertificateFiles> {
    let files = CertificateFiles { certificate: folder.join("rsa.pem"), key: folder.join("rsa.key") };
    let mut command = Command::new(installed("openssl")?);
    command.args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30", "-subj", "/CN=rsa", "-keyout"]);
    let output = command.arg(&files.key).arg("-out").arg(&files.certificate).output().expect("it runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(files)
}

/// Of TLS 1.2 there are only suites with ephemeral keys and authenticated encryption, whatever the client would take.
#[test]
fn suites_of_tls_12_are_three_for_each_kind_of_key() {
    let Some(suites) = suites_of_tls12() else { return };
    assert!(suites.len() > 50, "openssl knows many: {suites:?}");
    for kind in ["ECDSA", "RSA"] {
        let house = House::new(1, |pki, tls| {
            if kind == "RSA" {
                tls.certificates = rsa(pki.folder()).into_iter().collect();
            }
        });
        let is_spoken = |suite: &&String| {
            let cipher = format!("{suite}:@SECLEVEL=0");
            let shown = house.s_client(&["-tls1_2", "-cipher", &cipher]).expect("it is installed");
            shown.contains(&format!("New, TLSv1.2, Cipher is {suite}\n"))
        };
        let mut spoken: Vec<String> = suites.iter().filter(is_spoken).cloned().collect();
        spoken.sort();
        let all = ["AES128-GCM-SHA256", "AES256-GCM-SHA384", "CHACHA20-POLY1305"];
        assert_eq!(spoken, all.map(|suite| format!("ECDHE-{kind}-{suite}")));
    }
}

#[test]
fn suites_and_groups_of_tls_13_are_those_that_are_documented() {
    let house = House::new(1, |_, _| {});
    for (suite, is_spoken) in [
        ("TLS_AES_128_GCM_SHA256", true),
        ("TLS_AES_256_GCM_SHA384", true),
        ("TLS_CHACHA20_POLY1305_SHA256", true),
        ("TLS_AES_128_CCM_SHA256", false),
        ("TLS_AES_128_CCM_8_SHA256", false),
    ] {
        let Some(shown) = house.s_client(&["-tls1_3", "-ciphersuites", suite]) else { return };
        assert_eq!(shown.contains(&format!("New, TLSv1.3, Cipher is {suite}\n")), is_spoken, "{suite}: {shown}");
        assert_eq!(shown.contains("alert handshake failure"), !is_spoken, "{suite}: {shown}");
    }
    for (group, is_spoken) in
        [("X25519", true), ("P-256", true), ("P-384", true), ("P-521", false), ("X448", false), ("ffdhe2048", false)]
    {
        let shown = house.s_client(&["-tls1_3", "-groups", group]).expect("it is installed");
        assert_eq!(shown.contains("New, TLSv1.3, Cipher is "), is_spoken, "{group}: {shown}");
        assert_eq!(shown.contains("alert handshake failure"), !is_spoken, "{group}: {shown}");
    }
}

#[test]
fn a_protocol_is_agreed_on_or_nothing_is() {
    let house = House::new(1, |_, _| {});
    for (offered, agreed) in [
        (&["-alpn", "http/1.1"][..], Some("ALPN protocol: http/1.1")),
        (&["-alpn", "h2,http/1.1"], Some("ALPN protocol: http/1.1")),
        (&["-alpn", "http/1.0"], Some("ALPN protocol: http/1.0")),
        (&[], Some("No ALPN negotiated")),
        (&["-alpn", "h2"], None),
        (&["-alpn", "acme-tls/1"], None),
    ] {
        for version in ["-tls1_2", "-tls1_3"] {
            let Some(shown) = house.s_client(&[&[version], offered].concat()) else { return };
            assert!(
                shown.contains(agreed.unwrap_or("alert no application protocol")),
                "{version} {offered:?}: {shown}"
            );
        }
    }
    let counters = house.balancer.counters();
    assert_eq!(counters.tls_failed[HandshakeFailure::NoCommonProtocol as usize], 4, "{counters:?}");
}

/// No compression, no early data, and in TLS 1.2 the mended ways of keys and of renegotiation.
#[test]
fn what_was_dangerous_is_not_there() {
    let house = House::new(1, |_, _| {});
    let Some(shown) = house.s_client(&["-tls1_2"]) else { return };
    for part in ["Compression: NONE", "Extended master secret: yes", "Secure Renegotiation IS supported"] {
        assert!(shown.contains(part), "no {part:?}: {shown}");
    }
    assert!(shown.contains("TLS session ticket:"), "{shown}");
    let request = b"GET /bytes/5 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    let shown = house.converse(house.address(), &["-tls1_3", "-ign_eof"], request).expect("it is installed");
    assert!(shown.contains("Max Early Data: 0"), "{shown}");
}

/// Whoever wants no tickets gets none, and is served all the same; and so it is where there are none.
#[test]
fn tickets_are_left_out_where_nobody_wants_them() {
    let request = b"GET /bytes/5 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    for (tickets, arguments) in [
        (true, &["-tls1_2", "-no_ticket", "-ign_eof"][..]),
        (false, &["-tls1_2", "-ign_eof"]),
        (false, &["-tls1_3", "-ign_eof"]),
    ] {
        let house = House::new(1, |_, tls| tls.tickets = tickets);
        let Some(shown) = house.converse(house.address(), arguments, request) else { return };
        assert!(shown.contains("HTTP/1.1 200 OK"), "{arguments:?}: {shown}");
        assert!(!shown.contains("TLS session ticket:"), "{arguments:?}: {shown}");
    }
}

/// A client that wants to begin anew within a connection is told that this has no place there.
#[test]
fn there_is_no_renegotiation() {
    let house = House::new(1, |_, _| {});
    let Some(shown) = house.converse(house.address(), &["-tls1_2"], b"R\n") else { return };
    assert!(shown.contains("RENEGOTIATING") && shown.contains("alert unexpected message"), "{shown}");
    testkit::eventually("it is counted", || house.balancer.counters().tls_damaged == 1);
}
