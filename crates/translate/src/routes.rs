//! Rules in their order, as routes: the first that fits decides, and what changes a request holds for all rules behind it.

use crate::TranslateError;
use crate::condition::{Matches, Path};
use crate::document::{Table, Value};
use crate::edit::Edit;
use crate::notes::Notes;
use crate::order::settled;
use crate::pattern::with_groups;

/// Routes one listener may come to.
const ROUTES_MAX: usize = 1000;
/// How many conditions may lie within one another.
const DEPTH_MAX: usize = 12;

/// One rule.
#[derive(Clone, Debug)]
pub(crate) struct Rule {
    pub(crate) line: usize,
    pub(crate) what: String,
    pub(crate) clause: Clause,
    pub(crate) action: Action,
}

/// When a rule holds.
#[derive(Clone, Debug, Default)]
pub(crate) struct Clause {
    pub(crate) matches: Matches,
    /// Each of these must not hold: none of its alternatives.
    pub(crate) not: Vec<Vec<Matches>>,
    /// Where the client has to be from; `false`: where not.
    pub(crate) sources: Option<(bool, Vec<String>)>,
}

/// What a rule does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// It goes to this set.
    Set(String),
    /// It is answered.
    Answer(Answer),
    /// The connection is closed as soon as it comes in.
    Close,
    /// It is changed, and the next rule is asked.
    Edit(Edit),
    /// It is changed before something is done with it.
    With(Vec<Edit>, Box<Action>),
}

/// An answer of the balancer's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// With `keeps_query` the query that came stands behind it.
    Redirect {
        to: String,
        status: u16,
        keeps_query: bool,
    },
    Respond {
        status: u16,
        text: String,
        content_type: Option<String>,
    },
}

/// Where rules are followed: for which requests, and what was changed so far.
#[derive(Clone, Debug, Default)]
struct Region {
    matches: Matches,
    edits: Vec<Edit>,
}

/// The routes of a listener while they are made.
pub(crate) struct Routes<'r> {
    /// Rules behind a set: what it does to what comes to it.
    pub(crate) behind: &'r dyn Fn(&str) -> Vec<Rule>,
    /// Where no rule decides.
    pub(crate) default: Action,
    pub(crate) notes: &'r mut Notes,
    made: Vec<Made>,
}

/// One route: of which line, for which requests, and what is done.
#[derive(Clone, Debug, PartialEq)]
struct Made {
    line: usize,
    matches: Matches,
    action: Action,
    edits: Vec<Edit>,
}

impl<'r> Routes<'r> {
    pub(crate) fn new(behind: &'r dyn Fn(&str) -> Vec<Rule>, default: Action, notes: &'r mut Notes) -> Self {
        Self { behind, default, notes, made: Vec::new() }
    }

    /// Writes what the rules come to into `listener`.
    pub(crate) fn write(mut self, rules: &[Rule], listener: &mut Table) -> Result<(), TranslateError> {
        let mut rest = Vec::new();
        for rule in rules {
            match (&rule.action, rule.is_for_all(), &rule.clause.sources) {
                (Action::Edit(edit), true, None) if edit.is_of_listeners() => edit.write(listener),
                (Action::Close, _, Some((inside, networks))) if rule.is_guard() => {
                    Edit::Sources { allowed: !inside, networks: networks.clone() }.write(listener);
                }
                _ => rest.push(rule.clone()),
            }
        }
        self.follow(&rest, Region::default(), listener.line, 0)?;
        let made = self.made.into_iter().map(|made| (made.matches.clone(), made)).collect();
        let settled =
            settled(made).filter(|routes| routes.len() <= ROUTES_MAX).ok_or(TranslateError::Routes(ROUTES_MAX))?;
        if settled.iter().any(|route| route.matches.is_any()) {
            // Nothing would be left for it.
            listener.remove("backends");
        }
        for mut route in settled {
            if !route.what.action.has_its_groups(&route.matches) {
                let why = "what its groups found is not known for a part of its paths: these get a 501";
                self.notes.missing(route.what.line, "a redirect by groups", why);
                route.what.action =
                    Action::Answer(Answer::Respond { status: 501, text: String::new(), content_type: None });
            }
            listener.push("route", route.what.route(&route.matches));
        }
        Ok(())
    }

    /// All rules from here on, and the default behind them.
    fn follow(&mut self, rules: &[Rule], mut region: Region, line: usize, depth: usize) -> Result<(), TranslateError> {
        if self.made.len() > ROUTES_MAX || depth > DEPTH_MAX {
            return Err(TranslateError::Routes(ROUTES_MAX));
        }
        for (at, rule) in rules.iter().enumerate() {
            let behind = &rules[at + 1..];
            if rule.action == Action::Close {
                self.notes.missing(
                    rule.line,
                    &rule.what,
                    "connections are refused by their address, and by nothing else",
                );
                continue;
            }
            let Some(inner) = self.inner(rule, &region) else { continue };
            let inside = Region { matches: inner, edits: region.edits.clone() };
            self.outside(rule, behind, &inside, depth)?;
            let is_all = inside.matches == region.matches;
            match (&rule.action, guard(rule)) {
                (_, Some(edit)) => self.change(edit, behind, inside, &mut region, rule.line, depth)?,
                (Action::Edit(edit), None) => {
                    self.change(edit.clone(), behind, inside, &mut region, rule.line, depth)?;
                    continue;
                }
                (action, None) => self.decide(&action.clone(), inside, rule.line, depth)?,
            }
            if is_all && guard(rule).is_none() {
                return Ok(());
            }
        }
        if depth == 0 && region.edits.is_empty() && !self.needs_a_route() {
            return Ok(());
        }
        self.decide(&self.default.clone(), region, line, depth)
    }

    /// Is the default more than a name at the listener?
    fn needs_a_route(&self) -> bool {
        match &self.default {
            Action::Set(set) => !(self.behind)(set).is_empty(),
            // What no route fits gets a 404 anyway.
            Action::Answer(Answer::Respond { status: 404, text, .. }) => !text.is_empty() || self.made.is_empty(),
            _ => true,
        }
    }

    /// For which requests of the region the rule is.
    fn inner(&mut self, rule: &Rule, region: &Region) -> Option<Matches> {
        match region.matches.and(&rule.clause.matches) {
            Ok(inner) => inner,
            Err(why) => {
                self.notes.missing(rule.line, &rule.what, why);
                None
            }
        }
    }

    /// What a rule leaves out of its own requests goes on as if it were not there.
    fn outside(&mut self, rule: &Rule, behind: &[Rule], inside: &Region, depth: usize) -> Result<(), TranslateError> {
        for left_out in alternatives(&rule.clause.not) {
            match inside.matches.and(&left_out) {
                Ok(Some(matches)) => {
                    self.follow(behind, Region { matches, edits: inside.edits.clone() }, rule.line, depth + 1)?;
                }
                Ok(None) => {}
                Err(why) => self.notes.missing(rule.line, &rule.what, why),
            }
        }
        Ok(())
    }

    /// A change holds for the rest of the rules, within its requests.
    fn change(
        &mut self,
        edit: Edit,
        behind: &[Rule],
        mut inside: Region,
        region: &mut Region,
        line: usize,
        depth: usize,
    ) -> Result<(), TranslateError> {
        if let Some(why) = edit.clashes(&inside.edits) {
            if !why.is_empty() {
                self.notes.missing(line, edit.to_string(), why);
            }
            return Ok(());
        }
        let is_list = |edit: &Edit| matches!(edit, Edit::Sources { allowed: true, .. });
        if is_list(&edit) && inside.edits.iter().any(|known| is_list(known) && *known != edit) {
            self.notes.missing(line, "the second list of who may ask", "a request asks one list: write what both have");
            return Ok(());
        }
        if inside.matches == region.matches {
            region.edits.push(edit);
            return Ok(());
        }
        inside.edits.push(edit);
        self.follow(behind, inside, line, depth + 1)
    }

    fn decide(&mut self, action: &Action, region: Region, line: usize, depth: usize) -> Result<(), TranslateError> {
        if let Action::Set(set) = action {
            let rules = (self.behind)(set);
            if !rules.is_empty() {
                let none: &dyn Fn(&str) -> Vec<Rule> = &|_| Vec::new();
                let mut below = Routes::new(none, action.clone(), self.notes);
                below.follow(&rules, region, line, depth + 1)?;
                let made = std::mem::take(&mut below.made);
                self.made.extend(made);
                return Ok(());
            }
        }
        self.made.push(Made { line, matches: region.matches, action: action.clone(), edits: region.edits });
        Ok(())
    }
}

/// All of them; those that ask for a method and nothing else are one.
fn alternatives(not: &[Vec<Matches>]) -> Vec<Matches> {
    let is_method = |matches: &&Matches| Matches { methods: Vec::new(), ..(*matches).clone() }.is_any();
    let (methods, mut all): (Vec<&Matches>, Vec<&Matches>) = not.iter().flatten().partition(is_method);
    let methods: Vec<String> = methods.iter().flat_map(|matches| matches.methods.clone()).collect();
    let joined = Matches { methods, ..Matches::default() };
    if !joined.is_any() {
        all.push(&joined);
    }
    all.into_iter().cloned().collect()
}

impl Made {
    fn route(&self, matches: &Matches) -> Table {
        let mut route = Table::at(self.line);
        matches.write(&mut route);
        let (edits, action) = match &self.action {
            Action::With(edits, action) => ([self.edits.as_slice(), edits].concat(), action.as_ref()),
            action => (self.edits.clone(), action),
        };
        action.write(&mut route);
        let passed_on = matches!(action, Action::Set(_));
        let edits = edits.iter().filter(|edit| passed_on || edit.is_for_listeners());
        edits.for_each(|edit| edit.at(matches.path.as_ref()).write(&mut route));
        route
    }
}

/// A refusal by address is a condition on whoever asks.
fn guard(rule: &Rule) -> Option<Edit> {
    match (&rule.action, &rule.clause.sources) {
        (Action::Answer(answer), Some((inside, networks))) if answer.is_refusal() => {
            Some(Edit::Sources { allowed: !inside, networks: networks.clone() })
        }
        _ => None,
    }
}

impl Rule {
    /// Does it change a field of every request, or of every response?
    pub(crate) fn is_field_for_all(&self) -> bool {
        self.is_for_all() && matches!(self.action, Action::Edit(Edit::Field { .. }))
    }

    fn is_for_all(&self) -> bool {
        self.is_guard() && self.clause.sources.is_none()
    }

    /// Is it about where a client comes from, and about nothing else?
    fn is_guard(&self) -> bool {
        self.clause.matches.is_any() && self.clause.not.is_empty()
    }
}

impl Answer {
    fn is_refusal(&self) -> bool {
        matches!(self, Self::Respond { status: 403, .. })
    }
}

impl Action {
    /// A redirect may name groups (`{1}`) of the pattern of its own route, and of no other.
    fn has_its_groups(&self, matches: &Matches) -> bool {
        match (self, &matches.path) {
            (Self::With(_, action), _) => action.has_its_groups(matches),
            (Self::Answer(Answer::Redirect { to, .. }), path) => {
                let pattern = match path {
                    Some(Path::Regex(pattern)) => pattern,
                    _ => "",
                };
                with_groups(pattern, to.clone()).is_ok()
            }
            _ => true,
        }
    }

    /// Says it in a route.
    pub(crate) fn write(&self, route: &mut Table) {
        match self {
            Self::Set(set) => route.put("backends", set.clone()),
            Self::Answer(Answer::Redirect { to, status, keeps_query }) => {
                let to = if *keeps_query { to.clone() } else { without_query(to) };
                if *status == 302 {
                    return route.put("redirect", to);
                }
                let parts = vec![("to".to_owned(), to.into()), ("status".to_owned(), u64::from(*status).into())];
                route.put("redirect", Value::Inline(parts));
            }
            Self::Answer(Answer::Respond { status, text, content_type }) => {
                let mut parts = vec![("status".to_owned(), u64::from(*status).into())];
                if !text.is_empty() {
                    parts.push(("text".to_owned(), text.clone().into()));
                }
                parts.extend(content_type.iter().map(|kind| ("content_type".to_owned(), kind.clone().into())));
                route.put("respond", Value::Inline(parts));
            }
            Self::Close => {}
            Self::Edit(edit) => edit.write(route),
            Self::With(edits, action) => {
                action.write(route);
                edits.iter().for_each(|edit| edit.write(route));
            }
        }
    }
}

/// Where a target says nothing of the query it is not meant to be kept, which a question mark at its end says here.
fn without_query(to: &str) -> String {
    let says = ["?", "#", "{query}", "{uri}"].iter().any(|word| to.contains(word));
    if says { to.to_owned() } else { format!("{to}?") }
}
