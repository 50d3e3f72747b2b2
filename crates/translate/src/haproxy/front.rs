//! `frontend`, and the front of `listen`: a listener for each kind of `bind`.

use super::acl::Facts;
use super::asked::PER_CLIENT;
use super::bind::Bind;
use super::clause::{Acls, Known};
use super::lex::Line;
use super::rules::{rules, says_subject};
use super::section::Section;
use super::times::put_time;
use crate::TranslateError;
use crate::condition::Matches;
use crate::document::Table;
use crate::edit::{Edit, How};
use crate::notes::Notes;
use crate::routes::{Action, Answer, Routes, Rule};

/// What a front may be told about the back it leads to.
pub(crate) struct Backs<'b> {
    /// All sections with servers.
    pub(crate) sections: &'b [Section],
    /// `maxconn` of the process.
    pub(crate) connections_max: Option<u64>,
    /// Users, and what is counted.
    pub(crate) known: &'b Known,
}

/// Listeners of one section.
pub(crate) fn listeners(section: &Section, backs: &Backs<'_>, notes: &mut Notes) -> Result<Vec<Table>, TranslateError> {
    let mut lines: Vec<&Line> = section.own().iter().filter(|line| line.word(0) == "bind").collect();
    let beside_the_name = beside_the_name(section);
    lines.extend(beside_the_name.as_ref());
    let binds = Bind::all(&lines, &backs.known.tls, notes);
    if binds.is_empty() {
        notes.missing(
            section.line,
            format!("{} {}", section.kind, section.name),
            "it binds no address that can be translated",
        );
    }
    let one = |bind: &Bind| {
        let name = match (binds.len(), bind.tls) {
            (1, _) => section.name.clone(),
            (_, true) => format!("{}-tls", section.name),
            (_, false) => format!("{}-{}", section.name, bind.port.map_or("plain".to_owned(), |port| port.to_string())),
        };
        listener(section, bind, &name, backs, notes)
    };
    let made: Result<Vec<Option<Table>>, TranslateError> = binds.iter().map(one).collect();
    Ok(made?.into_iter().flatten().collect())
}

/// `listen name 10.0.0.1:80`: the old way to bind.
fn beside_the_name(section: &Section) -> Option<Line> {
    let address = section.address.clone()?;
    Some(Line { number: section.line, words: vec!["bind".to_owned(), address] })
}

fn listener(
    section: &Section,
    bind: &Bind,
    name: &str,
    backs: &Backs<'_>,
    notes: &mut Notes,
) -> Result<Option<Table>, TranslateError> {
    let http = section.is_http();
    let mut listener = Table::at(bind.line);
    listener.put("name", name);
    if !bind.write(http, &mut listener, notes) {
        return Ok(None);
    }
    let facts = Facts { tls: bind.tls, http, port: bind.port };
    let default = default_of(section, backs, notes);
    if let Action::Set(set) = &default {
        listener.put("backends", set.clone());
    }
    settings(section, http, backs, &mut listener, notes);
    let acls = Acls::of(section.lines.as_slice(), facts, backs.known);
    let rules = rules(&section.lines, &acls, notes);
    let rules = if http { rules } else { of_streams(rules, notes) };
    let rules = known(rules, backs, notes);
    if !http && !matches!(default, Action::Set(_)) {
        notes.missing(section.line, format!("{} {}", section.kind, section.name), "it leads to no server");
        return Ok(None);
    }
    let behind = |set: &str| if http { behind(set, section, facts, backs) } else { Vec::new() };
    Routes::new(&behind, default, notes).write(&rules, &mut listener)?;
    Ok(Some(listener))
}

/// Where no rule decides: a set, or the 503 of HAProxy.
fn default_of(section: &Section, backs: &Backs<'_>, notes: &mut Notes) -> Action {
    if section.kind == "listen"
        && section.lines.iter().any(|line| ["server", "server-template"].contains(&line.word(0)))
    {
        return Action::Set(section.name.clone());
    }
    match section.last("default_backend") {
        Some(line) if backs.sections.iter().any(|back| back.name == line.word(1)) => {
            Action::Set(line.word(1).to_owned())
        }
        line => {
            if let Some(line) = line {
                notes.missing(line.number, line.text(), "there is no backend of this name with servers");
            }
            Action::Answer(Answer::Respond { status: 503, text: String::new(), content_type: None })
        }
    }
}

/// Rules that ask for the name in a ClientHello and lead to servers: all that is known of a connection.
fn of_streams(rules: Vec<Rule>, notes: &mut Notes) -> Vec<Rule> {
    let asks_for_names = |matches: &Matches| Matches { hosts: Vec::new(), ..matches.clone() }.is_any();
    let is_known = |rule: &Rule| {
        let clause = &rule.clause;
        let bounds = matches!(rule.action, Action::Edit(Edit::Setting { key: PER_CLIENT, .. }));
        let leads = bounds || matches!(rule.action, Action::Set(_) | Action::Close);
        leads && asks_for_names(&clause.matches) && clause.not.iter().flatten().all(asks_for_names)
    };
    let (known, others): (Vec<Rule>, Vec<Rule>) = rules.into_iter().partition(is_known);
    others.into_iter().for_each(|rule| notes.missing(rule.line, rule.what, "nothing of HTTP is known in `mode tcp`"));
    known
}

/// Rules to backends that have servers.
fn known(rules: Vec<Rule>, backs: &Backs<'_>, notes: &mut Notes) -> Vec<Rule> {
    let is_known = |rule: &Rule| match &rule.action {
        Action::Set(set) => backs.sections.iter().any(|back| back.name == *set),
        _ => true,
    };
    let (known, unknown): (Vec<Rule>, Vec<Rule>) = rules.into_iter().partition(is_known);
    for rule in unknown {
        notes.missing(rule.line, rule.what, "there is no backend of this name with servers");
    }
    known
}

/// What a backend does to requests that come to it. Its fields for all requests are said in its set.
fn behind(set: &str, front: &Section, facts: Facts, backs: &Backs<'_>) -> Vec<Rule> {
    let Some(back) =
        backs.sections.iter().find(|back| back.name == set && back.kind == "backend" && back.name != front.name)
    else {
        return Vec::new();
    };
    let acls = Acls::of(&back.lines, facts, backs.known);
    let rules = rules(back.own(), &acls, &mut Notes::default());
    // A backend leads to no other.
    rules.into_iter().filter(|rule| !rule.is_field_for_all() && !matches!(rule.action, Action::Set(_))).collect()
}

/// What servers are told of where a request comes from; a backend may ask for it, too.
fn way(section: &Section, backs: &Backs<'_>, listener: &mut Table, notes: &mut Notes) {
    let leads_to = |back: &Section| {
        let names =
            |line: &Line| ["use_backend", "default_backend"].contains(&line.word(0)) && line.word(1) == back.name;
        back.kind == "backend" && section.lines.iter().any(names)
    };
    let behind = backs.sections.iter().filter(|back| leads_to(back)).filter_map(|back| back.option("forwardfor"));
    let Some(line) = section.option("forwardfor").or(behind.into_iter().next()) else { return };
    let named = line.words.windows(2).find(|words| words[0] == "header").map(|words| words[1].as_str());
    match named.filter(|name| !name.eq_ignore_ascii_case("x-forwarded-for")) {
        Some(name) => {
            Edit::Field { of_response: false, how: How::Add, name: name.to_owned(), value: "{client}".to_owned() }
                .write(listener)
        }
        None => listener.put("forwarded", "append"),
    }
    if line.words.iter().any(|word| word == "except" || word == "if-none") {
        notes.detail(line.number, line.text(), "every request gets an X-Forwarded-For with the client's address");
    }
}

/// `unique-id-header X-Request-ID`, and the field that says whose certificate was shown.
fn fields(section: &Section, listener: &mut Table, notes: &mut Notes) {
    if let Some(line) = section.last("unique-id-header") {
        match line.word(1).eq_ignore_ascii_case("x-request-id") {
            true => listener.put("request_id", "make"),
            false => {
                let name = line.word(1).to_owned();
                Edit::Field { of_response: false, how: How::Set, name, value: "{request_id}".to_owned() }
                    .write(listener);
            }
        }
    }
    let subject = section.lines.iter().find(|line| says_subject(&line.words));
    if let Some(line) = subject.filter(|_| listener.get("tls.client_ca").is_some()) {
        listener.put("tls.client_subject_header", line.word(2));
        let why = "`client_subject_header` says the whole subject, such as `CN=alice,O=Example`, of every certificate";
        notes.detail(line.number, line.text(), why);
    }
}

/// `compression algo gzip`, `compression type text/html`.
fn compression(section: &Section, http: bool, listener: &mut Table, notes: &mut Notes) {
    for line in section.lines.iter().filter(|line| http && line.word(0) == "compression") {
        let words: Vec<String> = line.words[2.min(line.words.len())..].to_vec();
        match line.word(1) {
            "algo" if words.iter().any(|word| word == "gzip") => listener.put("compression", vec!["gzip"]),
            "type" if words.iter().all(|word| word.contains('/')) && !words.is_empty() => {
                listener.put("compression_types", words)
            }
            _ => notes.missing(line.number, line.text(), "of these algorithms only gzip has a counterpart"),
        }
    }
    if listener.get("compression").is_none() {
        listener.remove("compression_types");
    }
}

/// Settings of a listener: time-outs, limits, who is told.
fn settings(section: &Section, http: bool, backs: &Backs<'_>, listener: &mut Table, notes: &mut Notes) {
    let own = section.last("maxconn").and_then(|line| line.word(1).parse().ok());
    if let Some(most) = own.or(backs.connections_max) {
        listener.put("limits.connections_max", most);
    }
    if http {
        way(section, backs, listener, notes);
    }
    compression(section, http, listener, notes);
    if http {
        fields(section, listener, notes);
    }
    if !http {
        let silences = ["client", "server"].map(|name| section.timeout(name));
        if let Some(line) = silences.into_iter().flatten().next() {
            put_time(section.timeout("tunnel").unwrap_or(line), &["timeouts.tunnel"], listener, notes);
        }
        return;
    }
    for (name, keys) in [
        ("client", &["timeouts.idle", "timeouts.body"][..]),
        ("http-keep-alive", &["timeouts.idle"]),
        ("http-request", &["timeouts.head"]),
        ("tunnel", &["timeouts.tunnel"]),
    ] {
        if let Some(line) = section.timeout(name) {
            put_time(line, keys, listener, notes);
        }
    }
}
