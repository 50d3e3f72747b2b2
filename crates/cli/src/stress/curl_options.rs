//! The options of curl, as a table. What curl does with an answer, and how it speaks of it, means nothing to a tester.

use super::curl::Asked;
use anyhow::{Context, Result, bail};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// One option.
pub(super) struct Opt {
    letter: Option<char>,
    names: &'static [&'static str],
    /// Does a value follow?
    pub(super) takes_value: bool,
    pub(super) meaning: Meaning,
}

/// What an option means to us.
#[derive(Clone, Copy)]
pub(super) enum Meaning {
    /// Nothing.
    Nothing,
    /// A flag of ours, with the same value.
    Ours(&'static str),
    /// A header field.
    Field(&'static str),
    /// More than one of these.
    Of(fn(&mut Asked, String) -> Result<()>),
    /// Another request than one here can be; with what to write instead.
    Refused(&'static str),
}

/// Flags of ours that are written for curl's.
#[cfg(test)]
pub(super) fn ours() -> impl Iterator<Item = &'static str> {
    let written = OPTIONS.iter().filter_map(|option| match option.meaning {
        Meaning::Ours(flag) => Some(flag),
        _ => None,
    });
    written.chain([
        "--proxy-protocol",
        "--proxy-clients",
        "--follow",
        "--cookie-jar",
        "--basic-auth",
        "--timeout",
        "--method",
        "--header",
        "--data",
    ])
}

/// The option of this letter.
pub(super) fn short(letter: char) -> Option<&'static Opt> {
    OPTIONS.iter().find(|option| option.letter == Some(letter))
}

/// The option of this name.
pub(super) fn long(name: &str) -> Option<&'static Opt> {
    OPTIONS.iter().find(|option| option.names.contains(&name))
}

const fn switch(letter: char, names: &'static [&'static str], meaning: Meaning) -> Opt {
    Opt { letter: Some(letter), names, takes_value: false, meaning }
}

const fn valued(letter: char, names: &'static [&'static str], meaning: Meaning) -> Opt {
    Opt { letter: Some(letter), names, takes_value: true, meaning }
}

const fn long_switch(names: &'static [&'static str], meaning: Meaning) -> Opt {
    Opt { letter: None, names, takes_value: false, meaning }
}

const fn long_valued(names: &'static [&'static str], meaning: Meaning) -> Opt {
    Opt { letter: None, names, takes_value: true, meaning }
}

const HTTP_1: &str = "HTTP/1.1 and HTTP/1.0 are spoken: leave it out";
const ONE_REQUEST: &str = "it asks for more than one request: give them as --urls FILE";
const FROM_FILE: &str = "write the options of that file on the command line";
const NO_LOGIN: &str = "only basic authentication and tokens are spoken: -u USER:PASSWORD or --oauth2-bearer TOKEN";
const NO_TRUST: &str = "other hosts are not told who asks: write -L";
const NO_ABSTRACT: &str =
    "only sockets that are files are connected to: have the target listen at one, --unix-socket PATH";
const NO_SOCKS: &str = "SOCKS is not spoken: give the address itself, or an HTTP proxy";

/// What is not unreserved (RFC 3986 section 2.3).
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

static OPTIONS: &[Opt] = &[
    // The request.
    valued('X', &["request"], Meaning::Of(method)),
    switch('I', &["head"], Meaning::Of(head)),
    switch('G', &["get"], Meaning::Of(query)),
    valued('H', &["header"], Meaning::Of(Asked::take_field)),
    valued('A', &["user-agent"], Meaning::Field("User-Agent")),
    valued('e', &["referer"], Meaning::Of(referer)),
    valued('r', &["range"], Meaning::Of(range)),
    valued('b', &["cookie"], Meaning::Of(cookie)),
    valued('d', &["data", "data-ascii"], Meaning::Of(data)),
    long_valued(&["data-raw"], Meaning::Of(Asked::take_data)),
    long_valued(&["data-binary"], Meaning::Of(data_binary)),
    long_valued(&["data-urlencode"], Meaning::Of(data_urlencode)),
    long_valued(&["json"], Meaning::Of(json)),
    valued('T', &["upload-file"], Meaning::Of(upload)),
    valued('F', &["form"], Meaning::Ours("--form")),
    long_valued(&["url"], Meaning::Of(Asked::take_url)),
    switch('g', &["globoff"], Meaning::Of(literal)),
    // Who asks.
    valued('u', &["user"], Meaning::Of(user)),
    long_switch(&["basic"], Meaning::Nothing),
    long_valued(&["oauth2-bearer"], Meaning::Ours("--bearer")),
    long_switch(&["digest", "ntlm", "negotiate", "anyauth"], Meaning::Refused(NO_LOGIN)),
    switch('n', &["netrc"], Meaning::Refused(NO_LOGIN)),
    // How it is sent.
    switch('0', &["http1.0"], Meaning::Ours("--http1.0")),
    long_switch(&["http1.1", "no-http2"], Meaning::Nothing),
    long_switch(&["http2", "http2-prior-knowledge", "http3", "http3-only", "http0.9"], Meaning::Refused(HTTP_1)),
    long_switch(&["compressed"], Meaning::Ours("--compressed")),
    switch('L', &["location"], Meaning::Of(follow)),
    long_switch(&["location-trusted"], Meaning::Refused(NO_TRUST)),
    long_valued(&["max-redirs"], Meaning::Of(redirects)),
    valued('m', &["max-time"], Meaning::Of(max_time)),
    // Where to.
    switch('k', &["insecure"], Meaning::Ours("--insecure")),
    long_valued(&["cacert"], Meaning::Ours("--cacert")),
    valued('E', &["cert"], Meaning::Ours("--cert")),
    long_valued(&["key"], Meaning::Ours("--key")),
    long_valued(&["unix-socket"], Meaning::Ours("--unix-socket")),
    long_valued(&["abstract-unix-socket"], Meaning::Refused(NO_ABSTRACT)),
    long_switch(&["haproxy-protocol"], Meaning::Of(announce)),
    long_valued(&["haproxy-clientip"], Meaning::Of(announce)),
    long_valued(&["connect-to"], Meaning::Ours("--connect-to")),
    long_valued(&["resolve"], Meaning::Ours("--resolve")),
    valued('x', &["proxy"], Meaning::Ours("--proxy")),
    switch('p', &["proxytunnel"], Meaning::Ours("--proxytunnel")),
    valued('U', &["proxy-user"], Meaning::Ours("--proxy-user")),
    long_switch(&["proxy-basic"], Meaning::Nothing),
    long_valued(&["interface"], Meaning::Ours("--source-ip")),
    long_valued(&["socks4", "socks4a", "socks5", "socks5-hostname", "preproxy"], Meaning::Refused(NO_SOCKS)),
    // What is no single request.
    valued('K', &["config"], Meaning::Refused(FROM_FILE)),
    switch(':', &["next"], Meaning::Refused(ONE_REQUEST)),
    // What curl does with the answer, and how it speaks.
    switch('s', &["silent", "no-silent"], Meaning::Nothing),
    switch('S', &["show-error"], Meaning::Nothing),
    switch('v', &["verbose"], Meaning::Nothing),
    switch('i', &["include", "show-headers"], Meaning::Nothing),
    switch('f', &["fail", "fail-with-body", "fail-early"], Meaning::Nothing),
    switch('#', &["progress-bar", "no-progress-meter"], Meaning::Nothing),
    switch('N', &["no-buffer"], Meaning::Nothing),
    switch('q', &["disable"], Meaning::Nothing),
    switch('O', &["remote-name", "remote-name-all"], Meaning::Nothing),
    switch('J', &["remote-header-name"], Meaning::Nothing),
    switch('R', &["remote-time"], Meaning::Nothing),
    switch('Z', &["parallel"], Meaning::Nothing),
    valued('o', &["output", "output-dir"], Meaning::Nothing),
    valued('w', &["write-out"], Meaning::Nothing),
    valued('D', &["dump-header"], Meaning::Nothing),
    valued('c', &["cookie-jar"], Meaning::Of(jar)),
    long_valued(
        &["connect-timeout", "retry", "retry-delay", "retry-max-time", "stderr", "trace", "trace-ascii"],
        Meaning::Nothing,
    ),
    long_switch(
        &["retry-all-errors", "retry-connrefused", "tcp-nodelay", "no-keepalive", "styled-output"],
        Meaning::Nothing,
    ),
];

fn method(asked: &mut Asked, value: String) -> Result<()> {
    asked.take_method(value);
    Ok(())
}

fn head(asked: &mut Asked, _: String) -> Result<()> {
    asked.is_head = true;
    Ok(())
}

fn query(asked: &mut Asked, _: String) -> Result<()> {
    asked.is_query = true;
    Ok(())
}

fn literal(asked: &mut Asked, _: String) -> Result<()> {
    asked.is_literal = true;
    Ok(())
}

fn referer(asked: &mut Asked, value: String) -> Result<()> {
    match value.strip_suffix(";auto").unwrap_or(&value) {
        "" => Ok(()),
        url => asked.take_field(format!("Referer: {url}")),
    }
}

fn range(asked: &mut Asked, value: String) -> Result<()> {
    asked.take_field(format!("Range: bytes={value}"))
}

fn follow(asked: &mut Asked, _: String) -> Result<()> {
    asked.follows = true;
    Ok(())
}

/// As many as there may be where curl sets no bound.
fn redirects(asked: &mut Asked, value: String) -> Result<()> {
    let max = match value.trim() {
        "-1" => stress_core::client::FOLLOW_MAX,
        value => value.parse().with_context(|| format!("{value:?} is no number"))?,
    };
    asked.redirects = Some(max);
    Ok(())
}

/// Without a `=` it is a file.
fn cookie(asked: &mut Asked, value: String) -> Result<()> {
    match value.contains('=') {
        true => asked.take_field(format!("Cookie: {value}")),
        false => {
            // One that is to be there after the first time is no mistake; nothing at all has cookies be kept.
            let is_there = std::path::Path::new(&value).exists();
            asked.jar = Some(if is_there { value } else { String::new() });
            Ok(())
        }
    }
}

/// What answers set is kept; where it would be written in the end is nothing to us.
fn jar(asked: &mut Asked, _: String) -> Result<()> {
    asked.jar.get_or_insert_default();
    Ok(())
}

/// Curl has a line of text, and whoever is named in it.
fn announce(asked: &mut Asked, client: String) -> Result<()> {
    asked.announces = true;
    if !client.is_empty() {
        asked.take_flag("--proxy-clients", &client);
    }
    Ok(())
}

fn user(asked: &mut Asked, value: String) -> Result<()> {
    match value.contains(':') {
        true => asked.take_flag("--basic-auth", &value),
        false => bail!("{value}: nobody is asked for a password: write USER:PASSWORD"),
    }
    Ok(())
}

fn max_time(asked: &mut Asked, value: String) -> Result<()> {
    asked.take_flag("--timeout", &format!("{value}s"));
    Ok(())
}

fn upload(asked: &mut Asked, value: String) -> Result<()> {
    asked.is_upload = true;
    asked.take_file(&value)
}

/// `-d @FILE` leaves out the ends of lines.
fn data(asked: &mut Asked, value: String) -> Result<()> {
    let Some(file) = value.strip_prefix('@') else { return asked.take_data(value) };
    asked.take_data(read(file)?.replace(['\r', '\n'], ""))
}

fn data_binary(asked: &mut Asked, value: String) -> Result<()> {
    match value.strip_prefix('@') {
        Some(file) => asked.take_file(file),
        None => asked.take_data(value),
    }
}

/// `content`, `=content`, `name=content`, `@file`, `name@file`.
fn data_urlencode(asked: &mut Asked, value: String) -> Result<()> {
    let (name, content) = match value.find(['=', '@']) {
        None => ("", value.clone()),
        Some(at) if value.as_bytes()[at] == b'=' => (&value[..at], value[at + 1..].to_owned()),
        Some(at) => (&value[..at], read(&value[at + 1..])?),
    };
    let encoded = utf8_percent_encode(&content, RESERVED);
    let equals = if name.is_empty() { "" } else { "=" };
    asked.take_data(format!("{name}{equals}{encoded}"))
}

fn json(asked: &mut Asked, value: String) -> Result<()> {
    asked.take_field("Content-Type: application/json".to_owned())?;
    asked.take_field("Accept: application/json".to_owned())?;
    data_binary(asked, value)
}

fn read(file: &str) -> Result<String> {
    String::from_utf8(super::request::read(file, "--data")?)
        .with_context(|| format!("{file:?} is not text: give it as --data-binary @{file}"))
}
