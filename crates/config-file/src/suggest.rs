//! "Did you mean": the known word nearest to an unknown one.

/// Longer words are not compared: nobody meant a key by them.
const WORD_BYTES_MAX: usize = 64;

/// The nearest of `known`, if it is near enough to be meant.
pub fn nearest<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    if word.len() > WORD_BYTES_MAX {
        return None;
    }
    let near = |candidate: &&str| distance(word, candidate) <= (candidate.len().max(word.len()) / 3).max(1);
    known.filter(near).min_by_key(|candidate| distance(word, candidate))
}

/// Insertions, removals, replacements and swaps of neighbours between two words (optimal string alignment), letter
/// case aside.
fn distance(one: &str, other: &str) -> usize {
    let lower = |word: &str| word.bytes().map(|byte| byte.to_ascii_lowercase()).collect::<Vec<u8>>();
    let (one, other) = (lower(one), lower(other));
    let mut rows: Vec<Vec<usize>> = vec![(0..=other.len()).collect()];
    for i in 1..=one.len() {
        let mut row = vec![i];
        for j in 1..=other.len() {
            let replaced = rows[i - 1][j - 1] + usize::from(one[i - 1] != other[j - 1]);
            let mut least = replaced.min(rows[i - 1][j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && one[i - 1] == other[j - 2] && one[i - 2] == other[j - 1] {
                least = least.min(rows[i - 2][j - 2] + 1);
            }
            row.push(least);
        }
        rows.push(row);
    }
    rows[one.len()][other.len()]
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
