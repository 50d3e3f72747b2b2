//! Cookies that a client brings (RFC 6265 section 4.2, read as section 5.4 writes them).

use http::Header;

/// The values of the cookies of that name, in the order of the request.
pub(super) fn values<'b>(headers: &[Header<'b>], name: &str) -> impl Iterator<Item = &'b [u8]> {
    let fields = headers.iter().filter(|field| field.name.eq_ignore_ascii_case("cookie"));
    fields.flat_map(|field| field.value.split(|byte| *byte == b';')).filter_map(move |pair| {
        let pair = pair.trim_ascii();
        let at = pair.iter().position(|byte| *byte == b'=')?;
        (pair[..at].trim_ascii() == name.as_bytes()).then(|| unquoted(pair[at + 1..].trim_ascii()))
    })
}

fn unquoted(value: &[u8]) -> &[u8] {
    value.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\"")).unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_is_found_by_its_name() {
        let check = |value: &str, expect: &[&str]| {
            let headers = [Header { name: "Cookie", value: value.as_bytes() }];
            let got: Vec<_> = values(&headers, "q").map(|value| String::from_utf8_lossy(value)).collect();
            assert_eq!(got, expect, "{value:?}");
        };
        check("q=1", &["1"]);
        check("a=b; q=1;q=2 ;c", &["1", "2"]);
        check("q=\"1\"", &["1"]);
        check("q=a=b", &["a=b"]);
        check("q", &[]);
        check("Q=1; aq=2", &[]);
        check("q=", &[""]);
    }
}
