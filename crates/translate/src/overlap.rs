//! Two questions about one text, of which one is a pattern: what asks both. And the texts of a pattern that has few.

use crate::pattern::literal;
use regex_syntax::ParserBuilder;
use regex_syntax::hir::literal::{ExtractKind, Extractor};
use regex_syntax::hir::{Hir, Look};

/// Texts that are told one by one.
const TEXTS_MAX: usize = 64;

/// What is asked by two questions at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Both {
    /// No text fits both.
    Nothing,
    /// The pattern: it begins with the prefix as it is.
    Pattern,
    /// This: the pattern, behind the prefix.
    Joined(String),
    /// That cannot be told.
    Unknown,
}

/// Texts that begin with `prefix`, and in which `pattern` is found.
pub(crate) fn prefix_and_pattern(prefix: &str, pattern: &str) -> Both {
    let Some(shape) = Shape::of(pattern) else { return Both::Unknown };
    let Some(begins) = &shape.begins else { return Both::Unknown };
    let prefix_bytes = prefix.as_bytes();
    if shape.from_the_start {
        let is_narrower = |text: &Vec<u8>| text.starts_with(prefix_bytes);
        let is_other = |text: &Vec<u8>| !is_narrower(text) && !prefix_bytes.starts_with(text);
        return match begins.iter().all(is_narrower) {
            true => Both::Pattern,
            false if begins.iter().all(is_other) => Both::Nothing,
            false => Both::Unknown,
        };
    }
    // Nothing that is found may begin within the prefix.
    let meets = |rest: &[u8], text: &[u8]| rest.starts_with(text) || text.starts_with(rest);
    let is_apart = |text: &Vec<u8>| (0..prefix_bytes.len()).all(|from| !meets(&prefix_bytes[from..], text));
    match !shape.asks_for_the_start && begins.iter().all(is_apart) {
        true => Both::Joined(format!("^{}.*({pattern})", literal(prefix))),
        false => Both::Unknown,
    }
}

/// Are two patterns never found in one text, because it would have to begin, or to end, in two ways?
pub(crate) fn are_apart(one: &str, other: &str) -> bool {
    let Some((one, other)) = Shape::of(one).zip(Shape::of(other)) else { return false };
    let apart = |one: &Option<Vec<Vec<u8>>>, other: &Option<Vec<Vec<u8>>>, meets: &dyn Fn(&[u8], &[u8]) -> bool| {
        let pair = one.as_ref().zip(other.as_ref());
        pair.is_some_and(|(one, other)| one.iter().all(|one| other.iter().all(|other| !meets(one, other))))
    };
    let by_begin = one.from_the_start
        && other.from_the_start
        && apart(&one.begins, &other.begins, &|one, other| one.starts_with(other) || other.starts_with(one));
    let by_end = one.to_the_end
        && other.to_the_end
        && apart(&one.ends, &other.ends, &|one, other| one.ends_with(other) || other.ends_with(one));
    by_begin || by_end
}

/// All texts that a pattern is for, where those are few: `^(www\.)?example\.org$`. Whatever their case.
pub(crate) fn texts(pattern: &str) -> Option<Vec<String>> {
    let hir = parsed(pattern.strip_prefix("(?i)").unwrap_or(pattern))?;
    let looks = hir.properties();
    let is_whole = looks.look_set_prefix().contains(Look::Start) && looks.look_set_suffix().contains(Look::End);
    let texts = Extractor::new().limit_class(16).limit_literal_len(255).limit_total(TEXTS_MAX).extract(&hir);
    if !is_whole || looks.look_set().len() > 2 || !texts.is_exact() {
        return None;
    }
    texts.literals()?.iter().map(|text| String::from_utf8(text.as_bytes().to_vec()).ok()).collect()
}

/// What is known of everything a pattern finds.
struct Shape {
    /// It is found at the start of a text only.
    from_the_start: bool,
    /// Some of it may be.
    asks_for_the_start: bool,
    to_the_end: bool,
    /// It begins with one of these; unknown where they are many, or one is empty.
    begins: Option<Vec<Vec<u8>>>,
    ends: Option<Vec<Vec<u8>>>,
}

impl Shape {
    fn of(pattern: &str) -> Option<Self> {
        let hir = parsed(pattern)?;
        let looks = hir.properties();
        let literals = |kind: ExtractKind| {
            let found = Extractor::new().kind(kind).limit_total(TEXTS_MAX).extract(&hir);
            let all = found.literals()?.iter().map(|text| text.as_bytes().to_vec()).collect::<Vec<_>>();
            all.iter().all(|text| !text.is_empty()).then_some(all)
        };
        Some(Self {
            from_the_start: looks.look_set_prefix().contains(Look::Start),
            asks_for_the_start: looks.look_set().contains(Look::Start),
            to_the_end: looks.look_set_suffix().contains(Look::End),
            begins: literals(ExtractKind::Prefix),
            ends: literals(ExtractKind::Suffix),
        })
    }
}

/// Over bytes, as the balancer reads it.
fn parsed(pattern: &str) -> Option<Hir> {
    ParserBuilder::new().unicode(false).utf8(false).dot_matches_new_line(true).build().parse(pattern).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pattern::compiled;

    #[test]
    fn a_prefix_and_a_pattern() {
        let joined = |pattern: &str| Both::Joined(pattern.to_owned());
        for (prefix, pattern, expect) in [
            ("/static/", r"\.(js|css)$", joined(r"^/static/.*(\.(js|css)$)")),
            ("/priv", "secret", joined("^/priv.*(secret)")),
            ("/priv", "^/v[0-9]+/", Both::Nothing),
            ("/v", "^/v[0-9]+/", Both::Pattern),
            ("/v1", "^/v[0-9]+/", Both::Unknown),
            ("/x.js", r"\.js$", Both::Unknown),
            ("/sta", "at", Both::Unknown),
            ("/a", "[^/]+$", Both::Unknown),
            ("/a", "", Both::Unknown),
            ("/a", "(^/b|c)", Both::Unknown),
        ] {
            assert_eq!(prefix_and_pattern(prefix, pattern), expect, "{prefix} {pattern}");
        }
    }

    /// Whatever is told of two questions holds for every short text.
    #[test]
    fn what_is_told_holds_for_all_short_texts() {
        let letters = ["/", "a", "b"];
        let mut texts = vec![String::new()];
        for _ in 0..6 {
            let longer = texts.iter().flat_map(|text| letters.map(|letter| format!("{text}{letter}")));
            texts = longer.chain([String::new()]).collect();
            texts.sort();
            texts.dedup();
        }
        let all = ["a$", "^/a", "b/a$", "(a|b)b$", "^/(a|b)/", "/a.*b$", "ab", "(?i)B$", "^/b.*a$"];
        let is_found = |pattern: &str, text: &str| compiled(pattern).unwrap().is_match(text.as_bytes());
        for pattern in all {
            for prefix in ["/", "/a", "/b/", "/ab/"] {
                let told = prefix_and_pattern(prefix, pattern);
                for text in &texts {
                    let both = text.starts_with(prefix) && is_found(pattern, text);
                    match &told {
                        Both::Nothing => assert!(!both, "{prefix} {pattern}: {text}"),
                        Both::Pattern => assert_eq!(is_found(pattern, text), both, "{prefix} {pattern}: {text}"),
                        Both::Joined(joined) => assert_eq!(is_found(joined, text), both, "{prefix} {pattern}: {text}"),
                        Both::Unknown => {}
                    }
                }
            }
            for other in all.iter().filter(|other| are_apart(pattern, other)) {
                assert!(
                    !texts.iter().any(|text| is_found(pattern, text) && is_found(other, text)),
                    "{pattern} {other}"
                );
            }
        }
    }

    #[test]
    fn patterns_of_few_texts() {
        for (pattern, expect) in [
            (r"^(www\.)?example\.org$", Some(vec!["www.example.org", "example.org"])),
            ("(?i)^(a|b)$", Some(vec!["a", "b"])),
            ("^a[12]$", Some(vec!["a1", "a2"])),
            ("a$", None),
            ("^a+$", None),
            (r"^.*\.org$", None),
        ] {
            let expect = expect.map(|texts| texts.into_iter().map(str::to_owned).collect());
            assert_eq!(texts(pattern), expect, "{pattern}");
        }
    }
}
