//! "Did you mean": the known word nearest to an unknown one.

/// Longer words are not compared: nobody meant a name by them.
const WORD_BYTES_MAX: usize = 64;

/// The nearest of `known`, if it is near enough to be meant: insertions, removals, replacements and swaps of neighbours,
/// letter case aside, in at most a third of the letters.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if word.len() > WORD_BYTES_MAX {
        return None;
    }
    let lower = word.to_ascii_lowercase();
    let distance = |candidate: &str| strsim::osa_distance(&lower, &candidate.to_ascii_lowercase());
    let near = |(candidate, distance): &(&str, usize)| *distance <= (candidate.len().max(word.len()) / 3).max(1);
    let measured = known.into_iter().map(|candidate| (candidate, distance(candidate)));
    measured.filter(near).min_by_key(|(_, distance)| *distance).map(|(candidate, _)| candidate)
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
            assert_eq!(nearest(word, known), expect, "{word}");
        }
    }
}
