//! "Did you mean": the known word nearest to an unknown one.

/// The nearest of `known`, if it is near enough to be meant.
pub(super) fn nearest<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let near = |candidate: &&str| distance(word, candidate) <= (candidate.len().max(word.len()) / 3).max(1);
    known.filter(near).min_by_key(|candidate| distance(word, candidate))
}

/// Insertions, removals and replacements between two words (Levenshtein), letter case aside.
fn distance(one: &str, other: &str) -> usize {
    let (one, other) = (one.to_ascii_lowercase(), other.to_ascii_lowercase());
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (at, byte) in one.bytes().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], at + 1);
        for (column, against) in other.bytes().enumerate() {
            let replaced = diagonal + usize::from(byte != against);
            diagonal = row[column + 1];
            row[column + 1] = replaced.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_words_are_found_and_far_ones_are_not() {
        let known = ["listener", "backend_set", "global", "name"];
        for (word, expect) in [
            ("listner", Some("listener")),
            ("backends", Some("backend_set")),
            ("servers", None),
            ("backend-set", Some("backend_set")),
            ("Global", Some("global")),
            ("nam", Some("name")),
            ("x", None),
        ] {
            assert_eq!(nearest(word, known.into_iter()), expect, "{word}");
        }
    }
}
