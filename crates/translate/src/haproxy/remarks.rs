//! Lines that nothing is made of, and why.

use super::counted::only_counts;
use super::lex::Line;
use super::section::Section;
use crate::notes::{Notes, Weight};

/// What is translated, by its keyword.
const TRANSLATED: &[&str] = &[
    "acl",
    "balance",
    "bind",
    "cookie",
    "default-server",
    "default_backend",
    "http-after-response",
    "http-check",
    "http-request",
    "http-response",
    "http-reuse",
    "maxconn",
    "mode",
    "monitor-uri",
    "nbthread",
    "no option forceclose",
    "no option forwardfor",
    "no option http-server-close",
    "no option httpclose",
    "option forceclose",
    "option forwardfor",
    "option http-server-close",
    "option httpchk",
    "option httpclose",
    "option tcp-check",
    "redirect",
    "retries",
    "retry-on",
    "server",
    "server-template",
    "tcp-request",
    "timeout check",
    "timeout client",
    "timeout connect",
    "timeout http-keep-alive",
    "timeout http-request",
    "timeout queue",
    "timeout server",
    "timeout tunnel",
    "use_backend",
];

const OPERATION: &str = "how the process runs is said where it is started (such as systemd)";
const LOG: &str = "requests are told by `access_log` of [global], once for all listeners";
pub(super) const STATS: &str = "metrics and state are asked at an address of their own: see `[admin]`";
const ALREADY: &str = "it is so without being said";
const TABLES: &str = "there are no stick tables: `balance = \"hash\"`, a sticky cookie or a rate limit may do";
const CHECKS: &str = "servers are asked by HTTP, or tried by a connection: the latter is done";
const FILES: &str = "error pages are not read from HAProxy's files";
const TLS: &str = "versions and ciphers are those of TLS 1.2 and 1.3 that are thought safe";

/// What the others are, the longest beginning first.
const REMARKS: &[(&str, Weight, &str)] = &[
    ("backlog", Weight::Detail, OPERATION),
    ("ca-base", Weight::Missing, "write whole paths of certificates"),
    ("chroot", Weight::Detail, OPERATION),
    ("cpu-map", Weight::Detail, "`pin = true` of [global] pins workers"),
    ("crt-base", Weight::Missing, "write whole paths of certificates"),
    ("daemon", Weight::Detail, OPERATION),
    ("description", Weight::Detail, ALREADY),
    ("errorfile", Weight::Missing, FILES),
    ("fullconn", Weight::Detail, "there is no dynamic limit"),
    ("group", Weight::Detail, OPERATION),
    ("hard-stop-after", Weight::Detail, "see `drain` of [global]"),
    ("hash-type", Weight::Detail, "hashing is consistent"),
    ("http-send-name-header", Weight::Missing, "no variable names a server"),
    ("log", Weight::Missing, LOG),
    ("log-format", Weight::Missing, LOG),
    ("log-tag", Weight::Missing, LOG),
    ("master-worker", Weight::Detail, OPERATION),
    ("nbproc", Weight::Detail, "there is one process, with `workers`"),
    ("no option", Weight::Detail, ALREADY),
    ("option abortonclose", Weight::Detail, ALREADY),
    ("option allbackups", Weight::Detail, "all backups of a priority are used"),
    ("option clitcpka", Weight::Detail, ALREADY),
    ("option contstats", Weight::Detail, STATS),
    ("option dontlog", Weight::Detail, LOG),
    ("option http-keep-alive", Weight::Detail, ALREADY),
    ("option http-no-delay", Weight::Detail, ALREADY),
    ("option http-pretend-keepalive", Weight::Detail, ALREADY),
    ("option httplog", Weight::Missing, LOG),
    ("option external-check", Weight::Missing, CHECKS),
    ("option ldap-check", Weight::Missing, CHECKS),
    ("option log", Weight::Detail, LOG),
    ("option mysql-check", Weight::Missing, CHECKS),
    ("option pgsql-check", Weight::Missing, CHECKS),
    ("option prefer-last-server", Weight::Detail, ALREADY),
    ("option redispatch", Weight::Detail, ALREADY),
    ("option redis-check", Weight::Missing, CHECKS),
    ("option smtpchk", Weight::Missing, CHECKS),
    ("option splice", Weight::Detail, "bytes are spliced where that pays"),
    ("option spop-check", Weight::Missing, CHECKS),
    ("option srvtcpka", Weight::Detail, ALREADY),
    ("option ssl-hello-chk", Weight::Missing, CHECKS),
    ("option tcpka", Weight::Detail, ALREADY),
    ("option tcplog", Weight::Missing, LOG),
    ("option tcp-smart", Weight::Detail, ALREADY),
    ("pidfile", Weight::Detail, OPERATION),
    ("setenv", Weight::Missing, "variables of the environment are not filled in"),
    ("spread-checks", Weight::Detail, "checks are spread"),
    ("ssl-default", Weight::Detail, TLS),
    ("ssl-dh-param-file", Weight::Detail, TLS),
    ("ssl-server-verify", Weight::Missing, "see `verify` of [backend_set.tls]"),
    ("stats", Weight::Missing, STATS),
    ("stick", Weight::Missing, TABLES),
    ("stick-table", Weight::Missing, TABLES),
    ("tcp-check", Weight::Missing, "only a connection is tried"),
    ("timeout client-fin", Weight::Detail, "once one side has sent FIN, `body` counts"),
    ("timeout server-fin", Weight::Detail, "once one side has sent FIN, `body` counts"),
    ("timeout tarpit", Weight::Detail, "whoever is refused is answered at once"),
    ("tune.", Weight::Detail, "nothing of the kind need be tuned"),
    ("ulimit-n", Weight::Detail, "the limit of open files is raised as far as it may be"),
    ("unique-id-format", Weight::Detail, "ids of requests have a form of their own"),
    ("unique-id-header", Weight::Missing, "see X-Request-Id of a listener"),
    ("user", Weight::Detail, OPERATION),
];

/// Notes on everything that nothing was made of.
pub(crate) fn remark(sections: &[Section], notes: &mut Notes) {
    for section in sections {
        match section.kind.as_str() {
            "global" | "defaults" | "frontend" | "backend" | "listen" => {
                section.own().iter().for_each(|line| remark_line(line, notes));
                let own =
                    section.own().iter().filter(|line| section.kind == "backend" && line.word(0) == "compression");
                own.for_each(|line| notes.missing(line.number, line.text(), "listeners and routes compress, not sets"));
            }
            "userlist" => {}
            "resolvers" => {
                notes.detail(section.line, format!("resolvers {}", section.name), "names are asked as the system does")
            }
            kind => {
                notes.missing(section.line, format!("{kind} {}", section.name), "such a section has no counterpart")
            }
        }
    }
}

/// Questions that have a counterpart but for a detail: how their word begins, and which.
const NEARLY: &[(&str, &str)] = &[
    ("hdr_dom(host)", WHOLE_NAMES),
    ("hdr_end(host)", WHOLE_NAMES),
    ("hdr(host)", WHOLE_NAMES),
    ("url_end", NO_QUERY),
    ("url_sub", NO_QUERY),
    ("url_dir", NO_QUERY),
    ("url_reg", NO_QUERY),
];
const NO_QUERY: &str = "the path is asked, without the query";
const WHOLE_NAMES: &str = "a host is asked as a whole name, or as one below a name";

/// What a question means here where that is not to the letter the same.
fn remark_question(line: &Line, notes: &mut Notes) {
    for (at, word) in line.words.iter().enumerate() {
        let word = word.to_ascii_lowercase().replace("req.", "");
        let next = |nth: usize| line.word(at + nth);
        let is_loose = word != "hdr(host)" || next(1) == "-m" && ["end", "dom"].contains(&next(2));
        let begun_by_a_dot = |word: &&String| word.starts_with('.');
        let is_exact = word.contains("end(host)") && line.words[at + 1..].iter().any(|word| begun_by_a_dot(&word));
        if let Some((_, why)) =
            NEARLY.iter().find(|(begin, _)| word.starts_with(begin)).filter(|_| is_loose && !is_exact)
        {
            notes.detail(line.number, line.text(), *why);
        }
        let is_field = word.starts_with("hdr(") && !word.starts_with("hdr(host");
        if is_field && next(1) == "-i" {
            notes.detail(line.number, line.text(), "a value is told apart by case: its usual spellings are asked");
        }
    }
}

fn remark_line(line: &Line, notes: &mut Notes) {
    if line.word(0) == "acl" || line.words.iter().any(|word| word == "{") {
        remark_question(line, notes);
    }
    let keyword = line.keyword();
    // A password is not repeated in a note.
    let text = if keyword == "stats auth" { keyword.clone() } else { line.text() };
    if TRANSLATED.contains(&keyword.as_str()) || line.word(0) == "compression" {
        return;
    }
    if line.word(0) == "stick-table" && only_counts(line) {
        return notes.detail(line.number, line.text(), "what is counted is said where somebody is refused by it");
    }
    let fits = |begin: &&str| keyword.starts_with(*begin);
    let remark = REMARKS.iter().filter(|(begin, _, _)| fits(begin)).max_by_key(|(begin, _, _)| begin.len());
    match remark {
        Some((_, Weight::Missing, why)) => notes.missing(line.number, text, *why),
        Some((_, Weight::Detail, why)) => notes.detail(line.number, text, *why),
        None => notes.missing(line.number, text, "no counterpart"),
    }
}
