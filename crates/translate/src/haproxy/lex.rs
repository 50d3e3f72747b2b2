//! Lines of HAProxy: words, quotation marks, escapes, comments.

use crate::TranslateError;

/// A line with something in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    /// Its number, the first being 1.
    pub(crate) number: usize,
    pub(crate) words: Vec<String>,
}

impl Line {
    /// Word `nth`, or nothing.
    pub(crate) fn word(&self, nth: usize) -> &str {
        self.words.get(nth).map_or("", String::as_str)
    }

    /// As it is shown in notes.
    pub(crate) fn text(&self) -> String {
        self.words.join(" ")
    }

    /// Its first word, `option` and `no` together with what follows.
    pub(crate) fn keyword(&self) -> String {
        let count = match (self.word(0), self.word(1)) {
            ("no", "option") => 3,
            ("option" | "timeout" | "no" | "stick" | "stats", _) => 2,
            _ => 1,
        };
        self.words.iter().take(count).cloned().collect::<Vec<_>>().join(" ")
    }
}

/// All lines.
pub(crate) fn lines(text: &str) -> Result<Vec<Line>, TranslateError> {
    let mut lines = Vec::new();
    for (at, line) in text.lines().enumerate() {
        let number = at + 1;
        let words = words(line).map_err(|why| TranslateError::Syntax { line: number, why: why.to_owned() })?;
        if !words.is_empty() {
            lines.push(Line { number, words });
        }
    }
    Ok(lines)
}

fn words(line: &str) -> Result<Vec<String>, &'static str> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote: Option<char> = None;
    let mut chars = line.chars();
    while let Some(char) = chars.next() {
        match (quote, char) {
            (Some('\''), '\'') | (Some('"'), '"') => quote = None,
            (Some('\''), _) => word.get_or_insert_default().push(char),
            (_, '\\') => word.get_or_insert_default().push_str(&escaped(chars.next())),
            (Some(_), _) => word.get_or_insert_default().push(char),
            (None, '\'' | '"') => {
                quote = Some(char);
                word.get_or_insert_default();
            }
            (None, '#') => break,
            (None, _) if char.is_whitespace() => words.extend(word.take()),
            (None, _) => word.get_or_insert_default().push(char),
        }
    }
    if quote.is_some() {
        return Err("a quotation is opened and not closed");
    }
    words.extend(word);
    Ok(words)
}

/// What stands behind a backslash: before anything else than these it is a character like any other, as in patterns.
fn escaped(char: Option<char>) -> String {
    match char {
        Some('n') => "\n".to_owned(),
        Some('r') => "\r".to_owned(),
        Some('t') => "\t".to_owned(),
        Some(char) if " \\#\"'$".contains(char) => char.to_string(),
        Some(char) => format!("\\{char}"),
        None => "\\".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_lines() {
        for (line, expect) in [
            ("  bind :80 # all", vec!["bind", ":80"]),
            ("a 'b c' \"d # e\"f", vec!["a", "b c", "d # ef"]),
            (r"http-request set-header X a\ b\#", vec!["http-request", "set-header", "X", "a b#"]),
            (r#"x "" '\n' "\n""#, vec!["x", "", r"\n", "\n"]),
            (r"replace-path ^/a\.(.*)$ /\1", vec!["replace-path", r"^/a\.(.*)$", r"/\1"]),
            ("# nothing", vec![]),
        ] {
            assert_eq!(words(line), Ok(expect.into_iter().map(str::to_owned).collect()), "{line}");
        }
        assert!(words("a \"b").is_err());
    }

    #[test]
    fn an_open_quotation_names_its_line() {
        let error = lines("global\n  log 'x\n").unwrap_err();
        assert_eq!(error.to_string(), "line 2: a quotation is opened and not closed");
    }
}
