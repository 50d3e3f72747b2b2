//! Where a reference leads from a URL: RFC 3986 section 5.2, for the `http` and `https` URLs that there are here.

use super::{URL_BYTES_MAX, Url, UrlError};
use core::fmt::Write;

impl Url {
    /// Where `reference` leads from here, as a Location field has it (RFC 9110 section 10.2.2). Bytes that no URL may hold are
    /// written as `%XX`, as clients do; a fragment is dropped.
    ///
    /// # Errors
    /// It leads to no `http` or `https` URL, or is too long.
    pub fn join(&self, reference: &[u8]) -> Result<Self, UrlError> {
        if reference.len() > URL_BYTES_MAX {
            return Err(UrlError::TooLong(reference.len()));
        }
        let text = encoded(reference);
        let text = text.split('#').next().unwrap_or_default();
        if let Some(scheme) = scheme_of(text) {
            let rest = &text[scheme.len() + 1..];
            return match (scheme.to_ascii_lowercase().as_str(), rest.strip_prefix("//")) {
                ("http" | "https", Some(_)) => Ok(Self::parse(text)?.without_dots()),
                ("http" | "https", None) => Err(UrlError::NoHost),
                _ => Err(UrlError::Scheme(scheme.to_owned())),
            };
        }
        if text.starts_with("//") {
            return Ok(Self::parse(&format!("{}:{text}", self.scheme()))?.without_dots());
        }
        let here = self.path_alone();
        let path = match text.chars().next() {
            None => self.path.clone(),
            Some('/') => text.to_owned(),
            Some('?') => format!("{here}{text}"),
            Some(_) => format!("{}{text}", &here[..here.rfind('/').map_or(0, |at| at + 1)]),
        };
        match path.len() {
            len if len > URL_BYTES_MAX => Err(UrlError::TooLong(len)),
            _ => Ok(Self { path, ..self.clone() }.without_dots()),
        }
    }

    /// The same scheme, host and port (RFC 6454 section 4)?
    pub fn is_of_origin(&self, other: &Self) -> bool {
        let (ours, theirs) = ((self.secure, self.port, &self.zone), (other.secure, other.port, &other.zone));
        ours == theirs && self.host.eq_ignore_ascii_case(&other.host)
    }

    /// Scheme, host and port, as they stand before the path.
    pub fn origin(&self) -> String {
        format!("{}://{}", self.scheme(), self.host_field())
    }

    /// RFC 3986 section 5.2.4.
    fn without_dots(mut self) -> Self {
        let (path, query) = match self.path.find('?') {
            Some(at) => self.path.split_at(at),
            None => (self.path.as_str(), ""),
        };
        let mut kept: Vec<&str> = Vec::new();
        let segments = path.strip_prefix('/').unwrap_or(path).split('/');
        let mut ends_open = false;
        for segment in segments {
            ends_open = matches!(segment, "." | "..");
            match segment {
                "." => {}
                ".." => drop(kept.pop()),
                segment => kept.push(segment),
            }
        }
        if ends_open {
            kept.push("");
        }
        self.path = format!("/{}{query}", kept.join("/"));
        self
    }
}

/// The scheme, where `text` begins with one and its colon.
fn scheme_of(text: &str) -> Option<&str> {
    let (scheme, _) = text.split_once(':')?;
    let is_one = scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
    is_one.then_some(scheme)
}

fn encoded(reference: &[u8]) -> String {
    let mut text = String::with_capacity(reference.len());
    for byte in reference {
        if byte.is_ascii_graphic() && !b"\"<>\\^`{|}".contains(byte) {
            text.push(char::from(*byte));
        } else {
            // Writing to a String cannot fail.
            let _ok = write!(text, "%{byte:02X}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(reference: &str, expect: &str) {
        let base = Url::parse("http://a/b/c/d;p?q").expect("a URL");
        let seen = base.join(reference.as_bytes()).map(|url| url.to_string());
        assert_eq!(seen.as_deref(), Ok(expect), "{reference:?}");
    }

    /// RFC 3986 sections 5.4.1 and 5.4.2, those that are `http`; fragments are dropped here.
    #[test]
    fn references_lead_where_the_rfc_says() {
        for (reference, expect) in [
            ("g", "http://a/b/c/g"),
            ("./g", "http://a/b/c/g"),
            ("g/", "http://a/b/c/g/"),
            ("/g", "http://a/g"),
            ("//g", "http://g/"),
            ("?y", "http://a/b/c/d;p?y"),
            ("g?y", "http://a/b/c/g?y"),
            ("#s", "http://a/b/c/d;p?q"),
            ("g#s", "http://a/b/c/g"),
            ("g?y#s", "http://a/b/c/g?y"),
            (";x", "http://a/b/c/;x"),
            ("g;x?y#s", "http://a/b/c/g;x?y"),
            ("", "http://a/b/c/d;p?q"),
            (".", "http://a/b/c/"),
            ("./", "http://a/b/c/"),
            ("..", "http://a/b/"),
            ("../g", "http://a/b/g"),
            ("../..", "http://a/"),
            ("../../g", "http://a/g"),
            ("../../../g", "http://a/g"),
            ("/./g", "http://a/g"),
            ("/../g", "http://a/g"),
            ("g.", "http://a/b/c/g."),
            ("..g", "http://a/b/c/..g"),
            ("./g/.", "http://a/b/c/g/"),
            ("g/./h", "http://a/b/c/g/h"),
            ("g/../h", "http://a/b/c/h"),
            ("g?y/./x", "http://a/b/c/g?y/./x"),
            ("https://x.example:8443/y", "https://x.example:8443/y"),
            ("a b\u{e9}", "http://a/b/c/a%20b%C3%A9"),
        ] {
            check(reference, expect);
        }
    }

    #[test]
    fn what_is_no_http_url_leads_nowhere() {
        let base = Url::parse("https://a/").expect("a URL");
        let wrong = |reference: &str| base.join(reference.as_bytes()).expect_err(reference);
        assert_eq!(wrong("mailto:me"), UrlError::Scheme("mailto".into()));
        assert_eq!(wrong("ftp://a/"), UrlError::Scheme("ftp".into()));
        assert_eq!(wrong("http:g"), UrlError::NoHost);
        assert_eq!(wrong("//me@b/"), UrlError::UserInfo);
        assert_eq!(wrong(&"a".repeat(9000)), UrlError::TooLong(9000));
        assert_eq!(base.join(b"//b/x").expect("a URL").origin(), "https://b");
    }

    #[test]
    fn an_origin_is_scheme_host_and_port() {
        let url = |text| Url::parse(text).expect("a URL");
        let base = url("http://A/x");
        assert!(base.is_of_origin(&url("http://a:80/y")));
        assert!(!base.is_of_origin(&url("http://a:81/x")) && !base.is_of_origin(&url("https://a:80/x")));
    }
}
