//! Whether a response is compressed on its way to the client, and how.

use http::{BodyKind, Coding, Header, RequestHead, ResponseHead, list};

/// What a listener or a route compresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compression {
    /// By what, the best first; none: nothing is compressed.
    pub codings: Vec<Coding>,
    /// Which media types.
    pub types: Vec<MediaType>,
    /// Bodies that are told to be shorter are left as they are.
    pub bytes_min: u64,
}

/// Media types that are worth it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MediaType {
    /// `text/html`.
    Exact(Box<str>),
    /// `text/*`: with the slash.
    Group(Box<str>),
    /// `+json`: with the plus (RFC 6838 section 4.2.8).
    Suffix(Box<str>),
}

/// Types that are compressed unless others are named.
const TYPES: [&str; 11] = [
    "text/*",
    "application/json",
    "application/javascript",
    "application/xml",
    "application/wasm",
    "application/manifest+json",
    "image/svg+xml",
    "image/x-icon",
    "font/ttf",
    "+json",
    "+xml",
];

/// Bodies shorter than this are as many segments, compressed or not.
const BYTES_MIN: u64 = 1024;

/// What becomes of a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recode {
    /// It is passed on as it is.
    Plain,
    /// So it is to this client; another one could get it otherwise, which `Vary` has to say.
    Varies,
    /// It is compressed.
    Encoded(Coding),
}

impl MediaType {
    /// A type as configurations write it; `None` where it is none.
    pub fn parse(text: &str) -> Option<Self> {
        let lower = text.to_ascii_lowercase();
        // A star is a token's character, but no type's.
        let is_token = |part: &str| http::is_token(part.as_bytes()) && !part.contains('*');
        match lower.split_once('/') {
            None if lower.strip_prefix('+').is_some_and(is_token) => Some(Self::Suffix(lower.into())),
            Some((group, "*")) if is_token(group) => Some(Self::Group(format!("{group}/").into())),
            Some((group, kind)) if is_token(group) && is_token(kind) => Some(Self::Exact(lower.into())),
            _ => None,
        }
    }

    fn fits(&self, value: &[u8]) -> bool {
        let is = |part: &[u8], known: &str| part.eq_ignore_ascii_case(known.as_bytes());
        match self {
            Self::Exact(name) => is(value, name),
            Self::Group(group) => value.get(..group.len()).is_some_and(|start| is(start, group)),
            Self::Suffix(suffix) => {
                value.len().checked_sub(suffix.len()).is_some_and(|from| is(&value[from..], suffix))
            }
        }
    }
}

impl Compression {
    /// The usual types and bounds.
    pub fn by(codings: Vec<Coding>) -> Self {
        Self { codings, types: TYPES.iter().filter_map(|name| MediaType::parse(name)).collect(), bytes_min: BYTES_MIN }
    }

    /// By what the client of this request likes its answer compressed.
    pub fn asked(&self, request: &RequestHead<'_, '_>) -> Option<Coding> {
        if self.codings.is_empty() || says_no_transform(request.headers) {
            return None;
        }
        Coding::preferred(values(request.headers, "accept-encoding"), &self.codings)
    }

    /// What becomes of this response, for a client that likes it so.
    pub fn choose(&self, response: &ResponseHead<'_, '_>, is_head: bool, asked: Option<Coding>) -> Recode {
        if self.codings.is_empty() || is_fixed(response.headers) {
            return Recode::Plain;
        }
        match response.status {
            206 | 304 if self.whole_varies(response) => Recode::Varies,
            _ if !self.is_worth_it(response, is_head) => Recode::Plain,
            _ => asked.map_or(Recode::Varies, Recode::Encoded),
        }
    }

    /// It speaks of a response that varies, with nothing or a part of it: caches are told the same (RFC 9110 section 15.4.5). A 304
    /// rarely says of which type that is.
    fn whole_varies(&self, response: &ResponseHead<'_, '_>) -> bool {
        let mut kinds = values(response.headers, "content-type").peekable();
        (response.status == 304 && kinds.peek().is_none()) || kinds.next().is_some_and(|kind| self.fits(kind))
    }

    fn fits(&self, kind: &[u8]) -> bool {
        let kind = kind.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
        self.types.iter().any(|known| known.fits(kind))
    }

    fn is_worth_it(&self, response: &ResponseHead<'_, '_>, is_head: bool) -> bool {
        // What has no body, or is a part of one.
        let is_part =
            matches!(response.status, 206 | 304) || values(response.headers, "content-range").next().is_some();
        if is_part || matches!(response.status, 0..200 | 204 | 205) || response.body == BodyKind::Empty && !is_head {
            return false;
        }
        let kind = values(response.headers, "content-type").next().unwrap_or_default();
        response.content_length.is_none_or(|len| len >= self.bytes_min) && self.fits(kind)
    }
}

/// It is encoded already, must not be changed, or carries a sum over its bytes.
fn is_fixed(headers: &[Header<'_>]) -> bool {
    const SUMS: [&str; 4] = ["content-md5", "digest", "content-digest", "repr-digest"];
    let encoded =
        values(headers, "content-encoding").flat_map(list).any(|name| !name.eq_ignore_ascii_case(b"identity"));
    encoded || says_no_transform(headers) || SUMS.iter().any(|name| values(headers, name).next().is_some())
}

fn says_no_transform(headers: &[Header<'_>]) -> bool {
    let mut directives = values(headers, "cache-control").flat_map(list);
    directives.any(|directive| directive.eq_ignore_ascii_case(b"no-transform"))
}

fn values<'v>(headers: &'v [Header<'v>], name: &'static str) -> impl Iterator<Item = &'v [u8]> + Clone {
    let named = headers.iter().filter(move |header| header.name.eq_ignore_ascii_case(name));
    named.map(|header| header.value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers<'h>(fields: &'h str) -> Vec<Header<'h>> {
        let field = |line: &'h str| line.split_once(": ").map(|(name, value)| Header { name, value: value.as_bytes() });
        fields.split('|').filter_map(field).collect()
    }

    #[track_caller]
    fn check(fields: &str, change: impl FnOnce(&mut ResponseHead<'_, '_>), expect: Recode) {
        let headers = headers(fields);
        let mut head = ResponseHead {
            version: http::Version::Http11,
            status: 200,
            reason: "",
            headers: &headers,
            body: BodyKind::Length(5000),
            content_length: Some(5000),
            upgrade: None,
            hop_fields: 0,
            dated: true,
            folded: false,
        };
        change(&mut head);
        let compression = Compression::by(vec![Coding::Gzip]);
        assert_eq!(compression.choose(&head, false, Some(Coding::Gzip)), expect, "{fields}");
        let plain = if expect == Recode::Plain { Recode::Plain } else { Recode::Varies };
        assert_eq!(compression.choose(&head, false, None), plain, "{fields}, to another client");
        let off = Compression { codings: Vec::new(), ..compression };
        assert_eq!(off.choose(&head, false, Some(Coding::Gzip)), Recode::Plain);
    }

    #[test]
    fn only_what_gets_smaller_and_may_be_changed() {
        let yes = Recode::Encoded(Coding::Gzip);
        for kind in
            ["text/html", "TEXT/HTML; charset=utf-8", "application/json", "image/svg+xml", "application/ld+json"]
        {
            check(&format!("Content-Type: {kind}"), |_| {}, yes);
        }
        for kind in ["image/png", "application/octet-stream", "texts/html", "application/jsonp", "", "json", "+json2"] {
            check(&format!("Content-Type: {kind}"), |_| {}, Recode::Plain);
        }
        check("A: b", |_| {}, Recode::Plain);
        let text = "Content-Type: text/plain|";
        for fixed in [
            "Content-Encoding: gzip",
            "content-encoding: identity, br",
            "Cache-Control: public, No-Transform",
            "Content-Range: bytes 0-1/2",
            "Content-MD5: x",
            "Repr-Digest: x",
        ] {
            check(&format!("{text}{fixed}"), |_| {}, Recode::Plain);
        }
        check(&format!("{text}Content-Encoding: identity|Cache-Control: public"), |_| {}, yes);
        for status in [204, 205, 101] {
            check(text, |head| head.status = status, Recode::Plain);
        }
        check(text, |head| head.status = 404, yes);
        check(text, |head| head.content_length = Some(1023), Recode::Plain);
        check(text, |head| head.content_length = Some(1024), yes);
        check(text, |head| (head.content_length, head.body) = (None, BodyKind::Chunked), yes);
        check(text, |head| (head.content_length, head.body) = (None, BodyKind::UntilClose), yes);
        check(text, |head| head.body = BodyKind::Empty, Recode::Plain);
    }

    #[test]
    fn what_stands_for_a_whole_that_varies_says_so() {
        let text = "Content-Type: text/plain|";
        for status in [206, 304] {
            check(text, |head| head.status = status, Recode::Varies);
            check("Content-Type: image/png", |head| head.status = status, Recode::Plain);
            check(&format!("{text}Content-Encoding: br"), |head| head.status = status, Recode::Plain);
        }
        check(&format!("{text}Content-Range: bytes 0-1/2"), |head| head.status = 206, Recode::Varies);
        check("ETag: x", |head| (head.status, head.body) = (304, BodyKind::Empty), Recode::Varies);
    }

    #[test]
    fn a_head_says_what_a_get_would_say() {
        let headers = headers("Content-Type: text/html");
        let head = ResponseHead {
            version: http::Version::Http11,
            status: 200,
            reason: "",
            headers: &headers,
            body: BodyKind::Empty,
            content_length: Some(5000),
            upgrade: None,
            hop_fields: 0,
            dated: true,
            folded: false,
        };
        let choice = Compression::by(vec![Coding::Gzip]).choose(&head, true, Some(Coding::Gzip));
        assert_eq!(choice, Recode::Encoded(Coding::Gzip));
    }

    #[test]
    fn a_request_may_refuse() {
        let compression = Compression::by(vec![Coding::Brotli, Coding::Gzip]);
        let check = |fields: &str, expect: Option<Coding>| {
            let headers = headers(fields);
            let head = RequestHead { headers: &headers, ..RequestHead::default() };
            assert_eq!(compression.asked(&head), expect, "{fields}");
        };
        check("Accept-Encoding: gzip, br", Some(Coding::Brotli));
        check("Accept-Encoding: gzip|Accept-Encoding: br;q=0.5", Some(Coding::Gzip));
        check("Accept-Encoding: gzip|Cache-Control: no-transform", None);
        check("A: b", None);
    }

    #[test]
    fn what_is_no_type() {
        for text in ["text", "text/", "/html", "*/*", "+", "text/a b", "a/b/c", ""] {
            assert_eq!(MediaType::parse(text), None, "{text}");
        }
    }
}
