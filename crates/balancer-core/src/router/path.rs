//! The forms of a path: as it came, as it is passed on, as it is matched.
//!
//! ```text
//!   as it came       /a//b/../%61dmin;v=1/x%2Fy
//!   passed on        /a//%61dmin;v=1/x%2Fy        dot segments resolved (RFC 3986 section 5.2.4), however they are encoded
//!   matched          /a/admin/x/y                 decoded, parameters of segments left out, slashes merged
//! ```
//!
//! What is matched is never further resolved than what is passed on: a server that decodes, merges slashes or cuts
//! parameters sees what was matched, and one that does not sees no path that another route stands for. A path that some
//! servers would resolve once more behind that (`..%2f`, `..;`, a backslash beside dots) is refused, and so is a zero byte.

use http::{Template, Values};

/// A path that servers read differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the path holds dot segments in disguise, or a zero byte: servers read it differently")]
pub struct AmbiguousPath;

/// Is a path passed on and matched as it came?
#[inline]
pub(super) fn is_plain(path: &[u8]) -> bool {
    let mut unwelcome = ANYWHERE;
    for byte in path {
        let kind = KINDS[usize::from(*byte)];
        if kind & unwelcome != 0 {
            return false;
        }
        unwelcome = ANYWHERE | (kind & SLASH) << 1; // SLASH becomes BEHIND_SLASH
    }
    true
}

/// Bytes that make a path another one: wherever they stand, or behind a slash, as a slash and a dot do there.
static KINDS: [u8; 256] = {
    let mut kinds = [0; 256];
    kinds[b'%' as usize] = ANYWHERE;
    kinds[b';' as usize] = ANYWHERE;
    kinds[b'\\' as usize] = ANYWHERE;
    kinds[b'/' as usize] = SLASH | BEHIND_SLASH;
    kinds[b'.' as usize] = BEHIND_SLASH;
    kinds
};
const ANYWHERE: u8 = 1;
const SLASH: u8 = 2;
const BEHIND_SLASH: u8 = 4;

/// Appends the form that is passed on to `out`. `path` starts with a slash.
///
/// # Errors
/// Servers would read it differently.
pub(super) fn pass_on(path: &[u8], out: &mut Vec<u8>) -> Result<(), AmbiguousPath> {
    let from = out.len();
    let mut segments = path[1..].split(|byte| *byte == b'/').peekable();
    while let Some(segment) = segments.next() {
        let dots = dots(segment);
        if dots == Some(2) {
            let parent = out[from..].iter().rposition(|byte| *byte == b'/').unwrap_or(0);
            out.truncate(from + parent);
        }
        if dots.is_none() {
            out.push(b'/');
            out.extend_from_slice(segment);
        } else if segments.peek().is_none() {
            out.push(b'/');
        }
    }
    if out[from..].is_empty() {
        out.push(b'/');
    }
    if out[from..].split(|byte| *byte == b'/').any(is_ambiguous) { Err(AmbiguousPath) } else { Ok(()) }
}

/// Of a segment that is nothing but one dot or two: how many.
fn dots(segment: &[u8]) -> Option<usize> {
    let (mut rest, mut count) = (segment, 0);
    while !rest.is_empty() {
        let (byte, len) = decoded(rest);
        if byte != b'.' || count == 2 {
            return None;
        }
        (count, rest) = (count + 1, &rest[len..]);
    }
    (count > 0).then_some(count)
}

/// Is it a dot segment, or would some server find one in it?
pub(super) fn is_dotted(segment: &[u8]) -> bool {
    dots(segment).is_some() || is_ambiguous(segment)
}

/// Would some server find a dot segment in it, or its end?
fn is_ambiguous(segment: &[u8]) -> bool {
    let (mut rest, mut dots, mut others, mut in_parameters) = (segment, 0, false, false);
    while let Some(raw) = rest.first() {
        let (byte, len) = decoded(rest);
        rest = &rest[len..];
        match byte {
            0 => return true,
            b'/' | b'\\' => {
                if is_dots(dots, others) {
                    return true;
                }
                (dots, others, in_parameters) = (0, false, false);
            }
            _ if in_parameters => {}
            _ if *raw == b';' => in_parameters = true,
            b'.' => dots += 1,
            _ => others = true,
        }
    }
    is_dots(dots, others)
}

fn is_dots(dots: usize, others: bool) -> bool {
    !others && (1..=2).contains(&dots)
}

/// The first byte, decoded, and how many bytes say it. A percent sign that encodes nothing stands for itself.
fn decoded(bytes: &[u8]) -> (u8, usize) {
    match bytes {
        [b'%', high, low, ..] => match (hex(*high), hex(*low)) {
            (Some(high), Some(low)) => (high << 4 | low, 3),
            _ => (b'%', 1),
        },
        _ => (bytes[0], 1),
    }
}

fn hex(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).map(|digit| digit as u8)
}

/// Reads what is matched of a path that is passed on.
#[derive(Default)]
pub(super) struct Matching {
    at: usize,
    last: u8,
    in_parameters: bool,
}

impl Matching {
    /// The next byte that is matched of `passed`, and where in it that ends.
    pub(super) fn next(&mut self, passed: &[u8]) -> Option<(u8, usize)> {
        while let Some(raw) = passed.get(self.at).copied() {
            let (byte, len) = decoded(&passed[self.at..]);
            self.at += len;
            self.in_parameters = raw == b';' || self.in_parameters && raw != b'/';
            if self.in_parameters || byte == b'/' && self.last == b'/' {
                continue;
            }
            self.last = byte;
            return Some((byte, self.at));
        }
        None
    }
}

/// Turns the form that is passed on into the one that is matched, which is never longer.
pub(super) fn make_matched(path: &mut Vec<u8>) {
    let (mut matching, mut len) = (Matching::default(), 0);
    while let Some((byte, _)) = matching.next(path) {
        path[len] = byte;
        len += 1;
    }
    path.truncate(len);
}

/// Where in a path that is passed on the part ends that is matched by `prefix`; `None` where it does not begin with it.
pub(super) fn end_of_prefix(passed: &[u8], prefix: &[u8]) -> Option<usize> {
    let (mut matching, mut end) = (Matching::default(), 0);
    for byte in prefix {
        let (next, at) = matching.next(passed)?;
        if next != *byte {
            return None;
        }
        end = at;
    }
    let border = prefix.ends_with(b"/") || matching.next(passed).is_none_or(|(byte, _)| byte == b'/');
    border.then_some(end)
}

/// Does `path`, as it is matched, begin with `prefix`, up to a border of segments? A prefix that ends with a slash is what
/// is below it.
pub(super) fn begins_with(path: &[u8], prefix: &[u8]) -> bool {
    let rest = path.strip_prefix(prefix);
    rest.is_some_and(|rest| prefix.ends_with(b"/") || rest.is_empty() || rest[0] == b'/')
}

/// Appends `bytes` to `out` as they may stand in a path: what may not is encoded.
pub(super) fn encode(bytes: &[u8], out: &mut Vec<u8>) {
    encode_unless(bytes, |byte| byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,=:@/".contains(&byte), out);
}

/// Appends `bytes` to `out`, encoded where no target can hold them: a field's value may be anything.
pub(super) fn append_visible(bytes: &[u8], out: &mut Vec<u8>) {
    encode_unless(bytes, is_visible, out);
}

/// Appends what a template makes of `values`, encoded where no target can hold it. Behind a question mark a group says one thing:
/// what would end it there and begin a parameter of the client's own choice is encoded.
pub(super) fn append_filled(to: &Template, values: &Values<'_>, out: &mut Vec<u8>) {
    let mut in_query = false;
    for (is_group, piece) in to.pieces(values) {
        match in_query && is_group {
            true => encode_unless(piece, |byte| is_visible(byte) && !matches!(byte, b'&' | b'=' | b'+'), out),
            false => append_visible(piece, out),
        }
        in_query |= piece.contains(&b'?');
    }
}

fn is_visible(byte: u8) -> bool {
    byte > b' ' && byte < 0x7f && byte != b'#'
}

fn encode_unless(bytes: &[u8], good: impl Fn(u8) -> bool, out: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    for &byte in bytes {
        match good(byte) {
            true => out.push(byte),
            false => out.extend([b'%', DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]),
        }
    }
}

/// Does text of a query, up to `=` or `&`, say this? `+` stands for a space (the form of HTML).
pub(super) fn says(query: &[u8], text: &[u8]) -> bool {
    let (mut rest, mut text) = (query, text);
    while !rest.is_empty() {
        let (byte, len) = decoded(rest);
        let byte = if rest[0] == b'+' { b' ' } else { byte };
        match text.split_first() {
            Some((first, after)) if *first == byte => (rest, text) = (&rest[len..], after),
            _ => return false,
        }
    }
    text.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(path: &str, expect: Result<(&str, &str), AmbiguousPath>) {
        let mut passed = Vec::new();
        let got = pass_on(path.as_bytes(), &mut passed).map(|()| {
            let text = String::from_utf8(passed.clone()).expect("text");
            make_matched(&mut passed);
            (text, String::from_utf8_lossy(&passed).into_owned())
        });
        let expect = expect.map(|(passed, matched)| (passed.to_owned(), matched.to_owned()));
        assert_eq!(got, expect, "{path}");
        let plain = is_plain(path.as_bytes());
        assert!(!plain || got == Ok((path.to_owned(), path.to_owned())), "{path} is not plain");
    }

    #[test]
    fn what_means_the_same_is_matched_alike() {
        for plain in ["/", "/a", "/a/b/", "/a.b/c..", "/a/b.", "/~x/$y"] {
            check(plain, Ok((plain, plain)));
            assert!(is_plain(plain.as_bytes()), "{plain}");
        }
        check("/%61dmin", Ok(("/%61dmin", "/admin")));
        check("/a/../b", Ok(("/b", "/b")));
        check("/a/./b", Ok(("/a/b", "/a/b")));
        check("/a/%2e%2E/b", Ok(("/b", "/b")));
        check("/a/.%2e", Ok(("/", "/")));
        check("/a/b/..", Ok(("/a/", "/a/")));
        check("/a/b/.", Ok(("/a/b/", "/a/b/")));
        check("/../../a", Ok(("/a", "/a")));
        check("/..", Ok(("/", "/")));
        check("//a//b", Ok(("//a//b", "/a/b")));
        // As RFC 3986 has it: an empty segment is one.
        check("/x//../admin", Ok(("/x/admin", "/x/admin")));
        check("/a%2Fb", Ok(("/a%2Fb", "/a/b")));
        check("/admin;v=1/x;y", Ok(("/admin;v=1/x;y", "/admin/x")));
        check("/admin%3Bv=1", Ok(("/admin%3Bv=1", "/admin;v=1")));
        check("/%zz%", Ok(("/%zz%", "/%zz%")));
        check("/%C3%A9", Ok(("/%C3%A9", "/é")));
        check("/...", Ok(("/...", "/...")));
        check("/.hidden/..x", Ok(("/.hidden/..x", "/.hidden/..x")));
        check("/%252e%252e/a", Ok(("/%252e%252e/a", "/%2e%2e/a")));
    }

    #[test]
    fn what_some_servers_would_resolve_further_is_refused() {
        for path in [
            "/a/..%2fadmin",
            "/a%2f../admin",
            "/a/..%5cadmin",
            "/a/..\\admin",
            "/a\\..\\admin",
            "/a/..;/admin",
            "/a/..;v=1/admin",
            "/a/.;/admin",
            "/a/%2e%2e;x/admin",
            "/a%00",
            "/a%2f.",
        ] {
            check(path, Err(AmbiguousPath));
        }
        check("/a\\b", Ok(("/a\\b", "/a\\b")));
        check("/a;..", Ok(("/a;..", "/a")));
    }

    #[test]
    fn a_prefix_ends_where_a_segment_ends() {
        let check = |path: &str, prefix: &str, expect: bool| {
            assert_eq!(begins_with(path.as_bytes(), prefix.as_bytes()), expect, "{path} {prefix}");
        };
        check("/api", "/api", true);
        check("/api/x", "/api", true);
        check("/apix", "/api", false);
        check("/api", "/api/", false);
        check("/api/", "/api/", true);
        check("/api/x", "/api/", true);
        check("/x", "/", true);
    }

    #[test]
    fn queries_are_read_decoded() {
        let check = |query: &str, text: &str, expect: bool| {
            assert_eq!(says(query.as_bytes(), text.as_bytes()), expect, "{query}")
        };
        check("a+b%21", "a b!", true);
        check("a", "ab", false);
        check("ab", "a", false);
        check("", "", true);
    }
}
