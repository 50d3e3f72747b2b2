//! Other people's clients at an https listener.

use crate::program::{origin, serve};
use rcgen::CertifiedKey;
use rustls::pki_types::CertificateDer;
use std::fs::Permissions;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use testkit::{Folder, Server, free_address, installed, run_well};

/// Writes `app.pem` and `app.key`, for `app.example`; the certificate, which vouches for itself.
pub(crate) fn certificate(folder: &Folder) -> CertificateDer<'static> {
    let names = vec!["app.example".to_owned()];
    let CertifiedKey { cert, signing_key } = rcgen::generate_simple_self_signed(names).expect("a certificate");
    folder.write("app.pem", cert.pem());
    let key = folder.write("app.key", signing_key.serialize_pem());
    std::fs::set_permissions(key, Permissions::from_mode(0o600)).expect("a file of ours");
    cert.der().clone()
}

/// An https listener on this port, with that certificate, before the set `app`.
pub(crate) fn https_listener(folder: &Folder, address: SocketAddr) -> String {
    listener_that_speaks(folder, "https", address, "")
}

/// A listener that speaks this, with more keys of its own; over TLS with that certificate.
pub(crate) fn listener_that_speaks(folder: &Folder, protocol: &str, address: SocketAddr, more: &str) -> String {
    let path = folder.path().display();
    let tls = format!("[listener.tls]\ncertificate = \"{path}/app.pem\"\nkey = \"{path}/app.key\"\n");
    format!(
        "[[listener]]\nname = \"web\"\nbind = \"{address}\"\nprotocol = \"{protocol}\"\nbackends = \"app\"\n{more}{}",
        if protocol == "https" { &tls } else { "" }
    )
}

/// Our balancer over TLS before our origin.
struct House {
    _folder: Folder,
    balancer: Server,
    _origin: Server,
}

impl House {
    fn new() -> Self {
        let (folder, address, origin) = (Folder::new(), free_address(), origin());
        certificate(&folder);
        let listener = https_listener(&folder, address);
        let config = format!("{listener}\n[[backend_set]]\nname = \"app\"\nservers = [\"{}\"]\n", origin.address);
        let balancer = serve(&folder, address, &config);
        Self { _folder: folder, balancer, _origin: origin }
    }

    /// What a client says that is run on a path of this house.
    fn shown(&self, program: &str, arguments: &[&str], path: &str) -> Option<String> {
        let mut command = Command::new(installed(program)?);
        command.args(arguments).arg(format!("https://{}{path}", self.balancer.address));
        Some(run_well(&mut command))
    }
}

/// The number behind the first place where `name` is said.
fn number(shown: &str, name: &str) -> Option<u64> {
    let (_, rest) = shown.split_once(name)?;
    rest.trim_start().split(|letter: char| !letter.is_ascii_digit()).next()?.parse().ok()
}

#[test]
fn ab_sees_no_failure_over_tls() {
    let house = House::new();
    for kept in [&[][..], &["-k"]] {
        let arguments = [&["-n", "300", "-c", "8"][..], kept].concat();
        let Some(shown) = house.shown("ab", &arguments, "/bytes/20000") else { return };
        let counts = (number(&shown, "Complete requests:"), number(&shown, "Failed requests:"));
        assert_eq!(counts, (Some(300), Some(0)), "{shown}");
        assert!(!shown.contains("Non-2xx"), "{shown}");
    }
}

#[test]
fn wrk_sees_no_error_over_tls() {
    let house = House::new();
    for headers in [&[][..], &["-H", "Connection: close"]] {
        let arguments = [&["-t1", "-c8", "-d1s"][..], headers].concat();
        let Some(shown) = house.shown("wrk", &arguments, "/bytes/100") else { return };
        assert!(!shown.contains("Socket errors") && !shown.contains("Non-2xx"), "{shown}");
        assert!(shown.contains(" requests in "), "{shown}");
    }
}

#[test]
fn h2load_sees_no_failure_over_tls() {
    let house = House::new();
    let Some(shown) = house.shown("h2load", &["--h1", "-n", "2000", "-c", "8"], "/bytes/20000") else { return };
    assert!(shown.contains("2000 succeeded, 0 failed, 0 errored, 0 timeout"), "{shown}");
    assert_eq!(number(&shown, "status codes:"), Some(2000), "{shown}");
}
