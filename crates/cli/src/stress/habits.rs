//! Flags as hey, wrk, ab, oha, h2load, bombardier and curl spell them: understood where they mean one thing, else refused with
//! what to write instead. None silently gives another test.
//!
//! ```text
//! -host a        hey            -> -H 'Host: a'
//! -d 30s         wrk            -> refused: -z 30s, or --data 30s for these bytes
//! -data x        a single dash, as Go's programs have it -> --data x
//! ```

use super::curl;
use super::peers::{Habit, Meaning, habit};
use anyhow::{Result, anyhow, bail};
use std::ffi::OsString;
use std::path::Path;

/// Our own flags, as clap knows them.
pub(crate) struct Ours {
    /// Long names, each with whether a value follows.
    pub(crate) long: Vec<(String, bool)>,
    /// Letters, each with whether a value follows.
    pub(crate) short: Vec<(char, bool)>,
}

/// What was understood so far.
#[derive(Default)]
struct Understood {
    args: Vec<OsString>,
    /// The flag that asked for kept connections (`-k`), or for one request each.
    keeps: Option<String>,
    closes: Option<String>,
    /// `--close` was given.
    policy: Option<String>,
}

/// `args` in our own spelling. Without any that is a peer's they come back as they are.
///
/// # Errors
/// A flag that means one thing here and another there, with what to write instead.
pub(crate) fn understand(args: impl IntoIterator<Item = OsString>, ours: &Ours) -> Result<Vec<OsString>> {
    let (mut args, mut understood) = (args.into_iter(), Understood::default());
    while let Some(arg) = args.next() {
        match arg.to_str() {
            Some("--") => understood.behind_dashes(arg, &mut args)?,
            Some(text) if text.len() > 1 && text.starts_with('-') => understood.flag(text, &mut args, ours)?,
            _ => understood.args.push(arg),
        }
    }
    understood.finish()
}

type Rest<'a> = &'a mut dyn Iterator<Item = OsString>;

impl Understood {
    fn flag(&mut self, text: &str, rest: Rest<'_>, ours: &Ours) -> Result<()> {
        let body = text.trim_start_matches('-');
        let (name, attached) =
            body.split_once('=').map_or((body, None), |(name, value)| (name, Some(value.to_owned())));
        if let Some((_, takes_value)) = ours.long.iter().find(|(long, _)| long == name) {
            self.our_long(name, attached, *takes_value, rest);
            return Ok(());
        }
        if let Some(habit) = habit(name).filter(|_| name.len() > 1) {
            return self.peers(text, habit, attached, rest);
        }
        if text.starts_with("--") {
            // Nobody's that we know: clap says so.
            self.args.push(text.into());
            return Ok(());
        }
        self.letter(text, body, rest, ours)
    }

    /// A command line of curl, or whatever follows as it is.
    fn behind_dashes(&mut self, dashes: OsString, rest: Rest<'_>) -> Result<()> {
        match rest.next() {
            Some(program) if curl::is_curl(&program) => self.args.extend(curl::understand(rest)?),
            first => self.args.extend([dashes].into_iter().chain(first).chain(rest)),
        }
        Ok(())
    }

    /// One of ours, with two dashes, or with one as Go's programs have it.
    fn our_long(&mut self, name: &str, attached: Option<String>, takes_value: bool, rest: Rest<'_>) {
        let next = if attached.is_none() && takes_value { rest.next() } else { None };
        if name == "close" {
            let policy = next.as_ref().map(|value| value.to_string_lossy().into_owned());
            self.policy = policy.or_else(|| attached.clone());
        }
        // A value that was attached stays so: it may begin with a dash.
        self.args.push(attached.map_or_else(|| format!("--{name}"), |value| format!("--{name}={value}")).into());
        self.args.extend(next);
    }

    /// `-x`, `-x value`, `-xvalue`, and letters without a value in a row.
    fn letter(&mut self, text: &str, body: &str, rest: Rest<'_>, ours: &Ours) -> Result<()> {
        let Some(letter) = body.chars().next() else { return Ok(()) };
        let behind = &body[letter.len_utf8()..];
        let attached = (!behind.is_empty()).then(|| behind.strip_prefix('=').unwrap_or(behind).to_owned());
        match (ours.short.iter().find(|(short, _)| *short == letter), habit(&body[..letter.len_utf8()])) {
            (Some((_, true)), _) => self.our_letter(letter, attached, rest),
            (None, Some(habit)) if habit.takes_value => self.peers(&format!("-{letter}"), habit, attached, rest),
            (None, Some(habit)) => {
                self.peers(&format!("-{letter}"), habit, None, rest)?;
                attached.map_or(Ok(()), |others| self.flag(&format!("-{others}"), rest, ours))
            }
            _ => {
                self.args.push(text.into());
                Ok(())
            }
        }
    }

    fn our_letter(&mut self, letter: char, attached: Option<String>, rest: Rest<'_>) -> Result<()> {
        let next = if attached.is_none() { rest.next() } else { None };
        match attached.as_deref().or(next.as_ref().and_then(|value| value.to_str())) {
            Some(text) if letter == 'd' => check_body(text)?,
            Some(text) if letter == 'm' => {
                self.args.extend(["-m".into(), method(text)?.into()]);
                return Ok(());
            }
            _ => {}
        }
        self.args.push(format!("-{letter}{}", attached.unwrap_or_default()).into());
        self.args.extend(next);
        Ok(())
    }

    fn peers(&mut self, flag: &str, habit: &Habit, attached: Option<String>, rest: Rest<'_>) -> Result<()> {
        let value = match attached {
            None if habit.takes_value => rest.next().map(|value| value.to_string_lossy().into_owned()),
            attached => attached,
        };
        let value = value.unwrap_or_default();
        if habit.takes_value && value.is_empty() {
            bail!("{flag}: a value is missing; {}", habit.advice());
        }
        match habit.meaning {
            Meaning::Nothing => {}
            Meaning::Keeps => self.keeps = Some(flag.to_owned()),
            Meaning::Closes => self.closes = Some(flag.to_owned()),
            Meaning::Flag(ours) => self.args.extend([ours.into(), value.into()]),
            Meaning::Field(name) => self.args.extend(["-H".into(), format!("{name}: {value}").into()]),
            Meaning::File => self.args.extend(["--data".into(), format!("@{value}").into()]),
            Meaning::Either(judge) => {
                let ours = judge(&value).ok_or_else(|| anyhow!("{flag} {value}: {}", habit.advice()))?;
                self.args.extend(ours.into_iter().map(OsString::from));
            }
            Meaning::Refused => bail!("{}: {}", format!("{flag} {value}").trim_end(), habit.advice()),
        }
        Ok(())
    }

    /// ab's `-k` keeps connections; curl's and bombardier's takes whatever certificate is shown.
    fn check_keeps(&self) -> Result<()> {
        let is_secure = |arg: &OsString| arg.to_str().is_some_and(|arg| arg.starts_with("https://"));
        match &self.keeps {
            Some(flag) if self.args.iter().any(is_secure) => bail!(
                "{flag}: curl and bombardier mean whatever certificate is shown: write --insecure; ab kept connections, as they \
                 are here anyway: leave it out"
            ),
            _ => Ok(()),
        }
    }

    /// What asks for kept connections and what asks for one request each must agree with `--close`, and with each other.
    fn finish(mut self) -> Result<Vec<OsString>> {
        self.check_keeps()?;
        match (&self.keeps, &self.closes, self.policy.as_deref()) {
            (Some(keeps), Some(closes), _) => bail!("{keeps} keeps connections, {closes} does not: choose one"),
            (Some(keeps), None, Some(policy)) if policy != "keep" => {
                bail!("{keeps} keeps connections, --close {policy} does not: choose one")
            }
            (None, Some(closes), Some("keep")) => {
                bail!("--close keep keeps connections, {closes} does not: choose one")
            }
            (None, Some(_), None) => self.args.extend(["--close".into(), "wait".into()]),
            _ => {}
        }
        Ok(self.args)
    }
}

/// The body after `-d`: wrk and bombardier mean a time by it, h2load a file. `--data` takes whatever it is given.
fn check_body(text: &str) -> Result<()> {
    if text.starts_with(|first: char| first.is_ascii_digit()) && crate::values::duration(text).is_ok() {
        bail!(
            "-d {text}: wrk and bombardier mean a duration: write -z {text}; to send these bytes write --data {text}"
        );
    }
    if !text.is_empty() && Path::new(text).is_file() {
        bail!("-d {text}: h2load means the file: write -d @{text}; to send these bytes write --data {text}");
    }
    Ok(())
}

/// Methods are told apart by case (RFC 9110 section 9.1), but nobody who types `post` means another than POST.
pub(super) fn method(text: &str) -> Result<String> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        bail!("-m {text}: h2load means streams, which HTTP/1 has not: leave it out; -m METHOD is the method");
    }
    let upper = text.to_ascii_uppercase();
    Ok(if http::Method::from_name(&upper) == http::Method::Other { text.to_owned() } else { upper })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ours() -> Ours {
        let long =
            ["connections", "requests", "duration", "threads", "header", "method", "data", "timeout", "close", "json"];
        let short = [('c', true), ('n', true), ('z', true), ('H', true), ('m', true), ('d', true), ('h', false)];
        Ours { long: long.map(|name| (name.to_owned(), true)).to_vec(), short: short.to_vec() }
    }

    fn told(line: &str) -> Result<String> {
        let args = line.split_whitespace().map(OsString::from);
        understand(args, &ours()).map(|args| args.iter().map(|arg| arg.to_string_lossy()).collect::<Vec<_>>().join(" "))
    }

    #[track_caller]
    fn check(line: &str, expect: &str) {
        assert_eq!(told(line).unwrap_or_else(|why| panic!("{line}: {why}")), expect, "{line}");
    }

    #[track_caller]
    fn refused(line: &str, words: &[&str]) {
        let why = told(line).map(|args| panic!("{line} was understood as {args}")).unwrap_err().to_string();
        words.iter().for_each(|word| assert!(why.contains(word), "{line} should say {word:?}: {why}"));
    }

    #[test]
    fn our_own_spelling_stays() {
        for line in
            ["-c 100 -n 10k URL", "-c100 -z30s URL", "--close fin -H -k URL", "URL -- -k -t4", "-dhello URL", "-z -"]
        {
            check(line, line);
        }
        check("--data=30s -d=x URL", "--data=30s -dx URL");
        check("--no-such-flag -Q URL", "--no-such-flag -Q URL");
        check("-h", "-h");
    }

    #[test]
    fn what_means_one_thing_is_understood() {
        check("-n 200 -c 50 -host a.example URL", "-n 200 -c 50 -H Host: a.example URL");
        check("--host=a.example URL", "-H Host: a.example URL");
        check("-disable-keepalive URL", "URL --close wait");
        check("--disable-keepalive --close fin URL", "--close fin URL");
        check("-disable-compression -disable-redirects -cpus 2 URL", "--threads 2 URL");
        check("-k -c 10 -n 100 URL", "-c 10 -n 100 URL");
        check("-kl -c 10 URL", "-c 10 URL");
        check("-kc 10 URL", "-c 10 URL");
        check("--latency --no-color -l URL", "URL");
        check("-T application/json -d {} URL", "-H Content-Type: application/json -d {} URL");
        check("-T text/plain -U me URL", "-H Content-Type: text/plain -H User-Agent: me URL");
        check("-A text/html URL", "-H Accept: text/html URL");
        check("-t 5s URL", "--timeout 5s URL");
        check("-t500ms URL", "--timeout 500ms URL");
        check("-X POST URL", "-m POST URL");
        check("-m post URL", "-m POST URL");
        check("-m PURGE URL", "-m PURGE URL");
        check("-m purge URL", "-m purge URL");
        check("-duration 30s -connections=5 URL", "--duration 30s --connections=5 URL");
        check("-f body.json URL", "--data @body.json URL");
        check("-B 10.0.0.2 -C a=b URL", "--source-ip 10.0.0.2 --cookie a=b URL");
        check("-j URL", "--json - URL");
        check("-o json --output-format quiet --format plain-text URL", "--json - --quiet URL");
        check("--clients 8 URL", "--connections 8 URL");
        check("-A me:secret --http-version 1.0 URL", "--basic-auth me:secret --http1.0 URL");
        check("-E me.pem --tlsv1.2 --no-alpn URL", "--cert me.pem --tls-min 1.2 --alpn none URL");
        check("--urls-from-file list URL", "--urls list URL");
        check("-targets=list --warm-up-time 5s", "--urls list --warm-up 5s");
        check("-q 100 -R2k URL", "-q 100 -R2k URL");
        check("--qps 100 --latency-correction URL", "--rate 100 URL");
    }

    #[test]
    fn what_means_several_things_is_refused_with_what_to_write() {
        refused("-t4 -c100 -d30s URL", &["-t 4", "--threads N", "--timeout TIME"]);
        refused("-c 100 -d 30s URL", &["-d 30s", "-z 30s", "--data 30s"]);
        refused("-d30s URL", &["-z 30s", "--data 30s"]);
        refused("-d 30 URL", &["-z 30", "--data 30"]);
        refused("-d /proc/self/status URL", &["-d @/proc/self/status", "--data"]);
        refused("-r 10 URL", &["--rate N"]);
        refused("--burst-delay 2s URL", &["--rate N", "poisson"]);
        refused("-m 10 URL", &["-m 10", "streams"]);
        refused("-T 10s URL", &["-T 10s", "Content-Type"]);
        refused("-A me/x:secret URL", &["-A me/x:secret", "--basic-auth"]);
        refused("-X proxy:8080 URL", &["-X proxy:8080", "proxy"]);
        refused("-D 30 URL", &["-D 30", "-z TIME", "-d @FILE"]);
        refused("-h2 URL", &["HTTP/2"]);
        refused("--http2 URL", &["HTTP/2"]);
        refused("-i list URL", &["HEAD", "--urls FILE"]);
        refused("-s script.lua URL", &["-s script.lua"]);
        refused("-p post.txt URL", &["-p post.txt", "-d @FILE"]);
        refused("-o csv URL", &["--json", "--csv FILE"]);
        refused("-g times.tsv URL", &["--csv FILE"]);
        refused("-k https://a/", &["-k", "--insecure", "leave it out"]);
        refused("-host", &["a value is missing"]);
        refused("-k --close wait URL", &["-k", "--close wait"]);
        refused("-disable-keepalive --close keep URL", &["--close keep"]);
        refused("-k -disable-keepalive URL", &["choose one"]);
    }
}
