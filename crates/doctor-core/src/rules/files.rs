//! File descriptors: each connection needs one.

use super::elsewhere;
use crate::facts::FileFacts;
use crate::finding::{Cure, Invasiveness, Severity};
use crate::rule::{Case, Found, Rule};

/// Shares of the limit, in per cent.
const EXHAUSTED_PERCENT: u64 = 95;
const NEAR_PERCENT: u64 = 80;
/// Below this a load test or a balancer does not get far.
const LOW: u64 = 4096;

pub(super) static RULES: &[Rule] = &[
    Rule {
        id: "files.exhausted",
        title: "the process has nearly no file descriptors left",
        story: "Each connection needs a file descriptor. At RLIMIT_NOFILE socket(), accept() and open() fail with EMFILE; a listener \
that cannot accept leaves connections in its queue until that overflows. The limit is per process; the soft value may be \
raised by the program itself up to the hard one.",
        wrong_cures: &[],
        look: exhausted,
    },
    Rule {
        id: "files.near",
        title: "the process uses most of its file descriptors",
        story: "Each connection needs a file descriptor, a proxied one two. At RLIMIT_NOFILE socket() and accept() fail with EMFILE. \
If the number only ever grows, sockets are not closed: look for CLOSE_WAIT (finding close-wait.leak). If it follows the \
load, raise the limit.",
        wrong_cures: &[],
        look: near,
    },
    Rule {
        id: "files.low",
        title: "the limit of open files is low for load tests and balancers",
        story: "Shells start with a soft limit of 1024 open files, so that at most about a thousand connections can be open in a \
program that does not raise it. Quintet raises its own soft limit to the hard one; other programs may not. Services of \
systemd have LimitNOFILE=.",
        wrong_cures: &[],
        look: low,
    },
    Rule {
        id: "files.host",
        title: "the whole host runs short of open files",
        story: "fs.file-max bounds the open files of all processes together; beyond it open(), socket() and accept() fail with ENFILE \
for everybody but root. fs.file-nr shows how many there are. Containers share this limit with their host.",
        wrong_cures: &[],
        look: host,
    },
];

fn percent(files: &FileFacts) -> Option<u64> {
    (files.soft > 0).then_some(files.open?.saturating_mul(100) / files.soft)
}

fn raise(files: &FileFacts) -> Cure {
    let value = files.hard.min(1_048_576).max(files.soft.saturating_mul(2).min(1_048_576));
    let what = "raise the limit where the program is started";
    let command = match files.own {
        true => format!("ulimit -n {value}"),
        false => format!("prlimit --pid {} --nofile={value}", files.pid),
    };
    Cure::by_hand(Invasiveness::HostSetting, what, command).elsewhere(&elsewhere::FILES)
}

fn evidence(files: &FileFacts) -> String {
    let open = files.open.map_or("?".to_owned(), |open| open.to_string());
    format!("process {}: {open} open, limit {} (hard {})", files.pid, files.soft, files.hard)
}

fn exhausted(case: &Case<'_>) -> Option<Found> {
    let files = case.host.files.as_ref().filter(|files| percent(files) >= Some(EXHAUSTED_PERCENT))?;
    Some(Found::new(Severity::Error, evidence(files)).cure(raise(files)))
}

fn near(case: &Case<'_>) -> Option<Found> {
    let fits =
        |files: &&FileFacts| percent(files).is_some_and(|used| (NEAR_PERCENT..EXHAUSTED_PERCENT).contains(&used));
    let files = case.host.files.as_ref().filter(fits)?;
    Some(Found::new(Severity::Warning, evidence(files)).cure(raise(files)))
}

fn low(case: &Case<'_>) -> Option<Found> {
    let files = case.host.files.as_ref().filter(|files| files.soft < LOW)?;
    // What a program can raise by itself is no more than a note.
    let severity = if files.hard < LOW { Severity::Warning } else { Severity::Note };
    Some(Found::new(severity, evidence(files)).cure(raise(files)))
}

fn host(case: &Case<'_>) -> Option<Found> {
    let numbers = case.host.sysctls.numbers("fs.file-nr");
    let [open, _, max] = numbers[..] else { return None };
    (max > 0 && open.saturating_mul(100) / max >= NEAR_PERCENT).then(|| {
        let what = "raise fs.file-max";
        let command = format!("sysctl -w fs.file-max={}", max.saturating_mul(2));
        let evidence = format!("{open} files open on the host, fs.file-max={max}");
        Found::new(Severity::Error, evidence).cure(Cure::by_hand(Invasiveness::HostSetting, what, command))
    })
}
