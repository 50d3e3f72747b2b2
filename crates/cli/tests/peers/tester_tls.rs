//! Our tester over TLS against nginx and OpenSSL: every way to close, sessions taken up or not, and why handshakes fail.

use crate::program::quintet;
use serde_json::Value;
use std::path::PathBuf;
use std::process::Command;
use testkit::peers::{files, nginx_that};
use testkit::{Authority, Folder, KeyKind, Server, free_address, installed, run};

const REQUESTS: u64 = 200;

/// A server for `app.example` with a certificate of an authority of its own.
struct House {
    folder: Folder,
    authority: Authority,
    _files: Folder,
    nginx: Server,
}

impl House {
    /// nginx, with more of its own settings.
    fn new(settings: &str) -> Option<Self> {
        let (folder, files, address) = (Folder::new(), files(), free_address());
        let authority = Authority::new(KeyKind::P256, "house");
        let signed = authority.sign("app", &["app.example"], 2999);
        let (certificate, key) = (folder.write("app.pem", signed.certificate), folder.write("app.key", signed.key));
        let ca = folder.write("ca.pem", &authority.pem);
        let server = format!(
            "server {{ listen {address} ssl; root {}; keepalive_requests 1000000;\n\
             ssl_certificate {}; ssl_certificate_key {}; ssl_client_certificate {};\n{settings} }}",
            files.path().display(),
            certificate.display(),
            key.display(),
            ca.display(),
        );
        let nginx = nginx_that(&folder, address, &server)?;
        Some(Self { folder, authority, _files: files, nginx })
    }

    fn ca(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// The report of a run, and whether it was as hoped.
    fn stress(&self, requests: u64, arguments: &[&str]) -> (Value, bool) {
        let mut command = quintet();
        command.args(["stress", "-c", "4", "-n", &requests.to_string(), "--json", "-"]).args(arguments);
        let output = run(command.arg(format!("https://{}/small", self.nginx.address)));
        let shown = String::from_utf8_lossy(&output.stdout);
        let report = serde_json::from_str(&shown).unwrap_or_else(|error| panic!("{error}: {output:?}"));
        (report, output.status.success())
    }

    /// A run of a target that has proven itself.
    fn good(&self, arguments: &[&str]) -> Value {
        let ca = self.ca();
        let trust = ["--cacert", ca.to_str().expect("a path"), "--sni", "app.example"];
        let (report, good) = self.stress(REQUESTS, &[&trust, arguments].concat());
        assert!(good && number(&report, "/requests/ok") == REQUESTS, "{arguments:?}: {report:#}");
        report
    }

    /// One whose handshakes all fail, for this reason.
    fn bad(&self, arguments: &[&str], words: &[&str]) {
        let (report, good) = self.stress(5, arguments);
        assert!(!good, "{arguments:?}: {report:#}");
        assert_eq!(number(&report, "/errors/target.tls"), 5, "{arguments:?}: {report:#}");
        let reasons = report["tls"]["reasons"].to_string();
        words.iter().for_each(|word| assert!(reasons.contains(word), "{arguments:?} should say {word:?}: {reasons}"));
    }
}

fn number(report: &Value, path: &str) -> u64 {
    report.pointer(path).and_then(Value::as_u64).unwrap_or_else(|| panic!("no number at {path}: {report:#}"))
}

/// For each policy who closes first, how many connections it takes, and that each has a handshake of its own.
#[test]
fn every_way_to_close_is_the_same_over_tls() {
    let Some(house) = House::new("") else { return };
    for (close, closed_first, connections) in [
        ("keep", "our_fin", 4),
        ("wait", "server_fin", REQUESTS),
        ("fin", "our_fin", REQUESTS),
        ("rst", "rst_sent", REQUESTS),
    ] {
        let report = house.good(&["--close", close, "--tls-full"]);
        let counted =
            ["/connections/opened", &format!("/closed_first/{closed_first}"), "/tls/handshakes", "/tls/resumed"]
                .map(|path| number(&report, path));
        assert_eq!(counted, [connections, connections, connections, 0], "{close}: {report:#}");
        let time = |of: &str| report[of]["p50"].as_f64().unwrap_or_else(|| panic!("{report:#}"));
        assert!(time("tls_us") > 0.0 && time("tls_us") < time("latency_us").max(1e6), "{report:#}");
    }
}

#[test]
fn sessions_are_resumed_unless_full_handshakes_are_asked_for() {
    let Some(house) = House::new("ssl_protocols TLSv1.2 TLSv1.3; ssl_session_cache shared:a:1m;") else { return };
    for version in ["1.2", "1.3"] {
        let bounds = ["--close", "wait", "--tls-min", version, "--tls-max", version];
        let report = house.good(&bounds);
        assert!(number(&report, "/tls/resumed") > REQUESTS / 2, "{version}: {report:#}");
        assert_eq!(report["tls"]["version"], format!("TLSv{version}"), "{report:#}");
        let full = house.good(&[&bounds[..], &["--tls-full"]].concat());
        assert_eq!((number(&full, "/tls/resumed"), number(&full, "/tls/handshakes")), (0, REQUESTS), "{full:#}");
    }
}

#[test]
fn a_client_certificate_is_shown_where_it_is_asked_for() {
    let Some(house) = House::new("ssl_verify_client on;") else { return };
    let ours = house.authority.sign("tester", &["tester.example"], 2999);
    let both = house.folder.write("me.pem", ours.certificate + &ours.key);
    house.good(&["--cert", both.to_str().expect("a path")]);
    // nginx says so by a response.
    let (report, _) = house.stress(REQUESTS, &["--insecure"]);
    assert_eq!(number(&report, "/statuses/400"), REQUESTS, "{report:#}");
}

#[test]
fn why_handshakes_fail_is_told_with_the_way_out() {
    let Some(house) = House::new("ssl_protocols TLSv1.3;") else { return };
    let ca = house.ca();
    let ca = ca.to_str().expect("a path");
    // Of the system's authorities none has signed it.
    house.bad(&[], &["no authority that is trusted here", "--cacert", "--insecure"]);
    house.bad(&["--cacert", ca, "--sni", "other.example"], &["is for app.example, not for other.example"]);
    house.bad(&["--insecure", "--tls-max", "1.2"], &["version"]);
    let (report, good) = house.stress(REQUESTS, &["--insecure"]);
    assert!(good && number(&report, "/requests/ok") == REQUESTS, "{report:#}");
}

/// OpenSSL's server is another implementation; it asks for a certificate and ends the handshake without.
#[test]
fn openssl_answers_and_refuses() {
    let (folder, address) = (Folder::new(), free_address());
    let Some(openssl) = installed("openssl") else { return };
    let authority = Authority::new(KeyKind::P256, "house");
    let signed = authority.sign("app", &["app.example"], 2999);
    let both = folder.write("app.pem", signed.certificate + &signed.key);
    let serve = |more: &[&str]| {
        let mut command = Command::new(&openssl);
        command.args(["s_server", "-quiet", "-www", "-accept", &address.to_string(), "-cert"]).arg(&both);
        Server::start(command.args(more), address)
    };
    let stress = || {
        let url = format!("https://{address}/");
        let output = run(quintet().args([
            "stress",
            "-c",
            "2",
            "-n",
            "20",
            "--close",
            "wait",
            "--insecure",
            "--json",
            "-",
            &url,
        ]));
        let shown = String::from_utf8_lossy(&output.stdout);
        serde_json::from_str::<Value>(&shown).unwrap_or_else(|error| panic!("{error}: {output:?}"))
    };
    let server = serve(&[]);
    let report = stress();
    assert_eq!((number(&report, "/requests/ok"), number(&report, "/tls/handshakes")), (20, 20), "{report:#}");
    drop(server);
    let _server = serve(&["-Verify", "1", "-verify_return_error"]);
    let report = stress();
    assert_eq!(number(&report, "/errors/target.tls"), 20, "{report:#}");
    let reasons = report["tls"]["reasons"].to_string();
    assert!(reasons.contains("certificate required") && reasons.contains("--cert"), "{reasons}");
}

/// Apache as the proxy: it opens tunnels for whoever may ask, and to nothing but nginx.
#[test]
fn a_tunnel_through_apache_ends_at_nginx() {
    let Some(house) = House::new("") else { return };
    let Some(proxy) = apache_as_proxy(&house.folder, house.nginx.address.port()) else { return };
    let through = format!("http://{}", proxy.address);
    for close in ["keep", "wait", "rst"] {
        house.good(&["-x", &through, "--proxy-user", "me:secret", "--close", close, "--expect-body", "ssss"]);
    }
    let (report, _) = house.stress(20, &["-x", &through, "--insecure", "--proxy-user", "me:other"]);
    assert_eq!(number(&report, "/errors/target.proxy"), 20, "{report:#}");
    let why = report["proxy_refusals"].as_object().expect("why");
    assert!(why.keys().all(|why| why.contains("407") && why.contains("--proxy-user")), "{report:#}");
    let curl = ["--insecure", "--", "curl", "-x", &through, "-U", "me:secret", "https://127.0.0.1:1/"];
    let output = run(quintet().args(["stress", "-n", "4", "--json", "-"]).args(curl));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"));
    assert_eq!(number(&report, "/errors/target.proxy"), 4, "{report:#}");
}

fn apache_as_proxy(folder: &Folder, port: u16) -> Option<Server> {
    let program = installed("apache2")?;
    let modules = program.ancestors().nth(2)?.join("lib/apache2/modules");
    if !modules.join("mod_proxy_connect.so").is_file() {
        testkit::skip(format!("apache2 has no mod_proxy_connect in {}", modules.display()));
        return None;
    }
    let names =
        ["mpm_event", "authn_core", "authn_file", "authz_core", "authz_user", "auth_basic", "proxy", "proxy_connect"];
    let load = |name: &&str| format!("LoadModule {name}_module {}/mod_{name}.so\n", modules.display());
    let load: String = names.iter().map(load).collect();
    let users = folder.write("proxy-users", "me:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=\n");
    let (address, path) = (free_address(), folder.path().display());
    let config = format!(
        "ServerRoot {path}\nServerName localhost\nListen {address}\nPidFile {path}/proxy.pid\nErrorLog {path}/proxy.log\n\
         DefaultRuntimeDir {path}\n{load}ProxyRequests On\nAllowCONNECT {port}\n\
         <Proxy \"*\">\n  AuthType Basic\n  AuthName x\n  AuthUserFile {}\n  Require valid-user\n</Proxy>\n\
         ThreadsPerChild 16\nServerLimit 1\nStartServers 1\nMaxRequestWorkers 16\nMinSpareThreads 1\nMaxSpareThreads 16\n",
        users.display()
    );
    let file = folder.write("proxy.conf", &config);
    Some(Server::start(Command::new(program).args(["-X", "-f"]).arg(file), address))
}
