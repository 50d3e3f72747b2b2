//! Paths and hosts in the words of regular expressions.

use regex::bytes::{Regex, RegexBuilder};

/// The text itself, whatever it holds. A dash is one outside of a class.
pub(crate) fn literal(text: &str) -> String {
    regex::escape(text).replace("\\-", "-")
}

/// The pattern as ours, where it is one in linear time: no look-around, no back reference.
pub(crate) fn checked(pattern: &str, ignores_case: bool) -> Result<String, String> {
    let pattern = if ignores_case { format!("(?i){pattern}") } else { pattern.to_owned() };
    match compiled(&pattern) {
        Some(_) => Ok(pattern),
        None => Err("the pattern needs look-around or back references, which take more than linear time".to_owned()),
    }
}

/// What comes in the place of a pattern's finds, where all groups that it names (`{1}`) are there.
pub(crate) fn with_groups(pattern: &str, to: String) -> Result<String, String> {
    let count = compiled(pattern).map_or(0, |pattern| pattern.captures_len());
    let text = to.replace("{{", "");
    let named = text.split('{').skip(1).filter_map(|rest| rest.chars().next()?.to_digit(10));
    match named.into_iter().all(|digit| (digit as usize) < count) {
        true => Ok(to),
        false => Err("it names a group that the pattern does not have".to_owned()),
    }
}

/// Over bytes, as the balancer reads it.
pub(crate) fn compiled(pattern: &str) -> Option<Regex> {
    RegexBuilder::new(pattern).unicode(false).dot_matches_new_line(true).build().ok()
}
