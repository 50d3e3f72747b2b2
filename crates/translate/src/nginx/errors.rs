//! `error_page`: files that stand in the place of failures.

use super::scope::Scope;
use super::tree::Directive;
use crate::document::{Table, Value};
use crate::notes::Notes;
use crate::pattern::compiled;

const OF_PLACES: &str = "pages are said of a whole listener here: write `errors` of the route";
const NO_PAGE: &str = "a failure is answered by a text or a file (`errors`): no `root` says which file this is";

/// Pages of a listener are those of its default server.
pub(super) fn pages(server: &Directive, scope: &Scope<'_>, listener: &mut Table, notes: &mut Notes) {
    let mut pages: Vec<(String, Value)> = Vec::new();
    for one in scope.all("error_page") {
        let Some(file) = one.args.last().and_then(|uri| file(uri, server, scope)) else {
            notes.missing(one.line, one.text(), NO_PAGE);
            continue;
        };
        if one.args.iter().any(|word| word.starts_with('=')) {
            notes.detail(one.line, one.text(), "the status stays that of the failure");
        }
        let statuses =
            one.args.iter().filter(|word| word.parse().is_ok_and(|status| (400..600).contains::<u16>(&status)));
        for status in statuses.filter(|status| !pages.iter().any(|(known, _)| known == *status)).collect::<Vec<_>>() {
            pages.push((status.clone(), Value::Inline(vec![("file".to_owned(), file.clone().into())])));
        }
    }
    if !pages.is_empty() {
        listener.put("errors", Value::Inline(pages));
    }
    in_places(server, notes);
}

fn in_places(block: &Directive, notes: &mut Notes) {
    for location in block.inner().iter().filter(|one| one.name == "location") {
        let own = location.inner().iter().filter(|one| one.name == "error_page");
        own.for_each(|one| notes.missing(one.line, one.text(), OF_PLACES));
        in_places(location, notes);
    }
}

/// `/50x.html` below the `root` of its location, or of the server.
fn file(uri: &str, server: &Directive, scope: &Scope<'_>) -> Option<String> {
    let is_for_it = |one: &&Directive| match (one.name.as_str(), one.arg(0)) {
        ("location", "~" | "~*") => compiled(one.arg(1)).is_some_and(|pattern| pattern.is_match(uri.as_bytes())),
        ("location", _) => one.args.last().is_some_and(|path| path == uri),
        _ => false,
    };
    let location = server.inner().iter().find(is_for_it);
    let of_location = location.and_then(|one| one.inner().iter().find(|inner| inner.name == "root"));
    let root = of_location.or(scope.get("root"))?.arg(0);
    let is_one = uri.starts_with('/') && root.starts_with('/') && !root.contains('$') && !uri.contains('$');
    is_one.then(|| format!("{}{uri}", root.trim_end_matches('/')))
}
