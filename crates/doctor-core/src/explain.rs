//! The rule, and so the story, behind a finding's id.

use crate::rule::Rule;
use crate::rules;

/// No finding has this id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
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

/// The rule that finds `id`, with its story.
///
/// # Errors
/// No finding has this id.
pub fn explain(id: &str) -> Result<&'static Rule, UnknownId> {
    rules::all().find(|rule| rule.id == id).ok_or_else(|| UnknownId { id: id.to_owned(), near: near(id) })
}

fn near(id: &str) -> Vec<&'static str> {
    let wanted = id.split(['.', '-', '_']).filter(|word| word.len() > 2);
    let words: Vec<&str> = wanted.collect();
    let fits = |rule: &&Rule| words.iter().any(|word| rule.id.contains(word));
    let by_word: Vec<_> = rules::all().filter(fits).map(|rule| rule.id).take(4).collect();
    if by_word.is_empty() {
        named::nearest(id, rules::all().map(|rule| rule.id)).into_iter().collect()
    } else {
        by_word
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_id_has_a_story_and_is_there_once() {
        let ids: Vec<&str> = rules::all().map(|rule| rule.id).collect();
        for (at, id) in ids.iter().enumerate() {
            assert!(!ids[..at].contains(id), "{id} twice");
            let rule = explain(id).expect("listed");
            assert!(rule.id.len() + rule.title.len() + rule.story.len() > 200, "{id}: {}", rule.story);
        }
    }

    #[test]
    fn a_wrong_id_is_named_with_its_neighbours() {
        let error = explain("ports.exhaustd").expect_err("misspelt");
        assert!(error.to_string().contains("ports.exhausted"), "{error}");
        let error = explain("recycel").expect_err("misspelt");
        assert!(error.to_string().contains("did you mean recycle"), "{error}");
        let error = explain("xyz").expect_err("nonsense");
        assert!(error.to_string().contains("lists them all"), "{error}");
    }
}
