//! Answers that `return` and `rewrite` give: redirects above all.

use super::place::Place;
use super::scope::Scope;
use super::tree::Directive;
use super::variables::template;
use crate::condition::{Matches, Path};
use crate::pattern::{checked, with_groups};
use crate::routes::{Action, Answer, Clause, Rule};

impl Place<'_, '_> {
    /// A `rewrite` that redirects what its pattern finds; what goes on with another path is told, where nothing is made of it.
    pub(super) fn moved(&mut self, one: &Directive, clause: &Clause) -> Option<Rule> {
        let Some(status) = redirects(one) else {
            if one.arg(2) != "break" {
                let why = "locations are not asked anew: only `break`, `permanent` and `redirect` have a counterpart";
                self.notes.missing(one.line, one.text(), why);
            }
            return None;
        };
        if is_whole(one.arg(0)) {
            return None;
        }
        let made = checked(one.arg(0), false).and_then(|pattern| {
            let to = leading(with_groups(&pattern, self.with_references(one.arg(1))?)?)?;
            let found = Matches::path(Path::Regex(pattern));
            let both = clause.matches.and(&found)?.unwrap_or_else(|| found.clone());
            // A target that names groups needs the very pattern that found them.
            match both.path == found.path || !to.contains("{1}") {
                true => Ok((both, to)),
                false => Err("a redirect by groups within a place of its own".to_owned()),
            }
        });
        match made {
            Ok((matches, to)) => {
                let to = self.with_its_query(one, to);
                let answer = Answer::Redirect { to, status, keeps_query: true };
                Some(rule(one, Clause { matches, ..clause.clone() }, Action::Answer(answer)))
            }
            Err(why) => {
                self.notes.missing(one.line, one.text(), why);
                None
            }
        }
    }

    /// `?` at its end keeps the query off, here as there; behind another one it need not be said here.
    fn with_its_query(&mut self, one: &Directive, to: String) -> String {
        match to.strip_suffix('?') {
            Some(said) => {
                if said.contains('?') {
                    said.to_owned()
                } else {
                    to
                }
            }
            None => {
                if to.contains('?') {
                    let why = "the query that came is not added to that of the target";
                    self.notes.detail(one.line, one.text(), why);
                }
                to
            }
        }
    }

    /// `$1` and variables, as ours.
    fn with_references(&self, to: &str) -> Result<String, String> {
        const MARK: char = '\u{1}';
        let mut marked = String::new();
        let mut chars = to.chars().peekable();
        while let Some(char) = chars.next() {
            let is_group = char == '$' && chars.peek().is_some_and(char::is_ascii_digit);
            marked.push(if is_group { MARK } else { char });
        }
        let mut ours = String::new();
        let mut chars = template(&marked, &self.known)?.chars().collect::<Vec<_>>().into_iter();
        while let Some(char) = chars.next() {
            match char {
                MARK => ours += &format!("{{{}}}", chars.next().unwrap_or('0')),
                char => ours.push(char),
            }
        }
        Ok(ours)
    }

    /// `return`, or a `rewrite` that is a redirect; `None` for anything else.
    pub(super) fn answer(&self, one: &Directive, scope: &Scope<'_>) -> Option<Result<Answer, String>> {
        match one.name.as_str() {
            "return" => Some(self.returned(one, scope)),
            "rewrite" if is_whole(one.arg(0)) => {
                let status = redirects(one)?;
                Some(self.rewritten(one).map(|to| Answer::Redirect { to, status, keeps_query: false }))
            }
            _ => None,
        }
    }

    fn returned(&self, one: &Directive, scope: &Scope<'_>) -> Result<Answer, String> {
        let Ok(status) = one.arg(0).parse::<u16>() else {
            return Ok(Answer::Redirect {
                to: leading(template(one.arg(0), &self.known)?)?,
                status: 302,
                keeps_query: false,
            });
        };
        // It is said of all of them at once that they are answered.
        let status = if status == 444 { 403 } else { status };
        let text = one.arg(1);
        if status == 303 {
            return Err("a redirect is 301, 302, 307 or 308".to_owned());
        }
        if [301, 302, 307, 308].contains(&status) && !text.is_empty() {
            return Ok(Answer::Redirect { to: leading(template(text, &self.known)?)?, status, keeps_query: false });
        }
        if text.contains('$') {
            return Err("an answer with variables".to_owned());
        }
        let content_type = scope.arg("default_type").filter(|kind| !text.is_empty() && kind.contains('/'));
        let content_type = content_type.map(str::to_owned);
        Ok(Answer::Respond { status, text: text.to_owned(), content_type })
    }

    /// Where a `rewrite` redirects to: what it found of the path can be the whole path only.
    fn rewritten(&self, one: &Directive) -> Result<String, String> {
        let to = one.arg(1).trim_end_matches('?');
        let path = if one.arg(0).starts_with("^/") {
            to.replace("/$1", "$uri$is_args$args")
        } else {
            to.replace("$1", "$uri$is_args$args")
        };
        leading(template(&path, &self.known)?)
    }
}

/// With which status a `rewrite` redirects, if it does.
pub(super) fn redirects(one: &Directive) -> Option<u16> {
    match one.arg(2) {
        "permanent" => Some(301),
        "redirect" => Some(302),
        _ if one.arg(1).contains("://") || one.arg(1).starts_with("$scheme") => Some(302),
        _ => None,
    }
}

/// Does the pattern find every path, as a whole?
fn is_whole(pattern: &str) -> bool {
    ["^(.*)$", "^(.*)", "(.*)", "^", "^.*$", "^.*", ".*", "^/(.*)$", "^/(.*)"].contains(&pattern)
}

/// A redirect leads to an address, or to a path.
fn leading(to: String) -> Result<String, String> {
    let leads = to.starts_with(['/', '{']) || to.contains("://");
    if leads { Ok(to) } else { Err("a redirect leads to an address, or to a path".to_owned()) }
}

/// The rule of a directive.
pub(super) fn rule(from: &Directive, clause: Clause, action: Action) -> Rule {
    Rule { line: from.line, what: from.text(), clause, action }
}
