//! Which server of a `[[backend_set]]` a request goes to.

use balancer_core::{Balance, HashBy, SameSite, SelectionRules, ServerSettings, Sticky};
use config_file::{Mistake, Placed, Section, Value, value};

const EXAMPLE: &str = "such as \"source\", \"path\", \"uri\", \"header:X-User\" or \"cookie:session\"";

pub(super) fn read(section: &mut Section<'_, '_>, mistakes: &mut Vec<Mistake>) -> SelectionRules {
    let placed = section.take("balance");
    let balance = section.named("balance", mistakes);
    let hash = section.take("hash");
    match (balance, placed, hash) {
        (Some(Balance::Hash), Some(placed), None) => {
            let title = "`balance = \"hash\"` needs to know by what";
            mistakes.push(Mistake::new(placed.span(), title, "no `hash` in this section").help(EXAMPLE));
        }
        (None, None, Some(hash)) => {
            let title = "`hash` has no meaning without `balance = \"hash\"`";
            mistakes.push(Mistake::new(hash.span(), title, "nobody asks").help("write `balance = \"hash\"`"));
        }
        (Some(other), Some(placed), Some(hash)) if other != Balance::Hash => {
            let mistake = Mistake::new(hash.span(), "`hash` has no meaning here", "nobody asks");
            let help = "write `balance = \"hash\"`, or leave `hash` out";
            mistakes.push(mistake.other(placed.span(), "by this").help(help));
        }
        _ => {}
    }
    SelectionRules {
        balance: balance.unwrap_or_default(),
        hash: hash.and_then(|hash| read_hash(hash, mistakes)),
        sticky: section.table("sticky", mistakes).and_then(|sticky| read_sticky(sticky, mistakes)),
        slow_start: section.duration("slow_start", mistakes).unwrap_or_default(),
    }
}

fn read_hash(value: &Value<'_>, mistakes: &mut Vec<Mistake>) -> Option<HashBy> {
    let text = value::text(value, mistakes)?;
    let named = |name: &str| http::is_token(name.as_bytes()).then(|| name.to_owned());
    let by = match text.split_once(':') {
        None if text == "source" => Some(HashBy::Source),
        None if text == "path" => Some(HashBy::Path),
        None if text == "uri" => Some(HashBy::Uri),
        Some(("header", name)) => named(name).map(HashBy::Header),
        Some(("cookie", name)) => named(name).map(HashBy::Cookie),
        _ => None,
    };
    if by.is_none() {
        let title = format!("nothing of a request is called \"{text}\"");
        mistakes.push(Mistake::new(value.span(), title, value::UNKNOWN).help(EXAMPLE));
    }
    by
}

fn read_sticky(mut section: Section<'_, '_>, mistakes: &mut Vec<Mistake>) -> Option<Sticky> {
    let cookie = section.text("cookie", "\"QSRV\"", mistakes);
    let (path, key) = (section.take("path"), section.take("key"));
    let base = Sticky::new("");
    let placed = section.take("same_site");
    let sticky = Sticky {
        secure: section.switch("secure", mistakes).unwrap_or(base.secure),
        http_only: section.switch("http_only", mistakes).unwrap_or(base.http_only),
        same_site: section.named("same_site", mistakes),
        max_age: section.duration("max_age", mistakes),
        path: path.and_then(|path| read_path(path, mistakes)).unwrap_or(base.path),
        key: key.and_then(|key| value::text(key, mistakes)).unwrap_or_default().to_owned(),
        pass: section.switch("pass", mistakes).unwrap_or(base.pass),
        cookie: base.cookie,
    };
    section.finish(mistakes);
    if let (Some(SameSite::None), Some(placed), false) = (sticky.same_site, placed, sticky.secure) {
        let mistake = Mistake::new(placed.span(), "browsers drop such a cookie", "without `secure = true`");
        mistakes.push(mistake.help("write `secure = true` beside it"));
    }
    let cookie = cookie?;
    if !http::is_token(cookie.value.as_bytes()) {
        let title = format!("a cookie cannot be called \"{}\"", cookie.value);
        mistakes.push(Mistake::new(cookie.span, title, "not a name").help("such as \"QSRV\""));
        return None;
    }
    Some(Sticky { cookie: cookie.value.to_owned(), ..sticky })
}

fn read_path(path: &Value<'_>, mistakes: &mut Vec<Mistake>) -> Option<String> {
    let text = value::text(path, mistakes)?;
    if text.starts_with('/') && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b';') {
        return Some(text.to_owned());
    }
    let title = format!("a cookie cannot have the path \"{text}\"");
    mistakes.push(Mistake::new(path.span(), title, "not a path").help("such as \"/\""));
    None
}

/// Somebody has to take what is new.
pub(super) fn check_servers(servers: &[Placed<ServerSettings>], list: &Value<'_>, mistakes: &mut Vec<Mistake>) {
    if servers.is_empty() {
        return; // said already
    }
    if servers.iter().all(|server| server.value.weight == 0) {
        let mistake = Mistake::new(list.span(), "no server of this set takes new requests", "all have weight 0");
        mistakes.push(mistake.help("give one of them a weight of at least 1"));
    } else if servers.iter().all(|server| server.value.backup) {
        let mistake = Mistake::new(list.span(), "every server of this set is a backup", "of nobody");
        mistakes.push(mistake.help("take `backup = true` from those that are to be asked first"));
    }
}
