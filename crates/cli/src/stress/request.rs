//! What `quintet stress` sends beside method, path and headers: who asks, forms, bodies from files and standard input.

use super::given;
use anyhow::{Context, Result, bail, ensure};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use std::path::Path;
use stress_core::form::{self, From, Part};
use stress_core::plan::BODY_BYTES_MAX;

/// Who asks, and with what.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Request")]
pub(super) struct SenderArgs {
    /// Basic authentication: `Authorization: Basic ...`.
    #[arg(short = 'a', long, visible_alias = "user", value_name = "USER:PASSWORD", conflicts_with = "bearer")]
    basic_auth: Option<String>,
    /// Token: `Authorization: Bearer ...`.
    #[arg(long, value_name = "TOKEN")]
    bearer: Option<String>,
    /// Cookies, `name=value; other=value`; may be given more than once.
    #[arg(long, value_name = "COOKIES")]
    cookie: Vec<String>,
    /// Part of a form: `name=value`, `name=@FILE` (`;type=`, `;filename=`), `name=<FILE`; may be given more than once.
    #[arg(short = 'F', long = "form", value_name = "PART", conflicts_with = "data")]
    form: Vec<String>,
    /// Ask for compressed responses. They are counted as they come, and not decompressed.
    #[arg(long)]
    compressed: bool,
}

/// What clients can decompress (RFC 9110 section 8.4.1, RFC 7932, RFC 8878).
const ENCODINGS: &str = "Accept-Encoding: gzip, deflate, br, zstd";

impl SenderArgs {
    /// Fields of the request, and its body where it is a form; `given` are those of -H.
    pub(super) fn parts(&self, given: &[String]) -> Result<(Vec<String>, Option<Vec<u8>>)> {
        let mut fields = self.fields(given)?;
        if self.form.is_empty() {
            return Ok((fields, None));
        }
        let parts = self.form.iter().map(|text| part(text)).collect::<Result<Vec<_>>>()?;
        let (body, kind) = form::multipart(&parts)?;
        ensure!(!names(given, "content-type"), "-F says what the body is: leave the Content-Type of -H out");
        fields.push(format!("Content-Type: {kind}"));
        Ok((fields, Some(body)))
    }

    fn fields(&self, given: &[String]) -> Result<Vec<String>> {
        let mut fields = Vec::new();
        if let Some(user) = &self.basic_auth {
            ensure!(user.contains(':'), "--basic-auth {user}: write USER:PASSWORD");
            fields.push(format!("Authorization: Basic {}", BASE64_STANDARD.encode(user)));
        }
        fields.extend(self.bearer.iter().map(|token| format!("Authorization: Bearer {token}")));
        if !fields.is_empty() && names(given, "authorization") {
            bail!("-H Authorization and --basic-auth or --bearer say who asks: choose one");
        }
        if !self.cookie.is_empty() {
            // One field, as RFC 6265 section 5.4 has it.
            fields.push(format!("Cookie: {}", self.cookie.join("; ")));
        }
        if self.compressed {
            ensure!(!names(given, "accept-encoding"), "-H Accept-Encoding and --compressed: choose one");
            fields.push(ENCODINGS.to_owned());
        }
        Ok(fields)
    }
}

fn names(given: &[String], name: &str) -> bool {
    given.iter().any(|field| field.split(':').next().is_some_and(|own| own.trim().eq_ignore_ascii_case(name)))
}

fn part(text: &str) -> Result<Part> {
    let given = form::parse(text)?;
    let (content, file) = match given.from {
        From::Text => (given.value.as_bytes().to_vec(), None),
        From::Content => (read(given.value, "-F")?, None),
        From::File => (read(given.value, "-F")?, Path::new(given.value).file_name()),
    };
    let file = given.file_name.map(str::to_owned).or_else(|| file.map(|name| name.to_string_lossy().into_owned()));
    let kind = given.kind.map(str::to_owned);
    Ok(Part { name: given.name.to_owned(), file, kind, content })
}

/// `BODY`, `@FILE`, `@-` for standard input.
pub(super) fn body(text: &str) -> Result<Vec<u8>> {
    text.strip_prefix('@').map_or_else(|| Ok(text.as_bytes().to_vec()), |path| read(path, "-d"))
}

/// The file that `flag` names, or standard input.
pub(super) fn read(path: &str, flag: &str) -> Result<Vec<u8>> {
    given::file_or_input(path, BODY_BYTES_MAX).with_context(|| format!("{flag} @{path}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args() -> SenderArgs {
        SenderArgs { basic_auth: None, bearer: None, cookie: Vec::new(), form: Vec::new(), compressed: false }
    }

    #[test]
    fn who_asks_is_a_field() {
        let user = SenderArgs { basic_auth: Some("Aladdin:open sesame".into()), ..args() };
        // RFC 7617 section 2.
        assert_eq!(user.parts(&[]).expect("good").0, ["Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="]);
        let error = user.parts(&["authorization: x".into()]).expect_err("two").to_string();
        assert!(error.contains("choose one"), "{error}");
        let all = SenderArgs {
            bearer: Some("t".into()),
            cookie: vec!["a=1".into(), "b=2".into()],
            compressed: true,
            ..args()
        };
        assert_eq!(all.parts(&[]).expect("good").0, ["Authorization: Bearer t", "Cookie: a=1; b=2", ENCODINGS]);
        let error =
            SenderArgs { basic_auth: Some("me".into()), ..args() }.parts(&[]).expect_err("no password").to_string();
        assert!(error.contains("USER:PASSWORD"), "{error}");
    }

    #[test]
    fn a_form_is_a_body_with_its_type() {
        let folder = testkit::Folder::new();
        let file = folder.write("f.txt", "file");
        let form = vec!["a=1".to_owned(), format!("f=@{}", file.display()), format!("c=<{}", file.display())];
        let (fields, body) = SenderArgs { form, ..args() }.parts(&[]).expect("a form");
        let body = String::from_utf8(body.expect("a body")).expect("text");
        assert!(fields[0].starts_with("Content-Type: multipart/form-data; boundary="), "{fields:?}");
        assert!(
            body.contains("name=\"f\"; filename=\"f.txt\"") && body.contains("name=\"c\"\r\n\r\nfile\r\n"),
            "{body}"
        );
    }
}
