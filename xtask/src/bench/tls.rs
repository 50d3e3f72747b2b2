//! What TLS costs the balancers: CPU per handshake, full and resumed, per request of a kept connection and per body of
//! 100 KiB. All speak TLS 1.3 with a key on P-256. The clients are other people's: openssl s_time and wrk.

use super::Scale;
use super::balancers::{ORIGIN_PORT, Peer, cpu_time};
use super::record::Table;
use super::stage::{CORE_OTHER, CORE_UNDER_TEST, Stage, installed};
use anyhow::{Context, bail};
use lab::Role;
use lab::topology::{BALANCER, SERVER};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The kinds of load: what is counted, and by what it is made.
const LOADS: [(&str, Load); 4] = [
    ("full handshake", Load::Handshakes("-new")),
    ("resumed handshake", Load::Handshakes("-reuse")),
    ("keep-alive request over TLS", Load::Requests { path: "/", connections: 64 }),
    ("100 KiB over TLS", Load::Requests { path: "/big", connections: 16 }),
];

#[derive(Clone, Copy)]
enum Load {
    /// Connections one after another, each with a request.
    Handshakes(&'static str),
    Requests {
        path: &'static str,
        connections: u32,
    },
}

/// Measures all installed balancers, interleaved.
pub(super) fn run(stage: &Stage, scale: Scale) -> anyhow::Result<Vec<Table>> {
    if !installed("openssl") || !installed("wrk") {
        eprintln!("tls: left out, openssl and wrk are not both installed");
        return Ok(Vec::new());
    }
    let _origin = stage.nginx(Role::Server, SERVER, ORIGIN_PORT, CORE_OTHER)?;
    let mut peers = start_all(stage)?;
    let names: Vec<_> = peers.iter().map(|peer| peer.name).collect();
    let mut tables = LOADS.map(|(load, _)| Table::new(&format!("balancer: CPU us per {load}"), true, &names));
    for round in 0..scale.rounds {
        for (table, (_, load)) in tables.iter_mut().zip(LOADS) {
            for (index, peer) in peers.iter_mut().enumerate() {
                let pid = peer.pid();
                let before = cpu_time(pid)?;
                let done = make(stage, peer.address, load, scale.tls_seconds)?;
                table.add(index, (cpu_time(pid)? - before).as_secs_f64() * 1e6 / done as f64);
            }
        }
        eprintln!("tls: round {} of {}", round + 1, scale.rounds);
    }
    Ok(tables.into())
}

/// Loads a balancer for so long; how often.
fn make(stage: &Stage, to: SocketAddr, load: Load, seconds: u32) -> anyhow::Result<u64> {
    let seconds = seconds.to_string();
    let (command, counted) = match load {
        Load::Handshakes(kind) => {
            let mut command = Command::new("openssl");
            command.args(["s_time", kind, "-www", "/", "-time", &seconds, "-connect", &to.to_string()]);
            (command, " connections in ")
        }
        Load::Requests { path, connections } => {
            let mut command = Command::new("wrk");
            command.args(["-t1", "-c", &connections.to_string(), "-d", &seconds]).arg(format!("https://{to}{path}"));
            (command, " requests in ")
        }
    };
    let text = stage.run_client(CORE_OTHER, &command)?;
    // `4711 requests in ...`; s_time tells it twice, the whole time last.
    let line = text.lines().rfind(|line| line.contains(counted) && !line.contains("user sec"));
    let count = line.and_then(|line| line.split_whitespace().next()).and_then(|count| count.parse().ok());
    match count {
        Some(count) if count > 0 && !text.contains("Non-2xx") => Ok(count),
        _ => bail!("{command:?} did not say how often:\n{text}"),
    }
}

/// Starts our balancer and every installed peer, with one certificate, all towards one origin.
fn start_all(stage: &Stage) -> anyhow::Result<Vec<Peer>> {
    let (certificate, key) = certificate(stage)?;
    let origin = SocketAddr::from((SERVER, ORIGIN_PORT));
    let at = |port| SocketAddr::from((BALANCER, port));
    let start = |name, address, program: &Command| {
        let guest = stage.serve(Role::Balancer, CORE_UNDER_TEST, program, address)?;
        anyhow::Ok(Peer::new(name, address, guest))
    };
    let mut peers = vec![start("quintet", at(8443), &ours(stage, at(8443), origin, &certificate, &key)?)?];
    if installed("haproxy") {
        peers.push(start("haproxy", at(8444), &haproxy(stage, at(8444), origin, &certificate, &key)?)?);
    }
    if installed("nginx") {
        peers.push(start("nginx", at(8445), &nginx(stage, at(8445), origin, &certificate, &key)?)?);
    }
    Ok(peers)
}

/// A certificate of nobody's, and its key.
pub(super) fn certificate(stage: &Stage) -> anyhow::Result<(PathBuf, PathBuf)> {
    let (certificate, key) = (stage.path("bench.pem"), stage.path("bench.key"));
    let mut command = Command::new("openssl");
    command.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30"]);
    command.args(["-subj", "/CN=bench.example", "-keyout"]).arg(&key).arg("-out").arg(&certificate);
    let output = command.output().context("running openssl")?;
    if !output.status.success() {
        bail!("{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok((certificate, key))
}

fn ours(
    stage: &Stage,
    listen: SocketAddr,
    origin: SocketAddr,
    certificate: &Path,
    key: &Path,
) -> anyhow::Result<Command> {
    let text = format!(
        "[[listener]]\nname = \"web\"\nbind = \"{listen}\"\nprotocol = \"https\"\nbackends = \"app\"\n[listener.tls]\n\
         certificate = \"{}\"\nkey = \"{}\"\nversions = [\"1.3\"]\n\n[[backend_set]]\nname = \"app\"\nservers = \
         [\"{origin}\"]\n",
        certificate.display(),
        key.display()
    );
    let path = stage.write("quintet-tls.toml", &text)?;
    let mut command = Command::new(&stage.quintet);
    command.arg("serve").arg("--config").arg(path).args(["--workers", "1"]);
    Ok(command)
}

fn haproxy(
    stage: &Stage,
    listen: SocketAddr,
    origin: SocketAddr,
    certificate: &Path,
    key: &Path,
) -> anyhow::Result<Command> {
    let both = std::fs::read_to_string(certificate)? + &std::fs::read_to_string(key)?;
    let both = stage.write("both.pem", &both)?;
    let text = format!(
        "global\n  nbthread 1\n  maxconn 9000\n  ssl-default-bind-options ssl-min-ver TLSv1.3\ndefaults\n  mode http\n  \
         timeout connect 5s\n  timeout client 60s\n  timeout server 60s\n  http-reuse always\n  option forwardfor\n\
         frontend f\n  bind {listen} ssl crt {} alpn http/1.1\n  default_backend b\nbackend b\n  server s {origin} \
         pool-max-conn 1000\n",
        both.display()
    );
    let path = stage.write("haproxy-tls.cfg", &text)?;
    let mut command = Command::new("haproxy");
    command.arg("-db").arg("-f").arg(path);
    Ok(command)
}

fn nginx(
    stage: &Stage,
    listen: SocketAddr,
    origin: SocketAddr,
    certificate: &Path,
    key: &Path,
) -> anyhow::Result<Command> {
    let text = format!(
        "{}\nhttp {{ access_log off; keepalive_requests 1000000000;\n upstream app {{ server {origin}; keepalive 256; \
         keepalive_requests 1000000000; }}\n server {{ listen {listen} ssl reuseport backlog=4096; ssl_certificate {}; \
         ssl_certificate_key {}; ssl_protocols TLSv1.3; ssl_session_cache shared:bench:10m; location / {{ proxy_pass \
         http://app; proxy_http_version 1.1; proxy_set_header Connection \"\"; proxy_set_header X-Forwarded-For \
         $proxy_add_x_forwarded_for; }} }} }}\n",
        stage.nginx_preamble("balancer-tls"),
        certificate.display(),
        key.display()
    );
    let path = stage.write("nginx-tls.conf", &text)?;
    let mut command = Command::new("nginx");
    command.arg("-c").arg(path);
    Ok(command)
}
