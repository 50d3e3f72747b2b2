//! `if (...)`: what it asks, in our words.

use crate::condition::{Is, Matches, Path};
use crate::overlap::texts;
use crate::pattern::checked;
use crate::routes::Clause;

/// What an `if` comes to.
#[derive(Clone, Debug)]
pub(crate) enum Asked {
    /// It is known already.
    Known(bool),
    /// When it holds.
    When(Box<Clause>),
}

/// How a variable is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum How {
    Is,
    Fits { ignores_case: bool },
    Said,
}

/// Of the arguments of an `if`, at a listener with TLS or without.
pub(crate) fn asked(args: &[String], tls: bool) -> Result<Asked, String> {
    let text = args.join(" ");
    let inner = text.strip_prefix('(').and_then(|text| text.strip_suffix(')')).unwrap_or(&text).trim();
    let (variable, rest) = inner.split_once(' ').unwrap_or((inner, ""));
    let variable = variable.strip_prefix('$').ok_or("only variables are asked")?;
    let (operator, value) = rest.trim().split_once(' ').unwrap_or((rest.trim(), ""));
    let value = value.trim().trim_matches('"');
    let (how, negated) = match operator {
        "" => (How::Said, false),
        "=" => (How::Is, false),
        "!=" => (How::Is, true),
        "~" => (How::Fits { ignores_case: false }, false),
        "~*" => (How::Fits { ignores_case: true }, false),
        "!~" => (How::Fits { ignores_case: false }, true),
        "!~*" => (How::Fits { ignores_case: true }, true),
        other => return Err(format!("`{other}` has no counterpart")),
    };
    // A field that is empty is one that is not there.
    let (how, negated) = if how == How::Is && value.is_empty() { (How::Said, !negated) } else { (how, negated) };
    if let "scheme" | "https" = variable {
        let holds = match (variable, value) {
            ("scheme", value) => (value == "https") == tls,
            (_, "") => tls,
            (_, value) => (value == "on") == tls,
        };
        return Ok(Asked::Known(holds != negated));
    }
    let matches = matches(variable, how, value)?;
    let clause = match negated {
        true => Clause { not: vec![vec![matches]], ..Clause::default() },
        false => Clause { matches, ..Clause::default() },
    };
    Ok(Asked::When(Box::new(clause)))
}

fn matches(variable: &str, how: How, value: &str) -> Result<Matches, String> {
    let is = || -> Result<Is, String> {
        match how {
            How::Said => Ok(Is::Present),
            _ => names(how, value).map(Is::OneOf),
        }
    };
    match variable {
        "host" | "http_host" | "server_name" => Ok(Matches::hosts(hosts(how, value)?)),
        "request_method" => Ok(Matches { methods: names(how, value)?, ..Matches::default() }),
        "request_uri" | "uri" | "document_uri" => match how {
            How::Is => Ok(Matches::path(Path::Exact(value.to_owned()))),
            How::Fits { ignores_case } => Ok(Matches::path(Path::Regex(checked(value, ignores_case)?))),
            How::Said => Err("every request has a path".to_owned()),
        },
        _ => match (variable.strip_prefix("http_"), variable.strip_prefix("arg_")) {
            (Some(name), _) => Ok(Matches::header(&super::variables::field_name(name), is()?)),
            (_, Some(name)) => Ok(Matches::query(name, is()?)),
            _ => Err(format!("routes do not ask for `${variable}`")),
        },
    }
}

fn hosts(how: How, value: &str) -> Result<Vec<String>, String> {
    names(how, value)
        .map_err(|_| "hosts are asked as names or as \"*.name\" only".to_owned())
        .map(|names| names.iter().map(|name| name.to_ascii_lowercase()).collect())
}

/// `a`, or `^(a|b)$`: texts, and nothing that is a pattern.
fn names(how: How, value: &str) -> Result<Vec<String>, String> {
    match how {
        How::Is => Ok(vec![value.to_owned()]),
        How::Fits { .. } => texts(value).ok_or("a pattern is asked for where names are".to_owned()),
        How::Said => Err("a name is asked for".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions_in_our_words() {
        let when = |text: &str| match asked(&text.split(' ').map(str::to_owned).collect::<Vec<_>>(), true) {
            Ok(Asked::When(clause)) => Ok((clause.matches, clause.not.into_iter().flatten().next())),
            Ok(Asked::Known(known)) => Err(known.to_string()),
            Err(why) => Err(why),
        };
        let host = |names: &[&str]| Matches::hosts(names.iter().map(|&name| name.to_owned()).collect());
        let methods = |names: &[&str]| Matches {
            methods: names.iter().map(|&name| name.to_owned()).collect(),
            ..Matches::default()
        };
        for (text, expect) in [
            ("($host = www.a.org)", Ok((host(&["www.a.org"]), None))),
            (r"($host ~* ^www\.a\.org$)", Ok((host(&["www.a.org"]), None))),
            ("($host != a.org)", Ok((Matches::default(), Some(host(&["a.org"]))))),
            ("($request_method !~ ^(GET|HEAD)$)", Ok((Matches::default(), Some(methods(&["GET", "HEAD"]))))),
            ("($http_x_a)", Ok((Matches::header("X-A", Is::Present), None))),
            ("($http_x_a = \"\")", Ok((Matches::default(), Some(Matches::header("X-A", Is::Present))))),
            ("($arg_q ~ ^(1|2)$)", Ok((Matches::query("q", Is::OneOf(vec!["1".to_owned(), "2".to_owned()])), None))),
            ("($scheme = http)", Err("false".to_owned())),
            ("($scheme != http)", Err("true".to_owned())),
            ("(-f $request_filename)", Err("only variables are asked".to_owned())),
            (r"($host ~ \.org$)", Err("hosts are asked as names or as \"*.name\" only".to_owned())),
        ] {
            assert_eq!(when(text), expect, "{text}");
        }
    }
}
