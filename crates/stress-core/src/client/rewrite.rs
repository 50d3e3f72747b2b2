//! The bytes of a request, written anew for where it goes next.

use super::Turn;
use http::url::Url;

/// Fields about a body that is not sent any more (RFC 9110 section 15.4).
const OF_BODY: [&str; 8] = [
    "content-length",
    "content-type",
    "content-encoding",
    "content-language",
    "content-location",
    "transfer-encoding",
    "digest",
    "expect",
];
/// Fields that say who asks.
const WHO_ASKS: [&str; 2] = ["authorization", "cookie"];

/// The target of a request that is sent as `request`.
pub fn target_of(request: &[u8]) -> &[u8] {
    let line = request.split(|byte| *byte == b'\r').next().unwrap_or_default();
    line.split(|byte| *byte == b' ').nth(1).unwrap_or_default()
}

/// `request` as it is sent to `to` after `turn`, behind `out`. A proxy that was asked for a whole URL is asked for one again.
pub fn follow(request: &[u8], to: &Url, turn: Turn, out: &mut Vec<u8>) {
    let (head, body) = split(request);
    let mut lines = head.split_inclusive(|byte| *byte == b'\n');
    let line = lines.next().unwrap_or_default();
    let method = if turn.becomes_get { b"GET" } else { line.split(|byte| *byte == b' ').next().unwrap_or_default() };
    let version = line.rsplit(|byte| *byte == b' ').next().unwrap_or_default();
    out.extend_from_slice(method);
    out.push(b' ');
    if !target_of(request).starts_with(b"/") {
        out.extend_from_slice(to.origin().as_bytes());
    }
    out.extend_from_slice(to.path().as_bytes());
    out.push(b' ');
    out.extend_from_slice(version);
    for field in lines {
        match name_of(field) {
            name if turn.becomes_get && is_one_of(name, &OF_BODY) => {}
            name if turn.changes_origin && is_one_of(name, &WHO_ASKS) => {}
            name if turn.changes_origin && name.eq_ignore_ascii_case(b"host") => {
                out.extend_from_slice(b"Host: ");
                out.extend_from_slice(to.host_field().as_bytes());
                out.extend_from_slice(b"\r\n");
            }
            _ => out.extend_from_slice(field),
        }
    }
    out.extend_from_slice(if turn.becomes_get { &[] } else { body });
}

/// `request` with `cookies` in front of those it has, behind `out`: in one field, as RFC 6265 section 5.4 has it.
pub fn with_cookies(request: &[u8], cookies: &[u8], out: &mut Vec<u8>) {
    let (head, body) = split(request);
    let fields = head.strip_suffix(b"\r\n").unwrap_or(head);
    let mut is_told = false;
    for line in fields.split_inclusive(|byte| *byte == b'\n') {
        let name = name_of(line);
        if is_told || !name.eq_ignore_ascii_case(b"cookie") {
            out.extend_from_slice(line);
            continue;
        }
        is_told = true;
        out.extend_from_slice(b"Cookie: ");
        out.extend_from_slice(cookies);
        out.extend_from_slice(b"; ");
        out.extend_from_slice(
            line[name.len()..].trim_ascii_start().strip_prefix(b":").unwrap_or_default().trim_ascii_start(),
        );
    }
    if !is_told {
        out.extend_from_slice(b"Cookie: ");
        out.extend_from_slice(cookies);
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b"\r\n");
    out.extend_from_slice(body);
}

/// Head with its empty line, and body.
fn split(request: &[u8]) -> (&[u8], &[u8]) {
    let end = request.windows(4).position(|part| part == b"\r\n\r\n").map_or(request.len(), |at| at + 4);
    request.split_at(end)
}

fn name_of(field: &[u8]) -> &[u8] {
    field.split(|byte| *byte == b':').next().unwrap_or_default()
}

fn is_one_of(name: &[u8], names: &[&str]) -> bool {
    names.iter().any(|one| name.eq_ignore_ascii_case(one.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const POST: &str = "POST /a?b HTTP/1.1\r\nHost: a\r\nAuthorization: Basic x\r\ncookie: c=d\r\nX-Y: z\r\n\
                        Content-Type: text/plain\r\nContent-Length: 4\r\n\r\nbody";

    #[track_caller]
    fn check(request: &str, to: &str, turn: (bool, bool), expect: &str) {
        let mut out = Vec::new();
        let turn = Turn { becomes_get: turn.0, changes_origin: turn.1 };
        follow(request.as_bytes(), &Url::parse(to).expect("a URL"), turn, &mut out);
        assert_eq!(String::from_utf8_lossy(&out), expect);
    }

    #[test]
    fn cookies_stand_in_one_field() {
        let with = |request: &str| {
            let mut out = Vec::new();
            with_cookies(request.as_bytes(), b"j=1; k=2", &mut out);
            String::from_utf8(out).expect("text")
        };
        assert_eq!(with(POST), POST.replace("cookie: c=d", "Cookie: j=1; k=2; c=d"));
        assert_eq!(with("GET / HTTP/1.1\r\nHost: a\r\n\r\n"), "GET / HTTP/1.1\r\nHost: a\r\nCookie: j=1; k=2\r\n\r\n");
    }

    #[test]
    fn a_request_goes_elsewhere_as_what_it_becomes() {
        assert_eq!(target_of(POST.as_bytes()), b"/a?b");
        check(POST, "http://a/n", (false, false), &POST.replace("/a?b", "/n"));
        check(
            POST,
            "http://a/n",
            (true, false),
            "GET /n HTTP/1.1\r\nHost: a\r\nAuthorization: Basic x\r\ncookie: c=d\r\nX-Y: z\r\n\r\n",
        );
        check(POST, "http://b:8080/n?q", (true, true), "GET /n?q HTTP/1.1\r\nHost: b:8080\r\nX-Y: z\r\n\r\n");
        let own_host = "GET / HTTP/1.0\r\nHost: mine\r\n\r\n";
        check(own_host, "http://a/n", (false, false), "GET /n HTTP/1.0\r\nHost: mine\r\n\r\n");
        check(own_host, "https://b/", (false, true), "GET / HTTP/1.0\r\nHost: b\r\n\r\n");
        let of_proxy = "GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n";
        check(of_proxy, "http://b:81/n", (false, true), "GET http://b:81/n HTTP/1.1\r\nHost: b:81\r\n\r\n");
    }
}
