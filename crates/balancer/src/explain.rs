//! Which way one request, or one connection, would go by a configuration, and why: in words, and without starting anything.

use balancer_core::router::{Because, HostPattern, Misfit, Scratch, Standing};
use balancer_core::{
    Action, Decision, ListenerSettings, Protocol, RateBy, RateLimit, RouteRules, Router, Settings, Treatment,
};
use http::{Asked, Limits, RequestFacts, RequestHead, Values};
use http1::{HeadSlots, parse_request};
use std::net::{IpAddr, Ipv4Addr};

/// Routes that are told of one listener.
const ROUTES_MAX: usize = 200;
/// From where the request is taken to come.
const CLIENT: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// What is asked about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    protocol: Protocol,
    port: u16,
    /// As a client would send it; of a connection, the name that it asks for.
    said: String,
}

/// Why something is no question.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QuestionError {
    /// It is not made of a method and a URL.
    #[error(
        "{0:?} is no request: write a method and a URL, as in 'GET https://example.org/path'; or a connection, as in \
         'tls://example.org:443'"
    )]
    Form(String),
    /// It is a connection, of which nothing else is seen.
    #[error(
        "a connection has no header fields: leave them out, or ask for a request, as in 'GET https://example.org/'"
    )]
    FieldOfConnection,
    /// Its field is none.
    #[error("{0:?} is no header field: write 'Name: value'")]
    Field(String),
    /// No listener speaks what it asks for.
    #[error("no listener speaks {0}: ask by http://, by https:// or, of those that join connections, by tls://")]
    NoListener(&'static str),
}

impl Question {
    /// Reads `METHOD http[s]://HOST[:PORT]/PATH`, and fields as `Name: value`; or `tls://HOST[:PORT]`.
    ///
    /// # Errors
    /// It is none.
    pub fn parse(text: &str, fields: &[String]) -> Result<Self, QuestionError> {
        let bad = || QuestionError::Form(text.to_owned());
        if let Some(place) = text.trim().strip_prefix("tls://") {
            return Self::of_connection(place, fields).ok_or_else(bad)?;
        }
        // A URL alone is asked for as browsers do.
        let (method, url) = text.trim().split_once(' ').unwrap_or(("GET", text.trim()));
        let (scheme, rest) = url.trim().split_once("://").ok_or_else(bad)?;
        let (protocol, default_port) = match scheme.to_ascii_lowercase().as_str() {
            "https" => (Protocol::Https, 443),
            "http" => (Protocol::Http, 80),
            _ => return Err(bad()),
        };
        let (authority, target) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        let target = target.split('#').next().unwrap_or_default();
        let port = authority.rsplit_once(':').and_then(|(_, port)| port.parse().ok());
        let mut lines = String::new();
        for field in fields {
            let (name, value) = field.split_once(':').ok_or_else(|| QuestionError::Field(field.clone()))?;
            lines += &format!("{}: {}\r\n", name.trim(), value.trim());
        }
        let named = fields.iter().any(|field| field.to_ascii_lowercase().starts_with("host:"));
        let host = if named { String::new() } else { format!("Host: {authority}\r\n") };
        let slash = if target.starts_with('/') { "" } else { "/" };
        let said = format!("{method} {slash}{target} HTTP/1.1\r\n{host}{lines}\r\n");
        Ok(Self { protocol, port: port.unwrap_or(default_port), said })
    }

    /// `None`: it is none.
    fn of_connection(place: &str, fields: &[String]) -> Option<Result<Self, QuestionError>> {
        let place = place.strip_suffix('/').unwrap_or(place);
        let (name, port) = match place.rsplit_once(':') {
            Some((name, port)) => (name, port.parse().ok()?),
            None => (place, 443),
        };
        let is_name =
            name.is_empty() || HostPattern::parse(name).is_ok_and(|host| matches!(host, HostPattern::Exact(_)));
        let question = Self { protocol: Protocol::Tcp, port, said: name.to_owned() };
        is_name.then_some(if fields.is_empty() { Ok(question) } else { Err(QuestionError::FieldOfConnection) })
    }

    fn scheme(&self) -> &'static str {
        self.protocol.name()
    }
}

/// The answer, line by line.
///
/// # Errors
/// No listener speaks what is asked for.
pub fn explain(settings: &Settings, question: &Question) -> Result<Vec<String>, QuestionError> {
    let speaking: Vec<_> = settings.listeners.iter().filter(|one| one.protocol == question.protocol).collect();
    let here: Vec<_> = speaking.iter().filter(|one| is_at(one, question.port)).copied().collect();
    let mut lines = Vec::new();
    if here.is_empty() && !speaking.is_empty() {
        let scheme = question.scheme();
        lines.push(format!("no listener speaks {scheme} at port {}; at the others it would go so:", question.port));
    }
    let asked = if here.is_empty() { speaking } else { here };
    if asked.is_empty() {
        return Err(QuestionError::NoListener(question.scheme()));
    }
    for listener in asked {
        let places: Vec<String> = listener.addresses().map(|address| address.to_string()).collect();
        lines.push(format!("listener \"{}\" at {}", listener.name, places.join(", ")));
        lines.extend(at_listener(settings, listener, question).into_iter().map(|line| format!("  {line}")));
    }
    Ok(lines)
}

fn at_listener(settings: &Settings, listener: &ListenerSettings, question: &Question) -> Vec<String> {
    if question.protocol == Protocol::Tcp {
        return of_connection(settings, listener, &question.said);
    }
    let ListenerSettings { limits, .. } = listener;
    let limits = Limits { head_bytes_max: limits.head_bytes_max, headers_max: limits.headers_max, ..Limits::default() };
    let mut slots = HeadSlots::new();
    match parse_request(question.said.as_bytes(), &limits, &mut slots) {
        Err(rule) => vec![format!("refused with {}: {}", rule.status(), rule.of_request())],
        Ok(None) => vec!["refused: the request has no end".to_owned()],
        Ok(Some(parsed)) => routes(settings, listener, &parsed.head, question),
    }
}

fn routes(
    settings: &Settings,
    listener: &ListenerSettings,
    head: &RequestHead<'_, '_>,
    question: &Question,
) -> Vec<String> {
    let (router, mut scratch) = (&listener.router, Scratch::default());
    let facts = head.facts(CLIENT, question.protocol == Protocol::Https);
    let Some((taken, told)) = decide(router, &facts, head, &mut scratch) else {
        return vec!["refused with 400: servers read such a path differently".to_owned()];
    };
    let asked = Asked { method: head.method_name, host: head.host, target: head.target, headers: head.headers };
    let values = Values {
        client: b"127.0.0.1",
        scheme: question.scheme(),
        listener: &listener.name,
        asked: Some(asked),
        ..Values::default()
    };
    let mut lines = vec![way(settings, listener, taken.route, &values, &mut scratch)];
    lines.extend(before_that(&router.rules(taken.route).treatment.within(&listener.treatment)));
    lines.extend(bound_of_set(settings, &router.rules(taken.route).action, "refused with 503"));
    lines.extend(others(router, &told));
    lines
}

/// The way, and how all routes stand to it; `None`: the path is refused. Where there are no routes it is not looked at.
fn decide(
    router: &Router,
    facts: &RequestFacts<'_>,
    head: &RequestHead<'_, '_>,
    scratch: &mut Scratch,
) -> Option<(Decision, Vec<Standing>)> {
    if !router.has_routes() {
        return Some((router.fallback(), Vec::new()));
    }
    let taken = router.decide(facts, head.headers, scratch).ok()?;
    Some((taken, router.explain(facts, head.headers, scratch).ok()?))
}

/// What a request has to get past on its way there.
fn before_that(treatment: &Treatment) -> Vec<String> {
    let mut lines = Vec::new();
    if treatment.access.iter().any(|access| !access.allow.is_empty()) {
        lines.push("unless it is let in by address (`allow`), refused with 403".to_owned());
    }
    if treatment.access.iter().any(|access| !access.deny.is_empty()) {
        lines.push("where its address is kept out (`deny`), refused with 403".to_owned());
    }
    lines.extend(treatment.rates.iter().map(rate_in_words));
    lines.extend(treatment.body_bytes_max.map(|most| format!("with more than {most} bytes of body, refused with 413")));
    lines
        .extend(treatment.basic().map(|basic| format!("without credentials, refused with 401: {}", basic.challenge())));
    lines
}

/// How many requests its set takes at once, and what becomes of one more.
fn bound_of_set(settings: &Settings, action: &Action, then: &str) -> Option<String> {
    let Action::Forward { set } = action else { return None };
    let set = settings.backend_sets.get(*set)?;
    let most = set.capacity.requests_max?;
    Some(format!("where {most} of backend set \"{}\" are under way already (`requests_max`), {then}", set.name))
}

fn rate_in_words(limit: &RateLimit) -> String {
    let of = match &limit.by {
        RateBy::Client => "of one client".to_owned(),
        RateBy::Header(name) => format!("with the same {name}, or without it from one client"),
        RateBy::Route => "of all clients".to_owned(),
    };
    let (often, then) = (limit.rate.per_s(), if limit.dry_run { "only counted (dry_run)" } else { "refused with 429" });
    format!("where more than {often} a second come {of}, {then}")
}

/// A connection whose client asks for `name`; an empty one: for none.
fn of_connection(settings: &Settings, listener: &ListenerSettings, name: &str) -> Vec<String> {
    let (router, mut scratch) = (&listener.router, Scratch::default());
    let taken = router.decide_name(name.as_bytes()).filter(|_| !name.is_empty()).unwrap_or(router.fallback());
    let mut lines = match router.rules(taken.route).action {
        Action::Forward { .. } => vec![way(settings, listener, taken.route, &Values::default(), &mut scratch)],
        _ => vec!["no route: the connection is reset".to_owned()],
    };
    lines.extend(bound_of_set(settings, &router.rules(taken.route).action, "the connection is reset"));
    let facts = RequestHead { host: Some(name.as_bytes()), ..RequestHead::default() };
    let told = router.explain(&facts.facts(CLIENT, true), &[], &mut scratch).unwrap_or_default();
    lines.extend(others(router, &told));
    lines
}

/// Why it is none of the others.
fn others(router: &Router, told: &[Standing]) -> Vec<String> {
    let others = told.iter().zip(router.all()).zip(router.conditions());
    let others = others.filter_map(|((standing, rules), asks)| other(standing, &label(rules, &asks.to_string())));
    let (mut lines, others): (Vec<_>, Vec<_>) = others.partition(|line| line.starts_with("behind"));
    lines.extend(others);
    let more = lines.len().saturating_sub(ROUTES_MAX);
    lines.truncate(ROUTES_MAX);
    lines.extend((more > 0).then(|| format!("and {more} more routes that do not fit")));
    lines
}

/// What is done by the route that is taken.
fn way(
    settings: &Settings,
    listener: &ListenerSettings,
    route: u32,
    values: &Values<'_>,
    scratch: &mut Scratch,
) -> String {
    let router = &listener.router;
    let rules = router.rules(route);
    let name = match router.conditions().get(route as usize) {
        Some(asks) => format!("route {}", label(rules, &asks.to_string())),
        None if router.has_routes() => "no route".to_owned(),
        None => "no routes".to_owned(),
    };
    let target = values.asked.map(|asked| asked.target).unwrap_or_default();
    let deed = match &rules.action {
        Action::Forward { set } => {
            let set = settings.backend_sets.get(*set).map_or("?", |set| set.name.as_str());
            match router.passed_on(route, target, values, scratch) {
                Ok(Some(path)) => format!("to backend set \"{set}\", as {path}"),
                Ok(None) => format!("to backend set \"{set}\""),
                Err(why) => format!("refused with 400: {why}"),
            }
        }
        Action::Redirect(redirect) => {
            let mut to = Vec::new();
            match router.location(route, values, scratch, &mut to) {
                Ok(()) => format!("redirected with {} to {}", redirect.status, String::from_utf8_lossy(&to)),
                Err(_) => "refused with 414: its target is too long to be redirected".to_owned(),
            }
        }
        Action::Respond(fixed) => format!("answered here with {}", fixed.status),
        Action::NotFound => "answered here with 404".to_owned(),
    };
    format!("{name}: {deed}")
}

/// Its name, and what it asks where that is not the name.
fn label(rules: &RouteRules, asks: &str) -> String {
    if rules.name == asks { format!("[{asks}]") } else { format!("\"{}\" [{asks}]", rules.name) }
}

/// Why a route is not the one; `None` for the one.
fn other(standing: &Standing, label: &str) -> Option<String> {
    Some(match standing {
        Standing::Taken => return None,
        Standing::Behind(because) => {
            let because = match because {
                Because::Host => "the host more exactly",
                Because::Path => "the path more exactly, or by a pattern that stands before",
                Because::Further => "for more",
                Because::Order => "for as much, and stands before it",
            };
            format!("behind: {label} fits, too, but the one that is taken asks {because}")
        }
        Standing::Misfit(Misfit::Host) => format!("not {label}: it is for other hosts"),
        Standing::Misfit(Misfit::Path) => format!("not {label}: it is for other paths"),
        Standing::Misfit(Misfit::Further(condition)) => format!("not {label}: it asks for {condition}"),
    })
}

/// Does it listen at this port, wherever?
fn is_at(listener: &ListenerSettings, port: u16) -> bool {
    listener.addresses().any(|address| address.ip().is_some_and(|address| address.port() == port))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Config;

    const FILE: &str = r#"
[[listener]]
name = "web"
bind = "127.0.0.1:8080"
backends = "app"

[[listener.route]]
name = "api"
path_prefix = "/api"
backends = "app"
strip_prefix = true

[[listener.route]]
path_prefix = "/api"
header = { X-Beta = true }
redirect = "https://{host}{uri}"

[[listener.route]]
host = "other.example"
respond = { status = 204 }

[[listener]]
name = "sni"
bind = "127.0.0.1:8443"
protocol = "tcp"

[[listener.route]]
host = "*.example.org"
backends = "app"

[[backend_set]]
name = "app"
servers = ["127.0.0.1:9001"]
"#;

    #[track_caller]
    fn check(question: &str, fields: &[&str], expect: &[&str]) {
        let config = Config::parse("test.toml", FILE).expect("good");
        let fields: Vec<_> = fields.iter().map(|field| (*field).to_owned()).collect();
        let question = Question::parse(question, &fields).expect("a question");
        let told = explain(&config.settings, &question).expect("a listener");
        assert_eq!(told, expect);
    }

    #[test]
    fn who_has_to_say_who_he_is_is_told() {
        let text = FILE.replacen(
            "strip_prefix = true",
            "auth = { users = { a = \"$apr1$8sFt66rZ$BrHPM5iNPxsOeHS2m2bIJ.\" } }",
            1,
        );
        let config = Config::parse("test.toml", &text).expect("good");
        let question = Question::parse("GET http://a.example:8080/api", &[]).expect("a question");
        let told = explain(&config.settings, &question).expect("a listener");
        assert_eq!(
            told[2], "  without credentials, refused with 401: Basic realm=\"restricted\", charset=\"UTF-8\"",
            "{told:?}"
        );
    }

    #[test]
    fn the_way_is_told_and_why_it_is_no_other() {
        let web = "listener \"web\" at 127.0.0.1:8080";
        let other = "  not [other.example *]: it is for other hosts";
        check(
            "GET http://a.example:8080/api/x?y",
            &[],
            &[
                web,
                "  route \"api\" [* /api]: to backend set \"app\", as /x?y",
                "  not [* /api, header X-Beta there]: it asks for header X-Beta there",
                other,
            ],
        );
        check(
            "GET http://a.example:8080/api/x?y",
            &["X-Beta: 1"],
            &[
                web,
                "  route [* /api, header X-Beta there]: redirected with 302 to https://a.example/api/x?y",
                "  behind: \"api\" [* /api] fits, too, but the one that is taken asks for more",
                other,
            ],
        );
        let elsewhere = "no listener speaks http at port 80; at the others it would go so:";
        let paths = [
            "  not \"api\" [* /api]: it is for other paths",
            "  not [* /api, header X-Beta there]: it is for other paths",
        ];
        check(
            "POST http://a.example/",
            &[],
            &[elsewhere, web, "  no route: to backend set \"app\"", paths[0], paths[1], other],
        );
        check(
            "GET http://a.example:8080/x/..%2fapi",
            &[],
            &[web, "  refused with 400: servers read such a path differently"],
        );
    }

    #[test]
    fn what_stands_in_the_way_is_told() {
        let file = FILE.replace(
            "backends = \"app\"\n\n[[listener.route]]\nname = \"api\"",
            "backends = \"app\"\nallow = [\"10.0.0.0/8\"]\nrate_limit = { rate = \"5/s\" }\n\n[[listener.route]]\nname = \"api\"\n\
             body_bytes_max = 1000\ndeny = [\"10.0.0.7\"]",
        );
        let config = Config::parse("test.toml", &file).unwrap_or_else(|error| panic!("{}", error.render(100, false)));
        let question = Question::parse("GET http://a.example:8080/api/x", &[]).expect("a question");
        let told = explain(&config.settings, &question).expect("a listener").join("\n");
        for line in [
            "  unless it is let in by address (`allow`), refused with 403\n",
            "  where its address is kept out (`deny`), refused with 403\n",
            "  where more than 5 a second come of one client, refused with 429\n",
            "  with more than 1000 bytes of body, refused with 413\n",
        ] {
            assert!(told.contains(line), "{line:?} in {told}");
        }
    }

    #[test]
    fn how_much_a_set_takes_at_once_is_told() {
        let config = Config::parse("test.toml", &format!("{FILE}limits = {{ requests_max = 70 }}\n")).expect("good");
        let told = |question: &str| {
            let question = Question::parse(question, &[]).expect("a question");
            explain(&config.settings, &question).expect("a listener")[2].clone()
        };
        let full = "  where 70 of backend set \"app\" are under way already (`requests_max`), ";
        assert_eq!(told("GET http://a.example:8080/api/x"), format!("{full}refused with 503"));
        assert_eq!(told("tls://a.example.org:8443"), format!("{full}the connection is reset"));
        assert_eq!(told("GET http://other.example:8080/"), "  not \"api\" [* /api]: it is for other paths");
    }

    #[test]
    fn without_routes_a_path_is_passed_on_as_it_is() {
        let file = "[[listener]]\nname = \"web\"\nbind = \"127.0.0.1:8080\"\nbackends = \"app\"\n\
                    [[backend_set]]\nname = \"app\"\nservers = [\"127.0.0.1:9001\"]\n";
        let config = Config::parse("test.toml", file).expect("good");
        let question = Question::parse("GET http://a.example:8080/x/..%2fapi", &[]).expect("a question");
        let told = explain(&config.settings, &question).expect("a listener");
        assert_eq!(told[1..], ["  no routes: to backend set \"app\""]);
    }

    #[test]
    fn a_connection_goes_by_the_name_it_asks_for() {
        let sni = "listener \"sni\" at 127.0.0.1:8443";
        check("tls://a.example.org:8443", &[], &[sni, "  route [*.example.org *]: to backend set \"app\""]);
        let reset = "  no route: the connection is reset";
        let other = "  not [*.example.org *]: it is for other hosts";
        check("tls://example.org:8443", &[], &[sni, reset, other]);
        check("tls://:8443", &[], &[sni, reset, other]);
        let elsewhere = "no listener speaks tcp at port 443; at the others it would go so:";
        check("tls://example.org", &[], &[elsewhere, sni, reset, other]);
    }

    #[test]
    fn what_is_no_question_is_named() {
        let error = |text: &str, field: &str| Question::parse(text, &[field.to_owned()]).unwrap_err().to_string();
        assert!(error("a.example/x", "A: b").contains("write a method and a URL"));
        let asked = |text: &str| Question::parse(text, &[]).expect("a question").said;
        assert_eq!(asked("http://a/"), asked("GET http://a/"));
        assert!(error("GET ftp://a/", "A: b").contains("write a method and a URL"));
        assert!(error("GET http://a/", "A").contains("Name: value"));
        assert!(error("tls://a b:1", "A: b").contains("tls://example.org:443"));
        assert!(error("tls://a", "A: b").contains("no header fields"));
        let config = Config::parse("test.toml", FILE).expect("good");
        let question = Question::parse("GET https://a/", &[]).expect("a question");
        assert!(explain(&config.settings, &question).unwrap_err().to_string().contains("no listener speaks https"));
    }
}
