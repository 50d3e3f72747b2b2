//! Bodies put together of parts: forms with files (multipart/form-data, RFC 7578).

use crate::plan::BODY_BYTES_MAX;

/// Parts of one form.
const PARTS_MAX: usize = 1000;

/// One part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// The field's name.
    pub name: String,
    /// The file's name, where it is one.
    pub file: Option<String>,
    /// What it is; `None`: nothing is said, which means text.
    pub kind: Option<String>,
    /// Its content.
    pub content: Vec<u8>,
}

/// A form that is no form.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FormMistake {
    /// No `=`.
    #[error("-F {0:?}: write name=value, or name=@FILE for a file")]
    NoName(String),
    /// A line end in a name or type would begin another field.
    #[error("-F {0:?}: a name or type holds no line end and no quotation mark")]
    Name(String),
    /// Too many parts.
    #[error("{0} parts of a form: at most {PARTS_MAX} are supported")]
    TooMany(usize),
    /// More than a body may be.
    #[error("a form of {0} bytes: at most {BODY_BYTES_MAX} are supported; use smaller files")]
    TooLong(usize),
}

/// A form as given: where its content comes from is the caller's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Given<'t> {
    /// The field's name.
    pub name: &'t str,
    /// Its value, or the path of a file.
    pub value: &'t str,
    /// It is a file to be sent as one (`@`), or one whose content is the value (`<`).
    pub from: From,
    /// `;type=`.
    pub kind: Option<&'t str>,
    /// `;filename=`.
    pub file_name: Option<&'t str>,
}

/// Where a part's content comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum From {
    /// It is written there.
    Text,
    /// A file, sent as one.
    File,
    /// A file's content, as if it was written there.
    Content,
}

/// `name=value`, `name=@path;type=text/plain;filename=x`, `name=<path`, as curl has it.
///
/// # Errors
/// There is no name.
pub fn parse(text: &str) -> Result<Given<'_>, FormMistake> {
    let (name, rest) = text.split_once('=').ok_or_else(|| FormMistake::NoName(text.to_owned()))?;
    if name.is_empty() {
        return Err(FormMistake::NoName(text.to_owned()));
    }
    let (from, rest) = match (rest.strip_prefix('@'), rest.strip_prefix('<')) {
        (Some(path), _) => (From::File, path),
        (_, Some(path)) => (From::Content, path),
        (None, None) => (From::Text, rest),
    };
    let (mut value, mut kind, mut file_name) = (rest, None, None);
    while let Some((before, after)) = value.rsplit_once(';') {
        match after.split_once('=') {
            Some(("type", of)) => kind = Some(of),
            Some(("filename", of)) => file_name = Some(of),
            _ => break,
        }
        value = before;
    }
    let given = Given { name, value, from, kind, file_name };
    let words = [Some(given.name), given.kind, given.file_name];
    let bad = |word: &str| word.contains(['\r', '\n', '"', '\0']);
    if words.into_iter().flatten().any(bad) { Err(FormMistake::Name(text.to_owned())) } else { Ok(given) }
}

/// The body, and the value of its Content-Type. The boundary is one that no part holds; the same parts, the same body.
///
/// # Errors
/// It is more than can be sent.
pub fn multipart(parts: &[Part]) -> Result<(Vec<u8>, String), FormMistake> {
    if parts.len() > PARTS_MAX {
        return Err(FormMistake::TooMany(parts.len()));
    }
    let bytes = parts.iter().map(|part| part.content.len()).sum();
    if bytes > BODY_BYTES_MAX {
        return Err(FormMistake::TooLong(bytes));
    }
    let is_free = |boundary: &String| !parts.iter().any(|part| holds(&part.content, boundary.as_bytes()));
    // One of so many is in no part: together they hold fewer.
    let boundary = (0..=bytes).map(|at| format!("quintet-{at:012}")).find(is_free).unwrap_or_default();
    let mut body = Vec::with_capacity(bytes + parts.len() * 200);
    for part in parts {
        body.extend_from_slice(head_of(part, &boundary).as_bytes());
        body.extend_from_slice(&part.content);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    match body.len() {
        bytes if bytes > BODY_BYTES_MAX => Err(FormMistake::TooLong(bytes)),
        _ => Ok((body, format!("multipart/form-data; boundary={boundary}"))),
    }
}

fn head_of(part: &Part, boundary: &str) -> String {
    let mut head = format!("--{boundary}\r\nContent-Disposition: form-data; name=\"{}\"", part.name);
    if let Some(file) = &part.file {
        head.push_str(&format!("; filename=\"{file}\""));
    }
    let of_file = part.file.as_ref().map(|_| "application/octet-stream");
    if let Some(kind) = part.kind.as_deref().or(of_file) {
        head.push_str(&format!("\r\nContent-Type: {kind}"));
    }
    head.push_str("\r\n\r\n");
    head
}

fn holds(content: &[u8], text: &[u8]) -> bool {
    content.windows(text.len()).any(|part| part == text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_written_as_curl_has_them() {
        let check = |text: &str, name: &str, value: &str, from: From, kind: Option<&str>, file: Option<&str>| {
            let given = parse(text).unwrap_or_else(|why| panic!("{text}: {why}"));
            assert_eq!(
                (given.name, given.value, given.from, given.kind, given.file_name),
                (name, value, from, kind, file)
            );
        };
        check("a=b=c", "a", "b=c", From::Text, None, None);
        check("a=", "a", "", From::Text, None, None);
        check("a=x;y;z", "a", "x;y;z", From::Text, None, None);
        check("a=@/tmp/f;type=text/csv;filename=g.csv", "a", "/tmp/f", From::File, Some("text/csv"), Some("g.csv"));
        check("a=<f", "a", "f", From::Content, None, None);
        for bad in ["a", "=b", "a\"=b", "a=@f;type=x\r\ny"] {
            assert!(parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_form_is_its_parts_between_boundaries_that_none_holds() {
        let part = |name: &str, file: Option<&str>, content: &[u8]| Part {
            name: name.into(),
            file: file.map(str::to_owned),
            kind: None,
            content: content.to_vec(),
        };
        let parts = [part("a", None, b"x quintet-000000000000 y"), part("f", Some("f.bin"), &[0, 255])];
        let (body, kind) = multipart(&parts).expect("a form");
        assert_eq!(kind, "multipart/form-data; boundary=quintet-000000000001");
        let b = "--quintet-000000000001";
        let head = format!(
            "{b}\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nx quintet-000000000000 y\r\n{b}\r\n\
             Content-Disposition: form-data; name=\"f\"; filename=\"f.bin\"\r\nContent-Type: application/octet-stream\r\n\r\n"
        );
        let expect = [head.as_bytes(), &[0, 255], format!("\r\n{b}--\r\n").as_bytes()].concat();
        assert_eq!(body, expect, "{}", String::from_utf8_lossy(&body));
        assert_eq!(
            multipart(&[part("a", None, &vec![0; BODY_BYTES_MAX + 1])]),
            Err(FormMistake::TooLong(BODY_BYTES_MAX + 1))
        );
    }
}
