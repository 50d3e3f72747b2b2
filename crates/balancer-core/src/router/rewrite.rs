//! What is passed on in the place of the path that came.

use super::conditions::{PathPattern, Pattern};
use super::path::{AmbiguousPath, append_filled, encode, end_of_prefix, is_dotted, is_plain, pass_on};
use super::{Router, Scratch, matched_path};
use http::{GROUPS_MAX, Target, Template, TooLong, Values};
use regex::bytes::CaptureLocations;
use std::ops::Range;

/// Bytes of a path put together. No server takes one so long.
const PATH_BYTES_MAX: usize = 64 * 1024;

/// What becomes of a path before it is passed on. The query stays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rewrite {
    /// The prefix that fits goes, and this comes in its place.
    Prefix {
        /// Of these the longest one that fits.
        of: Vec<String>,
        /// Empty: the prefix is taken away.
        to: String,
    },
    /// What is found by a pattern, first, is replaced. It is looked for in the path as it is passed on, which is encoded as it
    /// came.
    Pattern {
        /// What is looked for.
        pattern: Pattern,
        /// What comes in its place.
        to: Template,
    },
}

/// Where the groups of a pattern are.
type Groups = [Range<usize>; GROUPS_MAX];

/// Why what was put together is not passed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unpassable {
    /// No server takes a path so long.
    #[error("the path is too long")]
    TooLong,
    /// There are dot segments in it, or what some servers take for one: it would lead out of where the route leads.
    #[error(transparent)]
    Ambiguous(#[from] AmbiguousPath),
}

impl Router {
    /// Is a path of this route put together from what a pattern found? Dot segments of all others are resolved already.
    #[inline]
    pub fn rewrites_by_pattern(&self, route: u32) -> bool {
        matches!(self.rules(route).rewrite, Some(Rewrite::Pattern { .. }))
    }

    /// What is passed on of a target whose request goes by `route`: path and query, where they are not as they came.
    ///
    /// # Errors
    /// What was put together is nothing for a server.
    pub fn passed_on<'s>(
        &self,
        route: u32,
        target: Target<'_>,
        values: &Values<'_>,
        scratch: &'s mut Scratch,
    ) -> Result<Option<&'s str>, Unpassable> {
        let (rewrite, path) = (self.rules(route).rewrite.as_ref(), target.path().as_bytes());
        if !path.starts_with(b"/") || rewrite.is_none() && (!self.has_routes() || is_plain(path)) {
            return Ok(None);
        }
        let Scratch { path: passed, text, groups } = scratch;
        passed.clear();
        text.clear();
        // What is ambiguous was refused as the route was looked for.
        pass_on(path, passed).unwrap_or_default();
        match rewrite {
            None if passed == path => return Ok(None),
            None => text.extend_from_slice(passed),
            Some(Rewrite::Prefix { of, to }) => replace_prefix(passed, of, to, text),
            Some(Rewrite::Pattern { pattern, to }) => {
                let found = find(pattern, passed, place(groups, route));
                replace_found(passed, found, to, values, text);
                check_rewritten(text)?;
            }
        }
        if text.len() > PATH_BYTES_MAX {
            return Err(Unpassable::TooLong);
        }
        if let Some(query) = target.query() {
            text.push(b'?');
            text.extend_from_slice(query.as_bytes());
        }
        Ok(std::str::from_utf8(text).ok())
    }

    /// Appends where a redirect leads to `out`: [`Redirect::location`](super::Redirect::location), with the groups of the
    /// route's pattern.
    ///
    /// # Errors
    /// The route is no redirect, or what was put together is too long.
    pub fn location(
        &self,
        route: u32,
        values: &Values<'_>,
        scratch: &mut Scratch,
        out: &mut Vec<u8>,
    ) -> Result<(), TooLong> {
        let super::Action::Redirect(redirect) = &self.rules(route).action else { return Err(TooLong) };
        let pattern = self.conditions().get(route as usize).and_then(|asks| match &asks.paths[..] {
            [PathPattern::Pattern(pattern)] => Some(pattern),
            _ => None,
        });
        let (Some(pattern), Some(asked)) = (pattern, values.asked) else { return redirect.location(values, out) };
        let Scratch { path, text, groups } = scratch;
        let Ok((path, _)) = matched_path(asked.target, path) else { return redirect.location(values, out) };
        let found = find(pattern, path, place(groups, route)).unwrap_or_default();
        text.clear();
        // What was decoded to be matched is encoded again.
        let encoded = found.map(|range| {
            let from = text.len();
            encode(&path[range], text);
            from..text.len()
        });
        let groups = encoded.map(|range| &text[range]);
        redirect.location(&Values { groups: &groups, ..*values }, out)
    }
}

/// A path that was put together holds no dot segment, nor what some servers take for one.
fn check_rewritten(text: &[u8]) -> Result<(), AmbiguousPath> {
    let path = text.split(|byte| *byte == b'?').next().unwrap_or_default();
    let resolved = path.split(|byte| *byte == b'/').all(|segment| !is_dotted(segment));
    if resolved { Ok(()) } else { Err(AmbiguousPath) }
}

/// Room for the groups of a route's pattern.
fn place(groups: &mut Vec<Option<CaptureLocations>>, route: u32) -> &mut Option<CaptureLocations> {
    let route = route as usize;
    if groups.len() <= route {
        groups.resize(route + 1, None);
    }
    &mut groups[route]
}

fn find(pattern: &Pattern, path: &[u8], room: &mut Option<CaptureLocations>) -> Option<Groups> {
    let room = room.get_or_insert_with(|| pattern.regex().capture_locations());
    pattern.regex().captures_read(room, path)?;
    Some(std::array::from_fn(|group| room.get(group).map_or(0..0, |(from, to)| from..to)))
}

fn replace_prefix(passed: &[u8], of: &[String], to: &str, out: &mut Vec<u8>) {
    let ends = of.iter().filter_map(|prefix| Some((prefix.len(), end_of_prefix(passed, prefix.as_bytes())?)));
    let Some((_, end)) = ends.max() else { return out.extend_from_slice(passed) };
    let mut rest = &passed[end..];
    if rest.starts_with(b";") {
        // Parameters of a segment that is no more.
        rest = &rest[rest.iter().position(|byte| *byte == b'/').unwrap_or(rest.len())..];
    }
    for slash in [&b"%2F"[..], b"%2f"] {
        rest = rest.strip_prefix(slash).unwrap_or(rest);
    }
    while let Some(after) = rest.strip_prefix(b"/") {
        rest = after;
    }
    out.extend_from_slice(to.as_bytes());
    // Below the prefix there is a border; where nothing was left of it, the path may end with it.
    if !out.ends_with(b"/") && (!rest.is_empty() || passed.ends_with(b"/") || out.is_empty()) {
        out.push(b'/');
    }
    out.extend_from_slice(rest);
}

fn replace_found(passed: &[u8], found: Option<Groups>, to: &Template, values: &Values<'_>, out: &mut Vec<u8>) {
    let Some(found) = found else { return out.extend_from_slice(passed) };
    let (start, end) = (found[0].start, found[0].end);
    let groups = found.map(|range| &passed[range]);
    let values = Values { groups: &groups, ..*values };
    out.extend_from_slice(&passed[..start]);
    append_filled(to, &values, out);
    out.extend_from_slice(&passed[end..]);
    if !out.starts_with(b"/") {
        out.insert(0, b'/');
    }
}
