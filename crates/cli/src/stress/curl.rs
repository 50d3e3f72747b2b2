//! `quintet stress ... -- curl ...`: the request of a curl command line, as people have it in their notes and as the developer
//! tools of browsers copy it, in our own spelling.
//!
//! ```text
//! curl -sX PUT -H 'Content-Type: application/json' -d '{}' example.net/x
//! -> -m PUT -H 'Content-Type: application/json' --data={} http://example.net/x
//! ```
//!
//! What curl does with the answer is nothing to a tester, and left out; what would be another request here is refused.

use super::curl_options::{Meaning, long, short};
use anyhow::{Context, Result, bail};
use std::ffi::OsString;
use std::path::Path;

/// What curl sends with a body that says nothing of itself.
const FORM: &str = "Content-Type: application/x-www-form-urlencoded";

/// Is this how curl is called?
pub(super) fn is_curl(program: &OsString) -> bool {
    Path::new(program).file_stem().is_some_and(|name| name == "curl")
}

/// The same request in our spelling; `args` without the program.
///
/// # Errors
/// An option that means another request than one here can be, with what to write instead.
pub(super) fn understand(args: impl IntoIterator<Item = OsString>) -> Result<Vec<OsString>> {
    let mut asked = Asked::default();
    let mut args = args.into_iter().map(|arg| arg.to_string_lossy().into_owned());
    while let Some(arg) = args.next() {
        match arg.strip_prefix("--") {
            Some("") => args.by_ref().try_for_each(|url| asked.take_url(url))?,
            Some(name) => asked.long(name, &mut args)?,
            None if arg.len() > 1 && arg.starts_with('-') => asked.letters(&arg[1..], &mut args)?,
            None => asked.take_url(arg)?,
        }
    }
    asked.finish()
}

/// What was asked for so far.
#[derive(Debug, Default)]
pub(super) struct Asked {
    args: Vec<String>,
    url: Option<String>,
    method: Option<String>,
    fields: Vec<String>,
    /// Pieces of a body, or with `-G` of a query.
    data: Vec<String>,
    /// A body as it stands in a file.
    file: Option<String>,
    pub(super) is_query: bool,
    pub(super) is_head: bool,
    pub(super) is_literal: bool,
    /// Connections begin with a header of the PROXY protocol.
    pub(super) announces: bool,
    /// Cookies are kept; the file they begin with, or none.
    pub(super) jar: Option<String>,
    /// Redirects, and how many.
    pub(super) follows: bool,
    pub(super) redirects: Option<u32>,
    /// The file is the resource itself, not a form.
    pub(super) is_upload: bool,
}

impl Asked {
    fn long(&mut self, name: &str, rest: &mut impl Iterator<Item = String>) -> Result<()> {
        let given = format!("--{name}");
        let Some(option) = long(name) else {
            bail!("curl's {given} is not known here: leave it out, or write what it means with `quintet stress` flags")
        };
        let value = if option.takes_value { Some(value_of(&given, rest.next())?) } else { None };
        self.apply(&given, option.meaning, value)
    }

    /// `-sSL`, `-XPOST`, `-H field`.
    fn letters(&mut self, letters: &str, rest: &mut impl Iterator<Item = String>) -> Result<()> {
        for (at, letter) in letters.char_indices() {
            let given = format!("-{letter}");
            let Some(option) = short(letter) else {
                bail!(
                    "curl's {given} is not known here: leave it out, or write what it means with `quintet stress` flags"
                )
            };
            if !option.takes_value {
                self.apply(&given, option.meaning, None)?;
                continue;
            }
            let behind = &letters[at + letter.len_utf8()..];
            let attached = (!behind.is_empty()).then(|| behind.to_owned());
            let value = value_of(&given, attached.or_else(|| rest.next()))?;
            return self.apply(&given, option.meaning, Some(value));
        }
        Ok(())
    }

    fn apply(&mut self, given: &str, meaning: Meaning, value: Option<String>) -> Result<()> {
        if let (Meaning::Ours(flag), None) = (meaning, &value) {
            self.args.push(flag.to_owned());
            return Ok(());
        }
        let value = value.unwrap_or_default();
        match meaning {
            Meaning::Nothing => {}
            Meaning::Ours(flag) => self.take_flag(flag, &value),
            Meaning::Field(name) => self.fields.push(format!("{name}: {value}")),
            Meaning::Of(take) => take(self, value).with_context(|| format!("curl's {given}"))?,
            Meaning::Refused(instead) => bail!("curl's {}: {instead}", format!("{given} {value}").trim_end()),
        }
        Ok(())
    }

    pub(super) fn take_url(&mut self, url: String) -> Result<()> {
        match &self.url {
            Some(first) => bail!("curl would ask for {first} and for {url}: give several as --urls FILE"),
            None => self.url = Some(url),
        }
        Ok(())
    }

    pub(super) fn take_method(&mut self, method: String) {
        self.method = Some(method);
    }

    /// `Name: value`; `Name;` has an empty value, `Name:` takes a field of curl's own away.
    pub(super) fn take_field(&mut self, field: String) -> Result<()> {
        match field.split_once(':') {
            _ if field.starts_with('@') => bail!("{field}: write each field as -H 'Name: value'"),
            Some((_, "")) => {}
            Some(_) => self.fields.push(field),
            None => match field.strip_suffix(';') {
                Some(name) => self.fields.push(format!("{name}:")),
                None => bail!("{field:?}: write it as 'Name: value'"),
            },
        }
        Ok(())
    }

    /// A flag of ours with its value.
    pub(super) fn take_flag(&mut self, flag: &str, value: &str) {
        self.args.push(format!("{flag}={value}"));
    }

    /// A piece of a body.
    pub(super) fn take_data(&mut self, piece: String) -> Result<()> {
        if let Some(file) = &self.file {
            bail!("a body of a file and of text: put both into one file and give it as --data-binary @{file}");
        }
        self.data.push(piece);
        Ok(())
    }

    /// A body as it stands in a file.
    pub(super) fn take_file(&mut self, file: &str) -> Result<()> {
        if !self.data.is_empty() || self.file.is_some() {
            bail!(
                "a body of several pieces, @{file} among them: put them into one file and give it as --data-binary @FILE"
            );
        }
        self.file = Some(file.to_owned());
        Ok(())
    }

    fn says(&self, name: &str) -> bool {
        self.fields.iter().filter_map(|field| field.split_once(':')).any(|(said, _)| said.eq_ignore_ascii_case(name))
    }

    fn finish(mut self) -> Result<Vec<OsString>> {
        let Some(url) = self.url.take() else { bail!("curl is given no URL: write it behind its options") };
        let mut url = if url.contains("://") { url } else { format!("http://{url}") };
        if !self.is_literal && has_globs(&url) {
            bail!("{url}: curl makes several requests of [] and {{}}: give them as --urls FILE, or write curl -g");
        }
        let body = self.data.join("&");
        let has_body = !self.data.is_empty() && !self.is_query;
        if self.is_query && !body.is_empty() {
            url.push(if url.contains('?') { '&' } else { '?' });
            url.push_str(&body);
        }
        if (has_body || self.file.is_some()) && !self.is_upload && !self.says("content-type") {
            self.fields.push(FORM.to_owned());
        }
        let implied = if self.is_upload { Some("PUT") } else { self.is_head.then_some("HEAD") };
        let method = self.method.take().or(implied.map(str::to_owned));
        let mut args = self.args;
        args.extend(self.announces.then(|| "--proxy-protocol=v1".to_owned()));
        args.extend(self.jar.map(|file| match file.as_str() {
            "" => "--cookie-jar".to_owned(),
            file => format!("--cookie-jar={file}"),
        }));
        if self.follows {
            // Curl's own bound.
            args.push(format!("--follow={}", self.redirects.unwrap_or(50)));
        }
        args.extend(method.map(|method| format!("--method={method}")));
        args.extend(self.fields.into_iter().map(|field| format!("--header={field}")));
        args.extend(self.file.map(|file| format!("--data=@{file}")));
        args.extend(has_body.then(|| body_flag(&body)).transpose()?);
        args.push(url);
        Ok(args.into_iter().map(OsString::from).collect())
    }
}

fn value_of(given: &str, value: Option<String>) -> Result<String> {
    value.with_context(|| format!("curl's {given}: a value is missing"))
}

/// Ours means a file by a leading `@`.
fn body_flag(body: &str) -> Result<String> {
    match body.starts_with('@') {
        true => bail!("a body that begins with @: put it into a file and give it as --data-binary @FILE"),
        false => Ok(format!("--data={body}")),
    }
}

/// The brackets of an IPv6 address are none.
fn has_globs(url: &str) -> bool {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let behind_host = rest.strip_prefix('[').and_then(|rest| rest.split_once(']')).map_or(rest, |(_, rest)| rest);
    behind_host.contains(['[', '{'])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(args: &[&str]) -> Result<Vec<String>> {
        let args = understand(args.iter().map(OsString::from))?;
        Ok(args.iter().map(|arg| arg.to_string_lossy().into_owned()).collect())
    }

    #[track_caller]
    fn check(args: &[&str], expect: &[&str]) {
        assert_eq!(told(args).unwrap_or_else(|why| panic!("{args:?}: {why:#}")), expect, "{args:?}");
    }

    #[track_caller]
    fn refused(args: &[&str], words: &[&str]) {
        let why = format!("{:#}", told(args).map(|args| panic!("understood as {args:?}")).unwrap_err());
        words.iter().for_each(|word| assert!(why.contains(word), "{args:?} should say {word:?}: {why}"));
    }

    #[test]
    fn the_request_is_the_one_that_curl_would_make() {
        check(&["http://a/"], &["http://a/"]);
        check(&["a:8080/x?y"], &["http://a:8080/x?y"]);
        check(&["-sSo", "/dev/null", "https://a/"], &["https://a/"]);
        check(
            &["-XPOST", "-HX-A: 1", "-H", "X-B:2", "u"],
            &["--method=POST", "--header=X-A: 1", "--header=X-B:2", "http://u"],
        );
        check(&["-I", "u"], &["--method=HEAD", "http://u"]);
        check(&["-H", "X-Empty;", "-H", "Accept:", "u"], &["--header=X-Empty:", "http://u"]);
        check(
            &["-A", "me", "-e", "http://r/;auto", "-r", "0-9", "u"],
            &["--header=User-Agent: me", "--header=Referer: http://r/", "--header=Range: bytes=0-9", "http://u"],
        );
        check(
            &["-k", "--max-time", "2.5", "-u", "me:secret", "https://u"],
            &["--insecure", "--timeout=2.5s", "--basic-auth=me:secret", "https://u"],
        );
        check(
            &["--url", "u", "--compressed", "-b", "a=b; c=d"],
            &["--compressed", "--header=Cookie: a=b; c=d", "http://u"],
        );
        check(&["--unix-socket", "/run/x", "u"], &["--unix-socket=/run/x", "http://u"]);
        check(&["--haproxy-protocol", "u"], &["--proxy-protocol=v1", "http://u"]);
        let named = ["--haproxy-clientip", "10.0.0.9", "--haproxy-protocol", "u"];
        check(&named, &["--proxy-clients=10.0.0.9", "--proxy-protocol=v1", "http://u"]);
        check(
            &["-px", "p:3128", "-U", "me:secret", "u"],
            &["--proxytunnel", "--proxy=p:3128", "--proxy-user=me:secret", "http://u"],
        );
        check(&["-c", "jar.txt", "u"], &["--cookie-jar", "http://u"]);
        check(&["-b", "", "u"], &["--cookie-jar", "http://u"]);
        check(&["-b", "/no/such/file", "-c", "jar.txt", "u"], &["--cookie-jar", "http://u"]);
        check(&["-sL", "u"], &["--follow=50", "http://u"]);
        check(&["--max-redirs", "3", "-L", "u"], &["--follow=3", "http://u"]);
        check(&["--max-redirs", "-1", "-L", "u"], &["--follow=1000", "http://u"]);
        check(&["--max-redirs", "3", "u"], &["http://u"]);
        check(&["-g", "http://[::1]:80/{x}"], &["http://[::1]:80/{x}"]);
        check(&["--", "http://[::1]:80/x"], &["http://[::1]:80/x"]);
    }

    #[test]
    fn a_body_is_the_one_that_curl_would_send() {
        let form = "--header=Content-Type: application/x-www-form-urlencoded";
        check(&["-d", "a=1", "--data-raw", "b=@2", "u"], &[form, "--data=a=1&b=@2", "http://u"]);
        check(
            &["-H", "content-type: text/plain", "-d", "", "u"],
            &["--header=content-type: text/plain", "--data=", "http://u"],
        );
        check(&["-G", "-d", "a=1", "--data-urlencode", "q=x y&~", "u?z"], &["http://u?z&a=1&q=x%20y%26~"]);
        check(&["--data-urlencode", "\u{e9}", "u"], &[form, "--data=%C3%A9", "http://u"]);
        check(
            &["--json", "{}", "u"],
            &["--header=Content-Type: application/json", "--header=Accept: application/json", "--data={}", "http://u"],
        );
        check(&["--data-binary", "@b.bin", "u"], &[form, "--data=@b.bin", "http://u"]);
        check(&["-T", "f", "u"], &["--method=PUT", "--data=@f", "http://u"]);
        check(&["-X", "PATCH", "-T", "f", "u"], &["--method=PATCH", "--data=@f", "http://u"]);
        let folder = testkit::Folder::new();
        let path = folder.path().join("body");
        std::fs::write(&path, "{\r\n\"a\":1}\n").expect("a file");
        check(&["-d", &format!("@{}", path.display()), "u"], &[form, "--data={\"a\":1}", "http://u"]);
    }

    #[test]
    fn what_would_be_another_request_here_is_refused_with_what_to_write() {
        refused(&[], &["no URL"]);
        refused(&["a", "b"], &["for a and for b", "--urls"]);
        refused(&["http://a/[1-3]"], &["-g"]);
        refused(&["a", "--location-trusted"], &["--location-trusted", "who asks"]);
        refused(&["a", "-L", "--max-redirs", "x"], &["--max-redirs", "no number"]);
        refused(&["a", "--abstract-unix-socket", "x"], &["--abstract-unix-socket x", "--unix-socket"]);
        refused(&["a", "--http2"], &["--http2", "HTTP/1.1"]);
        refused(&["a", "--next", "b"], &["--next", "--urls"]);
        refused(&["a", "--no-such"], &["--no-such"]);
        refused(&["a", "-sy"], &["-y"]);
        refused(&["a", "-H"], &["-H", "missing"]);
        refused(&["a", "-H", "@fields"], &["-H", "Name: value"]);
        refused(&["a", "-H", "nonsense"], &["nonsense"]);
        refused(&["a", "-u", "me"], &["USER:PASSWORD"]);
        refused(&["a", "--data-raw", "@x"], &["--data-binary"]);
        refused(&["a", "-d", "@/no/such/file"], &["-d", "/no/such/file"]);
        refused(&["a", "-d", "x", "--data-binary", "@f"], &["one file"]);
        refused(&["a", "--data-binary", "@f", "-d", "x"], &["one file"]);
    }
}
