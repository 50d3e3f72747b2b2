//! `log` and what belongs to it: the one access log of ours.

use super::lex::Line;
use super::section::Section;
use crate::document::Table;
use crate::notes::Notes;

/// Of 1,000,000 requests one is told, besides those that fail.
const HARDLY_ANY: u64 = 1_000_000;

/// Where requests are told, by the lines of all proxies; those of `global` only where a proxy says `log global`.
pub(super) fn write(sections: &[Section], global: &mut Table, notes: &mut Notes) {
    let Some((line, place)) = place(sections, notes) else { return };
    global.put("access_log", place.clone());
    if sections.iter().any(|section| is_proxy(section) && clf(section)) {
        global.put("access_log_format", "common");
    } else {
        let why = "requests are told as objects of JSON: `access_log_format` of [global]";
        notes.detail(line.number, line.text(), why);
    }
    if place.starts_with("syslog") && line.words.windows(2).any(|words| words == ["format", "rfc5424"]) {
        global.put("access_log_syslog", "rfc5424");
    }
    if sections.iter().any(|section| is_proxy(section) && section.option("dontlog-normal").is_some()) {
        global.put("access_log_sample", HARDLY_ANY);
    }
}

fn is_proxy(section: &Section) -> bool {
    ["frontend", "listen"].contains(&section.kind.as_str())
}

fn clf(section: &Section) -> bool {
    section.option("httplog").is_some_and(|line| line.word(2) == "clf")
}

/// The first place that takes requests; others are told.
fn place<'s>(sections: &'s [Section], notes: &mut Notes) -> Option<(&'s Line, String)> {
    let is_log = |line: &&Line| line.word(0) == "log";
    let global = sections.iter().find(|section| section.kind == "global");
    let of_global: Vec<&Line> = global.iter().flat_map(|global| global.lines.iter().filter(is_log)).collect();
    let own =
        sections.iter().filter(|section| is_proxy(section)).flat_map(|section| section.lines.iter().filter(is_log));
    let lines = own.flat_map(|line| if line.word(1) == "global" { of_global.clone() } else { vec![line] });
    let mut found: Option<(&Line, String)> = None;
    for line in lines.filter(|line| tells_requests(line)) {
        match (target(line.word(1)), &found) {
            (Err(why), _) => notes.missing(line.number, line.text(), why),
            (Ok(place), None) => found = Some((line, place)),
            (Ok(place), Some((_, first))) if place != *first => {
                notes.missing(line.number, line.text(), format!("there is one access log for all: \"{first}\""));
            }
            (Ok(_), Some(_)) => {}
        }
    }
    found
}

/// Requests are of level `info`: `log 127.0.0.1 local0 notice` tells of servers only.
fn tells_requests(line: &Line) -> bool {
    let mut words = line.words.iter().skip(2).map(String::as_str);
    let mut plain = Vec::new();
    while let Some(word) = words.next() {
        match word {
            "len" | "format" | "sample" | "profile" => drop(words.next()),
            word => plain.push(word),
        }
    }
    plain.get(1).is_none_or(|level| ["info", "debug"].contains(level))
}

/// Where a log goes, as ours says it.
fn target(place: &str) -> Result<String, String> {
    let place = place.strip_prefix("udp@").or(place.strip_prefix("ipv4@")).unwrap_or(place);
    match place {
        "/dev/log" => return Ok("syslog".to_owned()),
        "stdout" | "stderr" | "fd@1" | "fd@2" => return Ok("stdout".to_owned()),
        path if path.starts_with('/') => return Ok(format!("syslog:{path}")),
        _ => {}
    }
    let bare = place.trim_start_matches('[').trim_end_matches(']');
    if let Ok(ip) = bare.parse::<std::net::IpAddr>() {
        return Ok(format!("syslog:{}", std::net::SocketAddr::new(ip, 514)));
    }
    match place.parse::<std::net::SocketAddr>() {
        Ok(address) => Ok(format!("syslog:{address}")),
        Err(_) => {
            Err("a log goes to a file, `stdout`, a socket file, or an address by UDP: name one in `access_log`"
                .to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_of_logs() {
        for (line, requests, expect) in [
            ("log /dev/log local0", true, Some("syslog")),
            ("log /run/log.sock len 4096 local0 debug", true, Some("syslog:/run/log.sock")),
            ("log stdout format raw local0 info", true, Some("stdout")),
            ("log 127.0.0.1 local0", true, Some("syslog:127.0.0.1:514")),
            ("log 10.0.0.1:1514 format rfc5424 local0", true, Some("syslog:10.0.0.1:1514")),
            ("log [::1]:514 local0", true, Some("syslog:[::1]:514")),
            ("log 127.0.0.1 local1 notice", false, Some("syslog:127.0.0.1:514")),
            ("log logs.internal:514 local0", true, None),
            ("log ring@buffer local0", true, None),
        ] {
            let parsed = super::super::lex::lines(line).expect(line).remove(0);
            assert_eq!(tells_requests(&parsed), requests, "{line}");
            assert_eq!(target(parsed.word(1)).ok().as_deref(), expect, "{line}");
        }
    }
}
