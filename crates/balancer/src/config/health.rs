//! `[backend_set.health]`: when servers are asked, and when they are not.

use super::backend::FAILURES_MAX;
use super::statuses::Statuses;
use balancer_core::HealthRules;
use balancer_core::checks::{CheckKind, CheckMethod, CheckRules, HttpCheck};
use config_file::{Mistake, Section, Value, value};
use std::ops::Range;

/// Checks in a row.
pub(super) const IN_A_ROW_MAX: usize = 100;
/// Bytes that are looked for in a body.
const BODY_BYTES_MAX: usize = 1024;
const STATUS: Statuses = Statuses { key: "status", within: 100..=599, help: "such as `status = [200, \"300-399\"]`" };
/// Keys that need a check, and those that need one by HTTP.
const OF_CHECKS: [&str; 6] = ["port", "interval", "interval_down", "timeout", "rise", "fall"];
const OF_HTTP: [&str; 4] = ["host", "method", "status", "body"];

/// What requests tell of servers, and what checks do.
#[derive(Clone, Debug, Default)]
pub(super) struct Health {
    pub(super) passive: HealthRules,
    pub(super) check: Option<CheckRules>,
}

pub(super) fn read(mut section: Section<'_, '_>, mistakes: &mut Vec<Mistake>) -> Health {
    let base = HealthRules::default();
    let passive = HealthRules {
        failures_max: section.number("failures_max", 0, FAILURES_MAX, mistakes).map_or(base.failures_max, |n| n as u32),
        pause: section.duration("pause", mistakes).unwrap_or(base.pause),
        pause_max: section.duration("pause_max", mistakes).unwrap_or(base.pause_max),
        server_errors: section.switch("server_errors", mistakes).unwrap_or(base.server_errors),
    };
    let kind = read_kind(&mut section, mistakes);
    let check = read_check(&mut section, kind, mistakes);
    section.finish(mistakes);
    Health { passive, check }
}

/// What is asked; `None`: nothing.
fn read_kind(section: &mut Section<'_, '_>, mistakes: &mut Vec<Mistake>) -> Option<CheckKind> {
    let check_at = section.place_of("check");
    let path = section.take("path");
    let is_checked = check_at.is_some() || path.is_some();
    let by_http = section.choice("check", &[("http", true), ("tcp", false)], mistakes);
    let wants_http = by_http.unwrap_or(path.is_some());
    let before = mistakes.len();
    for key in OF_CHECKS.iter().chain(&OF_HTTP) {
        if let Some(place) = section.place_of(key) {
            mistakes.extend(without_meaning(key, place, is_checked, wants_http));
        }
    }
    // Read in any case, so that each tells its mistakes.
    let http = read_http(section, path, mistakes);
    match (by_http, path, check_at) {
        (Some(false), Some(path), Some(at)) => {
            let mistake = Mistake::new(path.span(), "`path` has no meaning for `check = \"tcp\"`", "nobody asks");
            mistakes.push(mistake.other(at, "by this").help("leave one of them out"));
            None
        }
        (Some(false), None, _) => (mistakes.len() == before).then_some(CheckKind::Tcp),
        (Some(true), None, Some(at)) => {
            let mistake =
                Mistake::new(at, "a check by HTTP needs to know what to ask for", "no `path` in this section");
            mistakes.push(mistake.help("add `path = \"/health\"`"));
            None
        }
        _ => http.map(CheckKind::Http),
    }
}

fn without_meaning(key: &str, place: Range<usize>, is_checked: bool, wants_http: bool) -> Option<Mistake> {
    if !is_checked {
        let mistake = Mistake::new(place, format!("`{key}` has no meaning: nothing is checked"), "of no check");
        return Some(mistake.help("add `path = \"/health\"`, or `check = \"tcp\"`"));
    }
    (OF_HTTP.contains(&key) && !wants_http).then(|| {
        let mistake = Mistake::new(place, format!("`{key}` has no meaning for `check = \"tcp\"`"), "nobody asks");
        mistake.help("leave it out, or write `path` in place of `check = \"tcp\"`")
    })
}

fn read_http(
    section: &mut Section<'_, '_>,
    path: Option<&Value<'_>>,
    mistakes: &mut Vec<Mistake>,
) -> Option<HttpCheck> {
    let path = path.and_then(|path| read_path(path, mistakes));
    let base = HttpCheck::new("/");
    let host = section.take("host").and_then(|host| read_host(host, mistakes));
    let method = section.named::<CheckMethod>("method", mistakes).unwrap_or_default();
    let statuses = STATUS.read(section, mistakes).unwrap_or(base.statuses);
    let body = section.take("body").and_then(|body| read_body(body, method, mistakes));
    Some(HttpCheck { method, path: path?, host, statuses, body })
}

fn read_path(path: &Value<'_>, mistakes: &mut Vec<Mistake>) -> Option<String> {
    let text = value::text(path, mistakes)?;
    if !text.starts_with('/') || !text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#') {
        let mistake = Mistake::new(path.span(), format!("{text:?} is not a path"), "expected a path of a URL");
        mistakes.push(mistake.help("such as \"/health\" or \"/health?full=1\""));
        return None;
    }
    Some(text.to_owned())
}

fn read_host(host: &Value<'_>, mistakes: &mut Vec<Mistake>) -> Option<String> {
    let text = value::text(host, mistakes)?;
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._:[]".contains(&byte)) {
        let mistake = Mistake::new(host.span(), format!("{text:?} is no value of `Host`"), "expected a name");
        mistakes.push(mistake.help("such as \"example.org\""));
        return None;
    }
    Some(text.to_owned())
}

fn read_body(body: &Value<'_>, method: CheckMethod, mistakes: &mut Vec<Mistake>) -> Option<String> {
    let text = value::text(body, mistakes)?;
    if text.is_empty() || text.len() > BODY_BYTES_MAX {
        let title = format!("what is looked for in a body has 1 to {BODY_BYTES_MAX} bytes");
        mistakes.push(Mistake::new(body.span(), title, "here").help("such as `body = \"ok\"`"));
    }
    if method == CheckMethod::Head {
        let mistake = Mistake::new(body.span(), "answers to HEAD have no body", "nothing to be found");
        mistakes.push(mistake.help("leave `method` out"));
    }
    Some(text.to_owned())
}

fn read_check(
    section: &mut Section<'_, '_>,
    kind: Option<CheckKind>,
    mistakes: &mut Vec<Mistake>,
) -> Option<CheckRules> {
    // Read in any case, so that each tells its mistakes.
    let base = CheckRules::new(CheckKind::Tcp);
    let mut in_a_row = |key, base: u32| section.number(key, 1, IN_A_ROW_MAX, mistakes).map_or(base, |n| n as u32);
    let (rise, fall) = (in_a_row("rise", base.rise), in_a_row("fall", base.fall));
    let port = section.number("port", 1, u16::MAX.into(), mistakes).map(|port| port as u16);
    let interval = section.duration("interval", mistakes).unwrap_or(base.interval);
    let interval_down = section.duration("interval_down", mistakes);
    let timeout = section.duration("timeout", mistakes).unwrap_or(base.timeout);
    // Not slower than while it is up, where only that was said.
    let interval_down = interval_down.unwrap_or(base.interval_down.min(interval));
    Some(CheckRules { kind: kind?, port, interval, interval_down, timeout, rise, fall })
}
