//! Directives and blocks of nginx, with their lines.

use crate::TranslateError;

/// Blocks within one another.
const DEPTH_MAX: usize = 32;

/// `name argument ...;` or `name argument ... { ... }`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Directive {
    pub(crate) line: usize,
    pub(crate) name: String,
    pub(crate) args: Vec<String>,
    pub(crate) block: Option<Vec<Directive>>,
}

impl Directive {
    /// Argument `nth`, or nothing.
    pub(crate) fn arg(&self, nth: usize) -> &str {
        self.args.get(nth).map_or("", String::as_str)
    }

    /// As it is shown in notes.
    pub(crate) fn text(&self) -> String {
        [std::slice::from_ref(&self.name), &self.args].concat().join(" ")
    }

    /// What stands in its block.
    pub(crate) fn inner(&self) -> &[Directive] {
        self.block.as_deref().unwrap_or_default()
    }
}

#[derive(Debug, PartialEq)]
enum Token {
    Word(String),
    End,
    Open,
    Close,
}

/// All directives.
pub(crate) fn parse(text: &str) -> Result<Vec<Directive>, TranslateError> {
    let mut tokens = tokens(text)?.into_iter();
    let (directives, closed) = block(&mut tokens, 0)?;
    match closed {
        Some(line) => Err(TranslateError::Syntax { line, why: "a block is closed that was not opened".to_owned() }),
        None => Ok(directives),
    }
}

/// Directives up to the end of their block, and the line of the brace that ends it.
fn block(
    tokens: &mut impl Iterator<Item = (usize, Token)>,
    depth: usize,
) -> Result<(Vec<Directive>, Option<usize>), TranslateError> {
    let (mut directives, mut words, mut begun) = (Vec::new(), Vec::new(), 0);
    let error = |line, why: &str| Err(TranslateError::Syntax { line, why: why.to_owned() });
    while let Some((line, token)) = tokens.next() {
        match token {
            Token::Word(word) => {
                if words.is_empty() {
                    begun = line;
                }
                words.push(word);
            }
            Token::End if words.is_empty() => {}
            Token::End => directives.push(directive(begun, std::mem::take(&mut words), None)),
            Token::Open if words.is_empty() || depth == DEPTH_MAX => return error(line, "a block without a name"),
            Token::Open => {
                let (inner, closed) = block(tokens, depth + 1)?;
                if closed.is_none() {
                    return error(begun, "a block is opened and not closed");
                }
                directives.push(directive(begun, std::mem::take(&mut words), Some(inner)));
            }
            Token::Close if words.is_empty() => return Ok((directives, Some(line))),
            Token::Close => return error(begun, "a `;` is missing"),
        }
    }
    if words.is_empty() { Ok((directives, None)) } else { error(begun, "a `;` is missing") }
}

fn directive(line: usize, mut words: Vec<String>, block: Option<Vec<Directive>>) -> Directive {
    Directive { line, name: words.remove(0), args: words, block }
}

fn tokens(text: &str) -> Result<Vec<(usize, Token)>, TranslateError> {
    let (mut tokens, mut line) = (Vec::new(), 1);
    let mut chars = text.chars().peekable();
    while let Some(char) = chars.next() {
        match char {
            '\n' => line += 1,
            char if char.is_whitespace() => {}
            '#' => while chars.next_if(|char| *char != '\n').is_some() {},
            ';' => tokens.push((line, Token::End)),
            '{' => tokens.push((line, Token::Open)),
            '}' => tokens.push((line, Token::Close)),
            quote @ ('"' | '\'') => {
                let at = line;
                let word = quoted(quote, &mut chars, &mut line);
                let why =
                    || TranslateError::Syntax { line: at, why: "a quotation is opened and not closed".to_owned() };
                tokens.push((at, Token::Word(word.ok_or_else(why)?)));
            }
            '\\' => {
                let first = chars.next().map(escaped).unwrap_or_default();
                tokens.push((line, Token::Word(bare(first, &mut chars))));
            }
            char => tokens.push((line, Token::Word(bare(char.to_string(), &mut chars)))),
        }
    }
    Ok(tokens)
}

type Chars<'t> = std::iter::Peekable<std::str::Chars<'t>>;

fn quoted(quote: char, chars: &mut Chars<'_>, line: &mut usize) -> Option<String> {
    let mut word = String::new();
    loop {
        match chars.next()? {
            char if char == quote => return Some(word),
            '\\' => word.push_str(&escaped(chars.next()?)),
            char => {
                *line += usize::from(char == '\n');
                word.push(char);
            }
        }
    }
}

/// A word without quotation marks; `${name}` and the braces of a pattern (`[0-9]{2}`) belong to it.
fn bare(mut word: String, chars: &mut Chars<'_>) -> String {
    loop {
        let in_variable = word.ends_with('$');
        let next = chars.next_if(|char| !(char.is_whitespace() || *char == ';' || (*char == '{' && !in_variable)));
        match next {
            Some('{') => {
                word.push('{');
                while let Some(char) = chars.next_if(|char| *char != '}') {
                    word.push(char);
                }
                word.extend(chars.next());
            }
            Some('\\') => word.push_str(&chars.next().map(escaped).unwrap_or_default()),
            Some(char) => word.push(char),
            None => return word,
        }
    }
}

/// What stands behind a backslash: before anything else than these it is a character like any other, as in patterns.
fn escaped(char: char) -> String {
    match char {
        'n' => "\n".to_owned(),
        'r' => "\r".to_owned(),
        't' => "\t".to_owned(),
        '"' | '\'' | '\\' => char.to_string(),
        char => format!("\\{char}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_with_lines() {
        let text =
            "http {\n  server { # here\n    listen 80;\n    return 200 \"a;b\n{c}\";\n    set $a ${b}c;\n  }\n}\n";
        let all = parse(text).unwrap();
        let server = &all[0].inner()[0];
        let shown: Vec<_> = server.inner().iter().map(|directive| (directive.line, directive.text())).collect();
        let expect = [(3, "listen 80"), (4, "return 200 a;b\n{c}"), (6, "set $a ${b}c")];
        assert_eq!(shown, expect.map(|(line, text)| (line, text.to_owned())));
    }

    #[test]
    fn mistakes_name_their_line() {
        for (text, expect) in [
            ("a {\n b;\n", "line 1: a block is opened and not closed"),
            ("a;\n}\n", "line 2: a block is closed that was not opened"),
            ("a {\n b\n}\n", "line 2: a `;` is missing"),
            ("a \"b;\n", "line 1: a quotation is opened and not closed"),
            ("{\n", "line 1: a block without a name"),
        ] {
            assert_eq!(parse(text).unwrap_err().to_string(), expect, "{text}");
        }
    }
}
