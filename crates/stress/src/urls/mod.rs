//! Requests from a file: lines, the targets of vegeta, a HAR file, an access log. Bytes in, drafts out.
//!
//! ```text
//! lines.rs   URL | METHOD URL, with fields and @BODY behind it (vegeta)
//! har.rs     what a browser recorded
//! log.rs     what a server logged, in the common or combined format
//! when.rs    times as those two write them
//! ```

mod har;
mod lines;
mod log;
mod when;

use config_file::{ConfigError, Mistake};
use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;
use stress_core::RequestDraft;

/// Bytes such a file may have.
pub const URLS_BYTES_MAX: usize = 256 << 20;

/// Hosts that are named in a note.
const HOSTS_TOLD_MAX: usize = 3;

/// The requests of a file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct UrlList {
    /// In their order; targets are paths.
    pub requests: Vec<RequestDraft>,
    /// The host they name, as the beginning of a URL; `None` where they are paths only.
    pub origin: Option<String>,
    /// When each was recorded, from the first one on; empty where the file does not say.
    pub times: Vec<Duration>,
    /// What a person should know: what was left out, and why.
    pub notes: Vec<String>,
}

/// A request of a file, and what else the file says of it.
struct Entry {
    place: Range<usize>,
    /// `http://HOST[:PORT]`.
    origin: Option<String>,
    request: RequestDraft,
    /// Microseconds since 1970.
    at: Option<i64>,
}

/// What was found in a file.
#[derive(Default)]
struct Found {
    entries: Vec<Entry>,
    /// Entries that no run can send, by reason.
    left_out: BTreeMap<&'static str, usize>,
    mistakes: Vec<Mistake>,
    /// Of a record: what goes to other hosts is left out; of a list it is a mistake.
    is_record: bool,
}

impl Found {
    fn leave_out(&mut self, why: &'static str) {
        *self.left_out.entry(why).or_default() += 1;
    }
}

/// Reads the requests of the file called `name`; which of the formats it has is seen from how it begins. `body_of` reads the
/// file of a body.
///
/// # Errors
/// Every mistake in it, with its place.
pub fn parse_urls(
    name: &str,
    bytes: &[u8],
    body_of: &dyn Fn(&str) -> Result<Vec<u8>, String>,
) -> Result<UrlList, ConfigError> {
    let text = String::from_utf8_lossy(bytes);
    let begins = text.trim_start_matches('\u{feff}').trim_start();
    let mut found = match begins.lines().next() {
        Some(_) if begins.starts_with('{') => har::read(&text),
        Some(line) if log::is_line(line) => log::read(&text),
        _ => lines::read(&text, body_of),
    };
    let list = list(&mut found);
    if found.mistakes.is_empty() && list.requests.is_empty() {
        let reasons: Vec<&str> = found.left_out.keys().copied().collect();
        let help = "a line is a URL, or METHOD URL; vegeta's targets, HAR files and access logs are read, too";
        let title = match reasons.as_slice() {
            [] => "there is no request in this file".to_owned(),
            some => format!("there is no request in this file that can be sent: {}", some.join("; ")),
        };
        found.mistakes.push(Mistake::new(0..text.len().min(1), title, "here").help(help));
    }
    if found.mistakes.is_empty() { Ok(list) } else { Err(ConfigError::new(name, &text, found.mistakes)) }
}

/// What can be sent, in the order of time where there is one.
fn list(found: &mut Found) -> UrlList {
    let mut entries = std::mem::take(&mut found.entries);
    let has_times = !entries.is_empty() && entries.iter().all(|entry| entry.at.is_some());
    if has_times {
        entries.sort_by_key(|entry| entry.at);
    }
    let origin = entries.iter().find_map(|entry| entry.origin.clone());
    let elsewhere = keep_one_host(&mut entries, origin.as_deref(), found);
    let first = entries.iter().filter_map(|entry| entry.at).next().unwrap_or(0);
    let since = |at: i64| Duration::from_micros(u64::try_from(at - first).unwrap_or(0));
    let times = entries.iter().filter(|_| has_times).filter_map(|entry| entry.at.map(since)).collect();
    let told = found
        .left_out
        .iter()
        .map(|(why, count)| format!("{} left out: {why}", units::counted(*count as u64, "request")));
    let as_it_stands = |request: RequestDraft| if found.is_record { request.literal() } else { request };
    UrlList {
        notes: elsewhere.into_iter().chain(told).collect(),
        requests: entries.into_iter().map(|entry| as_it_stands(entry.request)).collect(),
        origin,
        times,
    }
}

/// A run goes to one host: others are left out of a record, which has many, and are a mistake in a list.
fn keep_one_host(entries: &mut Vec<Entry>, origin: Option<&str>, found: &mut Found) -> Option<String> {
    let host_of = |url: &str| url.split_once("://").map_or(url, |(_, host)| host).to_owned();
    let ours = host_of(origin?);
    let is_other = |entry: &Entry| entry.origin.as_deref().is_some_and(|theirs| Some(theirs) != origin);
    if !found.is_record {
        for entry in entries.iter().filter(|entry| is_other(entry)) {
            let title = format!("this goes to another host than {ours}");
            let help = "all requests of a run go to one host: keep lists apart, and give each a run of its own";
            found.mistakes.push(Mistake::new(entry.place.clone(), title, "another host").help(help));
        }
        return None;
    }
    let mut others = BTreeMap::<String, u64>::new();
    for theirs in entries.iter().filter(|entry| is_other(entry)).filter_map(|entry| entry.origin.as_deref()) {
        *others.entry(host_of(theirs)).or_default() += 1;
    }
    entries.retain(|entry| !is_other(entry));
    let count: u64 = others.values().sum();
    let mut hosts: Vec<&str> = others.keys().take(HOSTS_TOLD_MAX).map(String::as_str).collect();
    if others.len() > HOSTS_TOLD_MAX {
        hosts.push("...");
    }
    (count > 0).then(|| {
        format!("{} left out: to other hosts than {ours} ({})", units::counted(count, "request"), hosts.join(", "))
    })
}

/// A URL as `http://HOST[:PORT]` and the rest; `None` where it is of another scheme. A path alone has no host.
fn split_url(url: &str) -> Option<(Option<String>, String)> {
    if url.starts_with('/') {
        return Some((None, url.to_owned()));
    }
    let (scheme, rest) = url.split_once("://")?;
    let scheme = scheme.to_ascii_lowercase();
    if scheme != "http" && scheme != "https" {
        return None;
    }
    let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let path = path.split('#').next().unwrap_or_default();
    let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
    let own_port = if scheme == "http" { ":80" } else { ":443" };
    let host = authority.strip_suffix(own_port).unwrap_or(authority).to_ascii_lowercase();
    (!host.is_empty()).then(|| (Some(format!("{scheme}://{host}")), path))
}

/// May that stand in a URL?
fn is_path(path: &str) -> bool {
    path.bytes().all(|byte| byte.is_ascii_graphic()) && !path.contains(['"', '<', '>', '\\', '^', '`', '{', '|', '}'])
}

/// Fields of a record that are not sent as they were: they say how a message is framed, or are of that connection.
fn is_of_the_connection(name: &str) -> bool {
    const THEIRS: [&str; 9] = [
        "host",
        "connection",
        "content-length",
        "transfer-encoding",
        "keep-alive",
        "proxy-connection",
        "te",
        "upgrade",
        "expect",
    ];
    name.starts_with(':') || THEIRS.iter().any(|known| name.eq_ignore_ascii_case(known))
}
