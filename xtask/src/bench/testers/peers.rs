//! Who is compared at what: names, commands, and how the number of complete responses is read from what they print.

use super::Target;
use crate::bench::stage::Stage;
use std::process::Command;

/// Connections of each.
const CONNECTIONS: &str = "64";
/// How long each runs per sample.
const SECONDS: &str = "2";
/// Handshakes per sample of who makes one for each connection, and no second.
const HANDSHAKES: &str = "2000";

/// A program, with what it is told beside connections, time and URL.
pub(super) enum Tester {
    Ours(&'static [&'static str]),
    Wrk(&'static [&'static str]),
    Ab(&'static [&'static str]),
    H2load(&'static [&'static str]),
    /// h2load with a connection for each request.
    H2loadOnce,
}

/// Who.
pub(super) struct Peer {
    pub(super) name: &'static str,
    pub(super) tester: Tester,
}

/// What is compared.
pub(super) struct Kind {
    /// In the plural.
    pub(super) what: &'static str,
    pub(super) target: Target,
    /// Whom the ratios are to.
    pub(super) against: &'static str,
    pub(super) peers: &'static [Peer],
}

const fn ours(name: &'static str, told: &'static [&'static str]) -> Peer {
    Peer { name, tester: Tester::Ours(told) }
}

const fn wrk(told: &'static [&'static str]) -> Peer {
    Peer { name: "wrk", tester: Tester::Wrk(told) }
}

/// Kept connections.
pub(super) const KEPT: [Peer; 4] = [
    ours("quintet", &["--close", "keep"]),
    wrk(&[]),
    Peer { name: "ab", tester: Tester::Ab(&["-k"]) },
    Peer { name: "h2load", tester: Tester::H2load(&[]) },
];

pub(super) const KINDS: [Kind; 4] = [
    Kind {
        what: "short connections",
        target: Target::Plain("/"),
        against: "wrk",
        peers: &[
            ours("quintet, wait", &["--close", "wait"]),
            ours("quintet, wait, recycle", &["--close", "wait", "--recycle"]),
            ours("quintet, rst", &["--close", "rst"]),
            ours("quintet, rst, recycle", &["--close", "rst", "--recycle"]),
            // As wide as the kernel's, which by itself would be left to the other programs of the host.
            ours("quintet, own ports", &["--close", "wait", "--ports", "own", "--port-range", "1024-65535"]),
            wrk(&["-H", "Connection: close"]),
            Peer { name: "ab", tester: Tester::Ab(&[]) },
        ],
    },
    Kind { what: "keep-alive requests", target: Target::Plain("/"), against: "wrk", peers: &KEPT },
    Kind {
        what: "bodies of 1 MiB",
        target: Target::Plain("/mib"),
        against: "wrk",
        peers: &[
            ours("quintet", &["--close", "keep"]),
            ours("quintet, looked at", &["--close", "keep", "--expect-body", "x"]),
            wrk(&[]),
            Peer { name: "h2load", tester: Tester::H2load(&[]) },
        ],
    },
    Kind {
        what: "full TLS handshakes",
        target: Target::Tls,
        against: "h2load",
        peers: &[
            ours("quintet", &["--close", "wait", "--tls-full", "--insecure"]),
            Peer { name: "h2load", tester: Tester::H2loadOnce },
        ],
    },
];

impl Tester {
    /// What has to be installed.
    pub(super) fn program(&self) -> Option<&'static str> {
        match self {
            Self::Ours(_) => None,
            Self::Wrk(_) => Some("wrk"),
            Self::Ab(_) => Some("ab"),
            Self::H2load(_) | Self::H2loadOnce => Some("h2load"),
        }
    }

    pub(super) fn command(&self, stage: &Stage, url: &str) -> Command {
        let (mut command, told): (Command, &[&str]) = match self {
            Self::Ours(told) => (Command::new(&stage.quintet), told),
            Self::Wrk(told) => (Command::new("wrk"), told),
            Self::Ab(told) => (Command::new("ab"), told),
            Self::H2load(told) => (Command::new("h2load"), told),
            Self::H2loadOnce => (Command::new("h2load"), &[]),
        };
        let usual: &[&str] = match self {
            Self::Ours(_) => &["stress", "--json", "-", "--threads", "1", "-c", CONNECTIONS, "-z", SECONDS],
            Self::Wrk(_) => &["-t", "1", "-c", CONNECTIONS, "-d", SECONDS],
            Self::Ab(_) => &["-q", "-c", CONNECTIONS, "-t", SECONDS, "-n", "10000000"],
            Self::H2load(_) => &["--h1", "-t", "1", "-c", CONNECTIONS, "-D", SECONDS],
            Self::H2loadOnce => &["--h1", "-t", "1", "-c", HANDSHAKES, "-n", HANDSHAKES],
        };
        command.args(usual).args(told).arg(url);
        command
    }

    /// Complete responses, by what it printed.
    pub(super) fn completed(&self, text: &str) -> Option<u64> {
        match self {
            Self::Ours(_) => {
                let report: serde_json::Value = serde_json::from_str(text).ok()?;
                report["requests"]["ok"].as_u64()
            }
            // `  40210 requests in 2.00s, 8.13MB read`
            Self::Wrk(_) => first_number(text.lines().find(|line| line.contains(" requests in "))?),
            // `Complete requests:      20000`
            Self::Ab(_) => first_number(text.lines().find_map(|line| line.strip_prefix("Complete requests:"))?),
            // `requests: 60000 total, 60000 started, 60000 done, 60000 succeeded, 0 failed, ...`
            Self::H2load(_) | Self::H2loadOnce => {
                let line = text.lines().find_map(|line| line.strip_prefix("requests:"))?;
                first_number(line.split(',').find(|part| part.contains("succeeded"))?)
            }
        }
    }
}

fn first_number(text: &str) -> Option<u64> {
    text.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_responses_is_read_from_each_peers_output() {
        let check = |tester: Tester, text: &str, expect| assert_eq!(tester.completed(text), expect, "{text}");
        check(Tester::Wrk(&[]), "x\n  40210 requests in 2.00s, 8MB read\n", Some(40210));
        check(Tester::Ab(&[]), "Complete requests:      20000\nFailed requests: 0\n", Some(20000));
        let h2load = "requests: 600 total, 600 started, 600 done, 599 succeeded, 1 failed, 0 errored, 0 timeout";
        check(Tester::H2load(&[]), h2load, Some(599));
        check(Tester::Ours(&[]), r#"{"requests": {"ok": 7}}"#, Some(7));
        check(Tester::Ours(&[]), "nonsense", None);
    }

    #[test]
    fn ratios_are_to_somebody_who_is_there() {
        for kind in &KINDS {
            assert!(kind.peers.iter().any(|peer| peer.name == kind.against), "{}", kind.what);
        }
    }
}
