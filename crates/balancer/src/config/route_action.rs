//! What is done with requests of a route: `backends` with what becomes of the path, `redirect`, `respond`; error pages.

use super::condition::{noted, pattern};
use super::files;
use super::keys;
use balancer_core::router::{Conditions, FixedResponse, Page, PathPattern, Redirect, RedirectStatus, Rewrite};
use config_file::{Mistake, Placed, Section, Table, Value, value, wrong_type};
use http::Template;
use std::ops::Range;
use std::path::Path;

/// Bytes of an answer that is always the same, and of an error page.
pub(super) const PAGE_BYTES_MAX: usize = 64 * 1024;
/// Error pages of one place.
pub(super) const PAGES_MAX: usize = 64;
const PLAIN: &str = "text/plain; charset=utf-8";
/// Types of files by the end of their names.
const TYPES: [(&str, &str); 9] = [
    (".html", "text/html; charset=utf-8"),
    (".htm", "text/html; charset=utf-8"),
    (".json", "application/json"),
    (".xml", "application/xml"),
    (".svg", "image/svg+xml"),
    (".css", "text/css; charset=utf-8"),
    (".js", "text/javascript; charset=utf-8"),
    (".png", "image/png"),
    (".txt", PLAIN),
];

/// What is done, where the backend set is still a name.
pub(super) enum Action<'a> {
    Forward { backends: Placed<&'a str>, rewrite: Option<Rewrite> },
    Redirect(Redirect),
    Respond(FixedResponse),
}

pub(super) fn read<'a>(
    section: &mut Section<'a, '_>,
    asks: &Conditions,
    folder: &Path,
    mistakes: &mut Vec<Mistake>,
) -> Option<Action<'a>> {
    let places: Vec<_> = ["backends", "redirect", "respond"].iter().filter_map(|key| section.place_of(key)).collect();
    if let [first, second, ..] = &places[..] {
        let mistake =
            Mistake::new(second.clone(), "a route does one thing", "and this").other(first.clone(), "it does this");
        mistakes.push(mistake.help("leave one of them out"));
    }
    let backends = section.text_if_any("backends", "\"app\"", mistakes);
    let redirect = section.take("redirect").map(|value| read_redirect(value, asks, mistakes));
    let respond = section.table("respond", mistakes).map(|respond| read_respond(respond, folder, mistakes));
    let (rewrites, rewrite) = read_rewrite(section, asks, mistakes);
    if let ([only], Some(rewrites), None) = (&places[..], rewrites, section.place_of("backends")) {
        let title = "what becomes of a path has a meaning only where it is passed on";
        mistakes.push(Mistake::new(rewrites, title, "this").other(only.clone(), "nothing is passed on here"));
    }
    match (backends, redirect, respond) {
        (Some(backends), ..) => Some(Action::Forward { backends, rewrite }),
        (_, Some(redirect), _) => redirect.map(Action::Redirect),
        (_, _, Some(respond)) => respond.map(Action::Respond),
        (None, None, None) => {
            if places.is_empty() {
                let title = "a route has to do something";
                let help =
                    "add `backends = \"app\"`, `redirect = \"https://{host}{path}\"` or `respond = { status = 404 }`";
                mistakes.push(Mistake::new(section.span(), title, "in this section").help(help));
            }
            None
        }
    }
}

fn read_redirect(value: &Value<'_>, asks: &Conditions, mistakes: &mut Vec<Mistake>) -> Option<Redirect> {
    if value.get_ref().as_str().is_some() {
        return redirect_to(value, RedirectStatus::default(), asks, mistakes);
    }
    let Some(mut table) = table(value, "a redirect", &keys::REDIRECT) else {
        let help =
            "such as `redirect = \"https://{host}{path}\"`, or `{ to = \"https://{host}{path}\", status = 301 }`";
        mistakes.push(wrong_type(value, "a string or a table").help(help));
        return None;
    };
    let status = table.take("status").map(|status| read_redirect_status(status, mistakes)).unwrap_or_default();
    let to = table.need("to", "\"https://{host}{path}\"", mistakes);
    let redirect = to.and_then(|to| redirect_to(to, status, asks, mistakes));
    table.finish(mistakes);
    redirect
}

fn read_redirect_status(value: &Value<'_>, mistakes: &mut Vec<Mistake>) -> RedirectStatus {
    let code = value::plain(value, mistakes);
    let status = code.as_ref().and_then(|code| RedirectStatus::from_name(&code.value));
    if let (Some(_), None) = (&code, status) {
        let title = "this is no status of a redirect";
        mistakes.push(Mistake::new(value.span(), title, format!("must be {}", RedirectStatus::list())));
    }
    status.unwrap_or_default()
}

fn redirect_to(
    value: &Value<'_>,
    status: RedirectStatus,
    asks: &Conditions,
    mistakes: &mut Vec<Mistake>,
) -> Option<Redirect> {
    let text = value::text(value, mistakes)?;
    let groups = match &asks.paths[..] {
        [PathPattern::Pattern(pattern)] => Some(pattern.groups()),
        _ => None,
    };
    let help = "groups are those of the one `path_regex` of the route";
    let to = noted(Template::parse_with_groups(text, groups), value, "this text", help, mistakes)?;
    let starts = ["https://", "http://", "{scheme}://", "/", "{path}", "{uri}"];
    let clean = to.texts().all(|text| text.bytes().all(|byte| byte.is_ascii_graphic()));
    if !clean || !starts.iter().any(|start| text.starts_with(start)) {
        let title = "a redirect leads to an address, or to a path";
        let help = "such as \"https://{host}{path}\" or \"/new{path}\"; what is no visible ASCII is percent-encoded";
        mistakes.push(Mistake::new(value.span(), title, "this leads nowhere").help(help));
        return None;
    }
    let keep_query = !["?", "#", "{query}", "{uri}"].iter().any(|said| text.contains(said));
    Some(Redirect { status, to, keep_query })
}

fn read_respond(mut section: Section<'_, '_>, folder: &Path, mistakes: &mut Vec<Mistake>) -> Option<FixedResponse> {
    let status = section.need("status", "404", mistakes);
    let status = status.and_then(|status| value::number("status", status, 200, 599, mistakes));
    let span = section.span();
    let page = read_page(&mut section, folder, mistakes);
    section.finish(mistakes);
    let (status, page) = (status?, page?);
    if matches!(status, 204 | 205 | 304) && !page.body.is_empty() {
        let title = format!("an answer with status {status} has no body");
        mistakes.push(Mistake::new(span, title, "this says something").help("leave out `text` and `file`"));
    }
    Some(FixedResponse { status: status as u16, page })
}

/// `text` or `file`, and `content_type`.
fn read_page(section: &mut Section<'_, '_>, folder: &Path, mistakes: &mut Vec<Mistake>) -> Option<Page> {
    let (text, file) = (section.take("text"), section.take("file"));
    let given = section.take("content_type").map(|value| (value, value::text(value, mistakes)));
    if let (Some(text), Some(file)) = (text, file) {
        let mistake = Mistake::new(file.span(), "one of `text` and `file`", "and this").other(text.span(), "this");
        mistakes.push(mistake.help("leave one of them out"));
    }
    if let Some((place, Some(content_type))) = given
        && (!http::is_field_value(content_type.as_bytes()) || !content_type.contains('/'))
    {
        mistakes.push(
            Mistake::new(place.span(), "this is no media type", "here").help("such as \"text/html; charset=utf-8\""),
        );
    }
    let guessed = file.and_then(|file| file.get_ref().as_str()).map_or(PLAIN, type_of);
    let content_type = given.and_then(|(_, text)| text).unwrap_or(guessed).to_owned();
    let body = match (text, file) {
        (Some(text), _) => bounded(text, mistakes)?,
        (_, Some(file)) => files::read(file, folder, PAGE_BYTES_MAX, mistakes)?,
        (None, None) => Vec::new(),
    };
    Some(Page { content_type, body: body.into() })
}

fn bounded(value: &Value<'_>, mistakes: &mut Vec<Mistake>) -> Option<Vec<u8>> {
    let text = value::text(value, mistakes)?;
    if text.len() > PAGE_BYTES_MAX {
        let title = format!("a text may have {} KiB", PAGE_BYTES_MAX / 1024);
        mistakes.push(Mistake::new(value.span(), title, "this is longer"));
        return None;
    }
    Some(text.as_bytes().to_vec())
}

fn type_of(file: &str) -> &'static str {
    TYPES.iter().find(|(end, _)| file.ends_with(end)).map_or("application/octet-stream", |(_, known)| known)
}

/// `strip_prefix`, `replace_prefix` and `rewrite`, of which there is one at most; and where that stands.
fn read_rewrite(
    section: &mut Section<'_, '_>,
    asks: &Conditions,
    mistakes: &mut Vec<Mistake>,
) -> (Option<Range<usize>>, Option<Rewrite>) {
    let keys = ["strip_prefix", "replace_prefix", "rewrite"];
    let places: Vec<_> = keys.iter().filter_map(|key| section.place_of(key)).collect();
    if let [first, second, ..] = &places[..] {
        let title = "a path is rewritten in one way";
        mistakes.push(Mistake::new(second.clone(), title, "and in this").other(first.clone(), "in this"));
    }
    let of: Vec<String> = asks
        .paths
        .iter()
        .filter_map(|path| match path {
            PathPattern::Prefix(prefix) => Some(prefix.clone()),
            _ => None,
        })
        .collect();
    let strips = section.switch("strip_prefix", mistakes) == Some(true);
    let replaced = section.take("replace_prefix").and_then(|value| read_path_text(value, mistakes));
    if let (Some(place), true) = (places.first(), of.is_empty() && (strips || replaced.is_some())) {
        let title = "there is no prefix: the route has no `path_prefix`";
        mistakes
            .push(Mistake::new(place.clone(), title, "of this").help("add `path_prefix = \"/api\"`, or use `rewrite`"));
    }
    let pattern = section.table("rewrite", mistakes).and_then(|table| read_pattern(table, mistakes));
    let prefix = strips.then(String::new).or(replaced).map(|to| Rewrite::Prefix { of, to });
    (places.first().cloned(), prefix.or(pattern))
}

/// A path that is written into requests.
fn read_path_text(value: &Value<'_>, mistakes: &mut Vec<Mistake>) -> Option<String> {
    let text = value::text(value, mistakes)?;
    let good = text.starts_with('/') && text.bytes().all(|byte| byte.is_ascii_graphic() && !b"?#".contains(&byte));
    if !good {
        let help = "such as \"/v2\"; what is no visible ASCII is percent-encoded";
        mistakes.push(Mistake::new(value.span(), "this cannot begin a path", "here").help(help));
    }
    good.then(|| text.to_owned())
}

fn read_pattern(mut section: Section<'_, '_>, mistakes: &mut Vec<Mistake>) -> Option<Rewrite> {
    let found = section.need("regex", "\"^/v[0-9]+/(.*)$\"", mistakes).and_then(|value| pattern(value, mistakes));
    let to = section.need("to", "\"/{1}\"", mistakes);
    section.finish(mistakes);
    let (pattern, to) = (found?, to?);
    let text = value::text(to, mistakes)?;
    let help = "`{1}` is what the first group has found";
    let template = noted(Template::parse_with_groups(text, Some(pattern.groups())), to, "this text", help, mistakes)?;
    let clean = |text: &str| text.bytes().all(|byte| byte.is_ascii_graphic() && !b"?#".contains(&byte));
    if !template.texts().all(clean) {
        let help = "the query stays as it is; what is no visible ASCII is percent-encoded";
        mistakes.push(Mistake::new(to.span(), "this cannot be a part of a path", "here").help(help));
        return None;
    }
    Some(Rewrite::Pattern { pattern, to: template })
}

fn table<'a, 'i>(value: &'a Value<'i>, what: &'static str, keys: &'static Table) -> Option<Section<'a, 'i>> {
    value.get_ref().as_table().map(|table| Section::of(what, keys, table, value.span()))
}

/// `errors`: pages by status.
pub(super) fn read_errors(
    section: &mut Section<'_, '_>,
    folder: &Path,
    mistakes: &mut Vec<Mistake>,
) -> Vec<(u16, Page)> {
    let mut pages = Vec::new();
    for (name, value) in section.entries("errors", mistakes).into_iter().take(PAGES_MAX) {
        let status = name.value.parse().ok().filter(|status| (400..600).contains(status));
        if status.is_none() {
            let title = format!("`{}` is no status of a failure", name.value);
            mistakes.push(Mistake::new(name.span.clone(), title, "here").help("such as 503"));
        }
        let Some(mut table) = table(value, "an error page", &keys::ERROR_PAGE) else {
            mistakes.push(wrong_type(value, "a table").help("such as `{ file = \"sorry.html\" }`"));
            continue;
        };
        if table.place_of("text").is_none() && table.place_of("file").is_none() {
            let title = "an error page says nothing";
            mistakes.push(
                Mistake::new(table.span(), title, "here").help("add `text = \"...\"` or `file = \"sorry.html\"`"),
            );
        }
        let page = read_page(&mut table, folder, mistakes);
        table.finish(mistakes);
        pages.extend(status.zip(page));
    }
    pages
}
