//! What is done with requests: `http-request`, `http-response`, `redirect`, `use_backend`, as rules in HAProxy's order.

use super::asked::PER_CLIENT;
use super::clause::{Acls, When};
use super::format::template;
use super::lex::Line;
use crate::document::Value;
use crate::edit::{Edit, How};
use crate::notes::Notes;
use crate::pattern::{checked, with_groups};
use crate::routes::{Action, Answer, Clause, Rule};

/// Fields this balancer writes by itself: what a rule says of them is no loss.
const OURS: [(&str, &str); 5] = [
    ("x-forwarded-for", "this balancer writes X-Forwarded-For by itself"),
    ("x-forwarded-proto", "this balancer writes X-Forwarded-Proto by itself"),
    ("connection", "this balancer writes Connection by itself, for each hop"),
    ("upgrade", "this balancer passes upgrades on by itself"),
    ("proxy", "no field of this name is passed on as CGI would read it"),
];

/// All rules of these lines, as HAProxy orders them: what is said to requests, redirects, then the choice of a backend.
pub(crate) fn rules(lines: &[Line], acls: &Acls<'_>, notes: &mut Notes) -> Vec<Rule> {
    let phases: [&[&str]; 4] = [
        &["tcp-request", "monitor-uri"],
        &["http-request", "http-response", "http-after-response"],
        &["redirect"],
        &["use_backend"],
    ];
    let mut rules = Vec::new();
    for phase in phases {
        for line in lines.iter().filter(|line| phase.contains(&line.word(0))) {
            match of_line(line, acls) {
                Ok(Parsed::Rules(made)) => rules.extend(made),
                Ok(Parsed::Nearly(made, why)) => {
                    notes.detail(line.number, line.text(), why);
                    rules.extend(made);
                }
                Ok(Parsed::Partly(made, why)) => {
                    notes.missing(line.number, line.text(), format!("only in part: {why}"));
                    rules.extend(made);
                }
                Ok(Parsed::Ours(why)) => notes.detail(line.number, line.text(), why),
                Err(why) => {
                    let open = if keeps_out(line) { ": nobody is kept out by it here" } else { "" };
                    notes.missing(line.number, line.text(), format!("{why}{open}"));
                }
            }
        }
    }
    remark_changed_paths(&rules, notes);
    rules
}

/// A question for the path, behind a rule that changes it: routes are taken by the path that came.
fn remark_changed_paths(rules: &[Rule], notes: &mut Notes) {
    const WHY: &str =
        "behind a rule that changes the path HAProxy asks for what it became, and a route asks for the path that came";
    let changes = |rule: &&Rule| matches!(rule.action, Action::Edit(Edit::Pattern { .. } | Edit::Prefix { .. }));
    for (at, rule) in rules.iter().enumerate().filter(|(_, rule)| rule.clause.matches.path.is_some()) {
        let meets = |other: &Rule| matches!(other.clause.matches.and(&rule.clause.matches), Ok(Some(_)) | Err(_));
        if rules[..at].iter().filter(changes).any(|other| other.line != rule.line && meets(other)) {
            notes.missing(rule.line, &rule.what, WHY);
        }
    }
}

/// Does it refuse somebody?
fn keeps_out(line: &Line) -> bool {
    let does = |word: &str| ["deny", "reject", "tarpit", "silent-drop", "auth"].contains(&word);
    match line.word(0) {
        "http-request" => does(line.word(1)),
        "tcp-request" => does(line.word(2)),
        _ => false,
    }
}

/// What a line comes to.
enum Parsed {
    Rules(Vec<Rule>),
    /// With a difference in a detail.
    Nearly(Vec<Rule>, &'static str),
    /// For less than was asked.
    Partly(Vec<Rule>, String),
    /// It is done without being said.
    Ours(&'static str),
}

fn of_line(line: &Line, acls: &Acls<'_>) -> Result<Parsed, String> {
    let at = line.words.iter().position(|word| word == "if" || word == "unless").unwrap_or(line.words.len());
    let (said, condition) = line.words.split_at(at);
    let said: Vec<&str> = said.iter().map(String::as_str).collect();
    let parts = match said.as_slice() {
        ["use_backend", set] if set.contains('%') => {
            return Err("a backend named by a variable: write a route with `host` for each line of the map".to_owned());
        }
        ["use_backend", set] => (vec![Action::Set((*set).to_owned())], condition),
        ["redirect", words @ ..] | ["http-request", "redirect", words @ ..] => (vec![redirect(words)?], condition),
        ["http-request", "allow"] | ["tcp-request", _, "accept"] => return accepted(&acls.clauses(condition)?),
        ["monitor-uri", path] => return Ok(Parsed::Rules(vec![monitor(line, path)])),
        ["http-request", words @ ..] => match request(words)? {
            Ok(actions) => (actions, condition),
            Err(ours) => return Ok(Parsed::Ours(ours)),
        },
        ["http-response" | "http-after-response", words @ ..] => {
            if !condition.is_empty() && acls.clauses(condition).is_err() {
                return Err("a condition on the response".to_owned());
            }
            (field(words, true)?.map(|edit| vec![Action::Edit(edit)]).unwrap_or_default(), condition)
        }
        ["tcp-request", words @ ..] => match connection(words)? {
            Ok(action) => (vec![action], condition),
            Err(ours) => return Ok(Parsed::Ours(ours)),
        },
        _ => return Err("this is no rule that is known here".to_owned()),
    };
    let (actions, condition) = parts;
    rules_of(line, &acls.clauses(condition)?, &actions)
}

/// Every action in every case.
fn rules_of(line: &Line, cases: &[When], actions: &[Action]) -> Result<Parsed, String> {
    check_sources(cases, actions)?;
    let mut rules = Vec::new();
    for When { clause, asked, .. } in cases {
        for action in actions {
            let action = match asked {
                Some((holds, asked)) => asked.action(*holds, action)?,
                None if matches!(action, Action::Edit(Edit::Setting { key: "auth", .. })) => {
                    return Err("it asks for users and lets in nobody".to_owned());
                }
                None => action.clone(),
            };
            if matches!(&action, Action::Edit(Edit::Setting { key: PER_CLIENT, .. })) && !is_all(clause) {
                return Err("connections are counted at a whole listener".to_owned());
            }
            rules.push(Rule { line: line.number, what: line.text(), clause: clause.clone(), action });
        }
    }
    let detail = cases.iter().filter_map(|case| case.asked.as_ref()).find_map(|(_, asked)| asked.detail());
    let narrower = cases.iter().find_map(|case| case.narrower.clone());
    Ok(match (narrower, detail) {
        (Some(why), _) => Parsed::Partly(rules, why),
        (None, Some(why)) => Parsed::Nearly(rules, why),
        (None, None) => Parsed::Rules(rules),
    })
}

/// A client's address decides who is let in, and nothing else.
fn check_sources(cases: &[When], actions: &[Action]) -> Result<(), String> {
    let is_refusal =
        |action: &Action| matches!(action, Action::Close | Action::Answer(Answer::Respond { status: 403, .. }));
    let refuses = actions.iter().all(is_refusal);
    match cases.iter().any(|case| case.clause.sources.is_some()) && !refuses {
        true => Err("routes do not look at the client's address: only a refusal (403) can".to_owned()),
        false => Ok(()),
    }
}

/// Whoever is let in for good is spared the rules behind; that is the same only where it is everybody, or nobody.
fn accepted(cases: &[When]) -> Result<Parsed, String> {
    match cases.iter().all(|case| case.asked.is_none() && is_all(&case.clause)) {
        true => Ok(Parsed::Ours("what no rule refuses is let in")),
        false => Err("nobody is spared the rules behind: say whom they refuse".to_owned()),
    }
}

fn is_all(clause: &Clause) -> bool {
    clause.matches.is_any() && clause.not.is_empty() && clause.sources.is_none()
}

fn monitor(line: &Line, path: &str) -> Rule {
    let clause = Clause {
        matches: crate::condition::Matches::path(crate::condition::Path::Exact(path.to_owned())),
        ..Clause::default()
    };
    let answer = Answer::Respond { status: 200, text: "Service ready.\n".to_owned(), content_type: None };
    Rule { line: line.number, what: line.text(), clause, action: Action::Answer(answer) }
}

/// `http-request ...`: actions, or why there need be none.
fn request(words: &[&str]) -> Result<Result<Vec<Action>, &'static str>, String> {
    let edit = |edit: Edit| Ok(Ok(vec![Action::Edit(edit)]));
    match words {
        ["deny" | "reject" | "silent-drop" | "tarpit", rest @ ..] => {
            let status = value(rest, &["deny_status", "status"]).map_or(Ok(403), str::parse);
            let status = status.map_err(|_| "a status that is no number".to_owned())?;
            Ok(Ok(vec![Action::Answer(Answer::Respond { status, text: String::new(), content_type: None })]))
        }
        ["return", rest @ ..] => Ok(Ok(vec![respond(rest)?])),
        ["set-path", to] => edit(Edit::Pattern { pattern: "^.*$".to_owned(), to: template(to)? }),
        ["replace-path" | "replace-pathq", pattern, to] => {
            let pattern = whole(pattern)?;
            let to = with_groups(&pattern, references(to))?;
            edit(Edit::Pattern { pattern, to })
        }
        ["replace-uri", pattern, to] if pattern.trim_start_matches(['^', '(']).starts_with('/') => {
            let pattern = whole(pattern)?;
            let to = with_groups(&pattern, references(to))?;
            edit(Edit::Pattern { pattern, to })
        }
        [track, ..] if track.starts_with("track-sc") => Ok(Err(TRACKED)),
        ["auth", rest @ ..] => edit(auth(rest)?),
        ["use-service", "prometheus-exporter"] => {
            Ok(Ok(vec![Action::Answer(Answer::Respond { status: 404, text: String::new(), content_type: None })]))
        }
        ["set-header", _, value] if value.contains("ssl_c_s_dn") => Ok(Err(SUBJECT)),
        [what, ..] if REASONS.iter().any(|(begin, _)| what.starts_with(begin)) => {
            let (_, why) = REASONS.iter().find(|(begin, _)| what.starts_with(begin)).unwrap_or(&REASONS[0]);
            Err((*why).to_owned())
        }
        _ => Ok(field(words, false)?.map(|edit| vec![Action::Edit(edit)]).ok_or(ours(words))),
    }
}

/// Whose certificate was shown is said by a setting of the listener.
const SUBJECT: &str = "`client_subject_header` of [listener.tls] says that, where clients show certificates";

/// Does it write the subject of a client's certificate into a field?
pub(crate) fn says_subject(words: &[String]) -> bool {
    words.first().is_some_and(|word| word == "http-request")
        && words.get(1).is_some_and(|word| word == "set-header")
        && words.get(3).is_some_and(|value| value.contains("ssl_c_s_dn"))
}

/// Why some things cannot be done with requests.
const REASONS: [(&str, &str); 12] = [
    ("set-log-level", "what the access log tells is not chosen by a rule: see `access_log_sample`"),
    ("capture", "a line of the access log has fields of its own: see docs/access-log.md"),
    ("sc-", "there are no counters of one's own: see `rate_limit`"),
    ("set-var", "there are no variables but those of docs/configuration.md"),
    ("unset-var", "there are no variables but those of docs/configuration.md"),
    ("lua", "no scripts are run"),
    ("cache-", "nothing is cached"),
    ("set-src", "a client's address is what a trusted proxy says: see `trusted_proxies` and `proxy_protocol`"),
    ("set-dst", "a request goes to a server of a set"),
    ("do-resolve", "names are those of servers, looked up by the control plane"),
    ("replace-header", "a field is set as a whole: see `request_headers`"),
    ("replace-value", "a field is set as a whole: see `request_headers`"),
];

/// Whoever refuses says by how much is counted.
const TRACKED: &str = "what is counted is said where somebody is refused by it";

/// `auth realm Private`; who may come in is said by the condition. Servers see what was shown, as HAProxy's do.
fn auth(words: &[&str]) -> Result<Edit, String> {
    let mut said: Vec<(String, Value)> = Vec::new();
    if let Some(realm) = value(words, &["realm"]) {
        if realm.contains(['"', '\\']) || realm.contains(char::is_control) {
            return Err("a realm with quotes, backslashes or controls".to_owned());
        }
        said.push(("realm".to_owned(), realm.into()));
    }
    said.push(("pass".to_owned(), true.into()));
    Ok(Edit::Setting { key: "auth", value: Value::Inline(said) })
}

/// Why nothing need be said of this field.
fn ours(words: &[&str]) -> &'static str {
    let name = words.get(1).map(|name| name.to_ascii_lowercase()).unwrap_or_default();
    OURS.iter().find(|(known, _)| *known == name).map_or("nothing need be done", |(_, why)| why)
}

/// `set-header NAME FORMAT` and its like; `None` for fields that are written anyway.
fn field(words: &[&str], of_response: bool) -> Result<Option<Edit>, String> {
    let (how, name, value) = match words {
        ["set-header", name, value] => (How::Set, name, template(value)?),
        ["add-header", name, value] => (How::Add, name, template(value)?),
        ["del-header", name] => (How::Remove, name, String::new()),
        [other, ..] => return Err(format!("`{other}` has no counterpart")),
        [] => return Err("nothing is said".to_owned()),
    };
    if !of_response && OURS.iter().any(|(known, _)| known.eq_ignore_ascii_case(name)) {
        return Ok(None);
    }
    Ok(Some(Edit::Field { of_response, how, name: (*name).to_owned(), value }))
}

/// `redirect scheme https code 301`.
fn redirect(words: &[&str]) -> Result<Action, String> {
    let to = match words {
        ["scheme", scheme, ..] => format!("{}://{{host_port}}{{uri}}", template(scheme)?),
        ["prefix", prefix, ..] => format!("{}{{uri}}", template(prefix)?),
        ["location", location, ..] => template(location)?,
        _ => return Err("a redirect to what has no counterpart".to_owned()),
    };
    if !to.starts_with('/') && !to.contains("://") {
        return Err("a redirect leads to a path, or to an address".to_owned());
    }
    let to = if words.contains(&"drop-query") { to.replace("{uri}", "{path}") } else { to };
    if let Some(option) =
        words.iter().find(|word| ["append-slash", "set-cookie", "clear-cookie", "ignore-empty"].contains(word))
    {
        return Err(format!("`{option}` of a redirect has no counterpart"));
    }
    let status =
        value(words, &["code"]).map_or(Ok(302), str::parse).map_err(|_| "a code that is no number".to_owned())?;
    if status == 303 {
        return Err("a redirect is 301, 302, 307 or 308".to_owned());
    }
    Ok(Action::Answer(Answer::Redirect { to, status, keeps_query: false }))
}

/// `return status 200 content-type text/plain string "OK"`.
fn respond(words: &[&str]) -> Result<Action, String> {
    if let Some(word) =
        words.iter().find(|word| ["file", "lf-file", "errorfile", "errorfiles", "default-errorfiles"].contains(word))
    {
        return Err(format!("an answer from a `{word}` is not read: write its text"));
    }
    let text = match value(words, &["lf-string"]) {
        Some(_) => return Err("an answer with variables".to_owned()),
        None => value(words, &["string"]).unwrap_or_default().to_owned(),
    };
    if words.contains(&"hdr") {
        return Err("an answer with fields of its own".to_owned());
    }
    let status =
        value(words, &["status"]).map_or(Ok(200), str::parse).map_err(|_| "a status that is no number".to_owned())?;
    let content_type = value(words, &["content-type"]).filter(|kind| kind.contains('/')).map(str::to_owned);
    Ok(Action::Answer(Answer::Respond { status, text, content_type }))
}

/// `tcp-request ...`: who is let in.
fn connection(words: &[&str]) -> Result<Result<Action, &'static str>, String> {
    match words {
        ["connection" | "content" | "session", "reject"] => Ok(Ok(Action::Close)),
        [_, track, ..] if track.starts_with("track-sc") => Ok(Err(TRACKED)),
        ["inspect-delay", ..] => Ok(Err("a ClientHello is waited for where routes ask for names")),
        _ => Err("of connections only `reject`, by their address, is decided".to_owned()),
    }
}

fn value<'w>(words: &[&'w str], names: &[&str]) -> Option<&'w str> {
    let at = words.iter().position(|word| names.contains(word))?;
    words.get(at + 1).copied()
}

/// HAProxy replaces the whole path where the pattern fits any part of it.
fn whole(pattern: &str) -> Result<String, String> {
    let begin = if pattern.starts_with('^') { "" } else { "^.*?" };
    let end = if pattern.ends_with('$') { "" } else { ".*$" };
    checked(&format!("{begin}{pattern}{end}"), false)
}

/// `\1` is ours as `{1}`.
fn references(text: &str) -> String {
    let mut ours = String::new();
    let mut chars = text.chars().peekable();
    while let Some(char) = chars.next() {
        match (char, chars.peek()) {
            ('\\', Some(digit)) if digit.is_ascii_digit() => {
                ours += &format!("{{{digit}}}");
                chars.next();
            }
            ('{' | '}', _) => ours.extend([char, char]),
            _ => ours.push(char),
        }
    }
    ours
}
