//! Lines that nothing is made of, and why.

use super::counted::only_counts;
use super::lex::Line;
use super::process::is_for_statistics;
use super::section::Section;
use crate::notes::{Notes, Weight};
use crate::status::APART;

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
    "cpu-map",
    "disabled",
    "enabled",
    "gid",
    "grace",
    "group",
    "hard-stop-after",
    "http-send-name-header",
    "log",
    "nbproc",
    "nbthread",
    "option dontlog-normal",
    "stats socket",
    "uid",
    "unique-id-header",
    "user",
    "ca-base",
    "crt-base",
    "no log",
    "ssl-default-bind-options",
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

const FOREGROUND: &str =
    "it stays in the foreground: whoever starts it keeps it (`quintet serve --install-unit` prints a unit for systemd)";
const FIELDS: &str = "a line of the access log has fields of its own (`access_log_format`): see docs/access-log.md";
const LOG: &str = "what the access log tells is not chosen by a rule: see docs/access-log.md";
const STATS: &str = "the admin listener shows state to whoever may ask it: see `[admin]`";
const CHANGE: &str = "SIGHUP takes up another configuration, SIGUSR2 hands over to another program";
const STRICT: &str = "what two readers could understand differently is refused";
const CACHE: &str = "nothing is cached";
const NO_SCRIPTS: &str = "no programs and no scripts are run";
const TUNED: &str = "nothing of the kind need be tuned";
const PAGES: &str = "the file begins with a head: cut that off, and name the rest in `errors` of a listener, such as `{ 503 = { file = \"503.html\" } }`";
const ALREADY: &str = "it is so without being said";
const TABLES: &str = "there are no stick tables: `balance = \"hash\"`, a sticky cookie or a rate limit may do";
const CHECKS: &str = "servers are asked by HTTP, or tried by a connection: the latter is done";
const TLS: &str = "versions and ciphers are those of TLS 1.2 and 1.3 that are thought safe";

/// What the others are, the longest beginning first.
const REMARKS: &[(&str, Weight, &str)] = &[
    ("backlog", Weight::Detail, TUNED),
    ("bind-process", Weight::Detail, "every worker listens"),
    ("busy-polling", Weight::Detail, TUNED),
    ("capture", Weight::Missing, FIELDS),
    (
        "chroot",
        Weight::Detail,
        "with `user` the process gives up every capability; a unit of systemd can hide the rest from it",
    ),
    ("clitcpka-", Weight::Detail, "silent connections are asked after 60 s, four times"),
    ("daemon", Weight::Detail, FOREGROUND),
    ("declare", Weight::Missing, FIELDS),
    ("description", Weight::Detail, ALREADY),
    ("dispatch", Weight::Missing, "name the address as the one server of a set"),
    (
        "email-alert",
        Weight::Missing,
        "what happens is told on standard error (`event_log_format`), and nobody is written to",
    ),
    ("errorfile", Weight::Missing, PAGES),
    ("errorfiles", Weight::Missing, PAGES),
    ("errorloc", Weight::Missing, "failures are answered by a page (`errors`), not by a redirect"),
    ("expose-experimental-directives", Weight::Detail, ALREADY),
    ("external-check", Weight::Missing, NO_SCRIPTS),
    ("filter", Weight::Missing, "there are no filters"),
    ("force-persist", Weight::Missing, "a sticky cookie holds while its server is well"),
    ("fullconn", Weight::Detail, "there is no dynamic limit"),
    ("h1-case-adjust", Weight::Missing, "names of fields are passed on as they came"),
    (
        "hash-balance-factor",
        Weight::Detail,
        "a server that has a quarter more to do than its share, and 8 requests, is passed over",
    ),
    ("hash-type", Weight::Detail, "hashing is consistent"),
    ("http-error", Weight::Missing, "pages for failures are texts or files of `errors` of a listener"),
    ("id", Weight::Detail, ALREADY),
    ("ignore-persist", Weight::Missing, "a sticky cookie holds for all requests of its set"),
    ("insecure-fork-wanted", Weight::Missing, NO_SCRIPTS),
    (
        "load-server-state-from-file",
        Weight::Detail,
        "what is known of servers outlives a reload, and is handed over by SIGUSR2",
    ),
    ("localpeer", Weight::Missing, TABLES),
    ("log-format", Weight::Detail, FIELDS),
    ("log-format-sd", Weight::Detail, FIELDS),
    ("log-send-hostname", Weight::Detail, FIELDS),
    ("log-tag", Weight::Detail, "messages for a log daemon are of `quintet`"),
    ("lua-", Weight::Missing, NO_SCRIPTS),
    ("master-worker", Weight::Detail, CHANGE),
    ("max-keep-alive-queue", Weight::Detail, "an idle connection makes room for requests that wait"),
    ("max-session-srv-conns", Weight::Detail, "connections to servers are kept for all clients (`pool`)"),
    ("maxconnrate", Weight::Missing, "connections per second are not bounded: `connections_max` and `rate_limit` are"),
    ("maxsessrate", Weight::Missing, "connections per second are not bounded: `connections_max` and `rate_limit` are"),
    ("monitor", Weight::Missing, "`/readyz` of the admin listener says whether requests can be served"),
    (
        "monitor-net",
        Weight::Missing,
        "clients are not told apart for checks: give those `monitor-uri`, a route that responds",
    ),
    ("no option", Weight::Detail, ALREADY),
    ("no ", Weight::Detail, ALREADY),
    ("node", Weight::Detail, ALREADY),
    ("numa-cpu-mapping", Weight::Detail, "`pin = true` of [global] gives each worker a core"),
    ("option abortonclose", Weight::Detail, ALREADY),
    ("option accept-invalid-http-re", Weight::Missing, STRICT),
    ("option accept-unsafe-violations", Weight::Missing, STRICT),
    ("option allbackups", Weight::Detail, "all backups of a priority are used"),
    ("option checkcache", Weight::Missing, CACHE),
    ("option clitcpka", Weight::Detail, ALREADY),
    ("option contstats", Weight::Detail, STATS),
    ("option disable-h2-upgrade", Weight::Detail, "clients are offered HTTP/1.1 only"),
    ("option dontlog", Weight::Detail, "whoever leaves without a request is in no log"),
    ("option external-check", Weight::Missing, CHECKS),
    (
        "option forwarded",
        Weight::Missing,
        "write `forwarded_fields = [\"Forwarded\", \"X-Forwarded-For\", \"X-Forwarded-Proto\"]` at the listener",
    ),
    ("option h1-case-adjust", Weight::Missing, "names of fields are passed on as they came"),
    (
        "option http-buffer-request",
        Weight::Detail,
        "bodies are passed on as they come; `timeouts.body` bounds their gaps",
    ),
    ("option http-ignore-probes", Weight::Detail, "whoever leaves without a request is in no log"),
    ("option http-keep-alive", Weight::Detail, ALREADY),
    ("option http-no-delay", Weight::Detail, ALREADY),
    ("option http-pretend-keepalive", Weight::Detail, ALREADY),
    ("option http-tunnel", Weight::Missing, "every request is looked at"),
    ("option http-use-htx", Weight::Detail, ALREADY),
    ("option http_proxy", Weight::Missing, "requests go to servers of a set, not where they say"),
    ("option httplog", Weight::Detail, FIELDS),
    ("option httpslog", Weight::Detail, FIELDS),
    ("option idle-close-on-response", Weight::Detail, "idle clients may ask once more at an end, within `drain`"),
    ("option independent-streams", Weight::Detail, "each time-out is for one side"),
    ("option ldap-check", Weight::Missing, CHECKS),
    ("option log", Weight::Detail, LOG),
    ("option log-health-checks", Weight::Detail, "changes of servers are told on standard error"),
    ("option mysql-check", Weight::Missing, CHECKS),
    (
        "option nolinger",
        Weight::Missing,
        "see `close` of a listener, and of `[backend_set.pool]`: `reset-when-safe` resets where nothing is lost",
    ),
    ("option originalto", Weight::Missing, "no field tells where a client connected to"),
    ("option persist", Weight::Detail, "a sticky cookie holds while its server is well"),
    ("option pgsql-check", Weight::Missing, CHECKS),
    ("option prefer-last-server", Weight::Detail, "a connection that is kept is used again, whose client it was for"),
    ("option redis-check", Weight::Missing, CHECKS),
    ("option redispatch", Weight::Detail, ALREADY),
    ("option smtpchk", Weight::Missing, CHECKS),
    ("option socket-stats", Weight::Detail, STATS),
    ("option splice", Weight::Detail, "bytes are spliced where that pays"),
    ("option spop-check", Weight::Missing, CHECKS),
    ("option srvtcpka", Weight::Detail, ALREADY),
    (
        "option ssl-hello-chk",
        Weight::Missing,
        "with `[backend_set.tls]` checks shake hands: here only a connection is tried",
    ),
    ("option tcp-smart", Weight::Detail, ALREADY),
    ("option tcp-ut", Weight::Detail, ALREADY),
    ("option tcpka", Weight::Detail, ALREADY),
    ("option tcplog", Weight::Detail, FIELDS),
    ("option transparent", Weight::Missing, "servers are told the client's address by a field, or by `proxy_protocol`"),
    ("persist", Weight::Missing, "only a cookie of the balancer's own keeps a client with its server (`sticky`)"),
    ("pidfile", Weight::Detail, FOREGROUND),
    ("pp2-never-send-local", Weight::Detail, ALREADY),
    ("presetenv", Weight::Missing, "variables of the environment are not filled in"),
    ("prealloc-fd", Weight::Detail, TUNED),
    ("profiling", Weight::Detail, TUNED),
    ("quiet", Weight::Detail, ALREADY),
    ("rate-limit", Weight::Missing, "connections per second are not bounded: `connections_max` and `rate_limit` are"),
    ("rspadd", Weight::Missing, "write `http-response set-header`, and translate again"),
    ("reqadd", Weight::Missing, "write `http-request set-header`, and translate again"),
    ("req", Weight::Missing, "write it as an `http-request` rule, and translate again"),
    ("rsp", Weight::Missing, "write it as an `http-response` rule, and translate again"),
    ("server-state-", Weight::Detail, "what is known of servers outlives a reload, and is handed over by SIGUSR2"),
    ("set-dumpable", Weight::Detail, FOREGROUND),
    ("set-var", Weight::Missing, "there are no variables but those of docs/configuration.md"),
    ("setcap", Weight::Detail, "ports below 1024 are bound before `user` is taken on, and no capability is kept"),
    ("setenv", Weight::Missing, "variables of the environment are not filled in"),
    ("source", Weight::Missing, "see `sources` of a set"),
    ("spread-checks", Weight::Detail, "checks are spread"),
    ("srvtcpka-", Weight::Detail, "silent connections are asked after 60 s, four times"),
    ("ssl-default", Weight::Detail, TLS),
    ("ssl-dh-param-file", Weight::Detail, TLS),
    ("ssl-engine", Weight::Missing, "there are no engines of TLS"),
    ("ssl-load-extra-", Weight::Detail, "a key is in the file of its certificate, or named by `key`"),
    ("ssl-mode-async", Weight::Detail, TUNED),
    ("ssl-server-verify", Weight::Missing, "see `verify` of [backend_set.tls]"),
    ("stats", Weight::Detail, STATS),
    ("stats enable", Weight::Missing, APART),
    ("stats uri", Weight::Missing, APART),
    ("stick", Weight::Missing, TABLES),
    ("stick-table", Weight::Missing, TABLES),
    ("strict-limits", Weight::Detail, "limits that the open files do not pay for are less, and told at the start"),
    ("tcp-check", Weight::Missing, "only a connection is tried"),
    ("tcp-response", Weight::Missing, "nothing is looked at in `mode tcp` but the name in a ClientHello"),
    ("timeout client-fin", Weight::Detail, "once one side has sent FIN, `body` counts"),
    ("timeout server-fin", Weight::Detail, "once one side has sent FIN, `body` counts"),
    ("timeout tarpit", Weight::Detail, "whoever is refused is answered at once"),
    ("tune.", Weight::Detail, TUNED),
    ("ulimit-n", Weight::Detail, "the limit of open files is raised as far as it may be"),
    ("unique-id-format", Weight::Detail, "ids of requests have a form of their own: 32 hexadecimal digits"),
    ("unix-bind", Weight::Missing, "say `mode`, `user` and `group` at each `bind`"),
    ("use-server", Weight::Missing, "a route leads to a set: give the server one of its own"),
    ("zero-warning", Weight::Detail, ALREADY),
];

/// Notes on everything that nothing was made of.
pub(crate) fn remark(sections: &[Section], notes: &mut Notes) {
    for section in sections {
        match section.kind.as_str() {
            "frontend" | "listen" if is_for_statistics(section) => {}
            "global" | "defaults" | "frontend" | "backend" | "listen" => {
                section.own().iter().for_each(|line| remark_line(line, notes));
                let own =
                    section.own().iter().filter(|line| section.kind == "backend" && line.word(0) == "compression");
                own.for_each(|line| notes.missing(line.number, line.text(), "listeners and routes compress, not sets"));
            }
            "userlist" | "resolvers" => {}
            kind => notes.missing(section.line, format!("{kind} {}", section.name), of_section(kind)),
        }
    }
}

/// Why nothing is made of a whole section.
fn of_section(kind: &str) -> &'static str {
    match kind {
        "peers" => "balancers do not share tables: each counts by itself",
        "mailers" => "what happens is told on standard error (`event_log_format`), and nobody is written to",
        "cache" => CACHE,
        "program" => NO_SCRIPTS,
        "ring" | "log-forward" => "logs of others are not passed on",
        "http-errors" => PAGES,
        "fcgi-app" => "only HTTP is spoken to servers",
        "crt-store" => "name each certificate in `[listener.tls]`",
        _ => "such a section has no counterpart",
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
        None => notes.missing(line.number, text, "this is not known here: see docs/configuration.md for what there is"),
    }
}
