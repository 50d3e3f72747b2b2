//! A line as Apache writes it, in the common and the combined log format: for whatever has read such lines for decades.

use super::json::version_of;
use super::{Part, Told, escape, plain, time};
use http::forward::AddressText;

/// `client - user [time] "request" status bytes`.
pub(super) fn write_common(told: &Told<'_>, out: &mut Vec<u8>) {
    write_first(told, out);
    out.push(b'\n');
}

/// The same with `"referer" "user agent"`.
pub(super) fn write_combined(told: &Told<'_>, out: &mut Vec<u8>) {
    write_first(told, out);
    for part in [Part::Referer, Part::UserAgent] {
        out.extend_from_slice(b" \"");
        write_or_dash(told.part(part), out);
        out.push(b'"');
    }
    out.push(b'\n');
}

fn write_first(told: &Told<'_>, out: &mut Vec<u8>) {
    let line = told.line;
    out.extend_from_slice(AddressText::new(line.client).as_bytes());
    out.extend_from_slice(b" - ");
    match told.part(Part::User) {
        b"" => out.push(b'-'),
        user => escape::word(user, out),
    }
    out.extend_from_slice(b" [");
    time::common(line.at, out);
    out.extend_from_slice(b"] \"");
    write_request(told, out);
    // A joined connection has no status; whoever reads such lines wants a number.
    out.extend_from_slice(b"\" ");
    plain::three_digits(line.status.into(), out);
    out.push(b' ');
    match line.bytes_down {
        0 => out.push(b'-'),
        bytes => plain::number(bytes, out),
    }
}

/// The request line; of what was not understood, how it began.
fn write_request(told: &Told<'_>, out: &mut Vec<u8>) {
    let method = told.part(Part::Method);
    if method.is_empty() {
        return write_or_dash(told.part(Part::Begins), out);
    }
    escape::quoted(method, out);
    out.push(b' ');
    escape::quoted(told.part(Part::Target), out);
    out.push(b' ');
    out.extend_from_slice(version_of(told.line.version).as_bytes());
}

fn write_or_dash(text: &[u8], out: &mut Vec<u8>) {
    match text {
        b"" => out.push(b'-'),
        text => escape::quoted(text, out),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Failure;
    use crate::access::{Line, LogFormat, a_line, written};
    use crate::exchange::Record;
    use core::time::Duration;
    use regex::Regex;

    #[test]
    fn a_line_is_apaches() {
        let parts: [(Part, &[u8]); 5] = [
            (Part::Method, b"GET"),
            (Part::Target, b"/x?a=\"b\""),
            (Part::User, b"Jane Doe"),
            (Part::Referer, b"http://r/"),
            (Part::UserAgent, b"me\\\n\x1b\xff"),
        ];
        let first = "192.0.2.7 - Jane\\x20Doe [29/Feb/2024:12:34:56 +0000] \"GET /x?a=\\\"b\\\" HTTP/1.1\" 200 5";
        assert_eq!(written(LogFormat::Common, a_line(), &parts), format!("{first}\n"));
        let rest = " \"http://r/\" \"me\\\\\\x0a\\x1b\\xff\"";
        assert_eq!(written(LogFormat::Combined, a_line(), &parts), format!("{first}{rest}\n"));
    }

    /// A strict reader finds the same number of columns, whatever came.
    #[test]
    fn a_strict_reader_understands_every_line() {
        // Without tables of Unicode `\d` is no pattern.
        let d = "[0-9]";
        let text = r#"((?:[ !#-\[\]-~]|\\["\\]|\\x[0-9a-f]{2})*)"#;
        let pattern = format!(
            r#"\A([!-~]+) - ([!-~]+) \[({d}{d}/[A-Z][a-z]{{2}}/{d}{{4}}:{d}{d}:{d}{d}:{d}{d} \+0000)\] "{text}" ({d}{{3}}) ({d}+|-) "{text}" "{text}"\n\z"#
        );
        let reader = Regex::new(&pattern).expect("a pattern");
        let refused =
            Record { failure: Some(Failure::BadRequest(http1::Error::BareLf)), ..Record::begun(Duration::ZERO) };
        let hostile: [&[u8]; 6] =
            [b"", b"\" 200 5\n127.0.0.1 - - [", b"\\", b"\\\"", b"\x00\x7f\x80\xff\x1b]0;x\x07", "\u{202e}".as_bytes()];
        for text in hostile {
            let parts =
                [Part::Target, Part::User, Part::Referer, Part::UserAgent, Part::Begins].map(|part| (part, text));
            for method in [&b"GET"[..], b""] {
                let parts: Vec<_> = parts.into_iter().chain([(Part::Method, method)]).collect();
                for record in [a_line().record, refused] {
                    let line = written(LogFormat::Combined, Line { record, bytes_down: 0, ..a_line() }, &parts);
                    assert!(reader.is_match(&line), "{line:?}");
                }
            }
        }
    }
}
