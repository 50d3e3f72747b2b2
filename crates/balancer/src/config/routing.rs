//! Routes joined with the sets they name: what only all of them together can get wrong.

use super::listener::Listener;
use super::route::Route;
use super::route_action;
use balancer_core::router::{Conditions, ErrorPages, PathPattern, shadows};
use balancer_core::{Action, BackendSetSettings, RouteRules, Router, router};
use config_file::{Mistake, Placed, nearest};
use std::collections::HashMap;
use std::ops::Range;

/// Hosts by paths of all routes of a listener.
const WAYS_MAX: usize = 200_000;

/// The sets by name, with what is read of them so far.
pub(super) struct Sets<'s> {
    /// In the order of the file; `None` where a set has no name.
    pub(super) names: Vec<Option<&'s str>>,
    /// The same, whole.
    pub(super) settings: &'s [Option<BackendSetSettings>],
}

impl Sets<'_> {
    /// The place of the set of that name.
    fn place(&self, backends: &Placed<&str>, mistakes: &mut Vec<Mistake>) -> Option<usize> {
        let place = self.names.iter().position(|name| *name == Some(backends.value));
        if place.is_none() {
            let title = format!("there is no backend set \"{}\"", backends.value);
            let known: Vec<&str> = self.names.iter().flatten().copied().collect();
            let help = match nearest(backends.value, known.iter().copied()) {
                Some(meant) => format!("did you mean \"{meant}\"?"),
                None if known.is_empty() => format!("add a `[[backend_set]]` with `name = \"{}\"`", backends.value),
                None => format!("there are: {}", known.join(", ")),
            };
            mistakes.push(Mistake::new(backends.span.clone(), title, "unknown backend set").help(help));
        }
        place
    }
}

/// The routes of a listener. `None` only where mistakes were noted.
pub(super) fn router(listener: &Listener<'_>, sets: &Sets<'_>, mistakes: &mut Vec<Mistake>) -> Option<Router> {
    let before = mistakes.len();
    check_names(&listener.routes, mistakes);
    if listener.routes.iter().all(|route| route.sound) {
        check_reach(listener, mistakes);
    }
    let errors = ErrorPages::within(&listener.errors, &ErrorPages::default());
    let otherwise = match (&listener.backends, listener.routes.is_empty()) {
        (Some(backends), _) => sets.place(backends, mistakes).map(|set| Action::Forward { set }),
        (None, false) => Some(Action::NotFound),
        (None, true) => None,
    };
    // All of them, so that each tells its mistakes.
    let routes: Vec<_> = listener.routes.iter().map(|one| route(one, listener, &errors, sets, mistakes)).collect();
    let routes: Option<Vec<_>> = routes.into_iter().collect();
    let name = if listener.routes.is_empty() { "" } else { "otherwise" };
    let otherwise = RouteRules { errors, ..RouteRules::new(name, otherwise?) };
    (mistakes.len() == before).then(|| Router::new(routes.unwrap_or_default(), otherwise))
}

fn route(
    route: &Route<'_>,
    listener: &Listener<'_>,
    errors: &ErrorPages,
    sets: &Sets<'_>,
    mistakes: &mut Vec<Mistake>,
) -> Option<router::Route> {
    let (action, rewrite) = match route.action.as_ref()? {
        route_action::Action::Forward { backends, rewrite } => {
            (Action::Forward { set: sets.place(backends, mistakes)? }, rewrite.clone())
        }
        route_action::Action::Redirect(redirect) => (Action::Redirect(redirect.clone()), None),
        route_action::Action::Respond(fixed) => (Action::Respond(fixed.clone()), None),
    };
    let set = match action {
        Action::Forward { set } => sets.settings[set].as_ref(),
        _ => None,
    };
    let rules = RouteRules {
        rewrite,
        client_timeouts: route.timeouts.client(&listener.timeouts),
        server_timeouts: set.and_then(|set| route.timeouts.server(&set.timeouts)),
        errors: ErrorPages::within(&route.errors, errors),
        treatment: route.treatment.clone(),
        ..RouteRules::new(&name(route), action)
    };
    Some(router::Route { conditions: route.conditions.clone(), rules })
}

/// As reports call it: by its name, or by what it asks.
fn name(route: &Route<'_>) -> String {
    route.name.as_ref().map_or_else(|| route.conditions.to_string(), |name| name.value.to_owned())
}

/// Names tell routes apart in reports.
fn check_names(routes: &[Route<'_>], mistakes: &mut Vec<Mistake>) {
    let mut seen: HashMap<&str, Range<usize>> = HashMap::new();
    for name in routes.iter().filter_map(|route| route.name.as_ref()) {
        if let Some(first) = seen.get(name.value) {
            let title = format!("two routes of a listener are named \"{}\"", name.value);
            let mistake = Mistake::new(name.span.clone(), title, "again here").other(first.clone(), "first here");
            mistakes.push(mistake.help("names tell them apart in reports: choose another, or leave it out"));
        }
        seen.entry(name.value).or_insert(name.span.clone());
    }
}

/// Whatever is written must be reached by some request.
fn check_reach(listener: &Listener<'_>, mistakes: &mut Vec<Mistake>) {
    let asks: Vec<Conditions> = listener.routes.iter().map(|route| route.conditions.clone()).collect();
    let ways = asks.iter().map(|one| one.hosts.len().max(1) * one.paths.len().max(1)).sum::<usize>();
    if ways > WAYS_MAX {
        let title = format!("{ways} pairs of a host and a path: a listener may have {WAYS_MAX}");
        let span = listener.routes.last().map_or(0..0, |route| route.span.clone());
        return mistakes.push(Mistake::new(span, title, "with this route").help("split its lists, or use a wildcard"));
    }
    for shadow in shadows(&asks) {
        let place = &listener.routes[shadow.route].span;
        let of = words(&asks[shadow.route], shadow.host, shadow.path);
        if shadow.by == shadow.route {
            mistakes.push(Mistake::new(place.clone(), format!("this route says {of} twice"), "in this section"));
            continue;
        }
        let mistake = Mistake::new(place.clone(), format!("no request goes by this route: {of}"), "never reached");
        let mistake = mistake.other(listener.routes[shadow.by].span.clone(), "this one is taken before it");
        mistakes.push(mistake.help("let it ask for something else, or leave it out; `--explain` shows the order"));
    }
    let everything = listener.routes.iter().find(|route| takes_everything(&route.conditions));
    if let (Some(backends), Some(route)) = (&listener.backends, everything) {
        let title = "no request goes to `backends`: a route takes everything";
        let mistake = Mistake::new(backends.span.clone(), title, "never reached").other(route.span.clone(), "this one");
        mistakes.push(mistake.help("leave `backends` out, or let the route ask for something"));
    }
}

fn words(asks: &Conditions, host: Option<usize>, path: Option<usize>) -> String {
    let host = host.map_or_else(|| "any host".to_owned(), |at| format!("host {}", asks.hosts[at]));
    let path = path.map_or_else(
        || "any path".to_owned(),
        |at| match &asks.paths[at] {
            PathPattern::Exact(path) => format!("path {path}"),
            PathPattern::Prefix(prefix) => format!("path_prefix {prefix}"),
            PathPattern::Pattern(pattern) => format!("path_regex {}", pattern.as_str()),
        },
    );
    format!("{host}, {path}")
}

fn takes_everything(asks: &Conditions) -> bool {
    let any_path = asks.paths.is_empty() || asks.paths.contains(&PathPattern::Prefix("/".to_owned()));
    asks.hosts.is_empty() && any_path && asks.further.is_empty()
}
