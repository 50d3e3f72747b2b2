//! Texts with variables: `https://{host}{path}`. Parsed when the configuration is read, put together per request without an
//! allocation once the buffer is warm.

use http::{RequestFacts, TooLong};
use named::named;
use std::io::Write;
use std::net::IpAddr;
use std::ops::Range;

named! {
    /// What a text may say about its request, as `{name}`.
    pub enum Variable {
        /// The host the request is for, without port.
        Host = "host",
        /// The same with the port, where the client named one.
        Authority = "authority",
        /// The path, as it is passed on; `/` where a request is for the server as a whole (`*`).
        Path = "path",
        /// The query with its question mark; nothing where there is none.
        Query = "query",
        /// Path and query.
        Uri = "uri",
        /// `http` or `https`: how the request came.
        Scheme = "scheme",
        /// The address of the client.
        Client = "client",
        /// The method.
        Method = "method",
        /// What the request is called in logs and by `X-Request-Id`.
        RequestId = "request_id",
    }
}

/// Groups of a pattern that a text can speak of: `{1}` to `{9}`; `{0}` is all of what was matched.
pub const CAPTURES_MAX: usize = 10;
/// Bytes of a text put together. Whatever is longer is no header field any more.
pub const TEXT_BYTES_MAX: usize = 64 * 1024;

/// A text with variables.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Template {
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Variable(Variable),
    Capture(u8),
}

/// Why something is no such text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// A brace that is opened and not closed.
    #[error("`{{` is not closed")]
    Open(Range<usize>),
    /// A brace that closes nothing.
    #[error("`}}` closes nothing: write `}}}}` for one that stands for itself")]
    Close(Range<usize>),
    /// Nothing of that name is known of a request.
    #[error("there is no variable `{{{name}}}`")]
    Unknown {
        /// What was written.
        name: String,
        /// Where it stands in the text.
        at: Range<usize>,
    },
}

impl TemplateError {
    /// Where in the text it is, in bytes.
    pub fn at(&self) -> Range<usize> {
        match self {
            Self::Open(at) | Self::Close(at) | Self::Unknown { at, .. } => at.clone(),
        }
    }

    /// What to write instead.
    pub fn help(&self) -> String {
        let known = || Variable::ALL.map(|variable| format!("{{{variable}}}")).join(", ");
        match self {
            Self::Open(_) => "write `{{` for a brace that stands for itself".to_owned(),
            Self::Close(_) => "variables are written as in `{host}`".to_owned(),
            Self::Unknown { name, .. } => match named::nearest(name, Variable::ALL.iter().map(|one| one.name())) {
                Some(meant) => format!("did you mean `{{{meant}}}`?"),
                None => format!("there are: {}; {{1}} to {{9}} are groups of a pattern", known()),
            },
        }
    }
}

impl Template {
    /// Takes a text apart: `{name}` is a variable, `{1}` a group of a pattern, `{{` and `}}` are braces.
    ///
    /// # Errors
    /// What is wrong with it, and where.
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        let (mut parts, mut plain, mut at) = (Vec::new(), String::new(), 0);
        while let Some(found) = text[at..].find(['{', '}']) {
            let brace = at + found;
            plain.push_str(&text[at..brace]);
            let doubled = text.as_bytes().get(brace + 1) == Some(&text.as_bytes()[brace]);
            at = match (text.as_bytes()[brace], doubled) {
                (byte, true) => {
                    plain.push(char::from(byte));
                    brace + 2
                }
                (b'}', false) => return Err(TemplateError::Close(brace..brace + 1)),
                _ => {
                    let len = text[brace..].find('}').ok_or(TemplateError::Open(brace..brace + 1))?;
                    if !plain.is_empty() {
                        parts.push(Part::Text(std::mem::take(&mut plain)));
                    }
                    parts.push(Part::named(&text[brace + 1..brace + len], brace..brace + len + 1)?);
                    brace + len + 1
                }
            };
        }
        plain.push_str(&text[at..]);
        if !plain.is_empty() {
            parts.push(Part::Text(plain));
        }
        Ok(Self { parts })
    }

    /// Appends the text for one request to `out`.
    ///
    /// # Errors
    /// It is over [`TEXT_BYTES_MAX`]; `out` is as it was.
    pub fn expand(&self, values: &Values<'_>, out: &mut Vec<u8>) -> Result<(), TooLong> {
        let from = out.len();
        for part in &self.parts {
            match part {
                Part::Text(text) => out.extend_from_slice(text.as_bytes()),
                Part::Capture(number) => out.extend_from_slice(values.captures[usize::from(*number)]),
                Part::Variable(variable) => values.append(*variable, out),
            }
            if out.len() - from > TEXT_BYTES_MAX {
                out.truncate(from);
                return Err(TooLong);
            }
        }
        Ok(())
    }

    /// Does it speak of this?
    pub fn names(&self, variable: Variable) -> bool {
        self.parts.contains(&Part::Variable(variable))
    }

    /// The highest group of a pattern that it speaks of.
    pub fn captures(&self) -> Option<u8> {
        let numbers = self.parts.iter().filter_map(|part| match part {
            Part::Capture(number) => Some(*number),
            _ => None,
        });
        numbers.max()
    }

    /// Its text, where it has no variables.
    pub fn plain(&self) -> Option<&str> {
        match &self.parts[..] {
            [] => Some(""),
            [Part::Text(text)] => Some(text),
            _ => None,
        }
    }

    /// What of it is written as it stands.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Text(text) => Some(text.as_str()),
            _ => None,
        })
    }
}

impl Part {
    fn named(name: &str, at: Range<usize>) -> Result<Self, TemplateError> {
        if let [digit @ b'0'..=b'9'] = name.as_bytes() {
            return Ok(Self::Capture(digit - b'0'));
        }
        let variable = Variable::from_name(name);
        variable.map(Self::Variable).ok_or_else(|| TemplateError::Unknown { name: name.to_owned(), at })
    }
}

/// What is known of one request, borrowed.
#[derive(Clone, Copy, Debug)]
pub struct Values<'v> {
    /// [`Variable::Authority`], and without its port [`Variable::Host`].
    pub authority: &'v [u8],
    /// [`Variable::Path`].
    pub path: &'v [u8],
    /// The query without its question mark.
    pub query: Option<&'v [u8]>,
    /// It came over an encrypted connection.
    pub is_secure: bool,
    /// [`Variable::Client`].
    pub client: IpAddr,
    /// [`Variable::Method`].
    pub method: &'v str,
    /// [`Variable::RequestId`].
    pub request_id: &'v [u8],
    /// What the groups of a pattern have matched.
    pub captures: [&'v [u8]; CAPTURES_MAX],
}

impl<'v> Values<'v> {
    /// What a request says of itself.
    pub fn of(request: &RequestFacts<'v>) -> Self {
        Self {
            authority: request.host.unwrap_or_default(),
            path: if request.path() == "*" { b"/" } else { request.path().as_bytes() },
            query: request.query().map(str::as_bytes),
            is_secure: request.is_secure,
            client: request.client,
            method: request.method_name,
            request_id: b"",
            captures: [b""; CAPTURES_MAX],
        }
    }

    fn append(&self, variable: Variable, out: &mut Vec<u8>) {
        match variable {
            Variable::Host => out.extend_from_slice(http::host_name(self.authority)),
            Variable::Authority => out.extend_from_slice(self.authority),
            Variable::Path => out.extend_from_slice(self.path),
            Variable::Query => self.append_query(out),
            Variable::Uri => {
                out.extend_from_slice(self.path);
                self.append_query(out);
            }
            Variable::Scheme => out.extend_from_slice(if self.is_secure { b"https" } else { b"http" }),
            Variable::Client => write!(out, "{}", self.client).expect("a vector takes everything"),
            Variable::Method => out.extend_from_slice(self.method.as_bytes()),
            Variable::RequestId => out.extend_from_slice(self.request_id),
        }
    }

    fn append_query(&self, out: &mut Vec<u8>) {
        if let Some(query) = self.query {
            out.push(b'?');
            out.extend_from_slice(query);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{Method, RequestHead, Target};

    fn expanded(text: &str, target: &str) -> String {
        let head = RequestHead {
            target: Target::parse(target, Method::Get).expect("a target"),
            host: Some(b"www.example.org:8080"),
            ..RequestHead::default()
        };
        let facts = head.facts([192, 0, 2, 7].into(), true);
        let values = Values { request_id: b"7f", captures: [b"9"; CAPTURES_MAX], ..Values::of(&facts) };
        let mut out = b">".to_vec();
        Template::parse(text).expect(text).expand(&values, &mut out).expect("it is short");
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn variables_stand_for_what_the_request_says() {
        let check = |text: &str, expect: &str| assert_eq!(expanded(text, "/a/b?c=d"), format!(">{expect}"), "{text}");
        check("", "");
        check("plain", "plain");
        check("https://{host}{uri}", "https://www.example.org/a/b?c=d");
        check("{scheme}://{authority}{path}{query}", "https://www.example.org:8080/a/b?c=d");
        check("{method} from {client}, {request_id}", "GET from 192.0.2.7, 7f");
        check("/v{1}/{{literally}}", "/v9/{literally}");
        assert_eq!(expanded("{path}{query}|{uri}", "/a"), ">/a|/a", "no query, no question mark");
    }

    #[test]
    fn mistakes_have_a_place_and_a_way_out() {
        let check = |text: &str, at: Range<usize>, word: &str| {
            let error = Template::parse(text).expect_err(text);
            assert!(
                error.at() == at && error.help().contains(word),
                "{text}: {error} {:?} {}",
                error.at(),
                error.help()
            );
        };
        check("https://{host", 8..9, "{{");
        check("a}b", 1..2, "{host}");
        check("/{hots}", 1..7, "`{host}`");
        check("/{frobnicate_all}", 1..17, "{request_id}");
        check("{}", 0..2, "{host}");
        check("{10}", 0..4, "{1} to {9}");
    }

    #[test]
    fn a_text_is_bounded() {
        let template = Template::parse(&"{path}".repeat(9)).expect("good");
        let path = "/".repeat(8 * 1024);
        let head =
            RequestHead { target: Target::parse(&path, Method::Get).expect("a target"), ..RequestHead::default() };
        let (facts, mut out) = (head.facts([127, 0, 0, 1].into(), false), b"before".to_vec());
        assert_eq!(template.expand(&Values::of(&facts), &mut out), Err(TooLong));
        assert_eq!(out, b"before");
    }

    #[test]
    fn what_a_text_speaks_of_is_known() {
        let template = Template::parse("https://{host}/{2}{1}?").expect("good");
        assert_eq!((template.captures(), template.names(Variable::Host)), (Some(2), true));
        assert_eq!((template.plain(), template.names(Variable::Query)), (None, false));
        assert_eq!(template.texts().collect::<Vec<_>>(), ["https://", "/", "?"]);
        assert_eq!(Template::parse("x").expect("good").plain(), Some("x"));
    }
}
