//! The story behind a finding.

use crate::text::Text;
use doctor_core::Rule;

/// Columns of the longest usual id.
const ID_COLUMNS: usize = 32;

/// What it means, and what people wrongly do about it.
pub fn story(rule: &Rule, columns: usize) -> String {
    let mut text = Text::new(columns);
    text.line(rule.id);
    text.prose(rule.title);
    text.gap();
    rule.story.trim().lines().for_each(|line| text.prose(line));
    if !rule.wrong_cures.is_empty() {
        text.section("What people wrongly do:");
    }
    rule.wrong_cures.iter().for_each(|belief| text.paragraph(0, &format!("- {}: {}", belief.claim, belief.truth)));
    text.finish()
}

/// Ids and titles.
pub fn stories<'a>(rules: impl IntoIterator<Item = &'a Rule>, columns: usize) -> String {
    let mut text = Text::new(columns);
    rules.into_iter().for_each(|rule| text.entry(rule.id, ID_COLUMNS, rule.title));
    text.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_story_is_told_whole() {
        for rule in doctor_core::all_rules() {
            let text = story(rule, 80);
            assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
            let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
            let told = words(&text);
            assert!(words(rule.story).iter().all(|word| told.contains(word)), "{text}");
        }
        for columns in [40, 60, 118] {
            let text = stories(doctor_core::all_rules(), columns);
            assert!(text.lines().all(|line| line.chars().count() <= columns), "{text}");
            assert!(doctor_core::all_rules().all(|rule| text.contains(rule.id)), "{text}");
        }
    }
}
