//! The long text behind a finding's id.

use crate::rule::Rule;
use crate::rules;
use core::fmt::Write;

/// No finding has this id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownId {
    /// What was asked for.
    pub id: String,
    /// Ids that look like it, or all groups.
    pub near: Vec<&'static str>,
}

impl core::fmt::Display for UnknownId {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "no finding is called {:?}", self.id)?;
        match self.near[..] {
            [] => f.write_str("; `quintet doctor explain` lists them all"),
            _ => write!(f, "; did you mean {}?", self.near.join(" or ")),
        }
    }
}

impl core::error::Error for UnknownId {}

/// The story of one finding: what it means, and what people wrongly do about it.
///
/// # Errors
/// No finding has this id.
pub fn explain(id: &str) -> Result<String, UnknownId> {
    match rules::all().find(|rule| rule.id == id) {
        Some(rule) => Ok(story_of(rule)),
        None => Err(UnknownId { id: id.to_owned(), near: near(id) }),
    }
}

/// Ids and titles, one per line, in the order of the rules.
pub fn list() -> String {
    let mut out = String::new();
    for rule in rules::all() {
        let _never_fails = writeln!(out, "{:<32} {}", rule.id, rule.title);
    }
    out
}

fn story_of(rule: &Rule) -> String {
    let mut out = format!("{}\n{}\n\n{}\n", rule.id, rule.title, rule.story.trim());
    if !rule.wrong_cures.is_empty() {
        out.push_str("\nWhat people wrongly do:\n");
        for belief in rule.wrong_cures {
            let _never_fails = writeln!(out, "- {}: {}", belief.claim, belief.truth);
        }
    }
    out
}

fn near(id: &str) -> Vec<&'static str> {
    let wanted = id.split(['.', '-', '_']).filter(|word| word.len() > 2);
    let words: Vec<&str> = wanted.collect();
    let fits = |rule: &&Rule| words.iter().any(|word| rule.id.contains(word));
    rules::all().filter(fits).map(|rule| rule.id).take(4).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_id_has_a_story_and_is_there_once() {
        let ids: Vec<&str> = rules::all().map(|rule| rule.id).collect();
        for (at, id) in ids.iter().enumerate() {
            assert!(!ids[..at].contains(id), "{id} twice");
            let story = explain(id).expect("listed");
            assert!(story.len() > 200, "{id}: {story}");
        }
        assert_eq!(list().lines().count(), ids.len());
    }

    #[test]
    fn a_wrong_id_is_named_with_its_neighbours() {
        let error = explain("ports.exhaustd").expect_err("misspelt");
        assert!(error.to_string().contains("ports.exhausted"), "{error}");
        let error = explain("xyz").expect_err("nonsense");
        assert!(error.to_string().contains("lists them all"), "{error}");
    }
}
