//! A balancer that speaks https, and the clients that come to it.

use super::pki::Pki;
use crate::stage::{self, settings};
use balancer::Handle;
use balancer_core::{ListenerTls, Settings};
use reactor::epoll::EpollConfig;
use std::io::Write;
use std::net::SocketAddr;
use std::process::{Command, Output, Stdio};
use testkit::{curl, installed};

/// A balancer that speaks https, before an origin of ours.
pub(super) struct House {
    pub(super) pki: Pki,
    pub(super) balancer: Handle,
    pub(super) _origin: origin::Handle,
}

impl House {
    pub(super) fn new(workers: usize, change: impl FnOnce(&Pki, &mut ListenerTls)) -> Self {
        Self::with(workers, |pki, settings| change(pki, settings.listeners[0].tls.as_mut().expect("just written")))
    }

    pub(super) fn with(workers: usize, change: impl FnOnce(&Pki, &mut Settings)) -> Self {
        let origin = stage::origin();
        let pki = Pki::new();
        let mut settings = settings(&[origin.address()]);
        pki.secure(&mut settings, pki.certificate("site", &["site.example"]));
        change(&pki, &mut settings);
        let balancer = stage::start(settings, workers, EpollConfig::default());
        Self { pki, balancer, _origin: origin }
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.balancer.addresses()[0]
    }

    /// Runs curl on a path of `site.example`.
    pub(super) fn curl(&self, arguments: &[&str], path: &str) -> Option<Output> {
        let (mut command, port) = (curl()?, self.address().port());
        command
            .arg("--cacert")
            .arg(self.pki.ca())
            .args(["--resolve", &format!("*:{port}:{}", self.address().ip())])
            .args(arguments);
        Some(command.arg(format!("https://site.example:{port}{path}")).output().expect("curl runs"))
    }

    /// Runs openssl s_client with nothing to say; all that it prints.
    pub(super) fn s_client(&self, arguments: &[&str]) -> Option<String> {
        let mut command = Command::new(installed("openssl")?);
        command.arg("s_client").arg("-connect").arg(self.address().to_string()).args(arguments);
        let Output { stdout, stderr, .. } = command.stdin(Stdio::null()).output().expect("openssl runs");
        Some(String::from_utf8_lossy(&stdout).into_owned() + &String::from_utf8_lossy(&stderr))
    }
    /// The same for one that says `text` once it is in, and stays until the balancer closes.
    pub(super) fn converse(&self, address: SocketAddr, arguments: &[&str], text: &[u8]) -> Option<String> {
        let mut command = Command::new(installed("openssl")?);
        command.args(["s_client", "-connect", &address.to_string()]).args(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("openssl runs");
        let mut stdin = child.stdin.take().expect("piped");
        stdin.write_all(text).expect("it listens");
        let Output { stdout, stderr, .. } = child.wait_with_output().expect("openssl ends");
        drop(stdin);
        Some(String::from_utf8_lossy(&stdout).into_owned() + &String::from_utf8_lossy(&stderr))
    }
}
