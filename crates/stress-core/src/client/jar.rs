//! The cookies of one client: taken from answers, shown with requests, as RFC 6265 says. Lines are read by the crate `cookie`;
//! whose they are, and for how long, is decided here. There is no list of public suffixes: a name without a dot is nobody's
//! domain but its own.

use cookie::Cookie;
use core::net::IpAddr;
use core::time::Duration;
use http::url::Url;

/// Cookies of one client; RFC 6265 section 6.1 wants 50 of each domain at least.
const COOKIES_MAX: usize = 180;
/// Bytes of one, name and value (RFC 6265 section 6.1).
const COOKIE_BYTES_MAX: usize = 4096;
/// Bytes of all that are shown with one request.
const SHOWN_BYTES_MAX: usize = 8 * 1024;

/// See the module's head.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Jar {
    /// In the order they were set first.
    cookies: Vec<Stored>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Stored {
    name: String,
    value: String,
    /// In lower case.
    domain: String,
    /// Hosts below the domain are shown it, too.
    for_below: bool,
    path: String,
    is_secure: bool,
    /// Since the start of 1970; `None`: as long as the client lives.
    until: Option<Duration>,
}

/// What became of a cookie that an answer wants to be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// It is kept, in place of one of its name where there was one.
    Kept,
    /// It ended the one of its name.
    Ended,
    /// It is none, or another host's.
    Refused,
    /// It is kept in place of the oldest, or is longer than one may be and is not.
    Crowded,
}

impl Jar {
    /// Takes the value of a Set-Cookie field that an answer from `url` has; `now` is since the start of 1970.
    pub fn take(&mut self, field: &[u8], url: &Url, now: Duration) -> Taken {
        let read = core::str::from_utf8(field).ok().and_then(|text| Cookie::parse(text).ok());
        let Some(cookie) = read.filter(|cookie| !cookie.name().is_empty()) else { return Taken::Refused };
        if cookie.name().len() + cookie.value().len() > COOKIE_BYTES_MAX {
            return Taken::Crowded;
        }
        let host = url.host().to_ascii_lowercase();
        let domain = cookie.domain().map(|domain| domain.trim_start_matches('.').to_ascii_lowercase());
        let domain = domain.filter(|domain| !domain.is_empty() && *domain != host);
        if domain.as_ref().is_some_and(|domain| !domain.contains('.') || !is_below(&host, domain)) {
            return Taken::Refused;
        }
        let for_below = cookie.domain().is_some_and(|domain| !domain.is_empty()) && host.parse::<IpAddr>().is_err();
        let path = cookie.path().filter(|path| path.starts_with('/'));
        self.keep(
            Stored {
                name: cookie.name().to_owned(),
                value: cookie.value().to_owned(),
                domain: domain.unwrap_or(host),
                for_below,
                path: path.unwrap_or_else(|| folder_of(url.path_alone())).to_owned(),
                is_secure: cookie.secure().unwrap_or(false),
                until: until(&cookie, now),
            },
            now,
        )
    }

    /// Reads the lines of a file as browsers and curl write them (Netscape's format). Answers which line is none, from 1.
    ///
    /// # Errors
    /// The number of a line that is neither a cookie nor a comment.
    pub fn of_file(text: &str) -> Result<Self, usize> {
        let mut jar = Self::default();
        for (at, line) in text.lines().enumerate() {
            let line = line.strip_prefix("#HttpOnly_").unwrap_or(line);
            if line.trim().is_empty() || line.starts_with('#') {
                continue;
            }
            let stored = of_line(line).ok_or(at + 1)?;
            // What is over is let go when it would be shown.
            jar.keep(stored, Duration::ZERO);
        }
        Ok(jar)
    }

    /// Is there none?
    pub fn is_empty(&self) -> bool {
        self.cookies.is_empty()
    }

    /// Writes what a request to `url` shows behind `out`, `name=value; name=value`: the longest paths first (RFC 6265 section
    /// 5.4).
    pub fn show(&mut self, url: &Url, now: Duration, out: &mut Vec<u8>) {
        self.cookies.retain(|cookie| cookie.until.is_none_or(|until| until > now));
        let mut shown: Vec<&Stored> = self.cookies.iter().filter(|cookie| cookie.is_for(url)).collect();
        shown.sort_by_key(|cookie| core::cmp::Reverse(cookie.path.len()));
        let begins = out.len();
        for cookie in shown {
            let bytes = cookie.name.len() + cookie.value.len() + 3;
            if out.len() - begins + bytes > SHOWN_BYTES_MAX {
                continue;
            }
            if out.len() > begins {
                out.extend_from_slice(b"; ");
            }
            out.extend_from_slice(cookie.name.as_bytes());
            out.push(b'=');
            out.extend_from_slice(cookie.value.as_bytes());
        }
    }

    fn keep(&mut self, cookie: Stored, now: Duration) -> Taken {
        let is_same =
            |one: &Stored| (&one.name, &one.domain, &one.path) == (&cookie.name, &cookie.domain, &cookie.path);
        let known = self.cookies.iter().position(is_same);
        match (cookie.until.is_some_and(|until| until <= now), known) {
            (true, None) => Taken::Ended,
            (true, Some(at)) => {
                self.cookies.remove(at);
                Taken::Ended
            }
            (false, Some(at)) => {
                self.cookies[at] = cookie;
                Taken::Kept
            }
            (false, None) => {
                let is_full = self.cookies.len() == COOKIES_MAX;
                if is_full {
                    self.cookies.remove(0);
                }
                self.cookies.push(cookie);
                if is_full { Taken::Crowded } else { Taken::Kept }
            }
        }
    }
}

impl Stored {
    fn is_for(&self, url: &Url) -> bool {
        let host = url.host().to_ascii_lowercase();
        (url.is_secure() || !self.is_secure)
            && (host == self.domain || self.for_below && is_below(&host, &self.domain))
            && is_under(url.path_alone(), &self.path)
    }
}

/// Max-Age stands above Expires (RFC 6265 section 5.3, step 3).
fn until(cookie: &Cookie<'_>, now: Duration) -> Option<Duration> {
    if let Some(age) = cookie.max_age() {
        return Some(now + Duration::from_secs(u64::try_from(age.whole_seconds()).unwrap_or(0)));
    }
    let at = cookie.expires_datetime()?.unix_timestamp();
    Some(Duration::from_secs(u64::try_from(at).unwrap_or(0)))
}

/// Is `host` one below `domain` (RFC 6265 section 5.1.3)? Addresses have nothing below them.
fn is_below(host: &str, domain: &str) -> bool {
    let begins = host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.'));
    begins && host.parse::<IpAddr>().is_err()
}

/// RFC 6265 section 5.1.4.
fn is_under(path: &str, folder: &str) -> bool {
    path.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || folder.ends_with('/') || rest.starts_with('/'))
}

/// The path of a cookie that names none (RFC 6265 section 5.1.4).
fn folder_of(path: &str) -> &str {
    match path.rfind('/') {
        None | Some(0) => "/",
        Some(at) => &path[..at],
    }
}

/// Domain, whether hosts below it, path, whether secured only, until when (0: no end), name, value; tabs between them.
fn of_line(line: &str) -> Option<Stored> {
    let mut parts = line.splitn(7, '\t');
    let mut next = || parts.next();
    let (domain, below, path, secure, until, name) = (next()?, next()?, next()?, next()?, next()?, next()?);
    let value = next().unwrap_or_default();
    let until: u64 = until.parse().ok()?;
    let is_good = !domain.is_empty() && path.starts_with('/') && !name.is_empty();
    is_good.then(|| Stored {
        name: name.to_owned(),
        value: value.to_owned(),
        domain: domain.trim_start_matches('.').to_ascii_lowercase(),
        for_below: below.eq_ignore_ascii_case("true"),
        path: path.to_owned(),
        is_secure: secure.eq_ignore_ascii_case("true"),
        until: (until > 0).then(|| Duration::from_secs(until)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::from_secs(1_800_000_000);

    fn url(text: &str) -> Url {
        Url::parse(text).expect("a URL")
    }

    fn shown(jar: &mut Jar, to: &str, now: Duration) -> String {
        let mut out = Vec::new();
        jar.show(&url(to), now, &mut out);
        String::from_utf8(out).expect("text")
    }

    /// What `from` sets, and what `to` is shown.
    #[track_caller]
    fn check(from: &str, set: &[&str], to: &str, expect: &str) {
        let mut jar = Jar::default();
        for field in set {
            let _counted = jar.take(field.as_bytes(), &url(from), NOW);
        }
        assert_eq!(shown(&mut jar, to, NOW), expect, "{set:?} of {from} for {to}");
    }

    #[test]
    fn cookies_are_shown_to_whom_they_belong() {
        check("http://a.b/", &["x=1"], "http://a.b/y?z", "x=1");
        check("http://a.b/", &["x=1", "y=2", "x=3"], "http://A.b/", "x=3; y=2");
        check("http://a.b/", &["x=1"], "http://c.a.b/", "");
        check("http://c.a.b/", &["x=1; Domain=.A.b"], "http://d.a.b:8080/", "x=1");
        check("http://c.a.b/", &["x=1; Domain=a.b"], "http://a.b/", "x=1");
        check("http://a.b/", &["x=1; Domain=a.b"], "http://c.a.b/", "x=1");
        check("http://a.b/", &["x=1; Domain=c.b", "y=1; Domain=b", "z=1; Domain=c.a.b"], "http://a.b/", "");
        check("http://xa.b/", &["x=1; Domain=a.b"], "http://a.b/", "");
        check("http://10.0.0.1/", &["x=1; Domain=0.0.1", "y=2; Domain=10.0.0.1"], "http://10.0.0.1/", "y=2");
        check("http://localhost/", &["x=1; Domain=localhost"], "http://localhost/", "x=1");
    }

    #[test]
    fn paths_are_folders() {
        check("http://a/b/c?d/e", &["x=1"], "http://a/b/z", "x=1");
        check("http://a/b/c", &["x=1"], "http://a/bz", "");
        check("http://a/b/c", &["x=1; Path=/", "y=2; Path=/b", "z=3; Path=nonsense"], "http://a/b", "y=2; z=3; x=1");
        check("http://a/b", &["x=1; Path=/b/"], "http://a/b", "");
        check("http://a/b", &["x=1; Path=/b/"], "http://a/b/c", "x=1");
    }

    #[test]
    fn secured_ones_stay_secured() {
        check("https://a/", &["x=1; Secure", "y=2; HttpOnly; SameSite=Lax"], "https://a/", "x=1; y=2");
        check("https://a/", &["x=1; Secure", "y=2"], "http://a/", "y=2");
    }

    #[test]
    fn a_cookie_ends_when_it_says() {
        check("http://a/", &["x=1; Max-Age=0", "y=2; Max-Age=-1"], "http://a/", "");
        check("http://a/", &["x=1", "x=2; Expires=Thu, 01 Jan 1970 00:00:00 GMT"], "http://a/", "");
        let mut jar = Jar::default();
        let set = |jar: &mut Jar, field: &str| jar.take(field.as_bytes(), &url("http://a/"), NOW);
        let both = "x=1; Max-Age=60; Expires=Thu, 01 Jan 1970 00:00:00 GMT";
        assert_eq!(set(&mut jar, both), Taken::Kept);
        assert_eq!(shown(&mut jar, "http://a/", NOW + Duration::from_secs(59)), "x=1");
        assert_eq!(shown(&mut jar, "http://a/", NOW + Duration::from_secs(60)), "");
        assert!(jar.is_empty());
        assert_eq!(set(&mut jar, "x=1; Expires=Fri, 01 Jan 2100 00:00:00 GMT"), Taken::Kept);
        assert_eq!(set(&mut jar, "x=1; Max-Age=0"), Taken::Ended);
        assert!(jar.is_empty());
    }

    #[test]
    fn there_is_a_bound_to_all_of_it() {
        let mut jar = Jar::default();
        let mut set = |field: String| jar.take(field.as_bytes(), &url("http://a/"), NOW);
        assert_eq!(set(format!("x={}", "y".repeat(COOKIE_BYTES_MAX))), Taken::Crowded);
        assert_eq!(set("nothing".into()), Taken::Refused);
        for at in 0..COOKIES_MAX {
            assert_eq!(set(format!("c{at}=1")), Taken::Kept, "{at}");
        }
        assert_eq!(set("last=1".into()), Taken::Crowded);
        let all = shown(&mut jar, "http://a/", NOW);
        assert!(all.starts_with("c1=1; ") && all.ends_with("; last=1"), "{all}");
        let mut jar = Jar::default();
        for at in 0..5 {
            let long = format!("c{at}={}", "y".repeat(3000));
            assert_eq!(jar.take(long.as_bytes(), &url("http://a/"), NOW), Taken::Kept);
        }
        assert!(shown(&mut jar, "http://a/", NOW).len() <= SHOWN_BYTES_MAX);
    }

    #[test]
    fn files_are_read_as_curl_writes_them() {
        let text = "# Netscape HTTP Cookie File\n\n#HttpOnly_.a.b\tTRUE\t/\tFALSE\t0\tx\t1\n\
                    a.b\tFALSE\t/y\tTRUE\t1900000000\tz\ttwo words\n";
        let mut jar = Jar::of_file(text).expect("a file");
        assert_eq!(shown(&mut jar, "https://a.b/y", NOW), "z=two words; x=1");
        assert_eq!(shown(&mut jar, "http://c.a.b/", NOW), "x=1");
        assert_eq!(shown(&mut jar, "https://a.b/y", Duration::from_secs(1_900_000_000)), "x=1");
        assert_eq!(Jar::of_file("# x\nnonsense\n"), Err(2));
    }
}
