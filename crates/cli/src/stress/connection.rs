//! How connections of `quintet stress` come to be, and what they carry.

use crate::values;
use anyhow::Context;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use ports::TlsVersion;
use std::path::PathBuf;
use stress_core::parse_sources;
use stress_core::plan::{AnnounceDraft, ProxyProtocol, ReachDraft, TlsDraft, TlsSessions, WireDraft};

/// Where connections go.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Where to")]
pub(super) struct ReachArgs {
    /// Connect to another host and port in place of one: HOST:PORT:OTHER:PORT, what is empty is any, or the same; may be given
    /// more than once. Host field and TLS stay the URL's.
    #[arg(long, value_name = "FROM:TO")]
    connect_to: Vec<String>,
    /// Addresses of a host and port, in place of what the resolver says: `HOST:PORT:ADDRESS[,ADDRESS]`; they are used in turn.
    #[arg(long, value_name = "HOST:PORT:ADDRESS")]
    resolve: Vec<String>,
    /// A proxy, http://HOST:PORT: it is asked for http URLs, and for a tunnel (CONNECT) to where https URLs lead.
    #[arg(short = 'x', long, value_name = "URL")]
    proxy: Option<String>,
    /// Ask the proxy for a tunnel to http targets, too.
    #[arg(long, requires = "proxy")]
    proxytunnel: bool,
    /// Who asks the proxy (basic authentication).
    #[arg(long, value_name = "USER:PASSWORD", requires = "proxy")]
    proxy_user: Option<String>,
    /// Connect to this socket file, whatever host the URL names; a target of the form unix:PATH[:/URL-PATH] is the same.
    #[arg(long, value_name = "PATH")]
    unix_socket: Option<String>,
    /// Begin connections with a header of the PROXY protocol, as a proxy in front of the target would.
    #[arg(long, value_name = "VERSION", value_parser = values::named::<ProxyProtocol>())]
    proxy_protocol: Option<ProxyProtocol>,
    /// Clients that it names, in turn: a list, with ranges and networks [default: the address that a connection starts from].
    #[arg(long, value_name = "LIST", requires = "proxy_protocol")]
    proxy_clients: Option<String>,
}

impl ReachArgs {
    pub(super) fn announce(&self) -> anyhow::Result<AnnounceDraft> {
        let clients = self.proxy_clients.as_deref().map(parse_sources).transpose().context("--proxy-clients")?;
        Ok(AnnounceDraft { version: self.proxy_protocol, clients: clients.unwrap_or_default() })
    }

    /// With the socket file that the target names, where it is one.
    pub(super) fn draft(&self, target_is: Option<String>) -> ReachDraft {
        ReachDraft {
            resolve: self.resolve.clone(),
            connect_to: self.connect_to.clone(),
            proxy: self.proxy.clone(),
            proxy_tunnel: self.proxytunnel,
            proxy_authorization: self.proxy_user.as_ref().map(|user| format!("Basic {}", BASE64_STANDARD.encode(user))),
            unix_socket: self.unix_socket.clone().or(target_is),
        }
    }
}

/// The socket file that a target names, and the URL to ask for; the latter alone where it names none. `unix:/run/app.sock`,
/// `unix:/run/app.sock:/path` as nginx writes it.
pub(super) fn socket_and_url(target: &str) -> (Option<String>, Option<String>) {
    let Some(rest) = target.strip_prefix("unix:") else { return (None, Some(target.to_owned())) };
    let rest = rest.strip_prefix("//").filter(|rest| rest.starts_with('/')).unwrap_or(rest);
    let (file, path) = rest.find(":/").map_or((rest, "/"), |at| (&rest[..at], &rest[at + 1..]));
    (Some(file.to_owned()), Some(format!("http://localhost{path}")))
}

/// What a connection carries.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Connections")]
pub(super) struct WireArgs {
    /// Requests on each connection, N or by chance A-B; the last one asks the server to close, unless --close says otherwise
    /// [default: 1, with --close keep as many as there are].
    #[arg(long, value_name = "N|A-B", value_parser = values::bounds)]
    requests_per_connection: Option<(u32, u32)>,
    /// HTTP/1.0 instead of HTTP/1.1; connections are kept by `Connection: keep-alive`.
    #[arg(long = "http1.0", short = '0')]
    http10: bool,
    /// Send up to N requests on a connection before answers are there (pipelining); answers are matched in their order, and each latency
    /// counts from its own request.
    #[arg(long, value_name = "N")]
    pipeline: Option<u32>,
    /// Use the sockets of connections that are over again, instead of a new one for each: more connections from a core, with the
    /// same segments on the wire. For --close wait, rst and half, ports chosen by the kernel, and no TLS.
    #[arg(long)]
    pub(super) recycle: bool,
}

impl WireArgs {
    pub(super) fn draft(&self) -> WireDraft {
        WireDraft { per_connection: self.requests_per_connection, http10: self.http10, pipeline: self.pipeline }
    }
}

/// How an https target is reached.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "TLS (https targets)")]
pub(super) struct TlsArgs {
    /// Take whatever certificate the target shows.
    #[arg(long)]
    insecure: bool,
    /// Authorities to trust, in PEM [default: the system's].
    #[arg(long, value_name = "FILE")]
    cacert: Option<PathBuf>,
    /// Our certificate, in PEM, with those that have signed it.
    #[arg(long, value_name = "FILE")]
    cert: Option<PathBuf>,
    /// Its private key, in PEM [default: the file of --cert].
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// Whom to ask for (SNI), and whose certificate it has to be [default: the host of the URL].
    #[arg(long, visible_alias = "servername", value_name = "NAME")]
    sni: Option<String>,
    /// Take up earlier sessions where the target hands out tickets (default).
    #[arg(long, conflicts_with = "tls_full")]
    tls_resume: bool,
    /// A full handshake for every connection.
    #[arg(long)]
    tls_full: bool,
    /// Oldest version to speak.
    #[arg(long, value_name = "VERSION", value_parser = values::named::<TlsVersion>())]
    tls_min: Option<TlsVersion>,
    /// Newest version to speak.
    #[arg(long, value_name = "VERSION", value_parser = values::named::<TlsVersion>())]
    tls_max: Option<TlsVersion>,
    /// Protocols to ask for (ALPN), with commas between them; `none` asks for none [default: http/1.1].
    #[arg(long, value_name = "LIST")]
    alpn: Option<String>,
}

impl TlsArgs {
    pub(super) fn draft(&self) -> TlsDraft {
        let sessions = match (self.tls_resume, self.tls_full) {
            (_, true) => Some(TlsSessions::Full),
            (true, false) => Some(TlsSessions::Resume),
            (false, false) => None,
        };
        let names = |list: &String| match list.as_str() {
            "none" => Vec::new(),
            list => list.split(',').map(|name| name.trim().to_owned()).collect(),
        };
        TlsDraft {
            insecure: self.insecure,
            authorities: self.cacert.clone(),
            certificate: self.cert.clone(),
            key: self.key.clone(),
            server_name: self.sni.clone(),
            sessions,
            version_min: self.tls_min,
            version_max: self.tls_max,
            protocols: self.alpn.as_ref().map(names),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(target: &str, socket: Option<&str>, url: &str) {
        assert_eq!(socket_and_url(target), (socket.map(str::to_owned), Some(url.to_owned())), "{target}");
    }

    #[test]
    fn a_target_may_be_a_socket_file() {
        check("http://a/", None, "http://a/");
        check("unix:/run/x.sock", Some("/run/x.sock"), "http://localhost/");
        check("unix:///run/x.sock", Some("/run/x.sock"), "http://localhost/");
        check("unix:/run/x.sock:/a?b", Some("/run/x.sock"), "http://localhost/a?b");
    }
}
