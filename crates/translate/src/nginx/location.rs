//! `location` blocks, as rules in the order in which nginx tries them.

use super::place::Place;
use super::question::{Asked, asked};
use super::redirect::{redirects, rule};
use super::scope::Scope;
use super::target::Target;
use super::tree::Directive;
use super::variables::{Known, template};
use crate::condition::{Matches, Path};
use crate::edit::Edit;
use crate::pattern::{checked, with_groups};
use crate::routes::{Action, Answer, Clause, Rule};

/// What serves files: nothing here does.
const FILES: &[&str] = &["root", "alias", "try_files", "index", "autoindex"];
/// Other servers than those of HTTP.
pub(crate) const FOREIGN: &[&str] = &["fastcgi_pass", "uwsgi_pass", "scgi_pass", "grpc_pass", "memcached_pass"];

/// A location, for what it is asked, and what holds there.
struct Located<'t> {
    kind: Kind,
    /// What it is for, with what the locations around it ask.
    matches: Matches,
    block: &'t Directive,
    scope: Scope<'t>,
}

/// How a location is found.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    Exact(String),
    /// With `^~`: patterns are not asked any more.
    Strong(String),
    Regex(String, bool),
    Prefix(String),
}

impl Place<'_, '_> {
    /// All rules of a `server` block, the most particular first.
    pub(crate) fn server_rules(&mut self, server: &Directive, scope: &Scope<'_>) -> Vec<Rule> {
        let mut rules = self.block_rules(server, scope, &Matches::default());
        let decided = rules.iter().any(|rule| rule.clause.matches.is_any() && rule.clause.not.is_empty());
        if decided {
            return rules;
        }
        let mut located = Vec::new();
        self.locations(server, scope, &Matches::default(), &mut located);
        self.put_in_order(&mut located);
        rules.extend(located.iter().filter_map(|one| one.with_a_slash(&located)));
        for one in located {
            rules.extend(self.block_rules(one.block, &one.scope, &one.matches));
        }
        rules
    }

    /// Locations, and those within them.
    fn locations<'t>(
        &mut self,
        block: &'t Directive,
        scope: &Scope<'t>,
        around: &Matches,
        found: &mut Vec<Located<'t>>,
    ) {
        for block in block.inner().iter().filter(|one| one.name == "location" && !one.arg(0).starts_with('@')) {
            let (kind, scope) = (Kind::parse(block), scope.within(block.inner()));
            match kind.matches().and_then(|matches| matches.and(around)) {
                Ok(Some(matches)) => {
                    found.push(Located { kind, matches: matches.clone(), block, scope: scope.clone() });
                    self.locations(block, &scope, &matches, found);
                }
                Ok(None) => self.notes.missing(block.line, block.text(), "no request comes here"),
                // Which requests it is for is not known, so that nobody can be kept out of it.
                Err(why) if guards(block) => self.notes.opened(block.line, block.text(), why),
                Err(why) => {
                    let why = format!("{why}: what it is for goes by the other locations");
                    self.notes.missing(block.line, block.text(), why);
                }
            }
        }
    }

    /// Exact paths first, then prefixes that stand above patterns, patterns in their order, the longest prefix.
    fn put_in_order(&mut self, located: &mut [Located<'_>]) {
        let strong = located.iter().filter_map(|one| one.kind.strong()).map(str::to_owned).collect::<Vec<_>>();
        let has_patterns = located.iter().any(|one| matches!(one.kind, Kind::Regex(..)));
        let is_within = |kind: &Kind| match kind {
            Kind::Prefix(prefix) => strong.iter().any(|strong| prefix.starts_with(strong)),
            _ => false,
        };
        for one in located.iter().filter(|one| has_patterns && is_within(&one.kind)) {
            let why = "below a location with `^~` patterns are not asked, here neither: write `^~` to say so";
            self.notes.missing(one.block.line, one.block.text(), why);
        }
        located.sort_by_key(|one| match &one.kind {
            Kind::Exact(_) => (0, 0),
            Kind::Strong(prefix) => (1, usize::MAX - prefix.len()),
            Kind::Prefix(prefix) if is_within(&one.kind) => (1, usize::MAX - prefix.len()),
            Kind::Regex(..) => (2, 0),
            Kind::Prefix(prefix) => (3, usize::MAX - prefix.len()),
        });
    }

    /// What a `server` or a `location` does with the requests that come to it.
    fn block_rules(&mut self, block: &Directive, scope: &Scope<'_>, matches: &Matches) -> Vec<Rule> {
        let mut rules = Vec::new();
        for one in block.inner().iter().filter(|one| one.name == "if") {
            rules.extend(self.if_rule(one, scope, matches));
        }
        for one in block.inner().iter().filter(|one| one.name == "rewrite") {
            rules.extend(self.moved(one, &Clause { matches: matches.clone(), ..Clause::default() }));
        }
        match self.action(block, scope, matches) {
            Ok(Some(action)) => {
                rules.push(rule(block, Clause { matches: matches.clone(), ..Clause::default() }, action))
            }
            Ok(None) => {}
            Err((line, what, why)) => {
                let answer = instead(&why);
                self.notes.missing(line, what, format!("{why}: what comes here gets a {}", answer.0));
                rules.push(rule(block, Clause { matches: matches.clone(), ..Clause::default() }, answer.1));
            }
        }
        rules
    }

    fn if_rule(&mut self, one: &Directive, scope: &Scope<'_>, matches: &Matches) -> Option<Rule> {
        let clause = match asked(&one.args, self.tls) {
            Ok(Asked::Known(false)) => return None,
            Ok(Asked::Known(true)) => Ok(Clause::default()),
            Ok(Asked::When(clause)) => Ok(*clause),
            Err(why) => Err(why),
        };
        let both = clause.and_then(|clause| Ok((clause.matches.and(matches)?, clause)));
        let clause = match both {
            Ok((both, clause)) => Clause { matches: both?, ..clause },
            Err(why) => {
                let open = if guards(one) { ": nobody is kept out by it here" } else { "" };
                self.notes.missing(one.line, one.text(), format!("{why}{open}"));
                return None;
            }
        };
        let answer = one.inner().iter().find_map(|inner| self.answer(inner, scope));
        let is_alone = one.inner().iter().all(|inner| ["return", "rewrite"].contains(&inner.name.as_str()));
        match answer {
            Some(Ok(answer)) if is_alone => Some(rule(one, clause, Action::Answer(answer))),
            _ => {
                let open = if guards(one) { ": nobody is kept out by it here" } else { "" };
                let why = format!("only an `if` that answers (`return`) has a counterpart{open}");
                self.notes.missing(one.line, one.text(), why);
                None
            }
        }
    }

    fn action(&mut self, block: &Directive, scope: &Scope<'_>, matches: &Matches) -> Result<Option<Action>, Missing> {
        let missing = |one: &Directive, why: &str| (one.line, one.text(), why.to_owned());
        for one in block.inner() {
            if let Some(answer) = self.answer(one, scope) {
                let answer = answer.map_err(|why| missing(one, &why))?;
                let edits = self.edits(scope, None);
                return Ok(Some(with(edits, Action::Answer(answer))));
            }
            if FOREIGN.contains(&one.name.as_str()) {
                return Err(missing(one, "only HTTP is spoken to servers"));
            }
            // No request is sent on within the balancer, so that none may ever come here.
            if one.name == "internal" {
                return Ok(Some(Action::Answer(nothing(404))));
            }
            if one.name == "stub_status" {
                return Err(missing(one, super::status::APART));
            }
        }
        if let Some((named, scope)) = self.tried_last(block, scope) {
            return self.action(named, &scope, matches);
        }
        let Some(pass) = block.inner().iter().find(|one| one.name == "proxy_pass") else {
            return self.of_files(block, scope);
        };
        if let Some(one) = asks_others(scope) {
            return Err(missing(one, "nobody else is asked who may come in (see `auth`)"));
        }
        let target = Target::parse(pass.arg(0)).map_err(|why| missing(pass, &why))?;
        if !self.sets.has_server(&target.host, target.tls) {
            return Err(missing(pass, "this names no server"));
        }
        self.known.proxy_host.clone_from(&target.proxy_host);
        let mut edits = self.edits(scope, Some(&target));
        edits.extend(self.path_edits(block, &target, matches).map_err(|why| missing(pass, &why))?);
        let set = self.sets.for_target(&target, pass.line, scope, self.notes);
        Ok(Some(with(edits, Action::Set(set))))
    }

    /// A place that would serve files: nobody is let in, or nothing is there.
    fn of_files(&mut self, block: &Directive, scope: &Scope<'_>) -> Result<Option<Action>, Missing> {
        let first = scope.any(&["allow", "deny"]).first().copied();
        if first.is_some_and(|one| one.name == "deny" && one.arg(0) == "all") {
            let refusal = Answer::Respond { status: 403, text: String::new(), content_type: None };
            return Ok(Some(with(self.edits(scope, None), Action::Answer(refusal))));
        }
        let files = block.inner().iter().find(|one| FILES.contains(&one.name.as_str()));
        match files {
            _ if block.name == "server" => Ok(None),
            Some(files) => Err((files.line, files.text(), NO_FILES.to_owned())),
            None => Err((block.line, block.text(), NO_FILES.to_owned())),
        }
    }

    /// `try_files $uri @app`: without files it is the named location that answers.
    fn tried_last<'s>(&self, block: &Directive, scope: &Scope<'s>) -> Option<(&'s Directive, Scope<'s>)> {
        let tried = block.inner().iter().find(|one| one.name == "try_files")?;
        let name = tried.args.last().filter(|name| name.starts_with('@'))?;
        scope.named_location(name)
    }

    /// What becomes of the path: a rewrite of the location's, or the URI of `proxy_pass`.
    fn path_edits(&mut self, block: &Directive, target: &Target, matches: &Matches) -> Result<Vec<Edit>, String> {
        let mut edits = Vec::new();
        for one in block.inner().iter().filter(|one| one.name == "rewrite") {
            if redirects(one).is_some() {
                continue;
            }
            if one.arg(2) == "break" {
                let to = one.arg(1).trim_end_matches('?');
                let pattern = whole(one.arg(0))?;
                let to = with_groups(&pattern, references(to)?)?;
                edits.push(Edit::Pattern { pattern, to });
            }
        }
        if !edits.is_empty() {
            return Ok(edits);
        }
        let Some(uri) = &target.uri else { return Ok(edits) };
        match &matches.path {
            Some(Path::Prefix(prefix)) if prefix == uri => {}
            Some(Path::Prefix(prefix)) => edits.push(Edit::Prefix { from: prefix.clone(), to: uri.clone() }),
            Some(Path::Exact(path)) if path == uri => {}
            Some(Path::Exact(_)) => {
                edits.push(Edit::Pattern { pattern: "^.*$".to_owned(), to: uri.replace('{', "{{").replace('}', "}}") })
            }
            _ => return Err("a path cannot become another where a pattern found it".to_owned()),
        }
        Ok(edits)
    }
}

const NO_FILES: &str = "no files are served from disk";

/// What a location answers that cannot be translated: were it left out, what it is for would go by another, whoever is kept out here.
fn instead(why: &str) -> (u16, Action) {
    let status = if [NO_FILES, super::status::APART].contains(&why) { 404 } else { 501 };
    (status, Action::Answer(nothing(status)))
}

fn nothing(status: u16) -> Answer {
    Answer::Respond { status, text: String::new(), content_type: None }
}

/// `auth_request`, or another question that nobody here asks.
fn asks_others<'t>(scope: &Scope<'t>) -> Option<&'t Directive> {
    ["auth_request", "auth_jwt"].iter().find_map(|name| scope.get(name).filter(|one| one.arg(0) != "off"))
}

/// Does it keep somebody out?
fn guards(block: &Directive) -> bool {
    block.inner().iter().any(|one| match one.name.as_str() {
        "return" => one.arg(0).starts_with('4'),
        "auth_basic" => one.arg(0) != "off",
        "allow" | "deny" | "auth_request" | "auth_jwt" | "internal" => true,
        _ => false,
    })
}

/// A line, what stands there, and why nothing becomes of it.
type Missing = (usize, String, String);

fn with(edits: Vec<Edit>, action: Action) -> Action {
    if edits.is_empty() { action } else { Action::With(edits, Box::new(action)) }
}

/// nginx replaces the whole path where the pattern fits any part of it.
fn whole(pattern: &str) -> Result<String, String> {
    let begin = if pattern.starts_with('^') { "" } else { "^.*?" };
    let end = if pattern.ends_with('$') { "" } else { ".*$" };
    checked(&format!("{begin}{pattern}{end}"), false)
}

/// `$1` is ours as `{1}`; other variables have no place in a path.
fn references(to: &str) -> Result<String, String> {
    let mut ours = String::new();
    let mut chars = to.chars().peekable();
    while let Some(char) = chars.next() {
        match (char, chars.peek()) {
            ('$', Some(digit)) if digit.is_ascii_digit() => {
                ours += &format!("{{{digit}}}");
                chars.next();
            }
            ('$', _) => return Err("a path with variables".to_owned()),
            ('{' | '}', _) => ours.extend([char, char]),
            _ => ours.push(char),
        }
    }
    Ok(ours)
}

impl Located<'_> {
    /// `location /app/` that passes on sends whoever asks for `/app` there, unless another location is for just that.
    fn with_a_slash(&self, all: &[Self]) -> Option<Rule> {
        let path = self.kind.prefix()?.strip_suffix('/').filter(|path| !path.is_empty())?;
        let is_for = |one: &Self| match &one.kind {
            Kind::Exact(known) | Kind::Strong(known) | Kind::Prefix(known) => known == path,
            Kind::Regex(..) => false,
        };
        if all.iter().any(is_for) || !self.block.inner().iter().any(|one| one.name == "proxy_pass") {
            return None;
        }
        let clause = Clause { matches: Matches::path(Path::Exact(path.to_owned())), ..Clause::default() };
        let to = template(&format!("{path}/"), &Known::default()).ok()?;
        Some(rule(self.block, clause, Action::Answer(Answer::Redirect { to, status: 301, keeps_query: true })))
    }
}

impl Kind {
    fn parse(location: &Directive) -> Self {
        let (first, second) = (location.arg(0), location.arg(1).to_owned());
        match first {
            "=" => Self::Exact(second),
            "^~" => Self::Strong(second),
            "~" => Self::Regex(second, false),
            "~*" => Self::Regex(second, true),
            _ => first.strip_prefix('=').map_or(Self::Prefix(first.to_owned()), |path| Self::Exact(path.to_owned())),
        }
    }

    fn prefix(&self) -> Option<&str> {
        match self {
            Self::Strong(prefix) | Self::Prefix(prefix) => Some(prefix),
            Self::Exact(_) | Self::Regex(..) => None,
        }
    }

    fn strong(&self) -> Option<&str> {
        self.prefix().filter(|_| matches!(self, Self::Strong(_)))
    }

    fn matches(&self) -> Result<Matches, String> {
        if let Self::Exact(path) | Self::Strong(path) | Self::Prefix(path) = self
            && !path.starts_with('/')
        {
            return Err("a path begins with a slash".to_owned());
        }
        Ok(Matches::path(match self {
            Self::Exact(path) => Path::Exact(path.clone()),
            Self::Strong(prefix) | Self::Prefix(prefix) => Path::Prefix(prefix.clone()),
            Self::Regex(pattern, ignores_case) => Path::Regex(checked(pattern, *ignores_case)?),
        }))
    }
}
